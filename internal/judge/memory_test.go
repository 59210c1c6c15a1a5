package judge

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// What is remembered must be what would be judged.
func TestMemoryChangesNothing(t *testing.T) {
	for seed := range uint64(30) {
		var logs [2]string
		for remembering := range uint32(2) {
			j := New(compile(t, site, vault), Config{})
			r := rand.New(rand.NewPCG(seed, 3))
			for id := range uint64(400) {
				c := randomConversation(r)
				c.ID = id
				if r.IntN(3) == 0 {
					j.Lookup(randomLookup(r, c))
				}
				revision := uint32(1)
				for phase := Named; phase <= Ended; phase++ {
					c.Phase, c.Now = phase, c.Now+second
					if r.IntN(4) == 0 {
						c.App = someApps[r.IntN(len(someApps))]
						revision++
					}
					if r.IntN(6) == 0 {
						j.Lookup(randomLookup(r, c))
					}
					c.Revision = revision * remembering
					out := j.Conversation(c)
					entry := ""
					if out.Entry != nil {
						entry = out.Entry.ID
					}
					logs[remembering] += fmt.Sprintln(id, phase, out.Verdict, out.Reason, out.Rule, entry, out.Failed, len(out.Alerts), out.Alerted)
				}
			}
			rep := j.Report()
			for i := range rep.Entries {
				rep.Entries[i].Entry = nil
			}
			logs[remembering] += fmt.Sprintf("%+v", rep)
		}
		if logs[0] != logs[1] {
			for i := range logs[0] {
				if logs[0][i] != logs[1][i] {
					t.Fatalf("seed %d:\n%s\n%s", seed, logs[0][max(i-200, 0):i+100], logs[1][max(i-200, 0):i+100])
				}
			}
		}
	}
}

func TestRememberedExpires(t *testing.T) {
	j := New(compile(t, site, vault), Config{})
	expiry := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC).UnixNano()
	c := udp(host, "10.20.6.15:514", "syslog")
	c.ID, c.Phase, c.Revision, c.Start, c.Now = 7, Named, 1, expiry-10*second, expiry-9*second
	if out := j.Conversation(c); out.Verdict != Expected {
		t.Fatalf("%+v", out)
	}
	c.Phase, c.Now = Ended, expiry+1
	if out := j.Conversation(c); out.Verdict != Unexpected {
		t.Errorf("after the exception's end: %+v", out)
	}
}

func BenchmarkRecall(b *testing.B) {
	j := New(busy(b), Config{})
	cs := conversations(2048, func(i int, c *Conversation) { c.ID, c.Revision, c.Phase = uint64(i), 1, Settled })
	for _, c := range cs {
		j.Conversation(c)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		j.Conversation(cs[i&2047])
		i++
	}
}
