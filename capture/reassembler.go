package capture

import "time"

const (
	// maxDatagrams is how many datagrams are put together at a time; with all their parts they take some 5 MB.
	maxDatagrams = 4096
	// patience is how long a datagram waits for its fragments, in capture time: Linux's ipfrag_time.
	patience = int64(30 * time.Second)
	// settle is how long fragments of one datagram may lie apart without doubt, for they are sent all at once. After such
	// a silence an identification may be that of another datagram: a host at 1 Gbit/s comes round
	// all 65,536 of them in less (RFC 4963).
	settle = int64(time.Second)
)

// FragmentStats is what became of the IP fragments that may carry TCP.
type FragmentStats struct {
	// Fragments counts them. All but the last of each datagram are among Stats.Skipped too.
	Fragments uint64
	// Whole is how many datagrams were put together; Incomplete how many were not, because fragments are not in the
	// capture. OnlyFirst counts those of them of which nothing but the first fragment came.
	Whole, Incomplete, OnlyFirst uint64
	// Overlapping is how many were refused because their fragments contradict each other.
	Overlapping uint64
	// GivenUp is how many did not fit our own limits.
	GivenUp uint64
}

// reassembler holds the datagrams that come in fragments. Those that wait for more stand in one queue. The others, which
// are remembered for what may still come of them, stand in another and make room first.
type reassembler struct {
	places map[fragmentKey]int32
	slots  []partial
	free   []int32
	queues [2]queue
	stats  FragmentStats
	begin  int64 // when the trace began
}

// queue is a list of datagrams, the earliest first: place+1, 0 is none.
type queue struct{ first, last int32 }

func (r *reassembler) queueOf(g *partial) *queue {
	if g.state == waiting {
		return &r.queues[0]
	}
	return &r.queues[1]
}

// join puts the datagram at a place at the end of its queue.
func (r *reassembler) join(place int32) {
	g := &r.slots[place]
	q := r.queueOf(g)
	g.prev, g.next = q.last, 0
	if q.last == 0 {
		q.first = place + 1
	} else {
		r.slots[q.last-1].next = place + 1
	}
	q.last = place + 1
}

// stepOut takes it out of its queue.
func (r *reassembler) stepOut(place int32) {
	g := &r.slots[place]
	q := r.queueOf(g)
	if g.prev == 0 {
		q.first = g.next
	} else {
		r.slots[g.prev-1].next = g.next
	}
	if g.next == 0 {
		q.last = g.prev
	} else {
		r.slots[g.next-1].prev = g.prev
	}
}

// turn changes the state of a datagram.
func (r *reassembler) turn(place int32, to partialState) {
	r.stepOut(place)
	r.slots[place].state = to
	r.join(place)
}

// find returns the place of the datagram that a fragment of now belongs to.
func (r *reassembler) find(key *fragmentKey, now int64) (place int32, ok bool) {
	for q := &r.queues[0]; q.first != 0 && r.slots[q.first-1].isOver(now); {
		r.leave(q.first - 1)
	}
	place, ok = r.places[*key]
	if ok && r.slots[place].isOver(now) {
		r.leave(place)
		return 0, false
	}
	return place, ok
}

// isOver reports whether nothing that comes now belongs to g. The clock may have been set back since.
func (g *partial) isOver(now int64) bool {
	if g.state == waiting {
		return now-g.at > patience || g.at-now > patience
	}
	return now-g.latest > settle || g.latest-now > settle
}

// start begins a datagram and returns its place.
func (r *reassembler) start(key *fragmentKey, now int64) int32 {
	if r.places == nil {
		r.places = make(map[fragmentKey]int32)
	}
	if len(r.free) == 0 && len(r.slots) == maxDatagrams {
		r.makeRoom()
	}
	var place int32
	if n := len(r.free); n > 0 {
		place, r.free = r.free[n-1], r.free[:n-1]
	} else {
		place = int32(len(r.slots))
		r.slots = append(r.slots, partial{})
	}
	g := &r.slots[place]
	g.key, g.state, g.carrier = *key, waiting, key.proto == protoTCP
	g.at, g.latest = now, now
	g.total, g.have, g.copies, g.parts = 0, 0, 0, g.parts[:0]
	r.places[*key] = place
	r.join(place)
	return place
}

// makeRoom gives up the oldest of those that wait for nothing, or else of those that wait.
func (r *reassembler) makeRoom() {
	if done := r.queues[1].first; done != 0 {
		r.leave(done - 1)
		return
	}
	oldest := r.queues[0].first - 1
	if r.slots[oldest].carrier {
		r.stats.GivenUp++
	}
	r.remove(oldest)
}

// leave forgets a datagram, and counts it if it never came whole.
func (r *reassembler) leave(place int32) {
	r.stats.missing(&r.slots[place], r.begin)
	r.remove(place)
}

func (r *reassembler) remove(place int32) {
	delete(r.places, r.slots[place].key)
	r.stepOut(place)
	r.free = append(r.free, place)
}

// missing counts a datagram that stays incomplete. What is missing of one at the begin of the trace may have passed before.
func (s *FragmentStats) missing(g *partial, begin int64) {
	if g.state != waiting || !g.carrier || !g.hasFirst() && g.at-begin < settle {
		return
	}
	s.Incomplete++
	if g.hasFirst() && len(g.parts) == 1 {
		s.OnlyFirst++
	}
}

// total returns what became of all, if the trace ends then: of those that still wait, only the latest could have become
// whole.
func (r *reassembler) total(end int64) FragmentStats {
	s := r.stats
	for next := r.queues[0].first; next != 0; {
		g := &r.slots[next-1]
		if end-g.latest >= settle {
			s.missing(g, r.begin)
		}
		next = g.next
	}
	return s
}
