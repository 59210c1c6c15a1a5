package tls

import "strings"

// echPublicNames are the outer names of well-known operators of Encrypted ClientHello: the public_name of their
// ECHConfigs (RFC 9849, section 4), without a final dot. A hello whose encrypted_client_hello is GREASE looks
// like a real one on the wire (section 6.2), but carries the true server name; a real one carries a name of this
// table. So an operator who is missing here is missed, and GREASE never counts as real.
var echPublicNames = [...]string{
	"cloudflare-ech.com",
	"public.tls-ech.dev",
	"cover.defo.ie",
}

// EncryptedName reports whether h hides the true server name: by an Encrypted ClientHello behind a well-known
// public name, or by its ancestor encrypted_server_name, of which no GREASE is known. A hello that merely offers
// encrypted_client_hello has ECH set and is not meant here.
func (h *ClientHello) EncryptedName() bool { return h.ESNI || h.ECH && isECHPublicName(h.ServerName) }

func isECHPublicName(name []byte) bool {
	if n := len(name); n > 0 && name[n-1] == '.' {
		name = name[:n-1]
	}
	for _, known := range echPublicNames {
		if len(name) == len(known) && strings.EqualFold(string(name), known) {
			return true
		}
	}
	return false
}
