package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"netsensor/internal/engine"
	"netsensor/internal/judge"
)

// eventTypes are the event_type values that --events knows.
func eventTypes() []string {
	return []string{"alert", "anomaly", "bittorrent_dht", "dcerpc", "dhcp", "dnp3", "dns", "engine", "fileinfo", "flow", "ftp", "http", "ike", "krb5",
		"ldap", "llmnr", "mdns", "modbus", "mqtt", "pgsql", "pop3", "quic", "rdp", "rfb", "sip", "smb", "smtp", "snmp", "ssh",
		"stats", "tftp", "tls"}
}

// summarise says on a screen's worth of lines what a replay saw and judged.
func summarise(w io.Writer, t engine.Totals, s *site, took time.Duration) {
	speed := ""
	if sec := took.Seconds(); sec >= 1 && t.Packets > 0 {
		speed = fmt.Sprintf(" in %.2f s (%.2f million packets a second)", sec, float64(t.Packets)/sec/1e6)
	}
	say(w, "%s, %s, %s%s", count(uint64(t.Captures), "capture"), count(t.Packets, "packet"), count(t.Flows, "flow"), speed)
	if len(t.Events) > 0 {
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(t.Events)) {
			parts = append(parts, fmt.Sprintf("%s %d", k, t.Events[k]))
		}
		say(w, "events: %s", strings.Join(parts, ", "))
	}
	if s == nil {
		say(w, "no manifests given: nothing was judged")
		return
	}
	r := s.judge.Report()
	say(w, "conversations of monitored hosts: %d expected, %d unexpected, %d undecidable; %d not judged", r.Expected, r.Unexpected, r.Undecidable, r.NotJudged)
	if len(r.Reasons) > 0 {
		say(w, "undecidable: %s", counts(r.Reasons))
	}
	say(w, "alerts: %d, and %d more folded into them", r.Alerts, r.Folded)
	if r.Alerts > 0 {
		say(w, "alerts by rule: %s", counts(r.ByRule))
		say(w, "alerts by product: %s", counts(r.ByProduct))
	}
	if n := r.FilesDeclared + r.FilesUnknown + r.FilesUnseen; n > 0 {
		say(w, "software received: %d declared, %d unknown, %d not whole", r.FilesDeclared, r.FilesUnknown, r.FilesUnseen)
	}
	hosts(w, r.Hosts)
	var unseen []string
	for _, e := range r.Entries {
		if e.Hits == 0 {
			unseen = append(unseen, e.Entry.ID)
		}
	}
	if len(unseen) > 0 {
		slices.Sort(unseen)
		say(w, "declared, not seen: %s", list(slices.Compact(unseen), 12))
	}
	for _, p := range r.Expired {
		say(w, "the manifest of %s (%s) had expired: judged all the same", p.Manifest.Product.Name, p.Manifest.File)
	}
}

// hosts writes a table of the hosts with the most alerts.
func hosts(w io.Writer, all []judge.HostReport) {
	const most = 10
	busy := slices.Clone(all)
	slices.SortStableFunc(busy, func(a, b judge.HostReport) int {
		return int(min(b.Alerts, 1<<30)) - int(min(a.Alerts, 1<<30))
	})
	more := max(len(busy)-most, 0)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i, h := range busy[:min(len(busy), most)] {
		if i == 0 {
			fmt.Fprintln(tw, "netsensor: host\texpected\tunexpected\tundecidable\talerts")
		}
		fmt.Fprintf(tw, "netsensor: %s\t%d\t%d\t%d\t%d\n", h.Addr, h.Expected, h.Unexpected, h.Undecidable, h.Alerts)
	}
	_ = tw.Flush()
	if more > 0 {
		say(w, "and %s more", count(uint64(more), "host"))
	}
}

func count(n uint64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func counts(list []judge.Count) string {
	var parts []string
	for _, c := range list {
		parts = append(parts, fmt.Sprintf("%s %d", c.Name, c.N))
	}
	return strings.Join(parts, ", ")
}

func list(items []string, most int) string {
	if more := len(items) - most; more > 0 {
		return strings.Join(items[:most], ", ") + fmt.Sprintf(" and %d more", more)
	}
	return strings.Join(items, ", ")
}
