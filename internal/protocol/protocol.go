// Package protocol is the contract between the flow table and the protocol parsers.
//
// A parser sees bytes and a direction, never a flow, an address or a packet. It returns what it consumed and
// emits observations: facts that judging needs and the section of an EVE event. A new protocol is one package
// that exports a Parser, and one line in cmd/netsensor/registry.go.
package protocol

import (
	"net/netip"

	"netsensor/internal/eve"
)

// Transport is a set of transport protocols.
type Transport uint8

// The transports that parsers can ask for.
const (
	TCP Transport = 1 << iota
	UDP
)

// Dir is the direction of bytes within a flow.
type Dir uint8

// ToServer is the direction of the first packet's sender, or of the side that is inferred to be the client.
const (
	ToServer Dir = iota
	ToClient
)

// Reverse returns the other direction.
func (d Dir) Reverse() Dir { return d ^ 1 }

// Match is a probe's answer.
type Match uint8

// A flow takes the first parser that answers Yes. When every parser has answered No or Likely, or the probe
// limit is reached, it takes the first that answered Likely.
const (
	No     Match = iota // these bytes are another protocol's
	Maybe               // too few bytes to tell
	Likely              // looks like it, but so might others: the well-known port agrees, say
	Yes                 // unmistakable
)

// Peek is what a probe sees: the first bytes of one direction of a flow (or, over UDP, one datagram).
type Peek struct {
	Data                   []byte // lent
	Dir                    Dir
	Over                   Transport // TCP or UDP
	ClientPort, ServerPort uint16
	Midstream              bool // the beginning of the flow was not seen: Data may start anywhere
	End                    bool // no more bytes will come: Maybe means No
	// After is the name of the parser that returned Switch before these bytes; empty at the beginning of a flow.
	After string
	// Reversed is set by a probe that answers Yes or Likely and knows from the content that the sender is the
	// server although Dir says ToServer, or the other way round. It is heeded only where the roles are a guess.
	Reversed bool
}

// Port reports whether either port of the flow is p. Ports break ties only; the content decides.
func (p *Peek) Port(n uint16) bool { return p.ServerPort == n || p.ClientPort == n }

// Status says what a stream wants next.
type Status uint8

// What a stream wants next.
const (
	More   Status = iota // hand over what follows
	Done                 // nothing more to learn here: the flow is only counted from now on
	Failed               // malformed beyond recovery (emit an Anomaly first): the flow is only counted from now on
	Switch               // another protocol starts with the first unread byte of both directions (STARTTLS, CONNECT): probe anew
)

// Parser describes one protocol. It is a value without state.
type Parser struct {
	// Name is the EVE app_proto, lower case.
	Name string
	// Over is the set of transports it runs over.
	Over Transport
	// Limit bounds the unread bytes that are held for one direction while a message is incomplete; then the
	// flow is given up. Zero means 64 KiB.
	Limit int
	// Late says that it may begin late in a TCP flow, after a preamble that no parser knows: Probe is then also
	// shown some segments that come after the first bytes, each as if nothing had come before.
	Late bool
	// Probe must be cheap: it is asked for most new flows. It must not keep p or its data.
	Probe func(p *Peek) Match
	// New returns a stream in its initial state. Streams are pooled: Reset must bring a used one back to it.
	New func() Stream
}

// Stream follows one flow. It is used by one goroutine at a time.
//
// TCP: Feed is handed all unread bytes of direction d in order, from the first byte that was not yet consumed.
// It returns how many it has consumed; the flow table keeps the rest and hands it over again, longer, when more
// has come. n may exceed len(b): then that many bytes of the direction are skipped without being shown (a body,
// an encrypted record). To spare useless calls it may set c.Need to the number of unread bytes it wants to see
// next time (from the first unread byte, behind what it skips; thus more than len(b)-n).
//
// UDP: Feed is handed one datagram; n is ignored.
//
// Bytes and the context are lent for the call. A stream allocates only when it finds something, keeps bounded
// state whatever it is fed, never panics, and gives the same observations for every way of cutting the same
// bytes into segments.
type Stream interface {
	Feed(c *Context, d Dir, b []byte) (n int, s Status)
	// Gap says that n bytes of direction d were lost right after what was consumed and the unread rest (which
	// is dropped). n is 0 where the length is not known. Return More to be fed what follows the gap.
	Gap(c *Context, d Dir, n int) Status
	// End says that the flow is over or will not be fed any more: emit what is pending. It is called exactly
	// once, also after Done, Failed and Switch.
	End(c *Context)
	Reset()
}

// Holder is a Stream that says how many bytes it holds beyond its fixed size: buffers whose size the traffic
// decides. The flow table asks after every Feed and counts them among what all flows together may hold.
type Holder interface {
	Held() int
}

// Context is what a stream may know about the moment, and where it puts what it finds.
type Context struct {
	Time                   int64 // the packet's time, ns since the Unix epoch
	Over                   Transport
	ClientPort, ServerPort uint16
	Midstream              bool
	Need                   int // set by Feed; see Stream
	// Closed is set for End: the direction ended with a FIN and nothing of it was lost before. It is what tells
	// a whole file from a cut one where closing the connection ends it.
	Closed [2]bool
	Sink   Sink
}

// Sink takes observations. Everything in o is lent for the call.
type Sink interface {
	Observe(o *Observation)
}

// Detail is the parser's own view of a message. AppendEVE appends one or more members of the EVE event's root
// object, `"tls":{…}`, separated by commas, without a leading or trailing comma, in the shapes of Suricata's
// EVE schema.
type Detail interface {
	AppendEVE(dst []byte, o *eve.Options) []byte
}

// NoTx is the TxID of an observation that belongs to no transaction.
const NoTx = -1

// Observation is what a parser learnt at one point of a flow.
type Observation struct {
	// Event is the EVE event_type to write, empty when the facts alone matter.
	Event string
	// Dir is the direction of the message (of the request, for an event that covers both).
	Dir Dir
	// TxID numbers the transaction within the flow, from 0; NoTx for none.
	TxID int
	// Detail is the event's own section; also attached to alerts that these facts cause. May be nil.
	Detail Detail
	// Facts are what judging needs.
	Facts []Fact
	// Anomaly names malformed traffic: Suricata's app-layer event name in lower case where it has one
	// ("invalid_record_type"). Empty when well formed. An anomaly needs no Event.
	Anomaly string
}

// FactKind says what a Fact means.
type FactKind uint8

// The kinds of facts. Names are given as seen (any case, with or without the final dot); judging normalises them.
const (
	// NameSNI: Text is the server name in a TLS or QUIC ClientHello.
	NameSNI FactKind = iota + 1
	// NameHost: Text is the host of an HTTP request (Host, :authority, or the absolute URI's), without the port.
	NameHost
	// NameTarget: Text is the host (or address) that a proxy is asked for by CONNECT or SOCKS; Num is its port.
	NameTarget
	// NameCert: Text is a name that the server's certificate covers (dNSName; iPAddress as text; CN without SAN).
	NameCert
	// NameService: Text is a name that the protocol itself carries: a Kerberos realm or service, an SMB server, an RDP cookie's host.
	NameService
	// Question: Text is a name that was asked for in DNS, Num the query type. Aux is "mdns", "llmnr" or "nbns" outside DNS proper.
	Question
	// Alias: Text is an alias of Aux (CNAME, DNAME, SVCB target), Num the TTL in seconds.
	Alias
	// Address: Text has the address Addr, Num is the TTL in seconds.
	Address
	// ResponseCode: Num is the DNS response code of an answer whose questions were given as Question facts.
	ResponseCode
	// EncryptedHello: a real (not GREASE) Encrypted ClientHello was offered; Text is the outer name, if any.
	EncryptedHello
	// TLSVersion: Num is the negotiated version, 0x0304 for TLS 1.3.
	TLSVersion
	// ALPN: Text is the protocol that the server selected, or, with Num 1, one that the client offered.
	ALPN
	// CertIssuer: Text is the issuer of the server's leaf certificate as in EVE's tls.issuerdn. Aux is the subject.
	CertIssuer
	// CertSPKI: Text is the lower-case hex SHA-256 of the leaf's SubjectPublicKeyInfo.
	CertSPKI
	// ClientCert: the client presented a certificate; Text is its subject.
	ClientCert
	// Resumed: the TLS session was resumed; there is no certificate to see.
	Resumed
	// ClientSoftware, ServerSoftware: Text is the software version string (SSH), or the product of a banner or User-Agent.
	ClientSoftware
	ServerSoftware
	// HostKey: Text is "SHA256:" and the unpadded base64 of the SSH server's host key.
	HostKey
	// Login: Text is a user name, Aux the mechanism ("http-basic", "ftp", "ntlmssp", …), Num an Outcome. Never a secret.
	Login
	// File: Text is the file's name, Aux the lower-case hex SHA-256 (empty when not known), Num its size.
	File
	// Lease: DHCP gave Addr to the client whose hardware address is Text and host name Aux. Without Addr: a client
	// with that hardware address asked under that name.
	Lease
	// Version: Text is the protocol's own version or dialect ("SMB 3.1.1").
	Version
	// Encrypted: from here on the payload is opaque (TLS after the handshake, SSH after NEWKEYS).
	Encrypted
	// Signer: who signed the file of the File fact before it in the same observation. Text is the subject of the
	// signing certificate as in EVE's tls.subject, or the fingerprint or key ID of an OpenPGP key in hex; Aux is the
	// kind, in a manifest's words ("x509-codesign", "openpgp"). Of several signatures the outermost one.
	Signer
	// SignerIssuer: Text is the issuer of the Signer's certificate, Aux the lower-case hex SHA-256 of its
	// SubjectPublicKeyInfo.
	SignerIssuer
)

// Outcomes of a Login.
const (
	LoginTried    = 0 // or the outcome was not seen
	LoginAccepted = 1
	LoginRefused  = 2
)

// Fact is one thing that was seen, in a form that needs no knowledge of the protocol. Text and Aux are lent.
type Fact struct {
	Kind FactKind
	Num  int64
	Text []byte
	Aux  []byte
	Addr netip.Addr
}
