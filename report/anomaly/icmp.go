package anomaly

import (
	"fmt"
	"time"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/tracker"
)

var refusedICMP = &Kind{
	Slug: "refused-icmp", Family: Handshake, Severity: Warn, Since: "0.1", cause: failedHandshake,
	Reference: "RFC 9293 3.9.2.2, SHLD-26; RFC 1122 3.2.2.1; RFC 4443 3.1",
	Summary:   "An ICMP error answered the connection attempt.",
	Explanation: "A router or firewall on the way, or the host itself, says why the SYN goes no further: no route, host down (the last router got no answer to ARP or neighbour " +
		"discovery), prohibited by a rule (REJECT), a routing loop (time exceeded). Look at the one who reports it. Linux gives up at once; others treat all but " +
		"\"port unreachable\" as passing and try on. The error quotes the SYN's own sequence number, so it is no blind forgery.",
	replaces: []*Kind{synUnanswered, synRetransmitted},
	when:     fact(tracker.FactICMPError),
	judge: func(c *conn) []Finding {
		if c.Open != tracker.OpenNone && c.Open != tracker.OpenRefused || c.end(tracker.Server).Packets > 0 {
			return nil
		}
		fs := c.by(tracker.Client, tracker.FactICMPError)
		n := 0
		for _, f := range fs {
			if f.Cause.Seen() && (f.ICMP.Unreachable() || f.ICMP.TimeExceeded()) {
				fs[n] = f
				n++
			}
		}
		if fs = fs[:n]; n == 0 {
			return nil
		}
		first, conf, then := fs[0], High, ""
		if c.Open == tracker.OpenNone {
			conf, then = Medium, "; the client tried on"
		}
		finding := c.from(fs, "%s%s%s%s", c.reported(first), timed(", %s after the SYN", first.Cause, first.Mark), more(n), then)
		finding.Confidence = conf
		return c.one(finding)
	},
}

// reported says who reports what: "host unreachable, says 10.9.9.1".
func (c *conn) reported(f *tracker.Fact) string {
	who := "the " + f.Role.Peer().String() + " itself"
	if f.ICMP.From != c.End(f.Role.Peer()).IP {
		who = f.ICMP.From.Addr().String()
	}
	return fmt.Sprintf("%s, says %s (%s)", &f.ICMP, who, ref(f.Mark))
}

var icmpHardError = &Kind{
	Slug: "icmp-hard-error", Family: Data, Severity: Note, Since: "0.1", cause: explains,
	Reference: "RFC 9293 3.9.2.2, SHLD-25, SHLD-26; RFC 5927 5.2",
	Summary:   "An ICMP error called the other side of the open connection unreachable.",
	Explanation: "The quoted numbers fit what was under way, so it is hardly forged. Most systems do not abort an open connection for it (RFC 5927), they only tell the application why " +
		"when they give up. \"Protocol\" or \"port unreachable\" for TCP that was just answered comes from a firewall or an address translator that forgot the connection; " +
		"\"host\" or \"network unreachable\" from a router whose route went away.",
	when: fact(tracker.FactICMPError),
	judge: func(c *conn) []Finding {
		out := c.none()
		for _, r := range both {
			fs := c.by(r, tracker.FactICMPError)
			n := 0
			for _, f := range fs {
				if f.ICMP.Unreachable() && (!f.Cause.Seen() || c.Open != tracker.OpenNone && c.Open != tracker.OpenRefused) {
					fs[n] = f
					n++
				}
			}
			if fs = fs[:n]; n == 0 {
				continue
			}
			went := "nothing more was exchanged"
			if c.Last.Packet > fs[0].Packet {
				went = fmt.Sprintf("the connection went on%s", timed(" for %s", fs[0].Mark, c.Last))
			}
			out = append(out, c.from(fs, "%s, about what the %s sent%s; %s", c.reported(fs[0]), r, more(n), went))
		}
		return out
	},
}

var mtuBlackhole = &Kind{
	Slug: "mtu-blackhole", Family: Data, Severity: Error, Since: "0.1", cause: gaveUp,
	Reference: "RFC 1191; RFC 8201; RFC 4821; RFC 2923",
	Summary:   "Large segments do not get through, small ones do.",
	Explanation: "A link on the way is too small for them, and the ICMP message that says so (\"fragmentation needed\", \"packet too big\") is filtered, or its receiver ignores it. Typical " +
		"behind tunnels and VPNs: pages hang right after the handshake. Let ICMP type 3 code 4 (IPv6: type 2) pass, clamp the MSS at the tunnel (iptables -j TCPMSS " +
		"--clamp-mss-to-pmtu), or switch on MTU probing (Linux net.ipv4.tcp_mtu_probing=1).",
	replaces: []*Kind{rtoGiveUp, peerVanished, rstRTOGiveUp},
	when:     fact(tracker.FactRetransmission),
	judge: func(c *conn) []Finding {
		out := c.none()
		for _, r := range both {
			e, p := c.end(r), c.end(r.Peer())
			if e.UnackedBytes == 0 || e.LastDataUnacked < c.t.BlackholeCopies || e.StreamBytes < e.UnackedBytes {
				continue
			}
			again := c.copies(r, tracker.FactRetransmission)
			size := int64(0)
			for _, f := range again {
				size = max(size, c.inOnePacket(r, f.Bytes))
			}
			if len(again) < 2 || !c.fullSize(r, size) {
				continue
			}
			tooBig := c.tooBig(r)
			through := e.StreamBytes - min(e.StreamBytes, e.UnackedBytes)
			alive := p.Last.Packet > again[1].Packet && through < uint64(size)
			if !alive && tooBig == nil {
				continue
			}
			last := again[len(again)-1]
			said := fmt.Sprintf("%s sent %d times over %s and never acknowledged", count(size, "byte"), e.LastDataUnacked, span(between(again[0].Mark, last.Mark)+time.Duration(again[0].Gap)))
			marks, conf := []tracker.Mark{again[0].Mark, last.Mark}, Medium
			if alive {
				said += fmt.Sprintf("; no segment of that size ever got through, while the %s still speaks (%s)", r.Peer(), ref(p.Last))
				marks = append(marks, p.Last)
			}
			if tooBig != nil {
				conf = High
				said += fmt.Sprintf("; %s", c.reported(tooBig))
				if mtu := tooBig.ICMP.MTU; mtu > 0 {
					said += fmt.Sprintf(" of an MTU of %s", grouped(uint64(mtu)))
				}
				marks = append(marks, tooBig.Mark)
			}
			out = append(out, c.about(r, again[0].At, marks, conf, "%s", said))
		}
		return out
	},
}

// fullSize reports whether so many octets fill a segment of r: no smaller segment would have been cut out of them.
func (c *conn) fullSize(r tracker.Role, size int64) bool {
	const options, least = 40, 1000
	if p := c.end(r.Peer()); p.HasMSS && p.MSS > options {
		return size >= int64(min(p.MSS, 1460))-options && size >= least/2
	}
	return size >= least
}

// inOnePacket is how much of a segment of so many octets went in one packet, if it is one that a card cut up behind the tap.
func (c *conn) inOnePacket(r tracker.Role, size int64) int64 {
	if p := c.end(r.Peer()); p.HasMSS && p.MSS > 0 {
		return min(size, int64(p.MSS))
	}
	return size
}

// tooBig returns the first ICMP error that says a packet of r was too big, if r went on with packets of that size. Segments larger
// than any packet tell nothing: a card cuts them up, as small as it should by then.
func (c *conn) tooBig(r tracker.Role) *tracker.Fact {
	mss := int64(c.end(r.Peer()).MSS)
	for _, f := range c.by(r, tracker.FactICMPError) {
		if !f.ICMP.TooBig() {
			continue
		}
		headers := minHeaders(&f.ICMP)
		largest := max(f.Bytes, mss+headers)
		for _, g := range c.by(r, tracker.FactRetransmission) {
			if size := g.Bytes + headers; g.Packet > f.Packet && size > int64(f.ICMP.MTU) && size <= largest {
				return f
			}
		}
	}
	return nil
}

// minHeaders is how much of an IP packet is at least no payload.
func minHeaders(e *segment.ICMPError) int64 {
	if e.V6 {
		return 60
	}
	return 40
}
