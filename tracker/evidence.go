package tracker

import "github.com/tcplife/tcplife/internal/segment"

// received reports whether an event is a receipt: those keep the order in which
// their packets passed the tap, for a wire may delay but seldom reorders.
func (e Event) received() bool {
	switch e {
	case RcvSyn, RcvSynAck, RcvAckSyn, RcvAckFin, RcvFin, RcvRst, RcvICMP:
		return true
	default:
		return false
	}
}

// steps appends the milestones of one end in its own order.
func (c *connection) steps(d segment.Direction, steps []step) []step {
	e, peer := &c.ends[d], &c.ends[d.Reverse()]
	for event := range Event(numEvents) {
		if e.has(event) && c.settled(event, e, peer) {
			steps = append(steps, step{event, *e.at(event)})
		}
	}
	if j, ok := c.joined(e, peer); ok {
		steps = append(steps, step{Joined, j})
	}
	for i := range steps {
		s := &steps[i]
		if s.event == RcvAckFin && e.has(RcvFin) && e.gotFinAck >= e.finEnd && s.order > e.at(RcvFin).order {
			s.milestone = *e.at(RcvFin) // the FIN it received acknowledged its own, whatever else did
		}
		if s.event == RcvFin && s.grade == provisional && e.unaware.Packet > s.mark.Packet {
			s.postpone(e.unaware) // R4
		}
		if c.unawareAtReset(e, s) {
			s.postpone(e.at(SndRst).mark)
		}
	}
	keepReceiptsInLine(steps)
	for i := 1; i < len(steps); i++ { // by insertion, for they are few and nearly in order
		for j := i; j > 0 && steps[j].before(&steps[j-1]); j-- {
			steps[j], steps[j-1] = steps[j-1], steps[j]
		}
	}
	return steps
}

func (s *step) before(o *step) bool {
	switch {
	case s.order != o.order:
		return s.order < o.order
	case s.mark.Packet != o.mark.Packet:
		return s.mark.Packet < o.mark.Packet
	default:
		return s.event < o.event // one packet may acknowledge a FIN and carry one: the ACK counts first
	}
}

// keepReceiptsInLine lets receipts keep the order of their packets: one that was postponed takes those behind it
// along, but none beyond the segment that proves it.
func keepReceiptsInLine(steps []step) {
	for i := 1; i < len(steps); i++ {
		for j := i; j > 0 && steps[j].mark.Packet < steps[j-1].mark.Packet; j-- {
			steps[j], steps[j-1] = steps[j-1], steps[j]
		}
	}
	latest := int64(0)
	for i := range steps {
		if s := &steps[i]; s.event.received() {
			if s.order < latest && s.order >= on(s.mark) && s.grade != confirmed {
				s.order = latest
			}
			latest = max(latest, s.order)
		}
	}
}

// unawareAtReset reports whether e had not received what s stands for when it sent its RST, though
// that passed the tap before (R4, by the clock): it passed less than the way to e and back before.
func (c *connection) unawareAtReset(e *endpoint, s *step) bool {
	if !e.has(SndRst) {
		return false
	}
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
		return !again && e.unaware.At-m.mark.At <= c.roundTrip()*3/2 // what waits in its queues comes later still
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
// teardown, or bare ACKs, one may have.
func (c *connection) joined(e, peer *endpoint) (milestone, bool) {
	if e.has(SndSyn) || e.has(RcvSyn) || peer.has(SndSyn) || peer.has(RcvSyn) {
		return milestone{}, false
	}
	quiet := e.stats.PayloadBytes == 0 && peer.stats.PayloadBytes == 0 && e.stats.Keepalives == 0 && peer.stats.Keepalives == 0
	both := e.finEnd != 0 && peer.finEnd != 0
	resets := e.stats.Packets == e.stats.Rst && peer.stats.Packets == peer.stats.Rst
	if resets || quiet && !both {
		return milestone{}, false
	}
	m := milestone{mark: c.first, grade: provisional}
	m.order = before(c.first)
	return m, true
}
