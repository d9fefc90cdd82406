//go:build unix

package main

import (
	"maps"
	"slices"
	"time"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/tracker"
)

// classesOfFrames are about what is a segment of the capture at all.
var classesOfFrames = []class{
	{
		name: "quoted in an ICMP error", whose: definition, questions: everything,
		why: "An ICMP error quotes the header of the packet it is about. tshark counts the quotation as a segment of the " +
			"stream, and makes a stream of it if there is none; no host sent it as a segment, so it is none here.",
		rule: quotedInError,
	},
	{
		name: "sampled in sFlow", whose: definition, questions: everything,
		why: "sFlow datagrams carry headers that a switch sampled elsewhere. tshark dissects them like packets of the " +
			"capture; they passed another place at another time, so they are not counted here.",
		rule: func(d *difference) uint64 {
			if d.look.matching("udp port 6343") == 0 {
				return 0
			}
			return d.silent("udp")
		},
	},
	{
		name: "fragments that make no packet", whose: definition, questions: everything,
		why: "IP fragments overlap, or some are not in the file. tshark puts together what there is; here, as in RFC 5722 and in " +
			"Linux, what overlaps is dropped, and a packet that is not whole is none.",
		rule: func(d *difference) uint64 {
			return d.silent("ipv4 fragment", "ipv6 fragment", "overlapping ip fragment")
		},
	},
	{
		name: "no sound IP and TCP header", whose: oddPacket, questions: everything,
		why: "A header is cut off or of an impossible length, or a fragment of one that cannot be. tshark makes a stream of what " +
			"it finds at the ports' place; no host would take it for a segment.",
		rule: func(d *difference) uint64 {
			return d.silent("truncated tcp header", "malformed tcp", "truncated frame", "malformed ipv4", "malformed ipv6",
				"truncated ipv4 header", "truncated ipv6 header")
		},
	},
	{
		name: "link type or encapsulation not decoded", whose: ourLimit, questions: everything,
		why: "The packet lies in a link type or an encapsulation that tcplife does not read. Such frames are counted by " +
			"kind in the summary of each run.",
		rule: func(d *difference) uint64 { return d.silent() },
	},
	{
		name: "a file not read, or not to its end", whose: ourLimit, questions: everything,
		why: "The file is damaged or of a format that tcplife does not know; the run says so and ends with exit code 2. tshark reads on.",
		rule: func(d *difference) uint64 {
			if d.look.stats.Files[0].Err == nil {
				return 0
			}
			for _, v := range d.verdicts[d.ends] {
				if v.LastFrame > d.look.stats.Packets {
					return v.LastFrame
				}
			}
			return 0
		},
	},
	{
		name: "routed by its sender", whose: definition, questions: everything,
		why: "A source route, an IPv6 routing header or a home address option says who the ends are (RFC 1122 3.2.1.8, RFC 8200 4.4, " +
			"RFC 6275 6.3), and the TCP checksum covers those. tshark keeps the addresses of the IPv6 header apart.",
		rule: sourceRouted,
	},
	{
		name: twiceName, whose: definition, questions: countedThings,
		why: "A mirror port or a cooked capture shows the same packet again within milliseconds, with the same IP " +
			"identification or time stamp. tshark counts each copy and calls the second one retransmitted; here it is a " +
			"duplicate of the capture, counted apart (`duplicate_packets`).",
		rule: capturedTwice,
	},
}

// silent looks for a frame that tshark must have counted and that gave no
// segment, for one of the kinds of reasons if any are named, and returns its number.
func (d *difference) silent(kinds ...string) uint64 {
	at := func(frame uint64) uint64 {
		for kind := range d.look.silentAt(frame) {
			if len(kinds) == 0 || slices.Contains(kinds, kind) {
				return frame
			}
		}
		return 0
	}
	switch {
	case d.verdict == nil:
		for _, v := range d.verdicts[d.ends] {
			if frame := at(v.FirstFrame); frame != 0 {
				return frame
			}
		}
		return 0
	case at(d.verdict.FirstFrame) != 0:
		return d.verdict.FirstFrame
	case uint64(len(d.heard())) >= d.verdict.N.sum():
		return 0 // we have all segments that tshark counted
	}
	// Some frame among the stream's own: the counts do not say which.
	for _, s := range d.look.silences {
		if s.first > max(d.record.Last.Number, d.verdict.LastFrame) || s.last < min(d.record.First.Number, d.verdict.FirstFrame) {
			continue
		}
		if frame := at(s.first); frame != 0 {
			return frame
		}
	}
	return 0
}

// quotedInError: what tshark counts more is not more than what it says it found in quotations.
func quotedInError(d *difference) uint64 {
	if d.verdict == nil {
		theirs, quoted := d.verdicts[d.ends], uint64(0)
		rest := len(theirs)
		for i := range theirs {
			if theirs[i].Embedded >= theirs[i].N.sum() {
				rest--
				quoted = theirs[i].FirstFrame
			}
		}
		if rest == len(d.records[d.ends]) {
			return quoted
		}
		return 0
	}
	if d.verdict.Embedded == 0 {
		return 0
	}
	if d.question == askPackets && d.counts[0].sum()+d.verdict.Embedded != d.counts[1].sum() {
		return 0
	}
	return d.verdict.FirstFrame
}

// sourceRouted: tshark's first packet is a segment of ours with the same ports and another address.
func sourceRouted(d *difference) uint64 {
	flow, _ := segment.FlowOf(endpointOf(d.ends[0]), endpointOf(d.ends[1]))
	other := func(v *verdict) uint64 {
		h := d.look.at(v.FirstFrame)
		if h == nil || h.Flow == flow || h.Flow.Sender(h.Dir).Port != v.AP || h.Flow.Sender(h.Dir.Reverse()).Port != v.BP {
			return 0
		}
		return v.FirstFrame
	}
	if d.verdict == nil {
		for _, v := range d.verdicts[d.ends] {
			if packet := other(&v); packet != 0 {
				return packet
			}
		}
	}
	// Here are the segments that tshark has under those other addresses.
	for _, e := range slices.SortedFunc(maps.Keys(d.verdicts), compareEnds) {
		for _, v := range d.verdicts[e] {
			if h := d.look.at(v.FirstFrame); h != nil && e != d.ends && h.Flow == flow {
				return v.FirstFrame
			}
		}
	}
	return 0
}

func compareEnds(a, b ends) int {
	if c := a[0].Compare(b[0]); c != 0 {
		return c
	}
	return a[1].Compare(b[1])
}

// capturedTwice: with the copies, the counts agree.
func capturedTwice(d *difference) uint64 {
	first, counts := uint64(0), d.counts[0]
	for _, h := range d.heard() {
		if h.Note&tracker.NoteDuplicate == 0 {
			continue
		}
		counts[d.side(&h)] += d.adds(&h)
		if first == 0 {
			first = h.Number
		}
	}
	if counts != d.counts[1] {
		return 0
	}
	return first
}

// adds returns what a segment adds to what the question counts.
func (d *difference) adds(h *heard) uint64 {
	flag := map[string]segment.Flags{askSyn: segment.SYN, askFin: segment.FIN, askRst: segment.RST}[d.question]
	switch {
	case d.question == askPayload:
		return uint64(h.PayloadLen)
	case h.Flags.Has(flag): // of packets, all
		return 1
	}
	return 0
}

// classesOfStreams are about which segments make one connection.
var classesOfStreams = []class{
	{
		name: "an earlier connection's segments", whose: definition, questions: slices.Concat(countedThings, analysed, []string{askRTT}),
		why: "Two connections of one 4-tuple follow each other. tshark gives every later segment to the newer stream; here " +
			"its numbers decide to which of the two it belongs.",
		rule: earlierConnection,
	},
	{
		name: "attempts and strays with a time-out", whose: definition, questions: []string{askConnections},
		why: "Segments that belong to no connection, such as the same RST every minute, are one stream for tshark however " +
			"far apart they are. Here a record ends when nothing more came of it for two minutes, or an attempt was not answered for three.",
		rule: timedOut,
	},
	{
		name: "clocks that disagree", whose: oddPacket, questions: []string{askConnections, askRTT},
		why: "Time stamps of one file lie hours or years apart, as of two interfaces with different clocks. Time-outs go by the " +
			"latest time stamp, so an attempt on a clock far behind seems over at once; and a round trip that goes back in time is none.",
		rule: clockJumps,
	},
	{
		name: "an endpoint that talks to itself", whose: definition, questions: countedThings,
		why: "Source and destination are the same address and port. tshark counts each segment once, for the first sender; " +
			"here that socket is both ends (RFC 9293 3.9.1), so each sent it.",
		rule: func(d *difference) uint64 {
			ours, theirs := d.counts[0], d.counts[1]
			if d.ends[0] == d.ends[1] && ours[0] == ours[1] && ours[0] == theirs.sum() {
				return d.record.First.Number
			}
			return 0
		},
	},
	{
		name: "flags that exclude each other", whose: oddPacket, questions: []string{askClient},
		why: "SYN stands together with RST or FIN, which no TCP sends. tshark takes it for the SYN or SYN-ACK of a handshake; " +
			"here the RST goes first, as in RFC 9293 3.10.7.",
		rule: func(d *difference) uint64 {
			for _, h := range d.heard() {
				if h.Flags.Has(segment.SYN) && h.Flags&(segment.RST|segment.FIN) != 0 {
					return h.Number
				}
			}
			return 0
		},
	},
}

// earlierConnection: all connections of the 4-tuple together have the same packets.
func earlierConnection(d *difference) uint64 {
	var ours, theirs uint64
	for i, r := range d.records[d.ends] {
		v := d.verdicts[d.ends][i]
		ours += r.Endpoints["client"].Packets + r.Endpoints["server"].Packets
		theirs += v.N.sum()
	}
	if ours != theirs || len(d.verdicts[d.ends]) < 2 || uint64(len(d.heard())) == d.verdict.N.sum() {
		return 0
	}
	for _, h := range d.look.of(d.ends) { // the first one behind the later connection's begin that is not its own
		for _, v := range d.verdicts[d.ends] {
			if v.FirstFrame <= h.Number && h.Connection < v.FirstFrame {
				return h.Number
			}
		}
	}
	return 0
}

// timedOut: we have more connections, and each begins long after the last segment before it.
func timedOut(d *difference) uint64 {
	const atLeast = int64(2 * time.Minute)
	rs := d.records[d.ends]
	if len(rs) < 2 || len(rs) <= len(d.verdicts[d.ends]) {
		return 0
	}
	hs := d.look.of(d.ends)
	for i := 1; i < len(hs); i++ {
		if hs[i].Connection == hs[i].Number && hs[i].Time-hs[i-1].Time <= atLeast {
			return 0 // no more than for another reason
		}
	}
	return rs[1].First.Number
}

// clockJumps: among the connection's segments a time stamp is far from the one before or from the trace's.
func clockJumps(d *difference) uint64 {
	const far = int64(time.Hour)
	hs := d.look.of(d.ends)
	for i := range hs {
		h := &hs[i]
		if h.latest-h.Time > far || i > 0 && (h.Time-hs[i-1].Time > far || hs[i-1].Time-h.Time > far) {
			return h.Number
		}
	}
	return 0
}
