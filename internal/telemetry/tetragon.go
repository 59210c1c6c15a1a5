package telemetry

import (
	"net/netip"
	"strings"

	"netsensor/internal/jsonl"
	"netsensor/internal/judge"
)

// tetragon decodes an event of Tetragon: what happened is the name of the member that holds it.
func (d *Decoder) tetragon(line jsonl.Value) bool {
	var what string
	var body, node, at jsonl.Value
	for o := line.Object(); o.Next(); {
		switch k := string(o.Key); k {
		case "node_name":
			node = o.Value
		case "time":
			at = o.Value
		default:
			if strings.HasPrefix(k, "process_") && o.Value.Is() == '{' {
				what, body = d.texts.get(o.Key), o.Value
			}
		}
	}
	e := d.begin(Tetragon)
	e.Host, e.EventID, e.Now = given(d.text(node)), what, parseTime(at).ns
	var args, from, fromPort, to, toPort, transport, hash jsonl.Value
	var function string
	for o := body.Object(); o.Next(); {
		switch string(o.Key) {
		case "process":
			d.tetragonProcess(&e.Process, o.Value)
		case "parent":
			d.tetragonProcess(&e.Parent, o.Value)
		case "function_name":
			function = d.text(o.Value)
		case "args":
			args = o.Value
		case "source_ip":
			from = o.Value
		case "source_port":
			fromPort = o.Value
		case "destination_ip":
			to = o.Value
		case "destination_port":
			toPort = o.Value
		case "protocol":
			transport = o.Value
		case "ima_hash":
			hash = o.Value
		}
	}
	switch what {
	case "process_exec":
		e.Kind = judge.ProcessStarted
		return d.send(e)
	case "process_exit":
		e.Kind = judge.ProcessEnded
		return d.send(e)
	case "process_connect", "process_accept":
		e.Kind, e.Inbound = judge.Connected, what == "process_accept"
		e.Proto = proto(transport)
		e.Source, e.Target = netip.AddrPortFrom(addr(from), port(fromPort)), netip.AddrPortFrom(addr(to), port(toPort))
		return d.send(e)
	case "process_kprobe", "process_tracepoint", "process_lsm":
		if hash != nil {
			return d.tetragonFile(e, args, hash)
		}
		return strings.Contains(function, "connect") && d.tetragonSocket(e, args)
	}
	return false
}

func (d *Decoder) tetragonProcess(p *judge.Process, v jsonl.Value) {
	p.Quoting = judge.JoinedArgs
	for o := v.Object(); o.Next(); {
		switch string(o.Key) {
		case "exec_id":
			p.ID = d.text(o.Value)
		case "pid":
			p.PID, _ = o.Value.Uint()
		case "uid":
			p.UID = d.text(o.Value)
		case "user":
			for u := o.Value.Object(); u.Next(); {
				if string(u.Key) == "name" {
					p.User = given(d.text(u.Value))
				}
			}
		case "binary":
			p.Exe = given(d.text(o.Value))
		case "arguments":
			p.CommandLine = d.long(o.Value)
		case "flags":
			b, _ := o.Value.Plain()
			p.ArgsCut = strings.Contains(string(b), "truncArgs") || strings.Contains(string(b), "errorArgs")
		}
	}
	p.User = rootName(p.User, p.UID)
}

// tetragonSocket takes the connection out of the arguments of a kernel function.
func (d *Decoder) tetragonSocket(e *judge.HostEvent, args jsonl.Value) bool {
	e.Kind = judge.Connected
	for a := args.Array(); a.Next(); {
		for o := a.Value.Object(); o.Next(); {
			switch string(o.Key) {
			case "sock_arg", "skb_arg", "sockaddr_arg":
			default:
				continue
			}
			var from, fromPort, to, toPort jsonl.Value
			for s := o.Value.Object(); s.Next(); {
				switch string(s.Key) {
				case "saddr":
					from = s.Value
				case "sport":
					fromPort = s.Value
				case "daddr", "addr":
					to = s.Value
				case "dport", "port":
					toPort = s.Value
				case "protocol":
					e.Proto = proto(s.Value)
				}
			}
			if t := addr(to); t.IsValid() {
				e.Source, e.Target = netip.AddrPortFrom(addr(from), port(fromPort)), netip.AddrPortFrom(t, port(toPort))
			}
		}
	}
	return d.send(e)
}

// tetragonFile takes the hash that the kernel's integrity measurement (IMA) has of a file which is being executed or mapped.
func (d *Decoder) tetragonFile(e *judge.HostEvent, args, hash jsonl.Value) bool {
	e.Kind = judge.ImageLoaded
	e.SHA256 = sha256Hex(d.text(hash))
	for a := args.Array(); a.Next(); {
		for o := a.Value.Object(); o.Next(); {
			for f := o.Value.Object(); f.Next(); {
				if string(f.Key) == "path" && e.File == "" {
					e.File = given(d.text(f.Value))
				}
			}
		}
	}
	return e.File != "" && e.SHA256 != "" && d.send(e)
}
