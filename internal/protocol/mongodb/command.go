package mongodb

import (
	"bytes"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/saslname"
)

// authenticationFailed is the error code of refused logins.
const authenticationFailed = 18

// command takes a client's command: its name is that of the first member.
func (s *stream) command(c *protocol.Context, id uint32, doc []byte) {
	rest := members(doc)
	first, ok := rest.next()
	if !ok {
		return
	}
	kind := asked(0)
	switch string(first.name) {
	case "hello", "isMaster", "ismaster":
		kind = hello
		s.hello(c, rest)
	case "saslStart", "authenticate":
		kind = authenticate
		if first.name[0] == 's' {
			kind = saslStart
		}
		s.credentials(c, rest)
	case "saslContinue":
		kind = saslStart
	case "buildInfo", "buildinfo":
		kind = buildInfo
	default:
		return
	}
	s.awaited, s.request, s.asked = true, id, kind
}

// hello takes who the client says it is, and the login that it may begin with it.
func (s *stream) hello(c *protocol.Context, rest elements) {
	for {
		m, ok := rest.next()
		if !ok {
			return
		}
		switch {
		case m.kind != typeDocument:
		case string(m.name) == "client":
			s.software(c, members(m.value))
		case string(m.name) == "speculativeAuthenticate":
			s.credentials(c, members(m.value))
		}
	}
}

// software tells the client's driver.
func (s *stream) software(c *protocol.Context, rest elements) {
	for {
		m, ok := rest.next()
		if !ok {
			return
		}
		if m.kind != typeDocument || string(m.name) != "driver" {
			continue
		}
		var name, version []byte
		for inner := members(m.value); ; {
			m, ok := inner.next()
			if !ok {
				break
			}
			switch string(m.name) {
			case "name":
				name = m.text()
			case "version":
				version = m.text()
			}
		}
		if len(name) > 0 && len(name)+len(version) < maxUser {
			s.text = append(s.text[:0], name...)
			if len(version) > 0 {
				s.text = append(append(s.text, ' '), version...)
			}
			s.observe(c, protocol.ToServer, protocol.Fact{Kind: protocol.ClientSoftware, Text: s.text})
		}
	}
}

// credentials takes the mechanism and the user of saslStart or authenticate; of the payload, the name alone.
func (s *stream) credentials(c *protocol.Context, rest elements) {
	mechanism := []byte("MONGODB-CR") // authenticate without a mechanism
	var user, payload []byte
	for {
		m, ok := rest.next()
		if !ok {
			break
		}
		switch string(m.name) {
		case "mechanism":
			mechanism = m.text()
		case "user":
			user = m.text()
		case "payload":
			payload = m.text()
		}
	}
	s.tell(c, protocol.LoginTried)
	s.login.user = append(s.login.user[:0], user[:min(len(user), maxUser)]...)
	if len(user) == 0 {
		s.login.user = saslname.Append(s.login.user, mechanism, payload)
	}
	s.login.pending = len(s.login.user) > 0
	s.login.mechanism = append(s.login.mechanism[:0], "mongodb-"...)
	mechanism = bytes.TrimPrefix(mechanism, []byte("MONGODB-"))
	for _, b := range mechanism[:min(len(mechanism), 32)] {
		if b >= 'A' && b <= 'Z' {
			b |= 0x20
		}
		s.login.mechanism = append(s.login.mechanism, b)
	}
}

// answer takes what the server says to the request that waits.
func (s *stream) answer(c *protocol.Context, doc []byte) {
	var good, done, failed, speculated bool
	var version []byte
	for rest := members(doc); ; {
		m, ok := rest.next()
		if !ok {
			break
		}
		switch string(m.name) {
		case "ok":
			good = m.truth()
		case "done":
			done = m.truth()
		case "code":
			failed = m.number() == authenticationFailed
		case "errmsg", "$err":
			failed = failed || bytes.Contains(m.text(), []byte("auth fail"))
		case "version":
			version = m.text()
		case "speculativeAuthenticate":
			speculated = true
			if m.kind == typeDocument {
				for inner := members(m.value); ; {
					m, ok := inner.next()
					if !ok {
						break
					}
					done = done || string(m.name) == "done" && m.truth()
				}
			}
		}
	}
	switch {
	case s.asked == buildInfo:
		if len(version) > 0 && len(version) < maxUser {
			s.text = append(append(s.text[:0], "MongoDB "...), version...)
			s.observe(c, protocol.ToClient, protocol.Fact{Kind: protocol.ServerSoftware, Text: s.text})
		}
	case s.asked == hello && !speculated:
		// A server that knows no such login, or not this user, leaves it out; the client begins anew.
		s.login.pending = false
	case s.asked == authenticate && good, s.asked != authenticate && good && done:
		s.tell(c, protocol.LoginAccepted)
	case failed:
		s.tell(c, protocol.LoginRefused)
	case !good:
		s.tell(c, protocol.LoginTried)
	}
}
