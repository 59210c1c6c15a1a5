package judge

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"netsensor/internal/allowlist"
	"netsensor/internal/names"
)

// Subject is a name, a user or a hash that somebody asks about, and everything that the site's manifests and bindings
// say about it.
type Subject struct {
	Kind string `json:"kind"` // "name", "user" or "hash"
	Text string `json:"text"`
	// Declared: something of a product is declared under it, in whatever state.
	Declared bool `json:"declared"`
	// Verdict says in a sentence what it means.
	Verdict string `json:"verdict"`
	// Candidates are entries that cover a name, or are nearest to it.
	Candidates []Candidate `json:"candidates,omitempty"`
	Items      []Item      `json:"items,omitempty"`
}

// Item is a default account or an artifact.
type Item struct {
	Product    string   `json:"product"`
	ID         string   `json:"id"`
	Text       string   `json:"text"`
	Roles      []string `json:"roles,omitempty"`
	References []string `json:"references,omitempty"`
}

// ExplainName says which entries cover a name, whatever the host, the port and the method.
func ExplainName(t *allowlist.Table, name string, at int64) Subject {
	normal := names.AppendNormal(nil, name)
	s := Subject{Kind: "name", Text: string(normal)}
	about := func(i uint32, failed Failed) {
		e := &t.Entries[i]
		if e.Off {
			failed |= FailedFeature
		}
		if e.Unbound != "" {
			failed |= FailedVariable
		}
		if e.Expires != 0 && at > e.Expires {
			failed |= FailedExpired
		}
		c := candidate(e, failed)
		if !slices.ContainsFunc(s.Candidates, func(x Candidate) bool { return x.Product == c.Product && x.ID == c.ID && x.Exception == c.Exception }) {
			s.Candidates = append(s.Candidates, c)
		}
	}
	for _, i := range t.ByName(nil, normal) {
		about(i, 0)
	}
	if s.Declared = len(s.Candidates) > 0; !s.Declared {
		for i := range t.Entries {
			if e := &t.Entries[i]; e.Comm != nil && len(s.Candidates) < maxShown {
				for k := range e.Comm.To.Names {
					if commonLabels(s.Text, e.Comm.To.Names[k].Text()) > 0 {
						about(uint32(i), FailedName)
						break
					}
				}
			}
		}
	}
	slices.SortStableFunc(s.Candidates, func(a, b Candidate) int { return cmp.Compare(a.failed, b.failed) })
	switch {
	case !s.Declared:
		s.Verdict = "no entry of any product at this site covers the name: " + UnknownDomain.String()
	case s.Candidates[0].failed == 0:
		s.Verdict = "declared"
	case s.Candidates[0].failed&FailedFeature != 0:
		s.Verdict = "declared for features that are off: " + FeatureOff.String()
	default:
		s.Verdict = "declared, but not in force: " + s.Candidates[0].failed.String()
	}
	return s
}

// ExplainUser says which default accounts a user name is.
func ExplainUser(t *allowlist.Table, user string) Subject {
	s := Subject{Kind: "user", Text: user, Verdict: "no default account of any product at this site"}
	for _, p := range t.Products {
		for i := range p.Manifest.Accounts {
			a := &p.Manifest.Accounts[i]
			if !sameUser(user, a.Name, false) {
				continue
			}
			text := "realm " + a.Realm
			if len(a.Protocols) > 0 {
				text += ", by " + strings.Join(a.Protocols, ", ")
			}
			if a.Lifecycle != "" {
				text += ", " + string(a.Lifecycle)
			}
			if a.MustChange {
				text += ", must be changed"
			}
			item := Item{Product: p.Name, ID: a.ID, Text: text, References: a.References}
			if a.Role != "" {
				item.Roles = []string{a.Role}
			}
			s.Items = append(s.Items, item)
		}
	}
	if s.Declared = len(s.Items) > 0; s.Declared {
		s.Verdict = "a default account: a login with it is " + DefaultAccount.String()
	}
	return s
}

// ExplainHash says which artifacts have a digest (SHA-256, SHA-384 or SHA-512 in hex).
func ExplainHash(t *allowlist.Table, hash string) Subject {
	s := Subject{Kind: "hash", Text: strings.ToLower(hash), Verdict: "no artifact of any product at this site: " + UnknownHash.String()}
	judged := false
	for _, p := range t.Products {
		judged = judged || p.Artifacts != nil
		for i := range p.Manifest.Artifacts {
			a := &p.Manifest.Artifacts[i]
			if h := &a.Hashes; s.Text == "" || s.Text != h.SHA256 && s.Text != h.SHA384 && s.Text != h.SHA512 {
				continue
			}
			text := a.PURL
			if a.Signer != "" {
				text = strings.TrimPrefix(text+", signed by "+a.Signer, ", ")
			}
			s.Items = append(s.Items, Item{Product: p.Name, ID: a.Name, Text: text})
		}
	}
	if s.Declared = len(s.Items) > 0; s.Declared {
		s.Verdict = "declared"
	} else if !judged {
		s.Verdict = "no product at this site says which files are its own: not judged"
	}
	return s
}

// JSON returns the subject as indented JSON with a final line feed.
func (s *Subject) JSON() ([]byte, error) {
	b, err := json.MarshalIndent(s, "", "  ")
	return append(b, '\n'), err
}

// WriteText writes the subject for people.
func (s *Subject) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %s\n", s.Kind, s.Text, s.Verdict)
	for i := range s.Candidates {
		s.Candidates[i].writeText(&b)
	}
	for i := range s.Items {
		x := &s.Items[i]
		fmt.Fprintf(&b, "\n%s of %s", x.ID, x.Product)
		if x.Text != "" {
			b.WriteString(": " + x.Text)
		}
		b.WriteByte('\n')
		if len(x.Roles) > 0 {
			fmt.Fprintf(&b, "  roles: %s\n", strings.Join(x.Roles, ", "))
		}
		if len(x.References) > 0 {
			fmt.Fprintf(&b, "  documentation: %s\n", strings.Join(x.References, " "))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Asked is what an EVE event is about: exactly one of Query, Name, User and Hash is set.
type Asked struct {
	Query            *Query
	Name, User, Hash string
	// Why is what an alert said itself, from evidence that the event does not hold.
	Why string
}

// ParseEvent reads an EVE event: one of netsensor's alerts, or any event with two addresses and a name, such as
// Suricata's.
func ParseEvent(line []byte) (Asked, error) {
	var e struct {
		Timestamp string `json:"timestamp"`
		EventType string `json:"event_type"`
		Src       string `json:"src_ip"`
		Dst       string `json:"dest_ip"`
		Port      uint16 `json:"dest_port"`
		Proto     string `json:"proto"`
		App       string `json:"app_proto"`
		VLAN      []uint16
		Alert     *struct {
			Source, Target *struct {
				IP   string `json:"ip"`
				Port uint16 `json:"port"`
			}
			Metadata map[string]json.RawMessage `json:"metadata"`
		} `json:"alert"`
		TLS struct {
			SNI string `json:"sni"`
		} `json:"tls"`
		HTTP struct {
			Hostname string `json:"hostname"`
		} `json:"http"`
	}
	if err := json.Unmarshal(line, &e); err != nil {
		return Asked{}, fmt.Errorf("no EVE event: %w", err)
	}
	var rule, source, why string
	name := e.TLS.SNI
	if name == "" {
		name = e.HTTP.Hostname
	}
	if a := e.Alert; a != nil {
		first := func(key string) string {
			var list []string
			if json.Unmarshal(a.Metadata[key], &list) != nil || len(list) == 0 {
				return ""
			}
			return list[0]
		}
		rule, source, why = first("netsensor_rule"), first("netsensor_name_source"), first("netsensor_why")
		if n := first("netsensor_name"); n != "" {
			name = n
		}
		switch {
		case rule == DefaultAccount.String() && first("netsensor_user") != "":
			return Asked{User: first("netsensor_user"), Why: why}, nil
		case rule == UnknownHash.String() && first("netsensor_sha256") != "":
			return Asked{Hash: first("netsensor_sha256"), Why: why}, nil
		case source == "dns.question" && name != "":
			return Asked{Name: name, Why: why}, nil
		}
		if a.Source != nil && a.Target != nil {
			e.Src, e.Dst, e.Port = a.Source.IP, a.Target.IP, a.Target.Port
		}
	}
	q := &Query{Port: e.Port, UDP: strings.EqualFold(e.Proto, "UDP"), Method: e.App}
	if q.Method == "failed" || q.Method == "unknown" {
		q.Method = ""
	}
	var err error
	if q.From, err = netip.ParseAddr(e.Src); err != nil {
		return Asked{}, fmt.Errorf("an EVE event without a source: src_ip is %q", e.Src)
	}
	if q.ToAddr, err = netip.ParseAddr(e.Dst); err != nil {
		return Asked{}, fmt.Errorf("an EVE event without a target: dest_ip is %q", e.Dst)
	}
	q.From, q.ToAddr = q.From.Unmap(), q.ToAddr.Unmap()
	if len(e.VLAN) > 0 {
		q.VLAN = e.VLAN[0]
	}
	if n := names.AppendNormal(nil, name); len(n) > 0 && !isLiteral(n) {
		q.ToName = string(n)
	}
	if t, err := time.Parse("2006-01-02T15:04:05.999999999-0700", e.Timestamp); err == nil {
		q.Time = t.UnixNano()
	}
	return Asked{Query: q, Why: why}, nil
}
