// Package tls reads the clear part of SSL 2.0 to TLS 1.3 over TCP and of DTLS over UDP: names, versions,
// certificates and fingerprints of clients and servers.
package tls

import "netsensor/internal/protocol"

// Parser returns the parser of TLS over TCP. Its streams share one Cache.
func Parser() protocol.Parser {
	cache := NewCache()
	return protocol.Parser{
		Name:  "tls",
		Over:  protocol.TCP,
		Late:  true,
		Probe: probe,
		New:   func() protocol.Stream { return newStream(cache) },
	}
}

// DTLSParser returns the parser of DTLS. Its streams share one Cache.
func DTLSParser() protocol.Parser {
	cache := NewCache()
	return protocol.Parser{
		Name:  "dtls",
		Over:  protocol.UDP,
		Probe: probeDTLS,
		New:   func() protocol.Stream { return newDatagrams(cache) },
	}
}
