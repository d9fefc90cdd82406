package tracker

import (
	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/internal/seq"
)

// onFin takes an acceptable FIN of x (RFC 9293 3.10.7.4, eighth check, seen from
// between the two).
func (c *connection) onFin(t *Tracker, s *segment.Segment, r *reading, x, y *endpoint) {
	copyOf := transmission{mark: r.mark, ack: r.ack, tsVal: s.Options.TSVal, hasTS: s.Options.Has&segment.OptTimestamps != 0}
	switch {
	case x.finEnd == 0 && r.end-1 < x.dataEnd && y.acked && y.rcvNxt >= r.end:
		// Octets above it were acknowledged: the receiver is past it (RFC 9293 3.10.7.4, first check).
		c.note(t, s.Dir, Fact{Kind: FactFinOutOfWindow, Mark: r.mark, Bytes: r.end - y.rcvNxt})
		x.refused = r.mark
		return
	case x.finEnd == 0:
		c.firstFin(t, s, r, x, y)
	case r.end != x.finEnd:
		c.note(t, s.Dir, Fact{Kind: FactFinMoved, Mark: r.mark, Cause: x.fin.first().mark, Bytes: r.end - x.finEnd})
		return
	default:
		c.finAgain(t, s, r, x, y)
	}
	x.fin.add(copyOf)
	if y.acked && y.rcvNxt >= x.finEnd && y.at(RcvFin).grade != confirmed {
		// Its acknowledgement was captured first.
		y.at(RcvFin).set(r.mark, confirmed)
		y.at(RcvFin).advance(y.rcvNxtAt)
		y.gotFinAck = r.ack
	}
}

func (c *connection) firstFin(t *Tracker, s *segment.Segment, r *reading, x, y *endpoint) {
	if !x.wholeUpTo(r.end - 1) {
		c.dataCount = 2 // what is missing below it was sent
	}
	if y.finEnd == 0 {
		c.finPhase = c.phase()
	}
	x.finEnd = r.end
	x.sndNxt = max(x.sndNxt, r.end)
	x.stats.FinSent = r.mark
	x.finPulled = r.ackPlace == ackNew || y.sndUna < y.sndNxt
	if y.finEnd != 0 {
		after, got := r.mark.At-y.fin.first().mark.At, x.at(RcvFin).grade == confirmed
		released := y.finPulled && after < 2*c.roundTrip()+firstResend
		again := !got && after >= firstResend || got && x.ackedFinAt == 0 // perhaps not its first copy
		x.queuedFin = released || again
	}
	c.dateFin(s, r, x, y)
	if x.wholeUpTo(r.end - 1) {
		y.at(RcvFin).set(r.mark, provisional)
	} else {
		c.note(t, s.Dir, Fact{Kind: FactFinWithHole, Mark: r.mark, Bytes: r.data.Start - x.stream.Next()})
	}
}

// dateFin places the sending of x's first captured FIN among x's other steps (R1, R4).
func (c *connection) dateFin(s *segment.Segment, r *reading, x, y *endpoint) {
	fin := x.at(SndFin)
	fin.set(r.mark, observed)
	if r.stale { // overtaken on the wire
		fin.advance(x.fresh)
	}
	if x.has(SndRst) {
		fin.advance(x.at(SndRst).mark)
	}
	got := x.at(RcvFin)
	if got.grade != confirmed || got.order > fin.order {
		return
	}
	// x acknowledged the peer's FIN before this passed. The FINs crossed all the same if this one, overtaken,
	// does not know the peer's; or if x stood behind its FIN already then: a first copy was lost before the tap.
	stoodBehind := x.ackedFinAt >= r.end && c.sentAgain(s, r, x)
	if r.ack < y.finEnd || stoodBehind {
		fin.order, fin.mark.At = got.order-1, min(fin.mark.At, got.mark.At)
		if stoodBehind {
			fin.grade = confirmed
		}
	}
}

// sentAgain reports whether s, a FIN, was sent after the segment by which x first acknowledged the
// peer's FIN, and not merely overtaken by it.
func (c *connection) sentAgain(s *segment.Segment, r *reading, x *endpoint) bool {
	if s.Options.Has&segment.OptTimestamps != 0 && x.stats.Timestamps {
		return seq.Num(x.ackedFinTS).Less(seq.Num(s.Options.TSVal))
	}
	return !r.stale && r.mark.At-x.rcvNxtAt.At > c.roundTrip()
}

// finAgain takes another copy of x's FIN.
func (c *connection) finAgain(t *Tracker, s *segment.Segment, r *reading, x, y *endpoint) {
	last := x.fin.last()
	gap := r.mark.At - last.mark.At
	// A tail loss probe (RFC 8985 7.3) may come after two round trips. The network's copy has the same timestamp;
	// and a stack that repeats its FIN in its next ACK acknowledges more.
	probe := last.hasTS && s.Options.Has&segment.OptTimestamps != 0 && seq.Num(last.tsVal).Less(seq.Num(s.Options.TSVal)) && r.ack == last.ack
	if gap >= minResend || probe {
		c.note(t, s.Dir, Fact{Kind: FactFinRetransmitted, Mark: r.mark, Cause: last.mark, Gap: gap})
		if s.PayloadLen == 0 {
			x.stats.RetransmittedPackets++
		}
	}
	// The network's copy of a FIN carries the timestamp of the original.
	networkCopy := false
	if s.Options.Has&segment.OptTimestamps != 0 {
		_, networkCopy = x.fin.stamped(s.Options.TSVal)
	}
	if !networkCopy {
		x.refuteFinAck(r.mark, c.roundTrip())
	}
	if got := y.at(RcvFin); got.grade != confirmed && x.wholeUpTo(x.finEnd-1) {
		got.set(r.mark, provisional)
	}
}

// answerFin takes what a segment of x tells of its receipt of y's FIN, and of
// y's receipt of the ACK.
func (c *connection) answerFin(t *Tracker, s *segment.Segment, r *reading, x, y *endpoint) {
	got := x.at(RcvFin)
	if r.ack < y.finEnd {
		if got.grade != confirmed && !r.stale {
			x.unaware = r.mark // R4
		}
		return
	}
	if got.grade != confirmed {
		if y.fin.n == 1 {
			x.ackedFinAt, x.ackedFinTS = r.pos, s.Options.TSVal
		}
		c.confirmFin(s, x, y)
	} else if s.PayloadLen == 0 && y.fin.n > 1 && y.fin.last().mark.Packet > x.reackAt.Packet && y.fin.last().mark.Packet > x.rcvNxtAt.Packet {
		// RFC 9293 3.10.7.4: a FIN again is acknowledged again and, in TIME_WAIT, restarts 2 MSL.
		x.reacks++
		x.reackAt = r.mark
		if x.has(RcvAckFin) && x.has(SndFin) {
			c.note(t, s.Dir, Fact{Kind: FactTimeWaitRestarted, Mark: r.mark, Cause: y.fin.last().mark})
		}
	}
	y.lastFinAck = r.mark
	if a := y.at(RcvAckFin); !a.happened() {
		a.set(r.mark, provisional)
	}
}

// confirmFin dates x's receipt of y's FIN, now that x acknowledged it (R2, R3, R4).
func (c *connection) confirmFin(s *segment.Segment, x, y *endpoint) {
	dsack := false
	if s.Options.SACKs > 0 { // RFC 2883: the first block reports what came twice
		b := s.Options.SACK[0]
		dsack = y.position(b.Right) == y.finEnd && y.position(b.Left) < y.finEnd && y.position(b.Right) <= y.position(s.Ack)
	}
	echo, hasEcho := s.Options.TSEcr, s.Options.Has&segment.OptTimestamps != 0 && y.fin.n > 1
	fin, ok := y.fin.effective(echo, hasEcho, dsack)
	if !ok {
		return
	}
	mark := fin.mark
	x.gotFinAck, x.gotLateFin = fin.ack, mark != y.fin.first().mark
	if y.filler.Packet > mark.Packet && !dsack { // the FIN overtook data: it counts when the hole is filled
		mark = y.filler
	}
	x.at(RcvFin).set(mark, confirmed)
	if x.unaware.Packet > mark.Packet {
		x.at(RcvFin).postpone(x.unaware)
	}
}

// inferFin looks, when all is said, for a FIN of y that the capture does not have: x, which closed too,
// acknowledged last of all one octet beyond everything that was captured of y.
func (c *connection) inferFin(t *Tracker, d segment.Direction) {
	x, y := &c.ends[d], &c.ends[d.Reverse()]
	end, at := x.rcvNxt, x.rcvNxtAt
	if x.ahead != 0 {
		end, at = x.ahead, x.aheadAt
	}
	lone := y.stats.Packets > 0 && end == max(y.dataEnd, 1)+1 || y.seenTo != 0 && end == y.seenTo+1
	opened := x.has(SndSyn) || y.has(SndSyn) // else the octet may have gone before the capture
	if x.finEnd == 0 || y.finEnd != 0 || !opened || !lone || y.sndNxt > end || x.wasReset() || y.wasReset() {
		return
	}
	if !x.has(RcvAckFin) {
		// y, if it was captured at all, acknowledged x's FIN in what is missing: x would have sent it again.
		if y.stats.Packets > 0 && (x.fin.n > 1 || c.cutAt-x.at(SndFin).mark.At < answerWithin) {
			return
		}
		x.at(RcvAckFin).set(at, provisional)
		x.at(RcvAckFin).advance(at)
	}
	y.finEnd = end
	for _, m := range []*milestone{y.at(SndFin), x.at(RcvFin)} {
		m.set(at, provisional)
		m.advance(at)
		if y.badFinEnd == end { // it was captured, damaged
			m.set(y.badFin, provisional)
		}
	}
	y.at(RcvAckFin).set(at, provisional)
	if !y.has(RcvFin) { // with a hole below it, as far as the capture goes
		y.at(RcvFin).set(x.at(SndFin).mark, provisional)
	}
	if y.badFinEnd != end {
		y.finUnseen = true
		y.stats.UnseenAcks++
		c.note(t, d, Fact{Kind: FactAckOfUnseen, Mark: at, Bytes: 1})
	}
}

// fillBelowFin takes data of x below its own FIN: the FIN may have waited for them.
func (c *connection) fillBelowFin(r *reading, x, y *endpoint) {
	if y.acked && y.rcvNxt >= r.data.End {
		return
	}
	x.filler = r.mark
	if got := y.at(RcvFin); !got.happened() && x.wholeUpTo(x.finEnd-1) {
		got.set(r.mark, provisional)
	}
}

// beyondFin takes octets that x sent after its own FIN (RFC 9293 3.6: none may follow).
func (c *connection) beyondFin(t *Tracker, s *segment.Segment, r *reading, x *endpoint) Note {
	c.note(t, s.Dir, Fact{Kind: FactDataAfterOwnFin, Mark: r.mark, Cause: x.at(SndFin).mark, Bytes: r.data.End - max(r.data.Start, x.finEnd-1)})
	x.refused = r.mark
	return NoteIgnored
}

// dataAfterPeerFin takes new data of x after y's FIN had passed: a half-close in
// use, or data that meet a closed socket.
func (c *connection) dataAfterPeerFin(t *Tracker, s *segment.Segment, r *reading, x, y *endpoint) {
	fin := y.at(SndFin).mark
	c.note(t, s.Dir, Fact{Kind: FactDataAfterPeerFin, Mark: r.mark, Cause: fin, Bytes: r.data.Len()})
	if x.at(RcvFin).grade == confirmed && !x.halfClosed {
		x.halfClosed = true
		c.note(t, s.Dir, Fact{Kind: FactHalfCloseData, Mark: r.mark, Cause: fin, Bytes: r.data.Len()})
	}
}
