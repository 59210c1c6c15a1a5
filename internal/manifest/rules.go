package manifest

// Rule is one kind of finding.
type Rule struct {
	ID       string
	Severity Severity
	Title    string // what is wrong, in one clause
}

// rules are all findings of Lint and BindingsLint but "schema", in the order of the documentation. Those that are
// errors must stop a run: judging would be wrong, or would let everything pass.
var rules = []Rule{
	{"unknown-feature", Error, "a feature that the manifest does not define"},
	{"unknown-role", Error, "a role that the manifest does not define"},
	{"unknown-variable", Error, "a variable that the manifest does not define"},
	{"unknown-signer-id", Error, "an artifact names a signer that the manifest does not define"},
	{"unknown-method", Error, "a method that judging does not know"},
	{"duplicate-id", Error, "an id that is used twice in one list"},
	{"feature-cycle", Error, "features that require each other in a circle"},
	{"wrong-kind", Error, "a variable used, defaulted or bound against its kind"},
	{"bad-pattern", Error, "a pattern that is not a regular expression"},
	{"direction", Error, "a direction that does not fit the ends of the communication"},
	{"any-address", Error, "addresses so wide that nearly everything is expected"},
	{"public-suffix", Error, "a suffix under which anybody can register names"},
	{"impossible-constraint", Error, "constraints that the declared method or transport can never meet"},
	{"signer-incomplete", Error, "a signer without what identifies it"},
	{"validity-order", Error, "a validity that ends before it begins"},

	{"host-bits", Warning, "an address range with bits beyond its length"},
	{"expired", Warning, "a manifest that has expired"},
	{"not-yet-valid", Warning, "a manifest that does not hold yet"},
	{"missing-expiry", Warning, "a manifest that never expires"},
	{"unsupported-product", Warning, "a product that its vendor no longer maintains"},
	{"feature-without-docs", Warning, "an optional feature without documentation"},
	{"requires-off", Warning, "features whose defaults contradict what they require"},
	{"multi-tenant-suffix", Warning, "a suffix under which a hosting platform gives names to anybody"},
	{"wide-cidr", Warning, "a wide range of public addresses"},
	{"shared-hosting-address", Warning, "addresses on hosting where they prove nothing"},
	{"address-only", Warning, "a third party known by its addresses only"},
	{"shadowed-entry", Warning, "an entry that another one covers"},
	{"doh-fallback", Warning, "an encrypted resolver, which hides what is looked up"},
	{"method-port", Warning, "a method on a port that is known for another one"},
	{"method-transport", Warning, "a method over a transport that it is not known for"},
	{"any-transport", Warning, "an entry that expects every protocol on every port"},
	{"weak-tls", Warning, "TLS below 1.2"},
	{"missing-operator", Warning, "a third party without its operator"},
	{"broad-command", Warning, "a command pattern that covers nearly everything"},
	{"account-lifecycle", Warning, "an account whose lifecycle contradicts itself"},

	{"name-notation", Info, "a name that is taken in another notation"},
	{"apex-not-covered", Info, "a suffix that does not cover itself"},
	{"outside-zone", Info, "names outside of the publisher's zones"},
	{"missing-system-type", Info, "a system of the customer without its type"},
	{"unobservable-certificate", Info, "a certificate that TLS 1.3 hides"},
	{"privilege-without-docs", Info, "a privilege of a feature without documentation"},
	{"unknown-mechanism", Info, "a way to log in that nothing here can see"},
	{"unknown-app", Info, "an inner protocol that nothing here can see"},
	{"unused", Info, "a role, variable, feature or signer that nothing refers to"},

	{"unknown-manifest", Error, "bindings for a manifest that is not loaded"},
	{"serial-too-low", Error, "a manifest older than the bindings accept"},
	{"digest-mismatch", Error, "a manifest that is not the pinned one"},
	{"unbound-variable", Error, "a required variable that is not bound"},
	{"requires-unmet", Error, "a feature that is on while one that it requires is off"},
	{"bad-value", Error, "a value that its variable does not allow"},
	{"too-many-names", Error, "a name whose variables are bound to too many values"},
	{"threshold", Error, "a threshold that the trusted keys cannot meet"},
	{"required-feature-off", Warning, "a feature turned off that cannot be"},
	{"unbound-role", Warning, "a role that must be played and is not bound"},
	{"cardinality", Warning, "more hosts than the role has room for"},
	{"not-home", Warning, "hosts of the product outside the home networks"},
	{"exception-expired", Warning, "an exception that has expired"},
	{"exception-without-ticket", Warning, "an exception that names no ticket"},
	{"exception-without-expiry", Warning, "an exception that never expires"},
	{"unknown-key", Warning, "a trusted key that the bindings do not hold"},
}

// Rules returns all rules in the order of the documentation.
func Rules() []Rule { return append([]Rule(nil), rules...) }

func ruleSeverity(id string) Severity {
	for _, r := range rules {
		if r.ID == id {
			return r.Severity
		}
	}
	panic("manifest: no rule " + id)
}
