package tracker

import (
	"container/heap"
	"math"
)

// deadlines is a heap of full connections that leave when their time comes. An entry
// may be early: a connection that was heard of since goes back into the heap. One whose time
// moved forward has a second entry; only that at its queuedAt counts.
type deadlines []deadline

type deadline struct {
	at     int64
	packet uint64 // the connection's first: it decides between equal times
	c      *connection
	life   uint32 // the connection's, see connection.life
}

func (q deadlines) Len() int { return len(q) }
func (q deadlines) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].packet < q[j].packet
}
func (q deadlines) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *deadlines) Push(x any)   { *q = append(*q, x.(deadline)) }
func (q *deadlines) Pop() any {
	old := *q
	last := old[len(old)-1]
	old[len(old)-1] = deadline{} // it holds on to nobody
	*q = old[:len(old)-1]
	return last
}

// schedule sets when c can say nothing more, from what it is now. A connection
// that is open, half closed or unacknowledged waits for more, however long:
// idle alone ends nothing.
func (t *Tracker) schedule(c *connection) {
	c.calm = false
	a, b := &c.ends[0], &c.ends[1]
	switch {
	case a.done() && b.done() || c.refusedBy.Seen():
		c.deadline = c.last.At + t.cfg.stragglers()
	case c.isAttempt():
		c.deadline = c.last.At + t.cfg.Attempt.Nanoseconds()
	default:
		c.deadline = 0
		c.calm = c.ends[0].teardown == nil && c.previous == nil
	}
	if c.previous != nil && c.previous.deadline == 0 && !c.tentative {
		// It was replaced: nothing but stragglers can come.
		c.previous.deadline = c.last.At + t.cfg.Linger.Nanoseconds()
		t.enqueue(c.previous)
	}
	t.enqueue(c)
}

// isAttempt reports whether the handshake was begun and is not done.
func (c *connection) isAttempt() bool {
	a, b := &c.ends[0], &c.ends[1]
	return !a.has(RcvAckSyn) && !b.has(RcvAckSyn) && !a.has(RcvSynAck) && !b.has(RcvSynAck) && (a.has(SndSyn) || b.has(SndSyn))
}

func (t *Tracker) enqueue(c *connection) {
	if c.deadline != 0 && (c.queuedAt == 0 || c.deadline < c.queuedAt) && !c.gone && !t.flushing {
		if len(t.queue) > 2*len(t.fulls)+fewestVoid {
			t.dropVoid()
		}
		c.queuedAt = c.deadline
		heap.Push(&t.queue, deadline{at: c.deadline, packet: c.first.Packet, c: c, life: c.life})
		t.soon(c.deadline)
	}
}

// fewestVoid is how many void deadlines are not worth the while of looking for them.
const fewestVoid = 64

// dropVoid drops the deadlines that are void. Of the others there are no more than full connections: whoever closed and is heard
// of again and again, all within a moment, would else leave one behind each time.
func (t *Tracker) dropVoid() {
	valid := t.queue[:0]
	for _, d := range t.queue {
		if d.valid() {
			d.c.queuedAt = 0 // so that another one at the same time is not
			valid = append(valid, d)
		}
	}
	for _, d := range valid {
		d.c.queuedAt = d.at
	}
	clear(t.queue[len(valid):]) // they hold on to nobody
	t.queue = valid
	heap.Init(&t.queue)
}

// valid reports whether d is its connection's entry still.
func (d *deadline) valid() bool { return d.life == d.c.life && !d.c.gone && d.at == d.c.queuedAt }

// pop takes the first of the deadlines. It is void if its connection left, waits for more, or has another entry.
func (t *Tracker) pop() (c *connection, valid bool) {
	d := heap.Pop(&t.queue).(deadline)
	if !d.valid() {
		return nil, false
	}
	d.c.queuedAt = 0
	return d.c, d.c.deadline != 0
}

// soon notes that something may leave at this time.
func (t *Tracker) soon(at int64) { t.due = min(t.due, at) }

// Advance tells the tracker that the trace has reached a time, in nanoseconds since
// 1970 UTC, and lets records leave whose time has come. Its first call, if it comes before any segment, says
// when the trace began: trackers that share a trace get the time of its first packet that way.
func (t *Tracker) Advance(now int64) {
	t.begin(now)
	t.now = max(t.now, now)
	if t.now >= t.due {
		t.expire()
	}
}

// expire lets go of all whose time has come.
func (t *Tracker) expire() {
	attempt := t.cfg.Attempt.Nanoseconds()
	t.due = math.MaxInt64
	for t.embryos.first != 0 {
		at := t.embryos.slab.at(t.embryos.first-1).at.time() + attempt
		if at > t.now {
			t.soon(at)
			break
		}
		t.letGo(EndAttempt, at)
	}
	for t.half.first != 0 {
		at := t.plains.at(t.half.first-1).heardAt() + attempt
		if at > t.now {
			t.soon(at)
			break
		}
		t.leave(t.half.first-1, EndAttempt, at)
	}
	for t.settled.first != 0 {
		at := t.settledUntil()
		if at > t.now {
			t.soon(at)
			break
		}
		t.leaveSettled(EndSettled, at)
	}
	for len(t.queue) > 0 {
		at := t.queue[0].at
		if at > t.now {
			t.soon(at)
			break
		}
		switch c, valid := t.pop(); {
		case !valid:
		case c.deadline > at:
			t.enqueue(c) // it was heard of since
		default:
			t.lapse(c)
		}
	}
}

// settledReason says why a connection leaves by its own deadline.
func (c *connection) settledReason() EndReason {
	a, b := &c.ends[0], &c.ends[1]
	switch {
	case a.has(Replace) || b.has(Replace):
		return EndReplaced
	case !a.done() && !b.done() && !c.refusedBy.Seen():
		return EndAttempt
	}
	return EndSettled
}
