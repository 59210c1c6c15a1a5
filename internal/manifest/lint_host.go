package manifest

import (
	"path"
	"slices"
	"strings"

	"netsensor/internal/strict"
)

// host checks what is said about hosts: commands, accounts, signers and artifacts.
func (l *manifestLinter) host() {
	for i := range l.m.Commands {
		c := &l.m.Commands[i]
		at := []any{"commands", i}
		l.role(join(at, "role"), c.Role)
		l.featureList(at, c.Features)
		l.command(at, c)
	}
	for i := range l.m.Accounts {
		a := &l.m.Accounts[i]
		at := []any{"accounts", i}
		l.role(join(at, "role"), a.Role)
		l.featureList(at, a.Features)
		for j, p := range a.Protocols {
			if !slices.Contains(mechanisms, p) && !l.full("unknown-mechanism") {
				l.report("unknown-mechanism", join(at, "protocols", j), "docs/manifest.md lists the known ones", "the way to log in %s is not known%s", strict.Quote(p), strict.DidYouMean(p, mechanisms))
			}
		}
		if a.Lifecycle == Permanent && a.MustChange {
			l.report("account-lifecycle", join(at, "mustChange"), "", "%s is permanent, yet must be changed", strict.Quote(a.Name))
		}
	}
	signers := make(map[string]bool, len(l.m.Signers))
	for i := range l.m.Signers {
		l.signer([]any{"signers", i}, &l.m.Signers[i])
		signers[l.m.Signers[i].ID] = true
	}
	for i := range l.m.Artifacts {
		if s := l.m.Artifacts[i].Signer; s != "" && !signers[s] {
			unknown(&l.linter, "unknown-signer-id", []any{"artifacts", i, "signer"}, `define it in "signers"`, "the manifest has no signer", s, signers)
		}
	}
}

// interpreters run whatever their arguments say.
var interpreters = []string{
	"bash", "cmd.exe", "cscript.exe", "dash", "env", "mshta.exe", "node", "perl", "powershell.exe", "pwsh", "pwsh.exe", "python", "python3",
	"ruby", "rundll32.exe", "sh", "wscript.exe", "zsh",
}

func (l *manifestLinter) command(at []any, c *Command) {
	windows := len(c.Exec) > 2 && c.Exec[1] == ':' && (c.Exec[2] == '\\' || c.Exec[2] == '/')
	slashes := strings.ReplaceAll(c.Exec, `\`, "/")
	switch {
	case !path.IsAbs(c.Exec) && !windows:
		l.report("broad-command", join(at, "exec"), "give the absolute path", "%s is not an absolute path: any file of that name is expected", strict.Quote(c.Exec))
	case strings.Trim(path.Base(slashes), "*?") == "":
		l.report("broad-command", join(at, "exec"), "name the programs", "%s covers every program there", strict.Quote(c.Exec))
	}
	anything := c.Args == nil || len(c.Args) > 0 && c.Args[0] == "*" && len(c.Args) == 1
	if anything && slices.Contains(interpreters, strings.ToLower(path.Base(slashes))) {
		l.report("broad-command", at, `give "args": the script or the options`, "%s with any arguments can do anything", strict.Quote(c.Exec))
	}
}

func (l *manifestLinter) signer(at []any, s *Signer) {
	missing := ""
	switch s.Kind {
	case X509CodeSign, TLSAuthority:
		if s.Subject == "" && len(s.SPKISHA256) == 0 {
			missing = `"subject" or "spkiSha256"`
		}
	case OpenPGP:
		if s.Fingerprint == "" {
			missing = `"fingerprint"`
		}
	case Cosign:
		if (s.Identity == "" || s.Issuer == "") && len(s.SPKISHA256) == 0 {
			missing = `"identity" and "issuer", or "spkiSha256"`
		}
	}
	if missing != "" {
		l.report("signer-incomplete", at, "give "+missing, "the %s signer %s wants %s", s.Kind, strict.Quote(s.ID), missing)
	}
}
