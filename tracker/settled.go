package tracker

import "math"

// settledConn is a connection that is closed and waits for its stragglers, for minutes, as most of a
// trace's connections do at any moment. It is a plainConn, what closing added to it, and, if anything else was
// out of the ordinary, a story (story.go); when anything more is heard it becomes a full connection again.
//
// A connection settles only if what settledConn keeps makes the very same connection again (settle), so nothing
// can be lost by it.
type settledConn struct {
	plainConn  // its positions are those before the FINs
	closing    [2]settledEnd
	prev, next uint32 // neighbours among those that wait, place+1
	story      uint32 // of Tracker.stories, place+1; 0: there is nothing to tell
	finPhase   Phase
}

// settledEnd is what closing added to an end: its teardown, in a few octets.
type settledEnd struct {
	packetsAt [numClosingMoments]uint32 // see later
	lowAt     [numClosingMoments]uint32
	highAt    [numClosingMoments]int16
	places    uint8  // of closingEvents among the end's own: before, on or after their packets, two bits each
	grades    uint8  // and their grades
	finAck    uint32 // how far below the peer's last position its FIN acknowledged
	gotFinAck uint32 // the same of the FIN it received, in its own positions
	ackedFin  uint32 // how far below its own last position it acknowledged the peer's FIN, +1; 0 = not known
	finTS     uint32
	ackedTS   uint32
	bits      closingBits
}

const (
	atFin        = iota // its FIN: that it sent, and the milestone
	atFinAcked          // RcvAckFin
	atFinTaken          // RcvFin
	atLastFinAck        // lastFinAck
	atUnaware           // unaware, if it was ever
	numClosingMoments
)

type closingBits uint8

const (
	finHasTS closingBits = 1 << iota
	pulledByFin
	finQueued
	tookLateFin
	wasUnaware
	sentFin
	hadFinAcked // lastFinAck
)

// closingEvents are the milestones that closing brings, in the order of their places and grades.
var closingEvents = [...]struct {
	event  Event
	moment int
}{{SndFin, atFin}, {RcvAckFin, atFinAcked}, {RcvFin, atFinTaken}}

// settle gives c the settled form if nothing is lost by it.
func (t *Tracker) settle(c *connection, hash uint64) bool {
	a, b := &c.ends[0], &c.ends[1]
	if t.fullOnly || c.previous != nil || !c.handshake.Ack.Seen() || !a.done() || !b.done() ||
		t.settled.last != 0 && c.last.At < t.settleds.at(t.settled.last-1).last().At { // those that wait stand in order
		return false
	}
	if !t.table.holds(uint32(hash), c.ref) {
		return false // an earlier incarnation
	}
	place, q := t.settleds.take()
	q.pack(c)
	if c.hasStory() {
		q.story = t.tell(c)
	}
	if !t.unpacksTo(q, c) {
		t.forget(q)
		q.bits = 0
		t.settleds.give(place)
		return false
	}
	join(&t.settled, &t.settleds, place)
	t.soon(q.last().At + t.cfg.stragglers())
	t.table.replace(uint32(hash), c.ref, refTo(settled, place))
	t.free(c)
	return true
}

// unsettle gives a settled connection the full form again.
func (t *Tracker) unsettle(r ref, hash uint64) {
	q := t.settleds.at(r.place())
	stepOut(&t.settled, &t.settleds, r.place())
	c := t.newConnection()
	t.unpack(q, c)
	t.forget(q)
	q.bits = 0
	t.settleds.give(r.place())
	t.table.replace(uint32(hash), r, c.ref)
	c.deadline = c.last.At + t.cfg.stragglers()
	t.enqueue(c)
}

// unpacksTo reports whether c is what q says, and nothing else.
func (t *Tracker) unpacksTo(q *settledConn, c *connection) bool {
	s := &t.spare
	s.reset()
	t.unpack(q, s)
	for d := range s.ends {
		s.ends[d].teardown = c.ends[d].teardown // where it stands; what it says is compared below
	}
	return s.openingOver == c.openingOver && s.course == c.course && s.ends == c.ends && *s.closing == *c.closing && s.factsDropped == c.factsDropped && len(s.facts) == len(c.facts)
}

// pack takes what there is room for: what does not fit, unpacksTo finds missing.
func (q *settledConn) pack(c *connection) {
	*q = settledConn{finPhase: c.finPhase}
	p := &q.plainConn
	p.flow, p.incarnation = c.flow, uint8(c.incarnation)
	p.firstAt, p.firstNumber = narrowTime(c.first.At), [2]uint32{uint32(c.first.Packet), uint32(c.first.Packet >> 32)}
	p.synAck, p.ack = p.since(c.handshake.SynAck), p.since(c.handshake.Ack)
	p.firstFile, p.lastFile = uint16(c.firstFile), uint16(c.lastFile)
	p.bits = inUse | heard | established | plainBits(c.opener)
	if c.ends[c.opener.Reverse()].at(RcvAckSyn).grade == confirmed {
		p.bits |= taken
	}
	if c.dataCount > 0 {
		p.bits |= oneData
	}
	if c.dataCount > 1 {
		p.bits |= moreData
	}
	if c.twoWays {
		p.bits |= twoWays
	}
	for d := range c.ends {
		e, peer := &c.ends[d], &c.ends[1-d]
		p.packEnd(&p.ends[d], e, peer)
		p.paths[d], p.copies[d] = uint16(e.path), uint8(e.stats.DuplicatePackets)
		q.closing[d].pack(p, e, peer)
	}
}

// since counts a moment of the handshake from the SYN.
func (p *plainConn) since(m Mark) since {
	return since{packets: uint32(m.Packet - p.number()), time: uint32(m.At - p.firstAt.time())}
}

// from counts a moment from the SYN.
func (p *plainConn) from(m Mark) later {
	at := m.At - p.firstAt.time()
	return later{packets: uint32(m.Packet - p.number()), low: uint32(at), high: int16(at >> 32)}
}

// packEnd is the reverse of fillEnd.
func (p *plainConn) packEnd(to *plainEnd, e, peer *endpoint) {
	s := &e.stats
	to.isn = uint32(e.base)
	nxt := e.sndNxt
	if e.finEnd != 0 {
		nxt--
	}
	to.nxtLow, to.nxtHigh = uint32(nxt), uint16(nxt>>32)
	to.unacked, to.ackedBefore = uint32(e.sndNxt-e.sndUna), uint32(e.rcvNxt-e.ackedBefore)
	to.maxWnd, to.window = uint32(e.maxWnd), uint16(e.wnd)
	if s.HasWindowScale && peer.stats.HasWindowScale {
		to.window = uint16(e.wnd >> min(s.WindowScale, 14))
	}
	to.tsVal, to.turnaround = e.tsLast, uint32(e.turnaround)
	to.packets, to.headers, to.good, to.cut = uint32(s.Packets), uint32(s.Bytes-s.PayloadBytes), uint32(s.ChecksumGood), uint8(s.TruncatedPackets)
	to.mss, to.scaleSize, to.ttl = s.MSS, s.WindowScale&mostShift, s.TTL
	to.setSize(s.Largest)
	to.set(atLast, p.from(s.Last))
	to.set(atAck, p.from(e.rcvNxtAt))
	if e.newDataAt.Seen() {
		to.set(atData, p.from(e.newDataAt))
	}
	for _, b := range [...]struct {
		has bool
		bit endBits
	}{
		{e.tsSeen, sentTimestamp},
		{s.HasMSS, hasMSS},
		{s.HasWindowScale, hasWindowScale},
		{s.SACKPermitted, sackPermitted},
		{s.Timestamps, timestamps},
		{s.ECN, ecn},
		{s.MPTCP, mptcp},
		{s.FastOpen, fastOpen},
	} {
		if b.has {
			to.bits |= b.bit
		}
	}
}

func (q *settledEnd) set(moment int, l later) {
	q.packetsAt[moment], q.lowAt[moment], q.highAt[moment] = l.packets, l.low, l.high
}

func (q *settledEnd) at(moment int) later {
	return later{packets: q.packetsAt[moment], low: q.lowAt[moment], high: q.highAt[moment]}
}

func (q *settledEnd) pack(p *plainConn, e, peer *endpoint) {
	fin := e.fin.head
	if e.finEnd != 0 {
		q.bits |= sentFin
	}
	for i, c := range closingEvents {
		m := e.at(c.event)
		q.set(c.moment, p.from(m.mark))
		q.places |= uint8(m.order-before(m.mark)) & 3 << (2 * i)
		q.grades |= uint8(m.grade) << (2 * i)
	}
	if e.lastFinAck.Seen() {
		q.set(atLastFinAck, p.from(e.lastFinAck))
		q.bits |= hadFinAcked
	}
	q.finAck, q.gotFinAck = uint32(peer.sndNxt-fin.ack), uint32(e.sndNxt-e.gotFinAck)
	q.finTS, q.ackedTS = fin.tsVal, e.ackedFinTS
	if e.ackedFinAt != 0 {
		q.ackedFin = uint32(e.sndNxt-e.ackedFinAt) + 1
	}
	if e.unaware.Seen() {
		q.set(atUnaware, p.from(e.unaware))
		q.bits |= wasUnaware
	}
	for _, b := range [...]struct {
		has bool
		bit closingBits
	}{{fin.hasTS, finHasTS}, {e.finPulled, pulledByFin}, {e.queuedFin, finQueued}, {e.gotLateFin, tookLateFin}} {
		if b.has {
			q.bits |= b.bit
		}
	}
}

// fill makes c, which is empty, the connection that was packed.
func (q *settledConn) fill(c *connection) {
	p := &q.plainConn
	p.fill(c)
	c.finPhase = q.finPhase
	c.beginTeardown()
	for d := range c.ends {
		e, end := &c.ends[d], &p.ends[d]
		if q.closing[d].bits&sentFin != 0 {
			e.sndNxt++
			e.finEnd = e.sndNxt
		}
		e.sndUna = e.sndNxt - int64(end.unacked)
	}
	for d := range c.ends {
		e, peer := &c.ends[d], &c.ends[1-d]
		e.rcvNxt = peer.sndUna
		e.ackedBefore = e.rcvNxt - int64(p.ends[d].ackedBefore)
		q.closing[d].fill(p, e, peer)
	}
	c.fillOldest()
}

func (q *settledEnd) fill(p *plainConn, e, peer *endpoint) {
	if q.bits&sentFin != 0 {
		fin := p.mark(q.at(atFin))
		e.stats.Fin, e.stats.FinSent = 1, fin
		e.fin.add(transmission{mark: fin, ack: peer.sndNxt - int64(q.finAck), tsVal: q.finTS, hasTS: q.bits&finHasTS != 0})
	}
	for i, c := range closingEvents {
		m := e.at(c.event)
		if grade(q.grades>>(2*i)&3) == absent {
			continue
		}
		m.mark = p.mark(q.at(c.moment))
		m.order = before(m.mark) + int64(q.places>>(2*i)&3)
		m.grade = grade(q.grades >> (2 * i) & 3)
	}
	if q.bits&hadFinAcked != 0 {
		e.lastFinAck = p.mark(q.at(atLastFinAck))
	}
	e.gotFinAck = e.sndNxt - int64(q.gotFinAck)
	e.ackedFinTS = q.ackedTS
	if q.ackedFin != 0 {
		e.ackedFinAt = e.sndNxt - int64(q.ackedFin-1)
	}
	if q.bits&wasUnaware != 0 {
		e.unaware = p.mark(q.at(atUnaware))
	}
	e.finPulled, e.queuedFin, e.gotLateFin = q.bits&pulledByFin != 0, q.bits&finQueued != 0, q.bits&tookLateFin != 0
}

// last is the latest segment of both ends.
func (p *plainConn) last() Mark {
	a, b := p.ends[0].at(atLast), p.ends[1].at(atLast)
	if b.packets > a.packets {
		return p.mark(b)
	}
	return p.mark(a)
}

// links are those of the settled, in the order of their last segments.
func (q *settledConn) links() (before, behind *uint32) { return &q.prev, &q.next }

// settledUntil is when the first of those that wait leaves, math.MaxInt64 if none waits.
func (t *Tracker) settledUntil() int64 {
	if t.settled.first == 0 {
		return math.MaxInt64
	}
	return t.settleds.at(t.settled.first-1).last().At + t.cfg.stragglers()
}

// leaveSettled takes the first of the settled connections out of the table.
func (t *Tracker) leaveSettled(reason EndReason, at int64) {
	t.leaveSettledAt(t.settled.first-1, reason, at)
}

func (t *Tracker) leaveSettledAt(place uint32, reason EndReason, at int64) {
	q := t.settleds.at(place)
	stepOut(&t.settled, &t.settleds, place)
	t.tellNoMore(q)
	t.gone(&q.plainConn, refTo(settled, place), reason, at)
}
