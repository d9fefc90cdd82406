package tracker

// Summary is what the tracker knows of the whole trace beside its connections.
type Summary struct {
	Segments        uint64 // offered to Observe
	Connections     uint64 // records made
	Evicted         uint64 // records closed early for Config.MaxConnections
	FactsDropped    uint64
	RangesDropped   uint64
	Duplicates      uint64 // segments captured twice
	ChecksumBad     uint64
	TruncatedHeader uint64 // segments whose options were cut by the snapshot length
	Backwards       uint64 // segments stamped earlier than one before them
	First, Last     Mark
}
