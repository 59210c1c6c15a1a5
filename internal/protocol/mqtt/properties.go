package mqtt

import (
	"encoding/binary"

	"netsensor/internal/eve"
)

// form is how a property's value is encoded.
type form uint8

const (
	unknown form = iota
	number1
	number2
	number4
	numberVar
	text
	secret
	pair
)

// properties are those of MQTT 5.0, section 2.2.2.2, with Suricata's names.
var properties = [...]struct {
	name string
	form form
}{
	0x01: {"payload_format_indicator", number1}, 0x02: {"message_expiry_interval", number4},
	0x03: {"content_type", text}, 0x08: {"response_topic", text}, 0x09: {"correlation_data", text},
	0x0b: {"subscription_identifier", numberVar}, 0x11: {"session_expiry_interval", number4},
	0x12: {"assigned_client_identifier", text}, 0x13: {"server_keep_alive", number2},
	0x15: {"authentication_method", text}, 0x16: {"authentication_data", secret},
	0x17: {"request_problem_information", number1}, 0x18: {"will_delay_interval", number4},
	0x19: {"request_response_information", number1}, 0x1a: {"response_information", text},
	0x1c: {"server_reference", text}, 0x1f: {"reason_string", text}, 0x21: {"receive_maximum", number2},
	0x22: {"topic_alias_maximum", number2}, 0x23: {"topic_alias", number2}, 0x24: {"maximum_qos", number1},
	0x25: {"retain_available", number1}, 0x26: {"user_properties", pair}, 0x27: {"maximum_packet_size", number4},
	0x28: {"wildcard_subscription_available", number1}, 0x29: {"subscription_identifiers_available", number1},
	0x2a: {"shared_subscription_available", number1},
}

// maxPairs bounds the user properties of a message that are told.
const maxPairs = 16

// cutProperties cuts the properties off b.
func cutProperties(b []byte) (p, rest []byte, ok bool) {
	if len(b) == 0 {
		return nil, nil, true // they may be left out at the end of a message
	}
	n, rest, ok := cutVar(b)
	if !ok || n > uint64(len(rest)) {
		return nil, nil, false
	}
	return rest[:n], rest[n:], true
}

// cutVar cuts a variable byte integer off b.
func cutVar(b []byte) (n uint64, rest []byte, ok bool) {
	for i, c := range b[:min(len(b), 4)] {
		n |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			return n, b[i+1:], true
		}
	}
	return 0, nil, false
}

// property is one of them.
type property struct {
	id          byte
	number      uint64
	text, value []byte // value: the second of a pair
}

// cutProperty cuts the first property off b.
func cutProperty(b []byte) (p property, rest []byte, ok bool) {
	if len(b) == 0 || int(b[0]) >= len(properties) {
		return p, nil, false
	}
	p.id, b = b[0], b[1:]
	size := 0
	switch properties[p.id].form {
	case unknown:
		return p, nil, false
	case number1:
		size = 1
	case number2:
		size = 2
	case number4:
		size = 4
	case numberVar:
		p.number, b, ok = cutVar(b)
		return p, b, ok
	case pair:
		if p.text, b, ok = cutString(b); !ok {
			return p, nil, false
		}
		p.value, b, ok = cutString(b)
		return p, b, ok
	default:
		p.text, b, ok = cutString(b)
		return p, b, ok
	}
	if len(b) < size {
		return p, nil, false
	}
	var n [8]byte
	copy(n[8-size:], b[:size])
	p.number = binary.BigEndian.Uint64(n[:])
	return p, b[size:], true
}

// appendProperties appends the member "properties", unless there are none that may be told.
func appendProperties(o *eve.Object, b []byte) {
	if len(b) == 0 {
		return
	}
	w := o.Begin("properties")
	seen, pairs := uint64(0), 0
	for rest := b; len(rest) > 0; {
		var p property
		var ok bool
		if p, rest, ok = cutProperty(rest); !ok {
			break
		}
		kind := &properties[p.id]
		if kind.form == pair {
			pairs++
		}
		if seen&(1<<p.id) != 0 || kind.form == pair || kind.form == secret {
			continue
		}
		seen |= 1 << p.id
		if kind.form == text {
			w.Bytes(kind.name, p.text[:min(len(p.text), maxText)])
		} else {
			w.Uint(kind.name, p.number)
		}
	}
	if pairs > 0 {
		appendPairs(&w, b)
	}
	o.End(w)
}

// appendPairs appends the user properties, without values that are secrets by their names.
func appendPairs(w *eve.Object, b []byte) {
	w.Key("user_properties")
	w.B = append(w.B, '[')
	for n := 0; n < maxPairs && len(b) > 0; {
		var p property
		var ok bool
		if p, b, ok = cutProperty(b); !ok {
			break
		}
		if properties[p.id].form != pair {
			continue
		}
		if n++; n > 1 {
			w.B = append(w.B, ',')
		}
		in := eve.Open(w.B, w.Opts)
		in.Bytes("key", p.text[:min(len(p.text), maxUser)])
		if !secretKey(p.text) {
			in.Bytes("value", p.value[:min(len(p.value), maxUser)])
		}
		w.B = in.Close()
	}
	w.B = append(w.B, ']')
}
