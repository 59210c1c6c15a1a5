package judge

import (
	"strconv"
	"strings"
)

// why writes the sentence that explains an alert.
func (j *Judge) why(a *Alert, f *finding) string {
	var b strings.Builder
	b.WriteString(a.Host.String())
	if len(a.Products) > 0 {
		b.WriteString(" (")
		b.WriteString(a.Products[0].Name)
		if len(a.Roles) > 0 {
			b.WriteString(" " + a.Roles[0])
		}
		b.WriteString(")")
	}
	peer := a.Peer.String()
	if a.Inbound || !ported(a.Proto) {
		peer = a.Peer.Addr().String()
	}
	port := strconv.Itoa(int(a.Target.Port()))
	switch a.Rule {
	case UnknownDomain:
		if a.Asked {
			b.WriteString(" asked for " + a.Name)
		} else if f.target {
			b.WriteString(" asked the proxy " + peer + " for " + a.Name)
		} else {
			b.WriteString(" contacted " + a.Name + " at " + peer + " (" + sourceText(f.source) + ")")
		}
		b.WriteString("; no entry of " + a.declarer() + " declares it")
	case UnknownAddress:
		if f.target {
			b.WriteString(" asked the proxy " + peer + " for the address " + a.Name)
		} else {
			b.WriteString(" contacted the external address " + peer + ", for which it gave and looked up no name")
		}
		b.WriteString("; no entry of " + a.declarer() + " declares it")
	case UnexpectedSystem:
		b.WriteString(" contacted the internal system " + peer)
		if a.App != "" {
			b.WriteString(" by " + a.App)
		}
		b.WriteString(", which is bound to no variable or role of " + a.declarer())
	case UnexpectedInbound:
		b.WriteString(" was contacted")
		if ported(a.Proto) {
			b.WriteString(" on port " + port)
		}
		b.WriteString(" by " + peer)
		if !ported(a.Proto) {
			b.WriteString(" over " + transportText(a.Proto))
		}
		if a.App != "" {
			b.WriteString(" by " + a.App)
		}
		b.WriteString("; no entry of " + a.declarer() + " declares that")
	case UnexpectedMethod:
		if a.Inbound {
			b.WriteString(" was contacted by " + peer + " on the declared port " + port)
		} else {
			b.WriteString(" contacted the declared endpoint " + peer)
			if a.Name != "" {
				b.WriteString(" (" + a.Name + ")")
			}
		}
		b.WriteString(" by " + transportText(a.Proto))
		if a.App != "" {
			b.WriteString(" and " + a.App)
		}
		b.WriteString(", which " + a.declarer() + " does not declare")
	case FeatureOff:
		verb := " contacted " + peer
		if a.Asked {
			verb = " asked for " + a.Name
		} else if a.Inbound {
			verb = " was contacted by " + peer
		}
		b.WriteString(verb + ", which only a feature that is off would do")
	case NameMismatch:
		b.WriteString(" claimed to speak to " + a.Name + " (" + sourceText(f.source) + ") at " + peer)
		if f.failed&FailedName != 0 {
			b.WriteString(", beside another, declared name")
		} else {
			b.WriteString(", but was given other addresses for that name")
		}
	case TLSPolicy:
		b.WriteString(" spoke TLS with " + peer + " otherwise than " + a.declarer() + " declares: " + tlsFaults[f.fault])
	case DefaultAccount:
		verb := " saw a login"
		switch a.Login.Outcome {
		case loginAccepted:
			verb = " accepted a login"
		case loginRefused:
			verb = " refused a login"
		}
		if !a.Inbound {
			verb = " logged in at " + peer
		}
		b.WriteString(verb + " with the default account " + strconv.Quote(a.Account.Name) + " (" + a.Login.Mechanism + ")")
		if a.Inbound {
			b.WriteString(" from " + peer)
		}
	case UnknownHash, UnknownSigner:
		b.WriteString(" received the file " + strconv.Quote(clip(a.File.Name)))
		if a.File.SHA256 != "" {
			b.WriteString(" (SHA-256 " + a.File.SHA256 + ")")
		}
		b.WriteString(" from " + peer)
		if a.Rule == UnknownSigner {
			b.WriteString(", signed by " + strconv.Quote(clip(a.File.Signer.Subject)) + " (" + a.File.Signer.Kind + "), which is no declared signer of " + a.declarer())
		} else if b.WriteString(", which is no declared artifact of " + a.declarer()); a.Artifact != nil {
			b.WriteString("; declared under that name: " + a.Artifact.Hashes.SHA256)
		}
	case BoundsExceeded:
		b.WriteString(" exceeded a bound of a declared communication: " + strconv.FormatUint(a.bound.seen, 10) + " " + boundTexts[a.bound.kind] +
			", declared are at most " + strconv.FormatUint(a.bound.permitted, 10))
	case UndecidableRule:
		b.WriteString(" and " + peer + ": not decidable (" + a.Reason.String() + ")")
	}
	if a.Entry != nil && a.Rule != DefaultAccount {
		label := "nearest"
		if a.Rule == BoundsExceeded {
			label = "entry"
		}
		b.WriteString("; " + label + ": " + a.Entry.ID)
		if text := EndpointText(a.Entry); text != "" {
			b.WriteString(" (" + text + ")")
		}
		if a.Failed != 0 {
			b.WriteString(", differs in " + a.Failed.String())
		}
		if a.Rule == FeatureOff && a.Entry.Comm != nil {
			b.WriteString("; off: " + strings.Join(a.Entry.Comm.Features, ", "))
		}
	}
	return b.String()
}

// declarer names the product and the versions that its manifest is about.
func (a *Alert) declarer() string {
	if len(a.Products) == 0 {
		return "any product"
	}
	list := make([]string, 0, maxListed)
	for _, p := range a.Products[:min(len(a.Products), maxListed)] {
		name := p.Name
		if p.Bound != nil && p.Bound.InstalledVersion != "" {
			name += " " + p.Bound.InstalledVersion
		}
		list = append(list, name)
	}
	return listing(list, len(a.Products))
}

// listing writes the first of total things, and how many more there are.
func listing(first []string, total int) string {
	s := strings.Join(first, ", ")
	if n := total - len(first); n > 0 {
		s += " and " + strconv.Itoa(n) + " more"
	}
	return s
}

func sourceText(s NameSource) string {
	switch s {
	case SNI:
		return "tls.sni"
	case Host:
		return "http.host"
	case Target:
		return "proxy.target"
	case DNS:
		return "dns.answer"
	case Cert:
		return "tls.certificate"
	}
	return "protocol"
}

func transportText(proto uint8) string {
	switch proto {
	case 6:
		return "tcp"
	case 17:
		return "udp"
	case 132:
		return "sctp"
	case 1, 58:
		return "icmp"
	}
	return "IP protocol " + strconv.Itoa(int(proto))
}

// clip shortens what a stranger wrote.
func clip(s string) string {
	if len(s) > maxClip {
		return s[:maxClip]
	}
	return s
}

const maxClip = 128
