package tracker

import (
	"time"

	"github.com/tcplife/tcplife/internal/segment"
)

// connection is one live incarnation of a 4-tuple. Its rules live elsewhere:
// which segments are its own in incarnation.go, what they mean in classify.go
// and apply.go, what follows for the states in path.go.
type connection struct {
	previous *connection  // the incarnation before, kept for its stragglers
	closing  *[2]teardown // for ends, once it has begun
	facts    []Fact
	deadline int64 // when the record can leave; 0 = it must wait for more
	gone     bool
	heard    bool // since the hand came by (evict.go)
	// openingOver: no ordinary segment tells more of the opening.
	openingOver bool
	// calm: nothing but a SYN, FIN or RST can change when the record leaves.
	calm   bool
	reason EndReason
	course
	ends [2]endpoint // by segment.Direction: ends[AtoB] is flow.A

	factsDropped int
	queuedAt     int64  // its entry among the deadlines, 0 = none
	ref          ref    // where it stands
	life         uint32 // how many connections stood there before it
	cutAt        int64  // trace time when the record left
	weighed      int64  // what of its facts, holes and the like is counted (memory.go)
}

// course is what concerns both ends.
type course struct {
	flow segment.Flow
	// tentative: a SYN met a connection that may still live; no answer told yet
	// whether it opened this one (R8).
	tentative bool

	opener       segment.Direction // who sent the first SYN, if openerKnown
	openerKnown  bool
	directionBy  DirectionEvidence
	simultaneous bool
	fastOpen     bool
	sawStart     bool // the SYN was captured, or its absence is the capture's fault

	dataCount   int // data segments, saturating at 2
	first, last Mark
	rtt         int64 // nanoseconds, tap to both ends and back; 0 = not known
	incarnation int
	path        uint32 // of its first segment
	firstFile   uint32 // index of the file first came from
	lastFile    uint32
	twoWays     bool // its segments are met in two places
	handshake   Handshake
	refusedBy   Mark   // the RST that answered the SYN, or the ICMP error
	refuser     Closer // who sent the ICMP error; NoCloser: it was a RST
	finPhase    Phase  // how far the conversation had come when the first FIN passed
	lastClosed  int64  // Closed.At of the incarnation before
}

// reset makes c an empty connection. It keeps its place, and what it allocated.
func (c *connection) reset() {
	r, life, facts, closing := c.ref, c.life, c.facts[:0], c.closing
	*c = connection{} // alone on its line it clears memory; with fields it would copy them
	c.ref, c.life, c.facts, c.closing = r, life, facts, closing
}

// assumedRTT is the round trip where the capture shows none: longer than nearly
// all paths inside a continent, shorter than any retransmission timeout
// (RFC 6298 allows no less than 1 s, the shortest in use is 200 ms).
const assumedRTT = int64(100 * time.Millisecond)

// roundTrip is how long a segment may take from the tap to its receiver and the
// answer back to the tap, in nanoseconds.
func (c *connection) roundTrip() int64 {
	if c.rtt > 0 {
		return c.rtt
	}
	return assumedRTT
}

// role returns the role of the end that sends in direction d.
func (c *connection) role(d segment.Direction) Role {
	if d == c.opener {
		return Client
	}
	return Server
}

// phase says how far the conversation has come.
func (c *connection) phase() Phase {
	a, b := &c.ends[0], &c.ends[1]
	switch {
	case a.has(RcvAckFin) && b.has(RcvAckFin):
		return PhaseTimeWait
	case a.finEnd != 0 || b.finEnd != 0:
		return PhaseClosing
	case !a.has(SndSyn) && !b.has(SndSyn):
		return PhaseLater // joined late: data may have passed before
	case !a.has(RcvSynAck) && !b.has(RcvSynAck) && !a.has(RcvAckSyn) && !b.has(RcvAckSyn):
		return PhasePostSyn
	case c.dataCount == 0:
		return PhasePostAck
	case c.dataCount == 1:
		return PhasePostPsh
	default:
		return PhaseLater
	}
}

// beginTeardown gives both ends what closing needs.
func (c *connection) beginTeardown() {
	if c.ends[0].teardown == nil {
		if c.closing == nil {
			c.closing = new([2]teardown)
		} else {
			*c.closing = [2]teardown{}
		}
		c.ends[0].teardown, c.ends[1].teardown = &c.closing[0], &c.closing[1]
	}
}

// maxFactsOfKind bounds how many facts of one kind an endpoint records, so
// that a thousand retransmissions do not hide the RST behind them.
const maxFactsOfKind = 8

// note records a fact, within bounds, and returns its index+1, 0 if it was dropped. Of a kind
// that comes too often the first half stays and the latest.
func (c *connection) note(t *Tracker, d segment.Direction, f Fact) int {
	e := &c.ends[d]
	f.Role = Role(d) // the direction for now; record() turns it into a role
	if e.factsOfKind[f.Kind] >= maxFactsOfKind {
		c.factsDropped++
		if f.Kind != FactRst { // others hold the places of those
			c.replaceFact(f)
		}
		return 0
	}
	if len(c.facts) >= t.cfg.MaxFacts && f.Kind != FactRst {
		c.factsDropped++
		return 0
	}
	e.factsOfKind[f.Kind]++
	c.facts = append(c.facts, f)
	return len(c.facts)
}

// replaceFact puts f in the last place of its kind and moves those of the later half up.
func (c *connection) replaceFact(f Fact) {
	seen, to := 0, -1
	for i := range c.facts {
		if c.facts[i].Kind != f.Kind || c.facts[i].Role != f.Role {
			continue
		}
		if to >= 0 {
			c.facts[to] = c.facts[i]
		}
		if seen++; seen > maxFactsOfKind/2 {
			to = i
		}
	}
	if to >= 0 {
		c.facts[to] = f
	}
}

func markOf(s *segment.Segment) Mark { return Mark{Packet: s.Number, At: s.Time} }
