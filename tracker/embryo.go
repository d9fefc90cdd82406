package tracker

import (
	"slices"

	"github.com/tcplife/tcplife/internal/segment"
)

// embryos are the connections of which nothing but one SYN was seen: floods and
// scans make millions of them. They keep the SYN and nothing else until
// anything more is heard of their 4-tuple.
type embryos struct {
	syns  map[segment.Flow]segment.Segment
	queue []embryo // in order of their coming
	head  int
}

// embryo is the place of one in the queue. It is void once its SYN left the map.
type embryo struct {
	flow     segment.Flow
	packet   uint64
	deadline int64
}

// take returns the SYN that waits at flow and removes it.
func (e *embryos) take(flow segment.Flow) (segment.Segment, bool) {
	syn, ok := e.syns[flow]
	if ok {
		delete(e.syns, flow)
	}
	return syn, ok
}

// add lets a SYN wait until deadline.
func (e *embryos) add(s *segment.Segment, deadline int64) {
	if e.head > len(e.queue)/2+1024 {
		e.queue = slices.Delete(e.queue, 0, e.head)
		e.head = 0
	}
	e.syns[s.Flow] = *s
	e.queue = append(e.queue, embryo{flow: s.Flow, packet: s.Number, deadline: deadline})
}

// next returns the packet of the SYN that came first of those that wait.
func (e *embryos) next() (packet uint64, ok bool) {
	for ; e.head < len(e.queue); e.head++ {
		first := &e.queue[e.head]
		if waiting, there := e.syns[first.flow]; there && waiting.Number == first.packet {
			return first.packet, true
		} // else it was answered
	}
	return 0, false
}

// expired takes the first SYN if its deadline is not after now.
func (e *embryos) expired(now int64) (syn segment.Segment, deadline int64, ok bool) {
	if _, ok = e.next(); !ok || e.queue[e.head].deadline > now {
		return segment.Segment{}, 0, false
	}
	first := e.queue[e.head]
	syn, ok = e.take(first.flow)
	return syn, first.deadline, ok
}

// isEmbryo reports whether s opens a 4-tuple by a SYN and nothing else.
func isEmbryo(s *segment.Segment) bool {
	return s.Flags&(segment.SYN|segment.ACK|segment.RST|segment.FIN) == segment.SYN
}

// grow makes a connection of the SYN that waits at the 4-tuple of s, if its time is not over;
// if it is, the record of the attempt leaves.
func (t *Tracker) grow(s *segment.Segment) {
	syn, ok := t.embryos.take(s.Flow)
	if !ok {
		return
	}
	c := t.hatch(&syn)
	if s.Time > c.deadline && !c.answers(s) {
		t.release(c, EndAttempt, c.deadline)
	}
}

// hatch turns a SYN that was set aside into the connection it would have been.
func (t *Tracker) hatch(syn *segment.Segment) *connection {
	t.live--
	c := t.open(syn, nil)
	t.apply(c, syn)
	t.schedule(c)
	return c
}
