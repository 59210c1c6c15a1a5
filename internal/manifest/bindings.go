package manifest

import (
	"net/netip"
	"time"

	"netsensor/internal/strict"
)

// BindingsVersion is the only bindingsVersion that is understood.
const BindingsVersion = "1.0"

// Bindings is what a customer says about one site. After DecodeBindings the short form (one product, its members
// at the top level) has been rewritten into Products, with the file's exceptions and policy; Products then is the
// only place to look.
type Bindings struct {
	// File is the name that the bindings were decoded under; Digest is "sha256:" and the hex digest of the bytes.
	File   string `json:"-"`
	Digest string `json:"-"`

	Schema          string `json:"$schema,omitempty"`
	BindingsVersion string `json:"bindingsVersion"`
	Site            string `json:"site"`
	// HomeNetworks are what is internal here. Empty means DefaultHomeNetworks.
	HomeNetworks []CIDR `json:"homeNetworks,omitempty"`
	// EgressProxies: what is asked of them by CONNECT, SOCKS or an absolute URI is judged instead of them.
	EgressProxies []Proxy `json:"egressProxies,omitempty"`
	// DoHResolvers are encrypted resolvers in use here: addresses or names.
	DoHResolvers []Endpoint `json:"dohResolvers,omitempty"`
	// Keys are the public keys that ManifestRef.Trust names.
	Keys map[string]Key `json:"keys,omitempty"`

	Products []Bound `json:"products,omitempty"`
	// Exceptions and Policy hold for all products; a product's own policy overrides member by member.
	Exceptions []Exception `json:"exceptions,omitempty"`
	Policy     Policy      `json:"policy,omitzero"`

	// The members of Bound in the short form; empty after DecodeBindings.
	Manifest         *ManifestRef           `json:"manifest,omitempty"`
	InstalledVersion string                 `json:"installedVersion,omitempty"`
	Roles            map[string]RoleBinding `json:"roles,omitempty"`
	Variables        map[string]Value       `json:"variables,omitempty"`
	Features         map[string]Switch      `json:"features,omitempty"`

	Extensions strict.Extensions `json:"-"`

	doc   *strict.Document
	notes []Finding
}

// Bound is one product at the site.
type Bound struct {
	Manifest         ManifestRef            `json:"manifest"`
	InstalledVersion string                 `json:"installedVersion,omitempty"`
	Roles            map[string]RoleBinding `json:"roles"`
	Variables        map[string]Value       `json:"variables,omitempty"`
	Features         map[string]Switch      `json:"features,omitempty"`
	Exceptions       []Exception            `json:"exceptions,omitempty"`
	// Policy is, after DecodeBindings, complete: what is not given here comes from the file, then the defaults.
	Policy     Policy            `json:"policy,omitzero"`
	Extensions strict.Extensions `json:"-"`
	Pos        strict.Pos        `json:"-"`

	pointer string // of the object that holds the members: "" in the short form
}

// ManifestRef says which manifest is meant, and what must hold for it.
type ManifestRef struct {
	ID string `json:"id"`
	// MinSerial is the lowest serial that is accepted; it stops roll-back.
	MinSerial uint64 `json:"minSerial,omitempty"`
	// Digest pins the exact bytes ("sha256:…").
	Digest string `json:"digest,omitempty"`
	// Trust names the keys that may sign the manifest. Threshold is how many of them must; 0 means 1.
	Trust      []string          `json:"trust,omitempty"`
	Threshold  uint8             `json:"threshold,omitempty"`
	Extensions strict.Extensions `json:"-"`
	Pos        strict.Pos        `json:"-"`
}

// KeyKind is the algorithm of a public key.
type KeyKind string

// The kinds of keys.
const (
	Ed25519   KeyKind = "ed25519"
	ECDSAP256 KeyKind = "ecdsa-p256"
)

// Key is a public key that signs manifests.
type Key struct {
	Kind KeyKind `json:"kind"`
	// Public is the base64 of the SubjectPublicKeyInfo in DER, or its PEM.
	Public     string            `json:"public"`
	NotAfter   time.Time         `json:"notAfter,omitzero"`
	Extensions strict.Extensions `json:"-"`
	Pos        strict.Pos        `json:"-"`
}

// RoleBinding says which hosts play a role. With VLANs, a host counts only where it is seen in one of them; VLANs
// without endpoints take every internal host in them.
type RoleBinding struct {
	Endpoints  []Endpoint        `json:"endpoints,omitempty"`
	VLANs      []uint16          `json:"vlans,omitempty"` // 1 to 4094
	Extensions strict.Extensions `json:"-"`
	Pos        strict.Pos        `json:"-"`
}

// EndpointKind says how an Endpoint names hosts.
type EndpointKind uint8

// The kinds of endpoints.
const (
	// Network: First to Last, inclusive, of one address family.
	Network EndpointKind = iota + 1
	// MAC: Text is a hardware address, "00:00:5e:00:53:01".
	MAC
	// DHCPName: Text is the host name that the client gives in DHCP, lower case.
	DHCPName
	// DNSName: Text is a name (lower-case A-labels) whose answers, as the clients receive them, are the hosts. A
	// leading "*." covers all names below it.
	DNSName
)

// Endpoint names one or more hosts: "10.0.0.1", "10.0.0.0/24", "10.0.0.5-10.0.0.9", "mac:00:00:5e:00:53:01",
// "dhcp:printer-7", "dns:ldap.corp.example".
type Endpoint struct {
	Kind        EndpointKind
	Pos         strict.Pos
	First, Last netip.Addr
	Text        string
}

// Value is what a variable is bound to: a string, an integer or a list of these in the document. What the items
// mean depends on the variable's kind.
type Value = strict.List

// Item is one element of a Value.
type Item = strict.Item

// Switch is a feature's state at a site.
type Switch struct {
	On  bool
	Pos strict.Pos
}

// Exception is something that the customer accepts although no manifest declares it. Everything that is given
// must hold.
type Exception struct {
	ID         string            `json:"id"`
	From       Party             `json:"from"`
	To         Party             `json:"to"`
	Transport  Transport         `json:"transport,omitempty"` // empty: tcp and udp
	Ports      []Port            `json:"ports,omitempty"`     // empty: any
	Method     string            `json:"method,omitempty"`    // empty: any
	Reason     string            `json:"reason"`
	Ticket     string            `json:"ticket,omitempty"`
	Expires    time.Time         `json:"expires,omitzero"`
	Extensions strict.Extensions `json:"-"`
	Pos        strict.Pos        `json:"-"`
}

// Party is one end of an exception: a role or a variable of the product, or hosts, or names. Endpoints and Names
// may come together: any of them matches.
type Party struct {
	Role       string            `json:"role,omitempty"`
	Variable   string            `json:"variable,omitempty"`
	Endpoints  []Endpoint        `json:"endpoints,omitempty"`
	Names      []Name            `json:"names,omitempty"`
	Extensions strict.Extensions `json:"-"`
	Pos        strict.Pos        `json:"-"`
}

// Mode says what an unexpected conversation becomes.
type Mode string

// The modes. A new binding starts in audit.
const (
	Audit   Mode = "audit"   // alerts of low severity
	Enforce Mode = "enforce" // alerts of the rule's own severity
)

// Undecidable says what a conversation becomes that cannot be decided.
type Undecidable string

// What to do with the undecidable.
const (
	UndecidableLog    Undecidable = "log" // count and report
	UndecidableAlert  Undecidable = "alert"
	UndecidableIgnore Undecidable = "ignore"
)

// Expiry says what happens after a manifest's notAfter.
type Expiry string

// What to do with an expired manifest.
const (
	KeepAndWarn Expiry = "keep-and-warn"
	Suspend     Expiry = "suspend" // its hosts are not judged any more
)

// Policy says how judgements become alerts.
type Policy struct {
	Mode Mode `json:"mode,omitempty"` // default audit
	// WarmupSeconds is how long after the first packet nothing but name-mismatch is alerted. Default 600.
	WarmupSeconds *uint32 `json:"warmupSeconds,omitempty"`
	// FoldSeconds is the window in which repeated alerts become one. Default 3600.
	FoldSeconds      *uint32           `json:"foldSeconds,omitempty"`
	Undecidable      Undecidable       `json:"undecidable,omitempty"`      // default log
	OnManifestExpiry Expiry            `json:"onManifestExpiry,omitempty"` // default keep-and-warn
	Extensions       strict.Extensions `json:"-"`
}

// Proxy is an egress proxy.
type Proxy struct {
	Endpoints  []Endpoint        `json:"endpoints"`
	Ports      []Port            `json:"ports,omitempty"` // empty: any
	Extensions strict.Extensions `json:"-"`
	Pos        strict.Pos        `json:"-"`
}
