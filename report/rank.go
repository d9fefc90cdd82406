package report

import (
	"cmp"
	"container/heap"
	"slices"

	"github.com/tcplife/tcplife/report/anomaly"
	"github.com/tcplife/tcplife/tracker"
)

// The keys a table can be sorted by. All but client and server put the largest,
// longest or worst first; time puts the earliest first.
const (
	SortWorst    = "worst"
	SortTime     = "time"
	SortDuration = "duration"
	SortBytes    = "bytes"
	SortPackets  = "packets"
	SortClose    = "close"
	SortClient   = "client"
	SortServer   = "server"
)

// Sorts returns the valid sort keys, the default first.
func Sorts() []string {
	return []string{SortWorst, SortTime, SortDuration, SortBytes, SortPackets, SortClose, SortClient, SortServer}
}

// order returns the comparison for a sort key: negative if a comes before b.
// Equal rows keep the order of time, so that each order is total.
func order(key string) func(a, b *Record) int {
	by := map[string]func(a, b *Record) int{
		SortWorst:    byWorst,
		SortTime:     func(_, _ *Record) int { return 0 },
		SortDuration: func(a, b *Record) int { return cmp.Compare(lasted(b.Connection), lasted(a.Connection)) },
		SortBytes:    func(a, b *Record) int { return cmp.Compare(carried(b), carried(a)) },
		SortPackets: func(a, b *Record) int {
			return cmp.Compare(b.Endpoints[0].Packets+b.Endpoints[1].Packets, a.Endpoints[0].Packets+a.Endpoints[1].Packets)
		},
		SortClose:  func(a, b *Record) int { return cmp.Compare(severityOf(a.Close), severityOf(b.Close)) },
		SortClient: func(a, b *Record) int { return a.Client().Compare(b.Client()) },
		SortServer: func(a, b *Record) int { return a.Server().Compare(b.Server()) },
	}[key]
	if by == nil {
		by = byWorst
	}
	return func(a, b *Record) int { return cmp.Or(by(a, b), byTime(a, b)) }
}

// Worse orders records as the table does by default: negative if a comes before b,
// never 0 for two records of one trace.
func Worse(a, b *Record) int { return cmp.Or(byWorst(a, b), byTime(a, b)) }

func byTime(a, b *Record) int {
	return cmp.Or(cmp.Compare(a.First.At, b.First.At), cmp.Compare(a.First.Packet, b.First.Packet),
		a.Flow.A.Compare(b.Flow.A), a.Flow.B.Compare(b.Flow.B), cmp.Compare(a.Incarnation, b.Incarnation))
}

func byWorst(a, b *Record) int {
	fa, fb := a.Worst(), b.Worst()
	if c := cmp.Compare(gravity(fa), gravity(fb)); c != 0 {
		return c
	}
	if fa != nil && fb != nil {
		if c := cmp.Compare(fa.Confidence, fb.Confidence); c != 0 {
			return c
		}
	}
	return cmp.Or(cmp.Compare(severityOf(a.Close), severityOf(b.Close)), cmp.Compare(carried(b), carried(a)))
}

func gravity(f *anomaly.Finding) anomaly.Severity {
	if f == nil {
		return anomaly.Quality
	}
	return f.Severity
}

// severityOf orders the ways to end, what hurts a user most first.
func severityOf(c tracker.Close) int { return severities[c] }

var severities = func() (place [numCloses]int) {
	for i, c := range []tracker.Close{
		tracker.CloseAborted, tracker.CloseTimedOut, tracker.CloseRefused, tracker.CloseNone,
		tracker.CloseReplaced, tracker.CloseHalfClosed, tracker.CloseOrderlyUnacked,
		tracker.CloseOpenAtEnd, tracker.CloseOrderly,
	} {
		place[c] = i
	}
	return place
}()

// carried is the payload of both directions.
func carried(r *Record) uint64 {
	return r.Endpoints[tracker.Client].PayloadBytes + r.Endpoints[tracker.Server].PayloadBytes
}

// best keeps the first limit records of an order, in memory for as many.
type best struct {
	limit int // 0 = all
	less  func(a, b *Record) int
	kept  []Record // a heap, the last of the kept at its root, once limit is reached
}

func (t *best) Len() int           { return len(t.kept) }
func (t *best) Less(i, j int) bool { return t.less(&t.kept[i], &t.kept[j]) > 0 }
func (t *best) Swap(i, j int)      { t.kept[i], t.kept[j] = t.kept[j], t.kept[i] }
func (t *best) Push(x any)         { t.kept = append(t.kept, x.(Record)) }
func (t *best) Pop() any           { panic("report: best never shrinks") }

// add keeps what rows are made of, a copy, if r is among the first.
func (t *best) add(r *Record) {
	switch {
	case t.limit == 0 || len(t.kept) < t.limit:
		var row Record
		copyRow(&row, r)
		t.keep(row)
	case t.less(r, &t.kept[0]) < 0:
		copyRow(&t.kept[0], r)
		heap.Fix(t, 0)
	}
}

func (t *best) keep(row Record) {
	t.kept = append(t.kept, row)
	if len(t.kept) == t.limit {
		heap.Init(t)
	}
}

// merge takes the rows of another share.
func (t *best) merge(o *best) {
	for i := range o.kept {
		if t.limit == 0 || len(t.kept) < t.limit {
			t.keep(o.kept[i])
		} else {
			t.add(&o.kept[i])
		}
	}
}

// copyRow makes row a copy of r, as far as rows and their order need it, in the memory it has.
func copyRow(row, r *Record) {
	if row.Connection == nil {
		row.Connection = new(tracker.Connection)
	}
	*row.Connection = *r.Connection
	row.Transitions, row.Facts = nil, nil
	row.Findings = row.Findings[:0]
	if f := r.Worst(); f != nil {
		worst := *f
		worst.Packets, worst.Evidence = nil, ""
		row.Findings = append(row.Findings, worst)
	}
}

// sorted returns the kept records in order.
func (t *best) sorted() []Record {
	slices.SortFunc(t.kept, func(a, b Record) int { return t.less(&a, &b) })
	return t.kept
}
