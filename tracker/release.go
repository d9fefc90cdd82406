package tracker

import (
	"cmp"
	"iter"
	"slices"

	"github.com/tcplife/tcplife/internal/segment"
)

// Order is the place of a record among those of a trace, whichever tracker made them: by the moment it could
// say nothing more, then those whose time was over, by first packet, before those that a
// segment forced out, by that segment, and the end of the trace last.
type Order struct {
	At     int64 // nanoseconds since 1970 UTC
	rank   rank
	packet uint64
}

// Compare orders records.
func (o Order) Compare(p Order) int {
	switch {
	case o.At != p.At:
		return cmp.Compare(o.At, p.At)
	case o.rank != p.rank:
		return cmp.Compare(o.rank, p.rank)
	default:
		return cmp.Compare(o.packet, p.packet)
	}
}

// rank is what makes a connection leave, in the order in which that happens within one moment.
type rank uint8

const (
	inTime rank = iota
	forced      // by a segment
	atEnd
)

func (r EndReason) rank() rank {
	switch r {
	case EndReplaced, EndEvicted:
		return forced
	case EndOfCapture:
		return atEnd
	default:
		return inTime
	}
}

// leaving is a connection that has left the table and whose record nobody has taken yet.
type leaving struct {
	at     int64 // when it could say nothing more
	packet uint64
	ref    ref
	reason EndReason
	rank   rank
	// incarnation of an embryo; the others know it themselves.
	incarnation uint16
}

func (l *leaving) order() Order { return Order{At: l.at, rank: l.rank, packet: l.packet} }

// left notes that somebody has left the table.
func (t *Tracker) left(l leaving) {
	t.count(&l)
	if l.rank == forced {
		l.packet = t.sum.Last.Packet // by this one
	}
	t.ended = append(t.ended, l)
}

// count counts who has left the table.
func (t *Tracker) count(l *leaving) {
	t.live--
	t.bound.left[l.ref.form()]++
	t.sum.Connections++
	if l.reason == EndEvicted {
		t.countEvicted(l.ref)
	}
}

// release takes a full connection out of the table.
func (t *Tracker) release(c *connection, reason EndReason, at int64) {
	t.releaseAs(c, reason, reason.rank(), at)
}

// lapse takes a full connection out of the table whose own deadline is over: no segment forced it, whatever the reason.
func (t *Tracker) lapse(c *connection) { t.releaseAs(c, c.settledReason(), inTime, c.deadline) }

func (t *Tracker) releaseAs(c *connection, reason EndReason, as rank, at int64) {
	c.reason, c.cutAt, c.gone = reason, at, true
	t.bound.facts -= c.weighed
	c.weighed = 0
	if !t.flushing { // else nobody will ask
		t.unlist(c)
	}
	t.left(leaving{at: at, packet: c.first.Packet, ref: c.ref, reason: reason, rank: as})
}

// unlist takes a full connection out of the table, and leaves the one before in its place.
func (t *Tracker) unlist(c *connection) {
	hash := t.hash(&c.flow, c.path)
	switch head := t.find(hash, &c.flow, c.path); {
	case head == c.ref && c.previous != nil && !c.previous.gone:
		t.table.replace(uint32(hash), c.ref, c.previous.ref)
	case head == c.ref:
		t.table.remove(uint32(hash), c.ref)
		t.past.left(hash, c.incarnation)
	case head.form() == full:
		if next := t.fulls[head.place()]; next.previous == c {
			next.previous = nil
		}
	}
}

// leave takes a plainConn out of the table.
func (t *Tracker) leave(place uint32, reason EndReason, at int64) {
	p := t.plains.at(place)
	if p.standsIn() {
		t.release(t.wake(refTo(plain, place), t.hash(&p.flow, p.anyPath())), reason, at)
		return
	}
	if p.bits&established == 0 {
		stepOut(&t.half, &t.plains, place)
	}
	t.gone(p, refTo(plain, place), reason, at)
}

// gone takes what stands at r out of the table.
func (t *Tracker) gone(p *plainConn, r ref, reason EndReason, at int64) {
	if !t.flushing {
		hash := t.hash(&p.flow, p.anyPath())
		t.table.remove(uint32(hash), r)
		t.past.left(hash, int(p.incarnation))
	}
	p.bits &^= inUse
	t.left(leaving{at: at, packet: p.number(), ref: r, reason: reason, rank: reason.rank()})
}

// flushStep is how many connections one call of Flush lets go: few
// enough that their records never stand in memory all at once.
const flushStep = 1024

// Flush ends the trace: every connection that is left becomes a record, some with
// each call. Take those, and call again until it returns true.
func (t *Tracker) Flush() (done bool) {
	if !t.flushing {
		t.Advance(t.now)
		t.flushing = true
		t.rest = t.remaining()
		t.queue = nil
	}
	for range flushStep {
		lonePacket, waiting := uint64(0), t.embryos.first != 0
		if waiting {
			lonePacket = t.embryos.slab.at(t.embryos.first - 1).number()
		}
		switch {
		case waiting && (len(t.rest) == 0 || lonePacket < t.firstPacket(t.rest[0].ref)):
			t.letGo(EndOfCapture, t.now)
		case len(t.rest) > 0:
			r := t.rest[0].ref
			t.rest = t.rest[1:]
			switch place := r.place(); r.form() {
			case plain:
				t.leave(place, EndOfCapture, t.now)
			case settled:
				t.leaveSettledAt(place, EndOfCapture, t.now)
			default:
				if c := t.fulls[place]; c != nil && !c.gone {
					t.release(c, EndOfCapture, t.now)
				}
			}
		default:
			return true
		}
	}
	return false
}

// Take returns the records that are complete since the last call, in their Order. Call Advance
// before, and it does not depend on how often Take is called.
//
// A record is valid until the next one: Clone those to be kept.
func (t *Tracker) Take() iter.Seq2[Order, *Connection] {
	return func(yield func(Order, *Connection) bool) {
		if t.nobodyLeft() {
			return
		}
		inOrder := func(a, b leaving) int { return a.order().Compare(b.order()) }
		if !slices.IsSortedFunc(t.ended, inOrder) {
			slices.SortStableFunc(t.ended, inOrder)
		}
		taken := 0
		for {
			var l leaving
			lapsed := t.embryos.lapsed.first != 0
			if lapsed {
				l = t.firstLapsed()
			}
			switch {
			case taken < len(t.ended) && !(lapsed && l.order().Compare(t.ended[taken].order()) < 0):
				l = t.ended[taken]
				taken++
			case lapsed:
				t.embryos.takeLapsed()
			default:
				t.allTaken()
				return
			}
			if !yield(l.order(), t.record(&l)) {
				t.ended = t.ended[:copy(t.ended, t.ended[taken:])]
				return
			}
		}
	}
}

// nobodyLeft reports whether all records were taken.
func (t *Tracker) nobodyLeft() bool { return len(t.ended) == 0 && t.embryos.lapsed.first == 0 }

// allTaken empties the list of those who left. One that grew, since time jumped, is given back.
func (t *Tracker) allTaken() {
	const usual = 4096
	if t.ended = t.ended[:0]; cap(t.ended) > usual {
		t.ended = nil
	}
	t.bound.unlooked = 0 // their places are free
}

// record makes the record of a connection that left, and frees its place.
func (t *Tracker) record(l *leaving) *Connection {
	place := l.ref.place()
	t.bound.left[l.ref.form()]--
	switch l.ref.form() {
	case lone:
		e := t.embryos.slab.at(place)
		syn := t.embryos.syn(e)
		recordSyn(&syn, &t.out, l)
		t.out.Via = t.via(syn.Path)
		t.out.Endpoints[Client].DuplicatePackets = uint64(e.bits.copies())
		if !t.flushing { // else nobody takes it
			t.embryos.drop(place)
		}
		return &t.out
	case plain:
		c := &t.spare
		c.reset()
		t.plains.at(place).fill(c)
		if !t.flushing {
			t.plains.give(place)
		}
		c.reason, c.cutAt = l.reason, l.at
		c.record(t, &t.out)
	case settled:
		c := &t.spare
		c.reset()
		q := t.settleds.at(place)
		t.unpack(q, c)
		t.forget(q)
		if !t.flushing {
			t.settleds.give(place)
		}
		c.reason, c.cutAt = l.reason, l.at
		c.record(t, &t.out)
		t.sum.FactsDropped += uint64(c.factsDropped)
	default:
		c := t.fulls[place]
		c.record(t, &t.out)
		t.sum.FactsDropped += uint64(c.factsDropped)
		t.sum.RangesDropped += uint64(t.out.RangesDropped)
		t.free(c)
	}
	return &t.out
}

// recordSyn makes the record of an unanswered SYN: what the rules would make of it, and no more than that
// (TestPlainChangesNothing).
func recordSyn(syn *segment.Segment, r *Connection, l *leaving) {
	m := markOf(syn)
	r.clear()
	r.Flow, r.ClientIs, r.Incarnation = syn.Flow, syn.Dir, int(l.incarnation)
	r.First, r.Last, r.FirstFile, r.LastFile = m, m, syn.File, syn.File
	r.Phase, r.EndReason, r.TraceEnd = PhasePostSyn, l.reason, l.at
	r.Handshake.Syn = m
	r.Transitions = append(r.Transitions, Transition{Role: Client, From: Closed, To: SynSent, Event: SndSyn, Certainty: Observed, Mark: m})
	x := &r.Endpoints[Client]
	x.State, x.First, x.Last, x.TTL, x.Path, x.UnackedBytes = SynSent, m, m, syn.TTL, syn.Path, 1
	x.readSynOptions(syn)
	x.count(syn)
}

// Collect returns clones of records.
func Collect(records iter.Seq2[Order, *Connection]) (all []*Connection) {
	for _, c := range records {
		all = append(all, c.Clone())
	}
	return all
}
