package judge

import (
	"math/bits"
	"slices"
	"strings"

	"netsensor/internal/allowlist"
	"netsensor/internal/manifest"
)

// hostFailed is the set of constraints of a declared command that a process does not meet, the weightiest last.
type hostFailed uint8

const (
	failedFeature hostFailed = 1 << iota
	failedArgs
	failedUser
	failedParent
	failedRole
	failedExec
)

var hostFailedNames = [...]string{"feature", "args", "user", "parent", "role", "exec"}

// names returns the constraints, the weightiest first.
func (f hostFailed) names() []string {
	var list []string
	for i := len(hostFailedNames) - 1; i >= 0; i-- {
		if f&(1<<i) != 0 {
			list = append(list, hostFailedNames[i])
		}
	}
	return list
}

// hostProduct is what a manifest says about hosts, ready to be compared.
type hostProduct struct {
	*allowlist.Product
	commands []hostCommand
	users    map[string]bool // that run nothing but the product, lower case
	programs []pathPattern   // its own, wherever they lie
	folders  []string        // its own, with a slash at the end
	software software
}

type hostCommand struct {
	*manifest.Command
	exec, parent pathPattern
	on           bool
}

// commonUsers run much besides any product.
var commonUsers = map[string]bool{
	"root": true, "system": true, "local service": true, "network service": true, "localsystem": true, "administrator": true, "nobody": true, "daemon": true,
}

func compileHostProduct(p *allowlist.Product) *hostProduct {
	hp := &hostProduct{Product: p, users: map[string]bool{}}
	m := p.Manifest
	addUser := func(name string) {
		if name = strings.ToLower(bareUser(name)); name != "" && !commonUsers[name] {
			hp.users[name] = true
		}
	}
	addFolder := func(pattern *pathPattern) {
		if dir := pattern.directory(); dir != "" && !slices.Contains(hp.folders, dir) {
			hp.folders = append(hp.folders, dir)
		}
	}
	for i := range m.Commands {
		c := hostCommand{Command: &m.Commands[i], exec: newPathPattern(m.Commands[i].Exec)}
		c.on = slices.ContainsFunc(c.Features, func(f string) bool { return p.Enabled[f] })
		addUser(c.RunAs)
		addFolder(&c.exec)
		if c.Parent != "" {
			c.parent = newPathPattern(c.Parent)
			if name := strings.ToLower(base(c.parent.text)); !general[name] && !starters[name] {
				hp.programs = append(hp.programs, c.parent)
				addFolder(&c.parent)
			}
		}
		hp.commands = append(hp.commands, c)
	}
	for i := range m.Accounts {
		if m.Accounts[i].Realm == "os" {
			addUser(m.Accounts[i].Name)
		}
	}
	hp.software.compile(m)
	return hp
}

// isUser reports whether a user runs nothing but the product.
func (p *hostProduct) isUser(name string) bool {
	return name != "" && len(p.users) > 0 && p.users[strings.ToLower(bareUser(name))]
}

// owns reports whether a program is the product's own.
func (p *hostProduct) owns(exe string) bool {
	if exe == "" || len(p.folders)+len(p.programs) == 0 {
		return false
	}
	n := normalPath(exe)
	return slices.ContainsFunc(p.folders, func(dir string) bool { return strings.HasPrefix(n, dir) }) || p.isProgram(n)
}

// isProgram reports whether a path, in normal form, is one that is declared to start commands.
func (p *hostProduct) isProgram(normal string) bool {
	for i := range p.programs {
		if p.programs[i].holds(normal) {
			return true
		}
	}
	return false
}

// command judges a process that was started. It is expected if any product that it belongs to says so.
func (j *Judge) command(m *monitored, set *hostSet, e *HostEvent, owners uint64) hostFinding {
	f := hostFinding{rule: UnexpectedCommand, reason: ElsewhereOnHost, confidence: High}
	near := hostFailed(0xff)
	for rest := owners; rest != 0; rest &= rest - 1 {
		hp := m.products[bits.TrailingZeros64(rest)]
		if !set.runs(hp.Product) {
			continue
		}
		if hp.Manifest.Commands == nil {
			if f.verdict == NotJudged {
				f.reason = CommandsUndeclared
			}
			continue
		}
		for i := range hp.commands {
			c := &hp.commands[i]
			failed, why := c.compare(hp, set, e)
			if failed == 0 && why == NoHostReason {
				return hostFinding{verdict: Expected, rule: UnexpectedCommand, product: hp, command: c.Command}
			}
			if failed == 0 && f.verdict != Undecidable || failed < near && f.verdict != Undecidable {
				f.product, f.command, f.failed, near = hp, c.Command, failed, failed
			}
			if failed == 0 {
				f.verdict, f.reason = Undecidable, why
			}
		}
		if f.verdict == Undecidable {
			continue
		}
		if f.verdict, f.reason = hp.program(e); f.verdict == Expected {
			return hostFinding{verdict: Expected, rule: UnexpectedCommand, product: hp}
		}
		if f.product == nil {
			f.product = hp
		}
	}
	if near >= failedExec {
		f.command, f.failed = nil, 0 // no command is near
	}
	f.key = normalPath(e.Process.Exe)
	if f.command != nil {
		f.key += " " + f.command.ID
	}
	return f
}

// program judges a process that no command declares: the product's own programs are not always among its commands.
func (p *hostProduct) program(e *HostEvent) (Verdict, HostReason) {
	switch n := normalPath(e.Process.Exe); {
	case n == "":
		return Undecidable, NoExecutable
	case p.isProgram(n), e.SHA256 != "" && p.software.hashes[e.SHA256] != nil:
		return Expected, NoHostReason
	case startedAsService(&e.Parent):
		return Undecidable, OwnProgram
	}
	return Unexpected, NoHostReason
}

// compare returns the constraints that a process does not meet, and, where it meets all that can be told, what cannot.
func (c *hostCommand) compare(hp *hostProduct, set *hostSet, e *HostEvent) (hostFailed, HostReason) {
	var failed hostFailed
	var why HostReason
	p := &e.Process
	args := p.arguments()
	switch {
	case p.Exe == "" && p.Asked == "":
		return failedExec, NoHostReason
	case c.exec.holds(normalPath(p.Exe)), p.Asked != "" && c.exec.holds(normalPath(p.Asked)):
	case script(p) != "" && c.exec.holds(normalPath(script(p))):
		args.list = args.list[1:]
	default:
		failed |= failedExec
	}
	if c.Role != "" && !slices.ContainsFunc(set.bindings, func(b hostBinding) bool { return b.Product == hp.Product && b.Role == c.Role }) {
		failed |= failedRole
	}
	if !c.on {
		failed |= failedFeature
	}
	if c.Args != nil {
		switch args.like(c.Args) {
		case Unexpected:
			failed |= failedArgs
		case Undecidable:
			why = AmbiguousArguments
			if args.missing {
				why = NoArguments
			}
		}
	}
	if c.RunAs != "" {
		switch {
		case p.User == "" && (p.UID != "0" || !strings.EqualFold(c.RunAs, "root")):
			why = NoUser
			if p.UID == "0" {
				failed |= failedUser
			}
		case p.User != "" && !runBy(c.RunAs, p.User):
			failed |= failedUser
		}
	}
	if c.Parent != "" {
		if e.Parent.Exe == "" {
			why = NoParent
		} else if !c.parent.holds(normalPath(e.Parent.Exe)) && !(script(&e.Parent) != "" && c.parent.holds(script(&e.Parent))) {
			failed |= failedParent
		}
	}
	return failed, why
}

// runBy compares a declared user with one that was seen, with its domain only where that was declared too.
func runBy(declared, seen string) bool {
	if strings.ContainsAny(declared, `\@`) {
		return strings.EqualFold(declared, seen)
	}
	return strings.EqualFold(declared, bareUser(seen))
}

// bareUser takes the domain off a user: CORP\vault, vault@corp.example.
func bareUser(s string) string {
	s = s[strings.LastIndexByte(s, '\\')+1:]
	name, _, _ := strings.Cut(s, "@")
	return name
}

// arguments are those after the program's name.
type arguments struct {
	list []string
	// joined: they came as one text, which can be read in several ways. missing: not all are there.
	joined, missing bool
	text            string
}

func (p *Process) arguments() arguments {
	switch {
	case len(p.Args) > 0:
		return arguments{list: p.Args[1:], missing: p.ArgsCut}
	case p.CommandLine == "" && p.Quoting != JoinedArgs:
		return arguments{missing: true}
	case p.Quoting == Windows:
		list := splitWindows(p.CommandLine)
		return arguments{list: list[min(1, len(list)):], missing: p.ArgsCut}
	}
	list := splitJoined(p.CommandLine)
	text := p.CommandLine
	if p.Quoting == Joined {
		list = list[min(1, len(list)):]
		_, text, _ = strings.Cut(strings.TrimLeft(text, " "), " ")
	}
	return arguments{list: list, joined: true, missing: p.ArgsCut, text: strings.TrimSpace(text)}
}

// like compares arguments with patterns. Undecidable: they could be as declared.
func (a *arguments) like(patterns []string) Verdict {
	if likeArgs(patterns, a.list) && (!a.missing || len(patterns) > 0 && patterns[len(patterns)-1] == "*") {
		return Expected
	}
	if a.missing {
		// What is there must not contradict already.
		if n := min(len(a.list), len(patterns)); likeArgs(patterns[:n], a.list[:n]) {
			return Undecidable
		}
		return Unexpected
	}
	if a.joined {
		text := strings.Join(patterns, " ")
		if like(text, a.text) || strings.HasSuffix(text, " *") && like(text[:len(text)-2], a.text) {
			return Undecidable
		}
	}
	return Unexpected
}

func likeArgs(patterns, args []string) bool {
	for i, p := range patterns {
		if p == "*" && i == len(patterns)-1 {
			return true
		}
		if i >= len(args) || !like(p, args[i]) {
			return false
		}
	}
	return len(args) == len(patterns)
}
