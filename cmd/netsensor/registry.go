package main

import (
	"netsensor/internal/dns"
	"netsensor/internal/http"
	"netsensor/internal/protocol"
	"netsensor/internal/protocol/socks"
	"netsensor/internal/quic"
	"netsensor/internal/ssh"
	"netsensor/internal/tls"
)

// parsers lists the protocols in the order in which they are asked. It is called once per flow table: what one
// call returns may share caches.
func parsers() []protocol.Parser {
	return []protocol.Parser{
		tls.Parser(), tls.DTLSParser(),
		quic.Parser(),
		dns.MDNS(), dns.LLMNR(), dns.NBNS(),
		http.Parser(), http.Parser2(),
		dns.Parser(),
		ssh.Parser(),
		socks.Parser(),
	}
}
