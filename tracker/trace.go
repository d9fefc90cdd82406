package tracker

import (
	"time"

	"github.com/tcplife/tcplife/internal/segment"
)

// Summary is what the tracker knows of the whole trace beside its connections.
type Summary struct {
	Segments        uint64 // offered to Observe
	Connections     uint64 // records made
	Evicted         uint64 // records closed early for want of room
	EvictedMemory   uint64 // those of them for Config.MaxMemory; the others were for Config.MaxConnections
	EvictedHalfOpen uint64 // those that were attempts still
	EvictedClosed   uint64 // those that were closed; the others were open
	FactsDropped    uint64
	RangesDropped   uint64
	Duplicates      uint64 // segments captured twice
	Quotes          uint64 // ICMP errors that quote a segment
	QuotesUnmatched uint64 // and those among them that fit no connection
	Copies          Copies // how those differ from their first captures
	ChecksumBad     uint64
	TruncatedHeader uint64 // segments whose options were cut by the snapshot length
	Backwards       uint64 // segments stamped earlier than one before them
	First, Last     Mark
}

// Add joins what another tracker knows of other connections of the same trace.
func (s *Summary) Add(o Summary) {
	s.Segments += o.Segments
	s.Connections += o.Connections
	s.Evicted += o.Evicted
	s.EvictedMemory += o.EvictedMemory
	s.EvictedHalfOpen += o.EvictedHalfOpen
	s.EvictedClosed += o.EvictedClosed
	s.FactsDropped += o.FactsDropped
	s.RangesDropped += o.RangesDropped
	s.Duplicates += o.Duplicates
	s.Quotes += o.Quotes
	s.QuotesUnmatched += o.QuotesUnmatched
	s.Copies.add(&o.Copies)
	s.ChecksumBad += o.ChecksumBad
	s.TruncatedHeader += o.TruncatedHeader
	s.Backwards += o.Backwards
	if !s.First.Seen() || o.First.Seen() && o.First.Packet < s.First.Packet {
		s.First = o.First
	}
	if o.Last.Packet > s.Last.Packet {
		s.Last = o.Last
	}
}

// Copies tells of the segments captured twice where else they were met.
type Copies struct {
	// Hops counts them by how much lower their TTL was than that of the first capture, MostHops in the middle: index MostHops+1 is one
	// hop further. Those further away stand at the ends.
	Hops [2*MostHops + 1]uint64
	// Apart counts them by how far apart in time both captures are, up to CopiesApart of the same index; the last holds the rest.
	Apart     [len(CopiesApart) + 1]uint64
	OtherWay  uint64                  // TTL, path or file was another
	OtherPath uint64                  // the path was
	OtherFile uint64                  // the file was
	PathPairs [MostPathPairs]PathPair // of those by another path: the lowest numbers, in order
}

// MostHops bounds the differences in TTL that are told apart, MostPathPairs the pairs of paths.
const (
	MostHops      = 8
	MostPathPairs = 8
)

// CopiesApart are the limits between the counts of Copies.Apart.
var CopiesApart = [...]time.Duration{10 * time.Microsecond, 100 * time.Microsecond, time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond}

// PathPair is two paths by which the same segments were captured, by their numbers, the lower one first.
type PathPair struct {
	A, B   uint32
	Copies uint64
}

// copied counts a copy of e.
func (s *Summary) copied(e *entry, copy *segment.Segment) {
	s.Duplicates++
	c, way := &s.Copies, wayOf(copy)
	c.Hops[MostHops+max(-MostHops, min(MostHops, e.way.ttl()-way.ttl()))]++
	apart := time.Duration(int32(microseconds(copy.Time)-e.at)) * time.Microsecond
	i := 0
	for i < len(CopiesApart) && max(apart, -apart) > CopiesApart[i] {
		i++
	}
	c.Apart[i]++
	if (e.way^way)&^damaged == 0 {
		return
	}
	c.OtherWay++
	if e.way.file() != way.file() {
		c.OtherFile++
	}
	if a, b := e.way.path(), way.path(); a != b {
		c.OtherPath++
		c.pair(PathPair{min(a, b), max(a, b), 1})
	}
}

// pair adds to the pairs of paths. Which of them are kept, and their counts, do not depend on the order in which they came.
func (c *Copies) pair(p PathPair) {
	for i := range c.PathPairs {
		q := &c.PathPairs[i]
		switch {
		case q.Copies == 0:
			*q = p
			return
		case p.A == q.A && p.B == q.B:
			q.Copies += p.Copies
			return
		case p.A < q.A || p.A == q.A && p.B < q.B:
			*q, p = p, *q
		}
	}
}

func (c *Copies) add(o *Copies) {
	for i, n := range o.Hops {
		c.Hops[i] += n
	}
	for i, n := range o.Apart {
		c.Apart[i] += n
	}
	c.OtherWay += o.OtherWay
	c.OtherPath += o.OtherPath
	c.OtherFile += o.OtherFile
	for _, p := range o.PathPairs {
		if p.Copies > 0 {
			c.pair(p)
		}
	}
}
