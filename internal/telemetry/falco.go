package telemetry

import (
	"net/netip"
	"strings"

	"netsensor/internal/jsonl"
	"netsensor/internal/judge"
)

// falco decodes an alert of Falco. What it holds depends on what the rule's output mentions; "time" is text, and
// "evt.time" among the fields the same in ns, or text too.
func (d *Decoder) falco(line jsonl.Value) bool {
	var host, at, fields jsonl.Value
	for o := line.Object(); o.Next(); {
		switch string(o.Key) {
		case "hostname":
			host = o.Value
		case "time":
			at = o.Value
		case "output_fields":
			fields = o.Value
		}
	}
	e := d.begin(Falco)
	e.Host, e.Now = given(d.text(host)), parseTime(at).ns
	var event, fd, l4, cip, cport, sip, sport, inbound string
	p := &e.Process
	for o := fields.Object(); o.Next(); {
		switch string(o.Key) {
		case "evt.type":
			event = d.text(o.Value)
		case "evt.time":
			if n, ok := o.Value.Uint(); ok && e.Now == 0 && n < 1<<63 {
				e.Now = int64(n)
			}
		case "evt.hostname":
			if e.Host == "" {
				e.Host = given(d.text(o.Value))
			}
		case "proc.pid":
			p.PID, _ = o.Value.Uint()
		case "proc.exepath":
			p.Exe = given(d.text(o.Value))
		case "proc.cmdline":
			p.CommandLine, p.Quoting = given(d.long(o.Value)), judge.Joined
		case "user.name":
			p.User = given(d.text(o.Value))
		case "user.uid":
			p.UID = d.text(o.Value)
		case "proc.ppid":
			e.Parent.PID, _ = o.Value.Uint()
		case "proc.pexepath":
			e.Parent.Exe = given(d.text(o.Value))
		case "proc.pcmdline":
			e.Parent.CommandLine, e.Parent.Quoting = given(d.long(o.Value)), judge.Joined
		case "fd.name":
			fd = d.text(o.Value)
		case "fd.l4proto":
			l4 = d.text(o.Value)
		case "fd.cip":
			cip = d.text(o.Value)
		case "fd.cport":
			cport = d.text(o.Value)
		case "fd.sip":
			sip = d.text(o.Value)
		case "fd.sport":
			sport = d.text(o.Value)
		case "fd.is_server":
			inbound = d.text(o.Value)
		}
	}
	p.User = rootName(p.User, p.UID)
	e.EventID = event
	switch event {
	case "execve", "execveat":
		e.Kind = judge.ProcessStarted
		if p.Exe == "" && p.CommandLine == "" {
			return false
		}
		return d.send(e)
	case "procexit":
		e.Kind = judge.ProcessEnded
		return d.send(e)
	case "connect", "accept", "accept4", "sendto", "sendmsg", "recvfrom", "recvmsg":
		e.Kind = judge.Connected
		e.Proto = proto(jsonl.Value(l4))
		e.Inbound = inbound == "true" || strings.HasPrefix(event, "accept")
		if from, to, ok := strings.Cut(fd, "->"); ok {
			e.Source, e.Target = endpoint(from), endpoint(to)
		} else {
			e.Source = netip.AddrPortFrom(addr(jsonl.Value(cip)), port(jsonl.Value(cport)))
			e.Target = netip.AddrPortFrom(addr(jsonl.Value(sip)), port(jsonl.Value(sport)))
		}
		return d.send(e)
	}
	return false
}

// endpoint reads "10.0.0.1:443"; Falco writes IPv6 without brackets.
func endpoint(s string) netip.AddrPort {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return netip.AddrPort{}
	}
	a := addr(jsonl.Value(strings.Trim(s[:i], "[]")))
	if !a.IsValid() {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a, port(jsonl.Value(s[i+1:])))
}
