package tracker

import (
	"unsafe"

	"github.com/tcplife/tcplife/reassembly"
)

// What a tracker holds is counted, not measured, so that the same segments make the same connections leave on any machine. Each form
// has its size; what full connections and stories have beside it (facts, holes, what closing needs) is weighed when it changes.
// Looked at every few segments: holds is what was allocated, needs what those who are there now could do with. If
// needs is too much, the least useful leave (evict.go); if only holds is, what the others left behind is given back (shrink.go).

const (
	// lookEvery is after how many segments it is looked: few enough that what they add fits into what is kept free.
	lookEvery = 32
	// leastMemory is the least that MaxMemory can bound: what is looked up and remembered with hardly a connection.
	leastMemory = 6 << 20
	// mostSpare bounds what is kept free of the bound, for what one look and the next, and chunks half used, need.
	mostSpare = 6 << 20
)

// The sizes of what there are many of, in octets: a place on a list of free ones is counted with each value.
const (
	freePlace     = 5 // 4, and the room in which its list grows
	sizeOfEmbryo  = int64(unsafe.Sizeof(embryo{})) + freePlace
	sizeOfLong    = int64(unsafe.Sizeof(longPair{})) + freePlace
	sizeOfPlain   = int64(unsafe.Sizeof(plainConn{})) + freePlace
	sizeOfSettled = int64(unsafe.Sizeof(settledConn{})) + freePlace
	sizeOfStory   = int64(unsafe.Sizeof(story{})) + freePlace + 8
	sizeOfFull    = int64(unsafe.Sizeof(connection{})) + 128 + 2*8 // the allocator's next size, and its places on two lists
	sizeOfSlot    = int64(unsafe.Sizeof(slot{}))
	sizeOfFact    = int64(unsafe.Sizeof(Fact{}))
	sizeOfDue     = int64(unsafe.Sizeof(deadline{}))
	sizeOfLeaving = int64(unsafe.Sizeof(leaving{}))
	// leavingAtOnce is what one more takes who leaves when time jumps and all do: the list grows by a quarter, and for a moment there are both.
	leavingAtOnce = sizeOfLeaving * 9 / 4
)

// bound is Config.MaxMemory as it is kept.
type bound struct {
	needs, holds int64 // how much of each is allowed; 0: there is no bound
	unlooked     int   // segments until the next look
	reached      bool  // it is for memory that somebody leaves now

	left   [settled + 1]int64 // by form: records not taken yet
	facts  int64              // what full connections have beside their size: those that are there,
	unused int64              // and those that are not
	told   int64              // what the stories of those there take, sizes included,
	room   int64              // and what all stories take, in use or not
}

// keepWithin sets the bound.
func (t *Tracker) keepWithin(octets int64) {
	spare := min(octets/8, mostSpare)
	t.bound.needs, t.bound.holds = octets-spare, octets-spare/3
	t.past.fit(octets / 8)
	t.journals.fit(octets / 8)
}

// look sees to it that the bound holds.
func (t *Tracker) look() {
	t.bound.unlooked = lookEvery
	if t.bound.needs == 0 || t.flushing {
		return
	}
	if t.holds() > t.bound.holds && t.nobodyLeft() {
		t.giveBack()
	}
	t.bound.reached = true
	for t.needs() > t.bound.needs && t.evict(nil) {
		continue
	}
	t.bound.reached = false
}

// needs is what those take that are in the table, and what may grow at once: the table, and the list of those who leave if
// time jumps.
func (t *Tracker) needs() int64 {
	b := &t.bound
	n := (t.embryos.slab.used()-b.left[lone])*sizeOfEmbryo + t.embryos.long.used()*sizeOfLong +
		(t.plains.used()-b.left[plain])*sizeOfPlain + (t.settleds.used()-b.left[settled])*sizeOfSettled + b.told +
		t.inUse()*sizeOfFull + b.facts +
		int64(len(t.queue))*(sizeOfDue*5/4+leavingAtOnce) + int64(t.half.n+t.settled.n)*leavingAtOnce +
		int64(len(t.table.slots))*sizeOfSlot + t.past.size() + t.journals.size()
	if t.table.isFull(2 * lookEvery) {
		n += 2 * int64(len(t.table.slots)) * sizeOfSlot
	}
	return n
}

// inUse is how many full connections are in the table, or asleep.
func (t *Tracker) inUse() int64 {
	return int64(len(t.fulls)-len(t.unused)-len(t.vacant)) - t.bound.left[full]
}

// holds is what was allocated.
func (t *Tracker) holds() int64 {
	b := &t.bound
	return t.embryos.slab.size() + t.embryos.long.size() + t.plains.size() + t.settleds.size() +
		b.room + int64(len(t.fulls)-len(t.vacant))*sizeOfFull + b.facts + b.unused +
		int64(cap(t.queue))*sizeOfDue + int64(cap(t.ended))*sizeOfLeaving +
		int64(len(t.table.slots))*sizeOfSlot + t.past.size() + t.journals.size()
}

// bulk is what c has beside its size.
func (c *connection) bulk() int64 {
	n := int64(cap(c.facts)) * sizeOfFact
	if c.closing != nil {
		n += int64(unsafe.Sizeof(*c.closing))
	}
	for d := range c.ends {
		e := &c.ends[d]
		n += e.stream.Size()
		if e.doubtful != nil {
			n += e.doubtful.size()
		}
	}
	return n
}

func (d *doubts) size() int64 {
	return int64(unsafe.Sizeof(*d)) + int64(cap(d.list))*int64(unsafe.Sizeof(reassembly.Range{}))
}

// weigh counts what c has beside its size.
func (t *Tracker) weigh(c *connection) {
	n := c.bulk()
	t.bound.facts += n - c.weighed
	c.weighed = n
}

// size is what s takes.
func (s *story) size() int64 { return sizeOfStory + int64(cap(s.facts))*sizeOfFact }
