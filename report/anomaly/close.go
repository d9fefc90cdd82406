package anomaly

import (
	"fmt"
	"slices"
	"time"

	"github.com/tcplife/tcplife/tracker"
)

var closeKinds = []*Kind{
	finUnacked, missingFinalAck, missingPeerFin, CloseWaitSuspect, CloseWaitLeak, halfCloseData, finWait2Timeout,
	simultaneousClose, finRetransmitted, finWithHole, finMoved, dataAfterOwnFin, finInjectedSuspect, finOutOfWindow,
	vanished, segmentAfterClose, closedByServerFirst,
}

var finUnacked = &Kind{
	Slug: "fin-unacked", Family: Teardown, Severity: Warn, Since: "0.1", cause: badClose,
	Reference: "RFC 9293 3.6, 3.10.7.4 (FIN-WAIT-1)",
	Summary:   "A FIN was never acknowledged.",
	Explanation: "The closer is left in FIN_WAIT_1, sending its FIN again until it gives up: the peer is gone, or a firewall dropped the connection from " +
		"its table at the first FIN. Look at whether the FIN arrives at the peer, and whether the peer had answered anything shortly before.",
	replaces: []*Kind{finRetransmitted},
	when:     fact(tracker.FactFinRetransmitted),
	judge: func(c *conn) []Finding {
		out := c.none()
		for _, r := range both {
			if c.end(r.Peer()).FinSent.Seen() || c.Close == tracker.CloseOrderlyUnacked {
				continue // missing-final-ack
			}
			if last, n, ok := c.unansweredFin(r); ok {
				out = append(out, c.about(r, c.end(r).FinSent.At, []tracker.Mark{c.end(r).FinSent, last}, High,
					"FIN sent %s, and no ACK of it in the %s after the last", countOf(n, "time", "times"), span(c.since(last))))
			}
		}
		return out
	},
}

var missingFinalAck = &Kind{
	Slug: "missing-final-ack", Family: Teardown, Severity: Warn, Since: "0.1", cause: badClose,
	Reference: "RFC 9293 3.6, 3.10.7.4 (LAST-ACK)",
	Summary:   "Both sides sent a FIN, but one of the two was never acknowledged, though sent again.",
	Explanation: "Usually it is the last one: the side that closed last is left in LAST_ACK and resends its FIN. The first closer vanished, dropped its TIME_WAIT " +
		"early, or a stateful firewall closed its entry too soon and eats the last ACK. The record's close is orderly_unacked. A FIN that is not even sent " +
		"again was acknowledged where the capture did not see it: the record says orderly_unacked too, and nothing is reported. No data is lost.",
	replaces: []*Kind{finRetransmitted},
	when:     fact(tracker.FactFinRetransmitted),
	judge: func(c *conn) []Finding {
		out := c.none()
		for _, r := range both {
			if c.Close != tracker.CloseOrderlyUnacked {
				continue
			}
			if last, n, ok := c.unansweredFin(r); ok {
				own, peer := c.end(r).FinSent, c.end(r.Peer()).FinSent
				order := fmt.Sprintf("behind the %s's (%s)", r.Peer(), ref(peer))
				switch {
				case !peer.Seen():
					order = fmt.Sprintf("the %s's was not captured", r.Peer())
				case own.Packet < peer.Packet:
					order = fmt.Sprintf("before the %s's (%s)", r.Peer(), ref(peer))
				}
				out = append(out, c.about(r, own.At, []tracker.Mark{peer, own, last}, High,
					"the %s's FIN (%s), %s, was sent %s; no ACK of it in the %s after the last",
					r, ref(own), order, countOf(n, "time", "times"), span(c.since(last))))
			}
		}
		return out
	},
}

// unansweredFin reports r's FIN if it was sent again and enough trace followed its last copy
// to know that no ACK came, and how often it was sent. A FIN that is not sent again was
// acknowledged, and only the capture missed it.
func (c *conn) unansweredFin(r tracker.Role) (last tracker.Mark, n int, ok bool) {
	e := c.end(r)
	if !e.FinSent.Seen() || e.FinAcked || c.end(tracker.Client).Rst+c.end(tracker.Server).Rst > 0 || c.end(r.Peer()).Packets == 0 {
		return last, 0, false
	}
	n = 1
	for _, f := range c.copies(r, tracker.FactFinRetransmitted) {
		last = f.Mark
		n++
	}
	if c.FactsDropped > 0 {
		last = e.Last // later copies may not be among the facts
	}
	return last, n, n > 1 && c.since(last) >= c.patience()
}

var missingPeerFin = &Kind{
	Slug: "missing-peer-fin", Family: Teardown, Severity: Warn, Since: "0.1", cause: badClose,
	Reference: "RFC 9293 3.6 case 2 (FIN-WAIT-2)",
	Summary:   "One side closed, the other acknowledged it and never closed.",
	Explanation: "The connection stays half closed: the peer's kernel knows that no more data will come, but its application has not called close(). It may " +
		"still be working on its answer. If it stays like this, see close-wait-suspect.",
	when:  closedByOneFin,
	judge: func(c *conn) []Finding { return c.halfClosed(c.t.PeerFinWait) },
}

// CloseWaitSuspect is one socket its application seems to have forgotten.
var CloseWaitSuspect = &Kind{
	Slug: "close-wait-suspect", Family: Teardown, Severity: Warn, Since: "0.1", cause: badClose,
	Reference: "RFC 9293 3.6 case 2 (CLOSE-WAIT)",
	Summary:   "An endpoint was told \"no more data\" and has neither closed nor said anything for a long time.",
	Explanation: "Its application probably forgot the socket: a leaked descriptor, a thread stuck elsewhere, a pool that does not notice the peer's close. Nothing " +
		"in TCP ends CLOSE_WAIT. On that host, ss -tanp state close-wait names the process; a count that only grows is a leak. Protocols that " +
		"answer long after the request's end look the same until they answer.",
	replaces: []*Kind{missingPeerFin},
	when:     closedByOneFin,
	judge:    func(c *conn) []Finding { return c.halfClosed(c.t.CloseWait) },
}

// halfClosed reports the endpoint that acknowledged its peer's FIN and then stayed silent
// for at least wait.
func (c *conn) halfClosed(wait time.Duration) []Finding {
	for _, r := range both {
		closer, e := c.end(r.Peer()), c.end(r)
		if !closer.FinSent.Seen() || !closer.FinAcked || e.FinSent.Seen() || e.Rst+closer.Rst > 0 || c.has(tracker.FactFinMoved) {
			continue
		}
		silence := min(c.since(e.Last), c.since(closer.FinSent))
		if silence < wait {
			continue
		}
		return c.one(c.about(
			r, closer.FinSent.At, []tracker.Mark{closer.FinSent, e.Last}, High,
			"the %s's FIN (%s) was acknowledged; the %s has been silent for %s since %s", r.Peer(), ref(closer.FinSent), r, span(silence), ref(e.Last),
		))
	}
	return nil
}

// CloseWaitLeak is a service with many forgotten sockets at one time.
var CloseWaitLeak = &Kind{
	Slug: "close-wait-leak", Family: Teardown, Severity: Error, Since: "0.1", cause: badClose,
	Reference: "RFC 9293 3.6 case 2 (CLOSE-WAIT)",
	Summary:   "One host holds many connections of one service in CLOSE_WAIT.",
	Explanation: "The application leaks sockets: sooner or later it runs out of descriptors, or its pool hands out connections the peer has closed long ago. " +
		"On that host, ss -tanp state close-wait shows the process and the count; look for a code path that returns without close(), above all on " +
		"errors and timeouts.",
	trace: func(t *trace, s source) []Finding { return t.leaking(s.t.LeakedSockets) },
}

var halfCloseData = &Kind{
	Slug: "half-close-data", Family: Teardown, Severity: Note, Since: "0.1", cause: explains,
	Reference: "RFC 9293 3.6.1",
	Summary:   "One side had closed its direction and the other kept sending.",
	Explanation: "A half-close, used on purpose: the client says \"that was my request\" with shutdown() and the server answers (ssh, rsync, nc, old HTTP). It is " +
		"trouble only if the closer did not mean to read any more: then its kernel answers with a RST, see rst-late-data.",
	when: fact(tracker.FactHalfCloseData),
	judge: func(c *conn) []Finding {
		return c.each(tracker.FactHalfCloseData, func(fs []*tracker.Fact) string {
			return fmt.Sprintf("new data (%s)%s after the %s's FIN (%s) was sent", ref(fs[0].Mark), timed(" %s", fs[0].Cause, fs[0].Mark), fs[0].Role.Peer(), ref(fs[0].Cause))
		})
	},
}

var finWait2Timeout = &Kind{
	Slug: "finwait2-timeout", Family: Teardown, Severity: Warn, Since: "0.1", cause: badClose,
	Reference: "RFC 9293 3.6; Linux tcp_fin_timeout",
	Summary:   "The closer no longer knew the half-closed connection when its peer finally spoke.",
	Explanation: "After close() a kernel keeps a half-closed socket only for a while (Linux: tcp_fin_timeout, 60 s). The peer took longer to close, and its last words " +
		"met a RST. It looks like an orderly close but is not: data among those words is lost. Ask why the peer was so slow, as with close-wait-suspect.",
	replaces: []*Kind{rstAbort, rstLateData, rstAfterClose, rstAfterOwnFin, rstNoSocket, halfCloseData},
	when:     fact(tracker.FactRst),
	judge: func(c *conn) []Finding {
		for f := range c.all(tracker.FactRst) {
			if age, ok := c.timedOutFinWait2(f); ok {
				fin := c.end(f.Role).FinSent
				return c.one(c.about(f.Role, f.At, []tracker.Mark{fin, f.Mark}, High, "RST (%s) %s after the %s's own FIN (%s), in answer to its peer: its FIN_WAIT_2 had ended",
					ref(f.Mark), span(age), f.Role, ref(fin)))
			}
		}
		return nil
	},
}

// timedOutFinWait2 reports whether rst comes from a stack that had dropped its
// half-closed connection, and how old that was. Data the closer took in the meantime shows that it
// was still reading: a half-close on purpose has no timer.
func (c *conn) timedOutFinWait2(rst *tracker.Fact) (time.Duration, bool) {
	e := c.end(rst.Role)
	if !c.finBefore(rst.Role, rst.Mark) || !e.FinAcked || rst.Reset.Form != tracker.FormReply || rst.Reset.Sender == tracker.TimeWait {
		return 0, false
	}
	age := between(e.FinSent, rst.Mark)
	least := c.t.FinWait2Fin
	for _, f := range c.by(rst.Role.Peer(), tracker.FactDataAfterPeerFin) {
		if f.Packet < rst.Packet {
			least = c.t.FinWait2
		}
	}
	if age < least {
		return 0, false
	}
	for _, f := range c.by(rst.Role.Peer(), tracker.FactHalfCloseData) {
		if between(f.Mark, rst.Mark) > c.patience() {
			return 0, false
		}
	}
	if fin := c.end(rst.Role.Peer()).FinSent; fin.Seen() && between(fin, rst.Mark) > c.patience() {
		return 0, false // it had answered that FIN long before
	}
	return age, true
}

var simultaneousClose = &Kind{
	Slug: "simultaneous-close", Family: Teardown, Severity: Note, Since: "0.1", cause: explains,
	Reference:   "RFC 9293 3.6 case 3, figure 13",
	Summary:     "Both sides closed before either knew of the other's FIN.",
	Explanation: "Normal, for example when both ends use the same idle timeout. Both then hold TIME_WAIT.",
	when:        closedByFins,
	judge: func(c *conn) []Finding {
		client, server := c.end(tracker.Client).FinSent, c.end(tracker.Server).FinSent
		if !c.closedAtOnce() || !client.Seen() || !server.Seen() {
			return nil
		}
		return c.one(c.whole(
			max(client.At, server.At), []tracker.Mark{client, server},
			"the FINs of %s and %s passed%s, neither sent with knowledge of the other", ref(client), ref(server), apart(client, server),
		))
	},
}

// closedAtOnce reports whether both sides sent their FIN before they had the other's.
func (c *conn) closedAtOnce() bool {
	return c.ClosedBy == tracker.ByBoth ||
		slices.ContainsFunc(c.Transitions, func(tn tracker.Transition) bool { return tn.To == tracker.Closing })
}

// apart says how far from each other two segments passed, in whichever order: " 3 ms apart".
func apart(a, b tracker.Mark) string {
	if a.At == b.At {
		return " at one time"
	}
	return " " + span(max(between(a, b), between(b, a))) + " apart"
}

var finRetransmitted = &Kind{
	Slug: "fin-retransmitted", Family: Teardown, Severity: Note, Since: "0.1", cause: explains,
	Reference: "RFC 9293 3.6, 3.8.1",
	Summary:   "The same FIN was sent again.",
	Explanation: "The FIN or its ACK was lost, or the peer was slow to acknowledge. The close takes longer; nothing else is wrong as long as it is acknowledged " +
		"in the end.",
	when:  fact(tracker.FactFinRetransmitted),
	judge: sentAgain(tracker.FactFinRetransmitted, "FIN"),
}

var finWithHole = &Kind{
	Slug: "fin-with-hole", Family: Teardown, Severity: Note, Since: "0.1", cause: explains,
	Reference: "RFC 9293 3.10.7.4, SHLD-31",
	Summary:   "A FIN arrived above data that had not been seen yet.",
	Explanation: "Loss or reordering at the very end: the receiver must hold the FIN back until the data before it is there. Tools that close the connection " +
		"at the first FIN get it wrong here. Nothing to do unless the data never comes.",
	when: fact(tracker.FactFinWithHole),
	judge: func(c *conn) []Finding {
		if !c.has(tracker.FactFinWithHole) {
			return nil
		}
		out := c.none()
		for _, r := range both {
			fs := c.by(r, tracker.FactFinWithHole)
			if len(fs) == 0 || c.end(r).MissingBytes >= uint64(fs[0].Bytes) {
				continue // what lies in the hole reached the receiver and only the capture missed it
			}
			out = append(out, c.from(fs, "%s below the FIN of %s had not passed yet", count(fs[0].Bytes, "byte"), ref(fs[0].Mark)))
		}
		return out
	},
}

var finMoved = &Kind{
	Slug: "fin-moved", Family: Teardown, Severity: Warn, Since: "0.1", cause: badClose,
	Reference: "RFC 9293 3.6",
	Summary:   "A second FIN of the same side stands at another sequence number.",
	Explanation: "A FIN has one place in the stream, so one of the two is wrong: a broken stack or proxy, or one of them was sent by somebody else. Compare TTL, IP " +
		"identification and options of the two.",
	when: fact(tracker.FactFinMoved),
	judge: func(c *conn) []Finding {
		return c.each(tracker.FactFinMoved, func(fs []*tracker.Fact) string {
			return fmt.Sprintf("the FIN of %s stands %s from that of %s", ref(fs[0].Mark), count(max(fs[0].Bytes, -fs[0].Bytes), "byte"), ref(c.end(fs[0].Role).FinSent))
		})
	},
}

var dataAfterOwnFin = &Kind{
	Slug: "data-after-own-fin", Family: Teardown, Severity: Warn, Since: "0.1", cause: badClose,
	Reference: "RFC 9293 3.6",
	Summary:   "A side kept sending beyond its own FIN.",
	Explanation: "After its FIN a side has nothing more to say, and its peer must not take it. A broken stack, a proxy that splices two streams, or a FIN that somebody " +
		"else sent in its name. Retransmissions below the FIN are normal and are not meant here.",
	when: fact(tracker.FactDataAfterOwnFin),
	judge: func(c *conn) []Finding {
		return c.each(tracker.FactDataAfterOwnFin, func(fs []*tracker.Fact) string {
			return fmt.Sprintf("%s beyond the FIN of %s, in %s%s", count(fs[0].Bytes, "byte"), ref(c.end(fs[0].Role).FinSent), ref(fs[0].Mark), more(len(fs)))
		})
	},
}

var finInjectedSuspect = &Kind{
	Slug: "fin-injected-suspect", Family: Teardown, Severity: Warn, Since: "0.1", cause: badClose,
	Reference: "RFC 5961; RFC 9293 3.6",
	Summary:   "A side went on as if it had never sent its FIN, and later closed at another place.",
	Explanation: "Somebody else may have sent that FIN in its name: a filter, an intrusion prevention system, an attacker on the path. Compare TTL, IP identification, " +
		"window and options of the FIN with the sender's packets around it. A proxy that mixes two streams is the harmless explanation.",
	replaces: []*Kind{dataAfterOwnFin, finMoved},
	when:     fact(tracker.FactFinMoved),
	judge: func(c *conn) []Finding {
		if !c.has(tracker.FactFinMoved) {
			return nil
		}
		for _, r := range both {
			data, moved := c.by(r, tracker.FactDataAfterOwnFin), c.by(r, tracker.FactFinMoved)
			if len(data) == 0 || len(moved) == 0 || moved[0].Packet < data[0].Packet {
				continue
			}
			fin := c.end(r).FinSent
			return c.one(c.about(r, fin.At, []tracker.Mark{fin, data[0].Mark, moved[0].Mark}, Medium,
				"after the FIN of %s the %s sent new data (%s) and another FIN elsewhere (%s)", ref(fin), r, ref(data[0].Mark), ref(moved[0].Mark)))
		}
		return nil
	},
}

var finOutOfWindow = &Kind{
	Slug: "fin-out-of-window", Family: Teardown, Severity: Note, Since: "0.1", cause: explains,
	Reference: "RFC 9293 3.10.7.4, first check",
	Summary:   "A FIN lay outside the receiver's window and had to be ignored.",
	Explanation: "An old duplicate, a blind guess, or a box that lost track of the sequence numbers. It changes nothing; tools that believe every FIN " +
		"report a close that did not happen.",
	when: fact(tracker.FactFinOutOfWindow),
	judge: func(c *conn) []Finding {
		return c.each(tracker.FactFinOutOfWindow, func(fs []*tracker.Fact) string {
			return fmt.Sprintf("the FIN of %s lies %s outside the %s's window%s", ref(fs[0].Mark), count(max(fs[0].Bytes, -fs[0].Bytes), "byte"), fs[0].Role.Peer(), more(len(fs)))
		})
	},
}

var vanished = &Kind{
	Slug: "vanished", Family: Teardown, Severity: Note, Since: "0.1", cause: explains,
	Reference: "RFC 9293 3.9.1; RFC 5382 REQ-5",
	Summary:   "An open connection simply stopped, with everything acknowledged and nobody closing.",
	Explanation: "Nothing says that anything is wrong: both ends may just be idle. But after this long most NATs and firewalls have forgotten the connection, so the next " +
		"data may be lost or reset. Without keep-alives neither end will notice a peer that is gone.",
	when: idle,
	judge: func(c *conn) []Finding {
		client, server := c.end(tracker.Client), c.end(tracker.Server)
		if client.Fin+server.Fin+client.Rst+server.Rst > 0 || client.Packets == 0 || server.Packets == 0 || client.UnackedBytes+server.UnackedBytes > 0 {
			return nil
		}
		if !client.State.Synchronized() || !server.State.Synchronized() || c.since(c.Last) < c.t.VanishedIdle || c.since(c.Last) > c.t.TwoCaptures {
			return nil
		}
		return c.one(c.whole(c.Last.At, []tracker.Mark{c.Last}, "idle for %s since %s, all data acknowledged", span(c.since(c.Last)), ref(c.Last)))
	},
}

var segmentAfterClose = &Kind{
	Slug: "segment-after-close", Family: Teardown, Severity: Note, Since: "0.1", cause: explains,
	Reference:   "RFC 9293 3.10.7.1, 3.10.7.4",
	Summary:     "A segment arrived after both ends had closed.",
	Explanation: "A late duplicate, or a copy that took a slower path: TIME_WAIT exists to absorb it. Harmless; tools without TIME_WAIT make a ghost connection of it.",
	when:        fact(tracker.FactSegmentAfterClose),
	judge: func(c *conn) []Finding {
		if !c.Closed.Seen() {
			return nil
		}
		return c.facts(tracker.FactSegmentAfterClose, func(f *tracker.Fact) bool { return f.Packet > c.Closed.Packet }, func(fs []*tracker.Fact) string {
			return ref(fs[0].Mark) + timed(", %s after the close", c.Closed, fs[0].Mark) + more(len(fs))
		})
	},
}

var closedByServerFirst = &Kind{
	Slug: "closed-by-server-first", Family: Teardown, Severity: Note, Since: "0.1", cause: explains,
	Reference: "RFC 9293 3.6, MUST-13",
	Summary:   "The server closed first.",
	Explanation: "Normal for many protocols (\"Connection: close\", an idle timeout at the server), but then TIME_WAIT piles up at the server, and a client that sends its " +
		"next request at that moment sees it fail. Prefer that clients close, or give them a shorter idle timeout than the server's.",
	when: closedByServer,
	judge: func(c *conn) []Finding {
		server := c.end(tracker.Server).FinSent
		if c.ClosedBy != tracker.ByServer || c.closedAtOnce() || !server.Seen() || c.DirectionBy.Certainty() == tracker.Assumed {
			return nil
		}
		if c.closing != nil && c.closing.Packet < server.Packet {
			return nil
		}
		client := c.end(tracker.Client).FinSent
		if client.Seen() && client.Packet < server.Packet || c.has(tracker.FactAckOfUnseen) && !client.Seen() {
			return nil // the client's came first, or may have passed uncaptured
		}
		t := c.phrase().str("the server's FIN (").ref(server).str(") came first")
		if client.Seen() {
			t.timed(", ", server, client, "").str(" before the client's (").ref(client).str(")")
		}
		return c.one(c.said(tracker.Server, server.At, []tracker.Mark{server}, High, t))
	},
}
