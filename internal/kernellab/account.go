//go:build linux

package kernellab

import (
	"net/netip"
	"slices"
	"time"

	"github.com/tcplife/tcplife/internal/kernellab/truth"
)

// hostPacket is a TCP segment as it passed a host's interface.
type hostPacket struct {
	tcpHeader
	at  int64
	out bool
}

// tuple is a connection as one of its ends calls it.
type tuple struct{ local, remote netip.AddrPort }

// packetIndex finds the packets of an endpoint by time.
type packetIndex map[tuple][]hostPacket

func (x packetIndex) add(frames []captured) {
	for _, c := range frames {
		h, ok := parseTCP(c.data)
		if !ok {
			continue
		}
		key := tuple{h.dst, h.src}
		if c.out {
			key = tuple{h.src, h.dst}
		}
		x[key] = append(x[key], hostPacket{tcpHeader: h, at: c.at, out: c.out})
	}
}

// How far a packet's stamp and the transition it goes with lie apart: the kernel
// stamps what it receives before it acts, and acts before it stamps what it sends.
const (
	beforeStep = int64(5 * time.Millisecond)
	afterStep  = int64(5 * time.Millisecond)
	clockSlack = int64(100 * time.Microsecond)
)

// behind returns the packet that goes with a step of an endpoint, if one does.
func (x packetIndex) behind(key tuple, s step) (hostPacket, bool) {
	var best hostPacket
	found := false
	for _, p := range x[key] {
		delta := p.at - s.at
		early, late := beforeStep, clockSlack
		if p.out {
			early, late = clockSlack, afterStep
		}
		if s.shownBy(p) && -delta <= early && delta <= late && (!found || abs(delta) < abs(best.at-s.at)) {
			best, found = p, true
		}
	}
	return best, found
}

// shownBy reports whether a packet of the endpoint is of the kind that goes with
// the step: what it sends to take it, or what it receives that makes it.
func (s step) shownBy(p hostPacket) bool {
	switch s.to {
	case "SYN_SENT":
		return p.out && p.flags.has(syn)
	case "SYN_RCVD":
		return !p.out && p.flags.has(syn)
	case "FIN_WAIT_1", "LAST_ACK":
		return p.out && p.flags.has(fin)
	case "CLOSED":
		switch {
		case p.flags.has(rst):
			return true
		case s.from == "LAST_ACK":
			return !p.out
		}
		return s.from == "TIME_WAIT" && p.flags.has(syn)
	}
	return !p.out
}

// finSent reports whether an endpoint sent a FIN between two times.
func (x packetIndex) finSent(key tuple, from, till int64) bool {
	return slices.ContainsFunc(x[key], func(p hostPacket) bool {
		return p.out && p.flags.has(fin) && p.at >= from && p.at <= till
	})
}

func abs(v int64) int64 { return max(v, -v) }

// adopt gives the requests that never became sockets the addresses of the SYNs
// that made them: the last SYN stamped before the request's timer was started.
func adopt(requests []*life, lives []*life, packets packetIndex) []*life {
	type arrival struct {
		key tuple
		at  int64
	}
	taken := map[arrival]bool{}
	var arrivals []arrival
	for key, list := range packets {
		for _, p := range list {
			if !p.out && p.opens() {
				arrivals = append(arrivals, arrival{key, p.at})
			}
		}
	}
	latest := func(at int64, fits func(arrival) bool) (arrival, bool) {
		best, found := arrival{}, false
		for _, a := range arrivals {
			if a.at <= at+clockSlack && at-a.at < beforeStep && !taken[a] && fits(a) && (!found || a.at > best.at) {
				best, found = a, true
			}
		}
		return best, found
	}
	for _, l := range lives { // SYNs whose requests became sockets are taken
		if !l.active {
			key := tuple{l.local, l.remote}
			if a, ok := latest(l.start(), func(a arrival) bool { return a.key == key }); ok {
				taken[a] = true
			}
		}
	}
	slices.SortFunc(requests, func(a, b *life) int { return int(a.start() - b.start()) })
	var adopted []*life
	for _, r := range requests {
		if a, ok := latest(r.start(), func(arrival) bool { return true }); ok {
			taken[a] = true
			r.local, r.remote = a.key.local, a.key.remote
			adopted = append(adopted, r)
		}
	}
	return adopted
}

// incarnation is the two lives of one connection.
type incarnation struct {
	client, server netip.AddrPort
	lives          map[netip.AddrPort][]*life
}

func (c *incarnation) start() int64 {
	first := int64(1<<63 - 1)
	for _, lives := range c.lives {
		for _, l := range lives {
			first = min(first, l.start())
		}
	}
	return first
}

// incarnations puts the lives of each 4-tuple together, in order of time.
func incarnations(lives []*life) []*incarnation {
	slices.SortStableFunc(lives, func(a, b *life) int { return int(a.start() - b.start()) })
	newest := map[tuple]*incarnation{} // by the tuple as the client calls it
	var all []*incarnation
	open := func(client, server netip.AddrPort) *incarnation {
		c := &incarnation{client: client, server: server, lives: map[netip.AddrPort][]*life{}}
		newest[tuple{client, server}] = c
		all = append(all, c)
		return c
	}
	for _, l := range lives {
		c := newest[tuple{l.remote, l.local}] // the peer began
		if l.active {
			// Simultaneous open: the peer dialed us while we dialed it, and the socket it
			// dialed with was still there.
			crossed := false
			if c != nil && len(c.lives[l.local]) == 0 && len(c.lives[l.remote]) > 0 {
				peer := c.lives[l.remote][0].last()
				crossed = peer.at > l.start() || peer.to != "CLOSED"
			}
			if !crossed {
				c = open(l.local, l.remote)
			}
		} else if c == nil {
			c = open(l.remote, l.local) // nobody's SYN: it was forged
		}
		c.lives[l.local] = append(c.lives[l.local], l)
	}
	return all
}

// connection writes an incarnation down as the truth's format wants it.
func (c *incarnation) connection(packets packetIndex) truth.Connection {
	out := truth.Connection{
		Client: c.client.String(), Server: c.server.String(), Start: seconds(c.start()), Forged: []string{},
	}
	for _, end := range []struct {
		name          string
		local, remote netip.AddrPort
	}{{"client", c.client, c.server}, {"server", c.server, c.client}} {
		key := tuple{end.local, end.remote}
		for _, l := range c.lives[end.local] {
			for i, s := range l.steps {
				t := truth.Transition{At: seconds(s.at), Endpoint: end.name, From: s.from, To: s.to, Cause: s.cause}
				if p, ok := packets.behind(key, s); ok && !s.silent {
					t.Packet = describe(p, s)
				} else {
					t.Silent = true
					t.Unsent = (s.to == "FIN_WAIT_1" || s.to == "LAST_ACK") && i+1 < len(l.steps) &&
						l.steps[i+1].to == "CLOSED" && !packets.finSent(key, s.at, l.steps[i+1].at)
				}
				out.Transitions = append(out.Transitions, t)
			}
		}
		if end.name == "client" && len(c.lives[end.local]) == 0 {
			out.Forged = append(out.Forged, end.name)
		}
	}
	slices.SortStableFunc(out.Transitions, func(a, b truth.Transition) int {
		switch {
		case a.At < b.At:
			return -1
		case a.At > b.At:
			return 1
		}
		return 0
	})
	return out
}

func describe(p hostPacket, s step) *truth.Packet {
	d := &truth.Packet{Direction: "in", Seq: p.seq, Ack: p.ack, Len: p.payload, DeltaUS: (s.at - p.at) / 1000}
	if p.out {
		d.Direction = "out"
	}
	for _, f := range []struct {
		flag flags
		name string
	}{{syn, "S"}, {fin, "F"}, {rst, "R"}, {psh, "P"}, {ack, "A"}} {
		if p.flags.has(f.flag) {
			d.Flags += f.name
		}
	}
	return d
}

// seconds is a time as the truth's format has it, to the microsecond.
func seconds(at int64) float64 { return float64(at/1000) / 1e6 }
