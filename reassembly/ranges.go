package reassembly

import (
	"slices"
	"sort"
)

// gaps are the holes of a stream: sorted, apart from each other, none empty.
// Those that end at or below acked are settled: the receiver has the octets.
type gaps struct {
	list      []hole
	begin     int64 // holes below it were before the capture and are never missing
	acked     int64 // highest acknowledgement since the first hole; begin <= acked
	missing   int64 // octets of [begin, acked) never seen, holes forgotten included
	forgotten int64 // octets of holes no longer in list
	dropped   int   // holes given up before they were settled
}

// hole is a Range, and the stamp it was given.
type hole struct {
	Range
	stamp int64
}

// push adds a hole above all others.
func (g *gaps) push(r Range) {
	if n := len(g.list); n > 0 && g.list[n-1].End == r.Start {
		g.list[n-1].End = r.End
		return
	}
	g.list = append(g.list, hole{Range: r})
}

// unshift adds a hole below all others.
func (g *gaps) unshift(r Range) { g.list = slices.Insert(g.list, 0, hole{Range: r}) }

// fill takes the octets of r out of the holes and returns how many those were, and the stamp of the lowest of them.
func (g *gaps) fill(r Range) (filled, stamp int64) {
	i := sort.Search(len(g.list), func(i int) bool { return g.list[i].End > r.Start })
	for i < len(g.list) && g.list[i].Start < r.End {
		h := g.list[i]
		cut := Range{max(h.Start, r.Start), min(h.End, r.End)}
		if filled == 0 {
			stamp = h.stamp
		}
		filled += cut.Len()
		g.missing -= overlap(cut, Range{g.begin, g.acked})
		left, right := hole{Range{h.Start, cut.Start}, h.stamp}, hole{Range{cut.End, h.End}, h.stamp}
		switch {
		case left.Len() > 0 && right.Len() > 0:
			g.list[i] = left
			g.list = slices.Insert(g.list, i+1, right)
			i += 2
		case left.Len() > 0:
			g.list[i] = left
			i++
		case right.Len() > 0:
			g.list[i] = right
			i++
		default:
			g.list = slices.Delete(g.list, i, i+1)
		}
	}
	return filled, stamp
}

// settle raises the acknowledgement to pos and returns the octets thereby missing.
func (g *gaps) settle(pos int64) (unseen int64) {
	if pos <= g.acked {
		return 0
	}
	newly := Range{g.acked, pos}
	for _, h := range g.list {
		unseen += overlap(h.Range, newly)
	}
	g.missing += unseen
	g.acked = pos
	if excess := g.settled() - settledKept; excess > 0 {
		g.forget(0, excess)
	}
	return unseen
}

// settled returns how many of the holes are settled: they are the lowest ones.
func (g *gaps) settled() int {
	return sort.Search(len(g.list), func(i int) bool { return g.list[i].End > g.acked })
}

// firstOpen returns the lowest hole that is not settled.
func (g *gaps) firstOpen() (h Range, ok bool) {
	if i := g.settled(); i < len(g.list) {
		return g.list[i].Range, true
	}
	return Range{}, false
}

// trim gives up the lowest open holes until at most limit are left, and the
// lowest settled ones beyond settledKept.
func (g *gaps) trim(limit int) {
	settled := g.settled()
	if excess := len(g.list) - settled - max(limit, 0); excess > 0 {
		g.forget(settled, settled+excess)
		g.dropped += excess
	}
	if excess := settled - settledKept; excess > 0 {
		g.forget(0, excess)
	}
}

// forget removes the holes [i, j) of the list.
func (g *gaps) forget(i, j int) {
	for _, h := range g.list[i:j] {
		g.forgotten += h.Len()
	}
	g.list = slices.Delete(g.list, i, j)
}

func overlap(a, b Range) int64 { return max(0, min(a.End, b.End)-max(a.Start, b.Start)) }
