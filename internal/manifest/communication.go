package manifest

import (
	"net/netip"

	"netsensor/internal/strict"
)

// PartyKind says whose system is at the other end.
type PartyKind string

// The parties.
const (
	ThirdParty PartyKind = "third-party" // the vendor's, or somebody else's outside of the customer's site
	Customer   PartyKind = "customer"    // the customer's own, including other hosts of the product
)

// Direction says who initiates, seen from the product.
type Direction string

// The directions. Both is for roles that speak to each other.
const (
	Outbound Direction = "outbound" // From is a role of the product
	Inbound  Direction = "inbound"  // To is a role of the product
	Both     Direction = "both"     // either end may initiate
)

// Transport is one or more transport protocols.
type Transport string

// The transports. Ports are given for TCP, UDP, UDPTCP and SCTP, never for the others.
const (
	TCP    Transport = "tcp"
	UDP    Transport = "udp"
	UDPTCP Transport = "udp+tcp"
	SCTP   Transport = "sctp"
	ICMP   Transport = "icmp" // ICMP and ICMPv6
	IGMP   Transport = "igmp"
	GRE    Transport = "gre"
	ESP    Transport = "esp"
	AH     Transport = "ah"
	AnyIP  Transport = "any" // whatever runs over IP; no ports
)

// Necessity says whether the product works without it.
type Necessity string

// The necessities.
const (
	Required Necessity = "required"
	Optional Necessity = "optional"
)

// Communication is one thing that the product does on the network. Everything that is given must hold for a
// conversation to be expected.
type Communication struct {
	ID         string    `json:"id"`
	Party      PartyKind `json:"party"`
	Operator   string    `json:"operator,omitempty"`   // who runs the other end; third-party
	SystemType string    `json:"systemType,omitempty"` // what the other end is; customer
	Direction  Direction `json:"direction"`
	// From initiates (with Both, either may).
	From      Peer      `json:"from"`
	To        Peer      `json:"to"`
	Transport Transport `json:"transport"`
	Ports     []Port    `json:"ports,omitempty"` // of To; empty only where the transport has none
	// Method is the protocol by content; see LookupMethod. Empty means that the vendor does not say.
	Method string `json:"method,omitempty"`
	// App are the protocols that may be found inside Method ("http" inside TLS), lower case.
	App []string `json:"app,omitempty"`
	TLS *TLS     `json:"tls,omitempty"`
	SSH *SSH     `json:"ssh,omitempty"`
	// Features are those that cause the communication; it is expected while any of them is on. Never empty.
	Features   []string          `json:"features"`
	Necessity  Necessity         `json:"necessity,omitempty"`
	Reason     string            `json:"reason"`
	Privileges []Privilege       `json:"privileges,omitempty"`
	Bounds     *Bounds           `json:"bounds,omitempty"`
	References []string          `json:"references,omitempty"` // URLs
	Extensions strict.Extensions `json:"-"`
	Pos        strict.Pos        `json:"-"`
}

// Hosting says what an address of the other end is worth as evidence.
type Hosting string

// The kinds of hosting.
const (
	// Dedicated addresses serve the operator only: an address match counts by itself.
	Dedicated Hosting = "dedicated"
	// SharedCDN addresses serve anybody: an address alone proves nothing.
	SharedCDN Hosting = "shared-cdn"
	// Cloud addresses are the operator's today and somebody else's tomorrow: an address alone proves nothing.
	Cloud Hosting = "cloud"
)

// Peer is one end of a communication: a role of this product, a variable that the customer binds, or names and
// addresses outside. Role and Variable stand alone; Names and CIDRs may come together: any of them matches.
type Peer struct {
	Role       string            `json:"role,omitempty"`
	Variable   string            `json:"variable,omitempty"`
	Names      []Name            `json:"names,omitempty"`
	CIDRs      []CIDR            `json:"cidrs,omitempty"`
	Hosting    Hosting           `json:"hosting,omitempty"` // empty: not said, to be taken as Dedicated only for CIDRs
	Extensions strict.Extensions `json:"-"`
	Pos        strict.Pos        `json:"-"`
}

// Depth says how many labels a suffix covers in front of itself.
type Depth uint8

// The depths.
const (
	DepthNone Depth = iota // not a suffix
	DepthOne               // exactly one label
	DepthAny               // one or more labels
)

// Name is a DNS name or a set of them. Exactly one of Exact and Suffix is given; either may hold ${variable}.
type Name struct {
	Exact  string `json:"exact,omitempty"`
	Suffix string `json:"suffix,omitempty"` // without a leading dot
	// Extensions come before the small fields to keep a Name at 48 bytes: there can be a million of them.
	Extensions strict.Extensions `json:"-"`
	Pos        strict.Pos        `json:"-"`
	Depth      Depth             `json:"depth,omitempty"` // given if and only if Suffix is
	// Apex: the suffix itself matches as well.
	Apex bool `json:"apex,omitempty"`
}

// CIDR is an address range; a single address is a /32 or /128.
type CIDR struct {
	netip.Prefix
	Pos strict.Pos
}

// Port is a range of ports, or a variable of kind port.
type Port struct {
	First, Last uint16
	Variable    string // then First and Last are 0
	Pos         strict.Pos
}

// TLSVersion is "1.0" to "1.3".
type TLSVersion string

// Requirement says whether something must, may or must never be seen.
type Requirement string

// The requirements.
const (
	Always  Requirement = "required"
	May     Requirement = "optional"
	Forbids Requirement = "never"
)

// TLS is what holds for the TLS, DTLS or QUIC handshakes of a communication. Empty means no constraint.
type TLS struct {
	MinVersion TLSVersion  `json:"minVersion,omitempty"`
	SNI        Requirement `json:"sni,omitempty"`
	ALPN       []string    `json:"alpn,omitempty"` // what may be negotiated
	ECH        Requirement `json:"ech,omitempty"`
	// Issuers are distinguished names as in EVE's tls.issuerdn; any of them.
	Issuers []string `json:"issuers,omitempty"`
	// SPKISHA256 are lower-case hex digests of SubjectPublicKeyInfo; any of them.
	SPKISHA256 []string          `json:"spkiSha256,omitempty"`
	ClientAuth *bool             `json:"clientAuth,omitempty"` // the client presents a certificate
	Extensions strict.Extensions `json:"-"`
}

// SSH is what holds for the SSH handshakes of a communication. Patterns have * for any characters. Empty means
// no constraint.
type SSH struct {
	HostKeySHA256  []string          `json:"hostKeySha256,omitempty"` // "SHA256:" and unpadded base64; any of them
	ClientSoftware []string          `json:"clientSoftware,omitempty"`
	ServerSoftware []string          `json:"serverSoftware,omitempty"`
	Extensions     strict.Extensions `json:"-"`
}

// PrivilegeLevel says what a privilege is for.
type PrivilegeLevel string

// The levels.
const (
	LevelMinimum PrivilegeLevel = "minimum" // the product does not work without it
	LevelFeature PrivilegeLevel = "feature" // an optional feature needs it
)

// Privilege is a right that the product needs on the customer's system.
type Privilege struct {
	Level      PrivilegeLevel    `json:"level"`
	Grant      string            `json:"grant"`
	Feature    string            `json:"feature,omitempty"` // given if and only if Level is LevelFeature
	References []string          `json:"references,omitempty"`
	Extensions strict.Extensions `json:"-"`
	Pos        strict.Pos        `json:"-"`
}

// Bounds are soft limits for one host. 0 means no bound.
type Bounds struct {
	BytesOutPerDay uint64            `json:"bytesOutPerDay,omitempty"`
	BytesInPerDay  uint64            `json:"bytesInPerDay,omitempty"`
	FlowsPerHour   uint64            `json:"flowsPerHour,omitempty"`
	Period         *Period           `json:"period,omitempty"`
	Extensions     strict.Extensions `json:"-"`
}

// Period says that the communication repeats.
type Period struct {
	Seconds    uint32            `json:"seconds"`
	Jitter     uint32            `json:"jitter,omitempty"` // ± seconds
	Extensions strict.Extensions `json:"-"`
}
