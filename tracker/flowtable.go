package tracker

import (
	"encoding/binary"
	"hash/maphash"
	"unsafe"

	"github.com/tcplife/tcplife/internal/segment"
)

// seed keys the hash of flows, anew in each process: who floods a table with 4-tuples of their choosing
// cannot know which of them collide.
var seed = maphash.MakeSeed()

// Hash returns the hash by which trackers find the flow of a segment. Its upper half serves to share flows
// among trackers, its lower half to find them within one. It differs from process to process. It may be called from
// any goroutine.
func (t *Tracker) Hash(s *segment.Segment) uint64 { return t.hash(&s.Flow, s.Path) }

func (t *Tracker) hash(f *segment.Flow, path uint32) uint64 {
	// A Flow is 36 octets without padding (TestHashCoversTheFlow).
	h := maphash.Bytes(seed, unsafe.Slice((*byte)(unsafe.Pointer(f)), unsafe.Sizeof(*f)))
	if t.cfg.Key != nil {
		h ^= t.cfg.Key(path)
	}
	return h
}

// same reports whether two flows are one.
func same(f, g *segment.Flow) bool {
	word := binary.NativeEndian.Uint64
	return word(f.A.IP[8:])^word(g.A.IP[8:])|word(f.B.IP[8:])^word(g.B.IP[8:])|
		word(f.A.IP[:])^word(g.A.IP[:])|word(f.B.IP[:])^word(g.B.IP[:]) == 0 && f.A.Port == g.A.Port && f.B.Port == g.B.Port
}

// ref names a connection of the table: its form and its place among those of that form.
type ref uint32

// form is how much is kept of a connection.
type form uint8

// The forms, in the order in which a connection goes through them.
const (
	nowhere form = iota // no such connection
	lone                // an embryo: one SYN and nothing else
	plain               // a plainConn: whatever happened was ordinary
	full                // a connection, that can tell more
	settled             // a settledConn: closed, waiting for stragglers
)

const placeBits = 29

func refTo(f form, place uint32) ref { return ref(f)<<placeBits | ref(place) }
func (r ref) form() form             { return form(r >> placeBits) }
func (r ref) place() uint32          { return uint32(r & (1<<placeBits - 1)) }

// slot is one place of the table. Its hash is that of the flow, so that the table
// grows and closes its gaps without a look at the connections.
type slot struct {
	hash uint32
	ref  ref // 0: the slot is free
}

// flowTable finds the latest connection of a flow by open addressing with linear probing. It is at
// most seven eighths full.
type flowTable struct {
	slots []slot // a power of two of them
	used  int
}

const fewestSlots = 1 << 6

func newFlowTable() flowTable { return flowTable{slots: make([]slot, fewestSlots)} }

func (t *flowTable) mask() uint32 { return uint32(len(t.slots) - 1) }

// add enters a flow that is not in the table.
func (t *flowTable) add(hash uint32, r ref) {
	if t.isFull(0) {
		t.resize(2 * len(t.slots))
	}
	t.used++
	t.put(hash, r)
}

// isFull reports whether it is, with so many more.
func (t *flowTable) isFull(more int) bool { return t.used+more >= len(t.slots)/8*7 }

func (t *flowTable) put(hash uint32, r ref) {
	mask := t.mask()
	i := hash & mask
	for t.slots[i].ref != 0 {
		i = (i + 1) & mask
	}
	t.slots[i] = slot{hash, r}
}

// resize gives it another number of slots, a power of two.
func (t *flowTable) resize(slots int) {
	old := t.slots
	t.slots = make([]slot, slots)
	for _, s := range old {
		if s.ref != 0 {
			t.put(s.hash, s.ref)
		}
	}
}

// place returns the slot that holds r.
func (t *flowTable) place(hash uint32, r ref) (i uint32, ok bool) {
	mask := t.mask()
	for i = hash & mask; t.slots[i].ref != r; i = (i + 1) & mask {
		if t.slots[i].ref == 0 {
			return 0, false
		}
	}
	return i, true
}

// likely returns the first entry with this hash: that of the flow, but for one in many thousands.
func (t *flowTable) likely(hash uint32) ref {
	mask := t.mask()
	for i := hash & mask; ; i = (i + 1) & mask {
		if s := t.slots[i]; s.hash == hash || s.ref == 0 {
			return s.ref
		}
	}
}

// holds reports whether r is in the table.
func (t *flowTable) holds(hash uint32, r ref) bool {
	_, ok := t.place(hash, r)
	return ok
}

// replace puts another connection of the same flow in the place of old.
func (t *flowTable) replace(hash uint32, old, r ref) {
	if i, ok := t.place(hash, old); ok {
		t.slots[i].ref = r
	}
}

// remove takes r out, and moves up those behind it that would be found no more.
func (t *flowTable) remove(hash uint32, r ref) {
	i, ok := t.place(hash, r)
	if !ok {
		return
	}
	t.used--
	mask := t.mask()
	for j := (i + 1) & mask; t.slots[j].ref != 0; j = (j + 1) & mask {
		home := t.slots[j].hash & mask
		if (j-home)&mask >= (j-i)&mask { // its own place is not behind the gap
			t.slots[i] = t.slots[j]
			i = j
		}
	}
	t.slots[i] = slot{}
}
