package engine

import (
	"netsensor/internal/eve"
	"netsensor/internal/flows"
	"netsensor/internal/judge"
	"netsensor/internal/packet"
	"netsensor/internal/protocol"
)

// watch is a flow of a monitored host: what is known of it, for the judge. It is used again for other flows, so
// snapshots get copies of its lists.
type watch struct {
	conv    judge.Conversation
	section []byte // the latest protocol section, for alerts that come later
	tunnel  *packet.Tunnel
	// What the judge was shown last: it is not shown the same again before the end.
	shown judge.Phase
	at    uint32 // conv.Revision
}

const (
	maxSection = 8 << 10 // bytes of a section that are kept for later
	maxNames   = 32      // names, logins and files kept of one conversation
)

func (w *worker) watchOf(f *flows.Flow) *watch {
	if f.User == 0 {
		return nil
	}
	return w.watches[f.User-1]
}

func (w *worker) watch(f *flows.Flow, p *packet.Packet) {
	if l := len(w.free); l > 0 {
		f.User = w.free[l-1]
		w.free = w.free[:l-1]
	} else {
		w.watches = append(w.watches, &watch{})
		f.User = uint32(len(w.watches))
	}
	wt := w.watches[f.User-1]
	if p.Tunnel.Depth > 0 {
		t := p.Tunnel
		wt.tunnel = &t
	}
	if p.HasMAC && w.cfg.HardwareAddresses {
		client, server := p.SrcMAC, p.DstMAC
		if f.Client != p.Src {
			client, server = server, client
		}
		wt.conv.ClientMAC = w.text(eve.AppendHex(w.scratch[:0], client[:], ':'))
		wt.conv.ServerMAC = w.text(eve.AppendHex(w.scratch[:0], server[:], ':'))
	}
}

func (w *worker) unwatch(f *flows.Flow) {
	w.watches[f.User-1].reset()
	w.free = append(w.free, f.User)
	f.User = 0
}

// reset forgets the flow but keeps the room of small lists.
func (wt *watch) reset() {
	c := &wt.conv
	keep := judge.Conversation{Names: clip(c.Names), Logins: clip(c.Logins), Files: clip(c.Files), Leases: clip(c.Leases)}
	keep.TLS.Offered, keep.TLS.CertNames = clip(c.TLS.Offered), clip(c.TLS.CertNames)
	section := wt.section[:0]
	if cap(section) > 2<<10 {
		section = nil
	}
	*wt = watch{conv: keep, section: section}
}

func clip[T any](s []T) []T {
	if cap(s) > 8 {
		return nil
	}
	clear(s)
	return s[:0]
}

// text returns b as a string that is shared with earlier ones, for what has few values: protocols, issuers, software.
// Names have too many: looking for one in a large table costs more than another string.
func (w *worker) text(b []byte) string {
	if s, ok := w.texts[string(b)]; ok {
		return s
	}
	if w.texts == nil || len(w.texts) >= maxTexts {
		w.texts = make(map[string]string, 64)
	}
	s := string(b)
	w.texts[s] = s
	return s
}

// maxTexts bounds the strings that a worker shares.
const maxTexts = 1 << 10

// snapshot copies the conversation for the judge; its lists lie in the piece of output.
func (o *out) snapshot(c *judge.Conversation) judge.Conversation {
	s := *c
	s.Names = lend(&o.names, c.Names)
	s.Logins = lend(&o.logins, c.Logins)
	s.Files = lend(&o.files, c.Files)
	s.Leases = lend(&o.leases, c.Leases)
	s.TLS.Offered = lend(&o.texts, c.TLS.Offered)
	s.TLS.CertNames = lend(&o.texts, c.TLS.CertNames)
	return s
}

// lend appends items to room and returns them there.
func lend[T any](room *[]T, items []T) []T {
	if len(items) == 0 {
		return nil
	}
	n := len(*room)
	*room = append(*room, items...)
	return (*room)[n:len(*room):len(*room)]
}

// learn adds what o says to the conversation, and puts it before the judge when there is something to judge by.
func (w *worker) learn(wt *watch, f *flows.Flow, p *packet.Packet, o *protocol.Observation, section span) {
	if n := section.to - section.from; n > 0 && n <= maxSection {
		wt.section = append(wt.section[:0], w.out.buf[section.from:section.to]...)
	}
	var msg *judge.Lookup
	named := o.Event != ""
	for i := range o.Facts {
		fact := &o.Facts[i]
		switch fact.Kind {
		case protocol.Question, protocol.Alias, protocol.Address, protocol.ResponseCode:
			if msg == nil {
				msg = w.lookup(wt, f, p, o)
			}
			w.addLookup(msg, fact)
		default:
			if w.addFact(&wt.conv, fact, o.Dir) {
				named = true
			}
		}
	}
	if named && msg == nil {
		w.submit(wt, f, p, judge.Named, nil)
	}
}

// lookup starts a DNS message for the judge.
func (w *worker) lookup(wt *watch, f *flows.Flow, p *packet.Packet, o *protocol.Observation) *judge.Lookup {
	r := w.record("")
	w.out.lookups = append(w.out.lookups, lookup{})
	r.lookup = int32(len(w.out.lookups))
	l := &w.out.lookups[r.lookup-1]
	w.update(wt, f, judge.Named)
	l.conv, l.evidence = w.out.snapshot(&wt.conv), w.evidence(wt, f, p)
	l.msg = judge.Lookup{
		ID: flowID(f), Packet: w.num, Now: w.clock, Client: f.Client.Addr(), Resolver: f.ServerAddr(),
		ClientMAC: l.conv.ClientMAC, VLAN: f.VLAN[0], Proto: f.Proto, Via: w.table.App(f.App), Response: o.Dir == protocol.ToClient,
	}
	return &l.msg
}

func (w *worker) addLookup(l *judge.Lookup, f *protocol.Fact) {
	switch f.Kind {
	case protocol.Question:
		l.Questions = append(l.Questions, judge.Question{Name: string(f.Text), Type: uint16(f.Num)})
	case protocol.ResponseCode:
		l.Response = true
		l.Rcode = uint8(f.Num)
	case protocol.Alias:
		l.Answers = append(l.Answers, judge.Answer{Name: string(f.Text), To: string(f.Aux), TTL: uint32(f.Num)})
	case protocol.Address:
		l.Answers = append(l.Answers, judge.Answer{Name: string(f.Text), Addr: f.Addr.Unmap(), TTL: uint32(f.Num)})
	}
}

var nameSources = map[protocol.FactKind]judge.NameSource{
	protocol.NameSNI: judge.SNI, protocol.NameHost: judge.Host, protocol.NameTarget: judge.Target,
	protocol.NameCert: judge.Cert, protocol.NameService: judge.Service,
}

// addFact adds a fact to a conversation and reports whether it is one to judge by at once.
func (w *worker) addFact(c *judge.Conversation, f *protocol.Fact, d protocol.Dir) bool {
	switch f.Kind {
	case protocol.NameSNI, protocol.NameHost, protocol.NameTarget, protocol.NameService:
		if f.Kind == protocol.NameSNI {
			set(c, &c.TLS.Hello, true)
		}
		return addName(c, judge.Name{Text: string(f.Text), Source: nameSources[f.Kind], Port: uint16(f.Num)})
	case protocol.NameCert:
		if len(c.TLS.CertNames) < maxNames {
			c.TLS.CertNames = append(c.TLS.CertNames, w.text(f.Text))
			c.Revision++
		}
	case protocol.EncryptedHello:
		set(c, &c.TLS.ECH, true)
		set(c, &c.TLS.OuterName, w.text(f.Text))
	case protocol.TLSVersion:
		set(c, &c.TLS.Version, uint16(f.Num))
	case protocol.ALPN:
		if f.Num == 0 {
			set(c, &c.TLS.ALPN, w.text(f.Text))
		} else if len(c.TLS.Offered) < maxNames {
			c.TLS.Hello = true
			c.TLS.Offered = append(c.TLS.Offered, w.text(f.Text))
			c.Revision++
		}
	case protocol.CertIssuer:
		set(c, &c.TLS.Cert, true)
		set(c, &c.TLS.Issuer, w.text(f.Text))
		set(c, &c.TLS.Subject, w.text(f.Aux))
	case protocol.CertSPKI:
		set(c, &c.TLS.Cert, true)
		set(c, &c.TLS.SPKI, w.text(f.Text))
	case protocol.ClientCert:
		set(c, &c.TLS.ClientCert, true)
	case protocol.Resumed:
		set(c, &c.TLS.Resumed, true)
	case protocol.ClientSoftware:
		set(c, &c.ClientSoftware, w.text(f.Text))
	case protocol.ServerSoftware:
		set(c, &c.ServerSoftware, w.text(f.Text))
	case protocol.HostKey:
		set(c, &c.HostKey, w.text(f.Text))
	case protocol.Version:
		set(c, &c.Version, w.text(f.Text))
	case protocol.Login:
		if len(c.Logins) < maxNames {
			c.Logins = append(c.Logins, judge.Login{User: w.text(f.Text), Mechanism: w.text(f.Aux), Outcome: uint8(f.Num)})
			c.Revision++
			return true
		}
	case protocol.File:
		if len(c.Files) < maxNames {
			// Names and hashes of files do not repeat themselves as hosts do.
			c.Files = append(c.Files, judge.File{Name: string(f.Text), SHA256: string(f.Aux), Size: f.Num, ToServer: d == protocol.ToServer})
			c.Revision++
			return true
		}
	case protocol.Lease:
		if len(c.Leases) < maxNames {
			c.Leases = append(c.Leases, judge.Lease{Addr: f.Addr, MAC: w.text(f.Text), Host: w.text(f.Aux)})
			c.Revision++
			return true
		}
	case protocol.Signer:
		if n := len(c.Files); n > 0 {
			c.Files[n-1].Signer.Kind, c.Files[n-1].Signer.Subject = w.text(f.Aux), w.text(f.Text)
		}
	case protocol.SignerIssuer:
		if n := len(c.Files); n > 0 {
			c.Files[n-1].Signer.Issuer, c.Files[n-1].Signer.SPKI = w.text(f.Text), w.text(f.Aux)
		}
	}
	return false
}

// set changes a part of a conversation, and its revision if that is news.
func set[T comparable](c *judge.Conversation, at *T, v T) {
	if *at != v {
		*at = v
		c.Revision++
	}
}

func addName(c *judge.Conversation, n judge.Name) bool {
	if len(n.Text) == 0 || len(n.Text) > 255 {
		return false
	}
	for i := range c.Names {
		if c.Names[i] == n {
			return false
		}
	}
	if len(c.Names) >= maxNames {
		return false
	}
	c.Names = append(c.Names, n)
	c.Revision++
	return true
}

// submit puts the conversation as it stands before the judge.
func (w *worker) submit(wt *watch, f *flows.Flow, p *packet.Packet, phase judge.Phase, r *record) {
	w.update(wt, f, phase)
	if phase != judge.Ended && phase <= wt.shown && wt.conv.Revision == wt.at {
		return
	}
	wt.shown, wt.at = phase, wt.conv.Revision
	if r == nil {
		r = w.record("")
	}
	w.out.snaps = append(w.out.snaps, snapshot{conv: w.out.snapshot(&wt.conv), evidence: w.evidence(wt, f, p)})
	r.snap = int32(len(w.out.snaps))
	wt.conv.Leases = wt.conv.Leases[:0] // news only once
}

// update brings the conversation up to the flow's present state.
func (w *worker) update(wt *watch, f *flows.Flow, phase judge.Phase) {
	c := &wt.conv
	if c.ID == 0 {
		c.ID = flowID(f)
		c.Revision++
	}
	c.Packet, c.Phase = w.num, phase
	c.Start, c.Now = f.First, w.clock
	c.Proto, c.Client, c.Server = f.Proto, f.ClientAddr(), f.ServerAddr()
	c.VLAN = f.VLAN[0]
	set(c, &c.RolesInferred, f.RolesInferred())
	set(c, &c.Midstream, f.Midstream())
	set(c, &c.OneWay, f.OneWay())
	set(c, &c.Gap, f.Gap(protocol.ToServer) || f.Gap(protocol.ToClient))
	set(c, &c.App, w.table.App(f.App))
	set(c, &c.AppBefore, w.table.App(f.AppBefore))
	set(c, &c.PayloadToServer, f.Payload(protocol.ToServer))
	set(c, &c.PayloadToClient, f.Payload(protocol.ToClient))
	set(c, &c.Refused, f.Refused())
	set(c, &c.Established, f.Established())
	c.PktsToServer, c.PktsToClient = uint64(f.Packets[0]), uint64(f.Packets[1])
	c.BytesToServer, c.BytesToClient = f.Bytes[0], f.Bytes[1]
}

// evidence collects what an alert shows beside the judgement.
func (w *worker) evidence(wt *watch, f *flows.Flow, p *packet.Packet) evidence {
	e := evidence{file: w.file, vlans: f.VLAN, vlanCount: f.VLANCount, tunnel: wt.tunnel}
	if p != nil {
		e.count = p.Count
		if int(p.Iface) < len(w.job.iface) && w.file == "" {
			e.iface = w.job.iface[p.Iface].Name
		}
	}
	if len(wt.section) > 0 {
		e.section.from = uint32(len(w.out.buf))
		w.out.buf = append(w.out.buf, wt.section...)
		e.section.to = uint32(len(w.out.buf))
	}
	return e
}
