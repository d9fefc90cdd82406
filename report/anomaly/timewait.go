package anomaly

import (
	"fmt"
	"slices"
	"time"

	"github.com/tcplife/tcplife/tracker"
)

var timeWaitKinds = []*Kind{TimeWaitHeld, timeWaitRestarted, timeWaitReused, timeWaitReuseRefused, timeWaitAssassinated}

// TimeWaitHeld says who keeps the 4-tuple after the close, and until when.
var TimeWaitHeld = &Kind{
	Slug: "time-wait", Family: TimeWait, Severity: Note, Since: "0.1", cause: explains,
	Reference: "RFC 9293 MUST-13, 3.4.2 (MSL); Linux TCP_TIMEWAIT_LEN",
	Summary:   "An endpoint holds TIME_WAIT.",
	Explanation: "Normal: whoever closes first keeps the port pair for two maximum segment lifetimes (240 s by the RFC, 60 s on Linux), so that late segments cannot disturb a " +
		"new connection. It becomes a problem when one client opens more connections to one service than it has ports for in that time. The capture shows " +
		"what the protocol asks for; a host may drop the entry early.",
	when: holdsTimeWait,
	judge: func(c *conn) []Finding {
		out := c.none()
		for _, r := range both {
			tw := &c.end(r).TimeWait
			if !tw.Held {
				continue
			}
			certain := High
			if c.assumed(r) {
				certain = Medium
			}
			t := c.phrase().str("the ").str(r.String()).str(" holds it from ").ref(tw.Since).str(" on")
			if d := time.Duration(tw.Until - tw.Since.At); tw.Since.Seen() && d > 0 {
				t.str(", for ").span(d)
			}
			t.str(", ")
			switch tw.EndedBy {
			case tracker.TimeWaitExpiry:
				t.str("until its time was over")
			case tracker.TimeWaitReuse:
				t.str("until a new connection took the port")
			case tracker.TimeWaitReset:
				t.str("until a RST")
			case tracker.TimeWaitCaptureEnd:
				t.str("by its profile, beyond the end of the capture")
			}
			out = append(out, c.said(r, tw.Since.At, []tracker.Mark{tw.Since}, certain, t))
		}
		return out
	},
}

// assumed reports whether nothing proves r's way into TIME_WAIT: the step itself, or that the peer's FIN reached it.
func (c *conn) assumed(r tracker.Role) bool {
	return slices.ContainsFunc(c.Transitions, func(tn tracker.Transition) bool {
		return tn.Role == r && tn.Certainty == tracker.Assumed && (tn.To == tracker.TimeWait || tn.Event == tracker.RcvFin)
	})
}

var timeWaitRestarted = &Kind{
	Slug: "time-wait-restarted", Family: TimeWait, Severity: Note, Since: "0.1", cause: explains,
	Reference:   "RFC 9293 3.10.7.4 (TIME-WAIT)",
	Summary:     "The FIN came again into TIME_WAIT and was acknowledged again.",
	Explanation: "The last ACK was lost; this is what TIME_WAIT is for. The time starts over with it. Harmless unless it is frequent, which means loss on the way to the other side.",
	replaces:    []*Kind{finRetransmitted},
	when:        fact(tracker.FactTimeWaitRestarted),
	judge: func(c *conn) []Finding {
		return c.each(tracker.FactTimeWaitRestarted, func(fs []*tracker.Fact) string {
			tw := c.end(fs[0].Role).TimeWait.Since
			fin := fs[0].Cause
			if !fin.Seen() {
				fin = fs[0].Mark
			}
			return fmt.Sprintf("FIN again (%s)%s%s", ref(fin), timed(", %s after TIME_WAIT began", tw, fin), more(len(fs)))
		})
	},
}

var timeWaitReused = &Kind{
	Slug: "tw-reuse", Family: TimeWait, Severity: Note, Since: "0.1", cause: explains,
	Reference: "RFC 9293 MAY-2, SHLD-4; RFC 6191",
	Summary:   "A new connection took the port pair while the old one was in TIME_WAIT, and was accepted.",
	Explanation: "Allowed when the new initial sequence number or timestamp is beyond the old one. A sign of a client that opens many connections to one service: see whether it runs " +
		"short of ports, and prefer connection reuse.",
	when: fact(tracker.FactTimeWaitReused),
	judge: func(c *conn) []Finding {
		return c.each(tracker.FactTimeWaitReused, func(fs []*tracker.Fact) string {
			return "SYN accepted (" + ref(fs[0].Mark) + ")" + c.sinceClose(fs[0].Mark)
		})
	},
}

// sinceClose says how long before m the incarnation before had closed, if that is known.
func (c *conn) sinceClose(m tracker.Mark) string {
	if c.PreviousClosedAt == 0 || c.PreviousClosedAt > m.At {
		return ""
	}
	return fmt.Sprintf(", %s after the connection before had closed", span(time.Duration(m.At-c.PreviousClosedAt)))
}

var timeWaitReuseRefused = &Kind{
	Slug: "tw-reuse-refused", Family: TimeWait, Severity: Warn, Since: "0.1", cause: badTimeWait,
	Reference: "RFC 9293 3.10.7.4; RFC 6191; RFC 5961 4",
	Summary:   "A SYN met TIME_WAIT and was not accepted.",
	Explanation: "The new SYN is not recognisably newer than the old connection: its sequence number is lower and it carries no newer timestamp. The server answers with an ACK of the old " +
		"connection, the client resets that and retries, a second or more later. Typical for clients behind one NAT address, load balancers that mix clients, and " +
		"clients without timestamps. Enable timestamps, or have the client's side close first.",
	replaces: []*Kind{halfOpenRecovery, synRetransmitted, challengeAck},
	when:     fact(tracker.FactTimeWaitRefused),
	judge: func(c *conn) []Finding {
		return c.each(tracker.FactTimeWaitRefused, func(fs []*tracker.Fact) string {
			return fmt.Sprintf("the SYN was answered by a plain ACK of the old connection, as %s shows%s", ref(fs[0].Mark), c.sinceClose(fs[0].Mark))
		})
	},
}

var timeWaitAssassinated = &Kind{
	Slug: "tw-assassinated", Family: TimeWait, Severity: Warn, Since: "0.1", cause: badTimeWait,
	Reference: "RFC 1337; Linux tcp_rfc1337",
	Summary:   "A RST ended TIME_WAIT early.",
	Explanation: "Usually an old duplicate was answered by an ACK out of TIME_WAIT, which its sender, closed already, answered by a RST. From then on a late segment can disturb a new " +
		"connection on the same ports. Harmless unless the ports are reused at once.",
	replaces: []*Kind{rstAfterClose},
	when:     fact(tracker.FactTimeWaitReset),
	judge: func(c *conn) []Finding {
		for f := range c.all(tracker.FactTimeWaitReset) {
			tw := c.end(f.Role).TimeWait.Since
			if _, ok := elapsed(tw, f.Mark); !ok || !c.end(f.Role).TimeWait.Held {
				continue // it held none, as far as the record goes
			}
			if c.ownReset(f) || c.newSyn(tw) || !c.stirred(tw, f.Mark) {
				return nil // rst-after-close; tw-reuse-refused; rst-after-close
			}
			return c.one(c.about(f.Role, f.At, []tracker.Mark{tw, f.Mark}, High, "RST (%s) of the %s %s after TIME_WAIT began (%s)",
				ref(f.Mark), f.Role.Peer(), span(between(tw, f.Mark)), ref(tw)))
		}
		return nil
	},
}

// ownReset reports whether the RST that ended a TIME_WAIT came from the endpoint that
// should have held it.
func (c *conn) ownReset(ended *tracker.Fact) bool {
	for _, f := range c.by(ended.Role, tracker.FactRst) {
		if f.Packet == ended.Packet {
			return true
		}
	}
	return false
}

// newSyn reports whether a new connection's SYN met the TIME_WAIT that began at tw.
func (c *conn) newSyn(tw tracker.Mark) bool {
	for f := range c.all(tracker.FactSynIntoTimeWait) {
		if f.Packet > tw.Packet {
			return true
		}
	}
	return false
}

// afterNewSyn reports whether rst came behind the SYN of a new connection: it belongs to that one's story.
func (c *conn) afterNewSyn(rst tracker.Mark) bool {
	for f := range c.all(tracker.FactSynIntoTimeWait) {
		if f.Packet < rst.Packet {
			return true
		}
	}
	return false
}

// stirred reports whether rst is more than the peer's own way to close, which comes within a
// round trip of the TIME_WAIT that began at tw: it comes later, or something drew an answer out of
// TIME_WAIT for it to answer in turn.
func (c *conn) stirred(tw, rst tracker.Mark) bool {
	if between(tw, rst) > c.rtt()+c.t.CopyGap {
		return true
	}
	return slices.ContainsFunc(c.Facts, func(f tracker.Fact) bool {
		switch f.Kind {
		case tracker.FactSegmentAfterClose, tracker.FactTimeWaitRestarted, tracker.FactFinRetransmitted, tracker.FactChallengeAck, tracker.FactRetransmission:
			return f.Packet > tw.Packet && f.Packet < rst.Packet
		default:
			return false
		}
	})
}
