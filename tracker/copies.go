package tracker

import (
	"math"
	"slices"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/reassembly"
)

// A copy, another capture of a segment that was captured before (journal.go), changes nothing but the counters of copies, whatever form
// its connection has: neither when the connection was last heard of, nor by which path.

// again counts s with p if it is a copy.
func (t *Tracker) again(p *plainConn, s *segment.Segment, print uint64) bool {
	e := t.journals.find(s, print, p.isMetTwice(s))
	n := &p.copies[s.Dir&1]
	if e == nil || e.way&damaged != 0 || *n == math.MaxUint8 {
		return false
	}
	*n++
	p.bits |= heard | twoWays
	t.sum.copied(e, s)
	return true
}

// synAgain counts s with the embryo at r if it is a copy of its SYN.
func (t *Tracker) synAgain(r ref, s *segment.Segment, hash, print uint64) bool {
	e := t.embryos.slab.at(r.place())
	if s.Dir != e.bits.dir() || uint32(s.Seq) != e.seq {
		return false
	}
	syn := t.embryos.syn(e)
	first := entry{at: microseconds(syn.Time), way: wayOf(&syn)}
	bits, ok := e.bits.copied()
	if !ok || fingerprintOf(&syn, hash) != print || !first.captured(s, otherWayWithin) || s.Time > syn.Time+t.cfg.Attempt.Nanoseconds() {
		return false
	}
	e.bits = bits
	t.sum.copied(&first, s)
	return true
}

// copied counts s with its connection if that has the full form and s is a copy.
func (t *Tracker) copied(s *segment.Segment, hash, print uint64) *connection {
	c := t.current(s, hash)
	if c == nil {
		return nil
	}
	if old := c.previous; old != nil && old.isOwnerOf(s, c) {
		c = old
	}
	x := &c.ends[s.Dir]
	if !x.stats.First.Seen() || x.isNext(s, &c.ends[s.Dir.Reverse()]) { // what the first capture belonged to is gone, or s is one
		return nil
	}
	e := t.journals.find(s, print, c.twoWays || x.otherWay(s) || s.File != c.firstFile)
	if e == nil {
		return nil
	}
	c.heard, c.twoWays = true, true
	x.stats.DuplicatePackets++
	t.sum.copied(e, s)
	if e.way&damaged != 0 && s.Checksum == segment.ChecksumGood { // only the first capture was
		if t.mend(c, s) {
			return nil
		}
	}
	return c
}

// otherWay reports whether s was met elsewhere than the first segment of e.
func (e *endpoint) otherWay(s *segment.Segment) bool {
	return s.TTL != e.stats.TTL || s.Path != e.stats.Path
}

// isNext reports whether s carries the next octets of e: had it been captured before, they would not be.
func (e *endpoint) isNext(s *segment.Segment, peer *endpoint) bool {
	if !e.based || !peer.based || e.teardown != nil || e.hasJump || e.doubtful != nil || s.PayloadLen == 0 ||
		s.Flags&(segment.SYN|segment.FIN|segment.RST|segment.ACK) != segment.ACK || e.position(s.Seq) != e.sndNxt {
		return false
	}
	ack := peer.position(s.Ack)
	return ack >= peer.sndUna && ack <= peer.sndNxt
}

// isOwnerOf reports whether s is given to c, not to the connection behind it.
func (c *connection) isOwnerOf(s *segment.Segment, next *connection) bool {
	if s.Flags&(segment.SYN|segment.ACK|segment.RST) == segment.SYN {
		x := &c.ends[s.Dir]
		return x.based && s.Seq == x.base
	}
	return c.fits(s) && (!next.fits(s) || next.unanswered() && !next.answers(s))
}

// mend takes back what a damaged capture of s changed: the next thing is that s is received. It is false if that was believed since.
func (t *Tracker) mend(c *connection, s *segment.Segment) bool {
	x := &c.ends[s.Dir]
	if !x.based || x.offloaded || s.Flags.Has(segment.FIN) && x.finEnd != 0 {
		return false
	}
	if s.PayloadLen > 0 && s.Flags&(segment.SYN|segment.FIN|segment.RST) == 0 {
		at := x.position(s.Seq)
		doubt := reassembly.Range{Start: at, End: at + int64(s.PayloadLen)}
		if x.doubtful == nil || !slices.Contains(x.doubtful.list, doubt) {
			return false
		}
		x.doubtful.list = slices.DeleteFunc(x.doubtful.list, func(d reassembly.Range) bool { return d == doubt })
	}
	if s.Flags.Has(segment.FIN) {
		x.badFin, x.badFinEnd = Mark{}, 0
	}
	x.stats.uncount(s)
	t.sum.ChecksumBad--
	return true
}

// uncount is the reverse of count, for a segment whose checksum was bad.
func (e *Endpoint) uncount(s *segment.Segment) {
	e.Packets--
	e.Bytes -= uint64(s.IPLen)
	e.ChecksumBad--
	for _, c := range [...]struct {
		flag segment.Flags
		n    *uint64
	}{{segment.SYN, &e.Syn}, {segment.FIN, &e.Fin}, {segment.RST, &e.Rst}} {
		if s.Flags.Has(c.flag) {
			*c.n--
		}
	}
	if s.Options.Has&segment.OptCut != 0 {
		e.TruncatedPackets--
	}
}
