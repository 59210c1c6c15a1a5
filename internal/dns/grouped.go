package dns

import "netsensor/internal/eve"

// groups are the types that EVE's "grouped" knows.
var groups = [...]uint16{typeA, typeAAAA, typeCNAME, typeMX, typeNS, typeNULL, typePTR, typeSOA, typeSRV, typeSSHFP, typeTXT}

// appendGrouped writes the RDATA of the answers once more, by type, as Suricata does.
func (m *message) appendGrouped(w *eve.Object) {
	var seen [len(groups)]bool
	found := false
	for i := range m.records {
		if m.records[i].section != answers {
			break
		}
		found = true
		for g, t := range groups {
			if m.records[i].rtype == t && m.records[i].ok {
				seen[g] = true
				break
			}
		}
	}
	if !found {
		return
	}
	in := w.Begin("grouped")
	for g, t := range groups {
		if !seen[g] {
			continue
		}
		m.appendGroup(&in, t)
	}
	w.End(in)
}

// appendGroup writes one member of "grouped".
func (m *message) appendGroup(w *eve.Object, t uint16) {
	appendGroupKey(w, t)
	w.B = append(w.B, '[')
	start := len(w.B)
	for i := range m.records {
		r := &m.records[i]
		if r.section != answers || len(w.B)-start > maxEVE {
			break
		}
		if r.rtype != t || !r.ok {
			continue
		}
		if len(w.B) > start {
			w.B = append(w.B, ',')
		}
		data := m.b[r.from:r.to]
		switch t {
		case typeA, typeAAAA:
			w.B = appendAddr(w.B, w.Opts, data)
		case typeTXT:
			for n := 0; len(data) > 0 && len(w.B)-start <= maxEVE; n++ {
				if n > 0 {
					w.B = append(w.B, ',')
				}
				w.B = eve.AppendString(w.B, data[1:1+int(data[0])])
				data = data[1+int(data[0]):]
			}
		case typeNULL:
			w.B = eve.AppendString(w.B, data)
		case typeSOA:
			w.B = m.appendSOA(w.B, r)
		case typeSRV:
			w.B = m.appendSRV(w.B, r)
		case typeSSHFP:
			w.B = m.appendSSHFP(w.B, r)
		default:
			w.B = eve.AppendString(w.B, m.text(r.target))
		}
	}
	w.B = append(w.B, ']')
}

func appendGroupKey(w *eve.Object, t uint16) {
	switch t {
	case typeA:
		w.Key("A")
	case typeAAAA:
		w.Key("AAAA")
	case typeCNAME:
		w.Key("CNAME")
	default:
		var name [12]byte
		w.Key(string(appendType(name[:0], t)))
	}
}
