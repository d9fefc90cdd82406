package tracker

import "math"

// A full connection to which something happened, once, goes on being ordinary for thousands of segments. It sleeps
// then: a plainConn stands in for it, counts what passes from then on, and leaves its two thousand
// octets in peace. At the first segment that is not ordinary it wakes, and learns what has passed.
// A sleeper's plainConn is told by its incarnation, which is 0; where others keep their SYN-ACK, it keeps the
// sleeper's place.

func (p *plainConn) standsIn() bool    { return p.incarnation == 0 }
func (p *plainConn) sleeper() uint32   { return p.synAck.packets }
func (p *plainConn) of(sleeper uint32) { p.incarnation, p.synAck.packets = 0, sleeper }

// sleep lets c sleep if it is ordinary from here on, as far as can be told: if plainConn can say all that the rules
// for ordinary segments look at.
func (t *Tracker) sleep(c *connection, hash uint64) {
	if c.deadline != 0 || c.ends[0].teardown != nil {
		return // it was replaced, and survived what replaced it
	}
	if t.fullOnly || !c.openingOver || c.tentative || max(c.firstFile, c.lastFile) > math.MaxUint16 || max(c.ends[0].path, c.ends[1].path) > math.MaxUint16 || !c.ends[0].atEase(&c.ends[1]) || !c.ends[1].atEase(&c.ends[0]) {
		return
	}
	if !t.table.holds(uint32(hash), c.ref) {
		return // an earlier incarnation
	}
	place, p := t.plains.take()
	*p = plainConn{
		flow: c.flow, firstAt: narrowTime(c.first.At), firstNumber: [2]uint32{uint32(c.first.Packet), uint32(c.first.Packet >> 32)},
		firstFile: uint16(c.firstFile), lastFile: uint16(c.lastFile), paths: [2]uint16{uint16(c.ends[0].path), uint16(c.ends[1].path)}, bits: inUse | heard | established | taken | plainBits(c.opener),
	}
	p.of(c.ref.place())
	if c.twoWays {
		p.bits |= twoWays
	}
	for d := range c.ends {
		if !p.standInFor(&p.ends[d], &c.ends[d]) {
			p.bits = 0
			t.plains.give(place)
			return
		}
	}
	t.table.replace(uint32(hash), c.ref, refTo(plain, place))
	c.gone, c.queuedAt = true, 0 // what stands in is in the table
	t.asleep++
}

// atEase reports whether nothing is pending at e that a plainConn has no room for.
func (e *endpoint) atEase(peer *endpoint) bool {
	s := &e.stats
	return e.stream.Whole() && e.stream.Max() == e.sndNxt && e.acked && e.rcvNxt == peer.sndUna && e.ahead == 0 &&
		!e.closedAt.Seen() && e.doubtful == nil && !e.hasJump && !e.refused.Seen() && e.probes == 0 &&
		s.Syn > 0 && e.newDataAt.Seen() == (e.sndNxt != 1) && e.sndNxt >= 1 && e.sndNxt < 1<<47 && e.sndNxt-e.sndUna < mostUnacked &&
		e.resent.packets == 0 && e.fresh == s.Last && e.sndUna <= e.sndNxt && e.maxWnd <= math.MaxUint32 && e.turnaround <= math.MaxUint32 && s.Packets > 1
}

// standInFor takes what ordinary segments change, and counts from zero what they add to. It is false if that
// does not fit.
func (p *plainConn) standInFor(to *plainEnd, e *endpoint) bool {
	to.isn = uint32(e.base)
	to.nxtLow, to.nxtHigh = uint32(e.sndNxt), uint16(e.sndNxt>>32)
	to.unacked, to.maxWnd, to.turnaround = uint32(e.sndNxt-e.sndUna), uint32(e.maxWnd), uint32(e.turnaround)
	to.tsVal, to.ttl, to.mss = e.tsLast, e.stats.TTL, e.stats.MSS
	if e.tsSeen {
		to.bits |= sentTimestamp
	}
	if e.stats.HasWindowScale {
		to.bits |= hasWindowScale
		to.scaleSize = min(e.stats.WindowScale, mostShift) // beyond 14 all are alike
	}
	to.setSize(e.stats.Largest)
	if e.stats.HasMSS {
		to.bits |= hasMSS
	}
	to.set(atLast, p.from(e.stats.Last))
	if e.newDataAt.Seen() {
		to.set(atData, p.from(e.newDataAt))
	}
	return p.mark(to.at(atLast)) == e.stats.Last && (!e.newDataAt.Seen() || p.mark(to.at(atData)) == e.newDataAt)
}

// wake ends the sleep of the connection for which r stands in.
func (t *Tracker) wake(r ref, hash uint64) *connection {
	p := t.plains.at(r.place())
	c := t.fulls[p.sleeper()]
	t.asleep--
	c.gone, c.heard, c.twoWays, c.lastFile = false, p.bits&heard != 0, p.bits&twoWays != 0, uint32(p.lastFile)
	var acked [2]bool // it acknowledged something new
	for d := range c.ends {
		acked[d] = c.ends[1-d].tell(p, &p.ends[1-d], &p.ends[d])
	}
	for d := range c.ends {
		e, peer, from := &c.ends[d], &c.ends[1-d], &p.ends[d]
		e.stats.DuplicatePackets += uint64(p.copies[d])
		if acked[d] {
			e.rcvNxt, e.rcvNxtAt = peer.sndUna, p.mark(from.at(atAck))
			e.ackedBefore = e.rcvNxt - int64(from.ackedBefore)
			peer.oldestSent, peer.oldestAt, peer.oldestGap = 1, e.rcvNxtAt.At, 0
		}
		if e.stats.Last.Packet > c.last.Packet {
			c.last = e.stats.Last
		}
	}
	switch {
	case p.bits&moreData != 0:
		c.dataCount = 2
	case p.bits&oneData != 0:
		c.dataCount = min(2, c.dataCount+1)
	}
	p.bits = 0
	t.plains.give(r.place())
	if !t.flushing {
		t.table.replace(uint32(hash), r, c.ref)
	}
	return c
}

// tell tells e what it sent while it slept, and reports whether the peer acknowledged something new.
func (e *endpoint) tell(p *plainConn, from, peer *plainEnd) (acked bool) {
	data, una := from.nxt()-e.sndNxt, from.nxt()-int64(from.unacked)
	acked = una > e.sndUna
	e.sndNxt, e.sndUna = from.nxt(), una
	e.stream.Extend(e.sndNxt)
	e.turnaround, e.maxWnd = int64(from.turnaround), WindowBytes(from.maxWnd)
	s := &e.stats
	s.Packets += uint64(from.packets)
	s.Bytes += uint64(from.headers) + uint64(data)
	s.PayloadBytes += uint64(data)
	s.StreamBytes += uint64(data)
	s.ChecksumGood += uint64(from.good)
	s.TruncatedPackets += uint64(from.cut)
	s.Largest = from.size()
	if data > 0 {
		e.newDataAt, e.dataEnd = p.mark(from.at(atData)), e.sndNxt
	}
	if from.packets > 0 {
		s.Last = p.mark(from.at(atLast))
		e.fresh, e.lastAt = s.Last, s.Last.At
		e.wnd = WindowBytes(from.scale(from.window, peer))
		e.tsSeen, e.tsLast = from.bits&sentTimestamp != 0, from.tsVal
	}
	return acked
}
