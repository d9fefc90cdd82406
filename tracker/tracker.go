package tracker

import (
	"cmp"
	"math"
	"slices"

	"github.com/tcplife/tcplife/internal/segment"
)

// Tracker follows all connections of a trace. One goroutine owns it.
type Tracker struct {
	cfg     Config
	flows   map[segment.Flow]*connection // the latest incarnation of each 4-tuple
	embryos embryos
	queue   deadlines // connections that leave by themselves, soonest first
	clock   clock     // all live connections, for eviction
	live    int       // connections in the table, earlier incarnations included
	begun   bool
	start   int64 // when the trace began
	now     int64 // the latest capture time seen
	past    history
	rest    []*connection // what Flush has still to record, by first packet
	ended   []*Connection // records not taken yet
	sortKey []int64       // when each of ended left
	sum     Summary
}

// New returns an empty tracker.
func New(cfg Config) *Tracker {
	return &Tracker{
		cfg: cfg, flows: make(map[segment.Flow]*connection),
		embryos: embryos{syns: make(map[segment.Flow]segment.Segment)},
	}
}

// Observe replays one segment. Segments come in the order of the merged trace.
func (t *Tracker) Observe(s *segment.Segment) Verdict {
	t.sum.Segments++
	m := markOf(s)
	if !t.sum.First.Seen() {
		t.sum.First = m
	}
	t.begin(s.Time)
	if s.Time < t.now {
		t.sum.Backwards++
	}
	t.now = max(t.now, s.Time)
	t.sum.Last = m
	if s.Options.Has&segment.OptCut != 0 {
		t.sum.TruncatedHeader++
	}
	v := t.assign(s)
	if s.Flow.A == s.Flow.B {
		// An endpoint that talks to itself (RFC 9293 3.9.1) is both ends: what it sends, its peer sends too.
		mirrored := *s
		mirrored.Dir = s.Dir.Reverse()
		t.assign(&mirrored)
	}
	return v
}

// assign gives s to its connection.
func (t *Tracker) assign(s *segment.Segment) Verdict {
	if t.flows[s.Flow] == nil {
		t.grow(s)
		if isEmbryo(s) && t.flows[s.Flow] == nil {
			t.makeRoom(nil)
			t.live++
			t.embryos.add(s, s.Time+t.cfg.Attempt.Nanoseconds())
			return Verdict{Connection: s.Number}
		}
	}
	c := t.incarnationFor(s)
	note := t.apply(c, s)
	t.schedule(c)
	return Verdict{Connection: c.first.Packet, Note: note}
}

// begin fixes when the trace began, once.
func (t *Tracker) begin(at int64) {
	if !t.begun {
		t.begun, t.start, t.now = true, at, at
	}
}

// Advance tells the tracker that the trace has reached a time, in nanoseconds since
// 1970 UTC, and lets records leave whose time has come. Its first call, if it comes before any segment, says
// when the trace began: trackers that share a trace get the time of its first packet that way.
func (t *Tracker) Advance(now int64) {
	t.begin(now)
	t.now = max(t.now, now)
	for {
		syn, deadline, ok := t.embryos.expired(t.now)
		if !ok {
			break
		}
		t.release(t.hatch(&syn), EndAttempt, deadline)
	}
	for len(t.queue) > 0 && t.queue[0].at <= t.now {
		at := t.queue[0].at
		switch c, valid := t.pop(); {
		case !valid:
		case c.deadline > at:
			t.enqueue(c) // it was heard of since
		default:
			t.release(c, c.settledReason(), c.deadline)
		}
	}
}

// flushStep is how many connections one call of Flush turns into records: few
// enough that a table of millions never stands in memory twice.
const flushStep = 4096

// Flush ends the trace: every connection that is left becomes a record, some with
// each call. Take those, and call again until it returns true.
func (t *Tracker) Flush() (done bool) {
	if t.rest == nil {
		t.Advance(t.now)
		t.rest = make([]*connection, 0, len(t.flows))
		for _, c := range t.flows {
			for ; c != nil; c = c.previous {
				t.rest = append(t.rest, c)
			}
		}
		slices.SortFunc(t.rest, func(a, b *connection) int { return cmp.Compare(a.first.Packet, b.first.Packet) })
		t.queue, t.clock = nil, clock{}
	}
	for range flushStep {
		lone, waiting := t.embryos.next()
		switch {
		case waiting && (len(t.rest) == 0 || lone < t.rest[0].first.Packet):
			syn, _, _ := t.embryos.expired(math.MaxInt64)
			t.release(t.hatch(&syn), EndOfCapture, t.now)
		case len(t.rest) > 0:
			c := t.rest[0]
			t.rest[0] = nil
			t.rest = t.rest[1:]
			if !c.gone {
				t.release(c, EndOfCapture, t.now)
			}
		default:
			return true
		}
	}
	return false
}

// Take returns the records that are complete since the last call, in the order
// in which they became so: by the moment they could say nothing more, then those
// whose time was over, by first packet, before those that a segment forced out, and the
// end of the trace last. Call Advance before, and the order does not depend on how often.
func (t *Tracker) Take() []*Connection {
	if len(t.ended) == 0 {
		return nil
	}
	taken := make([]*Connection, len(t.ended))
	order := make([]int, len(t.ended))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := t.ended[a], t.ended[b]
		if d := cmp.Or(cmp.Compare(t.sortKey[a], t.sortKey[b]), cmp.Compare(x.EndReason.rank(), y.EndReason.rank())); d != 0 {
			return d
		}
		if x.EndReason.rank() == forced {
			return 0 // one segment after the other forced them out
		}
		return cmp.Compare(x.First.Packet, y.First.Packet)
	})
	for i, j := range order {
		taken[i] = t.ended[j]
	}
	t.ended, t.sortKey = t.ended[:0], t.sortKey[:0]
	clear(t.ended[:cap(t.ended)])
	return taken
}

// What makes a connection leave, in the order in which that happens within one moment.
const (
	inTime = iota
	forced // by a segment
	atEnd
)

func (r EndReason) rank() int {
	switch r {
	case EndReplaced, EndEvicted:
		return forced
	case EndOfCapture:
		return atEnd
	default:
		return inTime
	}
}

// Summary returns what is known of the whole trace so far.
func (t *Tracker) Summary() Summary { return t.sum }

// release turns c into a record and takes it out of the table.
func (t *Tracker) release(c *connection, reason EndReason, at int64) {
	c.reason, c.cutAt = reason, at
	record := c.record(t)
	c.gone = true
	t.live--
	if head := t.flows[c.flow]; head == c {
		if c.previous != nil && !c.previous.gone {
			t.flows[c.flow] = c.previous
		} else {
			delete(t.flows, c.flow)
			t.past.left(c.flow, c.incarnation)
		}
	} else if head != nil && head.previous == c {
		head.previous = nil
	}
	t.sum.Connections++
	t.sum.FactsDropped += uint64(c.factsDropped)
	t.sum.RangesDropped += uint64(record.RangesDropped)
	if reason == EndEvicted {
		t.sum.Evicted++
	}
	t.ended = append(t.ended, record)
	t.sortKey = append(t.sortKey, at)
}

// open makes a new incarnation the latest of its 4-tuple.
func (t *Tracker) open(s *segment.Segment, previous *connection) *connection {
	t.makeRoom(previous)
	if previous != nil && previous.gone {
		previous = nil
	}
	c := &connection{flow: s.Flow, incarnation: 1 + t.past.before(s.Flow), previous: previous, first: markOf(s), firstFile: s.File, path: Path{VLAN: s.VLAN}}
	if previous != nil {
		c.incarnation = previous.incarnation + 1
		if before := previous.previous; before != nil { // two at a time are enough for stragglers
			t.release(before, EndReplaced, t.now)
		}
	}
	t.flows[s.Flow] = c
	if t.rest == nil { // after the end of the trace nothing is evicted
		t.clock.add(c, t.live)
	}
	t.live++
	return c
}
