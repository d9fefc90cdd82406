package tracker

import "github.com/tcplife/tcplife/internal/segment"

// acknowledgeSyn moves what a SYN-ACK acknowledges.
func (c *connection) acknowledgeSyn(r *reading, y *endpoint) {
	if r.ackPlace == ackNew {
		y.sndUna = r.ack
		y.stream.Ack(r.ack)
	}
}

// acknowledge takes the ACK of an acceptable segment.
func (c *connection) acknowledge(t *Tracker, s *segment.Segment, r *reading, x, y *endpoint) Note {
	var note Note
	switch r.ackPlace {
	case ackNew:
		note = c.advanceUna(t, s, r, x, y)
	case ackAhead:
		// Once it may be forged; twice, or with the numbers going on, octets passed that
		// the capture does not have.
		if !y.isnKnown && (y.stats.Packets == 1 || !x.acked) && y.stats.PayloadBytes == 0 && y.finEnd == 0 && r.ack == y.sndNxt+1 {
			// What began the capture was a keep-alive, one below SND.NXT, or several: nothing is missing.
			y.sndNxt, y.sndUna = r.ack, r.ack
			y.stream.Begin(r.ack)
			break
		}
		if r.ack != x.ahead {
			y.seenTo = y.sndNxt
		}
		if x.ahead != 0 && r.ack >= x.ahead {
			y.sndNxt = r.ack
			c.dataCount = 2
			note = c.advanceUna(t, s, r, x, y)
		} else {
			x.ahead, x.aheadAt = r.ack, r.mark
		}
		note |= NoteUnseenAck
	case ackOld:
		note = c.challenge(t, s, r, x, y)
	case ackNone, ackAbsurd:
	}
	if r.ackPlace != ackAhead && (!x.acked || r.ack > x.rcvNxt) {
		x.acked, x.rcvNxt, x.rcvNxtAt = true, r.ack, r.mark
	}
	return note
}

// advanceUna takes an acknowledgement of something new.
func (c *connection) advanceUna(t *Tracker, s *segment.Segment, r *reading, x, y *endpoint) Note {
	if r.ack == y.sndNxt && y.newDataAt.Seen() && y.finEnd == 0 {
		x.answered(s.Time - y.newDataAt.At)
	}
	y.judgeResent(s, r, x)
	x.ackedBefore = x.rcvNxt
	y.sndUna = r.ack
	y.oldestSent, y.oldestAt, y.oldestGap = 1, s.Time, 0
	x.acked, x.rcvNxt, x.rcvNxtAt = true, max(x.rcvNxt, r.ack), r.mark
	x.ahead = 0
	upTo := r.ack
	if y.finEnd != 0 && upTo >= y.finEnd {
		upTo = y.finEnd - 1
	}
	if unseen := y.stream.Ack(upTo); unseen > 0 {
		y.stats.UnseenAcks++
		c.dataCount = 2
		c.note(t, s.Dir, Fact{Kind: FactAckOfUnseen, Mark: r.mark, Bytes: unseen})
		return NoteUnseenAck
	}
	return 0
}

// challenge recognises a challenge ACK (RFC 5961): a bare ACK of what was acknowledged
// before, right after a segment of the peer that had to be refused.
func (c *connection) challenge(t *Tracker, s *segment.Segment, r *reading, x, y *endpoint) Note {
	if !y.refused.Seen() || s.PayloadLen > 0 || r.pos != x.sndNxt || s.Time-y.refused.At > c.roundTrip() {
		return 0
	}
	c.note(t, s.Dir, Fact{Kind: FactChallengeAck, Mark: r.mark, Cause: y.refused})
	c.challenged(y)
	y.refused = Mark{}
	return NoteChallengeAck
}
