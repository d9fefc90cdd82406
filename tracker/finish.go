package tracker

import (
	"cmp"
	"slices"
	"time"

	"github.com/tcplife/tcplife/internal/segment"
)

// scratch is what making a record needs beside it, kept from one record to the next.
type scratch struct {
	paths  [2]path
	placed []placed
}

// record states in r what became of c.
func (c *connection) record(t *Tracker, r *Connection) {
	c.beginTeardown()
	c.inferFin(t, segment.AtoB)
	c.inferFin(t, segment.BtoA)
	o := outcome{c: c, paths: &t.scratch.paths}
	for d := range o.paths {
		c.walk(t, segment.Direction(d), &o.paths[d])
	}
	r.clear()
	r.Flow, r.ClientIs, r.Incarnation, r.DirectionBy, r.Via = c.flow, c.opener, c.incarnation, c.directionBy, t.via(c.path)
	r.First, r.Last, r.FirstFile, r.LastFile = c.first, c.last, c.firstFile, c.lastFile
	r.EndReason, r.TraceEnd, r.RTT, r.PreviousClosedAt = c.reason, c.cutAt, time.Duration(c.rtt), c.lastClosed
	r.Handshake, r.FactsDropped = c.handshake, c.factsDropped
	r.Transitions = o.merge(&t.scratch, r.Transitions)
	r.Open = o.open()
	r.Close, r.ClosedBy = o.close(r.Open)
	if r.Close != CloseOpenAtEnd {
		r.Phase = o.phase(r.Open, r.Close)
	}
	if r.Open == OpenRefused {
		r.Closed = c.refusedBy
	} else {
		r.Opened, r.Closed = o.opened(), o.closed()
	}
	for d := range c.ends {
		dir := segment.Direction(d)
		c.endpointRecord(dir, &o.paths[d], &r.Endpoints[c.role(dir)])
		r.RangesDropped += c.ends[d].stream.Dropped()
	}
	if len(c.facts) > 0 {
		o.facts(r)
	}
}

// facts completes what was noted: who it concerns, and in which states a RST met them.
func (o *outcome) facts(r *Connection) {
	c := o.c
	for _, f := range c.facts {
		if (f.Kind == FactTimeWaitReset || f.Kind == FactTimeWaitRestarted) && !o.paths[f.Role].timeWait.Held {
			continue // what looked like TIME_WAIT at the time was none in the end
		}
		f.Role = c.role(segment.Direction(f.Role))
		if f.Kind == FactRst {
			f.Reset.Sender, f.Reset.Receiver = r.stateBefore(f.Role, f.Packet), r.stateBefore(f.Role.Peer(), f.Packet)
		}
		r.Facts = append(r.Facts, f)
	}
	slices.SortStableFunc(r.Facts, func(a, b Fact) int { return cmp.Compare(a.Packet, b.Packet) })
}

// endpointRecord completes the totals of one end.
func (c *connection) endpointRecord(d segment.Direction, p *path, s *Endpoint) {
	e := &c.ends[d]
	*s = e.stats
	s.State = p.state
	if len(p.transitions) == 0 && p.initial == Listen {
		s.State = Unknown // nobody has been heard of
		if c.refusedBy.Seen() {
			s.State = Closed
		}
	}
	s.TimeWait = p.timeWait
	s.FinAcked = e.has(RcvAckFin)
	s.MissingBytes = uint64(e.stream.Missing())
	if e.finUnseen {
		s.MissingBytes++
	}
	s.UnackedBytes = uint64(max(0, e.sndNxt-e.sndUna))
	if e.sndUna < e.sndNxt {
		s.LastDataUnacked = uint64(max(e.oldestSent, int(e.fin.n)))
	}
	s.WindowZeroAtLast = e.closedAt.Seen()
}

// placed is a transition with its place in the order of both ends.
type placed struct {
	*Transition
	order int64
}

func (p *placed) before(o *placed) bool {
	switch {
	case p.order != o.order:
		return p.order < o.order
	case p.At != o.At:
		return p.At < o.At
	default:
		return p.Role < o.Role
	}
}

// merge appends the steps of both ends in one order.
func (o *outcome) merge(sc *scratch, merged []Transition) []Transition {
	all := sc.placed[:0]
	for d := range o.paths {
		p := &o.paths[d]
		for i := range p.transitions {
			all = append(all, placed{&p.transitions[i], p.orders[i]})
		}
	}
	for i := 1; i < len(all); i++ { // by insertion, for they are few and nearly in order
		p := all[i]
		j := i
		for ; j > 0 && p.before(&all[j-1]); j-- {
			all[j] = all[j-1]
		}
		all[j] = p
	}
	for _, p := range all {
		merged = append(merged, *p.Transition)
	}
	sc.placed = all
	return merged
}

// stateBefore is the state of role before the given packet had its effect.
func (c *Connection) stateBefore(role Role, packet uint64) State {
	state := Unknown
	first := true
	for i := range c.Transitions {
		tr := &c.Transitions[i]
		if tr.Role != role {
			continue
		}
		if first {
			state, first = tr.From, false
		}
		if tr.Packet == 0 || tr.Packet >= packet {
			break
		}
		state = tr.To
	}
	return state
}
