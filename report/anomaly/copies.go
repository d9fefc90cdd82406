package anomaly

import (
	"fmt"
	"strings"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/tracker"
)

// DuplicatePackets is about packets that are in the capture twice.
var DuplicatePackets = &Kind{
	Slug: "duplicate-packets", Family: CaptureQuality, Severity: Quality, Since: "0.1", cause: aboutCapture,
	Reference: "RFC 6864 (IP identification), RFC 7323 3 (timestamps)",
	Summary:   "Packets are in the capture twice.",
	Explanation: "The same packet passed two capture points: a mirror port that copies ingress and egress, a router before and behind which was captured (the TTL is lower by one), \"any\" on a host with " +
		"bridges or containers, a tunnel and what is in it, or two merged files. A TTL that falls again and again is a routing loop. What tells a copy from a retransmission is that nothing but TTL, tags and " +
		"checksum differs, identification and timestamps least of all, and that it comes too soon. Copies are not counted as retransmissions, and change nothing else. Remove one of the sources, or run editcap -d.",
	when: capturedTwice,
	judge: func(c *conn) []Finding {
		cl, sv := c.end(tracker.Client), c.end(tracker.Server)
		if cl.DuplicatePackets|sv.DuplicatePackets == 0 {
			return nil
		}
		t := c.phrase().str(countOf(cl.DuplicatePackets, "copy", "copies")).str(" of the client's ").count(cl.Packets, "segment").str(", ")
		t.b = appendGrouped(t.b, sv.DuplicatePackets)
		t.str(" of the server's ")
		t.b = appendGrouped(t.b, sv.Packets)
		return c.one(ofAll(c.said(tracker.Client, c.First.At, []tracker.Mark{c.First}, High, t)))
	},
	trace: func(_ *trace, s source) []Finding {
		n, all := s.sum.Duplicates, s.sum.Segments
		if n == 0 || float64(n) < s.t.DuplicateShare*float64(all) && s.sum.Copies.OtherWay < s.t.DuplicateWays {
			return nil
		}
		said := []string{fmt.Sprintf("%s of %s are copies (%s)", count(n, "segment"), grouped(all), percent(n, all))}
		for _, part := range []string{hopsBetween(&s.sum.Copies), pathsOf(&s.sum.Copies, n, s.paths), soonAfter(&s.sum.Copies, n)} {
			if part != "" {
				said = append(said, part)
			}
		}
		return oneFinding("%s", strings.Join(said, ", "))
	},
}

// nearlyAll of n, so that what a few differ in is left out.
func nearlyAll(part, n uint64) bool { return 10*part >= 9*n }

// hopsBetween says how many routers lie between the captures.
func hopsBetween(c *tracker.Copies) string {
	var all, most uint64
	at, kinds := 0, 0
	for i, n := range c.Hops {
		all += n
		if n > 0 {
			kinds++
		}
		if n > most {
			at, most = i, n
		}
	}
	name := func(i int) string {
		switch hops := i - tracker.MostHops; {
		case hops == 0:
			return "with the same TTL"
		case hops < 0:
			return hopsAway(-hops, "before", "higher")
		default:
			return hopsAway(hops, "further", "lower")
		}
	}
	if nearlyAll(most, all) {
		if c.Hops[tracker.MostHops] == all { // nothing to tell
			return ""
		}
		return "met again " + name(at)
	}
	var parts []string
	for i, n := range c.Hops {
		if 20*n >= all { // the others are few
			parts = append(parts, name(i)+" "+count(n, "time"))
		}
	}
	return "met again " + strings.Join(parts, ", ")
}

func hopsAway(hops int, where, ttl string) string {
	switch {
	case hops == 1:
		return "one hop " + where + " (TTL 1 " + ttl + ")"
	case hops == tracker.MostHops:
		return fmt.Sprintf("%d hops or more %s (TTL that much %s)", hops, where, ttl)
	default:
		return fmt.Sprintf("%d hops %s (TTL %d %s)", hops, where, hops, ttl)
	}
}

// pathsOf names the two ways by which most of the copies that came by another path were met.
func pathsOf(c *tracker.Copies, all uint64, paths *segment.Paths) string {
	var best tracker.PathPair
	for _, p := range c.PathPairs {
		if p.Copies > best.Copies {
			best = p
		}
	}
	switch {
	case best.Copies == 0 && c.OtherFile == 0:
		return ""
	case best.Copies == 0:
		return someOf(c.OtherFile, all) + "in another file"
	case paths == nil:
		return someOf(c.OtherPath, all) + "by another path"
	}
	a, b := paths.Path(best.A), paths.Path(best.B)
	names := "on " + a.String() + " and " + b.String()
	if best.Copies == c.OtherPath {
		return someOf(c.OtherPath, all) + names
	}
	return someOf(c.OtherPath, all) + "by another path, " + grouped(best.Copies) + " " + names
}

// someOf says how many of all, nothing if it is all.
func someOf(n, all uint64) string {
	if n == all {
		return ""
	}
	return grouped(n) + " of them "
}

// soonAfter says how far apart in time nearly all captures of one packet are.
func soonAfter(c *tracker.Copies, all uint64) string {
	var sum uint64
	for i, limit := range tracker.CopiesApart {
		if sum += c.Apart[i]; nearlyAll(sum, all) {
			return "within " + span(limit)
		}
	}
	return ""
}

// CopiesElsewhere says in few words where else segments captured twice were met; "" if at the same place, as far as can be told.
func CopiesElsewhere(c *tracker.Copies) string {
	var same, one, all uint64
	for i, n := range c.Hops {
		all += n
		switch i - tracker.MostHops {
		case 0:
			same += n
		case 1, -1:
			one += n
		}
	}
	switch {
	case all == 0:
		return ""
	case nearlyAll(one, all):
		return "one hop apart"
	case 2*same < all:
		return "some hops apart"
	case 2*c.OtherPath > all:
		return "on two paths"
	case 2*c.OtherFile > all:
		return "in two files"
	}
	return ""
}
