package traffic

import (
	"cmp"
	"math/rand/v2"
	"slices"

	"github.com/tcplife/tcplife/internal/segment"
)

// gap is the mean time between two segments of a flight.
const gap = 12 * micro

// rto is the least time after which a sender sends again what nobody acknowledged.
const rto = 200 * milli

// transfer is one flight of the bulk sender with all that its losses bring about:
// acknowledgements that repeat themselves, then what was lost, once more.
func (c *connection) transfer(r *rand.Rand, s *Spec) {
	from := c.bulk()
	sender := &c.hosts[from]
	arriving, lost := c.fly(r, s, from)
	last, third := c.acknowledge(arriving, from)
	if len(lost) > 0 {
		c.flight = max(c.flight/2, 4)
		// Three acknowledgements that repeat themselves (RFC 5681 3.2), or none for too long.
		start := third + sender.away
		if third == 0 {
			start = max(last, c.now) + sender.away + rto
		}
		for i := range lost {
			p := &lost[i]
			start += around(r, gap)
			p.at, p.sent, p.echo, p.ack = start, start, sender.recent, sender.expected
			c.queue = append(c.queue, *p)
		}
		again, _ := c.acknowledge(lost, from)
		last = max(last, again)
	}
	if receiver := &c.hosts[1-from]; receiver.pending > 0 {
		c.send(last+micro, 1-from, segment.ACK, 0) // the last of an odd number, when its timer has run out
	}
	c.now = max(c.now, last+micro) + sender.away
	if c.left <= 0 {
		c.answered(r)
	}
}

// fly queues a flight's segments as far as they pass the tap. It returns what reaches the
// receiver, in the order in which it does, and what does not.
func (c *connection) fly(r *rand.Rand, s *Spec, from uint8) (arriving, lost []packet) {
	sender := &c.hosts[from]
	room := int(c.hosts[1-from].window)
	if c.scaled {
		room <<= windowShift
	}
	n := max(1, min(c.flight, s.Window, room/c.mss))
	c.flight *= 2
	for ; n > 0 && c.left > 0; n-- {
		length := int(min(int64(c.mss), c.left))
		c.left -= int64(length)
		flags := segment.ACK
		if c.left == 0 || n == 1 {
			flags = push
		}
		c.now += 2*micro + around(r, gap)
		p := sender.build(c.now, from, flags, length)
		if !odds(r, s.Loss) {
			arriving = append(arriving, p)
			c.queue = append(c.queue, p)
			continue
		}
		switch luck := r.Uint32N(10); {
		case luck < 4: // lost behind the tap
			c.queue = append(c.queue, p)
			lost = append(lost, p)
		case luck < 7: // lost before it
			lost = append(lost, p)
		case luck < 9: // overtaken
			p.at += around(r, 4*gap)
			arriving = append(arriving, p)
			c.queue = append(c.queue, p)
		default: // sent again although it had arrived
			twin := p
			twin.at += sender.away
			twin.sent = twin.at
			arriving = append(arriving, p, twin)
			c.queue = append(c.queue, p, twin)
		}
	}
	slices.SortStableFunc(arriving, func(a, b packet) int { return cmp.Compare(a.at, b.at) })
	return arriving, lost
}

// acknowledge has the receiver take in what arrives. It returns when the last of its
// acknowledgements passes the tap, and the third that says the same again; 0 = there is none.
func (c *connection) acknowledge(arriving []packet, from uint8) (last, third int64) {
	sender, receiver := &c.hosts[from], &c.hosts[1-from]
	same := 0
	for i := range arriving {
		before := receiver.acked
		due, blocks := receiver.receive(&arriving[i])
		if !due {
			last = max(last, arriving[i].at+receiver.away)
			continue
		}
		a := receiver.build(arriving[i].at+receiver.away, 1-from, segment.ACK, 0)
		if c.sack {
			a.sacks = uint8(copy(a.sack[:], blocks))
		}
		if a.ack == before {
			if same++; same == 3 {
				third = a.at
			}
		} else {
			same = 0
		}
		last = max(last, a.at)
		sender.recent = a.sent
		c.queue = append(c.queue, a)
	}
	return last, third
}
