package smtp

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"netsensor/internal/protocol"
	st "netsensor/internal/protocol/streamtest"
)

const script = "#!/bin/sh\r\necho a=b\r\n"

// multipart is a multipart within a multipart.
const multipart = "From: a@example.net\r\nContent-Type: multipart/mixed;\r\n boundary=\"outer x\"\r\n\r\npreamble\r\n--outer x\r\n" +
	"Content-Type: multipart/alternative; boundary=inner\r\n\r\n--inner\r\n\r\ntext\r\n--innerx\r\n--inner\r\n" +
	"Content-Type: text/x-sh; name=other\r\nContent-Disposition: attachment;\r\n filename=\"run.sh\"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" +
	"#!/bin/sh\r\necho =\r\na=3Db\r\n\r\n--inner--\r\nFrom: no\r\n--outer x\r\n" +
	"Content-Disposition: attachment; filename*0*=UTF-8''a%20; filename*1=b.zip\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
	"UEsD\r\nBB Q*A\r\n--outer x\r\nContent-Type: text/x-sh; name=c.sh\r\n\r\n" + script + "\r\n--outer x--\r\nepilogue\r\n"

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func moved(names []string, name, data string) string {
	return fmt.Sprintf(`>  %s fileinfo{%s,"mail_from":"<a>"},"email":{"status":"BODY_STARTED","from":"a@example.net","attachment":["%s"]},"fileinfo":{"filename":"%s","gaps":false,"state":"CLOSED","sha256":"%s","stored":false,"size":%d,"tx_id":0}}`,
		name, helo, strings.Join(names, `","`), name, hash(data), len(data))
}

func TestAttachments(t *testing.T) {
	want := []string{
		server,
		moved([]string{"run.sh"}, "run.sh", script),
		moved([]string{"run.sh", "a b.zip"}, "a b.zip", "PK\x03\x04\x14\x00"),
		moved([]string{"run.sh", "a b.zip", "c.sh"}, "c.sh", script),
		`> smtp{` + helo + `,"mail_from":"<a>"},"email":{"status":"PARSE_DONE","from":"a@example.net","attachment":["run.sh","a b.zip","c.sh"]}}`,
	}
	for name, steps := range map[string][]st.Step{
		"data": play(st.Client("MAIL FROM:<a>\r\nDATA\r\n"), st.Client(multipart, ".\r\nQUIT\r\n")),
		"bdat": play(st.Client(fmt.Sprintf("MAIL FROM:<a>\r\nBDAT 300\r\n%sBDAT %d LAST\r\n%sQUIT\r\n", multipart[:300], len(multipart)-300, multipart[300:]))),
	} {
		st.Expect(t, name, st.Run(Parser(), steps...), want...)
		t.Run(name, func(t *testing.T) { st.Check(t, Parser(), nil, steps...) })
	}
}

func TestCutAttachment(t *testing.T) {
	at := strings.Index(multipart, "BB Q")
	got := st.Run(Parser(), play(st.Client("MAIL FROM:<a>\r\nDATA\r\n"), st.Client(multipart[:at]), st.Lose(protocol.ToServer, 4), st.Client(multipart[at+4:], ".\r\n"))...)
	if len(got) != 5 || !strings.Contains(got[2], `"gaps":true,"state":"TRUNCATED","stored":false`) || !strings.Contains(got[3], hash(script)) {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
	got = st.Run(Parser(), play(st.Client("MAIL FROM:<a>\r\nDATA\r\n"), st.Client(multipart[:at]))...)
	if len(got) != 4 || !strings.Contains(got[2], `"state":"TRUNCATED"`) {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
}

func TestParameters(t *testing.T) {
	for in, want := range map[string]string{
		"attachment; filename=a.txt": "a.txt", `attachment; x="; filename=no"; filename="a; b.txt"; y=z`: "a; b.txt", "attachment; filename*=utf-8''%e2%82%ac.txt": "\u20ac.txt",
		"attachment; filename*0=a; filename*1=b": "ab", "attachment; filename": "", "attachment": "", "x; filenames=a": "", `x; filename="open`: "open",
		"x; filename=" + strings.Repeat("y", 1000): strings.Repeat("y", 20),
	} {
		if got := string(appendParameter(nil, []byte(in), "FILENAME", 20)); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzContent(f *testing.F) {
	f.Add(multipart, uint16(40))
	f.Fuzz(func(t *testing.T, multipart string, cut uint16) {
		n := min(int(cut), len(multipart))
		steps := play(st.Client(fmt.Sprintf("MAIL FROM:<a>\r\nBDAT %d\r\n%sBDAT %d LAST\r\n%s", n, multipart[:n], len(multipart)-n, multipart[n:])))
		whole := st.Run(Parser(), steps...)
		pieces := st.Run(Parser(), st.Cut(steps, func() int { return 1 + int(cut)%37 })...)
		st.Expect(t, "in pieces", pieces, whole...)
	})
}
