package judge

import (
	"math/bits"
	"slices"
	"strings"

	"netsensor/internal/manifest"
)

// software is what a manifest says about the files of a product, as far as hosts can tell.
type software struct {
	hashes map[string]*manifest.Artifact // by SHA-256
	names  map[string]*manifest.Artifact // by the file's name, lower case
	// programs: single programs are declared, not only the packages that they come in.
	programs bool
	signers  []*manifest.Signer // of programs
	hidden   bool               // a signer is declared by its key only
}

// packages are what artifacts are that no host executes.
var packages = []string{".deb", ".rpm", ".msi", ".msp", ".apk", ".pkg", ".dmg", ".zip", ".gz", ".tgz", ".xz", ".bz2", ".zst", ".tar", ".iso", ".ova", ".qcow2", ".vmdk",
	".cab", ".appimage", ".snap", ".flatpak", ".whl", ".jar", ".war", ".img"}

func (s *software) compile(m *manifest.Manifest) {
	s.hashes, s.names = map[string]*manifest.Artifact{}, map[string]*manifest.Artifact{}
	for i := range m.Artifacts {
		a := &m.Artifacts[i]
		s.hashes[a.Hashes.SHA256] = a
		name := strings.ToLower(base(a.Name))
		if s.names[name] == nil {
			s.names[name] = a
		}
		if !slices.ContainsFunc(packages, func(end string) bool { return strings.HasSuffix(name, end) }) {
			s.programs = true
		}
	}
	for i := range m.Signers {
		if g := &m.Signers[i]; g.Kind == manifest.X509CodeSign {
			s.signers = append(s.signers, g)
			s.hidden = s.hidden || g.Subject == ""
		}
	}
}

// software judges the file of an event: the program that was started, or a library that was loaded. Only the product's
// own files are compared: a command of the system has its own makers. A library counts as the product's where the
// product's program loads it from outside the system's folders, for that is how others' code gets into it.
func (j *Judge) software(list []hostFinding, m *monitored, e *HostEvent, owners uint64) []hostFinding {
	file := e.File
	if file == "" {
		file = e.Process.Exe
	}
	if file == "" {
		return list
	}
	n := normalPath(file)
	var own, known bool
	var best hostFinding
	for rest := owners; rest != 0; rest &= rest - 1 {
		hp := m.products[bits.TrailingZeros64(rest)]
		mine := hp.owns(file)
		if !mine && e.Kind == ImageLoaded && hp.owns(e.Process.Exe) {
			mine = !systemLibrary(n)
		}
		if !mine {
			continue
		}
		s := &hp.software
		if e.SHA256 != "" && s.hashes[e.SHA256] != nil {
			known = true
			continue
		}
		own = true
		f := s.judge(e, n)
		if f.product = hp; f.verdict == Expected {
			known = true
		}
		if f.verdict > best.verdict || best.product == nil {
			best = f
		}
	}
	switch {
	case known:
		return append(list, hostFinding{verdict: Expected, rule: UnknownHash})
	case own && best.reason == NoHash && e.Kind == ProcessStarted:
		// Most producers report no hashes: what is known of the command is not the less for it.
		return list
	case own:
		best.key = n + " " + e.SHA256 + " " + e.Signer
		return append(list, best)
	}
	return list
}

// systemLibrary reports whether a file lies where only the system's own installer writes.
func systemLibrary(n string) bool {
	for _, dir := range [...]string{"win:/windows/", "/usr/lib/", "/usr/lib64/", "/usr/bin/", "/usr/sbin/", "/usr/libexec/"} {
		if strings.HasPrefix(n, dir) {
			return !strings.HasPrefix(n, "win:/windows/temp/")
		}
	}
	return false
}

// judge compares the hash and the signature of a file with what is declared. Either suffices.
func (s *software) judge(e *HostEvent, normal string) hostFinding {
	f := hostFinding{reason: SoftwareUndeclared, confidence: High}
	if len(s.signers) > 0 {
		switch {
		case e.Signature == SignedValid && s.signedBy(e.Signer, e.Now):
			return hostFinding{verdict: Expected, rule: UnknownSigner}
		case e.Signature == SignedInvalid && s.signedBy(e.Signer, e.Now):
			f.verdict, f.rule, f.confidence, f.fault = Unexpected, UnknownSigner, Medium, "its signature is not valid"
			return f
		case e.Signature == Unsigned:
			f.verdict, f.rule, f.fault = Unexpected, UnknownSigner, "it is not signed"
			return f
		case e.Signature != SignatureUnknown && e.Signer != "" && !s.hidden:
			f.verdict, f.rule, f.fault = Unexpected, UnknownSigner, "its signer is not declared"
			return f
		case e.Signature != SignatureUnknown:
			f.verdict, f.reason = Undecidable, SignerHidden
			return f
		}
	}
	a := s.names[strings.ToLower(base(normal))]
	switch {
	case len(s.hashes) == 0:
	case e.SHA256 == "" && (a != nil || s.programs):
		f.verdict, f.reason = Undecidable, NoHash
	case a != nil:
		f.verdict, f.rule, f.artifact = Unexpected, UnknownHash, a
	case s.programs:
		f.verdict, f.rule, f.confidence = Unexpected, UnknownHash, Medium
	}
	return f
}

// signedBy compares a signer as hosts name it, which is often by its common name only, with those that are declared.
func (s *software) signedBy(seen string, now int64) bool {
	return seen != "" && slices.ContainsFunc(s.signers, func(g *manifest.Signer) bool {
		if g.Subject == "" || !g.NotAfter.IsZero() && now > g.NotAfter.UnixNano() {
			return false
		}
		return sameDN(g.Subject, seen) || !strings.Contains(seen, "=") && (commonName(g.Subject) == seen || g.Subject == seen)
	})
}

// commonName returns the CN of a distinguished name as text (RFC 4514, without its escapes).
func commonName(dn string) string {
	for _, part := range strings.Split(dn, ",") {
		if v, ok := strings.CutPrefix(strings.TrimSpace(part), "CN="); ok {
			return v
		}
	}
	return ""
}
