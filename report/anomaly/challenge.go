package anomaly

import (
	"fmt"
	"slices"

	"github.com/tcplife/tcplife/tracker"
)

var synInEstablished = &Kind{
	Slug: "syn-in-established", Family: Handshake, Severity: Warn, Since: "0.1", cause: explains,
	Reference: "RFC 5961 4.2; RFC 9293 3.10.7.4",
	Summary:   "A SYN with another initial sequence number arrived on a live connection, which lived on.",
	Explanation: "Nobody follows up on this SYN: a blind attack that tries to have the connection reset, a stray from a load generator or port scanner, or a " +
		"second host behind the same NAT address and port. A correct receiver challenges it and goes on. Compare TTL and options with the " +
		"sender's other packets.",
	when: fact(tracker.FactSynNewISN),
	judge: func(c *conn) []Finding {
		return c.each(tracker.FactSynNewISN, func(fs []*tracker.Fact) string {
			answered := "unanswered"
			for a := range c.all(tracker.FactChallengeAck) {
				if a.Cause.Packet == fs[0].Packet {
					answered = "challenged by " + ref(a.Mark)
				}
			}
			return fmt.Sprintf("the SYN of %s begins at another sequence number; %s, and the connection went on%s", ref(fs[0].Mark), answered, more(len(fs)))
		})
	},
}

var challengeAck = &Kind{
	Slug: "challenge-ack", Family: Handshake, Severity: Note, Since: "0.1", cause: explains,
	Reference: "RFC 5961 4.2, 5.2; RFC 9293 3.10.7.4",
	Summary:   "A segment that its receiver had to refuse was answered by a challenge ACK.",
	Explanation: "A SYN on a live connection, even with its own initial sequence number, or a segment outside the window is not believed: the receiver says where it " +
		"stands and goes on. The sender of a stray copy takes no notice; one that knows nothing of the connection any more answers with a RST. Other tools " +
		"count the answer as a duplicate ACK. Many of them mean a blind attack, a load balancer that mixes connections, or a peer that lost its state.",
	when: fact(tracker.FactChallengeAck),
	judge: func(c *conn) []Finding {
		if c.closing != nil || c.EndReason == tracker.EndReplaced {
			return nil // half-open-recovery, told with the new connection
		}
		return c.facts(tracker.FactChallengeAck, func(f *tracker.Fact) bool {
			return f.Cause.Seen() && !c.toldOf(f.Cause) && c.end(f.Role.Peer()).Last.Packet > f.Packet
		}, func(fs []*tracker.Fact) string {
			return fmt.Sprintf("the %s refused %s and answered by %s%s", fs[0].Role, ref(fs[0].Cause), ref(fs[0].Mark), more(len(fs)))
		})
	},
}

// toldOf reports whether the segment m is a fact by itself: a finding of its own says what it was.
func (c *conn) toldOf(m tracker.Mark) bool {
	return slices.ContainsFunc(c.Facts, func(f tracker.Fact) bool { return f.Packet == m.Packet })
}
