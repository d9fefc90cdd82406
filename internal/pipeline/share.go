package pipeline

import (
	"context"
	"io"
	"sync"
	"sync/atomic"

	"github.com/tcplife/tcplife/tracker"
)

// inFlight is how many batches there are: enough that nobody waits for the slowest at every step.
const inFlight = 16

const (
	// pieceAt is how much text a part collects before it hands it on, and harvests how many such pieces wait for the
	// writer: thousands of connections may end at once.
	pieceAt  = 256 << 10
	harvests = 4
)

// round is a batch on its way: every part takes its own segments from it, and learns how far the trace has come.
type round struct {
	batch
	picks [][]uint16 // by part
	// inOrder: no segment is stamped earlier than one before it, in this batch or another.
	inOrder bool
	now     int64 // how far the trace has come behind it
	users   atomic.Int32
}

// harvest is what a part makes of the records that became complete in a round.
type harvest struct {
	text    []byte
	records []ending
	more    bool // the round has more
}

// ending is where a record's text ends, and its place in the order.
type ending struct {
	order tracker.Order
	end   int
}

// sharing is one run of several parts.
type sharing struct {
	parts  []Part
	free   chan *round
	rounds []chan *round   // to each part
	crop   []chan *harvest // from each part, one for each round, then those with which the trace ends
	spent  []chan *harvest // and back
	stop   chan struct{}   // closed when nobody wants the output any more
	ended  error           // of the source; valid when all is done
}

// share runs the reader, the parts and the writer side by side. All see the rounds in the same order, so what is
// written does not depend on which of them is faster.
func share(ctx context.Context, src Source, parts []Part, out io.Writer) error {
	s := &sharing{parts: parts, free: make(chan *round, inFlight), stop: make(chan struct{})}
	for range inFlight {
		s.free <- &round{picks: make([][]uint16, len(parts))}
	}
	for range parts {
		s.rounds = append(s.rounds, make(chan *round, inFlight))
		s.crop = append(s.crop, make(chan *harvest, harvests))
		s.spent = append(s.spent, make(chan *harvest, harvests+2))
	}
	var all sync.WaitGroup
	all.Go(func() { s.read(ctx, src) })
	for i := range parts {
		all.Go(func() { s.track(i) })
	}
	err := s.write(out)
	if err != nil {
		close(s.stop)
	}
	all.Wait()
	if err != nil {
		return err
	}
	return unlessEOF(s.ended)
}

// read fills rounds and deals them out.
func (s *sharing) read(ctx context.Context, src Source) {
	var now int64
	begun := false
	for s.ended == nil {
		var r *round
		select {
		case r = <-s.free:
		case <-s.stop:
			s.ended = io.EOF
			continue
		}
		s.ended = r.read(ctx, src, s.parts[0].Tracker)
		r.inOrder = true
		for i := range r.picks {
			r.picks[i] = r.picks[i][:0]
		}
		for i := range r.segments[:r.n] {
			if at := r.segments[i].Time; !begun || at >= now {
				now, begun = at, true
			} else {
				r.inOrder = false
			}
			part := (r.hashes[i] >> 32) * uint64(len(s.parts)) >> 32
			r.picks[part] = append(r.picks[part], uint16(i))
		}
		r.now = now
		r.users.Store(int32(len(s.parts)))
		for _, to := range s.rounds {
			to <- r // has room: there are no more rounds than that
		}
	}
	for _, to := range s.rounds {
		close(to)
	}
}

// track is one part.
func (s *sharing) track(part int) {
	t := s.parts[part].Tracker
	defer close(s.crop[part])
	begun := false
	for r := range s.rounds[part] {
		if r.n > 0 {
			if !begun {
				t.Advance(r.segments[0].Time) // the trace begins with it, whoever's it is
				begun = true
			}
			r.observe(t, part)
		}
		if r.users.Add(-1) == 0 {
			s.free <- r
		}
		if !s.deliver(part, false) {
			return
		}
	}
	for flushed := false; !flushed; {
		flushed = t.Flush()
		if !s.deliver(part, !flushed) {
			return
		}
	}
}

func (r *round) observe(t *tracker.Tracker, part int) {
	picks := r.picks[part]
	if r.inOrder {
		t.ObserveThese(r.segments[:r.n], r.hashes[:r.n], picks)
		t.Advance(r.now)
		return
	}
	for i := range r.segments[:r.n] { // clocks went back: each segment finds the time as it was
		if len(picks) > 0 && int(picks[0]) == i {
			picks = picks[1:]
			t.Observe(&r.segments[i])
		}
		t.Advance(r.segments[i].Time)
	}
}

// deliver hands on what is complete, in pieces if it is much. It is false when nobody wants it.
func (s *sharing) deliver(part int, more bool) bool {
	p := &s.parts[part]
	h := s.emptied(part)
	for order, c := range p.Tracker.Take() {
		if len(h.text) >= pieceAt {
			h.more = true
			if !s.send(part, h) {
				return false
			}
			h = s.emptied(part)
		}
		before := len(h.text)
		h.text = p.Record(h.text, c)
		if len(h.text) > before {
			h.records = append(h.records, ending{order, len(h.text)})
		}
	}
	h.more = more
	return s.send(part, h)
}

// emptied is an empty harvest.
func (s *sharing) emptied(part int) *harvest {
	select {
	case h := <-s.spent[part]:
		h.text, h.records = h.text[:0], h.records[:0]
		return h
	default:
		return new(harvest)
	}
}

func (s *sharing) send(part int, h *harvest) bool {
	select {
	case s.crop[part] <- h:
		return true
	case <-s.stop:
		return false
	}
}

// write merges what the parts made, round by round.
func (s *sharing) write(out io.Writer) error {
	m := merger{s: s, heads: make([]head, len(s.parts)), collected: collected{out: out}}
	for m.begin() {
		if err := m.merge(); err != nil {
			return err
		}
	}
	return m.writeIf(0)
}

// merger puts the records of a round in order.
type merger struct {
	s     *sharing
	heads []head // by part
	collected
}

// head is the next record of a part.
type head struct {
	h     *harvest // nil: it has none in this round
	next  int      // of h.records
	start int      // of h.text
}

// begin takes the first harvest of a round from each part.
func (m *merger) begin() bool {
	for i := range m.heads {
		h, ok := <-m.s.crop[i]
		if !ok {
			return false
		}
		m.heads[i] = head{h: h}
		m.settle(i)
	}
	return true
}

// settle sees to it that the head of a part stands at a record, if the round has another.
func (m *merger) settle(part int) {
	p := &m.heads[part]
	for p.h != nil && p.next == len(p.h.records) {
		more := p.h.more
		select {
		case m.s.spent[part] <- p.h:
		default:
		}
		*p = head{}
		if more {
			p.h = <-m.s.crop[part]
		}
	}
}

func (m *merger) merge() error {
	for {
		first := -1
		for i := range m.heads {
			if p := &m.heads[i]; p.h != nil && (first < 0 || p.order().Compare(m.heads[first].order()) < 0) {
				first = i
			}
		}
		if first < 0 {
			return nil
		}
		p := &m.heads[first]
		end := p.h.records[p.next].end
		m.buf = append(m.buf, p.h.text[p.start:end]...)
		p.next, p.start = p.next+1, end
		m.settle(first)
		if err := m.writeIf(writeAt); err != nil {
			return err
		}
	}
}

func (p *head) order() tracker.Order { return p.h.records[p.next].order }
