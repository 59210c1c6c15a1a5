package telemetry

import (
	"bytes"
	"net/netip"
	"strings"
	"time"

	"netsensor/internal/jsonl"
)

// stamp is a time as it is written.
type stamp struct {
	ns    int64
	zoned bool // it says its zone
	ok    bool
}

// parseTime reads "2020-09-22T18:53:04.182Z", with a blank for T, any fraction, and any zone ("+02:00", "+0200") or none.
func parseTime(v jsonl.Value) stamp {
	b, _ := v.Plain()
	if len(b) < 19 || b[4] != '-' || b[7] != '-' || b[10] != 'T' && b[10] != ' ' || b[13] != ':' || b[16] != ':' {
		return stamp{}
	}
	y, mo, d := digits(b[0:4]), digits(b[5:7]), digits(b[8:10])
	h, mi, s := digits(b[11:13]), digits(b[14:16]), digits(b[17:19])
	// The year keeps what follows within an int64 of nanoseconds.
	if y < 1970 || y > 2261 || mo < 1 || mo > 12 || d < 1 || d > 31 || h < 0 || h > 23 || mi < 0 || mi > 59 || s < 0 || s > 60 {
		return stamp{}
	}
	t := stamp{ns: time.Date(y, time.Month(mo), d, h, mi, s, 0, time.UTC).UnixNano(), ok: true}
	b = b[19:]
	if len(b) > 0 && b[0] == '.' {
		unit := int64(1e8)
		for b = b[1:]; len(b) > 0 && '0' <= b[0] && b[0] <= '9'; b = b[1:] {
			t.ns += int64(b[0]-'0') * unit
			unit /= 10
		}
	}
	if len(b) == 0 {
		return t
	}
	t.zoned = true
	sign := b[0]
	if sign == 'Z' && len(b) == 1 {
		return t
	}
	if len(b) == 6 && b[3] == ':' {
		h, mi = digits(b[1:3]), digits(b[4:6])
	} else if len(b) == 5 {
		h, mi = digits(b[1:3]), digits(b[3:5])
	} else {
		return stamp{}
	}
	off := int64(h*3600+mi*60) * 1e9
	switch {
	case h < 0 || h > 23 || mi < 0 || mi > 59:
		return stamp{}
	case sign == '+':
		t.ns -= off
	case sign == '-':
		t.ns += off
	default:
		return stamp{}
	}
	return t
}

// digits reads a decimal number, -1 where there is something else.
func digits(b []byte) int {
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// quarter is what all zones are multiples of.
const quarter = 15 * int64(time.Minute)

// near gives a time without a zone the one that brings it nearest to another, later by the delay of collection.
func (t stamp) near(other stamp) stamp {
	if !t.ok {
		return other
	}
	if t.zoned || !other.ok {
		return t
	}
	diff := other.ns - t.ns
	zone := diff / quarter * quarter
	switch rest := diff - zone; {
	case rest > quarter/2:
		zone += quarter
	case rest < -quarter/2:
		zone -= quarter
	}
	if zone > 15*int64(time.Hour) || zone < -15*int64(time.Hour) {
		return t
	}
	return stamp{ns: t.ns + zone, zoned: true, ok: true}
}

// seconds reads seconds since the Unix epoch, with a fraction or without, as a number or as a string.
func seconds(b []byte) int64 {
	whole, frac, _ := bytes.Cut(b, []byte("."))
	n, ok := jsonl.Value(whole).Uint()
	if !ok || n > 1<<33 {
		return 0
	}
	ns, unit := int64(n)*1e9, int64(1e8)
	for _, c := range frac {
		if c < '0' || c > '9' {
			break
		}
		ns += int64(c-'0') * unit
		unit /= 10
	}
	return ns
}

// addr reads an address; one that is not given, not valid or 0 is not valid.
func addr(v jsonl.Value) netip.Addr {
	b, _ := v.Plain()
	if len(b) < 2 || len(b) > 64 {
		return netip.Addr{}
	}
	a, err := netip.ParseAddr(string(b))
	if err != nil || a.IsUnspecified() {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}

func port(v jsonl.Value) uint16 {
	n, ok := v.Uint()
	if !ok || n > 0xffff {
		return 0
	}
	return uint16(n)
}

// proto reads a transport: a word or a number.
func proto(v jsonl.Value) uint8 {
	b, _ := v.Plain()
	switch {
	case bytes.EqualFold(b, []byte("tcp")), bytes.HasPrefix(b, []byte("IPPROTO_TCP")):
		return 6
	case bytes.EqualFold(b, []byte("udp")), bytes.HasPrefix(b, []byte("IPPROTO_UDP")):
		return 17
	}
	n, ok := v.Uint()
	if !ok || n > 255 {
		return 0
	}
	return uint8(n)
}

// given empties what producers write for nothing.
func given(s string) string {
	switch s {
	case "-", "(null)", "<NA>", "?", "<unknown process>", "N/A", "(none)", "unset":
		return ""
	}
	return s
}

// domainUser joins a Windows domain and user.
func domainUser(domain, user string) string {
	if domain == "" || user == "" {
		return user
	}
	return domain + `\` + user
}

// rootName names the user that every Unix has.
func rootName(user, uid string) string {
	if user == "" && uid == "0" {
		return "root"
	}
	return user
}

// sha256Hex takes a SHA-256 out of what producers write: the bare digits, or after "SHA256=" or "sha256:".
func sha256Hex(s string) string {
	for {
		part, rest, more := strings.Cut(s, ",")
		if i := strings.LastIndexAny(part, "=:"); i >= 0 {
			if !strings.EqualFold(strings.TrimSpace(part[:i]), "sha256") {
				part = ""
			} else {
				part = part[i+1:]
			}
		}
		if len(part) == 64 && strings.Trim(part, "0123456789abcdefABCDEF") == "" {
			return strings.ToLower(part)
		}
		if !more {
			return ""
		}
		s = rest
	}
}
