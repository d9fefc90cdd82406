package anomaly

import (
	"slices"
	"time"
	"unsafe"

	"github.com/tcplife/tcplife/tracker"
)

// room is where the findings of one connection live until the next one is judged:
// packets, evidence and what judges return on the way. It grows to what the
// busiest connection needed and is used again.
type room struct {
	judged  [2]Finding // of one judge; more make a slice of their own
	found   []Finding  // of the connection
	numbers []uint64
	picked  []*tracker.Fact
	text    phrase
}

func (r *room) clear() {
	r.found, r.numbers, r.picked, r.text.b = r.found[:0], r.numbers[:0], r.picked[:0], r.text.b[:0]
}

// one and none are what a judge returns, or appends to. They are valid until the next judge is asked.
func (r *room) one(f Finding) []Finding {
	r.judged[0] = f
	return r.judged[:1]
}

func (r *room) none() []Finding { return r.judged[:0] }

// packets lists the numbers of the marks seen, in order and once each.
func (r *room) packets(marks []tracker.Mark) []uint64 {
	start := len(r.numbers)
	for _, m := range marks {
		if m.Seen() {
			r.numbers = append(r.numbers, m.Packet)
		}
	}
	out := r.numbers[start:]
	if len(out) > 1 {
		slices.Sort(out)
		out = slices.Compact(out)
		r.numbers = r.numbers[:start+len(out)]
	}
	return slices.Clip(out)
}

// phrase is an evidence in the making, behind those made before it.
type phrase struct {
	b    []byte
	from int
}

// phrase begins the next evidence.
func (r *room) phrase() *phrase {
	r.text.from = len(r.text.b)
	return &r.text
}

// evidence ends the phrase. The string shares the bytes of the room instead of
// copying them: whoever keeps a finding beyond its connection clones it.
func (t *phrase) evidence() string {
	b := t.b[t.from:]
	return unsafe.String(unsafe.SliceData(b), len(b))
}

func (t *phrase) str(s string) *phrase                { t.b = append(t.b, s...); return t }
func (t *phrase) ref(m tracker.Mark) *phrase          { t.b = appendRef(t.b, m); return t }
func (t *phrase) span(d time.Duration) *phrase        { t.b = appendSpan(t.b, d); return t }
func (t *phrase) count(n uint64, noun string) *phrase { t.b = appendCount(t.b, n, noun); return t }

// timed adds the time from a to b between two words, nothing when there is none to tell, or they
// have one time stamp.
func (t *phrase) timed(before string, a, b tracker.Mark, behind string) *phrase {
	if d, ok := elapsed(a, b); ok && d != 0 {
		t.str(before).span(d).str(behind)
	}
	return t
}
