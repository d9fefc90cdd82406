package tracker

import (
	"cmp"
	"slices"

	"github.com/tcplife/tcplife/internal/segment"
)

// step is one milestone on its way to become a transition.
type step struct {
	event Event
	milestone
}

// path is one endpoint's walk through the tables.
type path struct {
	initial, state State
	transitions    []Transition
	orders         []int64 // place of each transition, for merging the two ends
	timeWait       TimeWaitRecord
}

// received reports whether an event is a receipt: those keep the order in which
// their packets passed the tap, for a wire may delay but seldom reorders.
func (e Event) received() bool {
	switch e {
	case RcvSyn, RcvSynAck, RcvAckSyn, RcvAckFin, RcvFin, RcvRst:
		return true
	default:
		return false
	}
}

// waits reports whether an event that no arrow takes yet is offered again after
// the next transition. A RST or a new incarnation acts at once or never.
func (e Event) waits() bool { return e != SndRst && e != RcvRst && e != Replace }

// walk derives the path of the end that sends in direction d from its milestones.
func (c *connection) walk(t *Tracker, d segment.Direction) path {
	steps := c.steps(d)
	p := path{initial: c.initialState(d)}
	p.state = p.initial
	var waiting []step
	for _, s := range steps {
		c.expireTimeWait(&p, s.mark.At)
		if !c.take(t, &p, d, s) {
			if s.event.waits() {
				waiting = append(waiting, s)
			}
			continue
		}
		for i := 0; i < len(waiting); { // an arrow may be open now
			w := waiting[i]
			w.order, w.mark.At = s.order, max(w.mark.At, s.mark.At)
			if c.take(t, &p, d, w) {
				waiting = slices.Delete(waiting, i, i+1)
				i = 0
			} else {
				i++
			}
		}
	}
	c.expireTimeWait(&p, c.cutAt)
	return p
}

// steps lists the milestones of one end in its own order.
func (c *connection) steps(d segment.Direction) []step {
	e, peer := &c.ends[d], &c.ends[d.Reverse()]
	var steps []step
	for event := range Event(numEvents) {
		if e.has(event) && c.settled(event, e, peer) {
			steps = append(steps, step{event, *e.at(event)})
		}
	}
	if j, ok := c.joined(e, peer); ok {
		steps = append(steps, step{Joined, j})
	}
	if e.finEnd != 0 && e.has(RcvFin) && e.has(RcvAckFin) && e.gotFinAck >= e.finEnd {
		// The FIN it received acknowledged its own, whatever else did.
		for i := range steps {
			if got := e.at(RcvFin); steps[i].event == RcvAckFin && steps[i].order > got.order {
				steps[i].milestone = milestone{mark: got.mark, order: got.order, grade: got.grade}
			}
		}
	}
	if e.has(SndRst) {
		for i := range steps {
			if s := &steps[i]; c.unawareAtReset(e, s) {
				s.postpone(e.at(SndRst).mark)
			}
		}
	}
	// Receipts in the order of their packets; a postponed one takes those behind it along.
	slices.SortStableFunc(steps, func(a, b step) int { return cmp.Compare(a.mark.Packet, b.mark.Packet) })
	latest := int64(0)
	for i := range steps {
		if s := &steps[i]; s.event.received() {
			if s.order < latest && s.order >= on(s.mark) {
				s.order = latest
			}
			latest = max(latest, s.order)
		}
	}
	slices.SortStableFunc(steps, func(a, b step) int {
		if d := cmp.Compare(a.order, b.order); d != 0 {
			return d
		}
		if d := cmp.Compare(a.mark.Packet, b.mark.Packet); d != 0 {
			return d
		}
		return cmp.Compare(a.event, b.event) // one packet may acknowledge a FIN and carry one: the ACK counts first
	})
	return steps
}

// unawareAtReset reports whether e had not received what s stands for when it sent its RST, though
// that passed the tap before (R4, by the clock): it passed less than the way to e and back before.
func (c *connection) unawareAtReset(e *endpoint, s *step) bool {
	reset := e.at(SndRst).mark
	if !s.event.received() || s.grade != provisional || s.mark.Packet >= reset.Packet {
		return false
	}
	within := e.turnaround / 2 // half, for the least time seen may hold some delay of its own
	switch s.event {
	case RcvAckSyn:
		if e.aborted {
			return false // only an established connection can be aborted
		}
	case RcvAckFin:
		if e.aborted {
			break
		}
		if e.resetAt >= e.finEnd {
			return false // the bare RST answers, by its number, a segment that acknowledged the FIN
		}
		within = c.roundTrip() // and this one a segment that did not
	default:
	}
	return reset.At-s.mark.At < within
}

// settled judges a provisional milestone by what has not come since.
func (c *connection) settled(event Event, e, peer *endpoint) bool {
	m := e.at(event)
	if m.grade != provisional {
		return true
	}
	switch event {
	case RcvFin:
		// A FIN is answered at once or within a delayed ACK. It did not arrive if it was sent
		// again in vain, or if its receiver went on unaware of it.
		again := peer.fin.n > 1 && peer.fin.last().mark.At-peer.fin.first().mark.At >= minResend
		return !again && e.unaware.At-m.mark.At <= c.roundTrip()
	case RcvAckSyn:
		return c.tookAck(e, peer)
	default:
		return true
	}
}

// tookAck judges whether the handshake's ACK was taken by an end that sent nothing but SYN-ACKs
// (R9). It was not if the end answers by a bare RST, or data go unanswered; but a RST right behind data or a FIN
// may as well come from a host whose connection was closed in between.
func (c *connection) tookAck(e, peer *endpoint) bool {
	if e.stats.Packets != e.stats.Syn+e.stats.Rst || e.aborted {
		return true
	}
	if !e.has(SndRst) {
		return peer.oldestSent < 3
	}
	ack := e.at(RcvAckSyn).mark
	more := peer.newDataAt.Packet > ack.Packet || peer.stats.FinSent.Packet > ack.Packet
	return more && !e.ackIgnored && e.at(SndRst).mark.At-ack.At < answerWithin
}

// joined says whether an end without an opening was established when the capture
// began: if there are data, nobody's FIN went before; if there is nothing but a
// teardown, one may have.
func (c *connection) joined(e, peer *endpoint) (milestone, bool) {
	if e.has(SndSyn) || e.has(RcvSyn) || peer.has(SndSyn) || peer.has(RcvSyn) {
		return milestone{}, false
	}
	quiet := e.stats.PayloadBytes == 0 && peer.stats.PayloadBytes == 0 && e.stats.Keepalives == 0 && peer.stats.Keepalives == 0
	closing := e.finEnd != 0 || peer.finEnd != 0
	both := e.finEnd != 0 && peer.finEnd != 0
	resets := e.stats.Packets == e.stats.Rst && peer.stats.Packets == peer.stats.Rst
	if resets || quiet && closing && !both {
		return milestone{}, false
	}
	m := milestone{mark: c.first, grade: provisional}
	m.order = before(c.first)
	return m, true
}

// initialState is where an end stood before its first step.
func (c *connection) initialState(d segment.Direction) State {
	e, peer := &c.ends[d], &c.ends[d.Reverse()]
	switch {
	case !c.sawStart:
		return Unknown
	case e.has(SndSyn):
		return Closed
	case peer.has(SndSyn):
		return Listen
	default:
		return Unknown
	}
}

// take follows the arrow of s, if there is one. It is the only place where a state changes.
func (c *connection) take(t *Tracker, p *path, d segment.Direction, s step) bool {
	to, ok := next(p.state, s.event)
	if !ok {
		return false
	}
	mark := s.mark
	if n := len(p.transitions); n > 0 {
		mark.At = max(mark.At, p.transitions[n-1].At) // what waited happened no earlier than what it waited for
	}
	p.transitions = append(p.transitions, Transition{
		Role: c.role(d), From: p.state, To: to, Event: s.event, Certainty: c.certainty(s, d, p.state), Mark: mark,
	})
	p.orders = append(p.orders, s.order)
	if p.state == TimeWait {
		p.timeWait.Until = mark.At
		p.timeWait.EndedBy = TimeWaitReuse
		if s.event == RcvRst {
			p.timeWait.EndedBy = TimeWaitReset
		}
	}
	p.state = to
	if to == TimeWait {
		e := &c.ends[d]
		start := max(mark.At, e.reackAt.At) // RFC 9293 3.10.7.4: each FIN acknowledged again restarts it
		p.timeWait = TimeWaitRecord{
			Held: true, Since: mark, Restarts: e.reacks,
			Until: start + t.cfg.TimeWait.Nanoseconds(), EndedBy: TimeWaitCaptureEnd,
		}
	}
	return true
}

// expireTimeWait lets 2 MSL run out before now.
func (c *connection) expireTimeWait(p *path, now int64) {
	if p.state != TimeWait || now < p.timeWait.Until {
		return
	}
	last := p.transitions[len(p.transitions)-1]
	p.timeWait.EndedBy = TimeWaitExpiry
	p.transitions = append(p.transitions, Transition{
		Role: last.Role, From: TimeWait, To: Closed, Event: Timeout, Certainty: Assumed, Mark: Mark{At: p.timeWait.Until},
	})
	p.orders = append(p.orders, 1<<62)
	p.state = Closed
}

// certainty grades a transition.
func (c *connection) certainty(s step, d segment.Direction, from State) Certainty {
	e := &c.ends[d]
	switch s.event {
	case SndRst:
		// A bare RST could be anybody's; one with the right ACK number needs the connection.
		if e.ownReset > 0 && c.facts[e.ownReset-1].Reset.Form == FormActive {
			return Observed
		}
		return Inferred
	case SndFin:
		switch {
		case c.ends[d.Reverse()].stats.Packets == 0, // a FIN of the peer would not have been captured
			from == CloseWait && e.queuedFin: // close() may have come before the peer's FIN, while data were in the way
			return Assumed
		case from == CloseWait:
			return Inferred // the FIN is observed; that the peer's had come before, its ACK number says
		}
	case RcvFin:
		if e.queuedFin && !e.crossedFins() || e.gotLateFin || e.crossedFins() && c.closeTogether(e, RcvFin, RcvAckFin) {
			return Assumed
		}
	case RcvAckFin:
		switch {
		case e.has(RcvFin) && e.gotFinAck >= e.finEnd && !e.gotLateFin && s.order == e.at(RcvFin).order:
			// One segment brought both: whatever is certain of its FIN is of its ACK.
		case e.crossedFins() && c.closeTogether(e, RcvAckFin, RcvFin), e.gotLateFin,
			c.closeTogether(e, RcvAckFin, RcvRst), c.closeTogether(e, RcvAckFin, SndRst):
			return Assumed // which of the two came first, the tap cannot know
		case from != LastAck && s.grade == provisional && c.cutAt-s.mark.At > answerWithin:
			return Inferred // it would have sent its FIN again
		}
	default:
	}
	switch s.grade {
	case observed:
		return Observed
	case confirmed:
		return Inferred
	default:
		return Assumed
	}
}

// crossedFins reports whether e sent its FIN without having the peer's.
func (e *endpoint) crossedFins() bool {
	return e.has(SndFin) && e.has(RcvFin) && e.at(SndFin).order < e.at(RcvFin).order && e.gotFinAck < e.finEnd
}

// closeTogether reports whether two events of e lie closer than a round trip, so that the wire
// behind the tap may have exchanged them.
func (c *connection) closeTogether(e *endpoint, a, b Event) bool {
	if !e.has(a) || !e.has(b) {
		return false
	}
	gap := e.at(a).mark.At - e.at(b).mark.At
	return max(gap, -gap) < c.roundTrip()
}
