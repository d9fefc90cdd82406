package anomaly

import (
	"fmt"
	"time"

	"github.com/tcplife/tcplife/tracker"
)

var resetKinds = []*Kind{
	rstAbort, rstUnreadData, rstLateData, rstLinger0, rstInsteadOfFinAck, rstAfterOwnFin, rstAfterClose, rstNoSocket,
	rstRTOGiveUp, rstOutOfWindow, rstChallenged, rstNotEffective, rstInjectedSuspect, rstBurst, rstCrossing, rstStray,
}

var rstAbort = &Kind{
	Slug: "rst-abort", Family: Reset, Severity: Warn, Since: "0.1", cause: resetByPeer,
	Reference: "RFC 9293 3.5.2, MUST-12",
	Summary:   "A RST ended the connection, and nothing tells why.",
	Explanation: "Whoever sent it aborted: the application asked for it, its kernel ran out of something, or a box in between did it in its name. None of the " +
		"more specific shapes fits. Who and when are in the evidence; compare the RST's TTL with the sender's other packets, and look at that side's log at " +
		"that moment.",
	when: fact(tracker.FactRst),
	judge: func(c *conn) []Finding {
		f := c.abort()
		if g := c.closing; g != nil && g.Role == tracker.Server && g.Reset.Sender == tracker.SynRcvd && c.Handshake.SynAckRetries == 0 && !c.Handshake.Ack.Seen() {
			f = g // it took its SYN-ACK back
		}
		if f == nil || c.bothFins(f.Mark) {
			return nil
		}
		state := ""
		if f.Reset.Sender != tracker.Unknown {
			state = ", out of " + f.Reset.Sender.String()
		}
		return c.one(c.about(f.Role, f.At, []tracker.Mark{f.Mark}, High, "RST of the %s (%s) %s%s: %s",
			f.Role, ref(f.Mark), stage(f.Reset.Phase), state, behind(f.Reset.Form)))
	},
}

var rstUnreadData = &Kind{
	Slug: "rst-unread-data", Family: Reset, Severity: Error, Since: "0.1", cause: resetByPeer,
	Reference: "RFC 9293 SHLD-3; RFC 2525 2.17",
	Summary:   "A side was closed with data it had not read, so its kernel sent a RST instead of a FIN.",
	Explanation: "The application closed, or died, while the peer's data was still coming in or lay unread in its buffer. Typical: a server that answers an upload early " +
		"(413, 401) and closes, or a worker that crashes on the request. The RST may destroy the answer before the peer reads it. Have the server read " +
		"the rest or shut down and linger before closing. That the data was unread is a conclusion from the timing, not visible in the packets: a server that sends its answer and aborts at " +
		"once (SO_LINGER 0) looks the same, and destroys it the same way.",
	replaces: []*Kind{rstAbort, rstLinger0},
	when:     fact(tracker.FactRst),
	judge: func(c *conn) []Finding {
		f := c.abort()
		if f == nil || f.Reset.Form != tracker.FormActive || !c.noFin(f.Mark) || f.Reset.SinceData < 0 || time.Duration(f.Reset.SinceData) > c.t.UnreadWithin {
			return nil
		}
		why := c.unread(f)
		if why == "" {
			return nil
		}
		return c.one(c.about(f.Role, f.At, []tracker.Mark{f.Cause, f.Mark}, Medium, "RST (%s) %s data of the %s (%s)%s",
			ref(f.Mark), after(time.Duration(f.Reset.SinceData)), f.Role.Peer(), ref(f.Cause), why))
	},
}

// unread says what speaks for it that the sender of rst, a live socket, had not read the peer's last
// data; nothing when it may as well have aborted with all said and done. A client often does that as soon as it
// has its answer, so of data that was acknowledged only a server's is judged: it has taken a request
// and answered it when its answer is acknowledged, which takes the request a round trip. A RST that
// comes sooner came upon an answer that was sent before the request had ended.
func (c *conn) unread(rst *tracker.Fact) string {
	since := time.Duration(rst.Reset.SinceData)
	switch {
	case rst.Reset.Unacked > 0:
		return fmt.Sprintf("; %s not even acknowledged", count(rst.Reset.Unacked, "byte"))
	case rst.Role == tracker.Client:
		return ""
	case c.end(tracker.Server).PayloadBytes == 0:
		return ", without a single byte of answer"
	case rst.Reset.PeerUnacked > 0 && since <= max(c.rtt(), c.t.UnreadAnswer):
		return fmt.Sprintf(", its own last %s not yet acknowledged", count(rst.Reset.PeerUnacked, "byte"))
	case rst.Reset.PeerUnacked == 0 && c.RTT > 0 && since < c.RTT:
		return ", within the round trip of " + span(c.RTT) + ", too soon for an answer to them to be acknowledged"
	}
	return ""
}

var rstLateData = &Kind{
	Slug: "rst-late-data", Family: Reset, Severity: Error, Since: "0.1", cause: resetByPeer,
	Reference: "RFC 9293 3.6.1, SHLD-3",
	Summary:   "Data met a side that had already closed completely, and was answered by a RST.",
	Explanation: "One side had closed both directions while the other was still sending: an upload or a response is cut off, and the sender may lose even what it has " +
		"received but not yet read. Usually the closer's timeout or size limit is too small for its peer, or it does not read the request to its end before " +
		"closing. If the data was sent within a round trip of the FIN the two merely crossed, and it counts less.",
	replaces: []*Kind{rstAbort, rstAfterOwnFin, rstAfterClose, halfCloseData, rstNoSocket},
	when:     fact(tracker.FactRst),
	judge: func(c *conn) []Finding {
		f := c.abort()
		if f == nil || !c.finBefore(f.Role, f.Mark) {
			return nil
		}
		if _, slow := c.timedOutFinWait2(f); slow {
			return nil
		}
		fin := c.end(f.Role).FinSent
		var first, last *tracker.Fact
		var octets int64
		for _, d := range c.by(f.Role.Peer(), tracker.FactDataAfterPeerFin) {
			if d.Packet > f.Packet || d.Packet < fin.Packet {
				continue
			}
			if first == nil {
				first = d
			}
			last = d
			octets += d.Bytes
		}
		if last == nil || between(last.Mark, f.Mark) > c.t.UnreadWithin+c.rtt() {
			return nil
		}
		conf, form := High, "then the RST of a host without the socket"
		if f.Reset.Form != tracker.FormReply {
			conf, form = Medium, "then the RST"
		}
		out := c.about(f.Role, f.At, []tracker.Mark{fin, first.Mark, last.Mark, f.Mark}, conf,
			"%s arrived%s after the %s's FIN (%s); %s (%s)", count(octets, "byte"), timed(" %s", fin, first.Mark), f.Role, ref(fin), form, ref(f.Mark))
		if between(fin, last.Mark) < c.rtt() {
			out.Severity = Warn
			out.Evidence += ", within the round trip of " + span(c.rtt())
		}
		return c.one(out)
	},
}

var rstLinger0 = &Kind{
	Slug: "rst-linger0", Family: Reset, Severity: Note, Since: "0.1", cause: resetByPeer,
	Reference: "RFC 9293 3.5.2; SO_LINGER with zero time",
	Summary:   "A side aborted on purpose with nothing outstanding in either direction.",
	Explanation: "All data had been acknowledged both ways and no FIN was sent: the application closes with SO_LINGER 0, as load tools, health checks and some pools do to " +
		"avoid TIME_WAIT. Nothing was lost on the wire, but the peer's application sees an error instead of an end. A crash with empty queues looks the same.",
	replaces: []*Kind{rstAbort},
	when:     fact(tracker.FactRst),
	judge: func(c *conn) []Finding {
		f := c.abort()
		if f == nil || f.Reset.Form != tracker.FormActive || f.Reset.Class != tracker.ResetExact || !c.noFin(f.Mark) || f.Reset.Unacked != 0 || f.Reset.PeerUnacked != 0 {
			return nil
		}
		return c.one(c.about(f.Role, f.At, []tracker.Mark{f.Mark}, High, "RST (%s) %s; all data was acknowledged both ways, and no FIN was sent",
			ref(f.Mark), stage(f.Reset.Phase)))
	},
}

var rstInsteadOfFinAck = &Kind{
	Slug: "rst-instead-of-fin-ack", Family: Reset, Severity: Warn, Since: "0.1", cause: resetByPeer,
	Reference: "RFC 9293 3.6, 3.5.2",
	Summary:   "One side closed with a FIN, the other ended the connection with a RST.",
	Explanation: "The peer did not close in turn but aborted: browsers and load balancers do so with connections they no longer need, and a kernel does when its socket " +
		"is closed with unread data or no longer exists. Harmless if the closer had got everything it asked for; otherwise look at what the resetting side logged.",
	replaces: []*Kind{rstAbort, rstLinger0, rstNoSocket},
	when:     fact(tracker.FactRst),
	judge: func(c *conn) []Finding {
		f := c.abort()
		if f == nil || c.finBefore(f.Role, f.Mark) || !c.finBefore(f.Role.Peer(), f.Mark) {
			return nil
		}
		fin := c.end(f.Role.Peer()).FinSent
		return c.one(c.about(f.Role, f.At, []tracker.Mark{fin, f.Mark}, High, "RST (%s)%s after the %s's FIN (%s), and no FIN of its own: %s",
			ref(f.Mark), timed(" %s", fin, f.Mark), f.Role.Peer(), ref(fin), behind(f.Reset.Form)))
	},
}

var rstAfterOwnFin = &Kind{
	Slug: "rst-after-own-fin", Family: Reset, Severity: Note, Since: "0.1", cause: resetByPeer,
	Reference: "RFC 9293 3.5.2, 3.6",
	Summary:   "A side sent a FIN and then a RST, although no data came in between.",
	Explanation: "It closed and soon lost patience, or its process ended: a policy of load balancers and mobile clients that saves TIME_WAIT. The peer's socket ends with " +
		"an error instead of an end of file. Data of the peer that the capture missed would make it rst-late-data.",
	replaces: []*Kind{rstAbort},
	when:     fact(tracker.FactRst),
	judge: func(c *conn) []Finding {
		f := c.abort()
		if f == nil || !c.finBefore(f.Role, f.Mark) || c.finBefore(f.Role.Peer(), f.Mark) {
			return nil
		}
		fin := c.end(f.Role).FinSent
		for _, d := range c.by(f.Role.Peer(), tracker.FactDataAfterPeerFin) {
			if d.Packet > fin.Packet && d.Packet < f.Packet {
				return nil
			}
		}
		return c.one(c.about(f.Role, f.At, []tracker.Mark{fin, f.Mark}, High, "RST (%s)%s after its own FIN (%s), no data of the %s in between",
			ref(f.Mark), timed(" %s", fin, f.Mark), ref(fin), f.Role.Peer()))
	},
}

var rstAfterClose = &Kind{
	Slug: "rst-after-close", Family: Reset, Severity: Note, Since: "0.1", cause: explains,
	Reference: "RFC 9293 3.10.7.4",
	Summary:   "A RST after both sides had sent their FIN.",
	Explanation: "Both directions had been closed already, so nothing is lost: impatient stacks, some phones and Windows end their side this way, and a late duplicate that " +
		"meets no socket is answered so. Tools that look only for a RST count such connections as aborted.",
	when: fact(tracker.FactRst),
	judge: func(c *conn) []Finding {
		for f := range c.all(tracker.FactRst) {
			if c.bothFins(f.Mark) && f.Reset.Effect != tracker.EffectRefuted && !c.afterNewSyn(f.Mark) {
				later := c.end(tracker.Client).FinSent
				if s := c.end(tracker.Server).FinSent; s.Packet > later.Packet {
					later = s
				}
				return c.one(c.about(f.Role, f.At, []tracker.Mark{later, f.Mark}, High, "RST (%s)%s after the second FIN (%s)", ref(f.Mark), timed(" %s", later, f.Mark), ref(later)))
			}
		}
		return nil
	},
}

var rstNoSocket = &Kind{
	Slug: "rst-no-socket", Family: Reset, Severity: Error, Since: "0.1", cause: resetByPeer,
	Reference: "RFC 9293 3.5.1 figure 10, 3.10.7.1",
	Summary:   "A segment of a live connection met a host that knew nothing of it.",
	Explanation: "The RST has the form of a stack without a socket, yet nobody had closed: the peer was rebooted, a load balancer or NAT sent the connection to another host, " +
		"or a firewall that lost its table answers in the host's name. If the connection had been idle, compare the idle time with the timeouts of " +
		"the boxes on the path; if many connections die at one moment, look for a failover.",
	replaces: []*Kind{rstAbort},
	when:     fact(tracker.FactRst),
	judge: func(c *conn) []Finding {
		f := c.abort()
		if f == nil || f.Reset.Form != tracker.FormReply || !c.noFin(f.Mark) {
			return nil
		}
		since, conf := "without data before it", Medium
		if d := time.Duration(f.Reset.SinceData); d >= 0 {
			since = fmt.Sprintf("%s data of the %s", after(d), f.Role.Peer())
			if d <= c.rtt()+c.t.CopyGap {
				conf = High
			}
		}
		return c.one(c.about(f.Role, f.At, []tracker.Mark{f.Mark}, conf, "RST (%s) %s: %s, and nobody had closed", ref(f.Mark), since, behind(f.Reset.Form)))
	},
}

var rstRTOGiveUp = &Kind{
	Slug: "rst-rto-giveup", Family: Reset, Severity: Error, Since: "0.1", cause: resetByPeer,
	Reference: "RFC 9293 MUST-20, SHLD-10, SHLD-11",
	Summary:   "A sender reset the connection after resending in vain.",
	Explanation: "Its data was never acknowledged however often it was sent, and it gave up: the peer or the path had died long before the RST. Look at when the peer was last " +
		"heard of, not at the RST. Applications shorten the wait with TCP_USER_TIMEOUT; Linux by default tries for about 15 minutes.",
	replaces: []*Kind{rstAbort, rstLinger0, rstUnreadData, rstAfterOwnFin},
	when:     fact(tracker.FactRst),
	judge: func(c *conn) []Finding {
		f := c.abort()
		if f == nil || f.Reset.Form == tracker.FormReply {
			return nil
		}
		s, ok := c.stuck(f.Role)
		if !ok {
			return nil
		}
		return c.one(c.about(f.Role, f.At, []tracker.Mark{s.first, s.last, f.Mark}, High, "%s, then a RST (%s); the %s was last heard of%s before it",
			s, ref(f.Mark), f.Role.Peer(), timed(" %s", c.end(f.Role.Peer()).Last, f.Mark)))
	},
}

var rstOutOfWindow = &Kind{
	Slug: "rst-out-of-window", Family: Reset, Severity: Note, Since: "0.1", cause: explains,
	Reference: "RFC 9293 3.10.7.4; RFC 5961 3.2 case 1",
	Summary:   "A RST outside the receiver's window, which had to be dropped.",
	Explanation: "A stale RST, a box in between with the wrong sequence numbers, or a blind attack. A correct receiver takes no notice, and the connection goes on; many " +
		"tools believe it anyway and report an abort that did not happen.",
	when: fact(tracker.FactRst),
	judge: func(c *conn) []Finding {
		return c.facts(tracker.FactRst, func(f *tracker.Fact) bool {
			class := f.Reset.Class == tracker.ResetBelow || f.Reset.Class == tracker.ResetAbove
			return class && f.Reset.Effect == tracker.EffectNone && f.Reset.Receiver.Synchronized() && !c.bothFins(f.Mark)
		}, func(fs []*tracker.Fact) string {
			return fmt.Sprintf("the RST of %s lies %s the %s's window%s", ref(fs[0].Mark), fs[0].Reset.Class, fs[0].Role.Peer(), more(len(fs)))
		})
	},
}

var rstChallenged = &Kind{
	Slug: "rst-challenged", Family: Reset, Severity: Note, Since: "0.1", cause: explains,
	Reference: "RFC 5961 3.2 case 3; RFC 9293 3.10.7.4",
	Summary:   "A RST in the window but not exact was answered by a challenge ACK instead of believed.",
	Explanation: "If the sender meant it, it answers the challenge with an exact RST: its first one was sent after data that was lost. If nothing follows, somebody else " +
		"sent the RST and guessed the numbers. The connection is not affected by this one.",
	when: fact(tracker.FactRst),
	judge: func(c *conn) []Finding {
		out := c.none()
		for f := range c.all(tracker.FactRst) {
			if f.Reset.Effect != tracker.EffectChallenged || f.Reset.Receiver == tracker.SynSent {
				continue
			}
			marks, answer := []tracker.Mark{f.Mark}, "challenged"
			for a := range c.all(tracker.FactChallengeAck) {
				if a.Cause.Packet == f.Packet {
					marks, answer = append(marks, a.Mark), "challenged by "+ref(a.Mark)
					break
				}
			}
			out = append(out, c.about(f.Role, f.At, marks, High, "the RST of %s is in the %s's window but not at its next sequence number: %s",
				ref(f.Mark), f.Role.Peer(), answer))
			if len(out) == maxPackets {
				break
			}
		}
		return out
	},
}

var rstNotEffective = &Kind{
	Slug: "rst-not-effective", Family: Reset, Severity: Warn, Since: "0.1", cause: explains,
	Reference: "RFC 9293 3.10.7.4; RFC 5961 3",
	Summary:   "A RST looked valid, but the connection went on.",
	Explanation: "Either somebody else injected it and its receiver never got it, or it was lost or dropped between the capture point and its receiver. If its supposed sender " +
		"went on as well, it did not send it: look for a filter or an intrusion prevention system between the two, and compare TTL and IP identification.",
	when: fact(tracker.FactRst),
	judge: func(c *conn) []Finding {
		return c.facts(tracker.FactRst, func(f *tracker.Fact) bool {
			again := lostOnTheWay(f) && c.closing != nil && c.closing.Role == f.Role // it was repeated, and told its receiver then
			return f.Reset.Effect == tracker.EffectRefuted && f.Reset.Receiver != tracker.SynSent && !again
		}, func(fs []*tracker.Fact) string {
			who := "the " + fs[0].Role.Peer().String()
			if fs[0].Reset.SenderGoesOn {
				who = "both sides"
			}
			return fmt.Sprintf("after the RST of %s (%s) %s went on%s", ref(fs[0].Mark), fs[0].Reset.Class, who, more(len(fs)))
		})
	},
}

var rstInjectedSuspect = &Kind{
	Slug: "rst-injected-suspect", Family: Reset, Severity: Warn, Since: "0.1", cause: resetByPeer,
	Reference: "RFC 5961 1.2; RFC 9293 3.5.2",
	Summary:   "A RST ended the connection for its receiver, while its supposed sender went on as if it had sent none.",
	Explanation: "A host that aborts says nothing more on that connection, so somebody else sent this RST in its name: a filter, a firewall, an intrusion prevention " +
		"system, or an attacker who guessed the numbers. Compare its TTL, IP identification and options with the sender's other packets, and look for the box " +
		"on the path that has a reason.",
	replaces: []*Kind{rstAbort, rstUnreadData, rstLateData, rstLinger0, rstInsteadOfFinAck, rstAfterOwnFin, rstNoSocket, rstRTOGiveUp},
	when:     fact(tracker.FactRst),
	judge: func(c *conn) []Finding {
		f := c.abort()
		if f == nil || !f.Reset.SenderGoesOn {
			return nil
		}
		return c.one(c.about(f.Role, f.At, []tracker.Mark{f.Mark}, Medium, "the RST of %s (%s) closed the %s, but the %s still sent ordinary segments afterwards",
			ref(f.Mark), f.Reset.Class, f.Role.Peer(), f.Role))
	},
}

var rstBurst = &Kind{
	Slug: "rst-burst", Family: Reset, Severity: Note, Since: "0.1", cause: explains,
	Reference: "RFC 9293 3.10.7.1",
	Summary:   "One side sent several RSTs in a row.",
	Explanation: "A host without the connection answers every segment still under way with a RST of its own, so the number tells how much was in flight. " +
		"RSTs at stepped sequence numbers instead of answers point to a box that wants to be sure to hit the window.",
	when: fact(tracker.FactRst),
	judge: func(c *conn) []Finding {
		out := c.none()
		for _, r := range both {
			if c.end(r).Rst < uint64(c.t.BurstResets) {
				continue
			}
			fs := c.by(r, tracker.FactRst)
			for i := 0; i+c.t.BurstResets <= len(fs); i++ {
				n := i + c.t.BurstResets
				for n < len(fs) && between(fs[i].Mark, fs[n].Mark) <= c.t.BurstWithin {
					n++
				}
				if between(fs[i].Mark, fs[n-1].Mark) <= c.t.BurstWithin {
					all := ""
					if sent := c.end(r).Rst; sent > uint64(n-i) {
						all = fmt.Sprintf(", of %s in all", grouped(sent))
					}
					out = append(out, c.from(fs[i:n], "%s RSTs%s, packets %d to %d%s", grouped(n-i), timed(" within %s", fs[i].Mark, fs[n-1].Mark), fs[i].Packet, fs[n-1].Packet, all))
					break
				}
			}
		}
		return out
	},
}

var rstCrossing = &Kind{
	Slug: "rst-crossing", Family: Reset, Severity: Note, Since: "0.1", cause: explains,
	Reference: "RFC 9293 3.5.2",
	Summary:   "Both sides aborted, neither in answer to the other.",
	Explanation: "The two RSTs passed within a round trip, so each was sent before the other could arrive: usually one event that both noticed, such as the same timeout. " +
		"Who came first at the capture point means nothing.",
	when: fact(tracker.FactRst),
	judge: func(c *conn) []Finding {
		a := c.abort()
		if a == nil || a.Reset.Form != tracker.FormActive {
			return nil
		}
		for _, f := range c.by(a.Role.Peer(), tracker.FactRst) {
			if f.Packet > a.Packet && f.Reset.Form == tracker.FormActive && between(a.Mark, f.Mark) <= c.rtt() {
				return c.one(c.whole(a.At, []tracker.Mark{a.Mark, f.Mark}, "the RSTs of %s and %s passed%s, within the round trip of %s",
					ref(a.Mark), ref(f.Mark), apart(a.Mark, f.Mark), span(c.rtt())))
			}
		}
		return nil
	},
}

var rstStray = &Kind{
	Slug: "rst-stray", Family: Reset, Severity: Note, Since: "0.1", cause: explains,
	Reference: "RFC 9293 3.10.7.1",
	Summary:   "A RST of a connection that was never seen.",
	Explanation: "An answer to a segment whose source address was forged (backscatter of a flood elsewhere), the late end of a connection from before the capture, or a host " +
		"answering stray segments. One alone means nothing.",
	when: fact(tracker.FactRst),
	judge: func(c *conn) []Finding {
		for f := range c.all(tracker.FactRst) {
			if f.Packet == c.First.Packet {
				return c.one(c.about(f.Role, f.At, []tracker.Mark{f.Mark}, High, "the first segment seen of this connection is a RST (%s)", ref(f.Mark)))
			}
			return nil
		}
		return nil
	},
}
