package judge

import "net/netip"

// HostEventKind says what a host event is about.
type HostEventKind uint8

// The kinds of host events.
const (
	// ProcessStarted: a program was executed.
	ProcessStarted HostEventKind = iota + 1
	// ProcessEnded: it is gone, its number may be used again.
	ProcessEnded
	// ImageLoaded: a process loaded the library File.
	ImageLoaded
	// Connected: a process connected, or was connected to.
	Connected
	// Queried: a process looked up the name Query.
	Queried
	// LoggedIn: somebody logged in, or tried to.
	LoggedIn
)

// String returns the name that users see.
func (k HostEventKind) String() string {
	return [...]string{"", "process-start", "process-end", "image-load", "connection", "dns-query", "login"}[k]
}

// Quoting says how the arguments of a process became one text.
type Quoting uint8

// The ways of quoting.
const (
	// Windows: by the rules of the C runtime, the program's name first.
	Windows Quoting = iota + 1
	// Joined: with blanks between, the program's name first; blanks within arguments look the same.
	Joined
	// JoinedArgs is Joined without the program's name.
	JoinedArgs
)

// Signature says what the host knows about the signature of a file.
type Signature uint8

// The states of a signature.
const (
	SignatureUnknown Signature = iota
	Unsigned
	SignedInvalid // expired, revoked, not trusted, or it does not match
	SignedValid
)

// Process is a program that runs, or one that it was started by.
type Process struct {
	PID uint64 // 0: not known
	// ID is unique on the host for as long as it runs and after; empty where the producer has none.
	ID string
	// Exe is the path of the executable as the producer gives it. Asked is the path that was asked for, where it is
	// known that the kernel saw it: a link may lead to Exe.
	Exe, Asked string
	// User runs it: "vault", "CORP\\vault"; empty where only UID is known, which is decimal, or a SID.
	User, UID string
	// Args are the arguments with the program's name first; nil where they are only known as CommandLine.
	Args        []string
	CommandLine string
	Quoting     Quoting
	// ArgsCut: not all arguments are there.
	ArgsCut bool
}

// HostEvent is one event that a host reports about itself, whatever the producer. What is not known is empty.
type HostEvent struct {
	Kind HostEventKind
	// Now is when it happened, ns since the Unix epoch.
	Now int64
	// Producer names the program that reports ("sysmon"), EventID what it calls the event ("1").
	Producer, EventID string
	// Host is the host's name for itself, Addrs are addresses that it says are its own.
	Host  string
	Addrs []netip.Addr

	Process Process // the actor; for ProcessStarted the new process
	Parent  Process

	// File is what Hash and Signature are about: a library, or empty for Process.Exe. SHA256 is lower-case hex.
	File           string
	SHA256         string
	Signature      Signature
	Signer         string // the subject, or just its common name
	SignatureState string // the producer's own word

	// Source initiated the connection. Its port is 0 where it is not known, and so may its address be.
	Proto          uint8
	Source, Target netip.AddrPort
	Inbound        bool // the host is Target

	Query string // without a final dot

	// Login is who logged in; From is where from, not valid for at the host itself. Unattended: a service or a job.
	Login      Login
	From       netip.Addr
	Unattended bool
}
