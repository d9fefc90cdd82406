package tracker

import "github.com/tcplife/tcplife/reassembly"

// story is what a settled connection has to tell beside the ordinary: its facts, and what those who caused them left
// in its ends. Losses and resets are in here; what else may happen keeps a connection from settling.
type story struct {
	facts        []Fact
	factsDropped int
	ends         [2]storyEnd
}

// storyEnd holds fields of endpoint, its stats and its teardown.
type storyEnd struct {
	retransmittedPackets, retransmittedBytes, outOfOrder, payload, zeroWindows, fin, rst uint64

	oldestSent                     int
	oldestAt, oldestGap            int64
	jump                           reassembly.Range
	lastAt                         int64
	fresh, aheadAt, refused        Mark
	probeGap                       int64
	seenTo                         int64
	sndRst, rcvRst                 milestone
	ownReset, resetFact            int
	resetAt, resetTop, resetBy     int64
	aborted, finDenied, halfClosed bool
	urgent                         bool
	filler                         Mark
	factsOfKind                    [numFactKinds]uint8
	lost                           Losses
	resent                         resent
}

// hasStory reports whether c has more to tell than settledConn has room for.
func (c *connection) hasStory() bool {
	return len(c.facts) > 0 || c.ends[0].stats.OutOfOrderPackets+c.ends[1].stats.OutOfOrderPackets > 0
}

// tell keeps the story of c and returns its place+1.
func (t *Tracker) tell(c *connection) uint32 {
	var place uint32
	if n := len(t.told); n > 0 {
		place = t.told[n-1]
		t.told = t.told[:n-1]
	} else {
		place = uint32(len(t.stories))
		t.stories = append(t.stories, nil)
	}
	s := t.stories[place]
	if s == nil {
		s = new(story)
		t.stories[place] = s
	} else {
		t.bound.room -= s.size()
	}
	s.facts = append(s.facts[:0], c.facts...)
	t.bound.room += s.size()
	t.bound.told += s.size()
	s.factsDropped = c.factsDropped
	for d := range c.ends {
		s.ends[d].tell(&c.ends[d])
	}
	return place + 1
}

// forget gives the place of a story back.
func (t *Tracker) forget(q *settledConn) {
	if q.bits&inUse != 0 { // else it has left
		t.tellNoMore(q)
	}
	if q.story != 0 && !t.flushing {
		t.told = append(t.told, q.story-1)
	}
	q.story = 0
}

// tellNoMore counts the story of q, if it has one, among those that nobody needs but for a record.
func (t *Tracker) tellNoMore(q *settledConn) {
	if q.story != 0 {
		t.bound.told -= t.stories[q.story-1].size()
	}
}

// unpack makes c, which is empty, the connection that settled.
func (t *Tracker) unpack(q *settledConn, c *connection) {
	q.fill(c)
	if q.story == 0 {
		return
	}
	s := t.stories[q.story-1]
	c.facts = append(c.facts, s.facts...)
	c.factsDropped = s.factsDropped
	for d := range c.ends {
		s.ends[d].recall(&c.ends[d])
	}
}

func (s *storyEnd) tell(e *endpoint) {
	*s = storyEnd{
		retransmittedPackets: e.stats.RetransmittedPackets, retransmittedBytes: e.stats.RetransmittedBytes,
		outOfOrder: e.stats.OutOfOrderPackets, payload: e.stats.PayloadBytes, zeroWindows: e.stats.ZeroWindows,
		fin: e.stats.Fin, rst: e.stats.Rst,
		oldestSent: e.oldestSent, oldestAt: e.oldestAt, oldestGap: e.oldestGap, jump: e.jump,
		lastAt: e.lastAt, fresh: e.fresh, aheadAt: e.aheadAt, refused: e.refused, probeGap: e.probeGap, seenTo: e.seenTo, sndRst: *e.at(SndRst), rcvRst: *e.at(RcvRst),
		ownReset: e.ownReset, resetFact: e.resetFact, resetAt: e.resetAt, resetTop: e.resetTop, resetBy: e.resetBy,
		urgent: e.urgent, aborted: e.aborted, finDenied: e.finDenied, halfClosed: e.halfClosed, filler: e.filler, factsOfKind: e.factsOfKind,
		lost: e.stats.Lost, resent: e.resent,
	}
}

func (s *storyEnd) recall(e *endpoint) {
	headers := e.stats.Bytes - e.stats.PayloadBytes
	e.stats.RetransmittedPackets, e.stats.RetransmittedBytes = s.retransmittedPackets, s.retransmittedBytes
	e.stats.OutOfOrderPackets, e.stats.PayloadBytes, e.stats.ZeroWindows = s.outOfOrder, s.payload, s.zeroWindows
	e.stats.Fin, e.stats.Rst = s.fin, s.rst
	e.stats.Bytes = headers + s.payload
	e.oldestSent, e.oldestAt, e.oldestGap = s.oldestSent, s.oldestAt, s.oldestGap
	e.lastAt, e.fresh = s.lastAt, s.fresh
	e.jump, e.aheadAt, e.refused, e.probeGap, e.seenTo = s.jump, s.aheadAt, s.refused, s.probeGap, s.seenTo
	*e.at(SndRst), *e.at(RcvRst) = s.sndRst, s.rcvRst
	e.ownReset, e.resetFact, e.resetAt, e.resetTop, e.resetBy = s.ownReset, s.resetFact, s.resetAt, s.resetTop, s.resetBy
	e.urgent = s.urgent
	e.aborted, e.finDenied, e.halfClosed, e.filler, e.factsOfKind = s.aborted, s.finDenied, s.halfClosed, s.filler, s.factsOfKind
	e.stats.Lost, e.resent = s.lost, s.resent
}
