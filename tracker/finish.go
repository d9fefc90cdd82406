package tracker

import (
	"cmp"
	"slices"
	"time"

	"github.com/tcplife/tcplife/internal/segment"
)

// record states what became of c.
func (c *connection) record(t *Tracker) *Connection {
	c.beginTeardown()
	c.inferFin(t, segment.AtoB)
	c.inferFin(t, segment.BtoA)
	o := outcome{c: c, paths: [2]path{c.walk(t, segment.AtoB), c.walk(t, segment.BtoA)}}
	r := &Connection{
		Flow: c.flow, ClientIs: c.opener, Incarnation: c.incarnation, DirectionBy: c.directionBy, Path: c.path,
		First: c.first, Last: c.last, FirstFile: c.firstFile, LastFile: c.lastFile, EndReason: c.reason, TraceEnd: c.cutAt, RTT: time.Duration(c.rtt),
		Handshake: c.handshake, Transitions: o.merge(), Facts: c.facts, FactsDropped: c.factsDropped,
		PreviousClosedAt: c.lastClosed,
	}
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
		r.Endpoints[c.role(dir)] = c.endpointRecord(dir, &o.paths[d])
		r.RangesDropped += c.ends[d].stream.Dropped()
	}
	r.Facts = slices.DeleteFunc(r.Facts, func(f Fact) bool { // what looked like TIME_WAIT at the time was none in the end
		return (f.Kind == FactTimeWaitReset || f.Kind == FactTimeWaitRestarted) && !o.paths[f.Role].timeWait.Held
	})
	for i := range r.Facts {
		f := &r.Facts[i]
		f.Role = c.role(segment.Direction(f.Role))
		if f.Kind == FactRst {
			f.Reset.Sender, f.Reset.Receiver = r.stateBefore(f.Role, f.Packet), r.stateBefore(f.Role.Peer(), f.Packet)
		}
	}
	slices.SortStableFunc(r.Facts, func(a, b Fact) int { return cmp.Compare(a.Packet, b.Packet) })
	return r
}

// endpointRecord completes the totals of one end.
func (c *connection) endpointRecord(d segment.Direction, p *path) Endpoint {
	e := &c.ends[d]
	s := e.stats
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
	return s
}

// merge puts the steps of both ends in one order.
func (o *outcome) merge() []Transition {
	type placed struct {
		Transition
		order int64
	}
	all := make([]placed, 0, 12)
	for d := range o.paths {
		for i, tr := range o.paths[d].transitions {
			all = append(all, placed{tr, o.paths[d].orders[i]})
		}
	}
	slices.SortStableFunc(all, func(a, b placed) int {
		if d := cmp.Compare(a.order, b.order); d != 0 {
			return d
		}
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Role, b.Role))
	})
	merged := make([]Transition, len(all))
	for i := range all {
		merged[i] = all[i].Transition
	}
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
