package judge

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"netsensor/internal/allowlist"
	"netsensor/internal/eve"
	"netsensor/internal/manifest"
)

const hostVault = `{
 "manifestVersion": "1.0", "id": "urn:uuid:7c1f7f0e-6a0b-4f0d-9f58-2f6f0e0c5a12", "serial": 1,
 "publisher": {"name": "Acme Inc", "domain": "acme.example"}, "product": {"name": "Acme Vault"},
 "validity": {"issued": "2026-03-01T00:00:00Z"},
 "roles": {"server": {}, "agent": {}},
 "features": {"core": {"default": "on"}, "backup": {"default": "off"}},
 "commands": [
  {"id": "snapshot", "role": "server", "exec": "/usr/bin/tar", "args": ["-czf", "*"], "runAs": "vault", "features": ["core"], "reason": "Pack",
   "references": ["https://docs.acme.example/snapshot"]},
  {"id": "rotate", "exec": "/opt/acme/bin/rotate-*", "args": [], "features": ["core"]},
  {"id": "copy", "exec": "/usr/bin/rsync", "args": ["-a", "*", "backup:*"], "features": ["backup"]},
  {"id": "shell", "exec": "/bin/sh", "args": ["-c", "ulimit -n"], "parent": "/usr/bin/vaultd", "features": ["core"]},
  {"id": "script", "exec": "/opt/acme/bin/health", "args": ["--quick"], "features": ["core"]},
  {"id": "icacls", "exec": "C:\\Windows\\System32\\icacls.exe", "args": ["*", "/grant", "vault:(R)"], "parent": "C:\\Program Files\\Acme\\vaultd.exe", "features": ["core"]}],
 "accounts": [
  {"id": "os-vault", "name": "vault", "realm": "os", "interactive": false, "lifecycle": "permanent"},
  {"id": "ui", "name": "admin", "realm": "product"}],
 "signers": [{"id": "win", "kind": "x509-codesign", "subject": "O=Acme Inc, CN=Acme Inc"}],
 "artifacts": [
  {"name": "vaultd", "hashes": {"sha256": "1111111111111111111111111111111111111111111111111111111111111111"}},
  {"name": "vault.deb", "hashes": {"sha256": "2222222222222222222222222222222222222222222222222222222222222222"}}]
}`

const hostSite = `{"bindingsVersion": "1.0", "site": "x", "manifest": {"id": "urn:uuid:7c1f7f0e-6a0b-4f0d-9f58-2f6f0e0c5a12"},
 "roles": {"server": {"endpoints": ["10.20.4.16/30", "dhcp:web1", "dns:db1.corp.example", "dns:db2.corp.example", "dns:db2.other.example"]}},
 "policy": {"mode": "enforce", "warmupSeconds": 0, "undecidable": "%s"}}`

func hostJudge(t testing.TB, m, undecidable string) *Judge {
	t.Helper()
	doc, err := manifest.Decode("m", []byte(m))
	if err != nil {
		t.Fatal(err)
	}
	b, err := manifest.DecodeBindings("b", fmt.Appendf(nil, hostSite, undecidable))
	if err != nil {
		t.Fatal(err)
	}
	table, err := allowlist.Compile(allowlist.Site{Bindings: b, Manifests: []*manifest.Manifest{doc}})
	if err != nil {
		t.Fatal(err)
	}
	return New(table, Config{NoWarmUp: true})
}

// run is a process of the product's account on a bound host.
func run(exe string, args ...string) *HostEvent {
	return &HostEvent{Kind: ProcessStarted, Now: noon, Producer: "laurel", Host: "web1", Process: Process{
		PID: 100, Exe: exe, User: "vault", Args: append([]string{exe}, args...)}, Parent: Process{PID: 50}}
}

func but(e *HostEvent, change func(*HostEvent)) *HostEvent {
	change(e)
	return e
}

// outcome says what became of the last event: verdict, reason, and for an alert its rule, the nearest command and what
// differs.
func outcome(j *Judge, before HostTally, alerts []*Alert) string {
	after := j.HostTally()
	diff := func(a, b []Count) string {
		old := map[string]uint64{}
		for _, c := range b {
			old[c.Name] = c.N
		}
		for _, c := range a {
			if c.N > old[c.Name] {
				return c.Name
			}
		}
		return ""
	}
	s := "expected"
	switch {
	case after.Unexpected > before.Unexpected:
		s = "unexpected"
	case after.Undecidable > before.Undecidable:
		s = "undecidable " + diff(after.UndecidableReasons, before.UndecidableReasons)
	case after.NotJudged > before.NotJudged:
		s = "not-judged " + diff(after.NotJudgedReasons, before.NotJudgedReasons)
	}
	for _, a := range alerts {
		s += " " + a.Rule.String()
		if a.command != nil {
			s += " " + a.command.ID + " " + strings.Join(a.commandFailed.names(), ",")
		}
	}
	return s
}

func TestHostEvent(t *testing.T) {
	joined := func(exe, line string) *HostEvent {
		return but(run(exe), func(e *HostEvent) { e.Process.Args, e.Process.CommandLine, e.Process.Quoting = nil, line, Joined })
	}
	loaded := func(file string, change func(*HostEvent)) *HostEvent {
		return but(run(`C:\Program Files\Acme\vaultd.exe`), func(e *HostEvent) { e.Kind, e.File = ImageLoaded, file; change(e) })
	}
	login := func(user string, change func(*HostEvent)) *HostEvent {
		return but(&HostEvent{Kind: LoggedIn, Now: noon, Producer: "laurel", Host: "web1", Login: Login{User: user, Mechanism: "ssh", Outcome: 1}}, change)
	}
	same := func(*HostEvent) {}
	for _, tt := range []struct {
		name string
		e    *HostEvent
		want string
	}{
		{"another host", but(run("/usr/bin/id"), func(e *HostEvent) { e.Host = "web2" }), "not-judged unbound"},
		{"by DHCP name and domain", but(run("/usr/bin/id"), func(e *HostEvent) { e.Host = "WEB1.corp.example" }), "unexpected unexpected-command"},
		{"by DNS name", but(run("/usr/bin/id"), func(e *HostEvent) { e.Host = "db1.corp.example." }), "unexpected unexpected-command"},
		{"by the first label of a DNS name", but(run("/usr/bin/id"), func(e *HostEvent) { e.Host = "db1" }), "unexpected unexpected-command"},
		{"a first label that two hosts have", but(run("/usr/bin/id"), func(e *HostEvent) { e.Host = "db2" }), "not-judged unbound"},
		{"the same label in another domain", but(run("/usr/bin/id"), func(e *HostEvent) { e.Host = "db1.evil.example" }), "not-judged unbound"},
		{"by address", but(run("/usr/bin/id"), func(e *HostEvent) { e.Host, e.Addrs = "x", []netip.Addr{netip.MustParseAddr("10.20.4.17")} }), "unexpected unexpected-command"},
		{"by loopback", but(run("/usr/bin/id"), func(e *HostEvent) { e.Host, e.Addrs = "", []netip.Addr{netip.MustParseAddr("127.0.0.1")} }), "not-judged unbound"},

		{"somebody else's process", but(run("/usr/bin/id"), func(e *HostEvent) { e.Process.User = "alice" }), "not-judged not-the-products"},
		{"declared", run("/usr/bin/tar", "-czf", "/x", "/y", "/z"), "expected"},
		{"declared, by the old path", run("/bin/tar", "-czf"), "expected"},
		{"other arguments", run("/usr/bin/tar", "-xzf", "/x"), "unexpected unexpected-command snapshot args"},
		{"another program", run("/usr/bin/curl", "http://x"), "unexpected unexpected-command"},
		{"another program of the same name", run("/tmp/tar", "-czf", "/x"), "unexpected unexpected-command"},
		{"a name it gives itself", but(run("/tmp/x", "-czf", "/x"), func(e *HostEvent) { e.Process.Args[0] = "/usr/bin/tar" }), "unexpected unexpected-command"},
		{"feature off", run("/usr/bin/rsync", "-a", "/data", "backup:/data"), "unexpected unexpected-command copy feature"},
		{"own folder, other user", but(run("/opt/acme/bin/rotate-keys"), func(e *HostEvent) { e.Process.User = "root" }), "expected"},
		{"own folder, undeclared", but(run("/opt/acme/bin/xmrig"), func(e *HostEvent) { e.Process.User, e.SHA256 = "root", strings.Repeat("4", 64) }), "unexpected unexpected-command unknown-hash"},
		{"a star stops at the separator", but(run("/opt/acme/bin/rotate-/x"), func(e *HostEvent) { e.SHA256 = strings.Repeat("1", 64) }), "expected"},
		{"no arguments wanted", run("/opt/acme/bin/rotate-keys", "--force"), "unexpected unexpected-command rotate args"},
		{"a script", run("/usr/bin/python3.11", "/opt/acme/bin/health", "--quick"), "expected"},
		{"a script by its path", but(run("/usr/bin/bash", "health", "--quick"), func(e *HostEvent) {
			e.Process.Asked = "/opt/acme/bin/health"
			e.Process.Args = []string{"health", "--quick"}
		}), "expected"},
		{"the shell that sh is", but(run("/usr/bin/dash", "-c", "ulimit -n"), func(e *HostEvent) { e.Parent.Exe = "/usr/bin/vaultd" }), "expected"},
		{"what another parent runs", but(run("/usr/bin/dash", "-c", "ulimit -n"), func(e *HostEvent) { e.Parent.Exe = "/usr/bin/php" }), "unexpected unexpected-command shell parent"},
		{"parent not known", run("/usr/bin/dash", "-c", "ulimit -n"), "undecidable no-parent"},
		{"child by the parent's path", but(run("/usr/bin/id"), func(e *HostEvent) { e.Process.User, e.Parent.Exe = "root", "/usr/bin/vaultd" }), "unexpected unexpected-command"},
		{"the declared parent itself", run("/usr/bin/vaultd", "serve"), "expected"},
		{"a service that the manifest does not list", but(run("/srv/acme/helper"), func(e *HostEvent) { e.Parent.PID = 1 }), "undecidable own-program"},
		{"user by number", but(run("/usr/bin/tar", "-czf"), func(e *HostEvent) {
			e.Process.User, e.Process.UID, e.Parent.Exe = "", "990", "/usr/bin/vaultd"
		}), "undecidable no-user"},
		{"the wrong user", but(run("/usr/bin/tar", "-czf"), func(e *HostEvent) { e.Process.User, e.Parent.Exe = "root", "/usr/bin/vaultd" }), "unexpected unexpected-command snapshot user"},
		{"arguments not reported", but(run("/usr/bin/rsync"), func(e *HostEvent) { e.Process.Args = nil }), "unexpected unexpected-command copy feature"},
		{"arguments cut", but(run("/opt/acme/bin/health", "--quick"), func(e *HostEvent) { e.Process.ArgsCut = true }), "undecidable no-arguments"},
		{"arguments cut, and a star covers the rest", but(run("/usr/bin/tar", "-czf"), func(e *HostEvent) { e.Process.ArgsCut = true }), "expected"},
		{"one text", joined("/usr/bin/tar", "tar -czf /x"), "expected"},
		{"one text, ambiguous", but(joined("/usr/bin/dash", "sh -c ulimit -n"), func(e *HostEvent) { e.Parent.Exe = "/usr/bin/vaultd" }), "undecidable ambiguous-arguments"},
		{"one text, wrong", joined("/usr/bin/tar", "tar -xzf /x"), "unexpected unexpected-command snapshot args"},
		{"Windows", &HostEvent{Kind: ProcessStarted, Now: noon, Host: "web1", Process: Process{Exe: `C:\WINDOWS\system32\icacls.exe`,
			CommandLine: `icacls  "C:\Program Files\x y" /grant vault:(R)`, Quoting: Windows},
			Parent: Process{Exe: `\Device\HarddiskVolume3\Program Files\Acme\vaultd.exe`}}, "expected"},
		{"Windows, wrong", &HostEvent{Kind: ProcessStarted, Now: noon, Host: "web1", Process: Process{Exe: `C:\Windows\System32\cmd.exe`,
			CommandLine: `cmd /c whoami`, Quoting: Windows}, Parent: Process{Exe: `C:\Program Files\Acme\vaultd.exe`}}, "unexpected unexpected-command"},

		{"known hash", but(run("/usr/bin/vaultd"), func(e *HostEvent) { e.SHA256 = strings.Repeat("1", 64) }), "expected"},
		{"another hash", but(run("/usr/bin/vaultd"), func(e *HostEvent) { e.SHA256 = strings.Repeat("3", 64) }), "unexpected unknown-hash"},
		{"hash not reported", loaded(`C:\Program Files\Acme\a.dll`, same), "undecidable no-hash"},
		{"a command's hash is its maker's", but(run("/usr/bin/tar", "-czf"), func(e *HostEvent) { e.SHA256 = strings.Repeat("3", 64) }), "expected"},

		{"signed", loaded(`C:\Program Files\Acme\a.dll`, func(e *HostEvent) { e.Signature, e.Signer = SignedValid, "Acme Inc" }), "expected"},
		{"signed by another", loaded(`C:\Program Files\Acme\a.dll`, func(e *HostEvent) { e.Signature, e.Signer = SignedValid, "Evil Ltd" }), "unexpected unknown-signer"},
		{"not signed, from elsewhere", loaded(`C:\Users\x\a.dll`, func(e *HostEvent) { e.Signature = Unsigned }), "unexpected unknown-signer"},
		{"signature expired", loaded(`C:\Program Files\Acme\a.dll`, func(e *HostEvent) { e.Signature, e.Signer = SignedInvalid, "Acme Inc" }), "unexpected unknown-signer"},
		{"the system's library", loaded(`C:\Windows\System32\a.dll`, func(e *HostEvent) { e.Signature, e.Signer = SignedValid, "Microsoft Windows" }), "not-judged software-undeclared"},
		{"signature not known", loaded(`C:\Program Files\Acme\a.dll`, func(e *HostEvent) { e.SHA256 = strings.Repeat("2", 64) }), "expected"},

		{"login with the account", login("vault", same), "unexpected default-account"},
		{"with its domain", login(`CORP\Vault`, func(e *HostEvent) { e.Login.Outcome = 2 }), "unexpected default-account"},
		{"the service's own login", login("vault", func(e *HostEvent) { e.Unattended = true }), "expected"},
		{"another account", login("alice", same), "not-judged no-default-account"},
		{"the product's account is none of the host", login("admin", same), "not-judged no-default-account"},
		{"a connection", but(run("/usr/bin/vaultd"), func(e *HostEvent) { e.Kind = Connected }), "not-judged for-joining"},
	} {
		j := hostJudge(t, hostVault, "log")
		before := j.HostTally()
		if got := outcome(j, before, j.HostEvent(tt.e)); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// What is the product's is handed down, also through programs that are not.
func TestProcessTree(t *testing.T) {
	j := hostJudge(t, hostVault, "log")
	start := func(pid, ppid uint64, exe, user string) string {
		e := &HostEvent{Kind: ProcessStarted, Now: noon, Producer: "laurel", Host: "web1",
			Process: Process{PID: pid, Exe: exe, User: user, Args: []string{exe}}, Parent: Process{PID: ppid}}
		before := j.HostTally()
		return strings.Fields(outcome(j, before, j.HostEvent(e)))[0]
	}
	end := func(pid uint64) {
		j.HostEvent(&HostEvent{Kind: ProcessEnded, Now: noon, Producer: "laurel", Host: "web1", Process: Process{PID: pid}})
	}
	for _, tt := range []struct {
		what, got, want string
	}{
		{"the daemon", start(10, 1, "/usr/bin/vaultd", "root"), "expected"},
		{"a child", start(11, 10, "/usr/bin/bash", "root"), "unexpected"},
		{"a grandchild", start(12, 11, "/usr/bin/wget", "root"), "unexpected"},
		{"in place of the child", start(11, 10, "/usr/bin/nc", "root"), "unexpected"},
		{"another tree", start(20, 19, "/usr/bin/bash", "root"), "not-judged"},
		{"its child", start(21, 20, "/usr/bin/wget", "root"), "not-judged"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %s, want %s", tt.what, tt.got, tt.want)
		}
	}
	end(12)
	if got := start(30, 12, "/usr/bin/id", "root"); got != "not-judged" {
		t.Errorf("a child of an old number: %s", got)
	}
	if got := start(11, 2, "/usr/bin/id", "root"); got != "not-judged" {
		t.Errorf("a new process with an old number: %s", got)
	}
}

func TestProcessTableIsBounded(t *testing.T) {
	p := newProcessTable(8)
	p.put(process{key: processKey{1, 1}})
	for i := range uint64(1000) {
		p.find(processKey{1, 1}, "", "")
		p.put(process{key: processKey{1, 2 + i}})
	}
	if len(p.by) > 8 || len(p.ring) > 8 || p.evicted != 1000-7 {
		t.Errorf("%d processes, %d places, %d evicted", len(p.by), len(p.ring), p.evicted)
	}
	if p.find(processKey{1, 1}, "", "") == nil {
		t.Error("the one that has children was forgotten")
	}
}

// No member of a manifest about hosts: nothing is judged, and said to be so.
func TestNothingDeclared(t *testing.T) {
	var doc map[string]any
	if err := json.Unmarshal([]byte(hostVault), &doc); err != nil {
		t.Fatal(err)
	}
	for _, member := range []string{"commands", "signers", "artifacts"} {
		delete(doc, member)
	}
	b, _ := json.Marshal(doc)
	j := hostJudge(t, string(b), "log")
	before := j.HostTally()
	if got := outcome(j, before, j.HostEvent(run("/usr/bin/id"))); got != "not-judged commands-undeclared" {
		t.Error(got)
	}
}

func TestHostAlerts(t *testing.T) {
	j := hostJudge(t, hostVault, "alert")
	var all []*Alert
	for i := range 100 {
		e := run("/usr/bin/mysql", "--password=hunter2", "-pSesame", "-h", "db")
		e.Process.PID, e.Now = uint64(100+i), noon+int64(i)*second
		if i == 50 { // its address becomes known
			e.Addrs = []netip.Addr{netip.MustParseAddr("10.20.4.17")}
		}
		all = append(all, j.HostEvent(e)...)
	}
	if len(all) != 1 {
		t.Fatalf("%d alerts of one matter", len(all))
	}
	for i := range 100 {
		e := run(fmt.Sprintf("/tmp/x%d", i))
		all = append(all, j.HostEvent(e)...)
	}
	if len(all) != 32 || !all[31].Overflow {
		t.Errorf("%d alerts of one rule about one host", len(all))
	}
	all = append(all, j.HostEvent(but(run("/srv/x"), func(e *HostEvent) { e.Parent.PID = 1 }))...)
	last := all[len(all)-1]
	if last.Rule != UndecidableRule || last.Severity != 4 {
		t.Errorf("%s", last.Why)
	}
	for _, a := range all {
		line := a.AppendHostLine(nil, &eve.Options{})
		if !json.Valid(line) {
			t.Fatalf("%s", line)
		}
		for _, secret := range []string{"hunter2", "Sesame"} {
			if strings.Contains(string(line), secret) {
				t.Errorf("%s is shown: %s", secret, line)
			}
		}
	}
}

func TestRedact(t *testing.T) {
	for in, want := range map[string]string{
		"mysql -uroot -phunter2 db":                           "mysql -uroot -p*** db",
		"mysql --password hunter2 db":                         "mysql --password *** db",
		"x --api-key=hunter2 --verbose":                       "x --api-key=*** --verbose",
		"x -p hunter2 y":                                      "x -p *** y",
		"curl -u me:hunter2 https://x/":                       "curl -u me:*** https://x/",
		"curl https://me:hunter2@x/y?token=hunter2&z=1":       "curl https://me:***@x/y?token=***&z=1",
		"curl -H|Authorization: Bearer hunter2.x-y":           `curl -H "Authorization: *** ***"`,
		"sh -c|PGPASSWORD=hunter2 psql; mysql -u a -phunter2": `sh -c "PGPASSWORD=*** psql; mysql -u a -p***"`,
		"net user bob hunter2 /add":                           "net user bob *** /add",
		`Rubeus.exe asktgt /user:bob /rc4:hunter2 /ptt`:       "Rubeus.exe asktgt /user:bob /rc4:*** /ptt",
		"app Server=db;Password=hunter2;Pooling=1":            "app Server=db;Password=***;Pooling=1",
		`app {"password":"hunter2","a":1}`:                    `app "{\"password\":***,\"a\":1}"`,
		"tar -czf /x --exclude=passwords /data":               "tar -czf /x --exclude=passwords /data",
	} {
		var args []string
		for i, part := range strings.Split(in, "|") {
			if i == 0 {
				args = strings.Fields(part)
			} else {
				args = append(args, part)
			}
		}
		got := shownCommand(&Process{Args: args})
		if strings.Contains(got, "hunter2") {
			t.Errorf("%s: %s", in, got)
		}
		if got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestSplit(t *testing.T) {
	for in, want := range map[string][]string{
		`"C:\Program Files\a.exe" b "c d" e\\f "g\"h" "i\\" j""k`: {`C:\Program Files\a.exe`, "b", "c d", `e\\f`, `g"h`, `i\`, "jk"},
		`a.exe`: {"a.exe"}, ``: nil, `a  "" b`: {"a", "", "b"}, `"unclosed`: {"unclosed"}, `a "x""y"`: {"a", `x"y`},
	} {
		if got := splitWindows(in); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
	if got := splitJoined(`a "x y" z" ""`); fmt.Sprintf("%q", got) != `["a" "x y" "z\"" ""]` {
		t.Errorf("%q", got)
	}
}

func TestLikePath(t *testing.T) {
	for _, tt := range []struct {
		pattern, path string
		want          bool
	}{
		{"/opt/acme/*", "/opt/acme/x", true}, {"/opt/acme/*", "/opt/acme/x/y", false}, {"/opt/*/bin/r*-*s", "/opt/a/bin/rot-keys", true},
		{"/opt/*/bin", "/opt/a/b/bin", false}, {"*", "x", true}, {"/a*b*c", "/abbcbc", true}, {"/a*b*c/d", "/abbcbc/e", false}, {"", "", true}, {"**/x", "/x", true},
	} {
		if got := likePath(tt.pattern, tt.path); got != tt.want {
			t.Errorf("%s, %s: %v", tt.pattern, tt.path, got)
		}
	}
}

func TestConnections(t *testing.T) {
	x := NewConnections(4)
	ap := netip.MustParseAddrPort
	add := func(exe string, now int64, from, to string, inbound bool) {
		e := &HostEvent{Kind: Connected, Now: now, Producer: "p", Host: "h", Process: Process{Exe: exe, PID: 1}, Proto: 6, Target: ap(to), Inbound: inbound}
		if from != "" {
			e.Source = ap(from)
		}
		x.Add(e)
	}
	add("client", noon, "10.0.0.1:5000", "10.0.0.2:80", false)
	add("server", noon, "[::ffff:10.0.0.1]:5000", "10.0.0.2:80", true)
	add("far", noon, "", "10.0.0.3:80", false)
	x.Add(&HostEvent{Kind: Queried, Now: noon, Query: "X.Example", Process: Process{Exe: "asker"}})
	add("too many", noon, "10.0.0.9:1", "10.0.0.9:2", false)
	if x.Len() != 4 || x.Dropped() != 1 {
		t.Fatalf("%d, %d", x.Len(), x.Dropped())
	}
	for _, tt := range []struct {
		from, to   string
		start, now int64
		ofServer   bool
		want       string
	}{
		{"10.0.0.1:5000", "10.0.0.2:80", noon + second, noon + 9*second, false, "client connection"},
		{"10.0.0.1:5000", "10.0.0.2:80", noon + second, noon + 9*second, true, "server connection"},
		{"10.0.0.2:80", "10.0.0.1:5000", noon - 60*second, noon - second, false, "client connection"},
		{"10.0.0.1:5000", "10.0.0.2:80", noon + 3*second, noon + 9*second, false, ""},
		{"10.0.0.1:5000", "10.0.0.2:80", noon - 9*second, noon - 3*second, false, ""},
		{"10.0.0.7:1", "10.0.0.3:80", noon, noon, false, "far destination"},
		{"10.0.0.7:1", "10.0.0.3:80", noon + 5*second, noon + 5*second, false, ""},
	} {
		got := ""
		if p := x.Of(6, ap(tt.from), ap(tt.to), tt.start, tt.now, tt.ofServer); p != nil {
			got = p.Process.Exe + " " + p.Match
		}
		if got != tt.want {
			t.Errorf("%+v: %s", tt, got)
		}
	}
	if p := x.Asked("x.example", noon-second); p == nil || p.Process.Exe != "asker" || p.Match != "query" {
		t.Errorf("%+v", p)
	}
}

func BenchmarkHostEvent(b *testing.B) {
	for name, e := range map[string]*HostEvent{
		"unbound": but(run("/usr/bin/id"), func(e *HostEvent) { e.Host = "elsewhere" }), "not-the-products": but(run("/usr/bin/id"), func(e *HostEvent) { e.Process.User = "x" }),
		"expected": run("/usr/bin/tar", "-czf", "/x"), "folded": run("/usr/bin/curl"),
	} {
		b.Run(name, func(b *testing.B) {
			j := hostJudge(b, hostVault, "log")
			b.ReportAllocs()
			for b.Loop() {
				j.HostEvent(e)
			}
		})
	}
}
