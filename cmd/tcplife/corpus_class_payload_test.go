//go:build unix

package main

import (
	"math/bits"
	"slices"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/tracker"
)

// reasonOfPayload is a class of the question how many octets were sent, by what
// it makes of a segment of its kind.
type reasonOfPayload struct {
	class
	// gap returns what tshark counts more of the i-th segment, less if negative.
	gap func(hs []heard, i int) int64
}

var reasonsOfPayload = []reasonOfPayload{
	{
		class: class{name: twiceName, whose: definition},
		gap:   uncounted(func(h *heard) bool { return h.Note&tracker.NoteDuplicate != 0 }),
	},
	{
		class: class{
			name: "the octet of a keep-alive", whose: definition,
			why: "A keep-alive may carry one octet of garbage below the next sequence number (RFC 9293 3.8.4). It is none of the " +
				"stream's, so it is left out of `payload_bytes`; tshark counts it.",
		},
		gap: uncounted(func(h *heard) bool { return h.Note&tracker.NoteKeepalive != 0 }),
	},
	{
		class: class{name: resetName, whose: definition},
		gap:   uncounted(func(h *heard) bool { return h.Flags.Has(segment.RST) }),
	},
	{
		class: class{
			name: "payload without an ACK flag", whose: definition,
			why: "Behind the SYN every segment has the ACK flag; a receiver drops one without (RFC 9293 3.10.7.4, fifth check). " +
				"tshark counts its payload.",
		},
		gap: uncounted(func(h *heard) bool { return h.Flags&(segment.ACK|segment.SYN|segment.RST) == 0 }),
	},
	{
		class: class{name: refusedName, whose: definition},
		gap: func(hs []heard, i int) int64 {
			h := &hs[i]
			if h.Note&tracker.NoteIgnored != 0 || h.Note&tracker.NoteRetransmission != 0 && belowAll(hs[:i], h) {
				return int64(h.PayloadLen)
			}
			return 0
		},
	},
	{
		class: class{name: damagedName, whose: definition},
		gap:   uncounted(func(h *heard) bool { return h.Note&tracker.NoteBadChecksum != 0 }),
	},
	{
		class: class{
			name: "an IP header that promises more than its frame", whose: oddPacket,
			why: "The IP header's length goes beyond the frame, as it does after tools that cut packets and note the new length as " +
				"that on the wire. tshark believes the frame, tcplife the IP header: with that the next segments' numbers agree.",
		},
		gap: func(hs []heard, i int) int64 { return int64(hs[i].Captured) - int64(hs[i].PayloadLen) },
	},
}

// uncounted is the gap of segments whose payload does not count here.
func uncounted(is func(h *heard) bool) func(hs []heard, i int) int64 {
	return func(hs []heard, i int) int64 {
		if is(&hs[i]) {
			return int64(hs[i].PayloadLen)
		}
		return 0
	}
}

// belowAll reports whether h lies below all that its sender was seen to send: it
// is called sent again, but is far too old for its receiver's window.
func belowAll(before []heard, h *heard) bool {
	return !slices.ContainsFunc(before, func(o heard) bool { return o.Dir == h.Dir && o.Seq.Less(h.End()) && h.Seq.Less(o.End()) })
}

// classesOfPayload are about which octets count.
var classesOfPayload = func() (all []class) {
	for i := range reasonsOfPayload {
		c := reasonsOfPayload[i].class
		c.questions = []string{askPayload}
		c.rule = func(d *difference) uint64 {
			set, first := d.reasonsOfPayload()
			if set == 0 || bits.TrailingZeros(set) != i {
				return 0
			}
			return first
		}
		all = append(all, c)
	}
	return all
}()

// reasonsOfPayload returns the smallest set of reasons, as bits, that makes up for
// the whole difference in octets at both ends, and the first segment that the
// first of them is about; 0 if no set does.
func (d *difference) reasonsOfPayload() (all uint, packet uint64) {
	hs := d.heard()
	for side := range 2 {
		missing := int64(d.counts[1][side] - d.counts[0][side])
		best, found := uint(0), missing == 0
		for set := uint(1); set < 1<<len(reasonsOfPayload); set++ {
			smaller := !found || bits.OnesCount(set) < bits.OnesCount(best)
			if missing != 0 && smaller && d.gaps(set, hs, side) == missing {
				best, found = set, true
			}
		}
		if !found {
			return 0, 0
		}
		all |= best
	}
	for i := range hs {
		if gapOf(all&-all, hs, i) != 0 {
			return all, hs[i].Number
		}
	}
	return 0, 0
}

// gaps sums what tshark counts more of the segments of one side.
func (d *difference) gaps(set uint, hs []heard, side int) (sum int64) {
	for i := range hs {
		if d.side(&hs[i]) == side {
			sum += gapOf(set, hs, i)
		}
	}
	return sum
}

// gapOf is what tshark counts more of a segment, for the first of the reasons that holds.
func gapOf(set uint, hs []heard, i int) int64 {
	for j := range reasonsOfPayload {
		if set>>j&1 != 0 {
			if gap := reasonsOfPayload[j].gap(hs, i); gap != 0 {
				return gap
			}
		}
	}
	return 0
}
