package tracker

import (
	"slices"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/reassembly"
)

// apply lets one segment of c move counters, variables and milestones, in this
// order: was it damaged, what does it open,
// what does it reset, what does it acknowledge, carry and close.
func (t *Tracker) apply(c *connection, s *segment.Segment, print uint64) Note {
	x, y := &c.ends[s.Dir], &c.ends[s.Dir.Reverse()]
	heard := c.last
	c.last, c.lastFile = markOf(s), s.File
	isFirst := !x.stats.First.Seen()
	if isFirst {
		x.stats.First, x.stats.TTL, x.stats.Path = c.last, s.TTL, s.Path
	}
	x.stats.Last = c.last
	x.path = s.Path
	y.probes = 0
	c.twoWays = c.twoWays || x.otherWay(s) || s.File != c.firstFile
	x.stats.count(s)
	if s.Flags&(segment.FIN|segment.RST) != 0 {
		c.beginTeardown()
	}
	if t.corrupted(c, s, x) {
		t.journals.add(s, print, wayOf(s)|damaged, c.twoWays || isFirst)
		return NoteBadChecksum
	}
	t.journals.add(s, print, wayOf(s), c.twoWays || isFirst)
	if s.Options.Has&segment.OptMalformed != 0 {
		c.note(t, s.Dir, Fact{Kind: FactOptionMalformed, Mark: c.last})
	}
	if s.Flags.Has(segment.URG) && s.Urgent > 0 && !x.urgent {
		x.urgent = true
		c.note(t, s.Dir, Fact{Kind: FactUrgent, Mark: c.last, Bytes: int64(s.Urgent)})
	}
	if s.Flags.Has(segment.SYN) {
		c.openingOver = false // it may begin anew
	}
	switch s.Flags & (segment.SYN | segment.ACK | segment.RST) {
	case segment.SYN:
		note := c.onSyn(t, s, x, y)
		if note&NoteIgnored == 0 {
			c.carrySyn(t, s, x)
		}
		x.lastAt = s.Time
		return note
	case segment.SYN | segment.ACK:
		note := c.onSynAck(t, s, x, y)
		if note&NoteIgnored == 0 {
			c.carrySyn(t, s, x)
			r := classify(s, x, y)
			if c.simultaneous { // it acknowledges a SYN that was sent before
				c.onHandshakeAck(s, &r, x, y)
			}
			c.acknowledgeSyn(&r, y)
		}
		x.lastAt = s.Time
		return note
	}
	if !c.openingOver && s.Flags&(segment.ACK|segment.RST) == segment.ACK && c.inSynSent(y, x) && !c.acksSyn(s, y) {
		return c.strayAck(t, s, x, y)
	}
	c.join(s, x, y)
	if s.Flags.Has(segment.RST) {
		r := classify(s, x, y)
		return c.onRst(t, s, &r, x, y)
	}
	return t.ordinary(c, s, x, y, heard)
}

// ordinary takes a segment without SYN and RST. heard is the one before of its connection.
func (t *Tracker) ordinary(c *connection, s *segment.Segment, x, y *endpoint, heard Mark) Note {
	y.believe(s, t.cfg.MaxRanges)
	r := classify(s, x, y)
	c.afterSilence(t, s, &r, x, y, heard)
	if note, ok := c.acceptable(t, s, &r, x, y); !ok {
		return note
	}
	if r.stale && s.PayloadLen > 0 && x.done() && y.done() && !x.wasReset() && !y.wasReset() {
		x.stats.PayloadBytes += uint64(s.PayloadLen)
		c.note(t, s.Dir, Fact{Kind: FactSegmentAfterClose, Mark: r.mark, Bytes: r.data.Len()})
		return NoteIgnored
	}
	c.goesOn(t, &r, s, x)
	if isDSACK(s) {
		y.receivedTwice(s)
	}
	note := c.carry(t, s, &r, x, y)
	if s.Flags.Has(segment.ACK) {
		if !c.openingOver {
			c.onHandshakeAck(s, &r, x, y)
		}
		note |= c.acknowledge(t, s, &r, x, y)
	}
	if !c.openingOver {
		c.confirmOpen(s, &r, x, y)
		c.openingOver = x.opened() && y.opened()
	}
	if s.Flags.Has(segment.FIN) {
		c.onFin(t, s, &r, x, y)
	}
	if y.finEnd != 0 {
		c.answerFin(t, s, &r, x, y)
	}
	note |= c.advertise(t, s, &r, x)
	x.lastAt = s.Time
	if !r.stale {
		x.fresh = r.mark
		if s.Options.Has&segment.OptTimestamps != 0 {
			x.tsSeen, x.tsLast = true, s.Options.TSVal
		}
	}
	return note
}

// join fixes the origin of streams whose SYN the capture does not have. A RST may come from
// anywhere and fixes nothing.
func (c *connection) join(s *segment.Segment, x, y *endpoint) {
	if !c.openerKnown {
		c.guessOpener(s)
	}
	if s.Flags.Has(segment.RST) {
		return
	}
	if !x.based {
		x.begin(s.Seq.Back(1), false)
		x.sndNxt, x.sndUna = 1, 1
	}
	if !y.based && s.Flags.Has(segment.ACK) {
		y.begin(s.Ack.Back(1), false)
		y.sndNxt, y.sndUna = 1, 1
	}
	if !x.isnKnown && x.stats.Packets == 1 {
		// What its peer acknowledged tells where its stream was; what lies between was sent before the capture.
		x.sndNxt = max(x.sndNxt, x.position(s.Seq))
		x.stream.Begin(x.sndNxt)
	}
}

// guessOpener tells client from server without a SYN: the lower port serves, if
// it is one of those that servers are given (RFC 6335 6); else whoever spoke first is the client.
func (c *connection) guessOpener(s *segment.Segment) {
	const firstDynamicPort = 32768 // where Linux begins; RFC 6335's 49152 and BSD's lie above
	src, dst := c.flow.Sender(s.Dir), c.flow.Sender(s.Dir.Reverse())
	c.openerKnown = true
	switch {
	case dst.Port < src.Port && dst.Port < firstDynamicPort:
		c.opener, c.directionBy = s.Dir, DirectionByPort
	case src.Port < dst.Port && src.Port < firstDynamicPort:
		c.opener, c.directionBy = s.Dir.Reverse(), DirectionByPort
	default:
		c.opener, c.directionBy = s.Dir, DirectionByFirstPacket
	}
}

// count takes what every segment of x adds to its totals.
func (e *Endpoint) count(s *segment.Segment) {
	e.Packets++
	e.Bytes += uint64(s.IPLen)
	if s.Flags&(segment.SYN|segment.FIN|segment.RST) != 0 {
		if s.Flags.Has(segment.SYN) {
			e.Syn++
		}
		if s.Flags.Has(segment.FIN) {
			e.Fin++
		}
		if s.Flags.Has(segment.RST) {
			e.Rst++
		}
	}
	if s.Options.Has&segment.OptCut != 0 {
		e.TruncatedPackets++
	}
	if s.Fragments > 0 {
		if e.FragmentedPackets == 0 {
			e.FragmentedAt = markOf(s)
		}
		e.FragmentedPackets++
		e.Fragments += uint64(s.Fragments)
	}
	switch s.Checksum {
	case segment.ChecksumGood:
		if s.Fragments == 0 { // else whoever cut it up computed it
			e.ChecksumGood++
		}
	case segment.ChecksumBad, segment.ChecksumPartial:
		e.ChecksumBad++
	case segment.ChecksumUnknown:
	}
}

// corrupted is R10: a bad checksum is damage, and the segment was not received, where
// the sender's checksums are good otherwise; where they are not, they are left to
// its network card and say nothing. No card has the last word on what IP cut up: the
// kernel that does it fills the checksum in before. A partial one never says
// anything: a receiver's kernel leaves it in what it has merged of good segments.
func (t *Tracker) corrupted(c *connection, s *segment.Segment, x *endpoint) bool {
	if s.Checksum != segment.ChecksumBad || s.Fragments == 0 && (x.offloaded || x.stats.ChecksumGood < 2*x.stats.ChecksumBad) {
		return false
	}
	if x.based && s.PayloadLen > 0 && s.Flags&(segment.SYN|segment.FIN|segment.RST) == 0 {
		at := x.position(s.Seq)
		if x.doubtful == nil || len(x.doubtful.list) >= t.cfg.MaxRanges {
			x.doubtful = new(doubts)
		}
		x.doubtful.list = append(x.doubtful.list, reassembly.Range{Start: at, End: at + int64(s.PayloadLen)})
	}
	if x.based && s.Flags.Has(segment.FIN) {
		x.badFin, x.badFinEnd = markOf(s), x.position(s.End())
	}
	t.sum.ChecksumBad++
	c.note(t, s.Dir, Fact{Kind: FactBadChecksum, Mark: markOf(s)})
	return true
}

// believe takes back R10 where the peer's ACK says that the octets did arrive.
func (e *endpoint) believe(s *segment.Segment, limit int) {
	if e.doubtful == nil || !s.Flags.Has(segment.ACK) {
		return
	}
	ack := e.position(s.Ack)
	for _, d := range e.doubtful.list {
		if d.End > ack {
			continue
		}
		if added := e.stream.Add(d, limit); added.New > 0 { // else a good copy came since
			e.offloaded = true
			e.stats.PayloadBytes += uint64(d.Len())
			e.stats.StreamBytes += uint64(added.New)
			e.sndNxt, e.dataEnd = max(e.sndNxt, d.End), max(e.dataEnd, d.End)
		}
	}
	e.doubtful.list = slices.DeleteFunc(e.doubtful.list, func(d reassembly.Range) bool { return d.End <= ack })
}

// acceptable is RFC 9293 3.10.7.4, first and fifth check, as far as a tap can
// make them: a segment that its receiver must refuse moves nothing.
func (c *connection) acceptable(t *Tracker, s *segment.Segment, r *reading, x, y *endpoint) (Note, bool) {
	switch {
	case !s.Flags.Has(segment.ACK):
		x.refused = r.mark
		return NoteIgnored, false
	case r.place == inWindow && r.ackPlace != ackAbsurd:
		x.hasJump = false
		return 0, true
	case r.place == belowWindow && r.ackPlace != ackAbsurd:
		return NoteRetransmission, r.end >= x.sndUna-(1<<30) && r.pos >= 0
	}
	// Far off. Either the segment is none of this connection's, or the capture lost
	// much: then the next one continues it.
	if y.stats.Packets == 0 {
		return 0, true // nothing of the receiver was captured to judge by
	}
	if x.hasJump && r.pos >= x.jump.End-fitWithin && r.pos <= x.jump.End+fitWithin {
		x.hasJump = false
		if x.jump.Len() > 0 { // the one before was its own too
			x.stats.PayloadBytes += uint64(x.jump.Len())
			x.stats.StreamBytes += uint64(x.stream.Add(x.jump, t.cfg.MaxRanges).New)
		}
		return 0, true
	}
	x.hasJump, x.jump = true, r.data
	x.refused = r.mark
	if r.ackPlace == ackAbsurd {
		c.note(t, s.Dir, Fact{Kind: FactAckOfUnsent, Mark: r.mark, Bytes: r.ack - y.sndNxt})
	}
	if s.Flags.Has(segment.FIN) {
		c.note(t, s.Dir, Fact{Kind: FactFinOutOfWindow, Mark: r.mark, Bytes: r.pos - x.sndNxt})
	}
	return NoteIgnored, false
}

// carrySyn takes data on a SYN or SYN-ACK (RFC 7413, RFC 9293 3.10.7.2).
func (c *connection) carrySyn(t *Tracker, s *segment.Segment, x *endpoint) {
	if s.PayloadLen == 0 {
		return
	}
	added := x.stream.Add(reassembly.Range{Start: 1, End: 1 + int64(s.PayloadLen)}, t.cfg.MaxRanges)
	x.stats.PayloadBytes += uint64(s.PayloadLen)
	x.stats.StreamBytes += uint64(added.New)
	x.sndNxt = max(x.sndNxt, 1+int64(s.PayloadLen))
	x.resent.untaken = max(x.resent.untaken, 1+int64(s.PayloadLen))
	c.dataCount = min(2, c.dataCount+1)
}

// carry takes the payload of an acceptable segment.
func (c *connection) carry(t *Tracker, s *segment.Segment, r *reading, x, y *endpoint) Note {
	if r.keepalive || r.probe {
		x.probes++
		x.probeGap = idle(s, x, y)
		if r.keepalive {
			x.stats.Keepalives++
			c.note(t, s.Dir, Fact{Kind: FactKeepalive, Mark: r.mark, Gap: idle(s, x, y)})
		}
		return NoteKeepalive
	}
	if r.data.Len() == 0 {
		x.sndNxt = max(x.sndNxt, r.pos)
		return 0
	}
	x.stats.PayloadBytes += uint64(s.PayloadLen)
	if s.IPLen > ordinaryMTU && s.Fragments == 0 && y.stats.HasMSS && s.PayloadLen > uint32(y.stats.MSS) {
		x.stats.Largest = max(x.stats.Largest, sizeOf(s.PayloadLen))
	}
	if x.finEnd != 0 && r.data.End > x.finEnd-1 {
		return c.beyondFin(t, s, r, x)
	}
	added := x.stream.Add(r.data, t.cfg.MaxRanges)
	x.stats.StreamBytes += uint64(added.New)
	x.sndNxt = max(x.sndNxt, r.data.End)
	x.dataEnd = max(x.dataEnd, r.data.End)
	if added.New > 0 {
		c.dataCount = min(2, c.dataCount+1)
		x.newDataAt = r.mark
	}
	var note Note
	if added.Hole > 0 {
		x.stream.Stamp(s.Time)
	}
	if y.closedAt.Seen() {
		x.resent.untaken = max(x.resent.untaken, r.data.End)
	}
	if added.Late {
		x.stats.OutOfOrderPackets++
		note |= NoteOutOfOrder
		c.filled(r, added, x)
	}
	if added.Old > 0 {
		note |= c.resent(t, s, r, added, x)
	}
	if y.finEnd != 0 && added.New > 0 {
		c.dataAfterPeerFin(t, s, r, x, y)
	}
	if x.finEnd != 0 && !s.Flags.Has(segment.FIN) { // the FIN's own octets are a copy of it, no filling
		c.fillBelowFin(r, x, y)
	}
	return note
}

// resent counts octets sent again.
func (c *connection) resent(t *Tracker, s *segment.Segment, r *reading, added reassembly.Added, x *endpoint) Note {
	x.stats.RetransmittedPackets++
	x.stats.RetransmittedBytes += uint64(added.Old)
	gap := s.Time - x.lastAt
	if r.data.Start <= x.sndUna && r.data.End > x.sndUna { // the oldest octet still unacknowledged
		if x.oldestSent > 0 {
			gap = s.Time - x.oldestAt
			x.oldestGap = gap
		}
		x.oldestSent++
		x.oldestAt = s.Time
	}
	c.note(t, s.Dir, Fact{Kind: FactRetransmission, Mark: r.mark, Bytes: added.Old, Gap: gap})
	c.resentData(s, r, added, x, &c.ends[s.Dir.Reverse()])
	if !r.stale { // R5: an ACK of the FIN did not arrive if what lies below it is still being sent
		x.refuteFinAck(r.mark, c.roundTrip())
	}
	return NoteRetransmission
}

// advertise takes the window.
func (c *connection) advertise(t *Tracker, s *segment.Segment, r *reading, x *endpoint) Note {
	x.wnd, x.maxWnd = r.window, max(x.maxWnd, r.window)
	switch {
	case s.Window == 0:
		if !x.closedAt.Seen() {
			x.closedAt = r.mark
			x.stats.ZeroWindows++
			c.note(t, s.Dir, Fact{Kind: FactZeroWindow, Mark: r.mark})
		}
		return NoteZeroWindow
	case x.closedAt.Seen():
		c.note(t, s.Dir, Fact{Kind: FactWindowOpened, Mark: r.mark, Cause: x.closedAt, Gap: s.Time - x.closedAt.At})
		x.closedAt = Mark{}
	}
	return 0
}
