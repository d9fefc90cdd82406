package capture

import (
	"math"

	"github.com/tcplife/tcplife/internal/segment"
)

// What is done for each packet, by runs: packets of one file that were read
// together and come before those of all other files.

// due returns the packets of the earliest cursor, at least one and at most so
// many, that come before those of all other files.
func (s *Source) due(c *cursor, most int) []record {
	run := c.run[:min(len(c.run), most)]
	limit := s.heap.limit()
	if len(s.pending) > 0 {
		limit = min(limit, s.pending[0].first)
	}
	if limit == math.MaxInt64 {
		return run
	}
	for i := 1; i < len(run); i++ {
		if run[i].time >= limit {
			return run[:i]
		}
	}
	return run
}

// take counts the packets of a run and decodes them into batch, which has room
// for all. It returns how many were TCP segments, or quoted one.
func (s *Source) take(in *input, run []record, batch []segment.Segment) int {
	if s.filter != nil {
		return s.takeFiltered(in, run, batch)
	}
	s.tally(in, run)
	n, quotes := 0, s.stats.Quotes
	for i := range run {
		rec, seg := &run[i], &batch[n]
		if rec.link != linkEthernet || s.opt.single || !s.dec.plain(rec.data, seg) {
			if !s.decode(rec, seg) {
				continue
			}
		}
		seg.Number, seg.Time, seg.File = s.number+uint64(i)+1, rec.time, in.index
		n++
	}
	s.number += uint64(len(run))
	s.segments(in, uint64(n)-(s.stats.Quotes-quotes))
	return n
}

// takeFiltered is take for the packets that pass the filter.
func (s *Source) takeFiltered(in *input, run []record, batch []segment.Segment) int {
	n, quotes := 0, s.stats.Quotes
	for i := range run {
		s.number++
		pass, err := s.filter.matches(&run[i])
		if err != nil && in.stats.Err == nil {
			// The interface was not known when the filter was compiled; the
			// file's other interfaces still count.
			in.stats.Err = &FileError{Path: in.path, Err: err}
		}
		if !pass {
			s.stats.Filtered++
			continue
		}
		s.tally(in, run[i:i+1])
		if seg := &batch[n]; s.decode(&run[i], seg) {
			seg.Number, seg.Time, seg.File = s.number, run[i].time, in.index
			n++
		}
	}
	s.segments(in, uint64(n)-(s.stats.Quotes-quotes))
	return n
}

// decode fills seg with the segment in a packet, or one that it quotes, or counts why there is none.
func (s *Source) decode(rec *record, seg *segment.Segment) bool {
	s.dec.now = rec.time
	why := s.dec.decode(rec.link, rec.data, rec.wire, seg)
	switch {
	case why != isSegment:
		s.skipped.add(why)
		return false
	case seg.IsQuote:
		s.stats.Quotes++
		if seg.ICMP.V6 {
			s.skipped.add(skipProtocol(protoICMPv6))
		} else {
			s.skipped.add(skipProtocol(protoICMP))
		}
	}
	return true
}

// tally counts the packets of a run. It goes over them once, with few enough
// variables to keep them in registers: this is done for each packet (BenchmarkRead).
func (s *Source) tally(in *input, run []record) {
	st, f := &s.stats, &in.stats
	previous, link := int64(math.MinInt64), -1
	if f.Packets > 0 {
		previous = in.previous
	}
	s.pauses.between(run[0].time, st.Packets, in.index)
	var bytes, backwards, cut uint64
	least := uint32(math.MaxUint32)
	for i := range run {
		rec := &run[i]
		bytes += uint64(rec.wire)
		// Of captures cut short, no one can foretell which packets are; so this
		// has no branch. wire is an int32 and no less than the data.
		n := uint32(len(rec.data))
		isCut := (n - rec.wire) >> 31
		cut += uint64(isCut)
		least = min(least, n|(isCut-1))
		if uint64(rec.time-previous) > leastPause { // or before it
			if rec.time < previous {
				backwards++
				st.BackwardsMost = max(st.BackwardsMost, previous-rec.time)
			}
			if i > 0 {
				s.pauses.latest = previous
				s.pauses.between(rec.time, st.Packets+uint64(i), in.index)
			}
		}
		previous = rec.time
		if int(rec.link) != link {
			in.addLink(rec.link)
			link = int(rec.link)
		}
	}
	first, last := run[0].time, previous
	if backwards > 0 {
		for i := range run {
			first, last = min(first, run[i].time), max(last, run[i].time)
		}
	}
	if f.Packets == 0 {
		f.First, f.Last = first, last
	}
	f.First, f.Last = min(f.First, first), max(f.Last, last)
	if !st.FirstSet {
		st.First, st.Last, st.FirstSet = first, last, true
	}
	st.First, st.Last = min(st.First, first), max(st.Last, last)
	if cut > 0 && (st.CutPackets == 0 || least < st.SnapLen) {
		st.SnapLen = least
	}
	in.previous, s.pauses.latest = previous, previous
	f.Packets += uint64(len(run))
	f.Backwards += backwards
	st.Packets += uint64(len(run))
	st.Bytes += bytes
	st.CutPackets += cut
	st.Backwards += backwards
}

// segments counts the packets that were TCP segments.
func (s *Source) segments(in *input, n uint64) {
	s.stats.TCP += n
	in.stats.TCP += n
}
