package telemetry

import (
	"net/netip"
	"slices"
	"strings"

	"netsensor/internal/jsonl"
	"netsensor/internal/judge"
)

// ecsFields are the field sets of interest of an event in the Elastic Common Schema.
type ecsFields struct {
	timestamp, event, process, user, host, source, destination, network, dns, dll jsonl.Value
}

// ecsEvent says what happened.
type ecsEvent struct {
	category, types []string
	action, outcome string
	created         jsonl.Value
}

func (d *Decoder) ecs(line jsonl.Value) bool {
	var f ecsFields
	for o := line.Object(); o.Next(); {
		switch string(o.Key) {
		case "@timestamp":
			f.timestamp = o.Value
		case "event":
			f.event = o.Value
		case "process":
			f.process = o.Value
		case "user":
			f.user = o.Value
		case "host":
			f.host = o.Value
		case "source":
			f.source = o.Value
		case "destination":
			f.destination = o.Value
		case "network":
			f.network = o.Value
		case "dns":
			f.dns = o.Value
		case "dll":
			f.dll = o.Value
		}
	}
	e := d.begin(ECS)
	ev := d.ecsEvent(f.event)
	if e.Kind = ev.kind(&f); e.Kind == 0 {
		return false
	}
	e.EventID = ev.action
	if e.Now = parseTime(f.timestamp).ns; e.Now == 0 {
		e.Now = parseTime(ev.created).ns
	}
	for o := f.host.Object(); o.Next(); {
		switch string(o.Key) {
		case "hostname":
			e.Host = given(d.text(o.Value))
		case "name":
			if e.Host == "" {
				e.Host = given(d.text(o.Value))
			}
		case "ip":
			d.addresses(e, o.Value)
		}
	}
	d.ecsProcess(e, &e.Process, f.process, true)
	if user, id := d.ecsUser(f.user); user != "" || id != "" {
		e.Process.User, e.Process.UID = user, id
	}
	e.Process.User = rootName(e.Process.User, e.Process.UID)
	switch e.Kind {
	case judge.Connected:
		d.ecsConnection(e, &f, &ev)
		return d.send(e)
	case judge.Queried:
		for o := f.dns.Object(); o.Next(); {
			if string(o.Key) != "question" {
				continue
			}
			for q := o.Value.Object(); q.Next(); {
				if string(q.Key) == "name" {
					e.Query = strings.TrimSuffix(given(d.text(q.Value)), ".")
				}
			}
		}
		return e.Query != "" && d.send(e)
	case judge.ImageLoaded:
		e.SHA256, e.Signature, e.Signer, e.SignatureState = "", 0, "", ""
		for o := f.dll.Object(); o.Next(); {
			switch string(o.Key) {
			case "path":
				e.File = given(d.text(o.Value))
			default:
				d.ecsFile(e, o.Key, o.Value)
			}
		}
		return e.File != "" && d.send(e)
	case judge.LoggedIn:
		return d.ecsLogin(e, &f, &ev)
	}
	return d.send(e)
}

func (d *Decoder) ecsEvent(v jsonl.Value) (ev ecsEvent) {
	for o := v.Object(); o.Next(); {
		switch string(o.Key) {
		case "category":
			ev.category = d.words(o.Value)
		case "type":
			ev.types = d.words(o.Value)
		case "action":
			ev.action = d.text(o.Value)
		case "outcome":
			ev.outcome = d.text(o.Value)
		case "created":
			ev.created = o.Value
		}
	}
	return ev
}

// words takes a list of words, or one, lower case.
func (d *Decoder) words(v jsonl.Value) []string {
	if v.Is() != '[' {
		return []string{strings.ToLower(d.text(v))}
	}
	var list []string
	for a := v.Array(); a.Next() && len(list) < 8; {
		list = append(list, strings.ToLower(d.text(a.Value)))
	}
	return list
}

// kind tells what an event is about by its category and type, as ECS wants.
func (ev *ecsEvent) kind(f *ecsFields) judge.HostEventKind {
	is := func(category string) bool { return slices.Contains(ev.category, category) }
	has := func(kind string) bool { return slices.Contains(ev.types, kind) }
	switch {
	case is("authentication"):
		return judge.LoggedIn
	case is("process") && has("end"):
		return judge.ProcessEnded
	case is("process") && has("start") && ev.action != "fork":
		return judge.ProcessStarted
	case is("library") && has("start"), is("driver") && has("start"):
		return judge.ImageLoaded
	case f.dns != nil && (strings.HasPrefix(ev.action, "lookup") || f.destination == nil && is("network")):
		return judge.Queried
	case is("network") && f.destination != nil:
		return judge.Connected
	}
	return 0
}

func (d *Decoder) ecsUser(v jsonl.Value) (user, id string) {
	var domain string
	for o := v.Object(); o.Next(); {
		switch string(o.Key) {
		case "name":
			user = given(d.text(o.Value))
		case "domain":
			domain = given(d.text(o.Value))
		case "id":
			id = d.text(o.Value)
		}
	}
	return domainUser(domain, user), id
}

func (d *Decoder) ecsProcess(e *judge.HostEvent, p *judge.Process, v jsonl.Value, actor bool) {
	var argc uint64
	for o := v.Object(); o.Next(); {
		switch string(o.Key) {
		case "pid":
			p.PID, _ = o.Value.Uint()
		case "entity_id":
			p.ID = d.text(o.Value)
		case "executable":
			p.Exe = given(d.text(o.Value))
		case "args":
			p.Args, p.ArgsCut = d.args(o.Value)
		case "args_count":
			argc, _ = o.Value.Uint()
		case "command_line":
			p.CommandLine, p.Quoting = d.long(o.Value), judge.Joined
		case "user":
			p.User, p.UID = d.ecsUser(o.Value)
		case "parent":
			if actor {
				d.ecsProcess(e, &e.Parent, o.Value, false)
			}
		default:
			if actor {
				d.ecsFile(e, o.Key, o.Value)
			}
		}
	}
	p.ArgsCut = p.ArgsCut || argc > uint64(len(p.Args))
	if len(p.Args) == 0 {
		p.Args = nil
	}
}

// ecsFile takes what is known of a file. Endpoint writes signatures twice: the newer "code_signature", and a list
// below "Ext" whose first element is the signature that matters.
func (d *Decoder) ecsFile(e *judge.HostEvent, key []byte, v jsonl.Value) {
	switch string(key) {
	case "hash":
		for o := v.Object(); o.Next(); {
			if string(o.Key) == "sha256" {
				e.SHA256 = sha256Hex(d.text(o.Value))
			}
		}
	case "code_signature":
		d.ecsSignature(e, v)
	case "Ext":
		for o := v.Object(); o.Next(); {
			if string(o.Key) == "code_signature" && e.Signature == judge.SignatureUnknown {
				if a := o.Value.Array(); a.Next() {
					d.ecsSignature(e, a.Value)
				}
			}
		}
	}
}

func (d *Decoder) ecsSignature(e *judge.HostEvent, v jsonl.Value) {
	var exists, trusted, valid string
	for o := v.Object(); o.Next(); {
		switch string(o.Key) {
		case "exists":
			exists = d.text(o.Value)
		case "trusted":
			trusted = d.text(o.Value)
		case "valid":
			valid = d.text(o.Value)
		case "subject_name":
			e.Signer = given(d.text(o.Value))
		case "status":
			e.SignatureState = given(d.text(o.Value))
		}
	}
	switch {
	case exists == "false":
		e.Signature = judge.Unsigned
	case trusted == "true" || trusted == "" && valid == "true":
		e.Signature = judge.SignedValid
	case trusted == "false" || valid == "false":
		e.Signature = judge.SignedInvalid
	}
}

func (d *Decoder) ecsConnection(e *judge.HostEvent, f *ecsFields, ev *ecsEvent) {
	end := func(v jsonl.Value) netip.AddrPort {
		var ip, p jsonl.Value
		for o := v.Object(); o.Next(); {
			switch string(o.Key) {
			case "ip":
				ip = o.Value
			case "port":
				p = o.Value
			}
		}
		return netip.AddrPortFrom(addr(ip), port(p))
	}
	e.Source, e.Target = end(f.source), end(f.destination)
	for o := f.network.Object(); o.Next(); {
		switch string(o.Key) {
		case "transport":
			e.Proto = proto(o.Value)
		case "direction":
			b, _ := o.Value.Plain()
			e.Inbound = string(b) == "ingress" || string(b) == "inbound"
		}
	}
	e.Inbound = e.Inbound || ev.action == "connection_accepted"
}

func (d *Decoder) ecsLogin(e *judge.HostEvent, f *ecsFields, ev *ecsEvent) bool {
	e.Login.User = e.Process.User
	e.Process.User = ""
	if e.Login.User == "" || ev.action == "log_off" || slices.Contains(ev.types, "end") {
		return false
	}
	switch ev.outcome {
	case "success":
		e.Login.Outcome = loginAccepted
	case "failure":
		e.Login.Outcome = loginRefused
	}
	for o := f.source.Object(); o.Next(); {
		if string(o.Key) == "ip" {
			e.From = addr(o.Value)
		}
	}
	if e.From.IsLoopback() {
		e.From = netip.Addr{}
	}
	terminal := ""
	if strings.HasPrefix(ev.action, "ssh") {
		terminal = "ssh"
	}
	e.Login.Mechanism = unixMechanism(e.Process.Exe, terminal)
	e.Unattended = e.Login.Mechanism == "service"
	return d.send(e)
}
