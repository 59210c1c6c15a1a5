// Package judge decides whether what a host does was declared. It knows manifests and memory of names, but no
// packets, flows or files: packets, Suricata's and Zeek's logs and host telemetry all arrive as the same values.
package judge

import "net/netip"

// Phase says how much of a conversation has been seen when it is put before the judge. A conversation may come
// several times, each time with all that is known so far.
type Phase uint8

// The phases, in order.
const (
	// Named: there is a name or a method, more evidence (a certificate, an answer) may follow.
	Named Phase = iota + 1
	// Settled: the parsers have seen what they wanted to see, or gave up.
	Settled
	// Ended: the conversation is over; the counters are final. Only this phase counts verdicts.
	Ended
)

// NameSource says where a name comes from, strongest claim first.
type NameSource uint8

// The sources of names.
const (
	SNI NameSource = iota + 1
	Host
	Target // CONNECT, SOCKS
	DNS    // an answer to this client
	Cert
	Service
)

// Name is a name that was claimed in a conversation.
type Name struct {
	Text   string // as seen; at most 255 bytes
	Source NameSource
	Port   uint16 // Target only
}

// Login is a user name seen in a login. Never a secret.
type Login struct {
	User, Mechanism string
	Outcome         uint8 // protocol.LoginTried, …
}

// File is an executable, a package, an archive or a script that was transferred.
type File struct {
	Name     string
	SHA256   string // lower-case hex, empty when it is not known: bytes are missing
	Size     int64
	ToServer bool // the server received it
	Signer   Signer
}

// Signer is who signed a file, as it says; nobody has checked the signature. Kind is empty where none was seen.
type Signer struct {
	Kind    string // a word of the manifest: "x509-codesign", "openpgp"
	Subject string // of the certificate, or the fingerprint or key ID of an OpenPGP key
	Issuer  string
	SPKI    string // lower-case hex SHA-256
}

// Conversation is one flow as far as it is known.
type Conversation struct {
	// ID is the EVE flow_id. Packet is the number of the packet that this evidence comes from.
	ID     uint64
	Packet uint64
	Phase  Phase
	// Revision counts the changes of anything here but Packet, Phase, Now and the counters of packets and bytes; 0:
	// not counted. What has not changed since it was decided is not judged again.
	Revision uint32
	// Start is the time of the first packet, Now that of this evidence; ns since the Unix epoch.
	Start, Now int64
	// Proto is the IP protocol. Client initiated the conversation if Roles is RolesSeen; ports are 0 where there are none.
	Proto          uint8
	Client, Server netip.AddrPort
	// The hardware addresses of the frames, empty when there were none: the hosts' or those of routers.
	ClientMAC, ServerMAC string
	VLAN                 uint16
	// RolesInferred: the beginning was not seen; who is the client is a guess.
	RolesInferred bool
	Midstream     bool // TCP without its handshake
	Gap           bool // bytes were lost
	OneWay        bool // only one direction was seen
	// App is the protocol by content ("tls", "ssh"), empty when not known (yet). AppBefore is what it was before
	// STARTTLS or CONNECT ("smtp").
	App, AppBefore string
	Names          []Name
	Logins         []Login
	Files          []File
	// Leases are those that this conversation tells of for the first time.
	Leases []Lease
	TLS    TLS
	// ClientSoftware and ServerSoftware are SSH software versions; HostKey is "SHA256:…".
	ClientSoftware, ServerSoftware, HostKey string
	// Version is the protocol's own version or dialect, empty when not known.
	Version                          string
	PktsToServer, PktsToClient       uint64
	BytesToServer, BytesToClient     uint64
	PayloadToServer, PayloadToClient bool // any transport payload was seen
	Refused                          bool // TCP: the SYN was answered by RST
	Established                      bool // TCP: SYN and SYN-ACK were seen; UDP: both directions
}

// TLS is what was seen of a TLS, DTLS or QUIC handshake.
type TLS struct {
	Hello      bool   // a ClientHello was seen
	Version    uint16 // negotiated, 0 when not known
	ECH        bool   // a real Encrypted ClientHello
	OuterName  string // the name outside of it
	ALPN       string // selected by the server
	Offered    []string
	Cert       bool // the server's certificate was seen
	Issuer     string
	Subject    string
	SPKI       string // lower-case hex SHA-256
	CertNames  []string
	ClientCert bool
	Resumed    bool
}

// Lookup is one DNS message that a client sent or received.
type Lookup struct {
	ID        uint64 // the flow_id of the DNS conversation
	Packet    uint64
	Now       int64
	Client    netip.Addr
	ClientMAC string
	VLAN      uint16
	Resolver  netip.AddrPort
	Proto     uint8
	// Via is "dns", "mdns", "llmnr" or "nbns".
	Via       string
	Response  bool
	Rcode     uint8
	Questions []Question
	Answers   []Answer
}

// Question is a name that was asked for.
type Question struct {
	Name string
	Type uint16
}

// Answer is an address, or an alias when Addr is not valid.
type Answer struct {
	Name string
	To   string // the alias's target
	Addr netip.Addr
	TTL  uint32
}
