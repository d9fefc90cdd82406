package tracker

import "github.com/tcplife/tcplife/internal/segment"

// incarnationFor finds the connection a segment belongs to, or opens one.
// The same SYN again is the same connection; a SYN with another ISN is judged by
// what it meets; all else goes to the incarnation whose numbers it fits
// (R8). Idle alone never splits a connection.
func (t *Tracker) incarnationFor(s *segment.Segment, hash uint64) *connection {
	c := t.current(s, hash)
	if c == nil {
		return t.open(s, nil, hash)
	}
	synOnly := s.Flags&(segment.SYN|segment.ACK|segment.RST) == segment.SYN
	if synOnly {
		return t.forSyn(c, s, hash)
	}
	old := c.previous
	if old == nil {
		return t.revived(c, s, hash)
	}
	if old.isOwnerOf(s, c) {
		t.learnFromOld(c, old, s, hash)
		return old
	}
	return c
}

// current returns the latest incarnation of the segment's 4-tuple, after letting
// go of those whose time was over before the segment came.
func (t *Tracker) current(s *segment.Segment, hash uint64) *connection {
	c := t.latest(hash, s)
	for c != nil && c.deadline != 0 && s.Time > c.deadline && !(c.unanswered() && c.answers(s)) { // an answer is one, whatever a clock says
		t.lapse(c)
		c = t.latest(hash, s)
	}
	if c != nil && c.previous != nil && c.previous.deadline != 0 && s.Time > c.previous.deadline {
		t.lapse(c.previous)
	}
	return c
}

// forSyn judges a SYN without ACK.
func (t *Tracker) forSyn(c *connection, s *segment.Segment, hash uint64) *connection {
	x, y := &c.ends[s.Dir], &c.ends[s.Dir.Reverse()]
	switch {
	case x.based && s.Seq == x.base:
		return c // the same SYN again, or one the capture shows late
	case c.previous != nil && c.previous.ends[s.Dir].based && c.previous.ends[s.Dir].base == s.Seq:
		return c.previous // an old duplicate
	case !x.based && y.syn.n > 0 && !c.over():
		return c // simultaneous open: both sent a SYN
	}
	// A SYN the receiver must answer by a challenge ACK if the old connection lives
	// (RFC 9293 3.10.7.4, fourth check; RFC 5961 section 4).
	closed := c.refusedBy.Seen() || c.ends[0].wasReset() || c.ends[1].wasReset() || c.ends[0].done() && c.ends[1].done()
	alive := !closed && !c.onlySyns()
	x.refused = markOf(s)
	closedAt := c.closedAt()
	n := t.open(s, c, hash)
	n.tentative = alive
	n.lastClosed = closedAt
	if c.onlySyns() && !c.over() {
		n.note(t, s.Dir, Fact{Kind: FactReplacedAttempt, Mark: markOf(s), Cause: c.first})
	}
	if c.inTimeWait() && n.previous != nil {
		n.note(t, s.Dir, Fact{Kind: FactSynIntoTimeWait, Mark: markOf(s), Cause: c.last})
		c.note(t, s.Dir, Fact{Kind: FactSynIntoTimeWait, Mark: markOf(s), Cause: c.last})
	}
	return n
}

// onlySyns reports whether c never got an answer to its SYN.
func (c *connection) onlySyns() bool {
	a, b := &c.ends[0], &c.ends[1]
	return a.stats.Packets == a.stats.Syn && b.stats.Packets == 0 || b.stats.Packets == b.stats.Syn && a.stats.Packets == 0
}

// over reports whether a new connection may follow c: it was refused or reset, or
// both ends sent their FIN.
func (c *connection) over() bool {
	a, b := &c.ends[0], &c.ends[1]
	return c.refusedBy.Seen() || a.wasReset() || b.wasReset() || a.finEnd != 0 && b.finEnd != 0
}

// closedAt is when the last thing happened that closes c, 0 if it is not closed.
func (c *connection) closedAt() int64 {
	if !c.over() {
		return 0
	}
	return c.last.At
}

// revived lets a new connection begin where a SYN-ACK cannot belong to the closed
// one: its SYN was not captured. One that acknowledges the closed one's SYN answers
// that, by whatever machine (a farm, a SYN cookie).
func (t *Tracker) revived(c *connection, s *segment.Segment, hash uint64) *connection {
	y := &c.ends[s.Dir.Reverse()]
	answersOld := y.isnKnown && y.position(s.Ack) == 1
	if s.Flags&(segment.SYN|segment.ACK|segment.RST) != segment.SYN|segment.ACK || c.fits(s) || !c.over() || answersOld {
		return c
	}
	return t.open(s, c, hash)
}

// fitWithin is how far from the expected number a segment may lie and still
// belong: a megabyte or the window. A chance hit is one in 2,000.
const fitWithin = int64(1 << 20)

// fits reports whether the segment's numbers are those of c.
func (c *connection) fits(s *segment.Segment) bool {
	x, y := &c.ends[s.Dir], &c.ends[s.Dir.Reverse()]
	near := func(e *endpoint, p int64, window WindowBytes) bool {
		reach := max(fitWithin, int64(min(window, 1<<24)))
		return p >= e.sndUna-reach && p <= e.sndNxt+reach
	}
	if s.Flags.Has(segment.SYN) && x.isnKnown {
		return s.Seq == x.base
	}
	zeroRefusal := !x.based && s.Flags.Has(segment.RST|segment.ACK) && s.Seq == 0
	if x.based && !near(x, x.position(s.Seq), y.maxWnd) {
		return false
	}
	if y.based && s.Flags.Has(segment.ACK) {
		return near(y, y.position(s.Ack), x.maxWnd)
	}
	return x.based || zeroRefusal
}

// unanswered reports whether c is nothing but SYNs so far.
func (c *connection) unanswered() bool {
	x, y := &c.ends[c.opener], &c.ends[c.opener.Reverse()]
	return c.openerKnown && x.syn.n > 0 && y.stats.Packets == 0
}

// answers reports whether s answers the SYN of c: nothing else can be said to it.
func (c *connection) answers(s *segment.Segment) bool {
	y := &c.ends[s.Dir.Reverse()]
	return s.Dir != c.opener && s.Flags.Has(segment.ACK) && s.Flags&(segment.SYN|segment.RST) != 0 && c.acksSyn(s, y)
}

// learnFromOld settles a tentative new connection by a segment that fits the old
// one: a RST of the SYN's sender means that it has no such connection any more
// (half-open recovery, RFC 9293 3.5.1); anything else of it, that the SYN was
// not its own.
func (t *Tracker) learnFromOld(c, old *connection, s *segment.Segment, hash uint64) {
	x := &c.ends[s.Dir]
	if !x.has(SndSyn) {
		return
	}
	if s.Flags.Has(segment.RST) {
		kind := FactHalfOpen
		if old.ends[s.Dir.Reverse()].inTimeWait() {
			kind = FactTimeWaitRefused
		}
		c.note(t, s.Dir, Fact{Kind: kind, Mark: markOf(s), Cause: x.at(SndSyn).mark})
		c.confirm()
		return
	}
	if c.tentative && c.unanswered() && s.Time-c.first.At > old.roundTrip()/2 { // not merely overtaken by its SYN
		t.absorb(c, old, s.Dir, hash)
	}
}

// confirm settles that c is a connection of its own: the one before ends, for the
// SYN's sender at its SYN (R8).
func (c *connection) confirm() {
	c.tentative = false
	if c.previous == nil || !c.openerKnown {
		return
	}
	c.previous.beginTeardown()
	if e := &c.previous.ends[c.opener]; !e.has(Replace) {
		e.at(Replace).set(c.first, confirmed)
	}
}

// absorb takes back a new connection whose SYN was none: blind, or a stray.
func (t *Tracker) absorb(c, old *connection, d segment.Direction, hash uint64) {
	syn := &c.ends[d]
	old.note(t, d, Fact{Kind: FactSynNewISN, Mark: syn.syn.first().mark})
	e := &old.ends[d]
	e.stats.Packets += syn.stats.Packets
	e.stats.DuplicatePackets += syn.stats.DuplicatePackets
	e.stats.Bytes += syn.stats.Bytes
	e.stats.Syn += syn.stats.Syn
	t.live--
	t.table.replace(uint32(hash), c.ref, old.ref)
	t.free(c)
}

// inTimeWait reports whether an end of c is in TIME_WAIT as far as its milestones go.
func (c *connection) inTimeWait() bool { return c.ends[0].inTimeWait() || c.ends[1].inTimeWait() }
