package anomaly

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/tracker"
)

var qualityKinds = []*Kind{
	CaptureLoss, DropsReported, OneWayCapture, DuplicatePackets, NATTwice, ChecksumOffload, checksumBad,
	OffloadSuperframes, SnaplenTruncated, fragmentedTCP, TimeWentBackwards, ClockStep, MidFileGap, VLANSplit, TableEvicted, midstream, openAtEOF,
}

// CaptureLoss is about packets that passed the tap and are not in the file.
var CaptureLoss = &Kind{
	Slug: "capture-loss", Family: CaptureQuality, Severity: Quality, Since: "0.1", cause: aboutCapture,
	Reference: "RFC 9293 3.4 (an ACK covers what was received)",
	Summary:   "Data was acknowledged that the capture never saw.",
	Explanation: "The receiver has it, so it was sent, and the capture lost it: the capturing host was too slow, the mirror port was overloaded, or a filter excludes part of the traffic. " +
		"What seems to be missing in the network may be missing only here; findings about the end of such a connection have low confidence. Capture with a larger " +
		"buffer, a shorter snapshot length or a narrower filter.",
	when: hasHoles,
	judge: func(c *conn) []Finding {
		out := c.none()
		for _, r := range both {
			e := c.end(r)
			if e.MissingBytes == 0 {
				continue
			}
			var marks []tracker.Mark
			at := c.First.At
			for _, f := range c.by(r.Peer(), tracker.FactAckOfUnseen) {
				if len(marks) == 0 {
					at = f.At
				}
				if len(marks) < maxPackets {
					marks = append(marks, f.Mark)
				}
			}
			out = append(out, c.about(r, at, marks, High, "%s of the %s were acknowledged but never captured", count(e.MissingBytes, "byte"), r))
		}
		return out
	},
	trace: func(t *trace, s source) []Finding {
		all := t.stream + t.missing
		if t.missing == 0 || float64(t.missing) < s.t.LostShare*float64(all) {
			return nil
		}
		return oneFinding("%s of %s acknowledged bytes were never captured (%s)", count(t.missing, "byte"), grouped(all), percent(t.missing, all))
	},
}

// DropsReported is about packets the capturing host itself counted as lost.
var DropsReported = &Kind{
	Slug: "drops-reported", Family: CaptureQuality, Severity: Quality, Since: "0.1", cause: aboutCapture,
	Reference: "pcapng interface statistics (isb_ifdrop, isb_osdrop); libpcap ps_drop, ps_ifdrop",
	Summary:   "The capturing host reports packets it dropped.",
	Explanation: "Its own counters say that the capture is not complete, so missing packets prove nothing. Capture with a larger buffer (tcpdump -B), to a faster disk, " +
		"with a filter or a shorter snapshot length.",
	trace: func(_ *trace, s source) []Finding {
		lost := s.cap.DropsKernel + s.cap.DropsInterface
		if !s.cap.DropsKnown || lost == 0 {
			return nil
		}
		return oneFinding("%s dropped by the kernel and %s by the interface, beside %s captured", count(s.cap.DropsKernel, "packet"), grouped(s.cap.DropsInterface), grouped(s.cap.Packets))
	},
}

// OneWayCapture is about captures that hold one direction only.
var OneWayCapture = &Kind{
	Slug: "one-way-capture", Family: CaptureQuality, Severity: Quality, Since: "0.1", cause: aboutCapture,
	Reference: "RFC 9293 3.4",
	Summary:   "Only one direction was captured.",
	replaces:  []*Kind{CaptureLoss},
	Explanation: "One side's segments answer a peer that is not in the capture: routing is asymmetric, the mirror port copies one direction only, or the filter names one address as source. " +
		"Nothing can be said about the other side; findings about the end have low confidence. Capture on a host itself, or mirror both directions.",
	when: halfCaptured,
	judge: func(c *conn) []Finding {
		if !c.half {
			return nil
		}
		r := c.silent
		e := c.end(r.Peer())
		return c.one(c.about(r, c.First.At, []tracker.Mark{e.First, e.Last}, High, "%s of the %s and none of the %s, yet it was spoken with", count(e.Packets, "segment"), r.Peer(), r))
	},
	trace: func(t *trace, s source) []Finding {
		all := t.oneWay + t.twoWay
		if t.oneWay == 0 || float64(t.oneWay) < s.t.OneWayShare*float64(all) {
			return nil
		}
		if all == 1 {
			return oneFinding("the one connection that went on has segments of one side only")
		}
		return oneFinding("of %s that went on, %s with segments of one side only", count(all, "connection"), grouped(t.oneWay))
	},
}

// ChecksumOffload is about a host whose checksums are filled in after the capture.
var ChecksumOffload = &Kind{
	Slug: "checksum-offload", Family: CaptureQuality, Severity: Quality, Since: "0.1", cause: aboutCapture,
	Reference: "RFC 9293 MUST-2",
	Summary:   "A host's own packets have wrong checksums, because its network card fills them in later.",
	Explanation: "The capture ran on that host, before the card computed the checksum. On the wire they are right, so they are ignored here. Tools that discard such packets lose one side of " +
		"every connection. To capture true checksums: ethtool -K IFACE tx off.",
	trace: func(t *trace, s source) []Finding {
		var out []Finding
		for _, ip := range slices.SortedFunc(maps.Keys(t.hosts.values), compareIP) {
			h := t.hosts.values[ip]
			sent, received := h.bad+h.good, h.peerBad+h.peerGood
			if sent < s.t.OffloadPackets || float64(h.bad) < s.t.OffloadShare*float64(sent) || float64(h.peerBad) >= s.t.OffloadShare*float64(received) && received > 0 {
				continue
			}
			in := "none was received with a checksum to compare"
			if received > 0 {
				in = fmt.Sprintf("%s of %s received", grouped(h.peerBad), grouped(received))
			}
			out = append(out, oneFinding("%s: %s of %s sent with a wrong checksum, %s", ip.Addr(), grouped(h.bad), count(sent, "segment"), in)...)
		}
		return out
	},
}

func compareIP(a, b segment.IP) int { return slices.Compare(a[:], b[:]) }

func compareServices(a, b service) int {
	return cmp.Or(compareIP(a.holder, b.holder), a.server.Compare(b.server))
}

var checksumBad = &Kind{
	Slug: "checksum-bad", Family: CaptureQuality, Severity: Note, Since: "0.1", cause: explains,
	Reference: "RFC 9293 MUST-2, MUST-3",
	Summary:   "A segment was damaged on the way.",
	Explanation: "Its checksum is wrong while the sender's others are right, so its receiver drops it and it must be sent again. Now and then this happens on any network; " +
		"more often, look for a bad cable, card or memory on the path (error counters of the switch ports).",
	when: fact(tracker.FactBadChecksum),
	judge: func(c *conn) []Finding {
		out := c.none()
		for _, r := range both {
			e, fs := c.end(r), c.by(r, tracker.FactBadChecksum)
			if len(fs) == 0 || e.ChecksumBad == 0 || e.ChecksumGood <= e.ChecksumBad || e.MissingBytes > 0 || fs[0].Packet == e.Last.Packet {
				continue // checksum-offload: of most segments, or of some that were taken all the same
			}
			out = append(out, c.from(fs, "%s of the %s with a wrong checksum, %s right", count(e.ChecksumBad, "segment"), r, grouped(e.ChecksumGood)))
		}
		return out
	},
}

// SnaplenTruncated is about segments whose headers were not captured whole.
var SnaplenTruncated = &Kind{
	Slug: "snaplen-truncated", Family: CaptureQuality, Severity: Quality, Since: "0.1", cause: aboutCapture,
	Reference: "libpcap snapshot length",
	Summary:   "The capture cut off part of the TCP headers.",
	Explanation: "Options beyond the cut are unknown: windows may be scaled and timestamps present without our knowing it, so window and reuse checks are weaker. Payload is not needed. " +
		"Capture at least 128 bytes of each packet (tcpdump -s 128), more with tunnels.",
	when: cutHeaders,
	judge: func(c *conn) []Finding {
		out := c.none()
		for _, r := range both {
			if n := c.end(r).TruncatedPackets; n > 0 {
				t := c.phrase().str("the TCP options of ").count(n, "segment").str(" of the ").str(r.String()).str(" were cut")
				out = append(out, c.said(r, c.end(r).First.At, []tracker.Mark{c.end(r).First}, High, t))
			}
		}
		return out
	},
	trace: func(_ *trace, s source) []Finding {
		if s.sum.TruncatedHeader == 0 {
			return nil
		}
		at := ""
		if s.cap.SnapLen > 0 {
			at = fmt.Sprintf(" at a snapshot length of %s", count(uint64(s.cap.SnapLen), "byte"))
		}
		return oneFinding("the TCP options of %s were cut%s", count(s.sum.TruncatedHeader, "segment"), at)
	},
}

var fragmentedTCP = &Kind{
	Slug: "fragmented-tcp", Family: CaptureQuality, Severity: Note, Since: "0.1", cause: explains,
	Reference: "RFC 791 3.2, RFC 8200 4.5; RFC 5722 (overlaps), RFC 8900 (fragile)",
	Summary:   "Segments came in IP fragments.",
	Explanation: "The sender does without path MTU discovery, or a router or tunnel on the path had to cut packets up. One lost fragment costs the whole segment, and many firewalls and load " +
		"balancers drop fragments: lower the MTU or clamp the MSS on that path. A segment counts when its last fragment passed. Datagrams that stayed incomplete give no segment: with nothing but first " +
		"fragments, a filter on ports kept the others out, for they carry no ports; add \"or (ip[6:2] & 0x1fff != 0) or ip6[6] == 44\" to it. Overlapping fragments come from attempts to deceive whoever watches, or from a " +
		"sender that uses identifications again too soon; hosts drop them.",
	when: inFragments,
	judge: func(c *conn) []Finding {
		out := c.none()
		for _, r := range both {
			e := c.end(r)
			if e.FragmentedPackets == 0 {
				continue
			}
			t := c.phrase().count(e.FragmentedPackets, "segment").str(" of the ").str(r.String()).str(" came in IP fragments, ").count(e.Fragments, "fragment").str(" in all")
			out = append(out, c.said(r, e.FragmentedAt.At, []tracker.Mark{e.FragmentedAt}, High, t))
		}
		return out
	},
	trace: func(_ *trace, s source) []Finding {
		var out []Finding
		f := s.cap.Fragments
		if f.Incomplete > 0 {
			only := ""
			if f.OnlyFirst > 0 {
				only = fmt.Sprintf(", %s of them with nothing but the first fragment", grouped(f.OnlyFirst))
			}
			out = append(out, oneFinding("%s in IP fragments stayed incomplete%s", count(f.Incomplete, "datagram"), only)...)
		}
		if f.Overlapping > 0 {
			out = append(out, oneFinding("%s in IP fragments refused, because fragments overlap", count(f.Overlapping, "datagram"))...)
		}
		return out
	},
}

// TimeWentBackwards is about captures whose packets are not in order of time.
var TimeWentBackwards = &Kind{
	Slug: "time-went-backwards", Family: CaptureQuality, Severity: Quality, Since: "0.1", cause: aboutCapture,
	Reference: "pcap and pcapng timestamps",
	Summary:   "Packets are stamped earlier than packets before them.",
	Explanation: "The capture was merged from several without sorting, several queues were written as they came, or the clock was set back. Durations and the order of events across the jump " +
		"are doubtful. reordercap sorts a file.",
	trace: func(_ *trace, s source) []Finding {
		n := max(s.cap.Backwards, s.sum.Backwards)
		if n == 0 {
			return nil
		}
		by := ""
		if s.cap.BackwardsMost > 0 {
			by = ", by up to " + span(time.Duration(s.cap.BackwardsMost))
		}
		return oneFinding("%s stamped earlier than the one before%s", count(n, "packet"), by)
	},
}

var midstream = &Kind{
	Slug: "midstream", Family: CaptureQuality, Severity: Quality, Since: "0.1", cause: aboutCapture,
	Reference: "RFC 9293 3.5",
	Summary:   "The start of the connection was not captured.",
	Explanation: "It was open before the capture began, or its handshake is among what the capture lost. Who is client is concluded from the evidence named, and window scaling is unknown. " +
		"Nothing is wrong with the connection.",
	when: openedBefore,
	judge: func(c *conn) []Finding {
		if c.Open != tracker.OpenMidstream {
			return nil
		}
		for f := range c.all(tracker.FactRst) {
			if f.Packet == c.First.Packet {
				return nil // rst-stray
			}
			break
		}
		t := c.phrase().str("the first segment seen (").ref(c.First).str(") is not a SYN; client and server told apart by ").str(evidenceOf[c.DirectionBy])
		return c.one(ofAll(c.said(tracker.Client, c.First.At, []tracker.Mark{c.First}, High, t)))
	},
}

var evidenceOf = [...]string{
	tracker.DirectionBySyn:         "a SYN",
	tracker.DirectionBySynAck:      "the SYN-ACK",
	tracker.DirectionByPort:        "the ports",
	tracker.DirectionByFirstPacket: "who was seen first",
}

var openAtEOF = &Kind{
	Slug: "open-at-eof", Family: CaptureQuality, Severity: Quality, Since: "0.1", cause: aboutCapture,
	Reference:   "RFC 9293 3.3.2 (a connection ends in CLOSED)",
	Summary:     "The capture ended before the connection did.",
	Explanation: "How it ended is not known, and that it did not end means nothing. To see the end, capture for longer.",
	when:        openAtEnd,
	judge: func(c *conn) []Finding {
		if c.Close != tracker.CloseOpenAtEnd || c.EndReason != tracker.EndOfCapture {
			return nil
		}
		t := c.phrase().str("last segment (").ref(c.Last).str(")")
		switch rest := c.since(c.Last); {
		case rest > 0:
			t.str(" ").span(rest).str(" before the end of the capture")
		case c.TraceEnd == c.Last.At:
			t.str(" at the end of the capture")
		}
		for _, r := range both {
			if s := c.end(r).State; s != tracker.Unknown {
				t.str(", ").str(r.String()).str(" ").str(s.String())
			}
		}
		return c.one(ofAll(c.said(tracker.Client, c.Last.At, []tracker.Mark{c.Last}, High, t)))
	},
}

// oneFinding is a finding about the whole trace.
func oneFinding(format string, args ...any) []Finding {
	return []Finding{{Confidence: High, Evidence: fmt.Sprintf(format, args...)}}
}

// leaking reports each holder of at least limit forgotten connections at one time.
func (t *trace) leaking(limit int) []Finding {
	var out []Finding
	for _, key := range slices.SortedFunc(maps.Keys(t.leaks.values), compareServices) {
		s := t.leaks.values[key]
		most := s.most()
		if most < limit {
			continue
		}
		f := oneFinding("%s holds at least %d connections of %s in CLOSE_WAIT at one time, %s in all", key.holder.Addr(), most, key.server, grouped(s.total))[0]
		f.At = s.kept[0].since
		for _, k := range s.kept[:min(len(s.kept), maxPackets)] {
			f.Packets = append(f.Packets, k.fin)
		}
		out = append(out, f)
	}
	return out
}
