package tracker

import "math"

// makeRoom sees to it that one more connection fits. keep, which the new one follows, leaves last.
func (t *Tracker) makeRoom(keep *connection) {
	if t.live < t.cfg.MaxConnections || t.flushing {
		return
	}
	if !t.evict(keep) && keep != nil {
		t.release(keep, EndEvicted, t.now)
	}
}

// evict lets the least useful connection leave early, but not keep. It is false if there is none.
func (t *Tracker) evict(keep *connection) bool {
	if t.embryos.first != 0 { // the attempts first: they are what a flood makes
		t.letGo(EndEvicted, t.now)
		return true
	}
	soonest := t.soonest()
	if t.half.first != 0 && t.plains.at(t.half.first-1).heardAt()+t.cfg.Attempt.Nanoseconds() < soonest {
		t.leave(t.half.first-1, EndEvicted, t.now)
		return true
	}
	if t.settled.first != 0 && t.settledUntil() < soonest {
		t.leaveSettled(EndEvicted, t.now)
		return true
	}
	if len(t.queue) > 0 { // then closed ones and dead attempts: they have said it all
		c, _ := t.pop()
		t.release(c, EndEvicted, t.now)
		return true
	}
	return t.evictIdle(keep)
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

// evictIdle lets the hand of a clock go round over all places: it passes over those heard of since
// it last came by. It is false if there is nobody else than keep.
func (t *Tracker) evictIdle(keep *connection) bool {
	for range 2*(int(t.plains.next)+len(t.fulls)) + 1 {
		if t.hand >= int(t.plains.next)+len(t.fulls) {
			t.hand = 0
		}
		at := t.hand
		t.hand++
		if at < int(t.plains.next) {
			switch p := t.plains.at(uint32(at)); {
			case p.bits&inUse == 0:
			case p.bits&heard != 0:
				p.bits &^= heard
			default:
				t.leave(uint32(at), EndEvicted, t.now)
				return true
			}
			continue
		}
		switch c := t.fulls[at-int(t.plains.next)]; {
		case c.gone, c == keep:
		case c.heard:
			c.heard = false
		default:
			t.release(c, EndEvicted, t.now)
			return true
		}
	}
	return false
}
