package judge

// proxied reports whether the server is an egress proxy of the site.
func (j *Judge) proxied(l *leg) bool {
	if j.table.IsProxy(l.peer, l.port) {
		return true
	}
	if !j.table.HasProxyNames() {
		return false
	}
	for i := range j.ev.known[:j.ev.public] {
		j.scratch = append(j.scratch[:0], j.ev.known[i].Name...)
		if j.table.IsProxyName(j.ids, j.scratch, l.port) {
			return true
		}
	}
	return false
}

// byProxy judges what an egress proxy is asked for: by CONNECT, SOCKS or an absolute URI.
func (j *Judge) byProxy(l *leg) finding {
	ev := &j.ev
	asked := ev.targets
	if len(asked) == 0 {
		asked = ev.claims
	}
	if len(asked) == 0 {
		reason := NoName
		if l.c.Gap || l.c.Midstream || l.c.OneWay {
			reason = unseen(l.c)
		}
		return finding{verdict: Undecidable, reason: reason, entry: -1, host: l.host}
	}
	return j.targets(l, asked)
}

// targets judges the names that a proxy is asked for, and returns the worst.
func (j *Judge) targets(l *leg, asked []claim) finding {
	var worst finding
	for i := range asked {
		t := &asked[i]
		to := *l
		to.target, to.port = true, t.port
		name := j.ev.name(t)
		b := noEntry
		rule := UnknownDomain
		if isLiteral(name) {
			rule = UnknownAddress
			if a := literalAddr(name); a.IsValid() {
				b = j.byAddress(&to, a, false)
				if j.table.Internal(a) {
					rule = UnexpectedSystem
				}
			}
		} else {
			b = j.byName(&to, name)
		}
		f := j.conclude(&to, b, rule)
		f.target = true
		if f.rule == rule {
			f.name, f.source = string(name), t.source
		}
		if i == 0 || f.verdict > worst.verdict {
			worst = f
		}
	}
	return worst
}
