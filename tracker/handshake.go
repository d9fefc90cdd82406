package tracker

import "github.com/tcplife/tcplife/internal/segment"

// onSyn takes a SYN without ACK from x.
func (c *connection) onSyn(t *Tracker, s *segment.Segment, x, y *endpoint) Note {
	m := markOf(s)
	if !x.based {
		x.begin(s.Seq, true)
	}
	if x.syn.n > 0 && x.at(RcvSynAck).grade == confirmed {
		// The SYN of an open connection again: the peer answers with a challenge ACK.
		x.refused = m
		return NoteIgnored
	}
	x.isnKnown = true
	x.sndNxt = max(x.sndNxt, 1)
	x.wnd, x.maxWnd = WindowBytes(s.Window), max(x.maxWnd, WindowBytes(s.Window))
	if !c.openerKnown {
		c.opener, c.openerKnown, c.sawStart = s.Dir, true, true
	}
	if c.directionBy != DirectionBySyn && !y.has(SndSyn) { // a SYN outranks what was guessed before it
		c.opener, c.openerKnown, c.sawStart, c.directionBy = s.Dir, true, true, DirectionBySyn
	}
	var note Note
	if last := x.syn.last(); last != nil {
		c.goesOnTrying(m, x)
		c.note(t, s.Dir, Fact{Kind: FactSynRetransmitted, Mark: m, Cause: last.mark, Gap: m.At - last.mark.At})
		c.handshake.SynRetries++
		x.stats.RetransmittedPackets++
		note = NoteRetransmission
		if c.tentative && m.At-last.mark.At >= minResend {
			c.confirm() // whoever forges a SYN does not wait and repeat it
		}
	} else {
		x.stats.readSynOptions(s)
		x.at(SndSyn).set(m, observed)
		if y.syn.n > 0 && y.synAck.n == 0 && x.synAck.n == 0 {
			c.simultaneous = true
		}
	}
	x.syn.add(transmission{mark: m, tsVal: s.Options.TSVal, hasTS: s.Options.Has&segment.OptTimestamps != 0})
	x.lastSyn = m
	c.handshake.Syn = x.syn.first().mark
	if !c.tentative && c.previous != nil {
		c.confirm()
	}
	return note
}

// onSynAck takes a SYN-ACK from x, which answers a SYN of y.
func (c *connection) onSynAck(t *Tracker, s *segment.Segment, x, y *endpoint) Note {
	m := markOf(s)
	if y.based && y.has(SndSyn) {
		if ack := y.position(s.Ack); ack < 1 || ack > max(y.sndNxt, 1) {
			// RFC 9293 3.10.7.3, first check: y answers by a RST and stays where it is.
			c.note(t, s.Dir, Fact{Kind: FactSynAckWrongAck, Mark: m, Bytes: ack - 1})
			x.refused = m
			y.stray, y.strayN, y.strayOld = m, ack, false
			return NoteIgnored
		}
	}
	if !x.isnKnown && !y.has(SndSyn) && (x.dataEnd > 0 || y.dataEnd > 0 || x.finEnd != 0 || y.finEnd != 0) {
		return NoteIgnored // a late copy: the connection was open when the capture began
	}
	if x.isnKnown && x.base != s.Seq {
		if y.at(RcvSynAck).grade == confirmed {
			x.refused = m
			return NoteIgnored
		}
		c.note(t, s.Dir, Fact{Kind: FactSynAckISNChanged, Mark: m, Cause: x.at(RcvSyn).mark})
		x.begin(s.Seq, true)
		x.synAck = copies{}
	}
	if !x.isnKnown && (!x.based || x.base != s.Seq) { // based on a stray before, if at all
		if x.based && y.has(SndSyn) && !y.acked {
			x.disown(y)
		}
		x.begin(s.Seq, true)
	}
	if c.refusedBy.Seen() { // the same SYN again was accepted: that RST refused nothing for good
		c.refusedBy, c.refuser = Mark{}, NoCloser
		if y.teardown != nil {
			y.at(RcvICMP).withdraw()
		}
		c.setEffect(y.resetFact, EffectRefuted)
		y.at(RcvRst).withdraw()
		y.resetFact = 0
	}
	x.isnKnown = true
	x.sndNxt = max(x.sndNxt, 1)
	x.wnd, x.maxWnd = WindowBytes(s.Window), max(x.maxWnd, WindowBytes(s.Window))
	if !y.based {
		y.begin(s.Ack.Back(1), true) // its ISN is one below, unless it sent data in the SYN
		y.sndNxt = 1
	}
	if !y.has(SndSyn) { // the SYN was not captured: it was sent before this
		y.at(SndSyn).set(m, confirmed)
		y.at(SndSyn).advance(m)
		c.sawStart = t.now-t.start > startGrace
	}
	if !c.openerKnown {
		c.opener, c.openerKnown, c.directionBy = s.Dir.Reverse(), true, DirectionBySynAck
	}
	ack := y.position(s.Ack)
	y.sndUna = max(y.sndUna, ack)
	if y.sndUna > 1 && y.stats.PayloadBytes > 0 && !y.has(RcvSynAck) {
		c.fastOpen = true
	}
	x.acked, x.rcvNxt, x.rcvNxtAt = true, max(x.rcvNxt, ack), m

	var note Note
	if last := x.synAck.last(); last != nil {
		c.goesOnTrying(m, x)
		c.note(t, s.Dir, Fact{Kind: FactSynAckRetransmitted, Mark: m, Cause: last.mark, Gap: m.At - last.mark.At})
		c.handshake.SynAckRetries++
		x.stats.RetransmittedPackets++
		note = NoteRetransmission
		// R5: the ACK that had passed did not arrive, or was not taken.
		if a := x.at(RcvAckSyn); a.grade == provisional && m.At-a.mark.At > c.roundTrip() {
			c.note(t, s.Dir, Fact{Kind: FactAckIgnored, Mark: m, Cause: a.mark, Gap: m.At - a.mark.At})
			a.withdraw()
			x.ackIgnored = true
		}
	} else {
		x.stats.readSynOptions(s)
		c.receivedSyn(s, m, x, y)
	}
	x.synAck.add(transmission{mark: m, tsVal: s.Options.TSVal, hasTS: s.Options.Has&segment.OptTimestamps != 0})
	c.handshake.SynAck = x.synAck.first().mark
	if old := c.previous; old != nil {
		c.confirm()
		old.beginTeardown()
		if e := &old.ends[s.Dir]; !e.has(Replace) {
			if old.inTimeWait() {
				c.note(t, s.Dir, Fact{Kind: FactTimeWaitReused, Mark: m, Cause: c.first})
			}
			e.at(Replace).set(m, confirmed)
		}
	}
	return note
}

// disown takes back what e seemed to have sent before its SYN-ACK, with other numbers:
// peer, in SYN_SENT, dropped it and did not even look at a FIN (RFC 9293 3.10.7.3, fifth
// check; 3.10.7.4, eighth).
func (e *endpoint) disown(peer *endpoint) {
	e.dataEnd, e.newDataAt, e.stats.StreamBytes = 0, Mark{}, 0
	if e.finEnd == 0 {
		return
	}
	e.finEnd, e.fin, e.stats.FinSent = 0, copies{}, Mark{}
	e.at(SndFin).withdraw()
	peer.at(RcvFin).withdraw()
}

// receivedSyn dates the receipt of y's SYN that x's first SYN-ACK proves (R1, R3).
func (c *connection) receivedSyn(s *segment.Segment, m Mark, x, y *endpoint) {
	r := x.at(RcvSyn)
	if syn, ok := y.syn.effective(s.Options.TSEcr, s.Options.Has&segment.OptTimestamps != 0, false); ok {
		r.set(syn.mark, confirmed)
	} else {
		r.set(m, confirmed)
		r.advance(m)
	}
	if own := x.syn.first(); own != nil { // simultaneous open: its own SYN went first
		r.postpone(own.mark)
	}
}

// onHandshakeAck takes what an ordinary segment of x, acknowledging y's SYN, tells of the opening.
func (c *connection) onHandshakeAck(s *segment.Segment, r *reading, x, y *endpoint) {
	rst := s.Flags.Has(segment.RST)
	opened := x.at(RcvSynAck)
	if x.has(SndSyn) && !x.has(RcvSyn) && opened.grade != confirmed && y.based && !rst {
		echo, hasEcho := s.Options.TSEcr, s.Options.Has&segment.OptTimestamps != 0
		if synAck, ok := y.synAck.effective(echo, hasEcho, false); ok {
			opened.set(synAck.mark, confirmed)
			opened.postpone(x.lastSyn)
			c.handshake.SynAckTaken = synAck.mark
		} else { // the SYN-ACK was not captured
			opened.set(r.mark, confirmed)
			opened.advance(r.mark)
			if syn := x.syn.last(); syn != nil && !y.has(RcvSyn) && !y.has(SndSyn) {
				y.at(RcvSyn).set(syn.mark, confirmed)
				y.at(RcvAckSyn).set(r.mark, provisional)
				c.handshake.Ack = r.mark
			}
		}
	}
	if a := y.at(RcvAckSyn); (y.synAck.n > 0 || c.simultaneous) && r.ack >= 1 && !a.happened() && !rst {
		a.set(r.mark, provisional)
		if syn := x.syn.last(); syn != nil && syn.hasTS && s.Options.Has&segment.OptTimestamps != 0 {
			y.openTS, y.openDated = s.Options.TSVal, int32(s.Options.TSVal-syn.tsVal) > 0
		}
		if !c.handshake.Ack.Seen() {
			c.handshake.Ack = r.mark
			c.measure(x, y)
		}
	}
}

// opened reports whether e's own segments have proved its opening: that stands for good.
func (e *endpoint) opened() bool {
	return e.at(RcvSynAck).grade == confirmed && !e.has(RcvSyn) || e.at(RcvAckSyn).grade == confirmed
}

// confirmOpen takes what an ordinary segment of x tells of x's own opening: in
// SYN_RCVD it could not have sent it. A bare ACK of the SYN alone it could: it answers a SYN
// that came twice (RFC 9293 3.10.7.4).
func (c *connection) confirmOpen(s *segment.Segment, r *reading, x, y *endpoint) {
	a := x.at(RcvAckSyn)
	switch {
	case !x.has(RcvSyn) || a.grade == confirmed:
	case c.fastOpen, c.simultaneous && s.PayloadLen == 0:
		x.confirmEarly(s, r, c.roundTrip())
	case a.happened() && (s.PayloadLen > 0 || r.ack > 1 || r.pos > 1 || s.Flags.Has(segment.FIN)):
		a.grade = confirmed
	case a.happened():
	case s.PayloadLen > 0 || r.ack > 1: // a FIN alone may be sent in SYN_RCVD (RFC 9293 3.10.4)
		a.set(r.mark, confirmed)
		a.advance(r.mark)
		if opened := y.at(RcvSynAck); y.has(SndSyn) && !y.has(RcvSyn) && !opened.happened() && x.synAck.n > 0 {
			opened.set(x.synAck.first().mark, confirmed) // the ACK that was not captured answered the SYN-ACK
		}
	}
}

// confirmEarly is confirmOpen where SYN_RCVD is open to the user: whoever opens at the same time
// may close in it (RFC 9293 3.10.4), and the server of a Fast Open may send data too (RFC 7413 4.2).
func (e *endpoint) confirmEarly(s *segment.Segment, r *reading, roundTrip int64) {
	a := e.at(RcvAckSyn)
	echoes := e.openDated && s.Options.Has&segment.OptTimestamps != 0
	switch {
	case !a.happened():
	case echoes && int32(e.openTS-s.Options.TSEcr) > 0:
		a.postpone(r.mark) // it still echoes the SYN
	case e.has(SndFin): // nothing tells which of the two came first
	case echoes, r.mark.At-a.mark.At > roundTrip:
		a.grade = confirmed
	}
}

// acksSyn reports whether s acknowledges the SYN of y, or data on it.
func (c *connection) acksSyn(s *segment.Segment, y *endpoint) bool {
	ack := y.position(s.Ack)
	return ack >= 1 && ack <= y.sndNxt
}

// strayAck takes an ACK that reaches y in SYN_SENT and acknowledges none of its
// SYNs: the peer still has an old connection. y answers by a RST at that very
// number and stays where it is (RFC 9293 3.5.1, 3.10.7.3).
func (c *connection) strayAck(t *Tracker, s *segment.Segment, x, y *endpoint) Note {
	m := markOf(s)
	c.note(t, s.Dir, Fact{Kind: FactChallengeAck, Mark: m, Cause: y.lastSyn})
	y.stray, y.strayN, y.strayOld = m, y.position(s.Ack), true
	x.refused = m
	x.lastAt = s.Time
	return NoteIgnored | NoteChallengeAck
}

// measure takes the round trip from the handshake: the copies that belong together.
func (c *connection) measure(x, y *endpoint) {
	syn, synAck := x.syn.last(), y.synAck.last()
	if syn == nil || synAck == nil {
		return
	}
	if mark := y.at(RcvSyn).mark; mark.Seen() && mark.Packet < y.synAck.first().mark.Packet {
		c.handshake.Syn = mark
	}
	x.answered(c.handshake.Ack.At - synAck.mark.At)
	y.answered(y.synAck.first().mark.At - c.handshake.Syn.At)
	// Which of several copies belong together only timestamps tell.
	unique := x.syn.n == 1 && y.synAck.n == 1 || x.stats.Timestamps && y.stats.Timestamps
	if rtt := c.handshake.Ack.At - c.handshake.Syn.At; rtt > 0 && unique {
		c.rtt = rtt
	}
}

// answered takes a sample of how long an end took to answer, the way there and back included.
func (e *endpoint) answered(after int64) {
	if after >= 0 && (e.turnaround == 0 || after < e.turnaround) {
		e.turnaround = after
	}
}

// readSynOptions takes what SYN and SYN-ACK negotiate.
func (e *Endpoint) readSynOptions(s *segment.Segment) {
	o := &s.Options
	e.ISNKnown, e.ISN = true, uint32(s.Seq)
	e.HasMSS, e.MSS = o.Has&segment.OptMSS != 0, o.MSS
	e.HasWindowScale, e.WindowScale = o.Has&segment.OptWindowScale != 0, o.WindowScale
	e.SACKPermitted = o.Has&segment.OptSACKPermitted != 0
	e.Timestamps = o.Has&segment.OptTimestamps != 0
	e.MPTCP, e.FastOpen = o.Has&segment.OptMPTCP != 0, o.Has&segment.OptFastOpen != 0
	e.Authenticated = o.Has&segment.OptMD5 != 0
	e.ECN = asksForECN(s.Flags)
}

// asksForECN reports whether a SYN offers ECN, or a SYN-ACK takes it (RFC 3168 6.1.1, RFC 9768 3.1.1). A SYN-ACK with all of the SYN's
// bits was made by someone who reflects them.
func asksForECN(f segment.Flags) bool {
	bits := f & (segment.ECE | segment.CWR | segment.AE)
	if f.Has(segment.ACK) {
		return bits != 0 && bits != segment.ECE|segment.CWR && bits != segment.ECE|segment.CWR|segment.AE
	}
	return bits.Has(segment.ECE | segment.CWR)
}
