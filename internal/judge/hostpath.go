package judge

import (
	"path"
	"strings"
)

// windowsPath reports whether a path is one of Windows.
func windowsPath(p string) bool {
	return strings.IndexByte(p, '\\') >= 0 || len(p) > 2 && p[1] == ':' && p[2] == '/'
}

// normalPath brings a path into the form in which paths are compared. Windows: lower case, slashes, and without the
// drive, which the kernel's own paths (\device\harddiskvolume2\…) do not tell. Unix: /bin and the like are below /usr,
// where they lead to on every system of today.
func normalPath(p string) string {
	if p == "" {
		return ""
	}
	if windowsPath(p) || strings.HasPrefix(p, "%") {
		return normalWindows(p)
	}
	p = strings.TrimSuffix(p, " (deleted)")
	if !strings.HasPrefix(p, "/") {
		return p
	}
	p = path.Clean(p)
	for _, top := range [...]string{"/bin/", "/sbin/", "/lib/", "/lib64/"} {
		if strings.HasPrefix(p, top) {
			return "/usr" + p
		}
	}
	return p
}

var windowsPlaces = strings.NewReplacer("%systemroot%", "/windows", "%windir%", "/windows", "%programfiles%", "/program files",
	"%programfiles(x86)%", "/program files (x86)", "%programdata%", "/programdata")

func normalWindows(p string) string {
	p = windowsPlaces.Replace(strings.ReplaceAll(strings.ToLower(p), `\`, "/"))
	for _, prefix := range [...]string{"/??/", "//?/", "//./"} {
		p = strings.TrimPrefix(p, prefix)
	}
	if rest, ok := strings.CutPrefix(p, "/systemroot/"); ok {
		p = "/windows/" + rest
	}
	if rest, ok := strings.CutPrefix(p, "/device/"); ok {
		if _, after, ok := strings.Cut(rest, "/"); ok {
			p = "/" + after
		}
	}
	if len(p) > 1 && p[1] == ':' {
		p = p[2:]
	}
	if strings.HasPrefix(p, "/") {
		p = path.Clean(p)
	}
	return "win:" + p
}

// base returns the last part of a path of any system.
func base(p string) string { return p[strings.LastIndexAny(p, `/\`)+1:] }

// likePath reports whether a path meets a pattern, both in normal form: * stands for any characters but the separator.
func likePath(pattern, s string) bool {
	pi, si := 0, 0
	star, mark := -1, 0
	for si < len(s) {
		switch {
		case pi < len(pattern) && pattern[pi] == '*':
			star, mark = pi, si
			pi++
		case pi < len(pattern) && pattern[pi] == s[si]:
			pi++
			si++
		case star >= 0 && s[mark] != '/':
			// The star takes one more. It never has to be one before it: separators keep their places.
			mark++
			pi, si = star+1, mark
		default:
			return false
		}
	}
	for pi < len(pattern) && pattern[pi] == '*' {
		pi++
	}
	return pi == len(pattern)
}

// pathPattern is a declared path.
type pathPattern struct {
	text string // in normal form
	base bool   // only the file's name was declared
}

func newPathPattern(declared string) pathPattern {
	n := normalPath(declared)
	if strings.IndexByte(n, '/') < 0 {
		return pathPattern{strings.TrimPrefix(strings.ToLower(n), "win:"), true}
	}
	return pathPattern{text: n}
}

// usual are the programs that a path may stand for by a link, on the usual systems.
var usual = map[string][]string{
	"/usr/bin/sh":      {"/usr/bin/dash", "/usr/bin/bash", "/usr/bin/busybox"},
	"/usr/bin/awk":     {"/usr/bin/mawk", "/usr/bin/gawk"},
	"/usr/bin/python3": {"/usr/bin/python3.*"},
	"/usr/bin/nc":      {"/usr/bin/nc.openbsd", "/usr/bin/nc.traditional"},
}

// holds reports whether a path in normal form is as declared.
func (p *pathPattern) holds(normal string) bool {
	if normal == "" {
		return false
	}
	if p.base {
		b := base(normal)
		return likePath(p.text, b) || strings.HasPrefix(normal, "win:") && likePath(p.text, strings.TrimSuffix(b, ".exe"))
	}
	if likePath(p.text, normal) {
		return true
	}
	for _, link := range usual[p.text] {
		if likePath(link, normal) {
			return true
		}
	}
	return false
}

// directory returns the folder that a pattern's files lie in, where that folder is the product's own: not one where
// programs of many lie. Empty where it is not.
func (p *pathPattern) directory() string {
	if p.base {
		return ""
	}
	dir := p.text
	if i := strings.IndexByte(dir, '*'); i >= 0 {
		dir = dir[:i]
	}
	dir = dir[:max(strings.LastIndexByte(dir, '/'), 0)]
	if shared(dir) {
		return ""
	}
	return dir + "/"
}

// sharedFolders hold programs and files of many. Those that end in a slash do so with all that is below them.
var sharedFolders = [...]string{
	"/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib64", "/usr/libexec", "/usr/local", "/usr/local/bin", "/usr/local/sbin", "/usr/local/lib", "/usr/share",
	"/usr/lib/systemd", "/snap/bin", "/var/lib", "/var/tmp", "/dev/shm",
	"win:", "win:/windows/", "win:/program files", "win:/program files (x86)", "win:/program files/common files", "win:/programdata", "win:/users",
	"win:/temp",
}

// shared reports whether a folder, in normal form, is one of many products. So are all at the top of a Unix system.
func shared(dir string) bool {
	for _, f := range sharedFolders {
		if below, ok := strings.CutSuffix(f, "/"); dir == below || ok && strings.HasPrefix(dir, f) {
			return true
		}
	}
	return strings.HasPrefix(dir, "/") && strings.Count(dir, "/") < 2 || dir == ""
}

// general are programs that belong to no product, whoever declares that they start something.
var general = map[string]bool{
	"sh": true, "bash": true, "dash": true, "zsh": true, "busybox": true, "env": true, "sudo": true, "su": true, "cron": true, "crond": true, "atd": true,
	"sshd": true, "perl": true, "ruby": true, "node": true, "java": true, "php": true, "python": true, "python3": true, "java.exe": true, "node.exe": true,
	"python.exe": true, "cmd.exe": true, "powershell.exe": true, "pwsh.exe": true, "wscript.exe": true, "cscript.exe": true, "explorer.exe": true,
	"svchost.exe": true, "taskeng.exe": true, "taskhostw.exe": true, "wmiprvse.exe": true, "w3wp.exe": true, "msiexec.exe": true, "rundll32.exe": true,
}

// interpreters are told their program by their first argument that is no option.
var interpreters = map[string]bool{
	"sh": true, "bash": true, "dash": true, "zsh": true, "perl": true, "ruby": true, "node": true, "php": true, "python": true, "python3": true, "busybox": true,
}

// script returns the file that an interpreter runs, where it is given as an absolute path before any option; else "".
// The interpreter, unlike the name that a program gives itself, is what the kernel ran.
func script(p *Process) string {
	name := base(p.Exe)
	if !interpreters[name] && !strings.HasPrefix(name, "python3.") {
		return ""
	}
	if len(p.Args) > 1 && strings.HasPrefix(p.Args[1], "/") {
		return p.Args[1]
	}
	return ""
}
