package tracker

import (
	"encoding/binary"
	"math"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/internal/seq"
)

// embryo is a connection of which nothing but one SYN was seen: floods and scans make millions of them. It
// keeps the SYN and nothing else until anything more is heard of its 4-tuple. It is made of small fields, for
// its size (56 octets) is what a flood costs.
type embryo struct {
	// The flow: the addresses of IPv4; of IPv6 a is the place of both among embryos.long.
	a, b         uint32
	portA, portB uint16

	prev, next uint32 // neighbours among those that wait, place+1
	at         wideTime
	seq, tsVal uint32
	bits       embryoBits
	numberLow  uint32 // of the packet, 40 bits
	numberHigh uint8
	ipLen      uint8
	file       uint8
	ttl        uint8
	window     uint16
	mss        uint16
	ipID       uint16
	path       uint16
}

// embryoBits are, from the lowest: the flags, where those that a lone SYN does not have make room for a number of copies, the direction, the checksum's verdict, HasIPID, the window scale, the options.
type embryoBits uint32

const (
	dirAt      = 9
	checksumAt = 10
	hasIPIDAt  = 12
	shiftAt    = 13
	optionsAt  = 17
	isLongAt   = 31
)

func bitsOf(s *segment.Segment) embryoBits {
	b := embryoBits(s.Flags) | embryoBits(s.Dir)<<dirAt | embryoBits(s.Checksum)<<checksumAt |
		embryoBits(s.Options.WindowScale)<<shiftAt | embryoBits(s.Options.Has)<<optionsAt
	if s.HasIPID {
		b |= 1 << hasIPIDAt
	}
	return b
}

// controls are the flags that a lone SYN has, or has not.
const controls = embryoBits(segment.SYN | segment.ACK | segment.RST | segment.FIN)

// copies is how often it was captured again: FIN, RST and ACK are its digits.
func (b embryoBits) copies() uint8 { return uint8(b&1 | b>>1&2 | b>>2&4) }

// copied is b with one more copy, if there is room for it.
func (b embryoBits) copied() (with embryoBits, ok bool) {
	n := embryoBits(b.copies()) + 1
	return b&^controls | embryoBits(segment.SYN) | n&1 | n&2<<1 | n&4<<2, n < 8
}

func (b embryoBits) flags() segment.Flags {
	return segment.Flags(b&(1<<dirAt-1)&^controls) | segment.SYN
}

func (b embryoBits) dir() segment.Direction     { return segment.Direction(b >> dirAt & 1) }
func (b embryoBits) checksum() segment.Checksum { return segment.Checksum(b >> checksumAt & 3) }
func (b embryoBits) hasIPID() bool              { return b>>hasIPIDAt&1 != 0 }
func (b embryoBits) shift() uint8               { return uint8(b >> shiftAt & 15) }
func (b embryoBits) isLong() bool               { return b>>isLongAt != 0 }
func (b embryoBits) options() segment.OptionSet {
	return segment.OptionSet(b >> optionsAt & (1<<(isLongAt-optionsAt) - 1))
}

// wideTime is an int64 that needs no alignment to eight octets.
type wideTime [2]uint32

func narrowTime(t int64) wideTime { return wideTime{uint32(t), uint32(t >> 32)} }
func (w wideTime) time() int64    { return int64(w[0]) | int64(w[1])<<32 }

func (e *embryo) number() uint64 { return uint64(e.numberLow) | uint64(e.numberHigh)<<32 }

// notPlain are options that are facts of their own, or told of an endpoint for which the small forms have no room.
const notPlain = segment.OptMalformed | segment.OptMD5

// isEmbryo reports whether s opens a 4-tuple by a SYN and nothing else, and nothing about it is out of the ordinary.
func isEmbryo(s *segment.Segment) bool {
	o := &s.Options
	return s.Flags&(segment.SYN|segment.ACK|segment.RST|segment.FIN) == segment.SYN &&
		s.Ack == 0 && s.PayloadLen == 0 && s.IPLen <= math.MaxUint8 && s.Path <= math.MaxUint16 && s.File <= math.MaxUint8 && s.Fragments == 0 && o.Has&notPlain == 0 && s.Flags&segment.URG == 0 &&
		o.TSEcr == 0 && o.SACKs == 0 && o.WindowScale < 16 && s.Number < 1<<40 && s.Flow.A != s.Flow.B
}

func (e *embryo) set(s *segment.Segment) {
	*e = embryo{
		portA: s.Flow.A.Port, portB: s.Flow.B.Port, at: narrowTime(s.Time), seq: uint32(s.Seq), tsVal: s.Options.TSVal, bits: bitsOf(s),
		numberLow: uint32(s.Number), numberHigh: uint8(s.Number >> 32), ipLen: uint8(s.IPLen), file: uint8(s.File), ttl: s.TTL,
		window: s.Window, mss: s.Options.MSS, ipID: s.IPID, path: uint16(s.Path),
	}
}

// syn returns the SYN of e.
func (q *embryos) syn(e *embryo) segment.Segment {
	b := e.bits
	return segment.Segment{
		Number: e.number(), Time: e.at.time(), Flow: q.flow(e), Dir: b.dir(), Checksum: b.checksum(),
		TTL: e.ttl, HasIPID: b.hasIPID(), IPID: e.ipID, Flags: b.flags(),
		Window: e.window, Seq: seq.Num(e.seq), IPLen: uint32(e.ipLen), File: uint32(e.file), Path: uint32(e.path),
		Options: segment.Options{Has: b.options(), MSS: e.mss, WindowScale: b.shift(), TSVal: e.tsVal},
	}
}

// embryos are those that wait, in the order of their coming, which is that of their time.
type embryos struct {
	line
	slab slab[embryo]
	long slab[longPair] // addresses of IPv6
	// lapsed are those whose time was over and whose records nobody has taken yet: their places+1, in the order of their records, each
	// linked to the next. prev holds the incarnation then. A list of them would take as much as they do.
	lapsed struct{ first, last uint32 }
}

type longPair [2]segment.IP

func (e *embryo) links() (before, behind *uint32) { return &e.prev, &e.next }

// add lets a SYN wait. ok is false if it is older than the latest: then they would not stand in order.
func (q *embryos) add(s *segment.Segment) (place uint32, ok bool) {
	if q.last != 0 && s.Time < q.slab.at(q.last-1).at.time() {
		return 0, false
	}
	place, e := q.slab.take()
	e.set(s)
	if a, b := &s.Flow.A.IP, &s.Flow.B.IP; isMapped(a) && isMapped(b) {
		e.a, e.b = binary.BigEndian.Uint32(a[12:]), binary.BigEndian.Uint32(b[12:])
	} else {
		at, both := q.long.take()
		*both = longPair{*a, *b}
		e.a, e.bits = at, e.bits|1<<isLongAt
	}
	join(&q.line, &q.slab, place)
	return place, true
}

// isMapped reports whether an address is one of IPv4.
func isMapped(ip *segment.IP) bool {
	return binary.BigEndian.Uint64(ip[:]) == 0 && binary.BigEndian.Uint32(ip[8:]) == 0xffff
}

// mapped sets an address of IPv4.
func mapped(ip *segment.IP, a uint32) {
	ip[10], ip[11] = 0xff, 0xff
	binary.BigEndian.PutUint32(ip[12:], a)
}

// flow returns the flow of e.
func (q *embryos) flow(e *embryo) (f segment.Flow) {
	f.A.Port, f.B.Port = e.portA, e.portB
	if e.bits.isLong() {
		both := q.long.at(e.a)
		f.A.IP, f.B.IP = both[0], both[1]
		return f
	}
	mapped(&f.A.IP, e.a)
	mapped(&f.B.IP, e.b)
	return f
}

// is reports whether f is the flow of e.
func (q *embryos) is(e *embryo, f *segment.Flow) bool {
	if e.portA != f.A.Port || e.portB != f.B.Port {
		return false
	}
	if e.bits.isLong() {
		both := q.long.at(e.a)
		return both[0] == f.A.IP && both[1] == f.B.IP
	}
	word := binary.BigEndian.Uint32
	return e.a == word(f.A.IP[12:]) && e.b == word(f.B.IP[12:]) && isMapped(&f.A.IP) && isMapped(&f.B.IP)
}

// drop gives the place of an embryo back.
func (q *embryos) drop(place uint32) {
	if e := q.slab.at(place); e.bits.isLong() {
		q.long.give(e.a)
	}
	q.slab.give(place)
}

// setAside keeps s, which opens a 4-tuple, as an embryo, if it can be one.
func (t *Tracker) setAside(s *segment.Segment, hash uint64) bool {
	if !isEmbryo(s) {
		return false
	}
	t.makeRoom(nil)
	place, ok := t.embryos.add(s)
	if ok {
		t.live++
		t.table.add(uint32(hash), refTo(lone, place))
		t.soon(s.Time + t.cfg.Attempt.Nanoseconds())
	}
	return ok
}

// hatch turns an embryo into the connection it would have been.
func (t *Tracker) hatch(r ref, hash uint64) *connection {
	e := t.embryos.slab.at(r.place())
	stepOut(&t.embryos.line, &t.embryos.slab, r.place())
	syn, copies := t.embryos.syn(e), e.bits.copies()
	t.embryos.drop(r.place())
	t.table.remove(uint32(hash), r)
	t.live--
	c := t.open(&syn, nil, hash)
	t.apply(c, &syn, fingerprintOf(&syn, hash))
	c.ends[syn.Dir].stats.DuplicatePackets = uint64(copies)
	c.twoWays = copies > 0
	t.schedule(c)
	return c
}

// letGo ends the first embryo.
func (t *Tracker) letGo(reason EndReason, at int64) {
	r := refTo(lone, t.embryos.first-1)
	e := t.embryos.slab.at(r.place())
	stepOut(&t.embryos.line, &t.embryos.slab, r.place())
	flow := t.embryos.flow(e)
	hash := t.hash(&flow, uint32(e.path))
	incarnation := 1 + t.past.before(hash)
	if !t.flushing { // else nobody will ask
		t.table.remove(uint32(hash), r)
		t.past.left(hash, incarnation)
	}
	l := leaving{
		at: at, packet: e.number(), ref: r, reason: reason, rank: reason.rank(),
		incarnation: uint16(min(incarnation, math.MaxUint16)),
	}
	if reason != EndAttempt {
		t.left(l)
		return
	}
	t.count(&l)
	q := &t.embryos
	e.prev, e.next = uint32(l.incarnation), 0
	if q.lapsed.last != 0 {
		q.slab.at(q.lapsed.last - 1).next = l.ref.place() + 1
	} else {
		q.lapsed.first = l.ref.place() + 1
	}
	q.lapsed.last = l.ref.place() + 1
}

// firstLapsed is the first of the lapsed. There is one.
func (t *Tracker) firstLapsed() leaving {
	place := t.embryos.lapsed.first - 1
	e := t.embryos.slab.at(place)
	return leaving{
		at: e.at.time() + t.cfg.Attempt.Nanoseconds(), packet: e.number(), ref: refTo(lone, place),
		reason: EndAttempt, rank: EndAttempt.rank(), incarnation: uint16(e.prev),
	}
}

// takeLapsed takes the first of them off.
func (q *embryos) takeLapsed() {
	l := &q.lapsed
	if l.first = q.slab.at(l.first - 1).next; l.first == 0 {
		l.last = 0
	}
}
