package tracker

import "github.com/tcplife/tcplife/internal/segment"

// certainty grades a transition.
func (c *connection) certainty(s *step, d segment.Direction, from State) Certainty {
	e := &c.ends[d]
	switch s.event {
	case SndSyn:
		if c.tentative {
			return Assumed // a blind SYN into the connection before looks the same
		}
	case SndRst:
		// A bare RST could be anybody's; one with the right ACK number needs the connection.
		switch r := c.resetOf(e.ownReset); {
		case e.finDenied:
			return Assumed
		case r == nil:
			return Inferred
		case r.Class == ResetInWindow, !e.wholeUpTo(e.resetAt):
			return Assumed // what lies below it was sent, and may have been a FIN
		case r.Form != FormActive:
			return Inferred
		case e.has(SndFin) && e.at(RcvAckFin).grade == provisional && c.closeTogether(e, RcvAckFin, SndRst):
			return Assumed // the ACK of its FIN may have been on its way
		}
		return Observed
	case SndFin:
		switch {
		case c.ends[d.Reverse()].stats.Packets == 0, // a FIN of the peer would not have been captured
			from == Established && c.mayHaveClosed(d.Reverse()),
			from == Established && (c.simultaneous || c.fastOpen) && e.at(RcvAckSyn).grade == provisional, // CLOSE in SYN_RCVD looks the same
			from == CloseWait && e.queuedFin:                                                              // close() may have come before the peer's FIN, while data were in the way
			return Assumed
		case from == Established && e.finEnd <= 2 && c.closeTogether(e, SndFin, RcvAckSyn):
			return Inferred // as a user does; RFC 9293 3.10.4 knows CLOSE in SYN_RCVD
		case from == CloseWait:
			return Inferred // the FIN is observed; that the peer's had come before, its ACK number says
		}
	case RcvFin:
		switch {
		case e.finEnd == 0 && !e.wholeUpTo(e.sndNxt), // the hole may be its own FIN, sent before
			e.queuedFin && !e.crossedFins(), e.gotLateFin,
			e.crossedFins() && c.closeTogether(e, RcvFin, RcvAckFin):
			return Assumed
		}
	case RcvAckFin:
		switch {
		case e.has(RcvFin) && e.at(RcvFin).grade == confirmed && e.gotFinAck >= e.finEnd && !e.gotLateFin:
			return Inferred // the FIN it received acknowledged its own, if nothing before did
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

// resetOf returns what the RST fact at index-1 tells, nil without one.
func (c *connection) resetOf(index int) *Reset {
	if index == 0 {
		return nil
	}
	return &c.facts[index-1].Reset
}

// mayHaveClosed reports whether the end that sends in direction d may have sent a FIN that was not
// captured: its peer acknowledges more than all that was captured of it.
func (c *connection) mayHaveClosed(d segment.Direction) bool {
	e, peer := &c.ends[d], &c.ends[d.Reverse()]
	return e.finEnd == 0 && e.isnKnown && max(peer.rcvNxt, peer.ahead) > max(e.dataEnd, 1)
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
