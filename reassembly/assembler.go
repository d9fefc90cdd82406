// Package reassembly knows which octets of one direction of a stream a capture
// has shown: new, seen before, late, skipped, or acknowledged without ever
// having been captured. It keeps positions, no payload, and it does not know
// what a segment, a flag or a window is: which octets may be counted at all
// (inside the receiver's window, not beyond a FIN) is its caller's judgement.
//
// Positions are 64-bit, unwrapped by the caller, so a stream may be of any
// length and may hold octets before the first one captured.
package reassembly

import "unsafe"

// settledKept is how many acknowledged holes are remembered, newest first, to
// recognise their octets when they turn up after their acknowledgement: a
// capture reorders packets by a few places, not by more. Older ones stay
// counted in Missing.
const settledKept = 8

// Range is the octets [Start, End) of a stream.
type Range struct{ Start, End int64 }

// Len returns the number of octets in r.
func (r Range) Len() int64 { return r.End - r.Start }

// Added is what a range of octets was to what had been seen before.
type Added struct {
	New   int64 // octets not seen before
	Old   int64 // octets seen before: retransmitted or overlapping
	Late  bool  // some of New lies below the highest octet seen or acknowledged: it came out of order
	Since int64 // the stamp of the lowest hole it filled, see Assembler.Stamp; 0 if it filled none, or that has none
	Hole  int64 // octets newly skipped, from the highest seen or acknowledged to the range's start
}

// Assembler is the set of octets seen of one direction. The zero value holds
// nothing; it takes octets after Begin. Without holes it is its own 32 bytes.
//
// The set is kept as its complement: everything in [low, max) was seen but the
// holes in gaps. A stream in order has none, so Add then moves max and is done.
type Assembler struct {
	low, max int64
	gaps     *gaps // nil while there are no holes and nothing about past ones to remember
	started  bool
}

// Begin says that the stream's first octet (as far as the capture goes) stands
// at pos, and forgets everything else.
func (a *Assembler) Begin(pos int64) { a.BeginAt(pos, pos) }

// BeginAt is Begin for a stream of which all octets from pos to end were seen, in order.
func (a *Assembler) BeginAt(pos, end int64) { *a = Assembler{low: pos, max: end, started: true} }

// Whole reports whether no octet is missing, and none ever was for long.
func (a *Assembler) Whole() bool { return a.started && a.gaps == nil }

// Extend says that all octets of a Whole stream up to end were seen, in order.
func (a *Assembler) Extend(end int64) { a.max = end }

// Started reports whether Begin was called.
func (a *Assembler) Started() bool { return a.started }

// Add counts the octets of r as seen. An empty range is nothing and leaves no hole.
//
// Octets before Begin are new, and late, the first time they come: the capture
// began with reordered segments or with a retransmission. What lies between
// them and Begin is not missed: it may have passed before the capture.
//
// At most limit holes that nobody acknowledged are kept. Beyond it the lowest
// is given up: its octets count as passed, whether they come later or not is
// not known any more, and Dropped counts it.
func (a *Assembler) Add(r Range, limit int) Added {
	if r.Start == a.max && r.End > r.Start { // the ordinary segment (BenchmarkInOrder)
		a.max = r.End
		return Added{New: r.Len()}
	}
	if r.End <= r.Start {
		return Added{}
	}
	return a.addOutOfOrder(r, limit)
}

func (a *Assembler) addOutOfOrder(r Range, limit int) Added {
	var added Added
	if r.Start > a.max {
		added.Hole = r.Start - a.max
		a.holes().push(Range{a.max, r.Start})
		a.max = r.Start
	}
	if r.Start < a.low {
		before := Range{r.Start, min(r.End, a.low)}
		if before.End < a.low {
			a.holes().unshift(Range{before.End, a.low})
		}
		a.low = r.Start
		added.New += before.Len()
		added.Late = true
		r.Start = before.End
	}
	if r.End > a.max {
		added.New += r.End - a.max
		a.max, r.End = r.End, a.max
	}
	if r.Start < r.End { // the part in [low, max): in holes or seen
		var filled int64
		if a.gaps != nil {
			filled, added.Since = a.gaps.fill(r)
		}
		added.New += filled
		added.Old = r.Len() - filled
		added.Late = added.Late || filled > 0
	}
	if a.gaps != nil {
		a.gaps.trim(limit)
		a.release()
	}
	return added
}

// Stamp gives the highest hole a number to be known by, say when it was first seen, unless it has one. It is for a
// caller to whom Add has just told of a Hole.
func (a *Assembler) Stamp(stamp int64) {
	if a.gaps == nil || len(a.gaps.list) == 0 {
		return
	}
	if h := &a.gaps.list[len(a.gaps.list)-1]; h.stamp == 0 {
		h.stamp = stamp
	}
}

// Ack says that the receiver acknowledged every octet below pos, and returns
// how many octets are thereby known to have arrived without having been
// captured. They add to Missing until they are seen after all.
func (a *Assembler) Ack(pos int64) (unseen int64) {
	if pos <= a.max && a.gaps == nil || !a.started {
		return 0
	}
	g := a.holes()
	if pos > a.max {
		g.push(Range{a.max, pos})
		a.max = pos
	}
	unseen = g.settle(pos)
	a.release()
	return unseen
}

// Next returns the position of the first octet neither seen nor acknowledged:
// the receiver's RCV.NXT can be no further if the capture shows all it received.
func (a *Assembler) Next() int64 {
	if a.gaps != nil {
		if h, ok := a.gaps.firstOpen(); ok {
			return max(h.Start, a.gaps.acked)
		}
	}
	return a.max
}

// Max returns the position after the highest octet seen or acknowledged.
func (a *Assembler) Max() int64 { return a.max }

// Missing returns the number of octets since Begin that were acknowledged and
// never seen.
func (a *Assembler) Missing() int64 {
	if a.gaps == nil {
		return 0
	}
	return a.gaps.missing
}

// Seen returns the number of distinct octets seen. After holes were given up it
// is a lower bound.
func (a *Assembler) Seen() int64 {
	seen := a.max - a.low
	if a.gaps != nil {
		seen -= a.gaps.forgotten
		for _, h := range a.gaps.list {
			seen -= h.Len()
		}
	}
	return seen
}

// Contiguous reports whether every octet below end was seen or acknowledged (or
// its hole given up): a FIN at end is in sequence.
func (a *Assembler) Contiguous(end int64) bool { return a.Next() >= end }

// Dropped returns how many holes were given up for the limit of Add.
func (a *Assembler) Dropped() int {
	if a.gaps == nil {
		return 0
	}
	return a.gaps.dropped
}

// holes returns the bookkeeping of holes, made when the first one appears.
// Nothing before that needs to be known: with all of [low, max) seen, an
// acknowledgement below max settles nothing.
func (a *Assembler) holes() *gaps {
	if a.gaps == nil {
		a.gaps = &gaps{begin: a.low, acked: a.max}
	}
	return a.gaps
}

// release gives the bookkeeping back once every hole is filled and none was
// ever lost, so that a passing reordering costs a long connection nothing.
func (a *Assembler) release() {
	if g := a.gaps; len(g.list) == 0 && g.missing == 0 && g.dropped == 0 && g.forgotten == 0 {
		a.gaps = nil
	}
}

// Size returns what the Assembler has in memory beside itself, in bytes.
func (a *Assembler) Size() int64 {
	if a.gaps == nil {
		return 0
	}
	return int64(unsafe.Sizeof(*a.gaps)) + int64(cap(a.gaps.list))*int64(unsafe.Sizeof(Range{}))
}
