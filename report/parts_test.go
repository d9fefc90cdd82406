package report

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"
	"unsafe"

	"github.com/tcplife/tcplife/tracker"
)

// many is the incident among more servers and holders of TIME_WAIT than are told apart, with
// equal times, ties in every order, and both ends in TIME_WAIT.
func many() ([]*Record, *Trace) {
	rs, tr := incident()
	packet := uint64(10_000_000)
	for i := range 2 * maxGroups {
		begin := time.Duration(i/5) * time.Millisecond
		rs = append(rs, unanswered(fmt.Sprintf("10.0.%d.66:3333", i%40), fmt.Sprintf("10.9.%d.%d:%d", i>>8&255, i&255, 1+i>>16), packet, begin))
		packet += 10
	}
	for i := range 3 * maxHolders {
		begin := time.Duration(i/3) * time.Millisecond
		r := opened(fmt.Sprintf("10.1.%d.%d:4000", i>>8, i&255), "10.0.1.5:8080", packet, begin).moved(100, 100).closedOrderly(packet+3, begin+time.Second)
		if i%7 == 0 {
			r.Endpoints[tracker.Server].TimeWait = r.Endpoints[tracker.Client].TimeWait
		}
		if i%3 == 0 {
			r.Endpoints[tracker.Client].State = tracker.CloseWait
		}
		rs = append(rs, r)
		packet += 10
	}
	random := rand.New(rand.NewPCG(1, 2))
	random.Shuffle(len(rs), func(i, j int) { rs[i], rs[j] = rs[j], rs[i] })
	return rs, tr
}

// lent is a copy of r that is gone after the call.
func lent(r *Record, use func(r *Record)) {
	c := r.Clone()
	evidence := make([][]byte, len(c.Findings))
	for i := range c.Findings {
		evidence[i] = []byte(c.Findings[i].Evidence)
		c.Findings[i].Evidence = unsafe.String(unsafe.SliceData(evidence[i]), len(evidence[i]))
	}
	use(&c)
	for i := range c.Findings {
		clear(evidence[i])
		clear(c.Findings[i].Packets)
	}
	clear(c.Findings)
	clear(c.Transitions)
	clear(c.Facts)
	*c.Connection = tracker.Connection{}
}

// TestPartsMakeOneReport holds that no report depends on how the records were shared among the
// parts, nor on how much is handed to Write at a time, and that parts keep nothing they were lent.
func TestPartsMakeOneReport(t *testing.T) {
	rs, tr := many()
	names := func(uint32) string { return "a.pcap" }
	formats := map[string]func(w io.Writer) Writer{
		"JSON":     func(w io.Writer) Writer { return NewJSON(w, Names{File: names}) },
		"CSV":      func(w io.Writer) Writer { return NewCSV(w, Names{File: names}) },
		"markdown": func(w io.Writer) Writer { return NewTable(w, TableOptions{Markdown: true}) },
		"all":      func(w io.Writer) Writer { return NewTable(w, TableOptions{All: true}) },
	}
	for _, key := range Sorts() {
		formats["table by "+key] = func(w io.Writer) Writer { return NewTable(w, TableOptions{Sort: key, Limit: 50}) }
	}
	random := rand.New(rand.NewPCG(3, 4))
	shares := map[string]func(i, parts int) int{
		"in turn":   func(i, parts int) int { return i % parts },
		"in blocks": func(i, parts int) int { return i * parts / len(rs) },
		"random":    func(_, parts int) int { return random.IntN(parts) },
		"unequal":   func(_, parts int) int { return random.IntN(1 + random.IntN(parts)) },
	}
	for format, begin := range formats {
		var want bytes.Buffer
		write(t, begin(&want), rs, tr)
		for _, parts := range []int{1, 2, 3, 8} {
			for how, share := range shares {
				var got bytes.Buffer
				w := begin(&got)
				var ps []Part
				for range parts {
					ps = append(ps, w.Part())
				}
				var buf []byte
				for i, r := range rs {
					lent(r, func(r *Record) { buf = ps[share(i, parts)].Connection(buf, r) })
					if random.IntN(50) == 0 {
						if _, err := w.Write(buf); err != nil {
							t.Fatal(err)
						}
						clear(buf)
						buf = buf[:0]
					}
				}
				if _, err := w.Write(buf); err != nil {
					t.Fatal(err)
				}
				if err := w.Close(tr); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got.Bytes(), want.Bytes()) {
					t.Fatalf("%s, %d parts, %s: another report:\n%s\nwant\n%s", format, parts, how, tail(got.Bytes()), tail(want.Bytes()))
				}
			}
		}
	}
}

// tail is the end of a long text.
func tail(b []byte) []byte { return b[max(0, len(b)-4000):] }

// TestPartsAtOnce runs the parts on goroutines of their own, for the race detector.
func TestPartsAtOnce(t *testing.T) {
	const parts = 3
	rs, tr := incident()
	for name, format := range formats {
		var want, got bytes.Buffer
		write(t, format(&want), rs, tr)
		w := format(&got)
		var appended [parts]chan []byte
		var ps [parts]Part
		for i := range ps {
			ps[i], appended[i] = w.Part(), make(chan []byte, 2)
		}
		for i := range ps {
			go func() {
				for j := i; j < len(rs); j += parts {
					appended[i] <- ps[i].Connection(nil, rs[j])
				}
			}()
		}
		for j := range rs {
			if _, err := w.Write(<-appended[j%parts]); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(tr); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Errorf("%s: another report", name)
		}
	}
}
