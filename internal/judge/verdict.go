package judge

import (
	"strings"

	"netsensor/internal/allowlist"
)

// Verdict is what the judge makes of a conversation.
type Verdict uint8

// The verdicts, from the best to the worst.
const (
	NotJudged   Verdict = iota // no host of a product took part, or it is housekeeping of the network
	Expected                   // an entry or an exception declares it
	Undecidable                // what would decide it was not to be seen
	Unexpected                 // no entry declares it
)

// String returns the name that users see.
func (v Verdict) String() string {
	switch v {
	case Expected:
		return "expected"
	case Undecidable:
		return "undecidable"
	case Unexpected:
		return "unexpected"
	}
	return "not-judged"
}

// Reason says why a conversation is undecidable or not judged.
type Reason uint8

// The reasons. Those from Unbound on belong to NotJudged.
const (
	NoReason     Reason = iota
	ECH                 // the name is encrypted
	NoName              // a bare address that only a declared name could explain, and the client's names are hidden
	DNSCold             // as before, and the look-up may have been before the sensor began to see
	Midstream           // the beginning, with the evidence, was not seen
	Gap                 // bytes with the evidence were lost
	OneWay              // only one direction was seen
	Unobservable        // the evidence is never visible (a certificate in TLS 1.3), or no parser knows the content
	Unbound             // neither end plays a role
	Housekeeping        // address assignment, neighbour and service discovery, time to live, …
	Multicast           // to a group, and not declared
	Suspended           // the manifest has expired and the site wants its hosts not to be judged then
)

var reasonNames = [...]string{"", "ech", "no-name", "dns-cold", "midstream", "gap", "one-way", "unobservable", "unbound", "housekeeping", "multicast", "suspended"}

// String returns the name that users see, empty for NoReason.
func (r Reason) String() string { return reasonNames[r] }

// Failed is the set of constraints of an entry that a conversation does not meet.
type Failed uint16

// The constraints.
const (
	FailedTLS Failed = 1 << iota
	FailedSSH
	FailedMethod
	FailedFeature
	FailedExpired // an exception's time
	FailedPort    // or transport
	FailedVariable
	FailedRole
	FailedDirection
	FailedAddress
	FailedName
)

var failedNames = [...]string{"tls", "ssh", "method", "feature", "expired", "port", "variable", "role", "direction", "address", "name"}

// Names returns the names of the constraints, the weightiest first.
func (f Failed) Names() []string {
	var names []string
	for i := len(failedNames) - 1; i >= 0; i-- {
		if f&(1<<i) != 0 {
			names = append(names, failedNames[i])
		}
	}
	return names
}

// String returns the names of the constraints, separated by commas.
func (f Failed) String() string { return strings.Join(f.Names(), ", ") }

// Confidence says how sure an alert is.
type Confidence uint8

// The confidences.
const (
	Low Confidence = iota + 1
	Medium
	High
)

// String returns "low", "medium" or "high".
func (c Confidence) String() string {
	switch c {
	case Low:
		return "low"
	case Medium:
		return "medium"
	}
	return "high"
}

// Rule is one kind of detection.
type Rule uint8

// The rules. The order is that of their signature_id.
const (
	NoRule Rule = iota
	UnknownDomain
	UnknownAddress
	UnexpectedSystem
	UnexpectedInbound
	UnexpectedMethod
	FeatureOff
	NameMismatch
	TLSPolicy
	DefaultAccount
	UnknownHash
	UnknownSigner
	UnexpectedCommand
	BoundsExceeded
	UndecidableRule
	rules // their number
)

// ruleInfo is what is always the same about a rule.
type ruleInfo struct {
	name, category   string
	text             string // of the signature, before the product's name
	severity         int    // 1 is the worst
	tactic, tacticN  string
	technique, techN string
}

var ruleInfos = [rules]ruleInfo{
	UnknownDomain: {"unknown-domain", "Potential Corporate Privacy Violation", "NETSENSOR unknown external domain contacted by", 2,
		"TA0011", "Command_And_Control", "T1071", "Application_Layer_Protocol"},
	UnknownAddress: {"unknown-address", "Potential Corporate Privacy Violation", "NETSENSOR unknown external address contacted by", 2,
		"TA0011", "Command_And_Control", "T1095", "Non_Application_Layer_Protocol"},
	UnexpectedSystem: {"unexpected-system", "Potentially Bad Traffic", "NETSENSOR unexpected internal system contacted by", 2,
		"TA0008", "Lateral_Movement", "T1021", "Remote_Services"},
	UnexpectedInbound: {"unexpected-inbound", "Potentially Bad Traffic", "NETSENSOR unexpected client of", 2,
		"TA0008", "Lateral_Movement", "T1210", "Exploitation_of_Remote_Services"},
	UnexpectedMethod: {"unexpected-method", "Potentially Bad Traffic", "NETSENSOR declared endpoint, undeclared method, of", 2,
		"TA0011", "Command_And_Control", "T1571", "Non_Standard_Port"},
	FeatureOff: {"feature-off", "Potential Corporate Privacy Violation", "NETSENSOR traffic of a feature that is off, of", 3,
		"TA0010", "Exfiltration", "T1567", "Exfiltration_Over_Web_Service"},
	NameMismatch: {"name-mismatch", "Misc Attack", "NETSENSOR claimed name contradicts the evidence, by", 1,
		"TA0011", "Command_And_Control", "T1090.004", "Domain_Fronting"},
	TLSPolicy: {"tls-policy", "Potentially Bad Traffic", "NETSENSOR TLS does not meet the manifest of", 2,
		"TA0006", "Credential_Access", "T1557", "Adversary_in_the_Middle"},
	DefaultAccount: {"default-account", "Attempt to login by a default username and password", "NETSENSOR default account used of", 2,
		"TA0001", "Initial_Access", "T1078.001", "Default_Accounts"},
	UnknownHash: {"unknown-hash", "A suspicious filename was detected", "NETSENSOR unknown software transferred to", 2,
		"TA0011", "Command_And_Control", "T1105", "Ingress_Tool_Transfer"},
	UnknownSigner: {"unknown-signer", "A suspicious filename was detected", "NETSENSOR software of an unknown signer transferred to", 2,
		"TA0005", "Defense_Evasion", "T1553.002", "Code_Signing"},
	UnexpectedCommand: {"unexpected-command", "Potentially Bad Traffic", "NETSENSOR unexpected command run by", 2,
		"TA0002", "Execution", "T1059", "Command_and_Scripting_Interpreter"},
	BoundsExceeded: {"bounds-exceeded", "Potentially Bad Traffic", "NETSENSOR declared bounds exceeded by", 3,
		"TA0010", "Exfiltration", "T1030", "Data_Transfer_Size_Limits"},
	UndecidableRule: {"undecidable", "Misc activity", "NETSENSOR undecidable conversation of", 4, "", "", "", ""},
}

// String returns the rule's name.
func (r Rule) String() string {
	if r >= rules {
		return ""
	}
	return ruleInfos[r].name
}

// SignatureID returns the rule's EVE signature_id. It never changes.
func (r Rule) SignatureID() int { return 9100000 + int(r) }

// Outcome is the judgement of one conversation. What it points to is the judge's, and valid until the next call.
type Outcome struct {
	Verdict Verdict
	Reason  Reason
	// Rule is what an unexpected conversation breaks.
	Rule Rule
	// Entry declares an expected conversation; it is the nearest one of an unexpected or undecidable one, where
	// there is any, and Failed is what it failed.
	Entry  *allowlist.Entry
	Failed Failed
	Alerts []*Alert
	// Alerted: an alert was written because of this conversation, now or before. Set when it has ended.
	Alerted bool
}

// RuleInfo is what is always the same about a rule.
type RuleInfo struct {
	Rule                        Rule
	Name, Signature, Category   string
	ID                          int // EVE's signature_id
	Severity                    int // where everything speaks for it, and the product is enforced
	TacticID, Tactic            string
	TechniqueID, TechniqueTitle string
}

// Rules describes all rules, in the order of their signature_id.
func Rules() []RuleInfo {
	list := make([]RuleInfo, 0, rules-1)
	for r := Rule(1); r < rules; r++ {
		i := &ruleInfos[r]
		list = append(list, RuleInfo{r, i.name, i.text, i.category, r.SignatureID(), i.severity, i.tactic, i.tacticN, i.technique, i.techN})
	}
	return list
}
