// Package dns parses DNS (RFC 1035) over UDP and TCP, and its relatives on the local link: multicast DNS
// (RFC 6762), LLMNR (RFC 4795) and the NetBIOS name service (RFC 1002).
//
// A message becomes facts (questions, response code, aliases, addresses) and one EVE event. Names are the labels
// as sent, joined by dots, as Suricata writes them: any byte may occur in them. Aliases and addresses are facts
// only where a response carries them; nothing that a client says binds a name to an address.
//
// A damaged message gives what could be read up to the damage, and an anomaly.
//
// The streams of one Parser share the buffers that messages are parsed into: they are used by one goroutine at a time.
package dns

import "netsensor/internal/protocol"

// The well-known ports.
const (
	portDNS   = 53
	portNBNS  = 137
	portMDNS  = 5353
	portLLMNR = 5355
)

// flavour is one of the protocols that share DNS's message format.
type flavour uint8

const (
	unicast flavour = iota
	mdns
	llmnr
	nbns
)

// aux is the Aux of the facts of each flavour.
var aux = [...][]byte{unicast: nil, mdns: []byte("mdns"), llmnr: []byte("llmnr"), nbns: []byte("nbns")}

// events are the EVE event types. EVE has none for the NetBIOS name service.
var events = [...]string{unicast: "dns", mdns: "mdns", llmnr: "llmnr", nbns: ""}

// Parser returns the parser of DNS over UDP and TCP, on any port.
func Parser() protocol.Parser {
	return parser("dns", protocol.UDP|protocol.TCP, unicast, probeDNS)
}

// MDNS returns the parser of multicast DNS.
func MDNS() protocol.Parser { return parser("mdns", protocol.UDP, mdns, probeMDNS) }

// LLMNR returns the parser of link-local multicast name resolution.
func LLMNR() protocol.Parser {
	return parser("llmnr", protocol.UDP|protocol.TCP, llmnr, probeLLMNR)
}

// NBNS returns the parser of the NetBIOS name service. It emits facts only.
func NBNS() protocol.Parser { return parser("nbns", protocol.UDP, nbns, probeNBNS) }

func parser(name string, over protocol.Transport, fl flavour, probe func(*protocol.Peek) protocol.Match) protocol.Parser {
	// Most flows of DNS are one question and one answer, and there are many at a time: a message's buffers belong
	// to the message, not to the flow.
	m := new(message)
	return protocol.Parser{
		Name:  name,
		Over:  over,
		Limit: lengthPrefix + maxMessage,
		Probe: probe,
		New: func() protocol.Stream {
			s := &stream{flavour: fl, message: m}
			s.Reset()
			return s
		},
	}
}
