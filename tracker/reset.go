package tracker

import "github.com/tcplife/tcplife/internal/segment"

// onRst takes a RST of x to y.
func (c *connection) onRst(t *Tracker, s *segment.Segment, r *reading, x, y *endpoint) Note {
	f := Fact{Kind: FactRst, Mark: r.mark, Reset: Reset{
		Class: c.resetClass(r, x, y), Form: resetForm(s, r, x, y), Phase: c.phase(), SinceData: -1,
		Unacked: max(0, y.sndNxt-max(x.rcvNxt, y.sndUna)), PeerUnacked: max(0, x.sndNxt-x.sndUna),
	}}
	if y.newDataAt.Seen() {
		f.Cause = y.newDataAt
		f.Reset.SinceData = s.Time - y.newDataAt.At
	}
	if x.stray.Seen() && x.at(RcvSynAck).grade != confirmed && r.pos == x.strayN {
		c.note(t, s.Dir, f)
		if x.strayOld {
			c.note(t, s.Dir, Fact{Kind: FactHalfOpen, Mark: r.mark, Cause: x.stray})
		}
		return 0
	}
	if c.inSynSent(y, x) {
		return c.refuse(t, s, r, f, x, y)
	}
	index := c.note(t, s.Dir, f)
	class := f.Reset.Class
	if class == ResetBelow && y.acked && r.pos == y.ackedBefore && f.Reset.Form != FormActive {
		// It answers what y sent a moment ago: too late to reset y, but true of its sender.
		c.resetAfterFin(s, r, x, y)
		c.sentReset(r, index, x)
	}
	if class == ResetBelow || class == ResetAbove || class == ResetInWindow && !c.mayHaveMissed(x) {
		// Not at the number its sender stands at: a stray or forged one says nothing of either end.
		x.refused = r.mark
		return NoteIgnored
	}
	y.believe(s, t.cfg.MaxRanges) // what it acknowledges was not damaged
	c.resetAfterFin(s, r, x, y)
	x.aborted = x.aborted || f.Reset.Form == FormActive
	if c.sendsReset(r, x) {
		c.sentReset(r, index, x)
	}
	if class == ResetInWindow {
		x.refused = r.mark
	}
	if got := y.at(RcvRst); !got.happened() && !y.has(SndRst) {
		heldTimeWait := y.inTimeWait()
		got.set(r.mark, provisional)
		y.resetFact, y.resetBy = index, max(r.pos, x.sndNxt)
		c.setEffect(index, EffectClosed)
		if heldTimeWait {
			c.note(t, s.Dir.Reverse(), Fact{Kind: FactTimeWaitReset, Mark: r.mark})
		}
	}
	return 0
}

// mayHaveMissed reports whether the distance of an inexact RST may be octets of x that the
// capture does not have: not before the connection is open, and not behind x's FIN, where there are none.
func (c *connection) mayHaveMissed(x *endpoint) bool {
	a, b := &c.ends[0], &c.ends[1]
	opening := (a.has(SndSyn) || b.has(SndSyn)) && !a.has(RcvSynAck) && !b.has(RcvSynAck) && !a.has(RcvAckSyn) && !b.has(RcvAckSyn)
	return x.finEnd == 0 && !opening
}

// sentReset records that x aborted, or was not there (R7).
func (c *connection) sentReset(r *reading, index int, x *endpoint) {
	if !x.has(SndRst) {
		x.at(SndRst).set(r.mark, observed)
		x.ownReset, x.resetAt, x.resetTop = index, r.pos, max(r.pos, x.sndNxt)
	}
}

// inSynSent reports whether e waits for the answer to its SYN.
func (c *connection) inSynSent(e, peer *endpoint) bool {
	return e.syn.n > 0 && e.at(RcvSynAck).grade != confirmed && peer.synAck.n == 0 && !e.has(RcvSyn)
}

// refuse takes a RST to an endpoint in SYN_SENT: it counts only if it acknowledges the SYN
// (RFC 9293 3.10.7.3, second check; R6c).
func (c *connection) refuse(t *Tracker, s *segment.Segment, r *reading, f Fact, x, y *endpoint) Note {
	valid := s.Flags.Has(segment.ACK) && r.ack >= 1 && r.ack <= y.sndNxt
	if valid {
		f.Reset.Class, f.Reset.Effect = ResetExact, EffectClosed
	}
	index := c.note(t, s.Dir, f)
	if !valid {
		x.refused = r.mark
		return NoteIgnored
	}
	if !y.has(RcvRst) {
		y.at(RcvRst).set(r.mark, provisional)
		y.resetFact = index
		c.refusedBy = r.mark
	}
	if x.has(SndSyn) {
		c.sentReset(r, index, x) // it had sent a SYN of its own, and has no connection any more
	}
	if c.tentative {
		c.confirm()
	}
	return 0
}

// resetClass places a RST in its receiver's window (RFC 9293 3.10.7.4, RFC 5961 3.2). The tap knows RCV.NXT
// only between what the receiver acknowledged and what was sent to it: exact is any number in between.
func (c *connection) resetClass(r *reading, x, y *endpoint) ResetClass {
	if !x.based || (!y.acked && !y.has(SndSyn) && !y.has(RcvSyn)) {
		return ResetUnknown
	}
	low := x.sndUna
	if y.acked {
		low = max(low, y.rcvNxt)
	}
	if y.has(RcvSyn) || y.has(RcvSynAck) {
		low = max(low, 1)
	}
	switch {
	case r.pos >= low && r.pos <= max(low, x.sndNxt):
		return ResetExact
	case r.pos < low:
		return ResetBelow
	case r.pos < low+int64(max(y.wnd, 1)):
		return ResetInWindow
	default:
		return ResetAbove
	}
}

// resetForm tells by its shape what stood behind a RST (RFC 9293 3.10.7.1, 3.10.5).
func resetForm(s *segment.Segment, r *reading, x, y *endpoint) ResetForm {
	switch ack := s.Flags.Has(segment.ACK); {
	case ack && s.Seq == 0 && x.stats.Packets == x.stats.Rst:
		return FormRefusal
	case ack:
		return FormActive
	case r.pos == y.rcvNxt && y.acked || r.pos == x.sndNxt:
		return FormReply
	default:
		return FormOther
	}
}

// sendsReset reports whether a RST of x means that x has no connection any more (R7). In SYN_SENT a RST refuses
// a stray ACK and changes nothing, unless it answers the SYN-ACK itself: then x had given up before (R9).
func (c *connection) sendsReset(r *reading, x *endpoint) bool {
	if x.has(SndSyn) && x.at(RcvSynAck).grade != confirmed && !x.has(RcvSyn) && x.syn.n > 0 {
		return r.pos == 1 || r.pos == x.sndNxt
	}
	return true
}

// resetAfterFin takes what x's RST tells of its receipt of y's FIN: with an ACK it says
// so (R2, R4); without, it answers for a socket that is not there and never took the FIN (R9).
func (c *connection) resetAfterFin(s *segment.Segment, r *reading, x, y *endpoint) {
	got := x.at(RcvFin)
	switch {
	case y.finEnd == 0, got.grade == confirmed:
	case x.has(RcvRst) && !s.Flags.Has(segment.ACK): // a RST behind the FIN closed it: that there is no socket now tells nothing
	case s.Flags.Has(segment.ACK) && r.ack >= y.finEnd:
		c.confirmFin(s, x, y)
	default:
		x.finDenied = got.happened() && !s.Flags.Has(segment.ACK) && r.mark.At-got.mark.At > c.roundTrip()
		got.withdraw()
	}
}

// goesOn takes what an ordinary segment of x tells of the RSTs that passed before it
// (R6b, R7).
func (c *connection) goesOn(t *Tracker, r *reading, s *segment.Segment, x *endpoint) {
	if r.stale || x.teardown == nil {
		return
	}
	if got := x.at(RcvRst); got.happened() {
		inexact := x.resetFact > 0 && c.facts[x.resetFact-1].Reset.Class == ResetInWindow
		heardMore := s.Flags.Has(segment.ACK) && r.ack > x.resetBy              // it took what the peer sent behind the RST
		challenged := inexact && s.PayloadLen == 0 && !s.Flags.Has(segment.FIN) // by a bare ACK, or so it looks
		if challenged || heardMore || r.mark.At-got.mark.At > 2*c.roundTrip() { // twice, for what waited in queues
			c.setEffect(x.resetFact, EffectRefuted)
			c.note(t, s.Dir, Fact{Kind: FactRetracted, Mark: r.mark, Cause: got.mark, To: Closed})
			got.withdraw()
			x.resetFact = 0
		} else {
			got.postpone(r.mark) // R4: sent before the RST came
		}
	}
	if sent := x.at(SndRst); sent.happened() && (r.end > x.resetTop || r.mark.At-sent.mark.At > c.roundTrip()) {
		if x.ownReset > 0 {
			c.facts[x.ownReset-1].Reset.SenderGoesOn = true
		}
		c.note(t, s.Dir, Fact{Kind: FactRetracted, Mark: r.mark, Cause: sent.mark, To: Closed})
		sent.withdraw()
		x.ownReset = 0
	}
}

// challenged marks y's last RST, if there was one in the window, as answered by a challenge ACK.
func (c *connection) challenged(y *endpoint) {
	for i := len(c.facts) - 1; i >= 0; i-- {
		if f := &c.facts[i]; f.Kind == FactRst && f.Mark == y.refused {
			f.Reset.Effect = EffectChallenged
			return
		}
	}
}

func (c *connection) setEffect(index int, e ResetEffect) {
	if index > 0 {
		c.facts[index-1].Reset.Effect = e
	}
}

// inTimeWait reports whether the milestones so far leave e in TIME_WAIT.
func (e *endpoint) inTimeWait() bool {
	return e.has(SndFin) && e.has(RcvAckFin) && e.at(RcvFin).grade == confirmed && !e.wasReset() &&
		e.at(SndFin).order < e.at(RcvFin).order
}
