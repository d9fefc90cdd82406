package reassembly

import (
	"math/rand/v2"
	"testing"
	"unsafe"
)

const plenty = 1 << 20 // a limit no test reaches by accident

// model is the set of octets, written the slow and obvious way.
type model struct {
	begin, max, acked int64
	seen              map[int64]bool
}

func newModel(begin int64) *model {
	return &model{begin: begin, max: begin, acked: begin, seen: map[int64]bool{}}
}

func (m *model) add(r Range) Added {
	var added Added
	if r.End <= r.Start {
		return added
	}
	for p := r.Start; p < r.End; p++ {
		if m.seen[p] {
			added.Old++
			continue
		}
		m.seen[p] = true
		added.New++
		added.Late = added.Late || p < m.max
	}
	added.Hole = max(0, r.Start-m.max)
	m.max = max(m.max, r.End)
	return added
}

func (m *model) ack(pos int64) int64 {
	before := m.missing()
	m.acked, m.max = max(m.acked, pos), max(m.max, pos)
	return m.missing() - before
}

func (m *model) missing() (n int64) {
	for p := m.begin; p < m.acked; p++ {
		if !m.seen[p] {
			n++
		}
	}
	return n
}

func (m *model) next() int64 {
	p := m.acked
	for m.seen[p] {
		p++
	}
	return p
}

// check compares everything an Assembler tells with the model.
func check(t *testing.T, a *Assembler, m *model, step string) {
	t.Helper()
	for _, c := range []struct {
		name      string
		got, want int64
	}{
		{"Next", a.Next(), m.next()},
		{"Max", a.Max(), m.max},
		{"Missing", a.Missing(), m.missing()},
		{"Seen", a.Seen(), int64(len(m.seen))},
	} {
		if c.got != c.want {
			t.Fatalf("after %s: %s = %d, want %d", step, c.name, c.got, c.want)
		}
	}
	for _, end := range []int64{m.next() - 1, m.next(), m.next() + 1} {
		if got := a.Contiguous(end); got != (end <= m.next()) {
			t.Fatalf("after %s: Contiguous(%d) = %v with the first unseen octet at %d", step, end, got, m.next())
		}
	}
}

func TestAdd(t *testing.T) {
	type step struct {
		ack  int64 // an acknowledgement instead of a range
		r    Range
		want Added
		lost int64 // what Ack returns
	}
	for _, test := range []struct {
		name    string
		steps   []step
		missing int64
	}{
		{"in order", []step{
			{r: Range{0, 10}, want: Added{New: 10}},
			{r: Range{10, 30}, want: Added{New: 20}},
		}, 0},
		{"an empty range is nothing, wherever it stands", []step{
			{r: Range{0, 0}},
			{r: Range{50, 50}},
			{r: Range{0, 10}, want: Added{New: 10}},
		}, 0},
		{"a retransmission", []step{
			{r: Range{0, 10}, want: Added{New: 10}},
			{r: Range{0, 10}, want: Added{Old: 10}},
		}, 0},
		{"a retransmission that carries more", []step{
			{r: Range{0, 10}, want: Added{New: 10}},
			{r: Range{5, 15}, want: Added{New: 5, Old: 5}},
		}, 0},
		{"two segments exchanged", []step{
			{r: Range{10, 20}, want: Added{New: 10, Hole: 10}},
			{r: Range{0, 10}, want: Added{New: 10, Late: true}},
			{r: Range{20, 30}, want: Added{New: 10}},
		}, 0},
		{"one segment over two holes and what lies between", []step{
			{r: Range{5, 10}, want: Added{New: 5, Hole: 5}},
			{r: Range{15, 20}, want: Added{New: 5, Hole: 5}},
			{r: Range{0, 25}, want: Added{New: 15, Old: 10, Late: true}},
		}, 0},
		{"a hole that is acknowledged is missing", []step{
			{r: Range{10, 20}, want: Added{New: 10, Hole: 10}},
			{ack: 20, lost: 10},
			{ack: 20, lost: 0},
		}, 10},
		{"and is taken back when it is seen after its acknowledgement", []step{
			{r: Range{10, 20}, want: Added{New: 10, Hole: 10}},
			{ack: 20, lost: 10},
			{r: Range{0, 4}, want: Added{New: 4, Late: true}},
		}, 6},
		{"only what is acknowledged of a hole is missing", []step{
			{r: Range{10, 20}, want: Added{New: 10, Hole: 10}},
			{ack: 4, lost: 4},
			{ack: 8, lost: 4},
		}, 8},
		{"acknowledged and never captured at all", []step{
			{ack: 100, lost: 100},
			{r: Range{100, 110}, want: Added{New: 10}},
			{ack: 200, lost: 90},
		}, 190},
		{"octets before the first one are new, and what lies between is not missing", []step{
			{r: Range{0, 10}, want: Added{New: 10}},
			{r: Range{-10, -5}, want: Added{New: 5, Late: true}},
			{ack: 10, lost: 0},
			{r: Range{-10, -5}, want: Added{Old: 5}},
			{r: Range{-7, 5}, want: Added{New: 5, Old: 7, Late: true}},
		}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			var a Assembler
			a.Begin(0)
			for i, s := range test.steps {
				if s.ack != 0 {
					if got := a.Ack(s.ack); got != s.lost {
						t.Errorf("step %d: Ack(%d) = %d, want %d", i, s.ack, got, s.lost)
					}
				} else if got := a.Add(s.r, plenty); got != s.want {
					t.Errorf("step %d: Add(%v) = %+v, want %+v", i, s.r, got, s.want)
				}
			}
			if got := a.Missing(); got != test.missing {
				t.Errorf("Missing = %d, want %d", got, test.missing)
			}
		})
	}
}

// FuzzRanges walks an Assembler and the model through the same steps. A step is
// three bytes: what to do, where relative to the highest position, how long.
func FuzzRanges(f *testing.F) {
	f.Add(int64(0), []byte{0, 128, 10, 0, 138, 10, 1, 120, 0})
	f.Add(int64(1)<<32-5, []byte{0, 140, 4, 0, 120, 30, 1, 160, 0, 0, 0, 255})
	f.Add(int64(7), []byte{0, 200, 4, 0, 190, 4, 0, 100, 4, 1, 130, 0, 0, 60, 90})
	f.Fuzz(func(t *testing.T, begin int64, steps []byte) {
		begin %= 1 << 40
		walk(t, begin, steps[:min(len(steps), 300)])
	})
}

// walk stops short of settledKept holes acknowledged at once: what is forgotten
// of older ones is TestOldMissingHolesAreForgotten's.
func walk(t *testing.T, begin int64, steps []byte) {
	t.Helper()
	var a Assembler
	a.Begin(begin)
	m := newModel(begin)
	for ; len(steps) >= 3; steps = steps[3:] {
		at := m.max + int64(steps[1]) - 128
		if steps[0]%4 == 1 {
			if got, want := a.Ack(at), m.ack(at); got != want {
				t.Fatalf("Ack(%d) = %d, want %d", at, got, want)
			}
			check(t, &a, m, "Ack")
		} else {
			r := Range{at, at + int64(steps[2])}
			if got, want := a.Add(r, plenty), m.add(r); got != want {
				t.Fatalf("Add(%v) = %+v, want %+v", r, got, want)
			}
			check(t, &a, m, "Add")
		}
		if a.gaps != nil && a.gaps.settled() >= settledKept {
			return
		}
	}
}

func TestAgreesWithTheModel(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		steps := make([]byte, 3*random.IntN(40))
		for i := range steps {
			steps[i] = byte(random.Uint32())
		}
		walk(t, random.Int64N(1<<33), steps)
	}
}

// Duplicates and reordering must not change which octets were seen.
func TestOrderAndDuplicatesChangeNothing(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		begin := random.Int64N(1 << 40)
		var sent []Range
		for at := begin; len(sent) < 50; {
			r := Range{at, at + 1 + random.Int64N(1460)}
			sent = append(sent, r)
			at = r.End
		}
		end := sent[len(sent)-1].End
		arriving := append(append([]Range{}, sent...), sent[:random.IntN(len(sent))]...)
		random.Shuffle(len(arriving), func(i, j int) { arriving[i], arriving[j] = arriving[j], arriving[i] })
		var a Assembler
		a.Begin(begin)
		var fresh int64
		for _, r := range arriving {
			fresh += a.Add(r, plenty).New
		}
		if fresh != end-begin || a.Seen() != fresh || a.Next() != end || !a.Contiguous(end) {
			t.Fatalf("%d octets sent; %d new, Seen %d, Next %d", end-begin, fresh, a.Seen(), a.Next()-begin)
		}
		if a.gaps != nil {
			t.Fatal("every hole is filled, and their bookkeeping is still there")
		}
	}
}

func TestBeyondFourGigabytes(t *testing.T) {
	var a Assembler
	a.Begin(1)
	const chunk = 1 << 30
	for at := int64(1); at < 16*chunk; at += chunk {
		if got := a.Add(Range{at, at + chunk}, 4); got != (Added{New: chunk}) {
			t.Fatalf("at %d: %+v", at, got)
		}
	}
	if a.Seen() != 16*chunk {
		t.Errorf("Seen = %d, want %d", a.Seen(), int64(16*chunk))
	}
	if got := a.Add(Range{1, 11}, 4); got != (Added{Old: 10}) {
		t.Errorf("the first octets again: %+v", got)
	}
}

func TestLimitIsCounted(t *testing.T) {
	var a Assembler
	a.Begin(0)
	for i := range int64(10) { // holes [0,1) [2,3) … [18,19)
		a.Add(Range{2*i + 1, 2*i + 2}, 4)
	}
	if a.Dropped() != 6 {
		t.Errorf("Dropped = %d of 10 holes at a limit of 4, want 6", a.Dropped())
	}
	if a.Next() != 12 {
		t.Errorf("Next = %d, want 12: the lowest hole kept", a.Next())
	}
	if a.Seen() != 10 {
		t.Errorf("Seen = %d, want 10", a.Seen())
	}
	if got := a.Add(Range{0, 1}, 4); got.New != 0 {
		t.Errorf("an octet of a hole given up: %+v, want it passed", got)
	}
	if got := a.Ack(20); got != 4 {
		t.Errorf("Ack = %d, want the 4 octets whose holes are known", got)
	}
	a.Begin(0)
	a.Add(Range{5, 6}, 0)
	if a.Dropped() != 1 || a.Next() != 6 {
		t.Errorf("no holes allowed: Dropped %d, Next %d, want 1 and 6", a.Dropped(), a.Next())
	}
}

func TestOldMissingHolesAreForgotten(t *testing.T) {
	var a Assembler
	a.Begin(0)
	const lost = 1000
	for i := range int64(lost) {
		a.Add(Range{2*i + 1, 2*i + 2}, 4)
		a.Ack(2*i + 2)
	}
	if a.Missing() != lost || a.Seen() != lost || a.Dropped() != 0 {
		t.Errorf("Missing %d, Seen %d, Dropped %d, want %d, %d, 0", a.Missing(), a.Seen(), a.Dropped(), lost, lost)
	}
	if n := len(a.gaps.list); n > settledKept {
		t.Errorf("%d acknowledged holes kept, want at most %d", n, settledKept)
	}
}

func TestNothingBeforeBegin(t *testing.T) {
	var a Assembler
	if a.Started() || a.Ack(100) != 0 || a.Missing() != 0 {
		t.Error("an acknowledgement before the stream's beginning must count nothing")
	}
	a.Begin(5)
	if !a.Started() || a.Next() != 5 || a.Max() != 5 || a.Seen() != 0 {
		t.Errorf("after Begin(5): Next %d, Max %d, Seen %d", a.Next(), a.Max(), a.Seen())
	}
}

func TestSizeAndAllocations(t *testing.T) {
	if size := unsafe.Sizeof(Assembler{}); size > 32 {
		t.Errorf("an Assembler takes %d bytes; two of them stand in every live connection", size)
	}
	var a Assembler
	a.Begin(0)
	var at int64
	allocs := testing.AllocsPerRun(1000, func() {
		a.Add(Range{at, at + 1460}, 16)
		a.Add(Range{at, at + 1460}, 16) // and again
		at += 1460
		a.Ack(at)
	})
	if allocs != 0 {
		t.Errorf("%v allocations for a segment in order, its copy and its acknowledgement", allocs)
	}
}

func BenchmarkInOrder(b *testing.B) {
	b.ReportAllocs()
	var a Assembler
	a.Begin(0)
	var at int64
	for b.Loop() {
		a.Add(Range{at, at + 1460}, 16)
		at += 1460
		a.Ack(at)
	}
}

// TestStamp: a hole keeps its first stamp, however it is split, and Add tells that of the lowest hole it fills.
func TestStamp(t *testing.T) {
	var a Assembler
	a.Begin(0)
	a.Add(Range{100, 200}, plenty)
	a.Stamp(7)
	a.Stamp(8)
	a.Add(Range{300, 400}, plenty)
	a.Stamp(9)
	for _, c := range []struct {
		r    Range
		want int64
	}{{Range{40, 60}, 7}, {Range{50, 100}, 7}, {Range{0, 300}, 7}, {Range{0, 10}, 0}, {Range{400, 500}, 0}} {
		if got := a.Add(c.r, plenty); got.Since != c.want {
			t.Errorf("%v: since %d, want %d", c.r, got.Since, c.want)
		}
	}
	a.Add(Range{600, 700}, plenty)
	if got := a.Add(Range{500, 600}, plenty); got.Since != 0 {
		t.Errorf("a hole without a stamp: %d", got.Since)
	}
}
