package packet

func (d *Decoder) tunnelPort(a, b uint16) bool         { return false }
func (d *Decoder) udpTunnel(p *Packet) Result          { return OK }
func (d *Decoder) ipTunnel(p *Packet, b []byte) Result { return OK }
func (d *Decoder) ppp(p *Packet, b []byte) Result      { return NotIP }
func (d *Decoder) radiotap(p *Packet, b []byte) Result { return NotIP }
func (d *Decoder) wlan(p *Packet, b []byte) Result     { return NotIP }
func (d *Decoder) llc(p *Packet, b []byte) Result      { return NotIP }
func (d *Decoder) oddLink(p *Packet, link LinkType, b []byte) Result {
	d.Counts.Unsupported++
	return Unsupported
}
func (d *Decoder) oddType(p *Packet, typ uint16, b []byte) Result {
	d.Counts.UnknownEtherType++
	return NotIP
}
