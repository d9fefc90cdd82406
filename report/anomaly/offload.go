package anomaly

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/tracker"
)

// OffloadSuperframes is about segments that were never on a wire in one piece.
var OffloadSuperframes = &Kind{
	Slug: "offload-superframes", Family: CaptureQuality, Severity: Quality, Since: "0.1", cause: aboutCapture,
	Reference: "RFC 9293 MUST-16, 3.7.1",
	Summary:   "Segments are larger than the path carries: they were captured before a card cut them up, or after it glued them together.",
	Explanation: "The capture ran on a host whose network card does TCP segmentation offload (TSO, GSO: of what it sends) or receive offload (GRO, LRO: of what it receives). " +
		"Nothing is wrong. But what counts as one segment here were several packets on the wire: numbers of segments, their spacing, and which part of one was lost are " +
		"those of the host, not of the network. To capture what the wire carries: ethtool -K IFACE tso off gso off gro off lro off, or capture at a switch.",
	trace: func(t *trace, s source) []Finding {
		hosts := slices.SortedFunc(maps.Keys(t.sizes.values), func(a, b segment.IP) int {
			return cmp.Or(cmp.Compare(t.sizes.values[b].connections, t.sizes.values[a].connections), compareIP(a, b))
		})
		if len(hosts) == 0 {
			return nil
		}
		var all sizes
		var names []string
		for i, ip := range hosts {
			h := t.sizes.values[ip]
			all.add(*h)
			if i < s.t.HostsNamed {
				names = append(names, fmt.Sprintf("%s (%s)", ip.Addr(), count(h.connections, "connection")))
			}
		}
		if more := len(hosts) - len(names); more > 0 {
			names = append(names, count(more, "other host"))
		}
		verb, size := "send", "up to "+all.largest.String()
		if len(hosts) == 1 {
			verb = "sends"
		}
		if all.largest == tracker.SegmentOver64K {
			size = all.largest.String()
		}
		return oneFinding("%s %s segments of %s, though their peers take no more than %s in one packet (MSS)", list(names), verb, size, grouped(uint64(all.mss)))
	},
}

// sizes are of one host's segments, over its connections in which one was too large.
type sizes struct {
	connections uint64
	largest     tracker.SegmentSize
	mss         uint16 // the largest of its peers
}

func (s *sizes) add(o sizes) {
	s.connections += o.connections
	s.largest, s.mss = max(s.largest, o.largest), max(s.mss, o.mss)
}

func join(parts []string, between string) string { return strings.Join(parts, between) }

// list joins names as a sentence does.
func list(names []string) string {
	if last := len(names) - 1; last > 0 {
		return join(names[:last], ", ") + " and " + names[last]
	}
	return join(names, "")
}
