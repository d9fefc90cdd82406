package tracker_test

import (
	"cmp"
	"flag"
	"fmt"
	"hash/maphash"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/internal/seq"
	"github.com/tcplife/tcplife/tracker"
	"github.com/tcplife/tcplife/tracker/internal/reference"
)

var (
	modelDepth  = flag.Int("model.depth", 0, "how many more faults of the wire the model check tries")
	modelReport = flag.String("model.report", "", "file for the model check's figures and examples")
	modelPlan   = flag.String("model.plan", "", "only the plans whose name contains this")
)

// sockets are the addresses of the two ends.
var sockets = [2]segment.Endpoint{
	{IP: segment.IPOf(netip.MustParseAddr("10.0.0.1")), Port: 40000},
	{IP: segment.IPOf(netip.MustParseAddr("10.0.0.2")), Port: 443},
}

// modelDirs are the directions in which the ends send.
var modelFlow, modelDirs = func() (segment.Flow, [2]segment.Direction) {
	f, d := segment.FlowOf(sockets[0], sockets[1])
	return f, [2]segment.Direction{d, d.Reverse()}
}()

var isns = [2]seq.Num{0xffff_ff80, 5000}

// captured is what capture would make of what passed the tap.
func captured(n uint64, t *reference.Tapped) segment.Segment {
	s := segment.Segment{
		Number: n, Time: 1_700_000_000_000_000_000 + t.At*1000, Flow: modelFlow, Dir: modelDirs[t.From], Checksum: segment.ChecksumGood,
		TTL: 64, Flags: t.Flags, Window: 65535, PayloadLen: uint32(t.Len), Captured: uint32(t.Len), IPLen: 40 + uint32(t.Len),
	}
	if !t.NoSeq {
		s.Seq = isns[t.From].Add(uint32(t.Seq))
	}
	if t.Flags.Has(segment.ACK) {
		s.Ack = isns[1-t.From].Add(uint32(t.Ack))
	}
	if t.TSVal != 0 {
		s.Options.Has |= segment.OptTimestamps
		s.Options.TSVal, s.Options.TSEcr = t.TSVal, t.TSEcr
	}
	if t.Twice[1] != 0 {
		s.Options.Has |= segment.OptSACK
		s.Options.SACKs = 1
		isn := isns[1-t.From]
		s.Options.SACK[0] = segment.Block{Left: isn.Add(uint32(t.Twice[0])), Right: isn.Add(uint32(t.Twice[1]))}
	}
	return s
}

// judge is what the tracker says of a run if the capture ends behind the first so many
// segments that were sent, and some time later.
func judge(w *reference.World, segments int, later time.Duration) []*tracker.Connection {
	tr := tracker.New(tracker.DefaultConfig())
	n, end := uint64(0), int64(0)
	for i := range w.Wire[:segments] {
		if !w.Wire[i].Unseen {
			n++
			s := captured(n, &w.Wire[i])
			tr.Advance(s.Time)
			tr.Observe(&s)
			end = s.Time
		}
	}
	tr.Advance(end + later.Nanoseconds())
	for !tr.Flush() {
	}
	return tracker.Collect(tr.Take())
}

// verdict is how far an output path agrees with the truth, best first.
type verdict uint8

const (
	exact         verdict = iota
	missed                // nothing false is said, but something is not said
	assumedWrong          // false only where it says that it assumes
	inferredWrong         // something inferred is false
	observedWrong         // something observed is false
)

func (v verdict) String() string {
	return [...]string{"exact", "missed", "assumed and wrong", "inferred and wrong", "observed and wrong"}[v]
}

// said is one transition of the tracker.
type said struct {
	from, to  string
	certainty tracker.Certainty
}

// compare grades an output path and marks its transitions that are wrong.
func compare(truth []reference.Step, out []said) (v verdict, wrong []bool) {
	wrong = make([]bool, len(out))
	joined := 0
	if len(out) > 0 && out[0].from == "UNKNOWN" { // says that it does not know what went before
		for i, s := range truth {
			if s.To.String() == out[0].to {
				truth, joined = truth[i+1:], 1
				break
			}
		}
	}
	rest := out[joined:]
	same := func(i, j int) bool {
		return truth[i].From.String() == rest[j].from && truth[i].To.String() == rest[j].to
	}
	// A longest common subsequence: in their place are those that can be matched in order.
	table := make([][]int, len(truth)+1)
	for i := range table {
		table[i] = make([]int, len(rest)+1)
	}
	for i := len(truth) - 1; i >= 0; i-- {
		for j := len(rest) - 1; j >= 0; j-- {
			if table[i][j] = max(table[i+1][j], table[i][j+1]); same(i, j) {
				table[i][j] = table[i+1][j+1] + 1
			}
		}
	}
	if table[0][0] < len(truth) {
		v = missed
	}
	i, j := 0, 0
	for j < len(rest) {
		switch {
		case i < len(truth) && same(i, j):
			i, j = i+1, j+1
		case i < len(truth) && table[i+1][j] >= table[i][j+1]:
			i++
		default:
			wrong[joined+j] = true
			v = max(v, assumedWrong+verdict(tracker.Assumed-rest[j].certainty))
			j++
		}
	}
	return v, wrong
}

// figures are what a plan comes to.
type figures struct {
	runs, distinct int
	paths          [observedWrong + 1]int
	claims, false  [tracker.Assumed + 1]int // transitions by certainty
	split          int                      // runs with more or less than one record
	// the same of captures cut short
	cutClaims, cutFalse [tracker.Assumed + 1]int
	shapes              map[string]*shape
}

// shape is a way to be wrong.
type shape struct {
	verdict verdict
	n       int
	plans   map[string]int
	example string
	length  int
}

func (f *figures) add(o *figures) {
	f.runs += o.runs
	f.distinct += o.distinct
	f.split += o.split
	for i, n := range o.paths {
		f.paths[i] += n
	}
	for i := range o.claims {
		f.claims[i] += o.claims[i]
		f.false[i] += o.false[i]
		f.cutClaims[i] += o.cutClaims[i]
		f.cutFalse[i] += o.cutFalse[i]
	}
	if f.shapes == nil {
		f.shapes = map[string]*shape{}
	}
	for key, s := range o.shapes {
		if have := f.shapes[key]; have == nil {
			f.shapes[key] = s
		} else {
			have.n += s.n
			for name, n := range s.plans {
				have.plans[name] += n
			}
			if s.length < have.length {
				have.example, have.length = s.example, s.length
			}
		}
	}
}

// check holds the tracker's records of a run against the truth.
func (f *figures) check(w *reference.World) {
	seen := 0
	for i := range w.Wire {
		if !w.Wire[i].Unseen {
			seen++
		}
	}
	if seen == 0 {
		return
	}
	f.distinct++
	records := judge(w, len(w.Wire), 5*time.Second)
	if f.distinct%cutEvery == 0 {
		f.checkCuts(w)
	}
	if len(records) != 1 {
		f.split++
		f.note(fmt.Sprintf("%d records", len(records)), observedWrong, w, "")
		return
	}
	c := records[0]
	for end := range w.Ends {
		out := path(c, end)
		for _, s := range out {
			f.claims[s.certainty]++
		}
		truth := w.Ends[end].Path
		v, wrong := compare(truth, out)
		f.paths[v]++
		for i, bad := range wrong {
			if bad {
				f.false[out[i].certainty]++
			}
		}
		if v != exact {
			f.note(parting(truth, out), v, w, describe(truth, out, wrong))
		}
	}
}

// path is what a record says of an end.
func path(c *tracker.Connection, end int) (out []said) {
	for _, tr := range c.Transitions {
		if c.End(tr.Role) == sockets[end] {
			out = append(out, said{tr.From.String(), tr.To.String(), tr.Certainty})
		}
	}
	return out
}

// cutEvery is how many runs pass between two whose capture is cut behind every segment.
const cutEvery = 16

// checkCuts holds what the tracker says, had the capture ended sooner, against what had happened by then.
func (f *figures) checkCuts(w *reference.World) {
	for n := 1; n < len(w.Wire); n++ {
		if w.Wire[n-1].Unseen {
			continue
		}
		for _, c := range judge(w, n, 0) {
			for end := range w.Ends {
				truth := w.Ends[end].Path
				for len(truth) > 0 && truth[len(truth)-1].At > w.Wire[n-1].At {
					truth = truth[:len(truth)-1]
				}
				out := path(c, end)
				v, wrong := compare(truth, out)
				for i, s := range out {
					f.cutClaims[s.certainty]++
					if wrong[i] {
						f.cutFalse[s.certainty]++
					}
				}
				if v > assumedWrong {
					f.note("cut short, "+parting(truth, out), v, w, describe(truth, out, wrong))
				}
			}
		}
	}
}

// parting says where an output path first parts from the truth: that is where a rule erred.
func parting(truth []reference.Step, out []said) string {
	for i := 0; ; i++ {
		from, is, told := "the beginning", "nothing more", "nothing more"
		if i < len(truth) {
			from, is = truth[i].From.String(), truth[i].To.String()
		}
		if i < len(out) {
			from, told = out[i].from, out[i].to
		}
		if i < len(truth) && i < len(out) && truth[i].From.String() == from && is == told {
			continue
		}
		if i < len(out) {
			told += " (" + out[i].certainty.String() + ")"
		}
		return fmt.Sprintf("%s: truth %s, output %s", from, is, told)
	}
}

func describe(truth []reference.Step, out []said, wrong []bool) string {
	var b strings.Builder
	b.WriteString("truth ")
	for i, s := range truth {
		if i == 0 {
			b.WriteString(s.From.String())
		}
		b.WriteString(" " + s.To.String())
	}
	b.WriteString("\noutput")
	for i, s := range out {
		if i == 0 {
			b.WriteString(" " + s.from)
		}
		fmt.Fprintf(&b, " %s(%c", s.to, s.certainty.String()[0])
		if wrong[i] {
			b.WriteString(" WRONG")
		}
		b.WriteByte(')')
	}
	return b.String()
}

// note counts a path by where it parts from the truth, and by the worst that is wrong in it.
func (f *figures) note(key string, v verdict, w *reference.World, paths string) {
	if f.shapes == nil {
		f.shapes = map[string]*shape{}
	}
	key = fmt.Sprintf("%v: %s", v, key)
	s := f.shapes[key]
	if s == nil {
		s = &shape{verdict: v, length: 1 << 30, plans: map[string]int{}}
		f.shapes[key] = s
	}
	s.n++
	s.plans[w.Plan().Name]++
	if len(w.Wire) < s.length {
		s.example, s.length = paths+"\n\n"+w.Text(), len(w.Wire)
	}
}

var modelSeed = maphash.MakeSeed()

// fingerprint is what a run is to the tracker and to its judge: equal ones need no second look.
func fingerprint(w *reference.World) uint64 {
	var h maphash.Hash
	h.SetSeed(modelSeed)
	for i := range w.Wire {
		if t := &w.Wire[i]; !t.Unseen {
			maphash.WriteComparable(&h, t.At)
			maphash.WriteComparable(&h, t.From)
			maphash.WriteComparable(&h, t.Segment)
		}
	}
	for i := range w.Ends {
		for _, s := range w.Ends[i].Path {
			maphash.WriteComparable(&h, [2]reference.State{s.From, s.To})
		}
		h.WriteByte(0xff)
	}
	return h.Sum64()
}

// explore plays all runs that begin with the moments chosen in pick.
func explore(p *reference.Plan, pick *reference.Choices) *figures {
	var w reference.World
	f := &figures{}
	met := map[uint64]struct{}{}
	for more := true; more; more = pick.Next() {
		pick.Rewind()
		w.Begin(p, pick)
		w.Run()
		f.runs++
		key := fingerprint(&w)
		if _, again := met[key]; again {
			continue
		}
		met[key] = struct{}{}
		f.check(&w)
	}
	return f
}

// checkPlan plays all runs of a plan, on both cores.
func checkPlan(p reference.Plan) *figures {
	p.Faults += *modelDepth
	jobs := make(chan *reference.Choices, 64)
	go func() {
		defer close(jobs)
		var w reference.World
		pick := &reference.Choices{}
		for more := true; more; more = pick.Next() {
			pick.Rewind()
			w.Begin(&p, pick)
			jobs <- pick.Fixed()
		}
	}()
	var total figures
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for pick := range jobs {
				f := explore(&p, pick)
				mu.Lock()
				total.add(f)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return &total
}

func (f *figures) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d runs, %d distinct, %d not one record; paths:", f.runs, f.distinct, f.split)
	for v, n := range f.paths {
		fmt.Fprintf(&b, " %d %v;", n, verdict(v))
	}
	b.WriteString(" transitions wrong:")
	for c := range f.claims {
		fmt.Fprintf(&b, " %d of %d %v;", f.false[c], f.claims[c], tracker.Certainty(c))
	}
	b.WriteString(" when cut:")
	for c := range f.claims {
		fmt.Fprintf(&b, " %d of %d %v;", f.cutFalse[c], f.cutClaims[c], tracker.Certainty(c))
	}
	return b.String()
}

// worst lists the ways to be wrong, worst verdict first, then the most frequent.
func (f *figures) worst() string {
	keys := slices.SortedFunc(maps.Keys(f.shapes), func(a, b string) int {
		x, y := f.shapes[a], f.shapes[b]
		return cmp.Or(cmp.Compare(y.verdict, x.verdict), cmp.Compare(y.n, x.n), cmp.Compare(a, b))
	})
	var b strings.Builder
	for _, k := range keys {
		s := f.shapes[k]
		fmt.Fprintf(&b, "\n### %s: %d paths\n", k, s.n)
		byStack := map[string]int{}
		for name, n := range s.plans {
			plan, rest, _ := strings.Cut(name, " (")
			stack, _, _ := strings.Cut(rest, ",")
			byStack[stack] += n
			byStack[plan] += n
		}
		for _, name := range slices.SortedFunc(maps.Keys(byStack), func(a, b string) int {
			return cmp.Or(cmp.Compare(byStack[b], byStack[a]), cmp.Compare(a, b))
		}) {
			fmt.Fprintf(&b, "%s %d, ", name, byStack[name])
		}
		fmt.Fprintf(&b, "\n```\n%s```\n", s.example)
	}
	return b.String()
}

// goal is what the grades promise: nothing observed is wrong, of what is inferred one in a thousand.
const goalInferred = 1000

// TestModel holds the tracker against two reference endpoints, whose true states are known.
func TestModel(t *testing.T) {
	var all figures
	for _, p := range reference.Plans() {
		for _, stack := range slices.Sorted(maps.Keys(reference.Stacks)) {
			var f figures
			for _, tap := range slices.Sorted(maps.Keys(reference.Taps)) {
				x := p
				x.Stacks = [2]reference.Stack{reference.Stacks[stack], reference.Stacks[stack]}
				x.Way = reference.Taps[tap]
				x.Name = fmt.Sprintf("%s (%s, tap at %s)", p.Name, stack, tap)
				if strings.Contains(x.Name, *modelPlan) {
					f.add(checkPlan(x))
				}
			}
			key := p.Name + "/" + stack
			t.Logf("%s: %v", key, &f)
			f.hold(t, key)
			all.add(&f)
		}
	}
	t.Logf("all: %v", &all)
	if *modelReport != "" {
		if err := os.WriteFile(*modelReport, []byte(all.String()+"\n"+all.worst()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// hold fails where more is wrong than the goal allows, or than was when it was last missed.
func (f *figures) hold(t *testing.T, key string) {
	t.Helper()
	observed, inferred := f.false[tracker.Observed], f.false[tracker.Inferred]
	most, missed := misses[key]
	if !missed {
		most = [2]int{0, f.claims[tracker.Inferred] / goalInferred}
	}
	if *modelDepth == 0 && (observed > most[0] || inferred > most[1]) {
		t.Errorf("%s: %d transitions called observed and %d called inferred are wrong, want at most %d and %d", key, observed, inferred, most[0], most[1])
	}
	if cut := f.cutFalse[tracker.Observed]; cut > most[0] {
		t.Errorf("%s: %d transitions called observed are wrong in captures cut short, want at most %d", key, cut, most[0])
	}
	if f.split > 0 {
		t.Errorf("%s: %d runs gave more or less than one record", key, f.split)
	}
}

// misses are the systems that miss the goal: how many transitions called observed, and inferred, are wrong there.
// Lower them with each rule that is learned; the report's examples show which is next.
var misses = map[string][2]int{
	"close/common":             {0, 90},
	"close/large":              {0, 84},
	"close/letter":             {0, 96},
	"close/plain":              {0, 96},
	"half-close/large":         {0, 62},
	"open/common":              {0, 156},
	"open/large":               {0, 156},
	"open/letter":              {136, 5230},
	"open/plain":               {0, 144},
	"open, data/letter":        {0, 144},
	"simultaneous open/common": {0, 4941},
	"simultaneous open/large":  {0, 4941},
	"simultaneous open/letter": {81, 6492},
	"simultaneous open/plain":  {0, 4941},
	"abort/letter":             {0, 146},
	"abort/plain":              {0, 146},
	"server aborts/common":     {0, 112},
	"server aborts/letter":     {0, 198},
	"server aborts/plain":      {0, 198},
	"both abort/letter":        {0, 143},
	"both abort/plain":         {0, 143},
	"close, then abort/letter": {1113, 2356},
}
