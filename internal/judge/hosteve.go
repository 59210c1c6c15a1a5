package judge

import (
	"strconv"
	"strings"

	"netsensor/internal/eve"
)

// HostEvidence is what an alert repeats of a host event. Secrets in command lines are not shown.
type HostEvidence struct {
	Kind              HostEventKind
	Host              string // the host's name for itself
	Producer, EventID string
	Process, Parent   ProcessEvidence
	File, SHA256      string
	Signer, Signature string
	Reason            HostReason // of an undecidable event
	Fault             string     // of a signature
	// Match says how a process was found for a conversation: "connection" (all of addresses and ports), "destination"
	// (the server's only) or "query" (the name that was looked up). Empty: the alert is about the event itself.
	Match string
}

// ProcessEvidence is a process in an alert.
type ProcessEvidence struct {
	Exe, User, CommandLine string
	PID                    uint64
}

const maxEvidence = 512 // bytes of a command line

func evidenceOf(e *HostEvent) *HostEvidence {
	process := func(p *Process) ProcessEvidence {
		return ProcessEvidence{Exe: cutText(p.Exe, maxEvidence), User: p.shownUser(), PID: p.PID, CommandLine: cutText(shownCommand(p), maxEvidence)}
	}
	return &HostEvidence{
		Kind: e.Kind, Host: e.Host, Producer: e.Producer, EventID: e.EventID, Process: process(&e.Process), Parent: process(&e.Parent),
		File: cutText(e.File, maxEvidence), SHA256: e.SHA256, Signer: cutText(e.Signer, maxEvidence), Signature: e.SignatureState,
	}
}

func (p *Process) shownUser() string {
	if p.User == "" && p.UID != "" {
		return "uid " + p.UID
	}
	return p.User
}

// cutText shortens a text at the boundary of a character.
func cutText(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && s[most]&0xc0 == 0x80 {
		most--
	}
	return s[:most] + "…"
}

// ofHost reports whether the alert is about an event of a host, and not about traffic.
func (a *Alert) ofHost() bool { return a.Process != nil && a.Process.Match == "" }

// The rules that mean the same on a host, in other words.
var hostInfos = map[Rule]ruleInfo{
	UnknownHash: {"unknown-hash", "A suspicious filename was detected", "NETSENSOR unknown software run by", 2,
		"TA0003", "Persistence", "T1554", "Compromise_Host_Software_Binary"},
	UnknownSigner: {"unknown-signer", "A suspicious filename was detected", "NETSENSOR software of an unknown signer run by", 2,
		"TA0005", "Defense_Evasion", "T1553.002", "Code_Signing"},
	UndecidableRule: {"undecidable", "Misc activity", "NETSENSOR undecidable host event of", 4, "", "", "", ""},
}

// shells have techniques of their own (ATT&CK T1059).
var shells = map[string][2]string{
	"powershell.exe": {"T1059.001", "PowerShell"}, "pwsh.exe": {"T1059.001", "PowerShell"}, "pwsh": {"T1059.001", "PowerShell"},
	"osascript": {"T1059.002", "AppleScript"}, "cmd.exe": {"T1059.003", "Windows_Command_Shell"},
	"sh": {"T1059.004", "Unix_Shell"}, "bash": {"T1059.004", "Unix_Shell"}, "dash": {"T1059.004", "Unix_Shell"}, "zsh": {"T1059.004", "Unix_Shell"},
	"wscript.exe": {"T1059.005", "Visual_Basic"}, "cscript.exe": {"T1059.005", "Visual_Basic"},
	"python": {"T1059.006", "Python"}, "python3": {"T1059.006", "Python"}, "python.exe": {"T1059.006", "Python"},
	"node": {"T1059.007", "JavaScript"}, "node.exe": {"T1059.007", "JavaScript"},
}

// info returns what is always the same about the alert's rule.
func (a *Alert) info() *ruleInfo {
	info := &ruleInfos[a.Rule]
	if !a.ofHost() {
		return info
	}
	if other, ok := hostInfos[a.Rule]; ok {
		return &other
	}
	if t, ok := shells[strings.ToLower(base(a.Process.Process.Exe))]; ok && a.Rule == UnexpectedCommand {
		own := *info
		own.technique, own.techN = t[0], t[1]
		return &own
	}
	return info
}

// AppendHostLine appends a whole EVE line for an alert about a host event, with its line end.
func (a *Alert) AppendHostLine(dst []byte, o *eve.Options) []byte {
	obj := eve.Open(dst, o)
	obj.Time("timestamp", a.Now)
	obj.Str("event_type", "alert")
	if a.Process.Host != "" {
		obj.Str("host", a.Process.Host)
	}
	switch {
	case a.Source.IsValid() && a.Host.IsValid(): // a login from elsewhere
		obj.Addr("src_ip", a.Source.Addr())
		obj.Addr("dest_ip", a.Host)
	case a.Host.IsValid():
		obj.Addr("src_ip", a.Host)
	}
	obj.B = append(obj.B, ',')
	obj.B = a.AppendEVE(obj.B, o)
	return append(obj.Close(), '\n')
}

func (a *Alert) hostMetadata(m *eve.Object) {
	ev := a.Process
	if ev == nil {
		return
	}
	m.Strs("netsensor_producer", ev.Producer)
	if ev.Host != "" {
		m.Strs("netsensor_host_name", ev.Host)
	}
	if ev.Process.Exe != "" {
		m.Strs("netsensor_process", ev.Process.Exe)
	}
	if !a.ofHost() {
		return
	}
	if ev.Parent.Exe != "" {
		m.Strs("netsensor_parent", ev.Parent.Exe)
	}
	if c := a.command; c != nil {
		m.Strs("netsensor_nearest", c.ID)
		if a.commandFailed != 0 {
			m.Strs("netsensor_failed", a.commandFailed.names()...)
		}
		m.Strs("netsensor_feature", c.Features...)
	}
	if ev.File != "" {
		m.Strs("netsensor_file", ev.File)
	}
	if ev.SHA256 != "" {
		m.Strs("netsensor_sha256", ev.SHA256)
	}
	if ev.Signer != "" {
		m.Strs("netsensor_signer", ev.Signer)
	}
}

func (a *Alert) hostContext(m *eve.Object) {
	ev := a.Process
	if ev == nil {
		return
	}
	if c := a.command; c != nil {
		m.Key("nearest")
		m.B = append(m.B, '[')
		n := eve.Open(m.B, m.Opts)
		n.Str("id", c.ID)
		n.Str("product", a.Products[0].Name)
		n.Str("command", cutText(commandText(c), maxEvidence))
		n.StrIf("run_as", c.RunAs)
		n.StrIf("parent", c.Parent)
		n.Strs("failed", a.commandFailed.names()...)
		n.StrIf("reason", c.Reason)
		n.Strs("features", c.Features...)
		m.B = append(n.Close(), ']')
	}
	p := m.Begin("process")
	ev.Process.append(&p)
	p.Str("producer", ev.Producer)
	p.StrIf("event", ev.Kind.String())
	p.StrIf("event_id", ev.EventID)
	p.StrIf("host", ev.Host)
	p.StrIf("match", ev.Match)
	p.StrIf("undecidable", ev.Reason.String())
	if ev.Parent.Exe != "" || ev.Parent.PID != 0 {
		parent := p.Begin("parent")
		ev.Parent.append(&parent)
		p.End(parent)
	}
	m.End(p)
	if !a.ofHost() {
		return
	}
	if ev.File != "" || ev.SHA256 != "" || ev.Signer != "" {
		f := m.Begin("file")
		if ev.File != "" {
			f.Str("name", ev.File)
		} else {
			f.Str("name", ev.Process.Exe)
		}
		f.StrIf("sha256", ev.SHA256)
		f.StrIf("signer", ev.Signer)
		f.StrIf("signature", ev.Signature)
		if a.Artifact != nil {
			f.Str("declared_sha256", a.Artifact.Hashes.SHA256)
		}
		m.End(f)
	}
	m.True("warm_up", a.Warming)
	if a.Folded > 0 {
		m.Uint("folded", a.Folded)
	}
	m.True("overflow", a.Overflow)
}

func (p *ProcessEvidence) append(o *eve.Object) {
	o.StrIf("exe", p.Exe)
	if p.PID != 0 {
		o.Uint("pid", p.PID)
	}
	o.StrIf("user", p.User)
	o.StrIf("command_line", p.CommandLine)
}

// whyHost writes the sentence that explains an alert about a host event.
func (j *Judge) whyHost(a *Alert, e *HostEvent, f *hostFinding) string {
	var b strings.Builder
	ev := a.Process
	switch {
	case ev.Host != "":
		b.WriteString(ev.Host)
	default:
		b.WriteString(a.Host.String())
	}
	b.WriteString(" (")
	b.WriteString(a.Products[0].Name)
	if len(a.Roles) > 0 {
		b.WriteString(" " + a.Roles[0])
	}
	b.WriteString(")")
	ran := ev.Process.CommandLine
	if ran == "" {
		ran = ev.Process.Exe
	}
	by := ""
	if ev.Process.User != "" {
		by = " as " + ev.Process.User
	}
	if parent := ev.Parent.Exe; parent != "" {
		by += ", started by " + parent
	}
	switch a.Rule {
	case UnexpectedCommand:
		b.WriteString(" ran " + ran + by + "; no command of " + a.declarer() + " is that")
	case UnknownHash, UnknownSigner:
		file := ev.File
		if file == "" || file == ev.Process.Exe {
			b.WriteString(" ran " + ev.Process.Exe + by)
		} else {
			b.WriteString(" loaded " + file + " into " + ev.Process.Exe)
		}
		switch {
		case f.fault != "":
			b.WriteString("; " + f.fault)
			if ev.Signer != "" {
				b.WriteString(" (" + ev.Signer + ")")
			}
		case f.artifact != nil:
			b.WriteString("; " + f.artifact.Name + " is declared with another SHA-256")
		default:
			b.WriteString("; its SHA-256 is none of " + a.declarer())
		}
	case DefaultAccount:
		verb := " saw a login"
		switch e.Login.Outcome {
		case loginAccepted:
			verb = " accepted a login"
		case loginRefused:
			verb = " refused a login"
		}
		b.WriteString(verb + " with the default account " + strconv.Quote(a.Account.Name) + " (" + e.Login.Mechanism + ")")
		if e.From.IsValid() {
			b.WriteString(" from " + e.From.String())
		}
	case UndecidableRule:
		b.WriteString(" ran " + ran + by + ": not decidable (" + f.reason.String() + ")")
	}
	if c := a.command; c != nil {
		b.WriteString("; nearest: " + c.ID + " (" + cutText(commandText(c), maxEvidence) + ")")
		if f.failed != 0 {
			b.WriteString(", differs in " + strings.Join(f.failed.names(), ", "))
		}
	}
	return b.String()
}
