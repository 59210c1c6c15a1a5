package learn

import (
	"testing"
)

// BenchmarkConversation is a conversation of a kind that was seen before: the usual case.
func BenchmarkConversation(b *testing.B) {
	l := New(Config{})
	c := talk("10.0.1.1:4000", "192.0.2.1:443", "tls", "api.acme.example")
	b.ReportAllocs()
	for b.Loop() {
		l.Conversation(c)
	}
}
