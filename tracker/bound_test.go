package tracker_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"runtime"
	"testing"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/internal/seq"
	"github.com/tcplife/tcplife/tracker"
)

// TestEvictionForMemoryLosesNothing: whatever has to leave, and whatever moves to give memory back.
func TestEvictionForMemoryLosesNothing(t *testing.T) {
	for _, octets := range []int64{10_000, 30_000, 60_000, 100_000} {
		for seed := range uint64(40) {
			traffic := newTraffic(seed, 3+int(seed%4)*100)
			traffic.backwards = seed%2 == 0
			segments := traffic.segments(1500)
			cfg := tracker.DefaultConfig()
			t.Run(fmt.Sprintf("%d/%d", octets, seed), func(t *testing.T) {
				bounded(t, tracker.NewWithin(cfg, octets), cfg.MaxConnections, segments, 1+int(seed%9))
			})
		}
	}
}

// crowd makes the segments of many connections, each of which passes the same steps.
type crowd struct {
	name  string
	steps []step
	ipv6  bool
}

// step is one segment of each connection of a crowd.
type step struct {
	flags segment.Flags
	from  segment.Direction
	n     uint32 // octets of payload
	seq   uint32 // relative to the initial number
	ack   uint32
}

const (
	client = segment.AtoB
	server = segment.BtoA
)

var (
	attempt  = []step{{flags: segment.SYN, from: client}}
	halfOpen = append(attempt[:1:1], step{flags: segment.SYN | segment.ACK, from: server, ack: 1})
	isOpen   = append(halfOpen[:2:2], step{flags: segment.ACK, from: client, seq: 1, ack: 1},
		step{flags: segment.ACK, from: client, n: 100, seq: 1, ack: 1}, step{flags: segment.ACK, from: server, seq: 1, ack: 101})
	closes = []step{
		{flags: segment.FIN | segment.ACK, from: client, seq: 101, ack: 1},
		{flags: segment.FIN | segment.ACK, from: server, seq: 1, ack: 102},
		{flags: segment.ACK, from: client, seq: 102, ack: 2},
	}
	// Every other octet is missing, and what came is acknowledged again and again.
	losses = func() (steps []step) {
		for i := range uint32(30) {
			steps = append(steps, step{flags: segment.ACK, from: client, n: 1, seq: 201 + 2*i, ack: 1},
				step{flags: segment.ACK, from: client, n: 1, seq: 201 + 2*i, ack: 1}, step{flags: segment.ACK, from: server, seq: 1, ack: 101})
		}
		return steps
	}()
	isMidstream = []step{{flags: segment.ACK, from: client, n: 100, seq: 1, ack: 1}}

	crowds = []crowd{
		{"attempts", attempt, false},
		{"attempts of IPv6", attempt, true},
		{"half open", halfOpen, false},
		{"open", isOpen, false},
		{"closed", append(isOpen[:5:5], closes...), false},
		{"reset", append(isOpen[:5:5], step{flags: segment.RST, from: server, seq: 1}), false},
		{"with losses", append(isOpen[:5:5], losses...), true},
		{"with losses and closed", append(append(isOpen[:5:5], losses[:9]...), closes...), false},
		{"midstream", isMidstream, false},
	}
)

// flow is that of the nth connection.
func (c *crowd) flow(n int) segment.Flow {
	f := segment.Flow{A: segment.Endpoint{IP: segment.IPOf(netip.AddrFrom4([4]byte{10})), Port: uint16(n)}, B: segment.Endpoint{IP: segment.IPOf(netip.AddrFrom4([4]byte{10, 99})), Port: 80}}
	if c.ipv6 {
		f.A.IP, f.B.IP = segment.IP{0: 0xfd, 15: 1}, segment.IP{0: 0xfd, 15: 2}
	}
	binary.BigEndian.PutUint16(f.A.IP[13:], uint16(n>>16))
	return f
}

// segments calls observe with n connections, of which some pass their steps at the same time.
func (c *crowd) segments(first, n int, observe func(s *segment.Segment)) {
	const together = 50
	for begin := first; begin < first+n; begin += together {
		for i := range c.steps {
			for k := range together {
				p := &c.steps[i]
				s := segment.Segment{
					Flow: c.flow(begin + k), Dir: p.from, Flags: p.flags, PayloadLen: p.n, IPLen: 40 + p.n, Window: 60000,
					Seq: seq.Num(p.seq), TTL: 64, HasIPID: true,
				}
				if p.flags.Has(segment.ACK) {
					s.Ack = seq.Num(p.ack)
				}
				observe(&s)
			}
		}
	}
}

// observer numbers the segments it gives to a tracker, lets time pass, and takes records as the pipeline does.
type observer struct {
	*tracker.Tracker
	number  uint64
	now     int64
	most    int64 // that the tracker held between batches
	records uint64
	packets uint64 // in records
}

// batch is after how many segments records are taken.
const batch = 512

func (o *observer) observe(s *segment.Segment) {
	o.number++
	o.now += 1000
	s.Number, s.Time, s.IPID = o.number, o.now, uint16(o.number)
	o.Advance(o.now)
	o.Observe(s)
	if o.number%batch == 0 {
		o.take()
		o.most = max(o.most, o.Holds())
	}
}

func (o *observer) take() {
	for _, c := range o.Take() {
		o.records++
		for _, e := range c.Endpoints {
			o.packets += e.Packets + e.DuplicatePackets
		}
	}
}

// TestMemoryIsBounded: of each form alone, and of one after the other, when what the one took must serve the next.
func TestMemoryIsBounded(t *testing.T) {
	const bound, n = 6 << 20, 200_000
	one := func(t *testing.T, crowds ...crowd) {
		cfg := tracker.DefaultConfig()
		cfg.MaxMemory = bound
		o := &observer{Tracker: tracker.New(cfg), now: 1_700_000_000_000_000_000}
		for i := range crowds {
			before := o.Summary().EvictedMemory
			crowds[i].segments(i*n, n/len(crowds[i].steps), o.observe)
			if err := o.Broken(); err != nil {
				t.Fatal(err)
			}
			t.Logf("%s: %d kB at most, %d live, %d evicted", crowds[i].name, o.most>>10, o.Live(), o.Summary().EvictedMemory-before)
		}
		const notTaken = batch * 4000 // each segment may make one leave, whose place serves the next only when its record was taken
		if o.most > bound+notTaken {
			t.Errorf("%d octets, %d are allowed", o.most, bound)
		}
		for done := false; !done; {
			done = o.Flush()
			o.take()
		}
		if sum := o.Summary(); o.packets != o.number || sum.Connections != o.records || sum.Evicted != sum.EvictedMemory || sum.Evicted == 0 {
			t.Errorf("%d of %d segments in %d of %d records, %d evicted, %d of them for memory", o.packets, o.number, o.records, sum.Connections, sum.Evicted, sum.EvictedMemory)
		}
	}
	for _, c := range crowds {
		t.Run(c.name, func(t *testing.T) { one(t, c) })
	}
	t.Run("one after the other", func(t *testing.T) { one(t, append(crowds, crowds...)...) })
}

// TestHoldsIsWhatIsHeld: the count of what a tracker holds against what the heap says.
func TestHoldsIsWhatIsHeld(t *testing.T) {
	for _, c := range crowds {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		o := &observer{Tracker: tracker.New(tracker.DefaultConfig()), now: 1_700_000_000_000_000_000}
		c.segments(0, 20_000, o.observe)
		runtime.GC()
		runtime.ReadMemStats(&after)
		held := int64(after.HeapAlloc) - int64(before.HeapAlloc)
		t.Logf("%s: %d kB counted, %d kB in the heap", c.name, o.Holds()>>10, held>>10)
		if held > o.Holds()*21/20+64<<10 {
			t.Errorf("%s: %d octets counted, the heap has %d more", c.name, o.Holds(), held)
		}
		runtime.KeepAlive(o)
	}
}
