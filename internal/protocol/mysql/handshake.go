package mysql

import (
	"bytes"
	"encoding/binary"

	"netsensor/internal/protocol"
)

// Errors that say that a user is not let in.
const (
	errAccessDenied   = 1045
	errNoPassword     = 1698
	errAccountLocked  = 3118
	errBlockedByTries = 3955
	errAccountLocked2 = 4151 // MariaDB's
)

// server takes the beginning of a packet of the handshake.
func (s *stream) server(c *protocol.Context, body []byte) protocol.Status {
	if !s.greeted && body[0] == protocolV10 {
		s.greeting(c, body[1:])
		return protocol.More
	}
	if !s.responded {
		return protocol.More
	}
	s.heard = true
	switch body[0] {
	case packetOK:
		s.tell(c, protocol.LoginAccepted)
		s.settle()
		if s.compress {
			return protocol.Done // all that follows is compressed
		}
	case packetError:
		outcome := int64(protocol.LoginTried)
		if len(body) >= 3 {
			switch binary.LittleEndian.Uint16(body[1:]) {
			case errAccessDenied, errNoPassword, errAccountLocked, errBlockedByTries, errAccountLocked2:
				outcome = protocol.LoginRefused
			}
		}
		s.tell(c, outcome)
		s.settle()
	case packetSwitch:
		if plugin, _, ok := bytes.Cut(body[1:], []byte{0}); ok {
			s.setMechanism(plugin)
		}
	}
	return protocol.More
}

// settle lets the server's results pass unread.
func (s *stream) settle() {
	s.settled = true
	s.sides[protocol.ToClient].Rest()
}

func (s *stream) greeting(c *protocol.Context, body []byte) {
	s.greeted = true
	version, _, ok := bytes.Cut(body, []byte{0})
	if !ok || len(version) > 100 {
		return
	}
	product := "MySQL "
	if bytes.Contains(version, []byte("MariaDB")) {
		// For old replicas MariaDB says that it is version 5.5.5, and its own behind that.
		product, version = "MariaDB ", bytes.TrimPrefix(version, []byte("5.5.5-"))
	}
	s.software = append(append(s.software[:0], product...), version...)
	s.observe(c, protocol.ToClient, protocol.Fact{Kind: protocol.ServerSoftware, Text: s.software})
}

// response takes a client's first packet: SSLRequest, HandshakeResponse41 or HandshakeResponse320.
func (s *stream) response(c *protocol.Context, body []byte, size int) protocol.Status {
	s.responded = true
	if len(body) < 5 {
		return protocol.More
	}
	capabilities := uint32(binary.LittleEndian.Uint16(body))
	rest := body[5:]
	if capabilities&protocol41 != 0 {
		if len(body) < sslRequestSize {
			s.Malformed(c, protocol.ToServer)
			return protocol.More
		}
		capabilities = binary.LittleEndian.Uint32(body)
		rest = body[sslRequestSize:]
	}
	if capabilities&withTLS != 0 && (size == sslRequestSize || size == 4 || size == 5) {
		return protocol.Switch
	}
	s.compress = capabilities&(compress|compressZstd) != 0
	user, rest, ok := bytes.Cut(rest, []byte{0})
	if !ok {
		s.Malformed(c, protocol.ToServer)
		return protocol.More
	}
	s.setUser(user)
	s.setMechanism(nil)
	if capabilities&protocol41 != 0 {
		s.details(c, capabilities, rest)
	}
	return protocol.More
}

// details reads what stands behind the user's name, but for the secret.
func (s *stream) details(c *protocol.Context, capabilities uint32, b []byte) {
	var ok bool
	switch {
	case capabilities&lenencAuth != 0:
		_, b, ok = cutLenenc(b)
	case capabilities&secureConnection != 0:
		if ok = len(b) > 0 && len(b)-1 >= int(b[0]); ok {
			b = b[1+int(b[0]):]
		}
	default:
		_, b, ok = bytes.Cut(b, []byte{0})
	}
	if ok && capabilities&withDatabase != 0 {
		_, b, ok = bytes.Cut(b, []byte{0})
	}
	if ok && capabilities&pluginAuth != 0 {
		var plugin []byte
		plugin, b, ok = bytes.Cut(b, []byte{0})
		s.setMechanism(plugin)
	}
	if !ok || capabilities&attributes == 0 {
		return
	}
	if b, _, ok = cutLenenc(b); !ok {
		return
	}
	var name, version []byte
	for len(b) > 0 {
		var key, value []byte
		if key, b, ok = cutLenenc(b); !ok {
			break
		}
		if value, b, ok = cutLenenc(b); !ok {
			break
		}
		switch string(key) {
		case "_client_name":
			name = value
		case "_client_version":
			version = value
		}
	}
	if len(name) > 0 && len(name)+len(version) < maxUser {
		s.software = append(s.software[:0], name...)
		if len(version) > 0 {
			s.software = append(append(s.software, ' '), version...)
		}
		s.observe(c, protocol.ToServer, protocol.Fact{Kind: protocol.ClientSoftware, Text: s.software})
	}
}

// cutLenenc cuts a length-encoded string off b.
func cutLenenc(b []byte) (value, rest []byte, ok bool) {
	if len(b) == 0 {
		return nil, nil, false
	}
	n, head := uint64(b[0]), 1
	switch b[0] {
	case 0xfb, 0xff:
		return nil, nil, false
	case 0xfc:
		head += 2
	case 0xfd:
		head += 3
	case 0xfe:
		head += 8
	}
	if len(b) < head {
		return nil, nil, false
	}
	if head > 1 {
		n = 0
		for i := head - 1; i > 0; i-- {
			n = n<<8 | uint64(b[i])
		}
	}
	if n > uint64(len(b)-head) {
		return nil, nil, false
	}
	return b[head : head+int(n)], b[head+int(n):], true
}

// changeUser takes COM_CHANGE_USER: who else the connection is to be.
func (s *stream) changeUser(c *protocol.Context, body []byte) {
	user, _, ok := bytes.Cut(body, []byte{0})
	if !ok || !printable(user) {
		return
	}
	s.tell(c, protocol.LoginTried)
	s.setUser(user)
	s.setMechanism(nil)
	s.settled, s.heard = false, false
	s.sides[protocol.ToClient].Wake()
}

// setUser keeps a name; anonymous users have an empty one.
func (s *stream) setUser(user []byte) {
	s.user = append(s.user[:0], user[:min(len(user), maxUser)]...)
	s.pending = len(user) > 0
}

// setMechanism keeps a method's name: "mysql-native-password" for mysql_native_password.
func (s *stream) setMechanism(plugin []byte) {
	plugin = bytes.TrimPrefix(plugin, []byte("mysql_"))
	s.mechanism = append(s.mechanism[:0], "mysql"...)
	if len(plugin) == 0 || len(plugin) > 64 || !printable(plugin) {
		return
	}
	s.mechanism = append(s.mechanism, '-')
	for _, b := range plugin {
		if b == '_' {
			b = '-'
		}
		s.mechanism = append(s.mechanism, b)
	}
}
