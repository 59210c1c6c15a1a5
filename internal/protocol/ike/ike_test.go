package ike

import (
	"encoding/binary"
	"strings"
	"testing"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/datagramtest"
)

var kit = datagramtest.Kit{Parser: Parser(), Port: port}

const initSPI, respSPI, noSPI = "abcdefgh", "ABCDEFGH", "\x00\x00\x00\x00\x00\x00\x00\x00"

func msg(spis string, next, version, exchange, flags byte, payloads ...string) string {
	body := strings.Join(payloads, "")
	head := append([]byte(spis), next, version<<4, exchange, flags, 0, 0, 0, 0)
	return string(binary.BigEndian.AppendUint32(head, uint32(headerLen+len(body)))) + body
}

func payload(next byte, body string) string {
	n := payloadHead + len(body)
	return string([]byte{next, 0, byte(n >> 8), byte(n)}) + body
}

func sa1(attributes string) string {
	return "\x00\x00\x00\x01\x00\x00\x00\x01" + payload(0, "\x01\x01\x00\x01"+payload(0, "\x01\x01\x00\x00"+attributes))
}

const attributes1 = "\x80\x01\x00\x07" + "\x80\x0e\x00\x80" + "\x80\x02\x00\x02" + "\x80\x04\x00\x02" + "\x80\x03\x00\x01" + "\x80\x0b\x00\x01" + "\x00\x0c\x00\x04\x00\x01\x51\x80"

func sa2() string {
	t := func(next, kind, code byte) string { return payload(next, string([]byte{kind, 0, 0, code})) }
	return payload(0, "\x01\x01\x00\x03"+t(3, 1, 12)+t(3, 3, 2)+t(0, 4, 14))
}

var (
	main1 = msg(initSPI+noSPI, v1SA, 1, 2, 0, payload(v1Vendor, sa1(attributes1)), payload(0, "vendor"))
	main2 = msg(initSPI+respSPI, v1SA, 1, 2, 0, payload(0, sa1(attributes1)))
	main3 = msg(initSPI+respSPI, v1KE, 1, 2, 0, payload(v1Nonce, "KE"), payload(0, "nonce"))
	main5 = msg(initSPI+respSPI, v1ID, 1, 2, flagEncrypted, "opaque")
	aggr1 = msg(initSPI+noSPI, v1ID, 1, 4, 0, payload(v1ID, "\x02\x11\x01\xf4vpn.example"), payload(0, "\x03\x11\x01\xf4user@example"))
	init1 = msg(initSPI+noSPI, v2SA, 2, 34, flagInitiator, payload(v2Notify, sa2()), payload(0, "\x00\x00\x40\x04hash"))
	init2 = msg(initSPI+respSPI, v2SA, 2, 34, 0x20, payload(v2Notify, sa2()), payload(v2Notify, "\x00\x00\x00\x0e"), payload(0, "\x00\x00\x7f\xff"))
	auth1 = msg(initSPI+respSPI, v2Encrypted, 2, 35, flagInitiator, payload(35, "opaque"))
)

const (
	spis1 = `"init_spi":"6162636465666768","resp_spi":"0000000000000000","message_id":0`
	spis2 = `"init_spi":"6162636465666768","resp_spi":"4142434445464748","message_id":0`
	algs1 = `[{"key":"alg_enc","value":"EncAesCbc","raw":7},{"key":"sa_key_length","value":"Unknown","raw":128},{"key":"alg_hash","value":"HashSha","raw":2},` +
		`{"key":"alg_dh","value":"GroupAlternate1024BitModpGroup","raw":2},{"key":"alg_auth","value":"AuthPreSharedKey","raw":1},` +
		`{"key":"sa_life_type","value":"LifeTypeSeconds","raw":1},{"key":"sa_life_duration","value":"Unknown","raw":86400}]`
)

func TestVersion1(t *testing.T) {
	kit.Expect(t, "main mode", []datagramtest.Step{datagramtest.Client(main1), datagramtest.Server(main2), datagramtest.Client(main3), datagramtest.Client(main5)},
		`> version IKEv1 ike{"ike":{"version_major":1,"version_minor":0,`+spis1+`,"exchange_type":2,"payload":["SecurityAssociation","Proposal","Transform","VendorID"],`+
			`"ikev1":{"doi":1,"encrypted_payloads":false,"client":{"proposals":`+algs1+`},"vendor_ids":["76656e646f72"]}}}`,
		`< ike{"ike":{"version_major":1,"version_minor":0,`+spis2+`,"exchange_type":2,"attributes":`+algs1+`,"payload":["SecurityAssociation","Proposal","Transform"],`+
			`"ikev1":{"doi":1,"encrypted_payloads":false}}}`,
		`> ike{"ike":{"version_major":1,"version_minor":0,`+spis2+`,"exchange_type":2,"payload":["KeyExchange","Nonce"],`+
			`"ikev1":{"encrypted_payloads":false,"client":{"key_exchange_payload":"4b45","key_exchange_payload_length":2,"nonce_payload":"6e6f6e6365","nonce_payload_length":5}}}}`,
		`> ike{"ike":{"version_major":1,"version_minor":0,`+spis2+`,"exchange_type":2,"ikev1":{"encrypted_payloads":true}}}`)
	kit.Expect(t, "aggressive mode", []datagramtest.Step{datagramtest.Client(aggr1)},
		`> version IKEv1 service vpn.example login user@example ike tried ike{"ike":{"version_major":1,"version_minor":0,`+spis1+`,"exchange_type":4,"payload":["Identification"],`+
			`"ikev1":{"encrypted_payloads":false,"client":{}}}}`)
}

func TestVersion2(t *testing.T) {
	nat := datagramtest.Kit{Parser: Parser(), Port: portNAT}
	nat.Expect(t, "initial exchange", []datagramtest.Step{datagramtest.Client("\x00\x00\x00\x00", init1), datagramtest.Server("\x00\x00\x00\x00", init2),
		datagramtest.Client("\x12\x34\x56\x78 esp that is no message, whatever its bytes are"), datagramtest.Client("\x00\x00\x00\x00", auth1)},
		`> version IKEv2 ike{"ike":{"version_major":2,"version_minor":0,`+spis1+`,"exchange_type":34,"role":"initiator","payload":["SecurityAssociation","Notify"],`+
			`"ikev2":{"errors":0,"notify":["NAT_DETECTION_SOURCE_IP"]}}}`,
		`< ike{"ike":{"version_major":2,"version_minor":0,`+spis2+`,"exchange_type":34,"role":"responder","attributes":[{"key":"alg_enc","value":"ENCR_AES_CBC","raw":12},`+
			`{"key":"alg_auth","value":"AUTH_HMAC_SHA1_96","raw":2},{"key":"alg_dh","value":"Modp2048","raw":14}],"payload":["SecurityAssociation","Notify","Notify"],`+
			`"ikev2":{"errors":1,"notify":["NO_PROPOSAL_CHOSEN","NotifyType(32767)"]}}}`,
		`> ike{"ike":{"version_major":2,"version_minor":0,`+spis2+`,"exchange_type":35,"role":"initiator","payload":["EncryptedAndAuthenticated"],"ikev2":{"errors":0}}}`)
}

func TestProbe(t *testing.T) {
	kit.Refuses(t)
	other := datagramtest.Kit{Parser: Parser(), Port: 9999}
	for text, want := range map[string]protocol.Match{main1: protocol.Yes, init2: protocol.Yes, main1[:60]: protocol.No, main1 + "x": protocol.No} {
		if m := other.Probe(datagramtest.Client(text)); m != want {
			t.Errorf("%q: %d, want %d", text, m, want)
		}
	}
	if m := kit.Probe(datagramtest.Client(main1[:60])); m != protocol.Likely {
		t.Errorf("cut off: %d", m)
	}
}

func FuzzIKE(f *testing.F) {
	kit.Fuzz(f, []datagramtest.Step{datagramtest.Client(main1), datagramtest.Server(main2), datagramtest.Client(aggr1)},
		[]datagramtest.Step{datagramtest.Client(init1), datagramtest.Server(init2), datagramtest.Client(auth1)})
}

func BenchmarkRefusal(b *testing.B) { kit.BenchmarkRefusal(b) }
func BenchmarkInit(b *testing.B) {
	kit.Benchmark(b, datagramtest.Client(init1), datagramtest.Server(init2))
}
