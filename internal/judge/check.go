package judge

import (
	"net/netip"
	"slices"

	"netsensor/internal/allowlist"
	"netsensor/internal/manifest"
)

// check is an entry in the form that conversations are compared with.
type check struct {
	method     method
	minVersion uint16
	tls        *manifest.TLS
	ssh        *manifest.SSH
	// The certificate is to be of one of these issuers or keys.
	pinned     bool
	clientAuth bool
	// authorities issue the certificates of the product's own services, where the entry is about one and does not
	// say itself who issues them. They bind only where a certificate is seen.
	authorities []string
	late        bool // something about it is decided only when the conversation has ended
}

func (j *Judge) compile(e *allowlist.Entry) check {
	k := check{method: j.compileMethod(e.Method)}
	if e.Comm == nil {
		return k
	}
	k.ssh = e.Comm.SSH
	if own(e) {
		k.authorities = authorities(e.Product.Manifest)
	}
	if k.authorities != nil {
		k.tls = &manifest.TLS{}
	}
	k.late = bounded(e)
	if t := e.Comm.TLS; t != nil {
		k.tls = t
		k.minVersion = tlsVersion(t.MinVersion)
		k.pinned = len(t.Issuers)+len(t.SPKISHA256) > 0
		k.clientAuth = t.ClientAuth != nil && *t.ClientAuth
		k.late = k.late || k.pinned || k.clientAuth || k.method.tls == manifest.TLSMay
		if k.pinned {
			k.authorities = nil
		}
	}
	return k
}

// own reports whether the server of an entry is the product's: one of its hosts, or the publisher's own service.
func own(e *allowlist.Entry) bool {
	return e.Comm.To.Role != "" || e.Comm.Party == manifest.ThirdParty && e.Comm.Operator == e.Product.Manifest.Publisher.Name
}

// authorities returns the subjects of the declared authorities, nil where one is known by its key only, for a leaf
// does not show that.
func authorities(m *manifest.Manifest) (subjects []string) {
	for i := range m.Signers {
		switch s := &m.Signers[i]; {
		case s.Kind != manifest.TLSAuthority:
		case s.Subject == "":
			return nil
		default:
			subjects = append(subjects, s.Subject)
		}
	}
	return subjects
}

// leg is a conversation as one of its ends sees it, or what is asked for within it.
type leg struct {
	c           *Conversation
	host        *hostSet
	local, peer netip.Addr
	port        uint16 // of the server
	outbound    bool
	// target: the server is what a proxy was asked for. Its address is not known; port 0 means not known either.
	target bool
}

// applies returns the constraints of entry i that do not hold for host h, whatever the conversation.
func (j *Judge) applies(i uint32, h *hostSet, outbound bool, now int64) Failed {
	e := &j.table.Entries[i]
	var f Failed
	switch {
	case h.plays(e.Role):
	case h.runs(e.Product):
		f |= FailedRole
	default:
		return FailedName | FailedAddress | FailedRole
	}
	if e.Outbound != outbound {
		f |= FailedDirection
	}
	if e.Local != nil && !slices.ContainsFunc(e.Local, func(p netip.Prefix) bool { return p.Contains(h.addr) }) {
		f |= FailedRole
	}
	if e.Unbound != "" {
		f |= FailedVariable
	}
	if e.Off {
		f |= FailedFeature
	}
	if e.Expires != 0 && now > e.Expires {
		f |= FailedExpired
	}
	return f
}

// compare returns the constraints of entry i that do not hold for l, apart from its names and addresses, and why
// it cannot be told whether the rest holds.
func (j *Judge) compare(i uint32, l *leg) (Failed, Reason) {
	e, k, c := &j.table.Entries[i], &j.checks[i], l.c
	f := j.applies(i, l.host, l.outbound, c.Now)
	if f > near {
		return f, NoReason
	}
	if e.Transports != allowlist.AnyTransport && e.Transports&allowlist.TransportOf(c.Proto) == 0 {
		f |= FailedPort
	}
	if ported(c.Proto) && (l.port != 0 || !l.target) && !e.Port(l.port) {
		f |= FailedPort
	}
	var r Reason
	switch k.method.seen(c) {
	case methodOther:
		f |= FailedMethod
	case methodUnseen:
		r = unseen(c)
	}
	if f&(FailedMethod|FailedPort) == 0 {
		if k.tls != nil {
			fault, why := k.handshake(c)
			if fault != tlsHolds {
				f |= FailedTLS
			}
			if r == NoReason {
				r = why
			}
		}
		if k.ssh != nil && !sshHolds(k.ssh, c) {
			f |= FailedSSH
		}
	}
	return f, r
}

func ported(proto uint8) bool { return proto == 6 || proto == 17 || proto == 132 }

// unseen says why evidence that parsers would have found is missing.
func unseen(c *Conversation) Reason {
	switch {
	case c.Gap:
		return Gap
	case c.Midstream:
		return Midstream
	case c.OneWay:
		return OneWay
	}
	return Unobservable
}

// tlsFault says what in a handshake is not as declared.
type tlsFault uint8

const (
	tlsHolds tlsFault = iota
	tlsClear
	tlsTooOld
	tlsHidden
	tlsNamed
	tlsNameless
	tlsALPN
	tlsAnonymous
	tlsKey
	tlsIssuer
)

var tlsFaults = [...]string{
	"", "no TLS", "the version is below the declared minimum", "the name is encrypted", "a name is given", "no name is given",
	"the application protocol (ALPN) is not declared", "the client presents no certificate", "the certificate's key is not declared",
	"the certificate's issuer is not declared",
}

// handshake compares what was seen of a TLS handshake with what is declared.
func (k *check) handshake(c *Conversation) (tlsFault, Reason) {
	if c.App != "tls" && c.App != "quic" {
		if c.App != "" && c.Phase == Ended && k.method.tls == manifest.TLSMay {
			return tlsClear, NoReason // it could have turned to TLS until now
		}
		return tlsHolds, NoReason
	}
	t := k.tls
	sni := false
	for i := range c.Names {
		sni = sni || c.Names[i].Source == SNI
	}
	switch {
	case k.minVersion != 0 && c.TLS.Version != 0 && c.TLS.Version < k.minVersion:
		return tlsTooOld, NoReason
	case t.ECH == manifest.Forbids && c.TLS.ECH:
		return tlsHidden, NoReason
	case t.SNI == manifest.Forbids && sni:
		return tlsNamed, NoReason
	case t.SNI == manifest.Always && !sni && c.App == "tls" && greeted(c):
		return tlsNameless, NoReason
	case len(t.ALPN) > 0 && c.TLS.ALPN != "" && !slices.Contains(t.ALPN, c.TLS.ALPN):
		return tlsALPN, NoReason
	}
	// What a client presents is hidden in TLS 1.3, and one that resumes presents nothing.
	if k.clientAuth && c.TLS.Version != 0 && c.TLS.Version < 0x0304 && c.TLS.Cert && !c.TLS.ClientCert && !c.TLS.Resumed &&
		!c.OneWay && !c.Gap && c.Phase == Ended {
		return tlsAnonymous, NoReason
	}
	if k.authorities != nil && c.TLS.Cert && !issuedBy(k.authorities, c) {
		return tlsIssuer, NoReason
	}
	if !k.pinned {
		return tlsHolds, NoReason
	}
	if !c.TLS.Cert {
		if c.Phase == Ended && c.TLS.Version != 0 {
			return tlsHolds, unseenCertificate(c)
		}
		return tlsHolds, NoReason
	}
	if len(t.SPKISHA256) > 0 && c.TLS.SPKI != "" && !slices.Contains(t.SPKISHA256, c.TLS.SPKI) {
		return tlsKey, NoReason
	}
	if len(t.Issuers) > 0 && !issuedBy(t.Issuers, c) {
		return tlsIssuer, NoReason
	}
	return tlsHolds, NoReason
}

// greeted reports whether the ClientHello was seen: by what was in it, or because it was answered.
func greeted(c *Conversation) bool {
	return c.TLS.Hello || c.TLS.Version != 0 && c.PayloadToServer && !c.Midstream && !c.Gap
}

func issuedBy(issuers []string, c *Conversation) bool {
	return slices.ContainsFunc(issuers, func(s string) bool { return sameDN(s, c.TLS.Issuer) })
}

func unseenCertificate(c *Conversation) Reason {
	if c.TLS.Version < 0x0304 && !c.TLS.Resumed {
		return unseen(c)
	}
	return Unobservable
}

// sameDN compares two distinguished names as text, whatever the blanks after the commas.
func sameDN(a, b string) bool {
	i, k := 0, 0
	for {
		for i > 0 && i < len(a) && a[i] == ' ' && a[i-1] == ',' {
			i++
		}
		for k > 0 && k < len(b) && b[k] == ' ' && b[k-1] == ',' {
			k++
		}
		if i == len(a) || k == len(b) {
			return i == len(a) && k == len(b)
		}
		if a[i] != b[k] {
			return false
		}
		i, k = i+1, k+1
	}
}

func sshHolds(s *manifest.SSH, c *Conversation) bool {
	if len(s.HostKeySHA256) > 0 && c.HostKey != "" && !slices.Contains(s.HostKeySHA256, c.HostKey) {
		return false
	}
	matches := func(patterns []string, software string) bool {
		return len(patterns) == 0 || software == "" || slices.ContainsFunc(patterns, func(p string) bool { return like(p, software) })
	}
	return matches(s.ClientSoftware, c.ClientSoftware) && matches(s.ServerSoftware, c.ServerSoftware)
}
