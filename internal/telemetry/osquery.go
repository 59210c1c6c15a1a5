package telemetry

import (
	"net/netip"
	"strings"

	"netsensor/internal/jsonl"
	"netsensor/internal/judge"
)

// osquery decodes results of scheduled queries: an event ("columns"), a snapshot or a batch. Queries and packs are
// named by whoever writes them: the columns tell the table.
func (d *Decoder) osquery(line jsonl.Value) bool {
	var name, host, at, action, columns, rows jsonl.Value
	for o := line.Object(); o.Next(); {
		switch string(o.Key) {
		case "name":
			name = o.Value
		case "hostIdentifier", "hostname":
			host = o.Value
		case "unixTime":
			at = o.Value
		case "action":
			action = o.Value
		case "columns":
			columns = o.Value
		case "snapshot":
			rows = o.Value
		case "diffResults":
			if o.Value.Is() == '[' {
				rows = o.Value // some shippers flatten it
			}
			for r := o.Value.Object(); r.Next(); {
				if string(r.Key) == "added" {
					rows = r.Value
				}
			}
		}
	}
	b, _ := at.Plain()
	q := osqueryResult{name: d.text(name), host: given(d.text(host)), at: seconds(b)}
	if columns != nil {
		if b, _ := action.Plain(); string(b) == "removed" {
			return false // it is no longer in the table: nothing has happened
		}
		return d.osqueryRow(&q, columns)
	}
	used := false
	for a := rows.Array(); a.Next(); {
		if d.osqueryRow(&q, a.Value) {
			used = true
		}
	}
	return used
}

type osqueryResult struct {
	name, host string
	at         int64
}

// osqueryColumns are the columns of interest of all tables.
type osqueryColumns struct {
	time, path, cmdline, jsonCmdline, pid, parent, uid, euid, username jsonl.Value
	eventType, action, status, syscall                                 jsonl.Value
	family, protocol, localAddr, localPort, remoteAddr, remotePort     jsonl.Value
	sha256, message, address, terminal, kind, auid, signer             jsonl.Value
}

func (c *osqueryColumns) set(key []byte, v jsonl.Value) {
	switch string(key) {
	case "time":
		c.time = v
	case "path":
		c.path = v
	case "cmdline":
		c.cmdline = v
	case "json_cmdline":
		c.jsonCmdline = v
	case "pid":
		c.pid = v
	case "parent", "ppid":
		c.parent = v
	case "uid":
		c.uid = v
	case "euid":
		c.euid = v
	case "username", "user":
		c.username = v
	case "event_type":
		c.eventType = v
	case "action":
		c.action = v
	case "status":
		c.status = v
	case "syscall":
		c.syscall = v
	case "family":
		c.family = v
	case "protocol":
		c.protocol = v
	case "local_address":
		c.localAddr = v
	case "local_port":
		c.localPort = v
	case "remote_address":
		c.remoteAddr = v
	case "remote_port":
		c.remotePort = v
	case "sha256":
		c.sha256 = v
	case "message":
		c.message = v
	case "address":
		c.address = v
	case "terminal":
		c.terminal = v
	case "type":
		c.kind = v
	case "auid":
		c.auid = v
	case "signing_id":
		c.signer = v
	}
}

func (d *Decoder) osqueryRow(q *osqueryResult, row jsonl.Value) bool {
	var c osqueryColumns
	for o := row.Object(); o.Next(); {
		c.set(o.Key, o.Value)
	}
	e := d.begin(Osquery)
	e.Host, e.EventID, e.Now = q.host, q.name, q.at
	if b, _ := c.time.Plain(); len(b) > 0 {
		if t := seconds(b); t > earliest {
			e.Now = t
		}
	}
	e.Process.PID, _ = c.pid.Uint()
	e.Process.Exe = given(d.text(c.path))
	e.Process.UID = d.text(c.uid)
	if c.euid != nil {
		e.Process.UID = d.text(c.euid)
	}
	e.Process.User = rootName(given(d.text(c.username)), e.Process.UID)
	switch {
	case c.remoteAddr != nil && c.remotePort != nil:
		return d.osquerySocket(e, &c)
	case c.message != nil && c.terminal != nil:
		return d.osqueryLogin(e, &c)
	case e.Process.Exe != "" && c.pid != nil && (c.cmdline != nil || c.jsonCmdline != nil):
		return d.osqueryProcess(e, &c)
	}
	return false
}

func (d *Decoder) osqueryProcess(e *judge.HostEvent, c *osqueryColumns) bool {
	switch kind := d.text(c.eventType); kind {
	case "", "exec":
		e.Kind = judge.ProcessStarted
	case "exit":
		e.Kind = judge.ProcessEnded
		return d.send(e)
	default:
		return false
	}
	if call := d.text(c.syscall); call != "" && !strings.HasPrefix(call, "exec") {
		return false // fork, vfork, clone
	}
	e.Parent.PID, _ = c.parent.Uint()
	e.Process.CommandLine, e.Process.Quoting = d.long(c.cmdline), judge.Joined
	if c.jsonCmdline != nil {
		e.Process.Args, e.Process.ArgsCut = d.args([]byte(d.long(c.jsonCmdline)))
	}
	e.SHA256 = sha256Hex(d.text(c.sha256))
	return d.send(e)
}

func (d *Decoder) osquerySocket(e *judge.HostEvent, c *osqueryColumns) bool {
	action := d.text(c.action)
	if action == "" {
		action = d.text(c.syscall) // bpf_socket_events
	}
	e.Kind = judge.Connected
	local := netip.AddrPortFrom(addr(c.localAddr), port(c.localPort))
	remote := netip.AddrPortFrom(addr(c.remoteAddr), port(c.remotePort))
	if !remote.Addr().IsValid() || strings.HasPrefix(action, "bind") || strings.HasPrefix(action, "listen") {
		return false
	}
	e.Proto = proto(c.protocol)
	e.Source, e.Target = local, remote
	if strings.HasPrefix(action, "accept") {
		e.Source, e.Target, e.Inbound = remote, local, true
	}
	return d.send(e)
}

// osqueryLogin reads user_events: records of the audit system (linux/audit.h: 1100 is USER_AUTH, 1112 USER_LOGIN).
func (d *Decoder) osqueryLogin(e *judge.HostEvent, c *osqueryColumns) bool {
	switch kind, _ := c.kind.Uint(); kind {
	case 1100, 1112:
	default:
		return false
	}
	e.Kind = judge.LoggedIn
	message := d.text(c.message)
	e.Login.User = given(quoted(message, "acct="))
	if e.Login.User == "" {
		id := given(quoted(message, " id="))
		e.Login.User = rootName(id, id)
		if e.Login.User == "0" {
			e.Login.User = "root"
		}
	}
	if e.Login.User == "" {
		return false
	}
	e.Login.Outcome = loginRefused
	if res := quoted(message, "res="); res == "success" || res == "1" {
		e.Login.Outcome = loginAccepted
	}
	e.From = addr(c.address)
	e.Login.Mechanism = unixMechanism(e.Process.Exe, d.text(c.terminal))
	e.Unattended = e.Login.Mechanism == "service"
	return d.send(e)
}

// quoted returns the value after key in an audit message: acct="root", res=success.
func quoted(message, key string) string {
	_, rest, ok := strings.Cut(message, key)
	if !ok {
		return ""
	}
	if strings.HasPrefix(rest, `"`) {
		v, _, _ := strings.Cut(rest[1:], `"`)
		return v
	}
	if i := strings.IndexAny(rest, " '"); i >= 0 {
		rest = rest[:i]
	}
	return rest
}
