package tracker

import (
	"container/heap"
	"math"
)

// deadlines is a heap of connections that leave when their time comes. An entry
// may be early: a connection that was heard of since goes back into the heap. One whose time
// moved forward has a second entry; only that at its queuedAt counts.
type deadlines []deadline

type deadline struct {
	at int64
	c  *connection
}

func (q deadlines) Len() int { return len(q) }
func (q deadlines) Less(i, j int) bool {
	if q[i].at != q[j].at {
		return q[i].at < q[j].at
	}
	return q[i].c.first.Packet < q[j].c.first.Packet
}
func (q deadlines) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *deadlines) Push(x any)   { *q = append(*q, x.(deadline)) }
func (q *deadlines) Pop() any {
	old := *q
	x := old[len(old)-1]
	old[len(old)-1] = deadline{}
	*q = old[:len(old)-1]
	return x
}

// schedule sets when c can say nothing more, from what it is now. A connection
// that is open, half closed or unacknowledged waits for more, however long:
// idle alone ends nothing.
func (t *Tracker) schedule(c *connection) {
	a, b := &c.ends[0], &c.ends[1]
	switch {
	case a.done() && b.done() || c.refusedBy.Seen():
		c.deadline = c.last.At + max(t.cfg.Linger, t.cfg.TimeWait).Nanoseconds()
	case !a.has(RcvAckSyn) && !b.has(RcvAckSyn) && !a.has(RcvSynAck) && !b.has(RcvSynAck) && (a.has(SndSyn) || b.has(SndSyn)):
		c.deadline = c.last.At + t.cfg.Attempt.Nanoseconds()
	default:
		c.deadline = 0
	}
	if c.previous != nil && c.previous.deadline == 0 && !c.tentative {
		// It was replaced: nothing but stragglers can come.
		c.previous.deadline = c.last.At + t.cfg.Linger.Nanoseconds()
		t.enqueue(c.previous)
	}
	t.enqueue(c)
}

// pop takes the first entry. It is void if its connection left, waits for more, or has another entry.
func (t *Tracker) pop() (c *connection, valid bool) {
	d := heap.Pop(&t.queue).(deadline)
	if d.c.gone || d.at != d.c.queuedAt {
		return nil, false
	}
	d.c.queuedAt = 0
	return d.c, d.c.deadline != 0
}

func (t *Tracker) enqueue(c *connection) {
	if c.deadline != 0 && (c.queuedAt == 0 || c.deadline < c.queuedAt) && !c.gone && t.rest == nil {
		c.queuedAt = c.deadline
		heap.Push(&t.queue, deadline{at: c.deadline, c: c})
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

// clock is the second-chance queue of all connections, in order of their coming:
// the hand passes over those heard of since it last came by.
type clock struct {
	queue []clockEntry
	head  int
}

type clockEntry struct {
	c    *connection
	seen uint64 // its last packet when the hand came by
}

// add appends c, and forgets connections that left once they are the larger part.
func (k *clock) add(c *connection, live int) {
	if len(k.queue)-k.head > 2*live+1024 || k.head > len(k.queue)/2+1024 {
		n := 0
		for _, e := range k.queue[k.head:] {
			if !e.c.gone {
				k.queue[n] = e
				n++
			}
		}
		clear(k.queue[n:])
		k.queue, k.head = k.queue[:n], 0
	}
	k.queue = append(k.queue, clockEntry{c: c})
}

// makeRoom sees to it that one more connection fits. keep is not chosen.
func (t *Tracker) makeRoom(keep *connection) {
	if t.live < t.cfg.MaxConnections {
		return
	}
	if syn, _, ok := t.embryos.expired(math.MaxInt64); ok { // the attempts first: they are what a flood makes
		t.release(t.hatch(&syn), EndEvicted, t.now)
		return
	}
	for len(t.queue) > 0 { // closed ones and dead attempts first: they have said it all
		c, valid := t.pop()
		if !valid {
			continue
		}
		t.release(c, EndEvicted, t.now)
		return
	}
	for t.clock.head < len(t.clock.queue) {
		e := t.clock.queue[t.clock.head]
		t.clock.queue[t.clock.head] = clockEntry{}
		t.clock.head++
		switch {
		case e.c.gone:
		case e.c == keep, e.c.last.Packet != e.seen: // heard of since, or the hand's first visit
			t.clock.queue = append(t.clock.queue, clockEntry{c: e.c, seen: e.c.last.Packet})
		default:
			t.release(e.c, EndEvicted, t.now)
			return
		}
	}
}
