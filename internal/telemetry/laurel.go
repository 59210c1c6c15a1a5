package telemetry

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"path"
	"strings"

	"netsensor/internal/jsonl"
	"netsensor/internal/judge"
)

// auditArchs are the AUDIT_ARCH values whose system calls are told apart by number, where auditd was not asked to
// name them (log_format = ENRICHED): execve, execveat, connect.
var auditArchs = map[string][3]uint64{
	"0xc000003e": {59, 322, 42},   // x86-64
	"0x40000003": {11, 358, 362},  // i386
	"0xc00000b7": {221, 281, 203}, // aarch64
	"0x40000028": {11, 387, 283},  // arm
	"0xc0000015": {11, 362, 328},  // ppc64le
	"0x80000015": {11, 362, 328},  // ppc64
	"0x80000016": {11, 354, 362},  // s390x
	"0xc00000f3": {221, 281, 203}, // riscv64
}

// laurel decodes an event of auditd that laurel made JSON of: one line for all its records.
func (d *Decoder) laurel(line jsonl.Value) bool {
	var id, node, syscall, execve, sockaddr, cwd, paths, login jsonl.Value
	for o := line.Object(); o.Next(); {
		switch string(o.Key) {
		case "ID":
			id = o.Value
		case "NODE":
			node = o.Value
		case "SYSCALL":
			syscall = o.Value
		case "EXECVE":
			execve = o.Value
		case "SOCKADDR":
			sockaddr = o.Value
		case "CWD":
			cwd = o.Value
		case "PATH":
			paths = o.Value
		case "USER_LOGIN", "USER_AUTH":
			login = o.Value
		}
	}
	e := d.begin(Laurel)
	b, _ := id.Plain()
	when, _, _ := bytes.Cut(b, []byte(":"))
	e.Now = seconds(when)
	e.Host = given(d.text(node))
	if login != nil {
		return d.auditLogin(e, login)
	}
	if syscall.Is() != '{' {
		return false
	}
	call, number, arch, ok := d.syscall(e, syscall)
	if !ok {
		return false
	}
	calls := auditArchs[arch]
	named := call != ""
	switch {
	case call == "execve" || call == "execveat" || !named && number != 0 && (number == calls[0] || number == calls[1]):
		e.Kind, e.EventID = judge.ProcessStarted, "EXECVE"
		if execve.Is() == '{' {
			var argc uint64
			for o := execve.Object(); o.Next(); {
				switch string(o.Key) {
				case "ARGV":
					e.Process.Args, e.Process.ArgsCut = d.args(o.Value)
				case "argc":
					argc, _ = o.Value.Uint()
				}
			}
			e.Process.ArgsCut = e.Process.ArgsCut || argc > uint64(len(e.Process.Args))
		}
		e.Process.Asked = d.asked(cwd, paths)
		return d.send(e)
	case call == "connect" || !named && number != 0 && number == calls[2]:
		e.Kind, e.EventID = judge.Connected, "SOCKADDR"
		// A connection that was refused, or is not complete yet, is one.
		e.Target = d.sockaddr(sockaddr)
		return d.send(e)
	case call == "exit_group":
		e.Kind, e.EventID = judge.ProcessEnded, "SYSCALL"
		return d.send(e)
	}
	return false
}

// syscall reads who did what. It reports false for what did not succeed: nothing was run then. A connect under way
// has failed with EINPROGRESS.
func (d *Decoder) syscall(e *judge.HostEvent, v jsonl.Value) (call string, number uint64, arch string, ok bool) {
	var uid, user jsonl.Value
	ok = true
	for o := v.Object(); o.Next(); {
		switch string(o.Key) {
		case "pid":
			e.Process.PID, _ = o.Value.Uint()
		case "ppid":
			e.Parent.PID, _ = o.Value.Uint()
		case "exe":
			e.Process.Exe = given(d.text(o.Value))
		case "euid":
			uid = o.Value
		case "EUID":
			user = o.Value
		case "SYSCALL":
			call = d.text(o.Value)
		case "syscall":
			number, _ = o.Value.Uint()
		case "arch":
			arch = d.text(o.Value)
		case "exit":
			b, _ := o.Value.Plain()
			ok = len(b) == 0 || b[0] != '-' || string(b) == "-115" || string(b) == "EINPROGRESS"
		}
	}
	e.Process.UID = d.text(uid)
	e.Process.User = rootName(given(d.text(user)), e.Process.UID)
	return call, number, arch, ok
}

// asked returns the path that was executed: the first one of the event's, as the kernel saw it. It differs from the
// executable's where that is a link, or the interpreter of a script.
func (d *Decoder) asked(cwd, paths jsonl.Value) string {
	for a := paths.Array(); a.Next(); {
		for o := a.Value.Object(); o.Next(); {
			if string(o.Key) != "name" {
				continue
			}
			name := given(d.text(o.Value))
			if name == "" || path.IsAbs(name) {
				return name
			}
			for c := cwd.Object(); c.Next(); {
				if string(c.Key) == "cwd" {
					return path.Join(d.text(c.Value), name)
				}
			}
			return ""
		}
		break
	}
	return ""
}

// sockaddr reads an address of the kernel's struct sockaddr, whose bytes laurel writes like a URL, or as auditd wrote them, in hex.
func (d *Decoder) sockaddr(v jsonl.Value) netip.AddrPort {
	if v.Is() == '[' {
		a := v.Array()
		if !a.Next() {
			return netip.AddrPort{}
		}
		v = a.Value
	}
	for o := v.Object(); o.Next(); {
		if string(o.Key) != "saddr" {
			continue
		}
		d.buf = o.Value.AppendText(d.buf[:0])
		return parseSockaddr(d.buf)
	}
	return netip.AddrPort{}
}

func parseSockaddr(text []byte) netip.AddrPort {
	var raw []byte
	if n := hex.DecodedLen(len(text)); bytes.IndexByte(text, '%') < 0 {
		raw = make([]byte, n)
		if _, err := hex.Decode(raw, text); err != nil {
			return netip.AddrPort{}
		}
	} else {
		for i := 0; i < len(text) && len(raw) < 32; i++ {
			if text[i] != '%' || i+2 >= len(text) {
				raw = append(raw, text[i])
				continue
			}
			var one [1]byte
			if _, err := hex.Decode(one[:], text[i+1:i+3]); err != nil {
				return netip.AddrPort{}
			}
			raw = append(raw, one[0])
			i += 2
		}
	}
	if len(raw) < 8 {
		return netip.AddrPort{}
	}
	family := uint16(raw[0]) | uint16(raw[1]) // one of them is 0, whichever the byte order
	port := binary.BigEndian.Uint16(raw[2:])
	switch {
	case family == 2:
		return usable(netip.AddrFrom4([4]byte(raw[4:8])), port)
	case family == 10 && len(raw) >= 24:
		return usable(netip.AddrFrom16([16]byte(raw[8:24])).Unmap(), port)
	}
	return netip.AddrPort{}
}

func usable(a netip.Addr, port uint16) netip.AddrPort {
	if a.IsUnspecified() {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a, port)
}

// auditLogin reads what login, sshd, su and others report to the audit system.
func (d *Decoder) auditLogin(e *judge.HostEvent, v jsonl.Value) bool {
	if v.Is() == '[' {
		a := v.Array()
		if !a.Next() {
			return false
		}
		v = a.Value
	}
	e.Kind, e.EventID = judge.LoggedIn, "USER_LOGIN"
	var acct, id, terminal, res string
	read := func(o *jsonl.Object) {
		switch string(o.Key) {
		case "acct":
			acct = given(d.text(o.Value))
		case "ID", "id":
			id = given(d.text(o.Value))
		case "exe":
			e.Process.Exe = given(d.text(o.Value))
		case "pid":
			e.Process.PID, _ = o.Value.Uint()
		case "addr":
			e.From = addr(o.Value)
		case "terminal":
			terminal = given(d.text(o.Value))
		case "res":
			res = d.text(o.Value)
		}
	}
	for o := v.Object(); o.Next(); {
		if string(o.Key) == "msg" && o.Value.Is() == '{' {
			for m := o.Value.Object(); m.Next(); {
				read(&m)
			}
			continue
		}
		read(&o)
	}
	if e.Login.User = acct; acct == "" {
		e.Login.User = rootName(strings.TrimSpace(id), id)
	}
	if e.Login.User == "" {
		return false
	}
	e.Login.Outcome = loginRefused
	if res == "success" || res == "1" || res == "yes" {
		e.Login.Outcome = loginAccepted
	}
	e.Login.Mechanism = unixMechanism(e.Process.Exe, terminal)
	e.Unattended = e.Login.Mechanism == "service"
	return d.send(e)
}

// unixMechanism tells how somebody logs in by the program that lets them.
func unixMechanism(exe, terminal string) string {
	switch base := path.Base(exe); {
	case strings.HasPrefix(base, "sshd") || terminal == "ssh":
		return "ssh"
	case base == "cron" || base == "crond" || base == "atd" || base == "systemd" || base == "systemd-executor" || terminal == "cron":
		return "service"
	case strings.Contains(base, "ftpd"):
		return "ftp"
	case strings.Contains(base, "telnetd"):
		return "telnet"
	}
	return "console"
}
