package judge

import (
	"slices"
	"strings"

	"netsensor/internal/allowlist"
	"netsensor/internal/manifest"
)

// fileVerdict is what the manifests say about a file that a host received.
type fileVerdict uint8

const (
	fileNotJudged fileVerdict = iota // no product of the host says which files are its own
	fileDeclared
	fileUnseen // there is no hash
	fileUnknownHash
	fileUnknownSigner
)

// files judges the files that a host received: any product that it runs may declare them.
func (j *Judge) files(c *Conversation, h *hostSet, inbound bool, port uint16) {
	for i := range c.Files {
		file := &c.Files[i]
		if file.ToServer != inbound {
			continue
		}
		v, p := judgeFile(h, file, c.Now)
		f := finding{
			verdict: Unexpected, entry: -1, host: h, inbound: inbound, product: p, confidence: confidence(c), file: file, extra: true, port: port,
		}
		switch v {
		case fileUnknownHash:
			f.rule = UnknownHash
			if file.Signer.Kind != "" && slices.ContainsFunc(h.products, func(p *allowlist.Product) bool { return signs(p, &file.Signer, c.Now) }) {
				f.confidence = Low // a version that the manifest does not know yet
			}
		case fileUnknownSigner:
			f.rule = UnknownSigner
		}
		if f.rule != NoRule {
			j.findings = append(j.findings, f)
		}
		if c.Phase == Ended {
			j.report.files[v]++
		}
	}
}

// judgeFile compares a file with what the products of a host declare; the product is the one that says most about it.
func judgeFile(h *hostSet, file *File, now int64) (fileVerdict, *allowlist.Product) {
	var byHash, bySigner *allowlist.Product
	signed := false
	for _, p := range h.products {
		if p.Artifacts[file.SHA256] != nil {
			return fileDeclared, p
		}
		if byHash == nil && p.Artifacts != nil || byHash != nil && sameName(p, file.Name) != nil {
			byHash = p
		}
		if declaresSigner(p, file.Signer.Kind) {
			if bySigner == nil {
				bySigner = p
			}
			signed = signed || signs(p, &file.Signer, now)
		}
	}
	switch {
	case bySigner != nil && !signed:
		return fileUnknownSigner, bySigner
	case byHash == nil && signed:
		return fileDeclared, bySigner
	case byHash == nil:
		return fileNotJudged, nil
	case file.SHA256 == "":
		return fileUnseen, byHash
	}
	return fileUnknownHash, byHash
}

// sameName returns the artifact that a product declares under a file's name.
func sameName(p *allowlist.Product, name string) *manifest.Artifact {
	for i := range p.Manifest.Artifacts {
		if a := &p.Manifest.Artifacts[i]; name != "" && a.Name == name {
			return a
		}
	}
	return nil
}

func declaresSigner(p *allowlist.Product, kind string) bool {
	return kind != "" && slices.ContainsFunc(p.Manifest.Signers, func(s manifest.Signer) bool { return string(s.Kind) == kind })
}

// signs reports whether a signer is one that the product declares.
func signs(p *allowlist.Product, by *Signer, now int64) bool {
	return slices.ContainsFunc(p.Manifest.Signers, func(s manifest.Signer) bool {
		if string(s.Kind) != by.Kind || !s.NotAfter.IsZero() && now > s.NotAfter.UnixNano() {
			return false
		}
		if s.Kind == manifest.OpenPGP {
			// A signature may name its key by the last 64 bits of the fingerprint only (RFC 9580, section 5.2.3.12).
			id := strings.ToUpper(by.Subject)
			return len(id) >= 16 && strings.HasSuffix(s.Fingerprint, id)
		}
		known := by.Subject
		if s.Kind == manifest.Cosign {
			if s.Identity != "" && s.Identity != known {
				return false
			}
		} else if s.Subject != "" && !sameDN(s.Subject, known) {
			return false
		}
		return (s.Issuer == "" || sameDN(s.Issuer, by.Issuer)) && (len(s.SPKISHA256) == 0 || slices.Contains(s.SPKISHA256, by.SPKI))
	})
}
