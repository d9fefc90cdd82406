package tracker

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
