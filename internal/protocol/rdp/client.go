package rdp

import (
	"bytes"
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"

	"netsensor/internal/eve"
)

// Types of the client's data blocks ([MS-RDPBCGR], section 2.2.1.3.1).
const (
	csCore = 0xc001
	csNet  = 0xc003
)

// Offsets in the core data ([MS-RDPBCGR], section 2.2.1.3.2), behind the block's header.
const (
	atVersion  = 0
	atWidth    = 4
	atHeight   = 6
	atDepth    = 8
	atLayout   = 12
	atBuild    = 16
	atName     = 20
	atKeyboard = 52
	atFunction = 60
	atDepth2   = 128
	atProduct  = 130
	atDepth3   = 136
	atEarly    = 140
	atProductS = 142
	coreSize   = 206
	coreLeast  = 128

	channelSize = 12
	maxChannels = 31
)

// client keeps the data blocks of a connect initial message. They stand behind the key "Duca" of a GCC conference
// request (T.124) and a PER length.
func (s *stream) client(b []byte) {
	i := bytes.Index(b, []byte("Duca"))
	if i < 0 || len(b) < i+6 {
		return
	}
	b = b[i+4:]
	if b[0]&0x80 != 0 {
		b = b[1:]
	}
	for b = b[1:]; len(b) >= 4; {
		kind, size := binary.LittleEndian.Uint16(b), int(binary.LittleEndian.Uint16(b[2:]))
		if size < 4 || size > len(b) {
			return
		}
		switch v := b[4:size]; kind {
		case csCore:
			s.core = append(s.core[:0], v[:min(len(v), coreSize)]...)
		case csNet:
			s.net = append(s.net[:0], v[:min(len(v), 4+maxChannels*channelSize)]...)
		}
		b = b[size:]
	}
}

// AppendEVE appends the member "rdp".
func (s *stream) AppendEVE(dst []byte, o *eve.Options) []byte {
	w := eve.Open(append(dst, `"rdp":`...), o)
	w.Int("tx_id", int64(s.count))
	w.Str("event_type", s.event)
	w.BytesIf("cookie", s.cookie)
	if len(s.core) >= coreLeast {
		in := w.Begin("client")
		appendCore(&in, s.core)
		w.End(in)
	}
	s.appendChannels(&w)
	return w.Close()
}

// appendChannels appends the names of the virtual channels ([MS-RDPBCGR], section 2.2.1.3.4), unless there are none.
func (s *stream) appendChannels(w *eve.Object) {
	if len(s.net) < 4+channelSize {
		return
	}
	for b, left := s.net[4:], binary.LittleEndian.Uint32(s.net); left > 0 && len(b) >= channelSize; left, b = left-1, b[channelSize:] {
		if len(b) == len(s.net)-4 {
			w.Key("channels")
			w.B = append(w.B, '[')
		} else {
			w.B = append(w.B, ',')
		}
		name, _, _ := bytes.Cut(b[:8], []byte{0})
		w.B = eve.AppendString(w.B, name)
		if left == 1 || len(b) < 2*channelSize {
			w.B = append(w.B, ']')
		}
	}
}

func appendCore(w *eve.Object, b []byte) {
	u16 := func(at int) uint64 {
		if len(b) < at+2 {
			return 0
		}
		return uint64(binary.LittleEndian.Uint16(b[at:]))
	}
	u32 := func(at int) uint32 { return binary.LittleEndian.Uint32(b[at:]) }
	w.Str("version", orUnknown(versions[u32(atVersion)]))
	w.Uint("desktop_width", u16(atWidth))
	w.Uint("desktop_height", u16(atHeight))
	if d := depth(u16(atDepth), u16(atDepth2), u16(atDepth3)); d != 0 {
		w.Uint("color_depth", d)
	}
	w.Str("keyboard_layout", orUnknown(layouts[u32(atLayout)]))
	w.Str("build", orUnknown(builds[u32(atBuild)]))
	appendWide(w, "client_name", b[atName:atName+32])
	if k := u32(atKeyboard); k > 0 && int64(k) < int64(len(keyboards)) {
		w.Str("keyboard_type", keyboards[k])
	}
	if f := u32(atFunction); f != 0 {
		w.Uint("function_keys", uint64(f))
	}
	if len(b) >= atProduct+2 {
		w.Uint("product_id", u16(atProduct))
	}
	if early := u16(atEarly); early != 0 {
		start, some := len(w.B), false
		w.Key("capabilities")
		w.B = append(w.B, '[')
		for i, name := range capabilities {
			if early>>i&1 == 0 || name == "" {
				continue
			}
			if some {
				w.B = append(w.B, ',')
			}
			some = true
			w.B = eve.AppendString(w.B, name)
		}
		w.B = append(w.B, ']')
		if !some {
			w.B = w.B[:start]
		}
	}
	if len(b) >= coreSize {
		appendWide(w, "id", b[atProductS:coreSize])
	}
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// appendWide appends the text of a field that is filled up with NULs, unless it is empty.
func appendWide(w *eve.Object, key string, b []byte) {
	var text [128]byte
	out := text[:0]
	for ; len(b) >= 2; b = b[2:] {
		r := rune(binary.LittleEndian.Uint16(b))
		if r == 0 {
			break
		}
		if utf16.IsSurrogate(r) {
			r = utf8.RuneError
		}
		out = utf8.AppendRune(out, r)
	}
	w.BytesIf(key, out)
}

// depth is the colour depth by the newest of three fields that says it.
func depth(oldest, old, newest uint64) uint64 {
	switch newest {
	case 4, 8, 15, 16, 24:
		return newest
	}
	for _, v := range [...]uint64{old, oldest} {
		switch v {
		case 0xca00:
			return 4
		case 0xca01:
			return 8
		case 0xca02:
			return 15
		case 0xca03:
			return 16
		case 0xca04:
			return 24
		}
	}
	return 0
}

var versions = map[uint32]string{
	0x00080001: "v4", 0x00080004: "v5", 0x00080005: "v10.0", 0x00080006: "v10.1", 0x00080007: "v10.2", 0x00080008: "v10.3",
	0x00080009: "v10.4", 0x0008000a: "v10.5", 0x0008000b: "v10.6", 0x0008000c: "v10.7", 0x0008000d: "v10.8", 0x0008000e: "v10.9",
	0x0008000f: "v10.10", 0x00080010: "v10.11", 0x00080011: "v10.12",
}

var keyboards = [...]string{1: "xt", 2: "ico", 3: "at", 4: "enhanced", 5: "1050", 6: "9140", 7: "jp"}

// capabilities are the early capability flags by bit.
var capabilities = [...]string{
	"support_errinfo_pdf", "want_32bpp_session", "support_statusinfo_pdu", "strong_asymmetric_keys", "", "valid_connection_type",
	"support_monitor_layout_pdu", "support_netchar_autodetect", "support_dynvc_gfx_protocol", "support_dynamic_time_zone",
	"support_heartbeat_pdu",
}

// builds are the systems by build number, as Suricata calls them.
var builds = map[uint32]string{
	1381: "Windows NT 4.0", 2195: "Windows 2000", 2600: "Windows XP", 3790: "Windows Server 2003", 6000: "Windows Vista RTM",
	6001: "Windows Vista SP1", 6002: "Windows Vista SP2", 7600: "Windows 7 RTM", 7601: "Windows 7 SP1", 9200: "Windows 8",
	9600: "Windows 8.1", 10240: "Windows 10 TH1", 10586: "Windows 10 TH2", 14393: "Windows 10 RS1", 15063: "Windows 10 RS2",
	16299: "Windows 10 RS3", 17134: "Windows 10 RS4", 17763: "Windows 10 RS5",
}

// layouts are the usual keyboard layouts ([MS-LCID]).
var layouts = map[uint32]string{
	0x0401: "ar-SA", 0x0404: "zh-TW", 0x0405: "cs-CZ", 0x0406: "da-DK", 0x0407: "de-DE", 0x0408: "el-GR", 0x0409: "en-US",
	0x040b: "fi-FI", 0x040c: "fr-FR", 0x040d: "he-IL", 0x040e: "hu-HU", 0x0410: "it-IT", 0x0411: "ja-JP", 0x0412: "ko-KR",
	0x0413: "nl-NL", 0x0414: "nb-NO", 0x0415: "pl-PL", 0x0416: "pt-BR", 0x0418: "ro-RO", 0x0419: "ru-RU", 0x041b: "sk-SK",
	0x041d: "sv-SE", 0x041e: "th-TH", 0x041f: "tr-TR", 0x0421: "id-ID", 0x0422: "uk-UA", 0x0429: "fa-IR", 0x042a: "vi-VN",
	0x0439: "hi-IN", 0x0804: "zh-CN", 0x0807: "de-CH", 0x0809: "en-GB", 0x080a: "es-MX", 0x080c: "fr-BE", 0x0813: "nl-BE",
	0x0816: "pt-PT", 0x0c07: "de-AT", 0x0c09: "en-AU", 0x0c0a: "es-ES", 0x0c0c: "fr-CA", 0x1009: "en-CA", 0x100c: "fr-CH",
	0x4009: "en-IN",
}
