package dns

import (
	"encoding/binary"

	"netsensor/internal/protocol"
)

func probeDNS(p *protocol.Peek) protocol.Match {
	if p.Port(portMDNS) && !p.Port(portDNS) || p.Port(portLLMNR) || p.Over == protocol.UDP && p.Port(portNBNS) {
		return protocol.No // their own parsers know them
	}
	b := p.Data
	if p.Over == protocol.TCP {
		if len(b) < lengthPrefix+headerLen {
			if len(b) >= lengthPrefix && binary.BigEndian.Uint16(b) < headerLen {
				return protocol.No
			}
			if len(b) >= lengthPrefix+4 && !plausibleFlags(binary.BigEndian.Uint16(b[lengthPrefix+2:])) {
				return protocol.No
			}
			return protocol.Maybe
		}
		size := int(binary.BigEndian.Uint16(b))
		b = b[lengthPrefix:]
		if size < headerLen {
			return protocol.No
		}
		return judge(p, b[:min(size, len(b))], size)
	}
	return judge(p, b, len(b))
}

// judge says whether b, the beginning of a message of size bytes, is DNS.
func judge(p *protocol.Peek, b []byte, size int) protocol.Match {
	switch {
	case len(b) < headerLen:
		return protocol.No
	case plausibleHeader(b, size):
	case p.Port(portDNS) && leadingQuestion(b):
		orient(p, b)
		return protocol.Yes // with a damaged header
	default:
		return protocol.No
	}
	orient(p, b)
	whole := len(b) == size
	off, ok := walk(b)
	switch {
	case ok && off == size:
		return protocol.Yes
	case ok && off < size && p.Port(portDNS):
		return protocol.Yes // trailing bytes
	case !ok && !whole && off >= 0:
		if p.Port(portDNS) {
			return protocol.Yes // as far as it can be seen
		}
		if p.End {
			return protocol.Likely
		}
		return protocol.Maybe
	case !p.Port(portDNS):
		return protocol.No
	case off > headerLen:
		return protocol.Yes // damaged or cut after its question
	}
	return protocol.Likely
}

// orient notes when the sender of the message b must be the other side than it is taken for.
func orient(p *protocol.Peek, b []byte) {
	response := b[2]&(flagQR>>8) != 0
	p.Reversed = response == (p.Dir == protocol.ToServer)
}

// plausibleFlags rejects the opcodes and response codes that are not assigned.
func plausibleFlags(flags uint16) bool {
	opcode := flags >> 11 & 15
	if opcode > maxOpcode || opcode == 3 {
		return false
	}
	// Only a response has a response code; some clients set one all the same, but not with a plain query.
	return int(flags&15) < len(rcodes) && (flags&flagQR != 0 || flags&15 == 0)
}

// plausibleHeader reports whether the message of size bytes that begins with the header b can hold what the header
// promises.
func plausibleHeader(b []byte, size int) bool {
	flags := binary.BigEndian.Uint16(b[2:])
	if !plausibleFlags(flags) {
		return false
	}
	qd, an := int(binary.BigEndian.Uint16(b[4:])), int(binary.BigEndian.Uint16(b[6:]))
	ns, ar := int(binary.BigEndian.Uint16(b[8:])), int(binary.BigEndian.Uint16(b[10:]))
	// DSO messages (RFC 8490) have no counts at all.
	if qd == 0 && flags>>11&15 != 6 && (flags&flagQR == 0 || an+ns+ar == 0 && flags&15 == 0) {
		return false
	}
	return qd <= 16 && headerLen+qd*(1+questionLen)+(an+ns+ar)*(1+recordLen) <= size
}

// leadingQuestion reports whether b has a question after its header.
func leadingQuestion(b []byte) bool {
	if b[4]|b[5] == 0 {
		return false
	}
	next := skipName(b, headerLen)
	return next >= 0 && next+questionLen <= len(b) && knownClass(binary.BigEndian.Uint16(b[next+2:]))
}

func knownClass(class uint16) bool {
	switch class {
	case classIN, classCH, classHS, classNONE, classANY:
		return true
	}
	return false
}

// walk steps over the sections of a message whose header is plausible. ok says that it reached the end of the last
// record; if not, off is where it stopped for lack of bytes (the offset of the last whole record or question), or -1
// when what it saw is no DNS.
func walk(b []byte) (off int, ok bool) {
	off = headerLen
	for range int(binary.BigEndian.Uint16(b[4:])) {
		next := skipName(b, off)
		if next < 0 {
			return cutOrWrong(b, off), false
		}
		if next+questionLen > len(b) {
			return off, false
		}
		if !knownClass(binary.BigEndian.Uint16(b[next+2:])) {
			return -1, false
		}
		off = next + questionLen
	}
	records := int(binary.BigEndian.Uint16(b[6:])) + int(binary.BigEndian.Uint16(b[8:])) + int(binary.BigEndian.Uint16(b[10:]))
	for range records {
		next := skipName(b, off)
		if next < 0 {
			return cutOrWrong(b, off), false
		}
		if next+recordLen > len(b) {
			return off, false
		}
		end := next + recordLen + int(binary.BigEndian.Uint16(b[next+8:]))
		if end > len(b) {
			return off, false
		}
		off = end
	}
	return off, true
}

// cutOrWrong tells a name that runs off the end of b from one that is malformed: off or -1.
func cutOrWrong(b []byte, off int) int {
	for end := off + maxNameWire; off < end; {
		if off >= len(b) {
			return min(off, len(b))
		}
		switch c := int(b[off]); {
		case c < 0x40:
			off += 1 + c
		case c >= 0xc0:
			return off
		default:
			return -1
		}
	}
	return -1
}

// plausibleFrame reports whether b may be the beginning of a message over TCP, after a gap.
func plausibleFrame(b []byte) bool {
	if len(b) < lengthPrefix+headerLen {
		return false
	}
	size := int(binary.BigEndian.Uint16(b))
	b = b[lengthPrefix:]
	if size < headerLen || !plausibleHeader(b, size) {
		return false
	}
	off, ok := walk(b[:min(size, len(b))])
	return ok && off == size || !ok && size > len(b) && off > headerLen
}

func probeMDNS(p *protocol.Peek) protocol.Match {
	if !p.Port(portMDNS) || p.Port(portDNS) {
		return protocol.No
	}
	m := probeLocal(p.Data)
	if m == protocol.Yes && p.ClientPort != p.ServerPort { // else both are peers
		orient(p, p.Data)
	}
	return m
}

func probeLLMNR(p *protocol.Peek) protocol.Match {
	b := p.Data
	if !p.Port(portLLMNR) || p.Port(portDNS) {
		return protocol.No
	}
	if p.Over == protocol.TCP {
		if len(b) < lengthPrefix+headerLen {
			return protocol.Maybe
		}
		b = b[lengthPrefix:]
	}
	m := probeLocal(b)
	if m == protocol.Yes {
		orient(p, b)
	}
	return m
}

// probeLocal is lenient: the port has spoken. Opcodes other than query are reserved in both protocols.
func probeLocal(b []byte) protocol.Match {
	if len(b) < headerLen || binary.BigEndian.Uint16(b[2:])>>11&15 != opcodeQuery {
		return protocol.No
	}
	if b[4]|b[6]|b[8]|b[10] != 0 || b[5]|b[7]|b[9]|b[11] == 0 {
		return protocol.No // over 255 of a kind, or nothing at all
	}
	return protocol.Yes
}
