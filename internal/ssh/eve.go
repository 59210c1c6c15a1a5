package ssh

import "netsensor/internal/eve"

// AppendEVE appends the member "ssh".
func (s *stream) AppendEVE(dst []byte, o *eve.Options) []byte {
	dst = append(dst, `"ssh":`...)
	w := eve.Open(dst, o)
	for d, key := range [...]string{"client", "server"} {
		side := &s.sides[d]
		if !side.version {
			continue
		}
		in := w.Begin(key)
		in.Bytes("proto_version", side.proto)
		in.BytesIf("software_version", side.product)
		if side.kex {
			h := in.Begin("hassh")
			h.Bytes("hash", side.hassh.sum[:])
			h.Bytes("string", side.hassh.text)
			in.End(h)
		}
		w.End(in)
	}
	return w.Close()
}
