package anomaly

import (
	"fmt"
	"strings"

	"github.com/tcplife/tcplife/tracker"
)

// TableEvicted is about what was forgotten because of our own limits.
var TableEvicted = &Kind{
	Slug: "table-evicted", Family: CaptureQuality, Severity: Quality, Since: "0.1", cause: aboutCapture,
	Reference: "tcplife's own limits (--max-connections, --max-memory)",
	Summary:   "One of our own limits was reached, and something was forgotten early.",
	Explanation: "Not the network's doing. Attempts that nobody answers leave the full table first, then closed connections, then those silent for longest. A connection that left while it was " +
		"open is counted again, as a midstream one, when it goes on; where byte ranges of a " +
		"connection did not fit, findings about it are less sure; a segment whose path, of VLANs and tunnels, did not fit counts as untagged. Raise the limit that is named, if there is memory, or filter the capture.",
	when: evicted,
	judge: func(c *conn) []Finding {
		if c.EndReason != tracker.EndEvicted {
			return nil
		}
		return c.one(c.whole(c.Last.At, []tracker.Mark{c.Last}, "record closed after %s%s", ref(c.Last), timed(", %s after its first", c.First, c.Last)))
	},
	trace: func(t *trace, s source) []Finding {
		var parts []string
		if n := s.sum.Evicted; n > 0 {
			parts = append(parts, fmt.Sprintf("%s left early (%s) when %s was reached", count(n, "connection"), EvictedAs(&s.sum), EvictedFor(&s.sum)))
		}
		var unfit []string
		for _, limit := range []struct {
			n    uint64
			noun string
		}{
			{s.sum.RangesDropped, "byte range"},
			{t.overflow, "host, service or moment"},
			{s.cap.PathsDropped, "path"},
			{s.cap.Fragments.GivenUp, "datagram in IP fragments"},
		} {
			if limit.n > 0 {
				unfit = append(unfit, fmt.Sprintf("%s: %s", limit.noun, grouped(limit.n)))
			}
		}
		if len(unfit) > 0 {
			parts = append(parts, "did not fit, by kind: "+strings.Join(unfit, ", "))
		}
		if len(parts) == 0 {
			return nil
		}
		return oneFinding("%s", strings.Join(parts, "; "))
	},
}

// EvictedAs says what the connections were that left early: "3 half-open, 1 closed, 2 open".
func EvictedAs(s *tracker.Summary) string {
	var parts []string
	for _, was := range []struct {
		n    uint64
		what string
	}{
		{s.EvictedHalfOpen, "half-open"},
		{s.EvictedClosed, "closed"},
		{s.Evicted - s.EvictedHalfOpen - s.EvictedClosed, "open"},
	} {
		if was.n > 0 {
			parts = append(parts, grouped(was.n)+" "+was.what)
		}
	}
	return strings.Join(parts, ", ")
}

// EvictedFor names the flags that they would have stayed for, had they been larger.
func EvictedFor(s *tracker.Summary) string {
	const connections, memory = "--max-connections", "--max-memory"
	switch s.EvictedMemory {
	case 0:
		return connections
	case s.Evicted:
		return memory
	default:
		return connections + " or " + memory
	}
}
