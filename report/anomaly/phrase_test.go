package anomaly_test

import (
	"math/rand/v2"
	"regexp"
	"testing"

	"github.com/tcplife/tcplife/report/anomaly"
	"github.com/tcplife/tcplife/tracker"
)

// impossible is what no evidence may say: a negative number, the packet before the first, a time since 1970, words
// for nothing, and what only programmers say of a RST.
var impossible = regexp.MustCompile(`(^|[ (])-\d|packets? 0\b|\d{5}d|\d{3}h|\b0 (µs|ms|s)\b|\b0 of 0\b|1 of 1|e[+]\d|UNKNOWN|\b(active|reply|refusal|other) form|[0-9] %|%!|  `)

// TestEvidenceOfBrokenRecords holds that a moment that was not seen, or stands in the wrong order, never becomes a number in
// the evidence: each judge's example has one of its times or marks spoiled after the other.
func TestEvidenceOfBrokenRecords(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, c := range judgeTests {
		for range 50 {
			r := c.make()
			c.shows(r)
			for range 1 + random.IntN(3) {
				spoil(r, random)
			}
			for _, f := range judge(r) {
				if text := impossible.FindString(f.Evidence); text != "" {
					t.Errorf("%s: %s says %q in %q", c.slug, f.Kind.Slug, text, f.Evidence)
				}
			}
		}
	}
}

// spoil takes one mark of r away, or moves it to another time.
func spoil(r *record, random *rand.Rand) {
	marks := []*tracker.Mark{&r.First, &r.Last, &r.Opened, &r.Closed, &r.Handshake.Syn, &r.Handshake.SynAck, &r.Handshake.Ack}
	for i := range r.Endpoints {
		e := &r.Endpoints[i]
		marks = append(marks, &e.First, &e.Last, &e.FinSent, &e.TimeWait.Since)
	}
	for i := range r.Facts {
		marks = append(marks, &r.Facts[i].Cause)
	}
	m := marks[random.IntN(len(marks))]
	if *m = (tracker.Mark{}); random.IntN(2) == 0 {
		*m = mark(1+random.Uint64N(20), random.Float64()*100)
	}
}

func TestEvidenceWords(t *testing.T) {
	for _, c := range []struct {
		slug, want string
		make       func() *record
		change     func(r *record)
	}{
		{"syn-unanswered", "1 SYN, and nothing from the server in the 1m05s after it", attempt, func(r *record) { r.ends(65) }},
		{"synack-unanswered", "SYN-ACK sent 1 time, and nothing from the client in the 1m03s after it", halfOpen, func(r *record) {
			r.ends(63.02)
		}},
		{"open-at-eof", "last segment (packet 6) 5694d00h before the end of the capture, client ESTABLISHED, server ESTABLISHED", open, func(r *record) { r.ends(5694*86400 + 1) }},
		{"open-at-eof", "last segment (packet 6), client ESTABLISHED, server ESTABLISHED", open, func(r *record) { r.TraceEnd = 0 }},
		{"capture-loss", "310,000 bytes of the server were acknowledged but never captured", open, func(r *record) { r.end(server).MissingBytes = 310000 }},
		{"rst-abort", "RST of the server (packet 7) while data was being exchanged, out of ESTABLISHED: the RST of a live socket", open, func(r *record) {
			r.rst(server, 7, 1, tracker.FormActive).PeerUnacked = 100
		}},
		{"rst-abort", "RST of the server (packet 7) while data was being exchanged: its shape does not tell whether a socket was there", open, func(r *record) {
			r.rst(server, 7, 1, tracker.FormOther).Sender = tracker.Unknown
		}},
		{"rst-burst", "3 RSTs within 600 ms, packets 7 to 9", open, func(r *record) {
			for i := range 3 {
				r.rst(server, 7+uint64(i), 1+.3*float64(i), tracker.FormReply)
			}
		}},
		{"time-wait", "the client holds it from packet 6 on, for 1m00s, until its time was over", open, func(r *record) {
			r.end(client).TimeWait = tracker.TimeWaitRecord{Held: true, Since: mark(6, .043), Until: mark(6, 60.043).At}
		}},
		{"rst-linger0", "RST (packet 7) while data was being exchanged; all data was acknowledged both ways, and no FIN was sent", open, func(r *record) {
			r.rst(client, 7, 1, tracker.FormActive)
		}},
	} {
		r := c.make()
		c.change(r)
		f := finding(t, judge(r), c.slug)
		if f == nil {
			t.Errorf("%s not reported; got %v", c.slug, slugs(judge(r)))
		} else if f.Evidence != c.want {
			t.Errorf("%s\n says %q\nwant  %q", c.slug, f.Evidence, c.want)
		}
	}
}

// TestConfidenceOfUnsureRecords holds how far a finding may be sure where the record itself is not.
func TestConfidenceOfUnsureRecords(t *testing.T) {
	held := func(r *record) { r.end(client).TimeWait = tracker.TimeWaitRecord{Held: true, Since: mark(6, .043)} }
	into := func(to tracker.State, e tracker.Event, c tracker.Certainty) func(r *record) {
		return func(r *record) {
			held(r)
			r.Transitions = append(r.Transitions, tracker.Transition{Role: client, To: to, Event: e, Certainty: c, Mark: mark(6, .043)})
		}
	}
	inexact := func(role tracker.Role, form tracker.ResetForm, fin tracker.Role) func(r *record) {
		return func(r *record) {
			if fin != role {
				r.fin(fin, 7, 1, true)
			}
			rst := r.rst(role, 8, 1.01, form)
			rst.Class, rst.PeerUnacked = tracker.ResetInWindow, 100
		}
	}
	for _, c := range []struct {
		name, slug string
		change     func(r *record)
		want       anomaly.Confidence
	}{
		{"proved", "time-wait", into(tracker.TimeWait, tracker.RcvFin, tracker.Observed), anomaly.High},
		{"assumed", "time-wait", into(tracker.TimeWait, tracker.RcvFin, tracker.Assumed), anomaly.Medium},
		{"FIN assumed to have arrived", "time-wait", into(tracker.Closing, tracker.RcvFin, tracker.Assumed), anomaly.Medium},
		{"exact", "rst-abort", func(r *record) { r.rst(client, 8, 1, tracker.FormActive).PeerUnacked = 9 }, anomaly.High},
		{"in the window", "rst-abort", inexact(client, tracker.FormActive, client), anomaly.Low},
		{"in the window", "rst-no-socket", inexact(server, tracker.FormReply, server), anomaly.Low},
		{"in the window", "rst-instead-of-fin-ack", inexact(server, tracker.FormActive, client), anomaly.Low},
	} {
		r := open()
		c.change(r)
		f := finding(t, judge(r), c.slug)
		if f == nil {
			t.Errorf("%s, %s: not reported; got %v", c.slug, c.name, slugs(judge(r)))
		} else if f.Confidence != c.want {
			t.Errorf("%s, %s: %s, want %s", c.slug, c.name, f.Confidence, c.want)
		}
	}
}
