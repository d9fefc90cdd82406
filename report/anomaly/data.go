package anomaly

import (
	"fmt"
	"time"

	"github.com/tcplife/tcplife/tracker"
)

var dataKinds = []*Kind{rtoGiveUp, peerVanished, zeroWindowDeath, keepaliveProbes, keepaliveDead, networkLoss, icmpHardError, mtuBlackhole, optionMalformed, urgentUsed}

var rtoGiveUp = &Kind{
	Slug: "rto-giveup", Family: Data, Severity: Error, Since: "0.1", cause: gaveUp,
	Reference: "RFC 9293 MUST-20, SHLD-10, SHLD-11",
	Summary:   "A sender stopped resending a segment that was never acknowledged, although its peer was still there.",
	Explanation: "The peer kept talking, but this one segment did not get through however often it was sent: typically it is too large for the path and the " +
		"ICMP message that would say so is filtered, or a middlebox drops its content. Compare its size with what did get through, and look for " +
		"ICMP \"fragmentation needed\" or \"packet too big\".",
	when: resends,
	judge: func(c *conn) []Finding {
		out := c.none()
		for _, r := range both {
			s, ok := c.stuck(r)
			if !ok || s.silent || c.end(r).Rst > 0 || c.since(s.last) < 2*s.gap {
				continue
			}
			out = append(out, c.about(r, s.last.At, []tracker.Mark{s.first, s.last}, High, "%s, then no more for %s, while the %s went on (%s)",
				s, span(c.since(s.last)), r.Peer(), ref(c.end(r.Peer()).Last)))
		}
		return out
	},
}

var peerVanished = &Kind{
	Slug: "peer-vanished", Family: Data, Severity: Error, Since: "0.1", cause: gaveUp,
	Reference: "RFC 9293 3.8.3, 3.10.8",
	Summary:   "One side fell silent while the other kept resending.",
	Explanation: "The peer neither answered nor closed: its host crashed or was moved, its link is down, or a firewall or NAT in between forgot the connection and " +
		"drops its packets. If many connections through one box stop at one time, it is the box; if all of one host do, it is the host. " +
		"A capture that lost one direction looks the same.",
	when: resends,
	judge: func(c *conn) []Finding {
		out := c.none()
		for _, r := range both {
			s, ok := c.stuck(r)
			if !ok || !s.silent || c.end(r).Rst > 0 || c.since(s.last) < c.patience() {
				continue
			}
			out = append(out, c.about(r.Peer(), c.end(r.Peer()).Last.At, []tracker.Mark{c.end(r.Peer()).Last, s.first, s.last}, High,
				"last heard of (%s)%s before the %s gave up: %s", ref(c.end(r.Peer()).Last), timed(" %s", c.end(r.Peer()).Last, s.last), r, s))
		}
		return out
	},
}

var zeroWindowDeath = &Kind{
	Slug: "zero-window-death", Family: Data, Severity: Error, Since: "0.1", cause: gaveUp,
	Reference: "RFC 9293 3.8.6.1, MUST-36, MUST-37",
	Summary:   "The connection was broken off while one side's window was closed.",
	Explanation: "The receiving application had stopped reading, its buffer filled up, and somebody lost patience: the sender aborted, the receiver's process " +
		"died, or the kernel freed memory. A sender must keep a connection with a closed window open as long as its probes are answered. Look at " +
		"what the receiver was doing when its window closed; its Recv-Q (ss -tn) will have been full.",
	replaces: []*Kind{rtoGiveUp, peerVanished, rstAbort, rstUnreadData, rstLinger0, rstRTOGiveUp},
	when:     fact(tracker.FactZeroWindow),
	judge: func(c *conn) []Finding {
		out := c.none()
		for _, r := range both {
			shut, ok := c.shutWindow(r)
			if !ok {
				continue
			}
			if rst := c.closing; rst != nil && rst.Reset.Phase < tracker.PhaseTimeWait {
				out = append(out, c.about(r, shut.At, []tracker.Mark{shut, rst.Mark}, High, "the %s reset the connection (%s) while the %s's window was closed, since %s%s",
					rst.Role, ref(rst.Mark), r, ref(shut), timed(" and for %s", shut, rst.Mark)))
			} else if s, ok := c.stuck(r.Peer()); ok && rst == nil && c.since(s.last) >= max(2*s.gap, c.patience()) {
				out = append(out, c.about(r, shut.At, []tracker.Mark{shut, s.last}, High, "the %s's last try (%s) came while the %s's window was closed, since %s: %s",
					r.Peer(), ref(s.last), r, ref(shut), s))
			}
		}
		return out
	},
}

var keepaliveProbes = &Kind{
	Slug: "keepalive", Family: Data, Severity: Note, Since: "0.1", cause: explains,
	Reference: "RFC 9293 3.8.4, MAY-5, MUST-28",
	Summary:   "One side probed the idle connection.",
	Explanation: "Normal: the application asked for keep-alives, to notice a dead peer or to keep a NAT or firewall from forgetting the connection. The octet such a " +
		"probe may carry is not data. Very short intervals cost battery and traffic; intervals longer than the idle timeout of a box in between do not " +
		"help against it.",
	when: fact(tracker.FactKeepalive),
	judge: func(c *conn) []Finding {
		return c.each(tracker.FactKeepalive, func(fs []*tracker.Fact) string {
			probes, idle := count(c.end(fs[0].Role).Keepalives, "probe"), min(time.Duration(fs[0].Gap), between(c.First, fs[0].Mark))
			if idle <= 0 {
				return probes
			}
			return fmt.Sprintf("%s, the first %s after the segment before it", probes, span(idle))
		})
	},
}

var keepaliveDead = &Kind{
	Slug: "keepalive-dead", Family: Data, Severity: Error, Since: "0.1", cause: gaveUp,
	Reference: "RFC 9293 3.8.4, MUST-29; RFC 1122 4.2.3.6",
	Summary:   "The peer stopped answering keep-alive probes.",
	Explanation: "The peer is gone without a word, or a NAT or firewall in between has forgotten the connection: if its idle timeout is shorter than the " +
		"keep-alive interval, this is the usual picture. Compare the idle time before the first unanswered probe with the timeouts of the boxes on the " +
		"path (350 s on some load balancers, 4 minutes on others).",
	replaces: []*Kind{keepaliveProbes, rstAbort, rstLinger0},
	when:     fact(tracker.FactKeepalive),
	judge: func(c *conn) []Finding {
		out := c.none()
		for _, r := range both {
			var probes []*tracker.Fact
			for _, f := range c.by(r, tracker.FactKeepalive) {
				if f.Packet > c.end(r.Peer()).Last.Packet {
					probes = append(probes, f)
				}
			}
			if uint64(len(probes)) < c.t.KeepaliveProbes || c.end(r.Peer()).Packets == 0 {
				continue
			}
			last := probes[len(probes)-1]
			ended := "then nothing"
			switch {
			case c.closing != nil && c.closing.Role == r:
				ended = fmt.Sprintf("then a RST (%s)", ref(c.closing.Mark))
			case c.since(last.Mark) < c.patience():
				continue
			}
			out = append(out, c.about(r.Peer(), probes[0].At, []tracker.Mark{c.end(r.Peer()).Last, probes[0].Mark, last.Mark}, High,
				"%s%s without an answer, %s; last heard of at %s", count(len(probes), "probe"), timed(" over %s", probes[0].Mark, last.Mark), ended,
				ref(c.end(r.Peer()).Last)))
		}
		return out
	},
}

// stuckData is a sender's oldest octet that was sent again and again.
type stuckData struct {
	copies      uint64
	first, last tracker.Mark  // the first and last copy known
	gap         time.Duration // between the last two copies, 0 if not known
	silent      bool          // its peer sent nothing since the first copy
}

func (s stuckData) String() string {
	if s.gap == 0 {
		return count(s.copies, "transmission") + " of one segment"
	}
	return fmt.Sprintf("%s of one segment, the last %s after the one before", count(s.copies, "transmission"), span(s.gap))
}

// stuck reports the segment that r sent at least GiveUpCopies times without an answer, each
// time after a longer wait.
func (c *conn) stuck(r tracker.Role) (stuckData, bool) {
	e, peer := c.end(r), c.end(r.Peer())
	if e.LastDataUnacked < c.t.GiveUpCopies || peer.Packets == 0 {
		return stuckData{}, false
	}
	if c.FactsDropped > 0 {
		// The last copies may not be among the facts: only the peer's silence tells.
		silent := between(peer.Last, e.Last) >= c.patience()
		return stuckData{copies: e.LastDataUnacked, first: peer.Last, last: e.Last, silent: silent}, silent
	}
	fs := c.copies(r, tracker.FactRetransmission)
	if e.FinSent.Seen() {
		fs = append(fs, c.copies(r, tracker.FactFinRetransmitted)...)
	}
	if len(fs) < 2 {
		return stuckData{}, false
	}
	first := fs[max(0, len(fs)-int(c.t.GiveUpCopies)+1)]
	last := fs[len(fs)-1]
	if 2*last.Gap < 3*first.Gap {
		return stuckData{}, false // no timer that backs off: an application that repeats itself
	}
	return stuckData{
		copies: e.LastDataUnacked, first: first.Mark, last: last.Mark, gap: time.Duration(last.Gap),
		silent: peer.Last.Packet < first.Packet,
	}, true
}

// shutWindow returns when r's window closed for the last time; if that is not known, when it was
// last said to be closed.
func (c *conn) shutWindow(r tracker.Role) (closed tracker.Mark, ok bool) {
	fs := c.by(r, tracker.FactZeroWindow)
	if len(fs) == 0 || !c.end(r).WindowZeroAtLast {
		return closed, false
	}
	if c.FactsDropped > 0 {
		return c.end(r).Last, true
	}
	return fs[len(fs)-1].Mark, true
}
