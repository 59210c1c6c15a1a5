package engine

import (
	"netsensor/internal/eve"
	"netsensor/internal/flows"
	"netsensor/internal/packet"
	"netsensor/internal/protocol"
)

// macs are the MAC addresses of a flow's first packet, the client's first.
type macs [2][6]byte

// noteMACs keeps the MAC addresses of a new flow.
func (w *worker) noteMACs(f *flows.Flow, p *packet.Packet) {
	if !p.HasMAC {
		return
	}
	m := macs{p.SrcMAC, p.DstMAC}
	if f.Client != p.Src {
		m[0], m[1] = m[1], m[0]
	}
	w.macs[f.Start] = m
}

// ether appends the MAC addresses of packet p to an event whose header is h.
func (w *worker) ether(o *eve.Object, h *eve.Header, p *packet.Packet) {
	if !w.cfg.Ether || p == nil || !p.HasMAC {
		return
	}
	src, dst := p.SrcMAC, p.DstMAC
	if h.Src != p.Src.Addr() {
		src, dst = dst, src
	}
	appendEther(o, src, dst)
}

func appendEther(o *eve.Object, src, dst [6]byte) {
	e := o.Begin("ether")
	e.Hex("src_mac", src[:], ':')
	e.Hex("dest_mac", dst[:], ':')
	o.End(e)
}

// flowEther appends the MAC addresses of a flow to its event, and forgets them.
func (w *worker) flowEther(o *eve.Object, f *flows.Flow) {
	m, ok := w.macs[f.Start]
	if !ok {
		return
	}
	e := o.Begin("ether")
	for d, key := range [...]string{protocol.ToServer: "src_macs", protocol.ToClient: "dest_macs"} {
		e.Key(key)
		e.B = append(e.B, `["`...)
		e.B = eve.AppendHex(e.B, m[d][:], ':')
		e.B = append(e.B, `"]`...)
	}
	o.End(e)
}
