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

// pendingQuestion is a question that broke a rule. It waits a moment: what follows it, a contact, is the better
// evidence of the same matter.
type pendingQuestion struct {
	at    int64
	name  string
	rule  Rule
	entry int
	fail  Failed
}

const (
	questionDelay = 5e9 // ns
	// Bounds of what waits: questions of one conversation, and conversations. Beyond, nothing waits.
	maxQuestions      = 16
	maxQuestionsFlows = 65536
)

// Lookup judges the questions of a DNS message and learns from its answers. An alert about a question comes when
// its conversation is heard of again, or ends, unless the name was contacted by then. The alerts are the judge's,
// and valid until the next call.
func (j *Judge) Lookup(l *Lookup) []*Alert {
	j.tick(l.Now)
	j.findings, j.alerts = j.findings[:0], j.alerts[:0]
	client := l.Client.Unmap().WithZone("")
	if l.Via != "" && l.Via != "dns" {
		return nil // asked of everybody on the link, answered by anybody
	}
	if !j.host(&j.local, client, l.ClientMAC, l.VLAN, l.Now, l.Now) {
		return nil
	}
	j.questions(l.ID, l.Now, l.Resolver, l.Proto, false)
	for i := range l.Questions {
		q := &l.Questions[i]
		before, _ := j.names.Resolve(client, []byte(q.Name), client, l.Now)
		f := j.question(q, l.Now)
		switch {
		case !l.Response:
			j.names.Ask(client, l.Now, q.Name)
		case l.Rcode == 0:
			j.answers = j.answers[:0]
			for k := range l.Answers {
				a := &l.Answers[k]
				j.answers = append(j.answers, names.Answer{Name: a.Name, To: a.To, Addr: a.Addr, TTL: a.TTL})
			}
			j.names.Learn(client, l.Now, q.Name, j.answers, j.private(f, q.Name))
		default:
			j.names.Seen(client, l.Now)
		}
		// An answer says nothing that its question has not said, unless the question was not seen.
		if f.verdict == Unexpected && (!l.Response || before == names.Unasked) {
			j.ask(l, f)
		}
	}
	return j.alerts
}

// ask lets a question wait, or alerts where nothing more can wait.
func (j *Judge) ask(l *Lookup, f finding) {
	waiting, known := j.pending[l.ID]
	if len(waiting) >= maxQuestions || !known && len(j.pending) >= maxQuestionsFlows {
		j.raiseQuestion(l.ID, l.Now, l.Now, l.Resolver, l.Proto, &f)
		return
	}
	j.memory.forget(l.ID)
	j.pending[l.ID] = append(waiting, pendingQuestion{l.Now, f.name, f.rule, f.entry, f.failed})
}

// questions alerts the questions of a conversation that have waited long enough, or all.
func (j *Judge) questions(id uint64, now int64, resolver netip.AddrPort, proto uint8, all bool) {
	waiting, known := j.pending[id]
	if !known {
		return
	}
	n := 0
	for _, q := range waiting {
		if !all && now-q.at < questionDelay {
			break
		}
		n++
		j.raiseQuestion(id, q.at, now, resolver, proto, &finding{
			verdict: Unexpected, rule: q.rule, name: q.name, source: DNS, entry: q.entry, failed: q.fail, host: &j.local, confidence: Medium,
		})
	}
	if n == len(waiting) {
		delete(j.pending, id)
	} else if n > 0 {
		j.pending[id] = waiting[n:]
	}
}

// question judges a name that the host j.local asks for.
func (j *Judge) question(q *Question, now int64) finding {
	f := finding{entry: -1, host: &j.local, confidence: Medium, source: DNS}
	j.scratch = names.AppendNormal(j.scratch[:0], q.Name)
	name := j.scratch
	switch {
	case len(name) == 0, q.Type == typePTR, q.Type == typeNS && bytes.IndexByte(name, '.') < 0, q.Type == typeSOA:
		return f
	case bytes.HasSuffix(name, []byte(".arpa")):
		return f
	}
	b := j.declares(name, now)
	// _ldap._tcp.dc._msdcs.corp.example asks for a service of corp.example.
	if i := bytes.LastIndex(name, []byte("._")); b.failed > near && (i >= 0 || name[0] == '_') {
		if dot := bytes.IndexByte(name[i+1:], '.'); dot >= 0 {
			name = name[i+1+dot+1:]
			b = j.declares(name, now)
		}
	}
	// A resolver tries a public name in its search list first: telemetry.acme.example.lan.
	if base := searched(name); base != nil && b.failed > near {
		name = base
		b = j.declares(name, now)
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
		if base := searched(j.scratch); base != nil {
			f.name = string(base) // the same matter
		}
	}
	if f.entry < 0 {
		f.failed = 0
	}
	return f
}

// declares returns the entry for a name that comes closest, as far as a question tells: its features, not its port
// or method.
func (j *Judge) declares(name []byte, now int64) best {
	b := noEntry
	j.ids = j.table.ByName(j.ids[:0], name)
	for _, i := range j.ids {
		b.consider(i, j.applies(i, &j.local, true, now), NoReason)
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

// searched returns what is before the internal zone that a name ends in, nil unless that is a name of several labels.
func searched(name []byte) []byte {
	for _, z := range internalZones {
		if base, ok := bytes.CutSuffix(name, []byte(z)); ok && len(base) > 1 && base[len(base)-1] == '.' {
			if base = base[:len(base)-1]; bytes.IndexByte(base, '.') > 0 {
				return base
			}
		}
	}
	return nil
}

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
