package ntlm

import (
	"encoding/binary"
	"testing"
	"unicode/utf16"
)

// message builds an AUTHENTICATE message with the given names and a response of 24 bytes.
func message(wide bool, domain, user, host string) []byte {
	enc := func(s string) []byte {
		if !wide {
			return []byte(s)
		}
		var b []byte
		for _, u := range utf16.Encode([]rune(s)) {
			b = binary.LittleEndian.AppendUint16(b, u)
		}
		return b
	}
	m := append([]byte(signature), 3, 0, 0, 0)
	m = append(m, make([]byte, 52)...)
	put := func(at int, v []byte) {
		binary.LittleEndian.PutUint16(m[at:], uint16(len(v)))
		binary.LittleEndian.PutUint16(m[at+2:], uint16(len(v)))
		binary.LittleEndian.PutUint32(m[at+4:], uint32(len(m)))
		m = append(m, v...)
	}
	put(28, enc(domain))
	put(36, enc(user))
	put(44, enc(host))
	put(12, make([]byte, 24))
	put(20, make([]byte, 24))
	if wide {
		m[60] = unicodeFlag
	}
	return m
}

func TestUser(t *testing.T) {
	for _, wide := range []bool{true, false} {
		m := append([]byte{0x60, 0x48, 0x06}, message(wide, "CORP", "alice", "WS1")...)
		d, u, h, ok := User(m)
		if !ok || string(d) != "CORP" || string(u) != "alice" || string(h) != "WS1" {
			t.Errorf("wide %v: %q %q %q %v", wide, d, u, h, ok)
		}
	}
	if _, u, _, ok := User(message(true, "", "", "")); !ok || len(u) != 0 {
		t.Errorf("anonymous: %q %v", u, ok)
	}
	if _, u, _, _ := User(message(true, "", "zoë😀", "")); string(u) != "zoë😀" {
		t.Errorf("user = %q", u)
	}
}

func TestUserPrefixes(t *testing.T) {
	m := message(true, "CORP", "alice", "WS1")
	names := len(m) - 48 // the responses follow the names
	for n := range names {
		if _, _, _, ok := User(m[:n]); ok {
			t.Fatalf("first %d bytes were accepted", n)
		}
	}
}

func FuzzUser(f *testing.F) {
	f.Add(message(true, "CORP", "alice", "WS1"))
	f.Add(message(false, "CORP", "alice", "WS1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, u, h, ok := User(b)
		if !ok && (d != nil || u != nil || h != nil) {
			t.Error("names without ok")
		}
		if len(d) > 3*maxFieldLength || len(u) > 3*maxFieldLength || len(h) > 3*maxFieldLength {
			t.Error("a name is too long")
		}
		TargetName(b)
	})
}
