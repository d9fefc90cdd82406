package tracker

import (
	"math/rand/v2"
	"testing"

	"github.com/tcplife/tcplife/internal/script"
	"github.com/tcplife/tcplife/internal/segment"
)

// TestFlowTableIsAMap: against a map as the model, with hashes that meet in few slots, at the end of the table too, so
// that chains wrap around and removals close gaps in the middle of them.
func TestFlowTableIsAMap(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 2))
		homes := []uint32{0, 1, 62, 63, 0xffffffff, 0xfffffffe, 0x80000000, 63 | 1<<20, r.Uint32()}[:1+r.IntN(9)]
		table, model := newFlowTable(), map[ref]uint32{}
		var refs []ref
		most := 20 + r.IntN(300)
		for next := uint32(0); next < 4000; {
			switch n := r.IntN(10); {
			case n < 5 && len(refs) < most:
				next++
				x, hash := refTo(form(1+r.IntN(4)), next), homes[r.IntN(len(homes))]
				table.add(hash, x)
				model[x] = hash
				refs = append(refs, x)
			case len(refs) == 0:
			case n < 9:
				i := r.IntN(len(refs))
				x := refs[i]
				refs[i] = refs[len(refs)-1]
				refs = refs[:len(refs)-1]
				table.remove(model[x], x)
				table.remove(model[x], x) // again changes nothing
				delete(model, x)
			default:
				next++
				i := r.IntN(len(refs))
				x := refTo(full, next)
				table.replace(model[refs[i]], refs[i], x)
				model[x] = model[refs[i]]
				delete(model, refs[i])
				refs[i] = x
			}
			if next%16 != 0 {
				continue
			}
			used := 0
			for _, s := range table.slots {
				if s.ref != 0 {
					used++
					if model[s.ref] != s.hash {
						t.Fatalf("seed %d: %v has hash %x, want %x", seed, s.ref, s.hash, model[s.ref])
					}
				}
			}
			if used != len(model) || table.used != used || used > len(table.slots)/8*7 {
				t.Fatalf("seed %d: %d entries, %d counted, %d slots, want %d", seed, used, table.used, len(table.slots), len(model))
			}
			for x, hash := range model {
				if !table.holds(hash, x) || table.likely(hash) == 0 {
					t.Fatalf("seed %d: %v is not found", seed, x)
				}
			}
		}
	}
}

// TestHistoryIsAMap: against a map as the model, with hashes that meet in few places.
func TestHistoryIsAMap(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 2))
	var h history
	model := map[uint64]int{}
	hashOf := func() uint64 {
		return uint64(r.IntN(3))<<63 | uint64(r.IntN(8)*0x1fffff)<<32 | uint64(r.IntN(500))<<1 | 1
	}
	for range 50_000 {
		hash, n := hashOf(), 1+r.IntN(70_000)
		h.left(hash, n)
		model[hash] = max(model[hash], min(n, 1<<16-1))
		if other := hashOf(); h.before(other) != model[other] {
			t.Fatalf("%x left %d times, want %d", other, h.before(other), model[other])
		}
	}
	for i, hash := range h.order { // and each is forgotten alone
		h.forget(hash)
		delete(model, hash)
		if i%64 == 0 {
			for other, n := range model {
				if h.before(other) != n {
					t.Fatalf("after %d were forgotten: %x left %d times, want %d", i+1, other, h.before(other), n)
				}
			}
		}
	}
	for i := range h.hashes {
		if h.hashes[i] != 0 || h.counts[i] != 0 {
			t.Fatalf("place %d is not free", i)
		}
	}
}

// TestHistoryForgetsTheOldest: beyond its size.
func TestHistoryForgetsTheOldest(t *testing.T) {
	var h history
	const over = 1000
	hashOf := func(i int) uint64 { return uint64(i)*0x9e3779b97f4a7c15 | 1 }
	for i := range maxHistory + over {
		h.left(hashOf(i), 1+i%9)
	}
	for i := range maxHistory + over {
		want := 1 + i%9
		if i < over {
			want = 0
		}
		if got := h.before(hashOf(i)); got != want {
			t.Fatalf("number %d left %d times, want %d", i, got, want)
		}
	}
}

// once is a segment that is told from others by its identification.
func once(id uint16, at int64) *segment.Segment {
	return &segment.Segment{HasIPID: true, IPID: id, Time: at, Flags: segment.ACK}
}

const ownFlow, otherFlow = 1, 2

func (j *journal) remember(s *segment.Segment, flow uint64) {
	j.add(s, fingerprintOf(s, flow), wayOf(s))
}

func (j *journal) knows(s *segment.Segment) bool { return j.find(s, fingerprintOf(s, ownFlow)) != nil }

// TestJournalKnowsCopies: within the time in which copies come, however many segments of others pass in between, and
// whatever the numbers of entries and the clock of microseconds do in the meantime.
func TestJournalKnowsCopies(t *testing.T) {
	const between = 30_000
	for _, c := range []struct {
		what  string
		next  uint32
		start int64
	}{
		{"from the start", 1, 1_700_000_000_000_000_000},
		{"numbers wrap", 1<<32 - between/2, 1_700_000_000_000_000_000},
		{"the clock of microseconds wraps", 1, 1<<32*1000*7 - 2_000_000},
		{"before 1970", 1, -2_000_000},
	} {
		j := newJournals().far
		first := once(7, c.start)
		j.remember(first, ownFlow)
		if c.next != 1 { // as after so many segments
			j = journal{kept: otherWayWithin, entries: make([]entry, 4096), index: make([]uint32, 8192), next: c.next, newest: microseconds(c.start)}
			j.remember(first, ownFlow)
		}
		for i := range int64(between) {
			j.remember(once(uint16(i), c.start+i*15_000), otherFlow)
		}
		again := func(id uint16, after int64, ttl uint8) *segment.Segment {
			s := once(id, c.start+after)
			s.TTL = ttl
			return s
		}
		if !j.knows(again(7, 4_000_000, 0)) || !j.knows(again(7, 450_000_000, 1)) {
			t.Errorf("%s: the copy is not known", c.what)
		}
		if j.knows(again(8, 4_000_000, 0)) || j.knows(again(7, 6_000_000, 0)) || j.knows(again(7, 501_000_000, 1)) {
			t.Errorf("%s: another segment is known", c.what)
		}
	}
}

// TestJournalAfterAClockWentBack: copies are known as before, and what was captured before the clock went back is not kept
// until it has caught up.
func TestJournalAfterAClockWentBack(t *testing.T) {
	for _, apart := range []int64{10_000_000, 1_000_000} { // of the segments before
		j := newJournals().far
		at := int64(1_700_000_000_000_000_000)
		for i := range int64(1000) {
			j.remember(once(uint16(i), at+i*apart), otherFlow)
		}
		at -= 100_000_000_000
		j.disordered = true
		j.remember(once(7, at), ownFlow)
		for i := range int64(1_000_000) {
			if i == 300 && !j.knows(once(7, at+i*10_000)) {
				t.Errorf("%d ns apart: the copy is not known", apart)
			}
			j.remember(once(uint16(i), at+i*10_000), otherFlow)
		}
		if n := len(j.entries); n > 1<<17 {
			t.Errorf("%d ns apart: %d entries are kept, want those of 500 ms, which are 50,000", apart, n)
		}
	}
}

// TestVoidDeadlinesAreDropped: a connection that closed and whose last segments come again and again, all at one moment, takes no
// more memory each time.
func TestVoidDeadlinesAreDropped(t *testing.T) {
	c, err := script.Parse("closed", `Closed, and acknowledged for ever.
0     > S  0:0(0)
+.020 < S. 0:0(0) ack 1
+.001 > .  1:1(0) ack 1
+1    > F. 1:1(0) ack 1
+.020 < F. 1:1(0) ack 2
+.001 > .  2:2(0) ack 2
`)
	if err != nil {
		t.Fatal(err)
	}
	segments := c.Segments()
	tr := New(DefaultConfig())
	for i := range segments {
		tr.Observe(&segments[i])
	}
	again := segments[len(segments)-1]
	for i := range 10_000 {
		again.Number++
		again.IPID = uint16(i)
		tr.Observe(&again)
	}
	if n := len(tr.queue); n > 1000 {
		t.Errorf("%d deadlines for one connection", n)
	}
}
