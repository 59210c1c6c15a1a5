package ike

import (
	"netsensor/internal/eve"
)

// algorithm is what an attribute is called in EVE, and its values.
type algorithm struct {
	key    string
	values []string
}

// keys1 are the attributes of transforms of version 1 that EVE has a place for (RFC 2409, appendix A), with Suricata's texts.
var keys1 = [...]algorithm{
	1: {"alg_enc", []string{1: "EncDesCbc", "EncIdeaCbc", "EncBlowfishCbc", "EncRc5R16B64Cbc", "EncTripleDesCbc", "EncCastCbc", "EncAesCbc", "EncCamelliaCbc"}},
	2: {"alg_hash", []string{1: "HashMd5", "HashSha", "HashTiger", "HashSha2_256", "HashSha2_384", "HashSha2_512"}},
	3: {"alg_auth", []string{1: "AuthPreSharedKey", "AuthDssSignatures", "AuthRsaSignatures", "AuthEncryptionWithRsa", "AuthRevisedEncryptionWithRsa",
		"AuthReserved", "AuthReserved", "AuthReserved", "AuthEcdsaSha256", "AuthEcdsaSha384", "AuthEcdsaSha512"}},
	4: {"alg_dh", []string{1: "GroupDefault768BitModp", "GroupAlternate1024BitModpGroup", "GroupEc2nOnGp2p155", "GroupEc2nOnGp2p185", "GroupModp1536Bit",
		14: "GroupModp2048Bit", "GroupModp3072Bit", "GroupModp4096Bit", "GroupModp6144Bit", "GroupModp8192Bit",
		"GroupRandomEcp256", "GroupRandomEcp384", "GroupRandomEcp521", "GroupModp1024With160BitPrime", "GroupModp2048With224BitPrime",
		"GroupModp2048With256BitPrime", "GroupRandomEcp192", "GroupRandomEcp224", "GroupBrainpoolEcp224", "GroupBrainpoolEcp256",
		"GroupBrainpoolEcp384", "GroupBrainpoolEcp512"}},
	11: {"sa_life_type", []string{1: "LifeTypeSeconds", "LifeTypeKilobytes"}},
	12: {"sa_life_duration", nil},
	14: {"sa_key_length", nil},
}

// keys2 are the types of transforms of version 2 that EVE has a place for (RFC 7296, section 3.3.2).
var keys2 = [...]algorithm{
	1: {"alg_enc", []string{1: "ENCR_DES_IV64", "ENCR_DES", "ENCR_3DES", "ENCR_RC5", "ENCR_IDEA", "ENCR_CAST", "ENCR_BLOWFISH", "ENCR_3IDEA", "ENCR_DES_IV32",
		11: "ENCR_NULL", "ENCR_AES_CBC", "ENCR_AES_CTR", "ENCR_AES_CCM_8", "ENCR_AES_CCM_12", "ENCR_AES_CCM_16", 18: "ENCR_AES_GCM_8", "ENCR_AES_GCM_12",
		"ENCR_AES_GCM_16", "ENCR_NULL_AUTH_AES_GMAC", 23: "ENCR_CAMELLIA_CBC", "ENCR_CAMELLIA_CTR", "ENCR_CAMELLIA_CCM_8", "ENCR_CAMELLIA_CCM_12",
		"ENCR_CAMELLIA_CCM_16", "ENCR_CHACHA20_POLY1305"}},
	3: {"alg_auth", []string{"NONE", "AUTH_HMAC_MD5_96", "AUTH_HMAC_SHA1_96", "AUTH_DES_MAC", "AUTH_KPDK_MD5", "AUTH_AES_XCBC_96", "AUTH_HMAC_MD5_128",
		"AUTH_HMAC_SHA1_160", "AUTH_AES_CMAC_96", "AUTH_AES_128_GMAC", "AUTH_AES_192_GMAC", "AUTH_AES_256_GMAC", "AUTH_HMAC_SHA2_256_128",
		"AUTH_HMAC_SHA2_384_192", "AUTH_HMAC_SHA2_512_256"}},
	4: {"alg_dh", []string{"None", "Modp768", "Modp1024", 5: "Modp1536", 14: "Modp2048", "Modp3072", "Modp4096", "Modp6144", "Modp8192", "Ecp256", "Ecp384",
		"Ecp521", "Modp1024s160", "Modp2048s224", "Modp2048s256", "Ecp192", "Ecp224", "BrainpoolP224r1", "BrainpoolP256r1", "BrainpoolP384r1",
		"BrainpoolP512r1", "Curve25519", "Curve448"}},
}

var payloads1 = []string{1: "SecurityAssociation", "Proposal", "Transform", "KeyExchange", "Identification", "Certificate", "CertificateRequest", "Hash",
	"Signature", "Nonce", "Notification", "Delete", "VendorID", 15: "SaKekPayload", "SaTekPayload", "KeyDownload", "SequenceNumber", "ProofOfPossession",
	"NatDiscovery", "NatOriginalAddress", "GroupAssociatedPolicy"}

var payloads2 = []string{33: "SecurityAssociation", "KeyExchange", "IdentInitiator", "IdentResponder", "Certificate", "CertificateRequest", "Authentication",
	"Nonce", "Notify", "Delete", "VendorID", "TrafficSelectorInitiator", "TrafficSelectorResponder", "EncryptedAndAuthenticated", "Configuration",
	"ExtensibleAuthentication", "GenericSecurePasswordMethod", "GroupIdentification", "GroupSecurityAssociation", "KeyDownload",
	"EncryptedAndAuthenticatedFragment"}

// errors2 and states2 are the types of notifications: errors from 0, states from 16384 (RFC 7296, section 3.10.1, and IANA).
var errors2 = []string{1: "UNSUPPORTED_CRITICAL_PAYLOAD", 4: "INVALID_IKE_SPI", "INVALID_MAJOR_VERSION", 7: "INVALID_SYNTAX", 9: "INVALID_MESSAGE_ID",
	11: "INVALID_SPI", 14: "NO_PROPOSAL_CHOSEN", 17: "INVALID_KE_PAYLOAD", 24: "AUTHENTICATION_FAILED", 34: "SINGLE_PAIR_REQUIRED", "NO_ADDITIONAL_SAS",
	"INTERNAL_ADDRESS_FAILURE", "FAILED_CP_REQUIRED", "TS_UNACCEPTABLE", "INVALID_SELECTORS", 43: "TEMPORARY_FAILURE", "CHILD_SA_NOT_FOUND"}

const firstState = 16384

var states2 = []string{"INITIAL_CONTACT", "SET_WINDOW_SIZE", "ADDITIONAL_TS_POSSIBLE", "IPCOMP_SUPPORTED", "NAT_DETECTION_SOURCE_IP",
	"NAT_DETECTION_DESTINATION_IP", "COOKIE", "USE_TRANSPORT_MODE", "HTTP_CERT_LOOKUP_SUPPORTED", "REKEY_SA", "ESP_TFC_PADDING_NOT_SUPPORTED",
	"NON_FIRST_FRAGMENTS_ALSO", "MOBIKE_SUPPORTED", 20: "MULTIPLE_AUTH_SUPPORTED", 22: "REDIRECT_SUPPORTED", "REDIRECT", "REDIRECTED_FROM",
	36: "CHILDLESS_IKEV2_SUPPORTED", 46: "IKEV2_FRAGMENTATION_SUPPORTED", "SIGNATURE_HASH_ALGORITHMS", 54: "INTERMEDIATE_EXCHANGE_SUPPORTED"}

func appendNotify(dst []byte, n uint16) []byte {
	names := errors2
	code := n
	if n >= firstState {
		names, code = states2, n-firstState
	}
	if int(code) < len(names) && names[code] != "" {
		return eve.AppendString(dst, names[code])
	}
	dst = append(dst, `"NotifyType(`...)
	dst = eve.AppendUint(dst, uint64(n))
	return append(dst, `)"`...)
}

// AppendEVE appends `"ike":{…}` in the shape of Suricata 9, whose schema it is: algorithms as objects of key and value.
func (m *message) AppendEVE(dst []byte, opts *eve.Options) []byte {
	dst = append(dst, `"ike":`...)
	o := eve.Open(dst, opts)
	o.Uint("version_major", uint64(m.version))
	o.Uint("version_minor", uint64(m.minor))
	o.Hex("init_spi", m.initSPI, 0)
	o.Hex("resp_spi", m.respSPI, 0)
	o.Uint("message_id", uint64(m.id))
	o.Uint("exchange_type", uint64(m.exchange))
	if m.version == version2 {
		o.Str("role", [...]string{"responder", "initiator"}[flag(m.initiator)])
	}
	if m.version == version2 || m.fromServer {
		m.appendAttributes(&o, "attributes")
	}
	m.appendPayloads(&o)
	if m.version == version1 {
		inner := o.Begin("ikev1")
		m.appendVersion1(&inner)
		o.End(inner)
	} else {
		inner := o.Begin("ikev2")
		inner.Int("errors", int64(m.errors))
		if len(m.notifies) > 0 {
			inner.Key("notify")
			inner.B = append(inner.B, '[')
			for i, n := range m.notifies {
				if i > 0 {
					inner.B = append(inner.B, ',')
				}
				inner.B = appendNotify(inner.B, n)
			}
			inner.B = append(inner.B, ']')
		}
		o.End(inner)
	}
	return o.Close()
}

func flag(v bool) int {
	if v {
		return 1
	}
	return 0
}

func (m *message) appendPayloads(o *eve.Object) {
	names := payloads1
	if m.version == version2 {
		names = payloads2
	}
	first := true
	for _, kind := range m.payloads {
		if int(kind) >= len(names) || names[kind] == "" {
			continue
		}
		if first {
			o.Key("payload")
			o.B = append(o.B, '[')
		} else {
			o.B = append(o.B, ',')
		}
		first = false
		o.B = eve.AppendString(o.B, names[kind])
	}
	if !first {
		o.B = append(o.B, ']')
	}
}

func (m *message) appendVersion1(o *eve.Object) {
	if m.doi >= 0 {
		o.Int("doi", m.doi)
	}
	o.Bool("encrypted_payloads", m.encrypted)
	if m.encrypted {
		return
	}
	if !m.fromServer {
		inner := o.Begin("client")
		m.appendExchange(&inner)
		m.appendAttributes(&inner, "proposals")
		o.End(inner)
	} else if len(m.ke)+len(m.nonce) > 0 {
		inner := o.Begin("server")
		m.appendExchange(&inner)
		o.End(inner)
	}
	if len(m.vendors) > 0 {
		o.Key("vendor_ids")
		for i, v := range m.vendors {
			o.B = append(o.B, "[,"[min(i, 1)], '"')
			o.B = append(eve.AppendHex(o.B, v, 0), '"')
		}
		o.B = append(o.B, ']')
	}
}

func (m *message) appendExchange(o *eve.Object) {
	if len(m.ke) > 0 {
		o.Hex("key_exchange_payload", m.ke, 0)
		o.Int("key_exchange_payload_length", int64(len(m.ke)))
	}
	if len(m.nonce) > 0 {
		o.Hex("nonce_payload", m.nonce, 0)
		o.Int("nonce_payload_length", int64(len(m.nonce)))
	}
}

func (m *message) appendAttributes(o *eve.Object, key string) {
	if len(m.attributes) == 0 {
		return
	}
	o.Key(key)
	for i := range m.attributes {
		a := &m.attributes[i]
		o.B = append(o.B, "[,"[min(i, 1)])
		inner := eve.Open(o.B, o.Opts)
		inner.Str("key", a.key)
		inner.Str("value", a.value)
		if a.hex != nil {
			inner.Hex("raw", a.hex, 0)
		} else {
			inner.Uint("raw", uint64(a.raw))
		}
		o.B = inner.Close()
	}
	o.B = append(o.B, ']')
}
