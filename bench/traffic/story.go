package traffic

import (
	"math/rand/v2"

	"github.com/tcplife/tcplife/internal/segment"
)

const (
	synAck = segment.SYN | segment.ACK
	finAck = segment.FIN | segment.ACK
	rstAck = segment.RST | segment.ACK
	push   = segment.PSH | segment.ACK
)

// open is the handshake, or as much of it as this connection has.
func (c *connection) open(r *rand.Rand) {
	c.stage = asking
	syn := *c.send(c.now, client, segment.SYN, 0)
	switch {
	case c.story == Unanswered:
		c.again(syn, int(r.Uint32N(3)))
		c.stage = over
		return
	case c.story == Refused:
		c.hosts[server].next = 0 // RFC 9293 3.10.7.1
		c.send(c.now+c.hosts[server].away, server, rstAck, 0)
		c.stage = over
		return
	case odds(r, 10): // the first SYN was lost behind the tap
		c.again(syn, 1)
		c.now += second
		c.hosts[server].recent = c.now
	}
	c.now += c.hosts[server].away
	answer := *c.send(c.now, server, synAck, 0)
	if c.story == HalfOpen {
		c.again(answer, 3)
		c.stage = over
		return
	}
	c.now += c.hosts[client].away
	c.send(c.now, client, segment.ACK, 0)
}

// bulk is the end that sends the larger part.
func (c *connection) bulk() uint8 {
	if c.upwards {
		return client
	}
	return server
}

// ask is the short half of an exchange; it settles how long the other one is.
func (c *connection) ask(r *rand.Rand, s *Spec) {
	from := 1 - c.bulk()
	c.now += around(r, 2*milli)
	for n := 80 + int(r.Uint32N(1200)); n > 0; n -= c.mss {
		c.send(c.now, from, push, min(n, c.mss))
		c.now += 10 * micro
	}
	c.now += c.hosts[1-from].away
	if odds(r, 500) { // else the answer's first segment acknowledges
		c.send(c.now, 1-from, segment.ACK, 0)
		c.now += around(r, 5*milli)
	}
	c.left = int64(answerLength(r))
	if s.Plot == OneBulk {
		c.left = 1 << 50
	}
	c.stage = answering
}

// answerLengths are octets of answers, in steps of the same share each: half of them below 4 kB, a few of some megabytes.
var answerLengths = [...]int{100, 250, 500, 900, 1400, 2000, 2700, 3600, 4800, 6500, 9000, 13_000, 20_000, 32_000, 60_000, 140_000}

func answerLength(r *rand.Rand) int {
	i := r.Uint32N(uint32(len(answerLengths) - 1))
	low, high := answerLengths[i], answerLengths[i+1]
	if i == 14 && odds(r, 10) {
		high = 4_000_000
	}
	return low + int(r.Uint32N(uint32(high-low)))
}

// answered decides what follows an exchange.
func (c *connection) answered(r *rand.Rand) {
	c.exchanges--
	switch {
	case c.exchanges > 0:
		c.stage = asking
		c.now += around(r, 120*milli)
	case c.story == Silent:
		c.stage = over
	default:
		c.stage = closing
		c.now += around(r, 300*milli)
	}
}

// keystroke is one round of an interactive connection.
func (c *connection) keystroke(r *rand.Rand) {
	c.now += around(r, 150*milli)
	c.send(c.now, client, push, 36+4*int(r.Uint32N(8)))
	c.now += c.hosts[server].away
	c.send(c.now, server, push, 36+4*int(r.Uint32N(40)))
	c.now += c.hosts[client].away
	c.send(c.now, client, segment.ACK, 0)
	if odds(r, 50) {
		c.stage = closing
	}
}

// close is the end: FINs in one of their usual orders, or a RST.
func (c *connection) close(r *rand.Rand) {
	c.stage = over
	first := uint8(r.Uint32N(2))
	peer := 1 - first
	switch {
	case c.story == Aborted:
		flags := rstAck
		if odds(r, 300) {
			flags = segment.RST
		}
		c.send(c.now, first, flags, 0)
		return
	case c.story == RefusedFin:
		c.send(c.now, first, finAck, 0)
		c.send(c.now+c.hosts[peer].away, peer, rstAck, 0)
		return
	case odds(r, 40): // both at once: each FIN passes the tap before it meets the other
		a, b := c.hosts[first].build(c.now, first, finAck, 0), c.hosts[peer].build(c.now+10*micro, peer, finAck, 0)
		c.hosts[peer].receive(&a)
		c.hosts[first].receive(&b)
		c.queue = append(c.queue, a, b)
		c.send(c.now+c.hosts[peer].away+20*micro, peer, segment.ACK, 0)
		c.send(c.now+c.hosts[first].away+20*micro, first, segment.ACK, 0)
		return
	}
	c.send(c.now, first, finAck, 0)
	c.now += c.hosts[peer].away
	if odds(r, 400) { // the peer is slow to close
		c.send(c.now, peer, segment.ACK, 0)
		c.now += around(r, 20*milli)
	}
	c.send(c.now, peer, finAck, 0)
	c.send(c.now+c.hosts[first].away, first, segment.ACK, 0)
}

// crowdBeat is one packet of a connection that shares the capture with a crowd: all shake hands
// within the first half minute; what follows comes in the second, in random order.
func (c *connection) crowdBeat(r *rand.Rand) {
	script := [crowdPackets]struct {
		from   uint8
		flags  segment.Flags
		length int
	}{
		{client, segment.SYN, 0},
		{server, synAck, 0},
		{client, segment.ACK, 0},
		{client, push, 517},
		{server, segment.ACK, 0},
		{server, push, 1200},
		{client, segment.ACK, 0},
		{client, push, 64},
	}
	at := script[c.beat]
	c.send(c.now, at.from, at.flags, at.length)
	c.now += c.hosts[client].away + c.hosts[server].away
	switch c.beat {
	case 0, 1:
	case 2:
		c.now = 30*second + r.Int64N(5*second)
	case crowdPackets - 1:
		c.stage = over
	default:
		c.now += r.Int64N(6 * second)
	}
	c.beat++
}
