package learn

import (
	"slices"
	"strings"

	"netsensor/internal/judge"
	"netsensor/internal/manifest"
)

// method is the manifest's word for what was spoken, or one of what there is no word for.
type method string

// What there is no word for: nothing was said, or nobody knows what. "app:…" is content that has a name here, but
// not in the format.
const (
	nothing  method = ""
	unknown  method = "?"
	wordless        = "app:"
)

// named reports whether the format has a word for it.
func (m method) named() bool {
	return m != nothing && m != unknown && !strings.HasPrefix(string(m), wordless)
}

// word returns the manifest's word, empty where there is none.
func (m method) word() string {
	if m.named() {
		return string(m)
	}
	return ""
}

// words are the contents that are called otherwise in the format.
var words = map[string]string{
	"http2": "HTTP", "krb5": "Kerberos", "rfb": "VNC", "pgsql": "PostgreSQL", "enip": "EtherNet-IP", "nbss": "SMB", "ftp-data": "FTP",
}

// methodOf tells the method of a conversation by its content; the port only says what is most likely inside TLS.
func methodOf(c *judge.Conversation, port uint16) method {
	switch c.App {
	case "":
		if c.PayloadToServer || c.PayloadToClient {
			return unknown
		}
		return nothing
	case "tls":
		switch c.AppBefore {
		case "", "http", "socks":
			return insideTLS(port)
		}
		if m, ok := lookup(c.AppBefore); ok && m.TLS != manifest.TLSNever {
			return method(m.Name)
		}
		return wordless + "tls"
	}
	if m, ok := lookup(c.App); ok {
		return method(m.Name)
	}
	return method(wordless + c.App)
}

func lookup(app string) (manifest.Method, bool) {
	if w, ok := words[app]; ok {
		app = w
	}
	return manifest.LookupMethod(app)
}

// insideTLS returns the method that is at home on a port and always inside TLS.
func insideTLS(port uint16) method {
	if port != 443 {
		for _, m := range manifest.Methods() {
			if m.TLS == manifest.TLSAlways && m.Transport == manifest.TCP && slices.Contains(m.Ports, port) {
				return method(m.Name)
			}
		}
	}
	return "TLS"
}

// inner is the method of what a proxy was asked for.
func inner(c *judge.Conversation) method {
	switch c.App {
	case "tls":
		return "TLS"
	case "http", "socks", "":
		// It may have been a tunnel that was refused, or a request in clear.
		return wordless + "proxy"
	}
	return methodOf(c, 0)
}

// purpose says what a method's servers are called, and what type of system they are.
func (m method) purpose() (variable, system string) {
	switch m {
	case "DNS", "DoT", "DoQ":
		return "dns_resolvers", "dns-resolver"
	case "LDAP", "LDAPS":
		return "ldap_directory", "ldap-directory"
	case "Kerberos":
		return "kerberos_kdc", "kerberos-kdc"
	case "NTP":
		return "ntp_servers", "ntp-server"
	case "SMTP", "SMTPS":
		return "mail_relays", "mail-relay"
	case "Syslog":
		return "syslog_collectors", "syslog-collector"
	case "SMB", "NFS":
		return "file_servers", "file-server"
	}
	s := slug(string(m))
	return strings.ReplaceAll(s, "-", "_") + "_servers", s + "-server"
}
