// Package manifest holds what a vendor says that a product does on a network and on its host (the manifest), and
// what a customer says about the product's place at a site (the bindings): types, loading, checks.
//
// docs/manifest.md and docs/bindings.md describe both formats member by member.
package manifest

import (
	"time"

	"netsensor/internal/strict"
)

// Version is the only manifestVersion that is understood.
const Version = "1.0"

// Manifest is one version of a vendor's behaviour manifest. After Decode all names are lower-case A-labels
// without a final dot, CIDRs are masked and IPv4-mapped prefixes are IPv4; it is not changed any more and may be
// shared.
type Manifest struct {
	// File is the name that the manifest was decoded under; Digest is "sha256:" and the lower-case hex digest of
	// the exact bytes.
	File   string `json:"-"`
	Digest string `json:"-"`

	Schema          string `json:"$schema,omitempty"`
	ManifestVersion string `json:"manifestVersion"`
	// ID is the same for all serials of a manifest, and a URI.
	ID     string `json:"id"`
	Serial uint64 `json:"serial"`

	Publisher      Publisher           `json:"publisher"`
	Product        Product             `json:"product"`
	Validity       Validity            `json:"validity"`
	Roles          map[string]Role     `json:"roles"`
	Variables      map[string]Variable `json:"variables,omitempty"`
	Features       map[string]Feature  `json:"features,omitempty"`
	Communications []Communication     `json:"communications,omitempty"`
	Commands       []Command           `json:"commands,omitempty"`
	Accounts       []Account           `json:"accounts,omitempty"`
	Signers        []Signer            `json:"signers,omitempty"`
	Artifacts      []Artifact          `json:"artifacts,omitempty"`
	Links          *Links              `json:"links,omitempty"`

	Extensions strict.Extensions `json:"-"`

	doc   *strict.Document
	notes []Finding
}

// Publisher is who speaks in the manifest.
type Publisher struct {
	Name string `json:"name"`
	// Domain is the publisher's own DNS zone. Zones are further ones that it controls.
	Domain          string            `json:"domain"`
	Zones           []string          `json:"zones,omitempty"`
	SecurityContact string            `json:"securityContact,omitempty"` // a URI
	Extensions      strict.Extensions `json:"-"`
}

// Product is what the manifest is about.
type Product struct {
	Name string `json:"name"`
	PURL string `json:"purl,omitempty"` // without a version
	CPE  string `json:"cpe,omitempty"`  // CPE 2.3 formatted string
	// Versions is a vers range ("vers:semver/>=8.2.0|<8.3.0"). Empty means all.
	Versions   string            `json:"versions,omitempty"`
	Extensions strict.Extensions `json:"-"`
}

// Validity says when the manifest may be relied on. Zero times were not given.
type Validity struct {
	Issued       time.Time `json:"issued,omitzero"`
	NotBefore    time.Time `json:"notBefore,omitzero"`
	NotAfter     time.Time `json:"notAfter,omitzero"`
	RefreshHours uint32    `json:"refreshHours,omitempty"` // how often to look for a newer serial
	// Supported is false when the vendor no longer maintains the product. Nil means not said.
	Supported  *bool             `json:"supported,omitempty"`
	UpdateURL  string            `json:"updateUrl,omitempty"`
	Extensions strict.Extensions `json:"-"`
}

// Role is a part that a host can play in the product.
type Role struct {
	Description string            `json:"description,omitempty"`
	Cardinality Cardinality       `json:"cardinality,omitzero"` // how many endpoints play it; absent: any number
	Extensions  strict.Extensions `json:"-"`
	Pos         strict.Pos        `json:"-"`
}

// Cardinality is "1", "0..1", "1..n", …
type Cardinality struct {
	Min, Max int  // Max < 0: no limit
	Given    bool // false in the zero value: any number
}

// VariableKind says what the customer binds a variable to.
type VariableKind string

// The kinds of variables.
const (
	KindEndpoints VariableKind = "endpoints" // hosts: anything that Endpoint can say
	KindCIDRs     VariableKind = "cidrs"     // networks: CIDRs only
	KindDNSLabel  VariableKind = "dns-label" // one label, or a part of one, used as ${name} in a DNS name
	KindDNSName   VariableKind = "dns-name"  // one or more labels, used as ${name} in place of whole labels, or as to.variable
	KindPort      VariableKind = "port"      // a port or a range, used as ${name} in ports
)

// Variable is something about the site that only the customer knows.
type Variable struct {
	Kind        VariableKind `json:"kind"`
	Description string       `json:"description,omitempty"`
	SystemType  string       `json:"systemType,omitempty"`
	// Required variables must be bound wherever the feature (or, without one, the product) is in use.
	Required bool   `json:"required,omitempty"`
	Feature  string `json:"feature,omitempty"`
	// Pattern is an RE2 expression that a dns-label or dns-name must match as a whole.
	Pattern string `json:"pattern,omitempty"`
	// Default is used when the customer binds nothing; for dns-label, dns-name and port only.
	Default    string            `json:"default,omitempty"`
	Extensions strict.Extensions `json:"-"`
	Pos        strict.Pos        `json:"-"`
}

// State is whether a feature is in use.
type State string

// The states of a feature.
const (
	On  State = "on"
	Off State = "off"
)

// Feature is a part of the product that can be in use or not.
type Feature struct {
	Description string `json:"description,omitempty"`
	Default     State  `json:"default"`
	// Required features cannot be turned off.
	Required   bool              `json:"required,omitempty"`
	Requires   []string          `json:"requires,omitempty"`
	Docs       string            `json:"docs,omitempty"` // URL
	Extensions strict.Extensions `json:"-"`
	Pos        strict.Pos        `json:"-"`
}

// Observation says where something can be seen at all.
type Observation string

// The places of observation.
const (
	HostLog       Observation = "host-log"
	CleartextWire Observation = "cleartext-wire"
)

// Command is a program of the system that the product runs.
type Command struct {
	ID   string `json:"id"`
	Role string `json:"role,omitempty"` // empty: every role
	// Exec is the absolute path of the program; * stands for any characters but the separator.
	Exec string `json:"exec"`
	// Args has one pattern for each argument after the program's name (* for any characters); a final "*" covers
	// all that follow, none included. Nil means any arguments, empty but not nil means none.
	Args       []string          `json:"args,omitzero"`
	RunAs      string            `json:"runAs,omitempty"`
	Parent     string            `json:"parent,omitempty"` // path of the program that runs it, like Exec
	Features   []string          `json:"features"`
	Reason     string            `json:"reason,omitempty"`
	Observable []Observation     `json:"observable,omitempty"`
	References []string          `json:"references,omitempty"`
	Extensions strict.Extensions `json:"-"`
	Pos        strict.Pos        `json:"-"`
}

// Lifecycle says how long a default account lives.
type Lifecycle string

// The lifecycles.
const (
	FirstBootOnly Lifecycle = "first-boot-only"
	UntilChanged  Lifecycle = "until-changed"
	Permanent     Lifecycle = "permanent"
)

// Account is a default account that the product comes with.
type Account struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	// Realm is where the account exists: "product", "os", "database", "directory", …
	Realm string `json:"realm"`
	Role  string `json:"role,omitempty"` // empty: every role
	// Protocols are the login mechanisms that know the account (see Mechanisms). Empty means any.
	Protocols   []string          `json:"protocols,omitempty"`
	Interactive *bool             `json:"interactive,omitempty"`
	Lifecycle   Lifecycle         `json:"lifecycle,omitempty"`
	MustChange  bool              `json:"mustChange,omitempty"`
	Features    []string          `json:"features,omitempty"`
	Observable  []Observation     `json:"observable,omitempty"`
	References  []string          `json:"references,omitempty"`
	Extensions  strict.Extensions `json:"-"`
	Pos         strict.Pos        `json:"-"`
}

// SignerKind says how software is signed.
type SignerKind string

// The kinds of signers.
const (
	X509CodeSign SignerKind = "x509-codesign" // subject, issuer, spkiSha256
	OpenPGP      SignerKind = "openpgp"       // fingerprint
	Cosign       SignerKind = "cosign"        // identity and issuer, or spkiSha256
	TLSAuthority SignerKind = "tls-authority" // issues the certificates of the product's own services: subject, spkiSha256
)

// Signer is a key or authority that signs the product's software.
type Signer struct {
	ID          string            `json:"id"`
	Kind        SignerKind        `json:"kind"`
	Subject     string            `json:"subject,omitempty"`
	Issuer      string            `json:"issuer,omitempty"`
	Identity    string            `json:"identity,omitempty"`
	SPKISHA256  []string          `json:"spkiSha256,omitempty"`  // lower-case hex
	Fingerprint string            `json:"fingerprint,omitempty"` // upper-case hex
	Uses        []string          `json:"uses,omitempty"`        // kinds of files: "msi", "exe", "deb", …
	NotAfter    time.Time         `json:"notAfter,omitzero"`
	References  []string          `json:"references,omitempty"`
	Extensions  strict.Extensions `json:"-"`
	Pos         strict.Pos        `json:"-"`
}

// Artifact is a file that belongs to the product.
type Artifact struct {
	Name       string            `json:"name"`
	PURL       string            `json:"purl,omitempty"`
	Size       uint64            `json:"size,omitempty"`
	Hashes     Hashes            `json:"hashes"`
	Signer     string            `json:"signer,omitempty"` // a Signer's ID
	Extensions strict.Extensions `json:"-"`
	Pos        strict.Pos        `json:"-"`
}

// Hashes are lower-case hex digests of the whole file. SHA256 is always given.
type Hashes struct {
	SHA256     string            `json:"sha256"`
	SHA384     string            `json:"sha384,omitempty"`
	SHA512     string            `json:"sha512,omitempty"`
	Extensions strict.Extensions `json:"-"`
}

// Links lead to documents of the vendor; their contents are not copied in.
type Links struct {
	SBOM       string            `json:"sbom,omitempty"`
	VEX        string            `json:"vex,omitempty"`
	Docs       string            `json:"docs,omitempty"`
	Changelog  string            `json:"changelog,omitempty"`
	Extensions strict.Extensions `json:"-"`
}
