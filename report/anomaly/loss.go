package anomaly

import (
	"fmt"

	"github.com/tcplife/tcplife/tracker"
)

var networkLoss = &Kind{
	Slug: "network-loss", Family: Data, Severity: Note, Since: "0.1", cause: explains,
	Reference: "RFC 6298, RFC 5681, RFC 8985; RFC 2883 and RFC 3522 tell what was sent again in vain",
	Summary:   "Data was lost on the way and sent again.",
	Explanation: "A share below a thousandth is what any busy path has, and how TCP learns its speed; more costs throughput, and at the end of an answer a timeout of 200 ms or more. " +
		"Lost behind the tap: between where the capture was taken and the receiver; before it: between the sender and there. So captures at two places tell on which side of " +
		"them to look. Shares are of octets. Segments that were only late, captured twice or sent again although they had arrived do not count; a lost " +
		"tail, of which nothing came before the tap, cannot be seen. Compare directions: congestion is mostly in one of them, a bad cable or a duplex mismatch in both.",
	when: lossy,
	judge: func(c *conn) []Finding {
		out := c.none()
		for _, r := range both {
			e := c.end(r)
			l := &e.Lost
			if !l.Any() {
				continue
			}
			conf := High
			if e.MissingBytes > 0 {
				conf = Medium // what the capture lost looks like a loss now and then
			}
			t := c.phrase().str("of the ").str(r.String()).str("'s ").count(e.PayloadBytes, "byte").str(" ")
			lostAt(t, l, e.PayloadBytes)
			if l.Spurious.Packets > 0 {
				t.str("; ").count(l.Spurious.Packets, "segment").str(" sent again in vain")
			}
			out = append(out, c.said(r, l.First.At, []tracker.Mark{l.First}, conf, t))
		}
		return out
	},
	trace: func(t *trace, s source) []Finding {
		var parts []string
		whole := false
		for _, r := range both {
			l, sent := &t.lost[r], t.payload[r]
			packets, bytes := l.Behind.Packets+l.Before.Packets, l.Behind.Bytes+l.Before.Bytes
			whole = whole || packets >= s.t.LossPackets && float64(bytes) >= s.t.LossShare*float64(sent)
			if sent == 0 {
				continue
			}
			p := &phrase{}
			if lostAt(p, l, sent); packets == 0 {
				p.str("none")
			}
			parts = append(parts, fmt.Sprintf("of %s from the %ss %s", count(sent, "byte"), r, p.b))
		}
		if !whole {
			return nil
		}
		return oneFinding("%s", join(parts, "; "))
	},
}

// lostAt says how much of sent octets was lost on which side of the tap.
func lostAt(t *phrase, l *tracker.Losses, sent uint64) {
	part := func(l tracker.Loss, where string) {
		t.str(percent(l.Bytes, sent)).str(" lost ").str(where).str(" the tap (").count(l.Packets, "segment").str(")")
	}
	if l.Behind.Packets > 0 {
		part(l.Behind, "behind")
	}
	if l.Before.Packets > 0 {
		if l.Behind.Packets > 0 {
			t.str(", ")
		}
		part(l.Before, "before")
	}
}
