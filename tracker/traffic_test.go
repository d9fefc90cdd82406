package tracker_test

import (
	"math/rand/v2"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/internal/seq"
)

// traffic makes segments of a few 4-tuples that are used again and again: SYNs alone, connections half open, open, closed
// and reset, with losses, copies, strays and clocks that go back. It is ordinary often enough that each form is met.
type traffic struct {
	r      *rand.Rand
	number uint64
	now    int64
	lives  []life
	// unit is what times are multiples of: with a coarse one many things happen in the same moment.
	unit int64
	// backwards: clocks go back now and then.
	backwards bool
	out       []segment.Segment
}

// life is what a 4-tuple is doing.
type life struct {
	flow   segment.Flow
	stage  int
	opener segment.Direction
	nxt    [2]seq.Num
	closed [2]bool
	last   segment.Segment
	ts     bool
}

func newTraffic(seed uint64, flows int) *traffic {
	r := rand.New(rand.NewPCG(seed, 7))
	t := &traffic{r: r, now: 1_700_000_000_000_000_000, unit: 1, backwards: true}
	for i := range flows {
		f := segment.Flow{A: segment.Endpoint{IP: segment.IP{15: 1}, Port: 1000 + uint16(i)}, B: segment.Endpoint{IP: segment.IP{15: 2}, Port: 80}}
		if i%11 == 10 {
			f.B = f.A // an endpoint that talks to itself
		}
		t.lives = append(t.lives, life{flow: f})
	}
	return t
}

// segments returns n more.
func (t *traffic) segments(n int) []segment.Segment {
	t.out = nil
	for len(t.out) < n {
		t.pass()
		l := &t.lives[t.r.IntN(len(t.lives))]
		switch t.r.IntN(40) {
		case 0:
			t.send(l, segment.Direction(t.r.IntN(2)), segment.Flags(t.r.IntN(64)), uint32(t.r.IntN(3)*100)) // anything
		case 1:
			l.stage = 0
			t.step(l)
		case 2:
			t.send(l, segment.Direction(t.r.IntN(2)), segment.RST|segment.Flags(t.r.IntN(2))*segment.ACK, 0)
			l.stage = 0
		case 3, 4:
			if l.last.Number > 0 { // again, by the network or the sender
				again := l.last
				switch t.r.IntN(4) { // or met elsewhere
				case 0:
					again.TTL--
				case 1:
					again.Path ^= 1
				case 2:
					again.Checksum = segment.Checksum(t.r.IntN(3))
				}
				t.emit(&again)
			}
		case 6:
			if l.last.Number > 0 {
				about := quoted(&l.last, t.r)
				t.emit(&about)
			}
		case 5:
			l.nxt[t.r.IntN(2)] += 100 // lost
		default:
			t.step(l)
		}
	}
	return t.out
}

// pass lets time pass.
func (t *traffic) pass() {
	step := int64(t.r.IntN(20)) * 500_000
	switch t.r.IntN(60) {
	case 0:
		step = int64(t.r.IntN(4)) * 60e9
	case 1:
		step = 190e9
	case 2:
		if t.backwards {
			step = -[]int64{1, 1e6, 1e9, 100e9}[t.r.IntN(4)]
		}
	}
	t.now += step / t.unit * t.unit
}

// step lets a 4-tuple go on.
func (t *traffic) step(l *life) {
	o := l.opener
	switch l.stage {
	case 0:
		l.opener = segment.Direction(t.r.IntN(2))
		l.nxt = [2]seq.Num{seq.Num(t.r.Uint32()), seq.Num(t.r.Uint32())}
		l.closed, l.ts = [2]bool{}, t.r.IntN(2) == 0
		t.send(l, l.opener, segment.SYN, 0)
		l.nxt[l.opener]++
		l.stage = 1
		if t.r.IntN(6) == 0 {
			l.stage = 0
		}
	case 1:
		t.send(l, o.Reverse(), segment.SYN|segment.ACK, 0)
		l.nxt[o.Reverse()]++
		l.stage = 2
	case 2:
		t.send(l, o, segment.ACK, 0)
		l.stage = 3
	case 3, 4, 5, 6:
		d := segment.Direction(t.r.IntN(2))
		n := uint32(t.r.IntN(3) * 100)
		t.send(l, d, segment.ACK, n)
		l.nxt[d] = l.nxt[d].Add(n)
		l.stage = 3 + t.r.IntN(5)
	case 7:
		d := segment.Direction(t.r.IntN(2))
		if l.closed[d] {
			d = d.Reverse()
		}
		if l.closed[d] {
			t.send(l, d, segment.ACK, 0)
			if t.r.IntN(8) == 0 {
				l.stage = 0
			}
			return
		}
		t.send(l, d, segment.FIN|segment.ACK, 0)
		l.nxt[d]++
		l.closed[d] = true
	}
}

func (t *traffic) send(l *life, d segment.Direction, flags segment.Flags, n uint32) {
	s := segment.Segment{
		Flow: l.flow, Dir: d, Flags: flags, Window: uint16(1000 + t.r.IntN(3)), PayloadLen: n, IPLen: 40 + n,
		Seq: l.nxt[d], HasIPID: t.r.IntN(3) > 0, IPID: uint16(t.number), TTL: 64,
	}
	if l.flow.A == l.flow.B {
		s.Dir = segment.AtoB
	}
	if flags.Has(segment.ACK) {
		s.Ack = l.nxt[d.Reverse()]
	}
	if flags.Has(segment.SYN) {
		s.Options.Has, s.Options.MSS, s.Options.WindowScale = segment.OptMSS|segment.OptWindowScale, 1460, uint8(t.r.IntN(20))
	}
	if l.ts {
		s.Options.Has |= segment.OptTimestamps
		s.Options.TSVal = uint32(t.now / 1e6)
	}
	if t.r.IntN(50) == 0 {
		s.Checksum = segment.Checksum(t.r.IntN(3))
		s.Path = uint32(t.r.IntN(3))
		s.Fragments = uint8(t.r.IntN(3))
	}
	t.emit(&s)
	l.last = s
}

func (t *traffic) emit(s *segment.Segment) {
	t.number++
	s.Number, s.Time = t.number, t.now
	t.out = append(t.out, *s)
}
