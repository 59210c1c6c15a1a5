package judge

import "net/netip"

// conclude turns the entry that comes closest into a finding. base is the rule when no entry is about the endpoint.
func (j *Judge) conclude(l *leg, b best, base Rule) finding {
	f := finding{entry: b.entry, failed: b.failed, host: l.host, inbound: !l.outbound, port: l.port, confidence: confidence(l.c)}
	if b.entry < 0 {
		f.failed = 0
	}
	switch {
	case b.failed == 0 && b.reason == NoReason:
		f.verdict = Expected
	case b.failed == 0:
		f.verdict, f.reason = Undecidable, b.reason
	case b.failed > near:
		f.verdict, f.rule = Unexpected, base
	default:
		f.verdict, f.rule = Unexpected, endpointRule(b.failed, base, l.outbound)
	}
	return f
}

// endpointRule says which rule is broken where an entry is about the endpoint.
func endpointRule(f Failed, base Rule, outbound bool) Rule {
	switch {
	case f&FailedExpired != 0:
		return base
	case f&FailedPort != 0 && !outbound:
		return UnexpectedInbound
	case f&FailedPort != 0:
		return UnexpectedMethod
	case f&FailedFeature != 0:
		return FeatureOff
	case f&(FailedMethod|FailedSSH) != 0:
		return UnexpectedMethod
	}
	return TLSPolicy
}

// confidence says how far a conversation can be trusted to be what it seems.
func confidence(c *Conversation) Confidence {
	switch {
	case c.RolesInferred || c.Midstream || c.Refused || !c.Established && !c.PayloadToServer && !c.PayloadToClient:
		return Low
	case c.Gap || c.OneWay && (c.Proto == 6 || c.Phase != Named): // a first datagram has had no answer yet
		return Medium
	}
	return High
}

// reconsider judges a conversation whose initiator was guessed the other way round as well. If that is declared,
// the guess was wrong.
func (j *Judge) reconsider(c *Conversation, client, server netip.AddrPort, atClient, atServer bool) {
	bad := false
	for i := range j.findings {
		bad = bad || j.findings[i].verdict == Unexpected
	}
	if !bad {
		return
	}
	fine := true
	var flipped [2]finding
	n := 0
	if atClient {
		l := leg{c: c, host: &j.local, local: client.Addr(), peer: server.Addr(), port: client.Port()}
		flipped[n] = j.inbound(&l)
		fine = fine && flipped[n].verdict == Expected
		n++
	}
	if atServer {
		// What was claimed was claimed by the other end.
		l := leg{c: c, host: &j.remote, local: server.Addr(), peer: client.Addr(), port: client.Port(), outbound: true}
		j.ev, j.spare = j.spare, j.ev
		j.ev.lookedUp(j, c, server.Addr(), client.Addr())
		flipped[n] = j.server(&l)
		j.ev, j.spare = j.spare, j.ev
		fine = fine && flipped[n].verdict == Expected
		n++
	}
	if fine {
		j.findings = append(j.findings[:0], flipped[:n]...)
	}
}
