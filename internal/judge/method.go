package judge

import (
	"slices"
	"strings"

	"netsensor/internal/manifest"
)

// appsOf says what the content of a declared method may be (EVE's app_proto), where that is not the method's own
// word in lower case.
var appsOf = map[string][]string{
	"dtls":          {"dtls"},
	"http":          {"http", "http2", "websocket"},
	"websocket":     {"websocket", "http"},
	"grpc":          {"http2"},
	"winrm":         {"http"},
	"elasticsearch": {"http"},
	"etcd":          {"http", "http2"},
	"ipp":           {"http"},
	"sftp":          {"ssh"},
	"scp":           {"ssh"},
	"vnc":           {"rfb"},
	"mdns":          {"mdns", "dns"},
	"llmnr":         {"llmnr", "dns"},
	"dhcpv6":        {"dhcp"},
	"kerberos":      {"krb5"},
	"smb":           {"smb", "nbss"},
	"nfs":           {"nfs", "rpc"},
	"ftp":           {"ftp", "ftp-data"},
	"postgresql":    {"pgsql"},
	"ethernet-ip":   {"enip"},
}

// over are the methods that are another one inside TLS: its STARTTLS is theirs.
var over = map[string]string{
	"https": "http", "ldaps": "ldap", "ftps": "ftp", "smtps": "smtp", "imaps": "imap", "pop3s": "pop3", "amqps": "amqp",
	"mqtts": "mqtt", "sips": "sip",
}

// inQUIC are the methods that TLS inside QUIC carries, too or only.
var inQUIC = map[string]bool{"quic": true, "http3": true, "doq": true, "https": true, "doh": true}

// recognised are the contents that are told when the engine does not say which parsers it has.
var recognised = []string{
	"tls", "quic", "http", "http2", "ssh", "dns", "ldap", "krb5", "smb", "ftp", "telnet", "smtp", "imap", "pop3",
	"pgsql", "mysql", "mongodb", "redis", "mqtt", "amqp", "snmp", "sip", "rdp", "rfb", "ntp", "dhcp", "tftp",
}

// method is a declared method as content shows it.
type method struct {
	any      bool     // none was declared
	apps     []string // in clear
	tls      manifest.TLSUse
	quic     bool
	told     bool // a parser would recognise it
	anything bool // TLS, whatever it began as
	word     string
}

func (j *Judge) compileMethod(declared string) method {
	word := strings.ToLower(declared)
	if word == "" {
		return method{any: true}
	}
	m := method{word: word}
	if known, ok := manifest.LookupMethod(word); ok {
		m.tls = known.TLS
	}
	base := word
	if b, ok := over[word]; ok {
		base = b
	}
	m.apps = appsOf[base]
	if m.apps == nil {
		m.apps = []string{base}
	}
	m.quic = inQUIC[word]
	m.anything = word == "tls"
	parsers := j.cfg.Parsers
	if parsers == nil {
		parsers = recognised
	}
	for _, app := range m.apps {
		m.told = m.told || slices.Contains(parsers, app)
	}
	switch {
	case m.tls == manifest.TLSAlways && m.quic && (word == "quic" || word == "http3" || word == "doq"):
		m.told = slices.Contains(parsers, "quic")
	case m.tls == manifest.TLSAlways:
		m.told = slices.Contains(parsers, "tls")
	case m.tls == manifest.TLSMay:
		m.told = m.told && slices.Contains(parsers, "tls")
	}
	return m
}

// methodResult is what the content says about a declared method.
type methodResult uint8

const (
	methodHolds  methodResult = iota
	methodOther               // the content is another protocol's
	methodUnseen              // the content would tell, but was not recognised
)

// seen compares the method with the content of c.
func (m *method) seen(c *Conversation) methodResult {
	if m.any {
		return methodHolds
	}
	switch c.App {
	case "":
		// Nothing was said, or nobody understood it.
		if m.told && (c.PayloadToServer || c.PayloadToClient) {
			return methodUnseen
		}
		return methodHolds
	case "quic":
		if m.quic {
			return methodHolds
		}
		return methodOther
	case "tls":
		tunnel := c.AppBefore == "" || c.AppBefore == "http" || c.AppBefore == "socks"
		if m.tls != manifest.TLSNever && (tunnel || m.anything || slices.Contains(m.apps, c.AppBefore)) {
			return methodHolds
		}
		return methodOther
	}
	if m.tls != manifest.TLSAlways && slices.Contains(m.apps, c.App) || c.App == m.word {
		return methodHolds
	}
	return methodOther
}

// alike reports whether content app is this method's, whether inside TLS or not.
func (m *method) alike(app string) bool {
	return slices.Contains(m.apps, app) || app == "tls" && m.tls == manifest.TLSAlways || app == "quic" && m.quic
}

// tlsVersion reads "1.2"; 0 for none.
func tlsVersion(v manifest.TLSVersion) uint16 {
	switch v {
	case "1.0":
		return 0x0301
	case "1.1":
		return 0x0302
	case "1.2":
		return 0x0303
	case "1.3":
		return 0x0304
	}
	return 0
}

// like reports whether s matches pattern, in which * stands for any characters.
func like(pattern, s string) bool {
	first, rest, star := strings.Cut(pattern, "*")
	if !star {
		return s == pattern
	}
	if !strings.HasPrefix(s, first) {
		return false
	}
	s = s[len(first):]
	for {
		part, more, star := strings.Cut(rest, "*")
		if !star {
			return strings.HasSuffix(s, part)
		}
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s, rest = s[i+len(part):], more
	}
}
