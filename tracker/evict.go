package tracker

import (
	"math"
	"time"
)

// fresh is for how long an attempt may well be answered still: a retry of its SYN (1 s) and a satellite's round trip together.
const fresh = int64(3 * time.Second)

// makeRoom sees to it that one more connection fits. keep, which the new one follows, leaves last.
func (t *Tracker) makeRoom(keep *connection) {
	if t.live < t.cfg.MaxConnections || t.flushing {
		return
	}
	if !t.evict(keep) && keep != nil {
		t.release(keep, EndEvicted, t.now)
	}
}

// evict lets the least useful connection leave early, but not keep: attempts that nobody answers or that a flood makes, those that are
// closed and have said it all, and then those not heard of for longest. It is false if there is none.
func (t *Tracker) evict(keep *connection) bool {
	soonest := t.soonest()
	switch {
	case t.canSpare(&t.embryos.line, t.waitingSince()):
		t.letGo(EndEvicted, t.now)
	case t.canSpare(&t.half, t.halfOpenSince()) && t.halfOpenSince()+t.cfg.Attempt.Nanoseconds() < soonest:
		t.leave(t.half.first-1, EndEvicted, t.now)
	case t.settled.first != 0 && t.settledUntil() < soonest:
		t.leaveSettled(EndEvicted, t.now)
	case len(t.queue) > 0: // closed, or dead attempts
		c, _ := t.pop()
		t.release(c, EndEvicted, t.now)
	case t.evictIdle(keep):
	case t.embryos.first != 0:
		t.letGo(EndEvicted, t.now)
	default:
		return false
	}
	return true
}

// canSpare reports whether the first of those who wait since then is of less use than others: it waits in vain, or it is one of so
// many that they are a flood. The few that any trace has at any moment are about to open, and would come back as connections joined late.
func (t *Tracker) canSpare(waiting *line, since int64) bool {
	return waiting.first != 0 && (t.now-since >= fresh || int(waiting.n) > t.live/4)
}

// waitingSince is when the SYN of the first embryo passed, halfOpenSince when the SYN-ACK of the first who waits for its ACK did.
func (t *Tracker) waitingSince() int64 {
	if t.embryos.first == 0 {
		return math.MaxInt64
	}
	return t.embryos.slab.at(t.embryos.first - 1).at.time()
}

func (t *Tracker) halfOpenSince() int64 {
	if t.half.first == 0 {
		return math.MaxInt64
	}
	return t.plains.at(t.half.first - 1).heardAt()
}

// soonest is when the first of the deadlines is, math.MaxInt64 if nobody waits for one. It drops those that are void: who
// waits in a small form must not stay behind them.
func (t *Tracker) soonest() int64 {
	for len(t.queue) > 0 {
		if d := &t.queue[0]; d.valid() && d.c.deadline != 0 {
			return d.at
		}
		t.pop()
	}
	return math.MaxInt64
}

// evictIdle lets the hand of a clock go round over all places of plainConns, or of full connections: it passes over those heard of since
// it last came by. It is false if there is nobody else than keep.
func (t *Tracker) evictIdle(keep *connection) bool {
	if t.outweigh() {
		return t.evictFull(keep) || t.evictPlain()
	}
	return t.evictPlain() || t.evictFull(keep)
}

// outweigh reports whether a full connection is to leave rather than a plainConn. A plainConn that leaves and goes on comes back as a
// full connection joined late, ten times as large: those must not drive out the others until hardly one is left whole.
func (t *Tracker) outweigh() bool {
	plains, fulls := t.plains.used()-t.bound.left[plain], t.awake()
	if t.bound.reached {
		return fulls*sizeOfFull+t.bound.facts > plains*sizeOfPlain/4
	}
	return fulls > plains
}

// awake is how many full connections are in the table and do not sleep.
func (t *Tracker) awake() int64 { return t.inUse() - t.asleep }

func (t *Tracker) evictPlain() bool {
	for range 2*t.plains.next + 1 {
		if t.hands.plain >= t.plains.next {
			t.hands.plain = 0
		}
		place := t.hands.plain
		t.hands.plain++
		if place >= t.plains.next {
			break // there is none
		}
		switch p := t.plains.at(place); {
		case p.bits&inUse == 0:
		case p.bits&heard != 0:
			p.bits &^= heard
		default:
			t.leave(place, EndEvicted, t.now)
			return true
		}
	}
	return false
}

func (t *Tracker) evictFull(keep *connection) bool {
	if t.awake() == 0 {
		return false
	}
	for range 2*len(t.fulls) + 1 {
		if t.hands.full >= len(t.fulls) {
			t.hands.full = 0
		}
		c := t.fulls[t.hands.full]
		t.hands.full++
		switch {
		case c == nil, c.gone, c == keep:
		case c.heard:
			c.heard = false
		default:
			t.release(c, EndEvicted, t.now)
			return true
		}
	}
	return false
}

// countEvicted counts a connection that leaves early, by what it was.
func (t *Tracker) countEvicted(r ref) {
	t.sum.Evicted++
	if t.bound.reached {
		t.sum.EvictedMemory++
	}
	halfOpen, closed := false, false
	switch place := r.place(); r.form() {
	case lone:
		halfOpen = true
	case plain:
		halfOpen = t.plains.at(place).bits&established == 0
	case settled:
		closed = true
	default:
		c := t.fulls[place]
		closed = c.over() || c.ends[0].done() && c.ends[1].done()
		halfOpen = !closed && c.isAttempt()
	}
	if halfOpen {
		t.sum.EvictedHalfOpen++
	}
	if closed {
		t.sum.EvictedClosed++
	}
}
