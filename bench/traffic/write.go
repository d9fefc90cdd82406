package traffic

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/internal/seq"
)

const (
	// epoch is when all captures begin: 2024-03-01 00:00:00 UTC, in seconds since 1970.
	epoch = 1709251200

	pcapMagicNano    = 0xa1b23c4d
	linkTypeEthernet = 1
	recordHeaderLen  = 16
)

// Counts says what a capture holds.
type Counts struct {
	Packets     int
	Octets      int64 // on the wire
	Connections int   // begun, without the lone SYNs
	Open        int   // of these, not over at the end
	Syns        int
	Stories     [NumStories]int // of the connections
}

// generation is a capture being made.
type generation struct {
	spec   Spec
	rand   *rand.Rand
	out    *bufio.Writer
	framer *framer
	counts Counts
	slots  []connection
	due    dueList
	last   int64 // when the latest packet passed
	flood  connection
}

// Write makes the capture: pcap with nanoseconds, little endian, Ethernet.
func Write(w io.Writer, s Spec) (Counts, error) {
	if s.Connections < 1 || s.Packets == 0 && s.Total == 0 && s.Plot != Crowd || s.Snaplen < 1 {
		return Counts{}, errors.New("traffic: a capture has connections, an end and a snaplen")
	}
	if s.Plot != Everyday {
		s.Total = s.Connections
	}
	g := &generation{
		spec: s, rand: rand.New(rand.NewPCG(s.Seed, 0x7463706c696665)), framer: newFramer(),
		out: bufio.NewWriterSize(w, 1<<20), slots: make([]connection, s.Connections),
	}
	var head [24]byte
	le := binary.LittleEndian
	le.PutUint32(head[0:], pcapMagicNano)
	le.PutUint16(head[4:], 2)
	le.PutUint16(head[6:], 4)
	le.PutUint32(head[16:], uint32(s.Snaplen))
	le.PutUint32(head[20:], linkTypeEthernet)
	g.out.Write(head[:]) // Flush repeats the first error
	for i := range g.slots {
		within := int64(second)
		if s.Plot == Crowd {
			within = 25 * second
		}
		if at, ok := g.begin(i, g.rand.Int64N(within)); ok {
			g.due.push(due{at: at, slot: int32(i)})
		}
	}
	if err := g.merge(); err != nil {
		return Counts{}, fmt.Errorf("write the capture: %w", err)
	}
	g.counts.Open = len(g.due)
	return g.counts, g.out.Flush()
}

// begin has a new connection take the slot. It returns when its first packet passes.
func (g *generation) begin(slot int, at int64) (int64, bool) {
	if g.spec.Total > 0 && g.counts.Connections >= g.spec.Total {
		return 0, false
	}
	c := &g.slots[slot]
	queue := c.queue
	*c = newConnection(g.rand, &g.spec, uint32(g.counts.Connections), at)
	c.queue = queue[:0]
	g.counts.Connections++
	g.counts.Stories[c.story]++
	c.step(g.rand, &g.spec)
	return c.peek().at, true
}

// merge writes the connections' packets in the order of time.
func (g *generation) merge() error {
	for len(g.due) > 0 && !g.full() {
		slot := g.due[0].slot
		c := &g.slots[slot]
		p := c.peek()
		g.last = p.at
		if err := g.write(c, p); err != nil {
			return err
		}
		for g.counts.Syns < g.spec.Syns && int64(g.counts.Syns)*int64(g.spec.Packets) < int64(g.spec.Syns)*int64(g.counts.Packets) && !g.full() {
			if err := g.loneSyn(); err != nil {
				return err
			}
		}
		c.head++
		if next := c.peek(); next != nil {
			g.due.setFirst(next.at)
		} else if c.step(g.rand, &g.spec) {
			g.due.setFirst(c.peek().at)
		} else if at, ok := g.begin(int(slot), max(c.now, g.last)+around(g.rand, 20*milli)); ok {
			g.due.setFirst(at)
		} else {
			g.due.dropFirst()
		}
	}
	return nil
}

func (g *generation) full() bool { return g.spec.Packets > 0 && g.counts.Packets >= g.spec.Packets }

// loneSyn writes a SYN from an address of its own to one server.
func (g *generation) loneSyn() error {
	n := uint32(g.counts.Syns)
	// An odd factor sends each number to one of its own: no two sources are the same.
	mixed := n * 0x9e3779b1
	c := &g.flood
	c.scaled, c.sack, c.stamps, c.mss = true, true, true, 1448
	c.salt = mixed
	h := &c.hosts[client]
	h.ip = [16]byte{100 + byte(mixed>>26), byte(mixed >> 18), byte(mixed >> 10), byte(mixed >> 2)}
	h.port, h.ttl, h.clock = uint16(1024+mixed&3*16000+n%16000), 50, mixed
	h.next = seq.Num(mixed ^ n)
	c.hosts[server].ip = [16]byte{10, 1, 1, 99}
	c.hosts[server].port = 443
	p := h.build(g.last, client, segment.SYN, 0)
	p.window = 64240
	g.counts.Syns++
	return g.write(c, &p)
}

func (g *generation) write(c *connection, p *packet) error {
	data, length := g.framer.frame(c, p, g.spec.Snaplen)
	var head [recordHeaderLen]byte
	le := binary.LittleEndian
	le.PutUint32(head[0:], uint32(epoch+p.at/second))
	le.PutUint32(head[4:], uint32(p.at%second))
	le.PutUint32(head[8:], uint32(len(data)))
	le.PutUint32(head[12:], uint32(length))
	g.counts.Packets++
	g.counts.Octets += int64(length)
	if _, err := g.out.Write(head[:]); err != nil {
		return err
	}
	_, err := g.out.Write(data)
	return err
}

// dueList is a heap of slots by the time of their next packets; of equal times the lower slot
// is first, so that the order depends on the seed alone.
type dueList []due

type due struct {
	at   int64
	slot int32
}

func (d due) before(e due) bool { return d.at < e.at || d.at == e.at && d.slot < e.slot }

func (l *dueList) push(d due) {
	*l = append(*l, d)
	h := *l
	for i := len(h) - 1; i > 0 && h[i].before(h[(i-1)/2]); i = (i - 1) / 2 {
		h[i], h[(i-1)/2] = h[(i-1)/2], h[i]
	}
}

func (l *dueList) setFirst(at int64) {
	(*l)[0].at = at
	l.sink()
}

func (l *dueList) dropFirst() {
	h := *l
	h[0] = h[len(h)-1]
	*l = h[:len(h)-1]
	l.sink()
}

func (l *dueList) sink() {
	h := *l
	for i := 0; ; {
		child := 2*i + 1
		if child+1 < len(h) && h[child+1].before(h[child]) {
			child++
		}
		if child >= len(h) || !h[child].before(h[i]) {
			return
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
}
