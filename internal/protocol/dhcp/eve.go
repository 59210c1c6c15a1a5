package dhcp

import "netsensor/internal/eve"

var kinds = [...]string{1: "discover", "offer", "request", "decline", "ack", "nak", "release", "inform"}

// AppendEVE appends `"dhcp":{…}` with the members that Suricata writes without its extended logging.
func (m *message) AppendEVE(dst []byte, opts *eve.Options) []byte {
	dst = append(dst, `"dhcp":`...)
	o := eve.Open(dst, opts)
	o.Str("type", [...]string{bootRequest: "request", bootReply: "reply"}[m.op])
	o.Uint("id", uint64(m.xid))
	o.Bytes("client_mac", m.mac)
	o.Addr("assigned_ip", m.assigned)
	if len(m.clientID) > 0 {
		o.Hex("client_id", m.clientID, ':')
	}
	kind := "unknown"
	if 0 < m.kind && int(m.kind) < len(kinds) {
		kind = kinds[m.kind]
	}
	o.Str("dhcp_type", kind)
	if m.renewal >= 0 {
		o.Int("renewal_time", m.renewal)
	}
	o.BytesIf("hostname", m.hostName)
	return o.Close()
}
