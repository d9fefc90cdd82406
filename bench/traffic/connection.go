package traffic

import (
	"cmp"
	"math/rand/v2"
	"slices"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/internal/seq"
)

// stage is where in its story a connection stands.
type stage uint8

const (
	opening stage = iota
	asking
	answering
	closing
	over
)

// connection is one simulated connection. Each step of its story queues the
// packets that pass the tap until something has to be waited for.
type connection struct {
	story     Story
	stage     stage
	ipv6      bool
	scaled    bool // window scaling was agreed on
	stamps    bool // timestamps
	sack      bool
	upwards   bool // the bulk goes to the server
	beat      uint8
	vlan      uint16
	mss       int // of the payload, options taken off
	exchanges int
	left      int64 // octets of the transfer not sent yet
	flight    int   // segments of its next flight
	now       int64
	salt      uint32 // makes its payload its own
	hosts     [2]host
	queue     []packet
	head      int
}

// odds rolls n in a thousand.
func odds(r *rand.Rand, n int) bool { return int(r.Uint32N(1000)) < n }

// around returns a time up to twice the mean.
func around(r *rand.Rand, mean int64) int64 { return r.Int64N(2*mean) + 1 }

// newConnection begins the connection with that number; numbers have addresses and ports of their own.
func newConnection(r *rand.Rand, s *Spec, number uint32, at int64) connection {
	c := connection{now: at, salt: r.Uint32(), flight: 10, exchanges: 1}
	c.stamps, c.sack, c.scaled = odds(r, 850), odds(r, 950), odds(r, 970)
	c.ipv6, c.upwards = odds(r, 200), odds(r, 100)
	if odds(r, 100) {
		c.vlan = 100 + uint16(r.Uint32N(8))
	}
	if s.Plot == OneBulk {
		c.stamps, c.sack, c.scaled, c.ipv6, c.vlan = true, true, true, false, 0
	}
	c.mss = 1460
	switch {
	case odds(r, 100):
		c.mss = 1360
	case odds(r, 30):
		c.mss = 536
	}
	if c.ipv6 {
		c.mss = min(c.mss, 1440)
	}
	if c.stamps {
		c.mss -= 12
	}
	if s.Plot == Everyday {
		c.story = pick(r)
	}
	for c.exchanges < 30 && odds(r, 450) {
		c.exchanges++
	}
	c.settle(r, number)
	if c.story == Midstream {
		c.stage = asking
		a, b := &c.hosts[client], &c.hosts[server]
		a.expected, b.expected = b.next, a.next
		a.acked, b.acked = a.expected, b.expected
		a.recent, b.recent = at-a.away, at-b.away
	}
	return c
}

func pick(r *rand.Rand) Story {
	n := int(r.Uint32N(1000))
	for s, share := range shares {
		if n -= share; n < 0 {
			return Story(s)
		}
	}
	return Orderly
}

const (
	clients = 65521 // a prime, so that steps of another one meet all of them
	servers = 400
)

// settle gives both ends their addresses and what else a host has of its own.
func (c *connection) settle(r *rand.Rand, number uint32) {
	ports := [...]uint16{443, 443, 443, 443, 443, 443, 80, 80, 8443, 25, 993, 5432}
	for i := range c.hosts {
		h := &c.hosts[i]
		h.next, h.clock, h.ipid, h.ttl = seq.Num(r.Uint32()), r.Uint32(), uint16(r.Uint32()), 64
		h.window = 64240
		if c.scaled {
			h.window = uint16(8192 + r.Uint32N(8192)) // 1 to 2 MiB
		}
	}
	c.hosts[client].away = 200*micro + around(r, 8*milli)
	c.hosts[server].away = 500*micro + around(r, 30*milli)
	c.hosts[server].ttl = uint8(44 + r.Uint32N(18))
	// A client's ports follow each other, as those of real ones do.
	host := uint32(uint64(number) * 24593 % clients)
	c.hosts[client].port = uint16(32768 + number/clients%28000)
	c.hosts[server].port = ports[r.Uint32N(uint32(len(ports)))]
	if c.story == Shell {
		c.hosts[server].port = 22
	}
	// Twice at random, so that some servers are asked much more often than others.
	peer := r.Uint32N(1 + r.Uint32N(servers))
	for i, n := range [2]uint32{client: host, server: peer} {
		ip := &c.hosts[i].ip
		if c.ipv6 {
			*ip = [16]byte{0x20, 0x01, 0x0d, 0xb8, 5: byte(i), 14: byte(n >> 8), 15: byte(n)}
		} else {
			*ip = [16]byte{10, byte(i), byte(n >> 8), byte(n)}
		}
	}
}

// peek returns the connection's next packet, nil if the last step's are all gone.
func (c *connection) peek() *packet {
	if c.head == len(c.queue) {
		return nil
	}
	return &c.queue[c.head]
}

// send queues a segment that reaches its receiver as it was sent.
func (c *connection) send(at int64, from uint8, flags segment.Flags, length int) *packet {
	p := c.hosts[from].build(at, from, flags, length)
	if flags.Has(segment.SYN) {
		p.window = 64240 // never scaled
	}
	peer := &c.hosts[1-from]
	if flags.Has(segment.SYN) {
		peer.expected, peer.recent = p.seq.Add(1), p.sent
	} else {
		peer.receive(&p)
	}
	c.queue = append(c.queue, p)
	return &c.queue[len(c.queue)-1]
}

// again queues copies of a segment that nobody answered, a second apart, then two, then four.
func (c *connection) again(p packet, copies int) {
	for wait := int64(second); copies > 0; copies-- {
		p.at += wait
		p.sent = p.at
		c.queue = append(c.queue, p)
		wait *= 2
	}
}

// step queues the packets of the story's next step; false = it is over.
func (c *connection) step(r *rand.Rand, s *Spec) bool {
	c.queue, c.head = c.queue[:0], 0
	for len(c.queue) == 0 {
		switch {
		case c.stage == over:
			return false
		case s.Plot == Crowd:
			c.crowdBeat(r)
		case c.stage == opening:
			c.open(r)
		case c.stage == asking && c.story == Shell:
			c.keystroke(r)
		case c.stage == asking:
			c.ask(r, s)
		case c.stage == answering:
			c.transfer(r, s)
		case c.stage == closing:
			c.close(r)
		}
	}
	slices.SortStableFunc(c.queue, func(a, b packet) int { return cmp.Compare(a.at, b.at) })
	return true
}
