package saslname

import "testing"

func TestAppend(t *testing.T) {
	for _, tt := range []struct{ mechanism, response, want string }{
		{"PLAIN", "\x00admin\x00secret", "admin"},
		{"PLAIN", "boss\x00admin\x00secret", "admin"},
		{"PLAIN", "secret", ""},
		{"PLAIN", "\x00secret", ""},
		{"PLAIN", "\x00\x00secret", ""},
		{"SCRAM-SHA-256", "n,,n=user,r=nonce", "user"},
		{"SCRAM-SHA-1", "y,a=boss,n=a=2Cb=3Dc,r=nonce", "a,b=c"},
		{"SCRAM-SHA-256-PLUS", "p=tls-unique,,n=user,r=nonce", "user"},
		{"SCRAM-SHA-256", "c=biws,r=nonce,p=proof", ""},
		{"SCRAM-SHA-256", "n,,n=user", ""},
		{"SCRAM-SHA-256", "", ""},
		{"EXTERNAL", "machine", "machine"},
		{"ANONYMOUS", "", "anonymous"},
		{"OAUTHBEARER", "n,,\x01auth=Bearer secret\x01\x01", ""},
	} {
		if got := string(Append(nil, []byte(tt.mechanism), []byte(tt.response))); got != tt.want {
			t.Errorf("%s %q: %q, want %q", tt.mechanism, tt.response, got, tt.want)
		}
	}
}
