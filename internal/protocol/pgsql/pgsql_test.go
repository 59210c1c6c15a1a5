package pgsql

import (
	"encoding/binary"
	"strings"
	"testing"

	"netsensor/internal/protocol"
	. "netsensor/internal/protocol/streamtest"
)

func be32(n int) string { return string(binary.BigEndian.AppendUint32(nil, uint32(n))) }

func start(code int, body ...string) string {
	b := strings.Join(body, "")
	return be32(8+len(b)) + be32(code) + b
}

func msg(kind byte, body ...string) string {
	b := strings.Join(body, "")
	return string(kind) + be32(4+len(b)) + b
}

func auth(kind int, rest ...string) string { return msg('R', be32(kind), strings.Join(rest, "")) }

var (
	startup = start(3<<16, "user\x00alice\x00database\x00shop\x00application_name\x00psql\x00\x00")
	ready   = msg('Z', "I")
	welcome = auth(authOK) + msg('S', "server_version\x0016.2\x00") + msg('S', "TimeZone\x00UTC\x00") + msg('K', be32(77), "KEY!") + ready
	denied  = msg('E', "SFATAL\x00VFATAL\x00C28P01\x00Mpassword authentication failed for user \"alice\"\x00Fauth.c\x00L331\x00Rauth_failed\x00\x00")
	rows    = msg('T', "\x00\x02", strings.Repeat("x", 40)) + msg('D', "\x00\x02", be32(3), "abc", be32(-1)) + msg('D', "\x00\x02", be32(1), "a", be32(2), "bc") + msg('C', "SELECT 2\x00")

	scram = []Step{
		Client(start(codeSSL)), Server("N"), Client(startup),
		Server(auth(authSASL, "SCRAM-SHA-256\x00\x00")),
		Client(msg('p', "SCRAM-SHA-256\x00", be32(20), "n,,n=,r=nonceofclient")),
		Server(auth(authSASLNext, "r=nonce,s=salt,i=4096")),
		Client(msg('p', "c=biws,r=nonce,p=secretproof")),
		Server(auth(authSASLFinal, "v=secretverifier"), welcome),
		Client(msg('Q', "select a, b from t;\x00")), Server(rows, ready),
		Client(msg('Q', "alter user x with PassWord 'tiger';\x00")), Server(msg('C', "ALTER ROLE\x00"), ready),
		Client(msg('X')),
	}
	clear = []Step{
		Client(startup), Server(auth(authCleartext)),
		Client(msg('p', "tiger\x00")), Server(denied),
	}
	md5 = []Step{Client(startup), Server(auth(authMD5, "salt")), Client(msg('p', "md50123456789abcdef\x00")), Server(welcome)}
)

const (
	startupEVE  = `"request":{"protocol_version":"3.0","startup_parameters":{"user":"alice","optional_parameters":[{"database":"shop"},{"application_name":"psql"}]}}`
	welcomeEVE  = `"parameter_status":[{"server_version":"16.2"},{"time_zone":"UTC"}],"process_id":77`
	deniedEVE   = `"response":{"severity_localizable":"FATAL","severity_non_localizable":"FATAL","code":"28P01","message":"password authentication failed for user \"alice\"","file":"auth.c","line":"331","routine":"auth_failed"}`
	acceptedTwo = "< server PostgreSQL 16.2"
)

func TestConversations(t *testing.T) {
	for _, tt := range []struct {
		name  string
		steps []Step
		want  []string
	}{
		{"scram", scram, []string{
			`> pgsql{"pgsql":{"tx_id":0,"request":{"message":"SSL Request"},"response":{"ssl_accepted":false}}}`,
			`> pgsql{"pgsql":{"tx_id":1,` + startupEVE + `,"response":{"message":"authentication_sasl"}}}`,
			`> pgsql{"pgsql":{"tx_id":2,"request":{"sasl_authentication_mechanism":"SCRAM-SHA-256"},"response":{"message":"authentication_sasl_continue"}}}`,
			"> login alice pgsql-scram-sha-256 accepted", acceptedTwo,
			`> pgsql{"pgsql":{"tx_id":3,"request":{"message":"sasl_response"},"response":{"message":"authentication_ok",` + welcomeEVE + `}}}`,
			`> pgsql{"pgsql":{"tx_id":4,"request":{"simple_query":"select a, b from t;"},"response":{"field_count":2,"data_rows":2,"data_size":6,"command_completed":"SELECT 2"}}}`,
			`> pgsql{"pgsql":{"tx_id":5,"request":{"simple_query":"alter user x with PassWord"},"response":{"command_completed":"ALTER ROLE"}}}`,
			`> pgsql{"pgsql":{"tx_id":6,"request":{"message":"termination_message"}}}`,
		}},
		{"clear", clear, []string{
			`> pgsql{"pgsql":{"tx_id":0,` + startupEVE + `,"response":{"message":"authentication_cleartext_password"}}}`,
			"> login alice pgsql-password refused",
			`> pgsql{"pgsql":{"tx_id":1,"request":{"password_redacted":true},` + deniedEVE + `}}`,
		}},
		{"md5", md5, []string{
			`> pgsql{"pgsql":{"tx_id":0,` + startupEVE + `,"response":{"message":"authentication_md5_password"}}}`, "> login alice pgsql-md5 accepted", acceptedTwo,
			`> pgsql{"pgsql":{"tx_id":1,"request":{"password_redacted":true},"response":{"message":"authentication_ok",` + welcomeEVE + `}}}`,
		}},
		{"trust", []Step{Client(startup), Server(welcome)}, []string{
			"> login alice pgsql accepted", acceptedTwo,
			`> pgsql{"pgsql":{"tx_id":0,` + startupEVE + `,"response":{"message":"authentication_ok",` + welcomeEVE + `}}}`,
		}},
		{"no such database", []Step{Client(startup), Server(strings.Replace(denied, "28P01", "3D000", 1))}, []string{
			"> login alice pgsql tried",
			`> pgsql{"pgsql":{"tx_id":0,` + startupEVE + `,` + strings.Replace(deniedEVE, "28P01", "3D000", 1) + `}}`,
		}},
		{"copy", []Step{
			Client(startup), Server(welcome), Client(msg('Q', "copy t from stdin\x00")), Server(msg('G', "\x00\x00\x02\x00\x00\x00\x00")),
			Client(msg('d', "1\t2\n"), msg('d', "3\t4\n"), msg('c')), Server(msg('C', "COPY 2\x00"), ready),
			Client(msg('Q', "copy t to stdout\x00")), Server(msg('H', "\x00\x00\x02\x00\x00\x00\x00"), msg('d', "1\t2\n"), msg('c'), msg('C', "COPY 1\x00"), ready),
		}, []string{
			"> login alice pgsql accepted", acceptedTwo,
			`> pgsql{"pgsql":{"tx_id":0,` + startupEVE + `,"response":{"message":"authentication_ok",` + welcomeEVE + `}}}`,
			`> pgsql{"pgsql":{"tx_id":1,"request":{"simple_query":"copy t from stdin"},"response":{"copy_in_response":{"columns":2}}}}`,
			`> pgsql{"pgsql":{"tx_id":2,"request":{"copy_data_in":{"msg_count":2,"data_size":8}},"response":{"command_completed":"COPY 2"}}}`,
			`> pgsql{"pgsql":{"tx_id":3,"request":{"simple_query":"copy t to stdout"},"response":{"copy_out_response":{"columns":2},"copy_data_out":{"row_count":1,"data_size":4},"command_completed":"COPY 1"}}}`,
		}},
		{"extended queries", []Step{
			Client(startup), Server(welcome),
			Client(msg('P', "\x00select 1\x00\x00\x00"), msg('B', "..."), msg('E', "\x00", be32(0)), msg('S')),
			Server(msg('1'), msg('2'), msg('D', "\x00\x01", be32(1), "1"), msg('C', "SELECT 1\x00"), ready),
		}, []string{
			"> login alice pgsql accepted", acceptedTwo,
			`> pgsql{"pgsql":{"tx_id":0,` + startupEVE + `,"response":{"message":"authentication_ok",` + welcomeEVE + `}}}`,
		}},
		{"a secret in an error", []Step{
			Client(startup), Server(welcome), Client(msg('Q', "alter user x password tiger;\x00")),
			Server(msg('E', "SERROR\x00VERROR\x00C42601\x00Msyntax error at or near \"tiger\"\x00\x00"), ready),
		}, []string{
			"> login alice pgsql accepted", acceptedTwo,
			`> pgsql{"pgsql":{"tx_id":0,` + startupEVE + `,"response":{"message":"authentication_ok",` + welcomeEVE + `}}}`,
			`> pgsql{"pgsql":{"tx_id":1,"request":{"simple_query":"alter user x password"},"response":{"severity_localizable":"ERROR","severity_non_localizable":"ERROR","code":"42601"}}}`,
		}},
		{"cancel", []Step{Client(start(codeCancel, be32(77), "KEY!"))}, []string{
			`> pgsql{"pgsql":{"tx_id":0,"request":{"message":"cancel_request","process_id":77}}}`,
		}},
		{"client alone", []Step{Client(startup), Client(msg('p', "SCRAM-SHA-256\x00", be32(3), "n,,")), Client(msg('p', "p=secretproof")), Client(msg('Q', "select 1\x00"))}, []string{
			`> pgsql{"pgsql":{"tx_id":0,` + startupEVE + `}}`,
			`> pgsql{"pgsql":{"tx_id":1,"request":{"sasl_authentication_mechanism":"SCRAM-SHA-256"}}}`,
			`> pgsql{"pgsql":{"tx_id":2,"request":{"message":"sasl_response"}}}`,
			"> login alice pgsql-scram-sha-256 tried",
			`> pgsql{"pgsql":{"tx_id":3,"request":{"simple_query":"select 1"}}}`,
		}},
		{"server alone", []Step{Server("N", auth(authMD5, "salt")), Server(welcome)}, []string{
			`> pgsql{"pgsql":{"tx_id":0,"request":{"message":"SSL Request"},"response":{"ssl_accepted":false}}}`,
			`> pgsql{"pgsql":{"tx_id":1,"response":{"message":"authentication_md5_password"}}}`,
			acceptedTwo,
			`> pgsql{"pgsql":{"tx_id":2,"response":{"message":"authentication_ok",` + welcomeEVE + `}}}`,
		}},
		{"unfinished", []Step{Client(start(3<<16, "user\x00a"))}, []string{`> pgsql{"pgsql":{"tx_id":0,"request":{"protocol_version":"3.0","startup_parameters":{}}}}`}},
	} {
		Expect(t, tt.name, Run(Parser(), tt.steps...), tt.want...)
		if tt.name != "unfinished" {
			Check(t, Parser(), []string{"tiger", "secret", "nonceofclient", "KEY!", "md50123"}, tt.steps...)
		}
	}
}

func TestEncryption(t *testing.T) {
	for _, tt := range []struct {
		name   string
		steps  []Step
		status protocol.Status
		want   []string
	}{
		{"accepted", []Step{Client(start(codeSSL)), Server("S")}, protocol.Switch, []string{`> pgsql{"pgsql":{"tx_id":0,"request":{"message":"SSL Request"},"response":{"ssl_accepted":true}}}`}},
		{"client alone", []Step{Client(start(codeSSL), "\x16\x03\x01")}, protocol.Switch, []string{`> pgsql{"pgsql":{"tx_id":0,"request":{"message":"SSL Request"}}}`}},
		{"server alone", []Step{Server("S\x16\x03\x03")}, protocol.Switch, []string{`> pgsql{"pgsql":{"tx_id":0,"request":{"message":"SSL Request"},"response":{"ssl_accepted":true}}}`}},
		{"GSSAPI refused, then TLS", []Step{Client(start(codeGSS)), Server("N"), Client(start(codeSSL)), Server("S")}, protocol.Switch, []string{
			`> pgsql{"pgsql":{"tx_id":0,"request":{"message":"SSL Request"},"response":{"ssl_accepted":false}}}`,
			`> pgsql{"pgsql":{"tx_id":1,"request":{"message":"SSL Request"},"response":{"ssl_accepted":true}}}`,
		}},
		{"GSSAPI", []Step{Client(start(codeGSS)), Server("G")}, protocol.Done, []string{
			`> pgsql{"pgsql":{"tx_id":0,"request":{"message":"SSL Request"},"response":{"ssl_accepted":false}}}`, "< encrypted ",
		}},
	} {
		r := new(Recorder)
		f := NewTable(Parser(), r)
		for _, s := range Cut(tt.steps, func() int { return 1 }) {
			f.Do(s)
		}
		f.End()
		if f.Status != tt.status {
			t.Errorf("%s: status %d", tt.name, f.Status)
		}
		Expect(t, tt.name, r.Lines, tt.want...)
	}
}

// A loss within a message skips it; behind a greater one the next segment that begins with messages is understood.
func TestGap(t *testing.T) {
	query := `> pgsql{"pgsql":{"tx_id":1,"request":{"simple_query":"select 2"}}}`
	first := `> pgsql{"pgsql":{"tx_id":0,` + startupEVE + `}}`
	next := Client(msg('Q', "select 2\x00"), msg('H'))
	Expect(t, "within", Run(Parser(), Client(startup), Client(msg('Q', "select 1\x00")[:7]), Lose(0, 4), Client("1 \x00"), next),
		first, "> login alice pgsql tried", query)
	Expect(t, "beyond", Run(Parser(), Client(startup), Client(msg('Q', "select 1\x00")[:7]), Lose(0, 400), Client("garbage"), next),
		first, "> login alice pgsql tried", query)
}

func TestMalformed(t *testing.T) {
	Expect(t, "length", Run(Parser(), Client(startup), Client("Q\xff\xff\xff\xff"), Server(ready)),
		"> !malformed_request", "> login alice pgsql accepted", `> pgsql{"pgsql":{"tx_id":0,`+startupEVE+`}}`)
}

func TestProbe(t *testing.T) {
	for _, tt := range []struct {
		bytes     string
		dir       protocol.Dir
		midstream bool
		want      protocol.Match
	}{
		{"", 0, false, protocol.Maybe},
		{start(codeSSL), 0, false, protocol.Yes},
		{start(2<<16, "user\x00"), 0, false, protocol.No},
		{start(3<<16, "\x01\x02\x03\x04\x00"), 0, false, protocol.No},
		{"\x00\x00\x00\x54\x00\x03", 0, false, protocol.Maybe},
		{"GET / HTTP/1.1\r\n", 0, false, protocol.No},
		{"S", 1, false, protocol.Maybe},
		{"SSH-2.0-x\r\n", 1, false, protocol.No},
		{"S\x16\x03\x03", 1, false, protocol.Yes},
		{"N" + auth(authOK), 1, false, protocol.Yes},
		{auth(authMD5, "salt"), 1, false, protocol.Yes},
		{denied, 1, false, protocol.Yes},
		{"EHLO x\r\n", 1, false, protocol.No},
		{msg('Q', "select 1\x00"), 0, false, protocol.No},
		{msg('Q', "select 1\x00"), 0, true, protocol.Yes},
		{rows + ready, 1, true, protocol.Yes},
		{rows + ready, 0, true, protocol.Yes},
		{msg('Q', "\x01\x02\x03\x04\x05\x00"), 0, true, protocol.No},
	} {
		p := &protocol.Peek{Data: []byte(tt.bytes), Dir: tt.dir, Over: protocol.TCP, Midstream: tt.midstream}
		if got := probe(p); got != tt.want {
			t.Errorf("%q: %d, want %d", tt.bytes, got, tt.want)
		}
	}
}

func BenchmarkConnection(b *testing.B) { Benchmark(b, Parser(), scram...) }

func FuzzStream(f *testing.F) { Fuzz(f, Parser(), scram, clear, md5) }
