package judge

import (
	"regexp"
	"strings"
)

const hidden = "***"

// secretName matches names whose values are secrets.
const secretName = `(?:[\w.-]*(?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|account[_-]?key|credentials?|authorization)[\w.-]*|pass|pwd|[\w]+_pass|[\w]+_pwd|sas|auth)`

var (
	// An option whose value is the next argument: --password x, -p x, /pass x.
	secretOption = regexp.MustCompile(`(?i)^(?:--?|/)(?:` + secretName + `|p|pw)$`)
	// A value in the same argument: --password=x, PGPASSWORD=x, ?token=x&…, "Password = x;…", /p:x.
	secretValue = regexp.MustCompile(`(?i)((?:^|[\s"'?&;,{/-])["']?` + secretName + `["']?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s&;,}]+)`)
	slashValue  = regexp.MustCompile(`(?i)^(/(?:p|pw|pass|password|rp|rc4|aes128|aes256|des|ntlm|hash):).+`)
	// A password in a URL.
	userInfo = regexp.MustCompile(`([a-zA-Z][\w+.-]*://[^\s:/@]*:)[^\s/]*@`)
	// HTTP's own.
	bearer = regexp.MustCompile(`(?i)\b(bearer|basic|negotiate)\s+[A-Za-z0-9._~+/=-]{6,}`)
	// An option within a text that is one argument: sh -c "mysql --password x".
	innerOption = regexp.MustCompile(`(?i)((?:^|\s)(?:--?|/)(?:` + secretName + `|p|pw)\s+)("[^"]*"|'[^']*'|\S+)`)
	// -pSECRET of programs that are known for it.
	glued      = regexp.MustCompile(`^-p.+`)
	innerGlued = regexp.MustCompile(`((?:^|[\s/])(?:mysql\w*|mariadb[\w-]*|sshpass|7z[ar]?)\s(?:[^|;&]*\s)?-p)[^\s"']+`)
	pair       = regexp.MustCompile(`^([^\s:%/]+[:%]).+`)
)

// glues are the programs whose -p has its value in the same argument; pairs those whose -u is "user:password".
var glues = map[string]bool{
	"mysql": true, "mysqldump": true, "mysqladmin": true, "mysqlimport": true, "mysqlcheck": true, "mariadb": true, "mariadb-dump": true, "mariadb-admin": true,
	"sshpass": true, "7z": true, "7za": true, "7zr": true, "7z.exe": true, "rar": true, "unrar": true,
}
var pairs = map[string]bool{"curl": true, "curl.exe": true, "wget": true, "smbclient": true, "rpcclient": true}

// redact hides the secrets in arguments, the program's name first. What looks like an argument for a secret is hidden
// even where it is none: a port after -p is the price.
func redact(args []string) []string {
	shown := make([]string, len(args))
	next, nextPair := false, false
	program := ""
	for i, arg := range args {
		if i == 0 {
			program = strings.ToLower(base(arg))
			shown[i] = arg
			continue
		}
		switch {
		case next:
			shown[i], next = hidden, false
		case nextPair:
			shown[i], nextPair = pair.ReplaceAllString(arg, "${1}"+hidden), false
		case secretOption.MatchString(arg):
			shown[i], next = arg, true
		case pairs[program] && (arg == "-u" || arg == "--user" || arg == "-U" || arg == "--proxy-user"):
			shown[i], nextPair = arg, true
		case glues[program] && glued.MatchString(arg) && arg != "-p":
			shown[i] = "-p" + hidden
		case (program == "net" || program == "net.exe") && i == 3 && strings.EqualFold(args[1], "user") && !strings.HasPrefix(arg, "/"):
			shown[i] = hidden
		default:
			shown[i] = redactText(arg)
		}
	}
	return shown
}

func redactText(s string) string {
	if len(s) > maxRedacted {
		s = s[:maxRedacted]
	}
	s = slashValue.ReplaceAllString(s, "${1}"+hidden)
	s = userInfo.ReplaceAllString(s, "${1}"+hidden+"@")
	s = bearer.ReplaceAllString(s, "${1} "+hidden)
	s = secretValue.ReplaceAllString(s, "${1}"+hidden)
	s = innerOption.ReplaceAllString(s, "${1}"+hidden)
	return innerGlued.ReplaceAllString(s, "${1}"+hidden)
}

// maxRedacted bounds one argument; alerts show less.
const maxRedacted = 4096

// shownCommand returns a command line for alerts. Arguments with blanks are in quotes.
func shownCommand(p *Process) string {
	args := p.Args
	if args == nil {
		switch {
		case p.CommandLine == "":
			return ""
		case p.Quoting == Windows:
			args = splitWindows(p.CommandLine)
		case p.Quoting == JoinedArgs:
			args = append([]string{p.Exe}, splitJoined(p.CommandLine)...)
		default:
			args = splitJoined(p.CommandLine)
		}
	}
	var b strings.Builder
	for i, arg := range redact(args[:min(len(args), 64)]) {
		if i > 0 {
			b.WriteByte(' ')
		}
		if strings.ContainsAny(arg, " \t\"") {
			arg = `"` + strings.ReplaceAll(arg, `"`, `\"`) + `"`
		}
		b.WriteString(arg)
		if b.Len() > 2*maxEvidence {
			break
		}
	}
	if p.ArgsCut {
		b.WriteString(" …")
	}
	// A secret may have been split, where blanks joined it: look at the whole once more.
	return redactText(b.String())
}
