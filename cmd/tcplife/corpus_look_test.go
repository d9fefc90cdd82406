//go:build unix

package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"math"
	"net/netip"
	"slices"

	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/tracker"
)

// heard is a segment of a capture and what the tracker made of it.
type heard struct {
	segment.Segment
	tracker.Verdict
	latest int64 // the highest time stamp up to it
}

// look is a second look at a capture, by the parts the program is made of: all
// of its segments, and what was between them.
type look struct {
	stats    capture.Stats
	segments []heard                // in order
	flows    map[segment.Flow][]int // indices of segments
	silences []silence              // in order
	path     string
}

// silence is a run of frames that gave no segment, first to last, and why, by kind.
type silence struct {
	first, last uint64
	why         map[string]uint64
}

// lookAt reads a capture. An error of the capture is in its stats.
func lookAt(path string) (*look, error) {
	src, err := capture.Open(context.Background(), []string{path}, capture.DefaultOptions())
	if err != nil {
		return nil, err
	}
	defer src.Close()
	l := &look{path: path, flows: make(map[segment.Flow][]int)}
	t := tracker.New(tracker.DefaultConfig())
	latest, before := int64(math.MinInt64), capture.Stats{}
	// One at a time: then what was skipped before a segment is known.
	for one := make([]segment.Segment, 1); ; {
		n, err := src.Next(one)
		if n == 0 && !errors.Is(err, io.EOF) {
			return nil, err
		}
		next := src.Stats().Packets + 1
		if n > 0 {
			next = one[0].Number
		}
		if last := before.Packets; next > last+1 {
			now := src.Stats()
			l.silences = append(l.silences, silence{last + 1, next - 1, newKinds(now.Skipped, before.Skipped)})
			before = now
		}
		if n == 0 {
			l.stats = src.Stats()
			return l, nil
		}
		s := &one[0]
		before.Packets = s.Number
		latest = max(latest, s.Time)
		verdict := t.Observe(s)
		t.Advance(s.Time)
		if !s.IsQuote {
			l.flows[s.Flow] = append(l.flows[s.Flow], len(l.segments))
			l.segments = append(l.segments, heard{*s, verdict, latest})
		}
	}
}

// newKinds returns what now counts more than before.
func newKinds(now, before map[string]uint64) map[string]uint64 {
	more := make(map[string]uint64)
	for kind, n := range now {
		if n > before[kind] {
			more[kind] = n - before[kind]
		}
	}
	return more
}

// silentAt returns why a frame gave no segment, as far as that is known: the
// kinds of the run of frames it stands in; nil if it gave one.
func (l *look) silentAt(frame uint64) map[string]uint64 {
	for _, s := range l.silences {
		if s.first <= frame && frame <= s.last {
			return s.why
		}
	}
	return nil
}

// of returns all segments of a 4-tuple.
func (l *look) of(e ends) (hs []heard) {
	flow, _ := segment.FlowOf(endpointOf(e[0]), endpointOf(e[1]))
	for _, i := range l.flows[flow] {
		hs = append(hs, l.segments[i])
	}
	return hs
}

// at returns the segment of a packet, nil if it is none.
func (l *look) at(packet uint64) *heard {
	i, ok := slices.BinarySearchFunc(l.segments, packet, func(h heard, n uint64) int { return cmp.Compare(h.Number, n) })
	if !ok {
		return nil
	}
	return &l.segments[i]
}

func endpointOf(a netip.AddrPort) segment.Endpoint {
	return segment.Endpoint{IP: segment.IPOf(a.Addr()), Port: a.Port()}
}

// heard returns the segments that the record is made of.
func (d *difference) heard() []heard {
	return slices.DeleteFunc(d.look.of(d.ends), func(h heard) bool { return h.Connection != d.record.First.Number })
}

// side returns where the sender of h stands in the pairs of the verdict.
func (d *difference) side(h *heard) int {
	if h.Flow.Sender(h.Dir) == endpointOf(d.verdict.sender()) {
		return 0
	}
	return 1
}

// matching reads the capture once more with a filter: how many frames pass.
func (l *look) matching(filter string) (frames uint64) {
	opt := capture.DefaultOptions()
	opt.Filter = filter
	src, err := capture.Open(context.Background(), []string{l.path}, opt)
	if err != nil {
		return 0 // no such filter for this link type, or no libpcap
	}
	defer src.Close()
	for batch := make([]segment.Segment, 64); err == nil; {
		_, err = src.Next(batch)
	}
	return src.Stats().Packets
}
