package judge

import (
	"bytes"
	"net/netip"

	"netsensor/internal/names"
)

// The query types that ask for something other than a host.
const (
	typePTR = 12
	typeSOA = 6
	typeNS  = 2
)

// Lookup judges the questions of a DNS message and learns from its answers. The alerts are the judge's, and valid
// until the next call.
func (j *Judge) Lookup(l *Lookup) []*Alert {
	j.tick(l.Now)
	j.findings, j.alerts = j.findings[:0], j.alerts[:0]
	client := l.Client.Unmap().WithZone("")
	if l.Via != "" && l.Via != "dns" {
		return nil // asked of everybody on the link, answered by anybody
	}
	if !j.host(&j.local, client, "", 0, l.Now) && !j.anyVLAN(client, l.Now) {
		return nil
	}
	for i := range l.Questions {
		q := &l.Questions[i]
		known, _ := j.names.Resolve(client, []byte(q.Name), client, l.Now)
		f := j.question(q)
		if !l.Response {
			j.names.Ask(client, l.Now, q.Name)
		} else if l.Rcode == 0 {
			j.answers = j.answers[:0]
			for k := range l.Answers {
				a := &l.Answers[k]
				j.answers = append(j.answers, names.Answer{Name: a.Name, To: a.To, Addr: a.Addr, TTL: a.TTL})
			}
			j.names.Learn(client, l.Now, q.Name, j.answers, j.private(f, q.Name))
		} else {
			j.names.Seen(client, l.Now)
		}
		// An answer says nothing that its question has not said, unless the question was not seen.
		if f.verdict == Unexpected && (!l.Response || known == names.Unasked) {
			f.host = &j.local
			j.raiseLookup(l, &f)
		}
	}
	return j.alerts
}

// anyVLAN plays what the host plays in any VLAN: look-ups do not tell theirs.
func (j *Judge) anyVLAN(client netip.Addr, now int64) bool {
	for _, b := range j.table.Bound(client) {
		if len(b.VLANs) > 0 {
			j.host(&j.local, client, "", b.VLANs[0], now)
			return len(j.local.roles) > 0
		}
	}
	return false
}

// question judges a name that the host j.local asks for.
func (j *Judge) question(q *Question) finding {
	f := finding{entry: -1, host: &j.local, confidence: Medium, source: DNS}
	j.scratch = names.AppendNormal(j.scratch[:0], q.Name)
	name := j.scratch
	switch {
	case len(name) == 0, q.Type == typePTR, q.Type == typeNS && bytes.IndexByte(name, '.') < 0, q.Type == typeSOA:
		return f
	case bytes.HasSuffix(name, []byte(".arpa")):
		return f
	}
	b := j.declares(name)
	// _ldap._tcp.dc._msdcs.corp.example asks for a service of corp.example.
	for b.failed > near {
		i := bytes.LastIndex(name, []byte("._"))
		if i < 0 && name[0] != '_' {
			break
		}
		rest := name[i+1:]
		dot := bytes.IndexByte(rest, '.')
		if dot < 0 {
			break
		}
		name = rest[dot+1:]
		b = j.declares(name)
		break
	}
	f.entry, f.failed = b.entry, b.failed
	switch {
	case b.failed == 0:
		f.verdict = Expected
	case b.failed <= near && b.failed&FailedExpired == 0:
		f.verdict, f.rule = Unexpected, FeatureOff
	default:
		if j.table.IsDoHName(j.ids, name) || j.table.IsProxyName(j.ids, name, 0) {
			f.verdict = Expected
			break
		}
		f.verdict, f.rule = Unexpected, UnknownDomain
	}
	if f.verdict == Unexpected {
		f.name = string(j.scratch)
	}
	if f.entry < 0 {
		f.failed = 0
	}
	return f
}

// declares returns the entry for a name that comes closest, as far as a question tells: its features, not its port
// or method.
func (j *Judge) declares(name []byte) best {
	b := noEntry
	j.ids = j.table.ByName(j.ids[:0], name)
	for _, i := range j.ids {
		e := &j.table.Entries[i]
		var f Failed
		switch {
		case j.local.plays(e.Role):
		case j.local.runs(e.Product):
			f |= FailedRole
		default:
			continue
		}
		if !e.Outbound {
			f |= FailedDirection
		}
		if e.Off {
			f |= FailedFeature
		}
		b.consider(i, f, NoReason)
	}
	return b
}

// private reports whether a name may have a private address: one that is declared as the customer's, or that
// belongs to no public zone.
func (j *Judge) private(f finding, name string) bool {
	if f.entry >= 0 && f.failed <= near {
		return j.table.Entries[f.entry].Internal
	}
	j.scratch = names.AppendNormal(j.scratch[:0], name)
	return internalZone(j.scratch)
}

// internalZones are reserved for use inside a site: RFC 6762, RFC 8375, RFC 2606 (for documentation not), ICANN's
// .internal, and what is commonly squatted.
var internalZones = []string{"local", "internal", "home.arpa", "lan", "corp", "home", "localdomain", "intranet", "private"}

func internalZone(name []byte) bool {
	if bytes.IndexByte(name, '.') < 0 {
		return true
	}
	for _, z := range internalZones {
		if n := len(name) - len(z); n > 0 && name[n-1] == '.' && string(name[n:]) == z {
			return true
		}
	}
	return false
}
