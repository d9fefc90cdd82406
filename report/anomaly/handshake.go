package anomaly

import (
	"fmt"
	"time"

	"github.com/tcplife/tcplife/tracker"
)

var handshakeKinds = []*Kind{
	synUnanswered, synRetransmitted, synBackoffOdd, synNewISNRetry,
	connectionRefused, refusedRSTBadAck, refusedICMP,
	synAckRetransmitted, synAckUnanswered, handshakeAbandoned, acceptQueueOverflow, handshakeAckLost,
	synAckWrongAck, synAckISNChanged, halfOpenRecovery, simultaneousOpen, synInEstablished, challengeAck,
}

var synUnanswered = &Kind{
	Slug: "syn-unanswered", Family: Handshake, Severity: Warn, Since: "0.1", cause: failedHandshake,
	Reference: "RFC 9293 3.8.3, 3.10.8",
	Summary:   "A connection attempt got no reply at all.",
	Explanation: "The client sent its SYN and nothing ever came back: the host is down, a firewall drops silently, the route is wrong, " +
		"or the server's backlog is full. A capture that sees only one direction looks the same, so check that other connections of this " +
		"client do have answers. Then look for the SYN in a capture on the server's side: if it arrives there, the server or its local " +
		"firewall is silent; if not, follow the path (ARP or neighbour discovery, routes, security groups).",
	replaces: []*Kind{synRetransmitted},
	when:     neverOpened,
	judge: func(c *conn) []Finding {
		client := c.end(tracker.Client)
		if c.Open != tracker.OpenNone || client.Syn == 0 || client.Rst > 0 || c.end(tracker.Server).Packets > 0 {
			return nil
		}
		if c.EndReason == tracker.EndEvicted || c.since(client.Last) < c.t.AttemptGrace {
			return nil
		}
		t := c.phrase().count(client.Syn, "SYN").timed(" over ", client.First, client.Last, "")
		t.str(", and nothing from the server in the ").span(c.since(client.Last)).str(" after").str(theLast(client.Syn))
		return c.one(c.said(tracker.Client, client.First.At, []tracker.Mark{client.First, client.Last}, High, t))
	},
}

// theLast ends a phrase about what followed the last of n segments.
func theLast(n uint64) string {
	if n == 1 {
		return " it"
	}
	return " the last"
}

var synRetransmitted = &Kind{
	Slug: "syn-retransmitted", Family: Handshake, Severity: Note, Since: "0.1", cause: explains,
	Reference: "RFC 9293 MUST-22; RFC 6298 5.7",
	Summary:   "The same SYN was sent again.",
	Explanation: "The first SYN or its answer was lost, or the server had no room in its backlog. Every retry adds a second or more to the " +
		"connect time the user sees. If the trace also shows a SYN-ACK sent again, the loss is on the way back to the client; if not, it is on " +
		"the way to the server or in its listen queue (nstat TcpExtListenDrops).",
	when:  fact(tracker.FactSynRetransmitted),
	judge: sentAgain(tracker.FactSynRetransmitted, "SYN"),
}

var synBackoffOdd = &Kind{
	Slug: "syn-backoff-odd", Family: Handshake, Severity: Note, Since: "0.1", cause: explains,
	Reference: "RFC 9293 MUST-19; RFC 6298 5.5",
	Summary:   "The intervals between the SYN's retries do not grow.",
	Explanation: "A TCP doubles its retransmission timeout with every retry. Equal intervals point to an application that reconnects by itself " +
		"from the same port, a scanner, or a stack of its own. Linux since 6.5 and macOS send the first retries one second apart by design; " +
		"those are not counted.",
	when: fact(tracker.FactSynRetransmitted),
	judge: func(c *conn) []Finding {
		for _, r := range both {
			fs := c.copies(r, tracker.FactSynRetransmitted)
			if i, ok := steady(fs, c.t); ok {
				return c.one(c.from(fs[i-2:], "retries %s, %s and %s apart", span(time.Duration(fs[i-2].Gap)), span(time.Duration(fs[i-1].Gap)), span(time.Duration(fs[i].Gap))))
			}
		}
		return nil
	},
}

// steady finds three successive retries whose intervals do not grow by half each, and
// returns the index of the third.
func steady(fs []*tracker.Fact, t *Thresholds) (int, bool) {
	linear := 0 // how many of the first intervals are of a stack that begins with equal ones
	for linear < len(fs) && linear < t.LinearSyns && time.Duration(fs[linear].Gap) <= t.LinearSynGap {
		linear++
	}
	flat := 0
	for i := max(linear, 1); i < len(fs); i++ {
		gap, before := fs[i].Gap, fs[i-1].Gap
		if 2*gap >= 3*before || time.Duration(gap) >= t.MaxBackoff {
			flat = 0
			continue
		}
		if flat++; flat == 2 {
			return i, true
		}
	}
	return 0, false
}

var synNewISNRetry = &Kind{
	Slug: "syn-new-isn-retry", Family: Handshake, Severity: Note, Since: "0.1", cause: explains,
	Reference: "RFC 9293 3.4.3, 3.5",
	Summary:   "A new attempt from the same port replaced one that was never answered.",
	Explanation: "The client gave up its first attempt and tried again with another initial sequence number from the same port: an application with " +
		"a fixed source port, a NAT that reuses ports quickly, or a SYN proxy in between. Both attempts are one story: read the first one for " +
		"why it was not answered.",
	when: fact(tracker.FactReplacedAttempt),
	judge: func(c *conn) []Finding {
		return c.each(tracker.FactReplacedAttempt, func(fs []*tracker.Fact) string {
			f := fs[0]
			if !f.Cause.Seen() {
				return fmt.Sprintf("another initial sequence number at %s, the attempt before it unanswered", ref(f.Mark))
			}
			return fmt.Sprintf("another initial sequence number%s after the SYN of %s, which was never answered", timed(" %s", f.Cause, f.Mark), ref(f.Cause))
		})
	},
}

var connectionRefused = &Kind{
	Slug: "connection-refused", Family: Handshake, Severity: Warn, Since: "0.1", cause: failedHandshake,
	Reference: "RFC 9293 3.5.3, 3.10.7.1",
	Summary:   "A RST answered the SYN.",
	Explanation: "Nothing listens on that port, or a firewall rejects on the host's behalf. Compare the answer's delay and TTL with other packets of " +
		"that host: a RST that is much faster or has another TTL comes from a box in between. If the service should be there, look at whether " +
		"it listens on this address (ss -ltn) and whether it has just been restarted.",
	replaces: []*Kind{synRetransmitted},
	when:     fact(tracker.FactRst),
	judge: func(c *conn) []Finding {
		if c.Open != tracker.OpenRefused {
			return nil
		}
		client := c.end(tracker.Client)
		for f := range c.all(tracker.FactRst) {
			if f.Role == tracker.Server && f.Reset.Effect == tracker.EffectClosed {
				t := c.phrase().str("RST (").ref(f.Mark).str(") acknowledging the SYN").timed(", ", client.First, f.Mark, " after it was first sent")
				return c.one(c.said(tracker.Server, f.At, []tracker.Mark{client.First, f.Mark}, High, t))
			}
		}
		return nil
	},
}

var refusedRSTBadAck = &Kind{
	Slug: "refused-rst-bad-ack", Family: Handshake, Severity: Warn, Since: "0.1", cause: explains,
	Reference: "RFC 9293 3.5.3, 3.10.7.3",
	Summary:   "A RST answered the SYN without acknowledging it, so the client had to ignore it.",
	Explanation: "In SYN_SENT only a RST that acknowledges the SYN counts. One that does not is an old duplicate, a blind injection, or a broken box in " +
		"between; some old stacks honour it all the same. Compare its TTL with the server's other packets, and look at whether the client sent its SYN " +
		"again afterwards.",
	when: fact(tracker.FactRst),
	judge: func(c *conn) []Finding {
		for f := range c.all(tracker.FactRst) {
			if f.Role == tracker.Server && f.Reset.Receiver == tracker.SynSent && f.Reset.Class != tracker.ResetExact {
				return c.one(c.about(
					tracker.Server, f.At, []tracker.Mark{c.end(tracker.Client).First, f.Mark}, High,
					"the RST of %s does not acknowledge the SYN of %s", ref(f.Mark), ref(c.end(tracker.Client).First),
				))
			}
		}
		return nil
	},
}

var synAckRetransmitted = &Kind{
	Slug: "synack-retransmitted", Family: Handshake, Severity: Note, Since: "0.1", cause: explains,
	Reference: "RFC 9293 3.8.1; RFC 6298",
	Summary:   "The server sent its SYN-ACK again.",
	Explanation: "The server had no acknowledgment of its SYN-ACK in time: the SYN-ACK or the client's ACK was lost, or the client is gone. Once in a while " +
		"it is ordinary loss. Many to many clients mean loss on the way to them, or a SYN flood with forged sources.",
	when:  fact(tracker.FactSynAckRetransmitted),
	judge: sentAgain(tracker.FactSynAckRetransmitted, "SYN-ACK"),
}

var synAckUnanswered = &Kind{
	Slug: "synack-unanswered", Family: Handshake, Severity: Warn, Since: "0.1", cause: failedHandshake,
	Reference: "RFC 9293 3.5.1",
	Summary:   "The client never answered the SYN-ACK.",
	Explanation: "The server is left in SYN_RCVD, sending its SYN-ACK again until it gives up: the SYN had a forged source, the client is behind a filter, or " +
		"the SYN-ACK takes another way and is lost there. Look for the SYN-ACK in a capture at the client. Many of these from changing " +
		"addresses are a SYN flood.",
	replaces: []*Kind{synAckRetransmitted, synRetransmitted},
	when:     openedHalf,
	judge: func(c *conn) []Finding {
		client, server := c.end(tracker.Client), c.end(tracker.Server)
		if c.Open != tracker.OpenHalf || !c.Handshake.SynAck.Seen() || c.Handshake.Ack.Seen() {
			return nil
		}
		gaveUp := c.closing != nil && c.closing.Role == tracker.Server && server.Packets == server.Syn+server.Rst
		if client.Syn == 0 || client.Packets != client.Syn || server.Packets != server.Syn && !gaveUp {
			return nil // somebody went on, or the client's direction was not captured
		}
		retries, quiet := c.Handshake.SynAckRetries, c.since(server.Last)
		if gaveUp && retries > 0 {
			quiet = max(quiet, c.t.AttemptGrace) // it waited long enough itself
		}
		conf := Medium
		switch {
		case retries > 1 && quiet >= c.t.AttemptGrace:
			conf = High
		case retries == 1 && quiet >= c.t.AttemptGrace:
		case quiet >= c.t.AttemptTimeout: // a SYN cookie, or the ACK passed elsewhere
			conf = Low
		default:
			return nil
		}
		return c.one(c.about(
			tracker.Client, c.Handshake.SynAck.At, []tracker.Mark{client.First, c.Handshake.SynAck, server.Last}, conf,
			"SYN-ACK sent %s%s, and nothing from the client in the %s after%s", countOf(retries+1, "time", "times"),
			timed(" over %s", server.First, server.Last), span(quiet), theLast(server.Syn),
		))
	},
}

var handshakeAbandoned = &Kind{
	Slug: "handshake-abandoned", Family: Handshake, Severity: Note, Since: "0.1", cause: failedHandshake,
	Reference: "RFC 9293 3.10.7.3",
	Summary:   "The client answered the SYN-ACK with a RST.",
	Explanation: "The client did not want the connection any more, or never did: a SYN scan, a health check that only asks whether the port is open, a " +
		"browser that raced two addresses and took the other, or a connect that timed out before the answer came. A slow SYN-ACK before it points " +
		"to the last.",
	when: fact(tracker.FactRst),
	judge: func(c *conn) []Finding {
		if !c.Handshake.SynAck.Seen() || c.Handshake.Ack.Seen() || c.has(tracker.FactSynAckWrongAck) || c.end(tracker.Client).Syn == 0 {
			return nil
		}
		for f := range c.all(tracker.FactRst) {
			if f.Role == tracker.Client && f.Reset.Phase == tracker.PhasePostSyn && f.Packet > c.Handshake.SynAck.Packet && f.Reset.Effect == tracker.EffectClosed {
				return c.one(c.about(
					tracker.Client, f.At, []tracker.Mark{c.Handshake.SynAck, f.Mark}, High,
					"RST%s after the SYN-ACK of %s%s", timed(" %s", c.Handshake.SynAck, f.Mark),
					ref(c.Handshake.SynAck), timed(", which itself came %s after the first SYN", c.Handshake.Syn, c.Handshake.SynAck),
				))
			}
		}
		return nil
	},
}

var acceptQueueOverflow = &Kind{
	Slug: "accept-queue-overflow", Family: Handshake, Severity: Error, Since: "0.1", cause: failedHandshake,
	Reference: "RFC 9293 3.10.7.4; Linux tcp_abort_on_overflow",
	Summary:   "The server kept ignoring the client's ACK: its accept queue was full.",
	Explanation: "The client thinks it is connected and sends its request; the server's kernel drops both because the application does not accept fast " +
		"enough, and sends its SYN-ACK again. The user waits seconds, then is reset or served late. Look at nstat TcpExtListenOverflows and the " +
		"Recv-Q of the listening socket (ss -ltn) on the server; raise the backlog (somaxconn) only after asking why accept() is slow. Loss of " +
		"every packet from the client behind the capture point looks alike.",
	replaces: []*Kind{synAckRetransmitted, handshakeAckLost},
	when:     fact(tracker.FactAckIgnored),
	judge: func(c *conn) []Finding {
		ignored := c.by(tracker.Client, tracker.FactAckIgnored)
		if len(ignored) == 0 {
			ignored = c.by(tracker.Server, tracker.FactAckIgnored)
		}
		if len(ignored) == 0 || c.has(tracker.FactSynAckISNChanged) { // those SYN-ACKs are not of one end that asked again
			return nil
		}
		resent := 0
		for _, f := range c.by(tracker.Client, tracker.FactRetransmission) {
			if f.Packet < ignored[len(ignored)-1].Packet {
				resent++
			}
		}
		var refused *tracker.Fact
		for f := range c.all(tracker.FactRst) {
			if f.Role == tracker.Server && f.Reset.Sender == tracker.SynRcvd {
				refused = f
				break
			}
		}
		marks := []tracker.Mark{ignored[0].Cause, ignored[0].Mark}
		phrase := fmt.Sprintf("SYN-ACK again %s after the client's ACK (%s)", countOf(len(ignored), "time", "times"), ref(ignored[0].Mark))
		conf := Medium
		switch {
		case refused != nil:
			conf = High
			marks = append(marks, refused.Mark)
			phrase += fmt.Sprintf(", then a RST out of SYN_RCVD (%s)", ref(refused.Mark))
		case len(ignored) > 1 && resent > 0:
			conf = High
			phrase += fmt.Sprintf(", and %s sent again unanswered", countOf(resent, "data segment", "data segments"))
		case len(ignored) > 1 || resent > 1:
		default:
			return nil // one lost ACK explains it
		}
		return c.one(c.about(tracker.Server, ignored[0].At, marks, conf, "%s", phrase))
	},
}

var handshakeAckLost = &Kind{
	Slug: "handshake-ack-lost", Family: Handshake, Severity: Note, Since: "0.1", cause: explains,
	Reference: "RFC 9293 3.5",
	Summary:   "The server did not take the ACK that completes the handshake, and asked again.",
	Explanation: "The ACK was lost between the capture point and the server, so the server sent its SYN-ACK once more and the connection went on. " +
		"Harmless by itself; if it happens often, look for loss on the way to the server, and for accept-queue-overflow.",
	replaces: []*Kind{synAckRetransmitted},
	when:     fact(tracker.FactAckIgnored),
	judge: func(c *conn) []Finding {
		for f := range c.all(tracker.FactAckIgnored) {
			return c.one(c.about(
				tracker.Server, f.At, []tracker.Mark{f.Cause, f.Mark}, High,
				"SYN-ACK again (%s)%s after the client's ACK", ref(f.Mark), timed(", %s", c.Handshake.Ack, f.Mark),
			))
		}
		return nil
	},
}

var synAckWrongAck = &Kind{
	Slug: "synack-wrong-ack", Family: Handshake, Severity: Warn, Since: "0.1", cause: explains,
	Reference: "RFC 9293 3.10.7.3",
	Summary:   "A SYN-ACK acknowledges something else than the SYN.",
	Explanation: "The answer belongs to another attempt, to another host behind the same address, or a firewall that rewrites sequence numbers was captured " +
		"on both of its sides. The client must answer with a RST and try again. Look at whether the capture point is between two such " +
		"boxes before suspecting forgery.",
	when: fact(tracker.FactSynAckWrongAck),
	judge: func(c *conn) []Finding {
		return c.each(tracker.FactSynAckWrongAck, func(fs []*tracker.Fact) string {
			return fmt.Sprintf("the SYN-ACK of %s acknowledges no SYN of its peer%s", ref(fs[0].Mark), more(len(fs)))
		})
	},
}

var synAckISNChanged = &Kind{
	Slug: "synack-isn-changed", Family: Handshake, Severity: Warn, Since: "0.1", cause: explains,
	Reference: "RFC 9293 3.5; RFC 4987",
	Summary:   "Two different SYN-ACKs answered one SYN.",
	Explanation: "The second SYN-ACK has another initial sequence number: two hosts answer for one address (a load balancer, anycast, a duplicate IP), a SYN " +
		"proxy takes over, or the server switched to SYN cookies or lost its first half-open entry. Compare TTL and options of the two.",
	replaces: []*Kind{synAckRetransmitted},
	when:     fact(tracker.FactSynAckISNChanged),
	judge: func(c *conn) []Finding {
		return c.facts(tracker.FactSynAckISNChanged, c.answeredTwice, func(fs []*tracker.Fact) string {
			return fmt.Sprintf("the SYN-ACK of %s has another initial sequence number than the one before%s", ref(fs[0].Mark), more(len(fs)))
		})
	},
}

// answeredTwice reports whether f, a SYN-ACK with another initial sequence number, follows a SYN-ACK of the
// same end. One that follows a SYN of that end, or a SYN-ACK of the other, answers another handshake.
func (c *conn) answeredTwice(f *tracker.Fact) bool {
	server := c.end(tracker.Server)
	return f.Role == tracker.Server && c.Open != tracker.OpenSimultaneous && server.First.Packet < f.Packet && server.Syn > 1
}

var halfOpenRecovery = &Kind{
	Slug: "half-open-recovery", Family: Handshake, Severity: Note, Since: "0.1", cause: explains,
	Reference: "RFC 9293 3.5.1 figure 9; RFC 5961 4",
	Summary:   "The SYN met an old connection on the other side, which had to be reset first.",
	Explanation: "The server still held a connection from this port: the client crashed or was rebooted, or a NAT or firewall forgot the old one. The server " +
		"challenged the SYN with an ACK of the old numbers, the client reset it and tried again. It works as designed, but the user waits for the " +
		"retry. Look for what ended the earlier connection without telling the server.",
	replaces: []*Kind{synRetransmitted, challengeAck},
	when:     fact(tracker.FactHalfOpen),
	judge: func(c *conn) []Finding {
		return c.each(tracker.FactHalfOpen, func(fs []*tracker.Fact) string {
			return fmt.Sprintf("the SYN was challenged with an ACK of the old connection, which the client reset (%s)", ref(fs[0].Mark))
		})
	},
}

var simultaneousOpen = &Kind{
	Slug: "simultaneous-open", Family: Handshake, Severity: Note, Since: "0.1", cause: explains,
	Reference: "RFC 9293 MUST-10, 3.5 figure 7",
	Summary:   "Both sides sent a SYN, and the two crossed.",
	Explanation: "Normal for peers that connect to each other from fixed ports: hole punching through NATs, BGP, cluster members. Who is called client here is " +
		"only who was captured first.",
	when: openedAtOnce,
	judge: func(c *conn) []Finding {
		if c.Open != tracker.OpenSimultaneous {
			return nil
		}
		client, server := c.end(tracker.Client), c.end(tracker.Server)
		return c.one(c.whole(
			server.First.At, []tracker.Mark{client.First, server.First},
			"the SYNs of %s and %s passed%s, neither acknowledging the other", ref(client.First), ref(server.First), apart(client.First, server.First),
		))
	},
}
