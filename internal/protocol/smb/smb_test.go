package smb

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/streamtest"
)

func u16(v int) string    { return string(binary.LittleEndian.AppendUint16(nil, uint16(v))) }
func u32(v int) string    { return string(binary.LittleEndian.AppendUint32(nil, uint32(v))) }
func u64(v uint64) string { return string(binary.LittleEndian.AppendUint64(nil, v)) }
func zero(n int) string   { return strings.Repeat("\x00", n) }

func wide(s string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return string(b)
}

// packet frames a session message.
func packet(parts ...string) string {
	b := strings.Join(parts, "")
	return string([]byte{0, byte(len(b) >> 16), byte(len(b) >> 8), byte(len(b))}) + b
}

const (
	session = 0x1122
	shareID = 5
)

// call and answer are commands of version 2.
func call(command, mid int, body string) string {
	return "\xfeSMB" + u16(64) + u16(0) + u32(0) + u16(command) + u16(1) + u32(0) + u32(0) + u64(uint64(mid)) + u32(0) + u32(shareID) + u64(session) + zero(16) + body
}

func answer(command, mid int, status uint32, body string) string {
	b := []byte(call(command, mid, body))
	binary.LittleEndian.PutUint32(b[8:], status)
	b[16] = flagResponse
	return string(b)
}

func ntlmMessage(user, domain string) string {
	field := func(n, off int) string { return u16(n) + u16(n) + u32(off) }
	w := wide(user) + wide(domain) + wide("WS")
	n := 72
	return "NTLMSSP\x00" + u32(3) + field(6, n+len(w)) + field(6, n+len(w)) + field(2*len(domain), n+2*len(user)) + field(2*len(user), n) +
		field(4, n+2*len(user)+2*len(domain)) + field(0, n) + u32(1|1<<25) + "\x0a\x00" + u16(19041) + "\x00\x00\x00\x0f" + w + "s3cr3t"
}

func setup(mid int, token string) string {
	return packet(call(sessionSetup, mid, u16(25)+zero(10)+u16(64+24)+u16(len(token))+zero(8)+token))
}

var (
	negotiating = packet(call(negotiate, 0, u16(36)+u16(2)+zero(8)+"0123456789abcdef"+zero(8)+u16(0x0210)+u16(0x0311)))
	negotiated  = packet(answer(negotiate, 0, 0, u16(65)+u16(0)+u16(0x0311)+u16(0)+"fedcba9876543210"+u32(0)+u32(1)+u32(65536)+u32(65536)+zero(24)))
	loggedIn    = packet(answer(sessionSetup, 2, 0, u16(9)+zero(6)))
	connecting  = packet(call(treeConnect, 3, u16(9)+u16(0)+u16(72)+u16(24)+wide(`\\fs1\data`)+zero(4)))
	connected   = packet(answer(treeConnect, 3, 0, u16(16)+"\x01"+zero(13)))
)

func opening(mid int, name string) string {
	return packet(call(create, mid, u16(57)+zero(34)+u32(1)+u32(0x40)+u16(64+56)+u16(2*len(name))+zero(8)+wide(name)))
}

func opened(mid int, f string, size int) string {
	return packet(answer(create, mid, 0, u16(89)+u16(0)+u32(1)+strings.Repeat(u64(133000000000000000), 4)+u64(0)+u64(uint64(size))+u32(0x80)+u32(0)+f+zero(8)))
}

func reads(mid int, f string, off, n int) string {
	return packet(call(read, mid, u16(49)+u16(0)+u32(n)+u64(uint64(off))+f+zero(16)))
}

func data(mid int, content string) string {
	return packet(answer(read, mid, 0, u16(17)+"\x50\x00"+u32(len(content))+zero(8)+content))
}

func writes(mid int, f string, off int, content string) string {
	return packet(call(write, mid, u16(49)+u16(64+48)+u32(len(content))+u64(uint64(off))+f+zero(16)+content))
}

func closes(mid int, f string) string    { return packet(call(closing, mid, u16(24)+zero(6)+f)) }
func closedAnswer(mid int) string        { return packet(answer(closing, mid, 0, u16(60)+zero(58))) }
func wrote(mid int, s uint32) string     { return packet(answer(write, mid, s, u16(17)+zero(14))) }
func hashOf(b string) string             { h := sha256.Sum256([]byte(b)); return hex.EncodeToString(h[:]) }
func client(p ...string) streamtest.Step { return streamtest.Client(p...) }
func server(p ...string) streamtest.Step { return streamtest.Server(p...) }

const (
	fileA = "AAAAaaaaAAAAaaaa"
	fileB = "BBBBbbbbBBBBbbbb"
)

var program = "MZ" + strings.Repeat("program ", 400)

var downloading = []streamtest.Step{
	client(negotiating), server(negotiated), client(setup(1, "NTLMSSP\x00\x01\x00\x00\x00")), server(packet(answer(sessionSetup, 1, statusMoreProcessing, u16(9)+zero(6)))),
	client(setup(2, ntlmMessage("Administrator", "CORP"))), server(loggedIn), client(connecting), server(connected),
	client(opening(4, `dir\tool.exe`)), server(opened(4, fileA, len(program))),
	client(reads(5, fileA, 0, 2000), reads(6, fileA, 2000, 2000)), server(data(5, program[:2000]), data(6, program[2000:])),
	client(closes(7, fileA)), server(closedAnswer(7)),
}

func has(t *testing.T, lines []string, wants ...string) {
	t.Helper()
	all := strings.Join(lines, "\n")
	for _, w := range wants {
		if !strings.Contains(all, w) {
			t.Errorf("%s\nis not in\n%s", w, all)
		}
	}
}

func TestDownload(t *testing.T) {
	got := streamtest.Run(Parser(), downloading...)
	has(t, got,
		"< version SMB 3.1.1",
		`"client_dialects":["2.10","3.11"],"client_guid":"33323130-3534-3736-3938-6261`,
		"> login Administrator ntlmssp tried", "< login Administrator ntlmssp accepted",
		`"ntlmssp":{"domain":"CORP","user":"Administrator","host":"WS","version":"10.0 build 19041 rev 15"}`,
		"> service fs1",
		`"command":"SMB2_COMMAND_TREE_CONNECT","status":"STATUS_SUCCESS","status_code":"0x0","session_id":4386,"tree_id":5,"share":"\\\\fs1\\data","share_type":"FILE"`,
		`"command":"SMB2_COMMAND_CREATE","status":"STATUS_SUCCESS","status_code":"0x0","session_id":4386,"tree_id":5,"filename":"dir\\tool.exe","disposition":"FILE_OPEN","access":"normal","created":1655526400,`,
		`"fileinfo":{"filename":"dir\\tool.exe","gaps":false,"state":"CLOSED","sha256":"`+hashOf(program)+`","stored":false,"size":3202,"tx_id":5}`)
	secretless(t, downloading)
	streamtest.Check(t, Parser(), nil, append(append([]streamtest.Step{}, downloading[:2]...), downloading[6:]...)...)
}

// secretless proves what holds for logins by NTLM, too, whose names are allocated: any cut gives the same, and no
// secret is in it.
func secretless(t *testing.T, steps []streamtest.Step) {
	t.Helper()
	whole := strings.Join(streamtest.Run(Parser(), steps...), "\n")
	for size := 1; size < 100; size += 7 {
		if got := strings.Join(streamtest.Run(Parser(), streamtest.Cut(steps, func() int { return size })...), "\n"); got != whole {
			t.Fatalf("in pieces of %d bytes: got\n%s\nwant\n%s", size, got, whole)
		}
	}
	f := streamtest.NewTable(Parser(), new(streamtest.Recorder))
	for _, s := range steps {
		f.Do(s)
	}
	if strings.Contains(whole, "s3cr3t") || strings.Contains(fmt.Sprintf("%q", f.Stream), "s3cr3t") {
		t.Error("a secret is kept")
	}
}

// fileinfos returns what fileinfo events say.
func fileinfos(lines []string) (out []string) {
	for _, l := range lines {
		if _, f, ok := strings.Cut(l, `"fileinfo":`); ok {
			out = append(out, f)
		}
	}
	return out
}

func TestFiles(t *testing.T) {
	start := []streamtest.Step{client(connecting), server(connected), client(opening(4, "a.exe")), server(opened(4, fileA, len(program)))}
	const n = 1000
	piece := func(mid, i int) string { return data(mid, program[i*n:min(len(program), i*n+n)]) }
	ask := func(mid, i int) string { return reads(mid, fileA, i*n, n) }
	end := []streamtest.Step{client(closes(90, fileA)), server(closedAnswer(90))}
	sum := `"sha256":"` + hashOf(program) + `"`
	for _, c := range []struct {
		name string
		talk []streamtest.Step
		want string // of the event; empty for none
		not  string
	}{
		{"in order", []streamtest.Step{client(ask(10, 0), ask(11, 1), ask(12, 2), ask(13, 3)), server(piece(10, 0), piece(11, 1), piece(12, 2), piece(13, 3))}, sum, ""},
		{"the head twice", []streamtest.Step{client(ask(9, 0), ask(10, 0), ask(11, 1), ask(12, 2), ask(13, 3)), server(piece(9, 0), piece(10, 0), piece(11, 1), piece(12, 2), piece(13, 3))}, sum, ""},
		{"out of order", []streamtest.Step{client(ask(10, 0), ask(11, 1), ask(12, 2), ask(13, 3)), server(piece(10, 0), piece(12, 2), piece(11, 1), piece(13, 3))}, `"gaps":true,"state":"TRUNCATED"`, "sha256"},
		{"a part", []streamtest.Step{client(ask(10, 0)), server(piece(10, 0))}, `"gaps":false,"state":"CLOSED","stored":false,"size":1000`, "sha256"},
		{"refused", []streamtest.Step{client(ask(10, 0)), server(packet(answer(read, 10, 0xc0000022, u16(9)+zero(7))))}, "", ""},
		{"written", []streamtest.Step{client(writes(10, fileA, 0, program)), server(wrote(10, 0))}, sum, ""},
		{"not written", []streamtest.Step{client(writes(10, fileA, 0, program)), server(wrote(10, 0xc000007f))}, `"state":"TRUNCATED"`, "sha256"},
		{"overwritten", []streamtest.Step{client(writes(10, fileA, 0, program), writes(11, fileA, 0, "x")), server(wrote(10, 0), wrote(11, 0))}, `"gaps":true`, "sha256"},
		{"written in part", []streamtest.Step{client(writes(10, fileA, 0, program[:n])), server(wrote(10, 0))}, `"state":"CLOSED"`, "sha256"},
		{"bytes lost", []streamtest.Step{client(ask(10, 0), ask(11, 1), ask(12, 2), ask(13, 3)), server(piece(10, 0)), server(piece(11, 1)[:300]), streamtest.Lose(protocol.ToClient, 500),
			server(piece(11, 1)[800:], piece(12, 2), piece(13, 3))}, `"gaps":true,"state":"TRUNCATED","stored":false,"size":3202`, "sha256"},
		{"a whole message lost", []streamtest.Step{client(ask(10, 0), ask(11, 1), ask(12, 2), ask(13, 3)), server(piece(10, 0)), streamtest.Lose(protocol.ToClient, len(piece(11, 1))),
			server(piece(12, 2), piece(13, 3))}, `"gaps":true,"state":"TRUNCATED","stored":false,"size":3202`, "sha256"},
	} {
		steps := append(append(append([]streamtest.Step{}, start...), c.talk...), end...)
		got := fileinfos(streamtest.Run(Parser(), steps...))
		switch {
		case c.want == "" && len(got) == 0:
		case len(got) != 1 || !strings.Contains(got[0], c.want) || c.not != "" && strings.Contains(got[0], c.not):
			t.Errorf("%s: %s", c.name, got)
		}
	}
}

// A file that is opened, read and closed by one compound message.
func TestCompound(t *testing.T) {
	last := strings.Repeat("\xff", 16)
	chain := func(commands ...string) string {
		for i, c := range commands[:len(commands)-1] {
			c += zero(-len(c) & 7)
			b := []byte(c)
			binary.LittleEndian.PutUint32(b[20:], uint32(len(b)))
			commands[i] = string(b)
		}
		return packet(commands...)
	}
	asked := chain(opening(4, "a.exe")[4:], reads(5, last, 0, 4000)[4:], closes(6, last)[4:])
	answered := chain(opened(4, fileA, len(program))[4:], data(5, program)[4:], closedAnswer(6)[4:])
	steps := []streamtest.Step{client(asked), server(answered)}
	if got := fileinfos(streamtest.Run(Parser(), steps...)); len(got) != 1 || !strings.Contains(got[0], hashOf(program)) {
		t.Errorf("%s", got)
	}
	streamtest.Check(t, Parser(), nil, steps...)
}

// A bind by WRITE and READ, a call by IOCTL whose answer comes in two parts.
func TestPipe(t *testing.T) {
	pdu := func(kind, id, flags int, body string) string {
		return "\x05\x00" + string([]byte{byte(kind), byte(flags)}) + "\x10\x00\x00\x00" + u16(16+len(body)) + u16(0) + u32(id) + body
	}
	transceive := func(mid int, b string) string {
		return packet(call(ioctl, mid, u16(57)+u16(0)+u32(pipeTransceive)+fileA+u32(120)+u32(len(b))+zero(24)+b))
	}
	transceived := func(mid int, status uint32, b string) string {
		return packet(answer(ioctl, mid, status, u16(49)+u16(0)+u32(pipeTransceive)+fileA+u32(112)+u32(0)+u32(112)+u32(len(b))+zero(8)+b))
	}
	svcctl := "\x81\xbb\x7a\x36\x44\x98\xf1\x35\xad\x32\x98\xf0\x38\x00\x10\x03"
	bind := pdu(11, 1, 3, u16(5840)+u16(5840)+u32(0)+"\x01\x00\x00\x00"+u16(0)+"\x01\x00"+svcctl+u16(2)+u16(0)+zero(20))
	ack := pdu(12, 1, 3, u16(5840)+u16(5840)+u32(0)+u16(2)+"x\x00"+"\x01\x00\x00\x00"+u16(0)+u16(0)+zero(20))
	response := pdu(2, 2, 3, u32(0)+u16(0)+u16(0)+zero(100))
	steps := []streamtest.Step{
		client(connecting), server(packet(answer(treeConnect, 3, 0, u16(16)+"\x02"+zero(13)))), client(opening(4, "svcctl")), server(opened(4, fileA, 0)),
		client(writes(5, fileA, 0, bind), reads(6, fileA, 0, 1024)), server(wrote(5, 0), data(6, ack)),
		client(transceive(7, pdu(0, 2, 3, u32(0)+u16(0)+u16(15)+zero(30)))), server(transceived(7, statusBufferOverflow, response[:60])),
		client(reads(8, fileA, 0, 1024)), server(data(8, response[60:])), client(transceive(9, pdu(0, 3, 3, u32(0)+u16(0)+u16(16)+zero(30)))),
	}
	got := streamtest.Run(Parser(), steps...)
	one := `"interfaces":[{"uuid":"367abb81-9844-35f1-ad32-98f038001003","version":"2.0"`
	has(t, got[3:4], `"command":"SMB2_COMMAND_WRITE","status":"STATUS_SUCCESS","status_code":"0x0","session_id":4386,"tree_id":5,"dcerpc":{"request":"BIND","response":"BINDACK",`+one+`,"ack_result":0,"ack_reason":0}],"call_id":1}`)
	has(t, got[4:5], `"command":"SMB2_COMMAND_IOCTL",`, `"dcerpc":{"request":"REQUEST","response":"RESPONSE","opnum":15,"req":{"frag_cnt":1,"stub_data_size":30},`+one+`}],"res":{"frag_cnt":1,"stub_data_size":100},"call_id":2}`)
	has(t, got[5:6], `"dcerpc":{"request":"REQUEST","response":"UNREPLIED","opnum":16,`)
	if len(got) != 6 {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
	streamtest.Check(t, Parser(), nil, steps...)
}

func one1(command byte, flags byte, words, tail string) string {
	return packet("\xffSMB" + string([]byte{command}) + u32(0) + string([]byte{flags}) + u16(0xc001) + zero(12) + u16(7) + u16(8) + u16(9) + u16(3) +
		string([]byte{byte(len(words) / 2)}) + words + u16(len(tail)) + tail)
}

func TestVersion1(t *testing.T) {
	token := ntlmMessage("guest", "CORP")
	steps := []streamtest.Step{
		client("\x81\x00\x00\x44\x20EGFDDBCACACACACACACACACACACACACA\x00\x20" + strings.Repeat("CA", 16) + "\x00"), server("\x82\x00\x00\x00"),
		client(one1(negotiate1, 0x18, "", "\x02LANMAN1.0\x00\x02NT LM 0.12\x00")), server(one1(negotiate1, 0x98, u16(1)+zero(32), "")),
		client(one1(sessionSetup1, 0x18, zero(14)+u16(len(token))+zero(8), token+"\x00"+wide("Windows 5.1")+"\x00\x00"+wide("LM")+"\x00\x00")),
		server(one1(sessionSetup1, 0x98, zero(8), "\x00"+wide("Unix")+"\x00\x00"+wide("Samba")+"\x00\x00")),
		client(one1(sessionSetup1, 0x18, zero(14)+u16(6)+u16(6)+zero(8), "s3cr3ts3cr3t\x00"+wide("joe")+"\x00\x00"+wide("CORP")+"\x00\x00"+wide("os")+"\x00\x00"+wide("lm")+"\x00\x00")),
		client(one1(treeConnect1, 0x18, zero(6)+u16(1), "\x00"+wide(`\\FS1\IPC$`)+"\x00\x00?????\x00")), server(one1(treeConnect1, 0x98, zero(6), "IPC\x00")),
		client(one1(create1, 0x18, zero(35)+u32(2)+u32(0)+zero(5), "\x00"+wide(`\a.txt`)+"\x00\x00")), server(one1(create1, 0x98, zero(68), "")),
	}
	got := streamtest.Run(Parser(), steps...)
	has(t, got, "> service FS1", "< version SMB 1", `"dialect":"NT LM 0.12","command":"SMB1_COMMAND_NEGOTIATE_PROTOCOL","status":"STATUS_SUCCESS","status_code":"0x0","session_id":9,"tree_id":7,"client_dialects":["LANMAN1.0","NT LM 0.12"]`,
		"login guest ntlmssp tried", "login guest ntlmssp accepted", `"request":{"native_os":"Windows 5.1","native_lm":"LM"},"response":{"native_os":"Unix","native_lm":"Samba"}`,
		"login joe smb tried", `"named_pipe":"\\\\FS1\\IPC$","service":{"request":"?????","response":"IPC"}`, `"filename":"\\a.txt","disposition":"FILE_CREATE"`)
	if strings.HasPrefix(got[0], "> service FS1") == false {
		t.Errorf("called name: %s", got[0])
	}
	secretless(t, steps)
	streamtest.Check(t, Parser(), []string{"s3cr3t"}, append(append([]streamtest.Step{}, steps[:4]...), steps[6:]...)...)
}

func TestEncrypted(t *testing.T) {
	sealed := packet("\xfdSMB" + strings.Repeat("x", 200))
	steps := []streamtest.Step{client(negotiating), server(negotiated), client(sealed, sealed), server(sealed, packet("\xfcSMB"+strings.Repeat("y", 50)), sealed)}
	got := streamtest.Run(Parser(), steps...)
	if n := strings.Count(strings.Join(got, "\n"), "encrypted"); n != 1 || len(got) != 3 {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
	streamtest.Check(t, Parser(), nil, steps...)
}

// Each side alone shows what it says.
func TestOneSided(t *testing.T) {
	var c, s []streamtest.Step
	for _, x := range downloading {
		if x.Dir == protocol.ToServer {
			c = append(c, x)
		} else {
			s = append(s, x)
		}
	}
	has(t, streamtest.Run(Parser(), c...), "login Administrator ntlmssp tried", `"command":"SMB2_COMMAND_CREATE","session_id":4386,"tree_id":5,"filename":"dir\\tool.exe"`)
	has(t, streamtest.Run(Parser(), s...), "version SMB 3.1.1", `"command":"SMB2_COMMAND_CREATE","status":"STATUS_SUCCESS"`)
	upload := streamtest.Run(Parser(), client(opening(4, "a.exe")), client(writes(5, fileB, 0, program)), client(closes(6, fileB)))
	if got := fileinfos(upload); len(got) != 1 || !strings.Contains(got[0], hashOf(program)) {
		t.Errorf("%s", got)
	}
}

func TestMidstream(t *testing.T) {
	b := strings.Repeat("\x00rest of a message", 20) + opening(4, "a.exe")
	p := &protocol.Peek{Data: []byte(b), Over: protocol.TCP, Midstream: true, ServerPort: 445}
	if probe(p) != protocol.Yes {
		t.Error("not found in the middle")
	}
	r := new(streamtest.Recorder)
	f := streamtest.NewTable(Parser(), r)
	f.Context.Midstream = true
	f.Do(client(b))
	f.End()
	has(t, r.Lines, `"filename":"a.exe"`)
	if len(r.Lines) != 1 {
		t.Errorf("%s", r.Lines)
	}
}

func TestProbe(t *testing.T) {
	for _, c := range []struct {
		data string
		want protocol.Match
	}{
		{negotiating, protocol.Yes},
		{negotiating[:7], protocol.Maybe},
		{"\x85\x00\x00\x00" + negotiating, protocol.Yes},
		{"\x81\x00\x00\x44\x20EGFD", protocol.Yes},
		{"\x82\x00\x00\x00", protocol.Maybe},
		{"\x00\x00\x00\x20\x05\x00\x0b\x03", protocol.No},
		{"\x16\x03\x01\x02\x00\x01", protocol.No},
		{"GET /", protocol.No},
	} {
		if got := probe(&protocol.Peek{Data: []byte(c.data), Over: protocol.TCP}); got != c.want {
			t.Errorf("%.20q: %v, want %v", c.data, got, c.want)
		}
	}
	p := &protocol.Peek{Data: []byte(negotiated), Over: protocol.TCP}
	if probe(p) != protocol.Yes || !p.Reversed {
		t.Error("the server was not recognised")
	}
}

// What a stranger opens is bounded.
func TestBounds(t *testing.T) {
	f := streamtest.NewTable(Parser(), new(streamtest.Recorder))
	for i := range 3000 {
		id := fmt.Sprintf("%016d", i)
		f.Do(client(opening(4*i, strings.Repeat("n", 2000)), reads(4*i+1, id, 0, 9), writes(4*i+2, id, 0, "MZ data"), packet(call(treeConnect, 4*i+3, u16(9)+zero(6)))))
		f.Do(server(opened(4*i, id, 100), data(4*i+1, "some data"), packet(answer(treeConnect, 4*i+3, 0, u16(16)+"\x01"+zero(13)))))
	}
	s := f.Stream.(*stream)
	if len(s.pending) > maxPending || len(s.files.open) > maxFiles || s.files.used > maxTransfers || len(s.trees) > maxTrees || len(s.free) > maxPending {
		t.Errorf("%d pending, %d files, %d transfers, %d trees", len(s.pending), len(s.files.open), s.files.used, len(s.trees))
	}
	for _, x := range s.files.open {
		if len(x.name) > 4*maxName {
			t.Errorf("a name of %d bytes", len(x.name))
		}
	}
	s.Reset()
	if len(s.free) > 8 || len(s.files.free) > 4 || len(s.files.transfers) > 2 || s.files.used != 0 {
		t.Errorf("a stream that is not in use holds %d transactions, %d files, %d transfers", len(s.free), len(s.files.free), len(s.files.transfers))
	}
}

func TestMalformed(t *testing.T) {
	got := streamtest.Run(Parser(), client(packet("\xfeSMB"+strings.Repeat("\xff", 100))), client("nonsense that goes on"), client(opening(4, "a.exe")))
	has(t, got, "> !malformed_data", `"filename":"a.exe"`)
	if n := strings.Count(strings.Join(got, "\n"), "malformed"); n != 1 {
		t.Errorf("%d anomalies", n)
	}
}

func FuzzStream(f *testing.F) { streamtest.Fuzz(f, Parser(), downloading) }

func BenchmarkDownload(b *testing.B) { streamtest.Benchmark(b, Parser(), downloading...) }

// A file's content streams by.
func BenchmarkContent(b *testing.B) {
	for _, kind := range []string{"MZ", "text"} {
		b.Run(kind, func(b *testing.B) {
			content := []byte(data(5, kind+strings.Repeat("x", 1<<20)))
			s := new(stream)
			c := &protocol.Context{Over: protocol.TCP, Sink: new(discard)}
			s.Feed(c, protocol.ToServer, []byte(opening(4, "a")))
			s.Feed(c, protocol.ToClient, []byte(opened(4, fileA, 1<<30)))
			b.SetBytes(1 << 20)
			b.ReportAllocs()
			ask := []byte(reads(5, fileA, 0, 1<<20))
			at := bytes.Index(ask, []byte(fileA)) - 8
			for i := 0; b.Loop(); i++ {
				binary.LittleEndian.PutUint64(ask[at:], uint64(i)*(1<<20+uint64(len(kind))))
				s.Feed(c, protocol.ToServer, ask)
				for rest := content; len(rest) > 0; {
					n := min(len(rest), 1460)
					used, _ := s.Feed(c, protocol.ToClient, rest[:n])
					rest = rest[min(max(used, n), len(rest)):]
				}
			}
		})
	}
}

type discard struct{}

func (*discard) Observe(*protocol.Observation) {}
