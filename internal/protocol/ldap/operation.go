package ldap

import (
	"netsensor/internal/protocol/ber"
)

// op is the identifier of an operation (RFC 4511, section 4.2 onwards).
type op byte

const (
	bindRequest     op = 0x60
	bindResponse    op = 0x61
	unbindRequest   op = 0x42
	searchRequest   op = 0x63
	searchEntry     op = 0x64
	searchDone      op = 0x65
	searchReference op = 0x73
	modifyRequest   op = 0x66
	modifyResponse  op = 0x67
	addRequest      op = 0x68
	addResponse     op = 0x69
	delRequest      op = 0x4a
	delResponse     op = 0x6b
	modDNRequest    op = 0x6c
	modDNResponse   op = 0x6d
	compareRequest  op = 0x6e
	compareResponse op = 0x6f
	abandonRequest  op = 0x50
	extendedRequest op = 0x77
	extendedReply   op = 0x78
	intermediate    op = 0x79
)

// ops lists the operations: their names in EVE, and the identifier of the element that they begin with, 0 for none
// or any.
var ops = map[op]struct {
	name     string
	first    byte
	response bool
}{
	bindRequest:     {"bind_request", ber.Integer, false},
	bindResponse:    {"bind_response", ber.Enumerated, true},
	unbindRequest:   {"unbind_request", 0, false},
	searchRequest:   {"search_request", ber.OctetString, false},
	searchEntry:     {"search_result_entry", ber.OctetString, true},
	searchDone:      {"search_result_done", ber.Enumerated, true},
	searchReference: {"search_result_reference", ber.OctetString, true},
	modifyRequest:   {"modify_request", ber.OctetString, false},
	modifyResponse:  {"modify_response", ber.Enumerated, true},
	addRequest:      {"add_request", ber.OctetString, false},
	addResponse:     {"add_response", ber.Enumerated, true},
	delRequest:      {"del_request", 0, false},
	delResponse:     {"del_response", ber.Enumerated, true},
	modDNRequest:    {"mod_dn_request", ber.OctetString, false},
	modDNResponse:   {"mod_dn_response", ber.Enumerated, true},
	compareRequest:  {"compare_request", ber.OctetString, false},
	compareResponse: {"compare_response", ber.Enumerated, true},
	abandonRequest:  {"abandon_request", 0, false},
	extendedRequest: {"extended_request", ber.Context, false},
	extendedReply:   {"extended_response", ber.Enumerated, true},
	intermediate:    {"intermediate_response", 0, true},
}

func (o op) known() bool    { _, ok := ops[o]; return ok }
func (o op) first() byte    { return ops[o].first }
func (o op) response() bool { return ops[o].response }
func (o op) name() string   { return ops[o].name }

// final reports whether o ends its transaction.
func (o op) final() bool {
	return o.response() && o != searchEntry && o != searchReference && o != intermediate
}

// startTLS is the name of the StartTLS operation (RFC 4511, section 4.14).
const startTLS = "1.3.6.1.4.1.1466.20037"

// Result codes that matter here (RFC 4511, appendix A).
const (
	success        = 0
	saslInProgress = 14
)

// results are the names of result codes as Suricata writes them.
var results = map[int64]string{
	0: "success", 1: "operations_error", 2: "protocol_error", 3: "time_limit_exceeded", 4: "size_limit_exceeded",
	5: "compare_false", 6: "compare_true", 7: "auth_method_not_supported", 8: "stronger_auth_required", 10: "referral",
	11: "admin_limit_exceeded", 12: "unavailable_critical_extension", 13: "confidentiality_required", 14: "sasl_bind_in_progress",
	16: "no_such_attribute", 17: "undefined_attribute_type", 18: "inappropriate_matching", 19: "constraint_violation",
	20: "attribute_or_value_exists", 21: "invalid_attribute_syntax", 32: "no_such_object", 33: "alias_problem",
	34: "invalid_dns_syntax", 35: "is_leaf", 36: "alias_dereferencing_problem", 48: "inappropriate_authentication",
	49: "invalid_credentials", 50: "insufficient_access_rights", 51: "busy", 52: "unavailable", 53: "unwilling_to_perform",
	54: "loop_detect", 64: "naming_violation", 65: "object_class_violation", 66: "not_allowed_on_non_leaf", 67: "not_allowed_on_rdn",
	68: "entry_already_exists", 69: "object_class_mods_prohibited", 71: "affects_multiple_dsas", 80: "other",
	118: "canceled", 119: "no_such_operation", 120: "too_late", 121: "cannot_cancel", 122: "assertion_failed",
	123: "authorization_denied",
}
