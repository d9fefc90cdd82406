package anomaly

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"time"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/tracker"
)

// NATTwice is about connections that are in the capture on both sides of an address translator.
var NATTwice = &Kind{
	Slug: "nat-twice", Family: CaptureQuality, Severity: Quality, Since: "0.1", cause: aboutCapture,
	Reference: "RFC 3022 (NAT leaves sequence numbers alone), RFC 6528 (which are random)",
	Summary:   "Connections are in the capture twice, under the addresses of both sides of a translator.",
	Explanation: "Two connections that begin within a second have the same initial sequence numbers, both the client's and the server's: they are one, seen before and behind a NAT, a container host or a load " +
		"balancer that rewrites addresses. Each side has a record of its own, so such connections are counted twice. What one side has and the other has not, the translator dropped or made: a RST that did " +
		"not come through leaves the other end waiting. Translators that also change sequence numbers hide from this.",
	trace: func(t *trace, s source) []Finding { return t.translations(s.cap.Last) },
}

// Side is a connection as it was met on one side of a translator, and what names its record.
type Side struct {
	Flow        segment.Flow
	ClientIs    segment.Direction
	First       tracker.Mark
	Incarnation int
	Via         uint64

	key       uint64 // of what both sides have in common
	serverISN uint32
	answered  bool // serverISN is known
	like      uint32
	ttl       uint8           // of the client's first segment
	fin, rst  [2]tracker.Mark // the first of each role
}

func (s *Side) end(r tracker.Role) segment.Endpoint {
	if r == tracker.Client {
		return s.Flow.Sender(s.ClientIs)
	}
	return s.Flow.Sender(s.ClientIs.Reverse())
}

// Pair is both sides of one connection: Inside is nearer to the client.
type Pair struct{ Inside, Outside Side }

// twins holds the connections among which both sides of a translator are looked for: all of them, or those whose keys begin with so many
// zeros that they are no more than fit. Both sides have the same key, so they stay or go together; which stay depends neither on the order in which
// they came nor on who has which share, and they are a fair sample.
type twins struct {
	sides []Side
	zeros int
}

const (
	// mostSides is how many sides one connection may have; more are no translators, but numbers that somebody made up.
	mostSides = 4
	// leastISN: smaller initial sequence numbers are somebody's idea; a random one is that small once in 65,536.
	leastISN = 1 << 16
	// sidesApart is how long a SYN may take from one side to the other, clocks of two capture points included.
	sidesApart = time.Second
	// halfApart is the same where only one side was answered, so that the server's number is no evidence.
	halfApart = 100 * time.Millisecond
)

// add takes a connection whose SYN was captured, unless that is all of it.
func (t *twins) add(c *conn, most int) {
	cl, sv := c.end(tracker.Client), c.end(tracker.Server)
	if c.DirectionBy != tracker.DirectionBySyn || !cl.ISNKnown || cl.ISN < leastISN || sv.ISNKnown && sv.ISN < leastISN || cl.Packets+sv.Packets < 2 {
		return
	}
	key := scattered(cl.ISN)
	if bits.LeadingZeros64(key) < t.zeros {
		return
	}
	s := Side{
		Flow: c.Flow, ClientIs: c.ClientIs, First: c.First, Incarnation: c.Incarnation, Via: c.Via,
		key: key, serverISN: sv.ISN, answered: sv.ISNKnown, ttl: cl.TTL, fin: [2]tracker.Mark{cl.FinSent, sv.FinSent},
	}
	for i, has := range [...]bool{cl.HasWindowScale, cl.SACKPermitted, cl.Timestamps} {
		if has {
			s.like |= 1 << i
		}
	}
	s.like |= uint32(cl.WindowScale) << 8
	for f := range c.all(tracker.FactRst) {
		if !s.rst[f.Role].Seen() {
			s.rst[f.Role] = f.Mark
		}
	}
	t.sides = append(t.sides, s)
	t.trim(most)
}

// scattered turns an initial sequence number into a key: another one for each, in no order.
func scattered(isn uint32) uint64 {
	h := (uint64(isn) + 0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

func (t *twins) merge(o *twins, most int) {
	t.sides = append(t.sides, o.sides...)
	t.zeros = max(t.zeros, o.zeros)
	t.keep()
	t.trim(most)
}

// oneIn is the share that is kept.
func (t *twins) oneIn() uint64 { return 1 << min(t.zeros, 63) }

// trim asks for more zeros until the sides are no more than most.
func (t *twins) trim(most int) {
	for len(t.sides) > most {
		t.zeros++
		t.keep()
	}
}

// keep gives up those with fewer zeros.
func (t *twins) keep() {
	kept := t.sides[:0]
	for i := range t.sides {
		if bits.LeadingZeros64(t.sides[i].key) >= t.zeros {
			kept = append(kept, t.sides[i])
		}
	}
	t.sides = kept
}

func compareSides(a, b *Side) int {
	return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.First.Packet, b.First.Packet))
}

// pairs returns what belongs together, in the order of first packets.
func (t *twins) pairs() (all []Pair) {
	sides := make([]*Side, len(t.sides))
	for i := range sides {
		sides[i] = &t.sides[i]
	}
	slices.SortFunc(sides, compareSides)
	for len(sides) > 0 {
		n := 1
		for n < len(sides) && sides[n].key == sides[0].key {
			n++
		}
		if n > 1 && n <= mostSides {
			all = append(all, pairsAmong(sides[:n])...)
		}
		sides = sides[n:]
	}
	slices.SortFunc(all, func(a, b Pair) int {
		return cmp.Or(cmp.Compare(a.Inside.First.Packet, b.Inside.First.Packet), cmp.Compare(a.Outside.First.Packet, b.Outside.First.Packet))
	})
	return all
}

// pairsAmong pairs the sides of one key, from the client's side to the server's: several translators may stand one behind the other.
func pairsAmong(sides []*Side) (all []Pair) {
	slices.SortStableFunc(sides, func(a, b *Side) int { return cmp.Compare(b.ttl, a.ttl) })
	for i := range sides {
		for j := i + 1; j < len(sides); j++ {
			p := Pair{*sides[i], *sides[j]}
			if p.isOne(len(sides) == 2) {
				all = append(all, p)
				break
			}
		}
	}
	return all
}

// isOne reports whether both sides are one connection. Where only one of them was answered, the client's number is all the evidence there
// is: then it must be the only other one that has it, and the server must be the same.
func (p *Pair) isOne(only bool) bool {
	in, out := &p.Inside, &p.Outside
	apart := max(in.First.At-out.First.At, out.First.At-in.First.At)
	switch {
	case in.Flow == out.Flow || apart > sidesApart.Nanoseconds():
		return false
	case in.answered && out.answered:
		return in.serverISN == out.serverISN
	default:
		return only && in.answered != out.answered && apart <= halfApart.Nanoseconds() && in.like == out.like && in.end(tracker.Server) == out.end(tracker.Server)
	}
}

// translation is what a translator does to the addresses of a pair.
type translation struct {
	client, clientAs segment.IP       // zero if it stays
	server, serverAs segment.Endpoint // the same
}

func (p *Pair) translation() (t translation) {
	if a, b := p.Inside.end(tracker.Client), p.Outside.end(tracker.Client); a != b {
		t.client, t.clientAs = a.IP, b.IP
	}
	if a, b := p.Inside.end(tracker.Server), p.Outside.end(tracker.Server); a != b {
		t.server, t.serverAs = a, b
	}
	return t
}

func (t translation) String() string {
	var parts []string
	if t.client != (segment.IP{}) {
		if t.client == t.clientAs {
			parts = append(parts, fmt.Sprintf("the client's port changes, %s stays", t.client.Addr()))
		} else {
			parts = append(parts, fmt.Sprintf("the client %s becomes %s", t.client.Addr(), t.clientAs.Addr()))
		}
	}
	if t.server != (segment.Endpoint{}) {
		parts = append(parts, fmt.Sprintf("the server %s becomes %s", t.server, t.serverAs))
	}
	return strings.Join(parts, ", ")
}

// mostTranslations bounds the findings: a translator has many hosts behind it.
const mostTranslations = 4

// translations returns a finding for each of the translations with the most connections.
func (t *trace) translations(end int64) []Finding {
	type group struct {
		translation
		pairs []*Pair
	}
	var groups []*group
	by := map[translation]*group{}
	for i := range t.pairs {
		p := &t.pairs[i]
		key := p.translation()
		g := by[key]
		if g == nil {
			g = &group{translation: key}
			by[key], groups = g, append(groups, g)
		}
		g.pairs = append(g.pairs, p)
	}
	slices.SortStableFunc(groups, func(a, b *group) int { return cmp.Compare(len(b.pairs), len(a.pairs)) })
	var out []Finding
	for i, g := range groups {
		if i == mostTranslations {
			break
		}
		p := g.pairs[0]
		said := fmt.Sprintf("%s to %s and %s to %s are one connection on two sides of an address translator: %s, initial sequence numbers equal in %s",
			p.Inside.end(tracker.Client), p.Inside.end(tracker.Server), p.Outside.end(tracker.Client), p.Outside.end(tracker.Server), g.translation, count(len(g.pairs), "pair"))
		if t.twins.zeros > 0 {
			said += fmt.Sprintf(" (1 connection in %s was compared)", grouped(t.twins.oneIn()))
		}
		f := Finding{At: p.Inside.First.At}
		for _, p := range g.pairs[:min(len(g.pairs), maxPackets)] {
			f.Packets = append(f.Packets, p.Inside.First.Packet, p.Outside.First.Packet)
		}
		lost, more := "", 0
		for _, p := range g.pairs {
			for _, l := range p.differences(end) {
				if lost == "" {
					lost = "; " + l.said
					f.Packets = append(f.Packets, l.packet)
				} else {
					more++
				}
			}
		}
		if more > 0 {
			lost += fmt.Sprintf(", and %d like it", more)
		}
		if i == mostTranslations-1 && len(groups) > mostTranslations {
			lost += fmt.Sprintf("; and %s", count(len(groups)-mostTranslations, "other translation"))
		}
		slices.Sort(f.Packets)
		f.Packets = slices.Compact(f.Packets)
		f.Evidence = said + lost
		out = append(out, f)
	}
	return out
}

// difference is a segment that only one side has.
type difference struct {
	packet uint64
	said   string
}

// differences returns the FINs and RSTs that one side has and the other has not, although the trace went on.
func (p *Pair) differences(end int64) (all []difference) {
	for _, r := range both {
		from, to := &p.Inside, &p.Outside // as the segments of r pass
		if r == tracker.Server {
			from, to = to, from
		}
		for _, k := range [...]struct {
			name       string
			here, next tracker.Mark
		}{{"FIN", from.fin[r], to.fin[r]}, {"RST", from.rst[r], to.rst[r]}} {
			switch {
			case k.here.Seen() == k.next.Seen() || max(k.here.At, k.next.At) > end-sidesApart.Nanoseconds():
			case k.here.Seen():
				all = append(all, difference{k.here.Packet, fmt.Sprintf("the %s's %s of packet %d did not come through", r, k.name, k.here.Packet)})
			default:
				all = append(all, difference{k.next.Packet, fmt.Sprintf("the %s's %s of packet %d was made by the translator, or not captured before it", r, k.name, k.next.Packet)})
			}
		}
	}
	return all
}

// Pairs returns the connections that are both sides of one, in the order of their first packets; where there were too many to compare them
// all, of one connection in so many. It is valid once the trace has ended (Finish).
func (j *Judge) Pairs() (pairs []Pair, oneIn uint64) { return j.trace.pairs, j.trace.twins.oneIn() }
