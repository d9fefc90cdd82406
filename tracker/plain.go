package tracker

import (
	"math"

	"github.com/tcplife/tcplife/internal/segment"
)

// plainConn is a connection in whose life nothing but the ordinary has happened: a SYN, the SYN-ACK that answers it, the ACK of
// that, then data in order and their acknowledgements, nothing twice, nothing missing, no window closed. It
// holds all that the rules (handshake.go, ack.go, apply.go) would have made of the same segments and no more, in
// 240 octets instead of some two thousand: most connections of a busy trace are such at any moment. At the
// first segment that is not ordinary it becomes a full connection (expand.go). TestPlainChangesNothing
// holds the two against each other.
type plainConn struct {
	flow        segment.Flow
	firstAt     wideTime
	firstNumber [2]uint32
	synAck, ack since // the answer to the SYN, and the handshake's ACK
	ends        [2]plainEnd
	firstFile   uint16
	lastFile    uint16
	paths       [2]uint16 // by direction
	copies      [2]uint8  // by direction: segments captured twice
	incarnation uint8
	bits        plainBits
}

// since is a moment of the handshake, counted from the SYN: packets and nanoseconds.
type since struct{ packets, time uint32 }

// later is a moment, counted from the SYN: packets, and nanoseconds in 48 bits with a sign, which is 39 hours.
type later struct {
	packets uint32
	low     uint32
	high    int16
}

// moment names one of those that each end keeps.
type moment uint8

const (
	atLast     moment = iota // its last segment
	atAck                    // rcvNxtAt
	atData                   // newDataAt, if there were data
	numMoments = iota
)

func (e *plainEnd) at(m moment) later {
	return later{packets: e.packetsAt[m], low: e.lowAt[m], high: e.highAt[m]}
}

func (e *plainEnd) set(m moment, l later) {
	e.packetsAt[m], e.lowAt[m], e.highAt[m] = l.packets, l.low, l.high
}

// plainEnd is one end of a plainConn: what it sent.
type plainEnd struct {
	isn         uint32
	nxtLow      uint32 // endpoint.sndNxt
	nxtHigh     uint16
	window      uint16 // the last one, unscaled
	unacked     uint32 // sndNxt - sndUna
	maxWnd      uint32
	tsVal       uint32 // tsLast; until it sent anything but its SYN or SYN-ACK the timestamp of that
	packets     uint32
	headers     uint32 // octets of IP packets that are no payload
	good        uint32 // checksums
	ackedBefore uint32 // how far its highest acknowledgement lies above the one before
	turnaround  uint32
	packetsAt   [numMoments]uint32 // the moments it keeps, see later
	lowAt       [numMoments]uint32
	highAt      [numMoments]int16
	mss         uint16
	scaleSize   uint8 // see shift and size
	ttl         uint8
	cut         uint8 // segments whose options were cut
	bits        endBits
}

type plainBits uint8

const (
	openerIsB   plainBits = 1 << iota
	established           // the handshake's ACK passed
	taken                 // the server sent what it cannot have sent in SYN_RCVD
	twoWays               // connection.twoWays
	heard                 // since the hand came by (evict.go)
	inUse
	oneData  // one data segment passed
	moreData // several did
)

type endBits uint8

const (
	sentTimestamp  endBits = 1 << iota // tsSeen
	hasMSS                             // in its SYN or SYN-ACK, as the next three
	hasWindowScale                     //
	sackPermitted
	timestamps
	ecn
	mptcp
	fastOpen
)

// size and setSize are of the largest segment, see Endpoint.Largest.
func (e *plainEnd) size() SegmentSize { return SegmentSize(e.scaleSize >> 6) }

func (e *plainEnd) setSize(s SegmentSize) { e.scaleSize = e.shift() | uint8(s)<<6 }

// shift is the window scale as it was sent. One that no plainEnd can keep, which no host sends, needs the full form.
func (e *plainEnd) shift() uint8 { return e.scaleSize & mostShift }

const mostShift = 1<<6 - 1

// oversize notes a segment larger than the path takes.
func (e *plainEnd) oversize(s *segment.Segment, peer *plainEnd) {
	if peer.bits&hasMSS != 0 && s.PayloadLen > uint32(peer.mss) {
		e.setSize(max(e.size(), sizeOf(s.PayloadLen)))
	}
}

func (p *plainConn) opener() segment.Direction { return segment.Direction(p.bits & openerIsB) }

func (p *plainConn) number() uint64 { return uint64(p.firstNumber[0]) | uint64(p.firstNumber[1])<<32 }

func (e *plainEnd) nxt() int64 { return int64(e.nxtHigh)<<32 | int64(e.nxtLow) }

func (e *plainEnd) advance(n uint32) {
	nxt := uint64(e.nxt()) + uint64(n)
	e.nxtLow, e.nxtHigh = uint32(nxt), uint16(nxt>>32)
}

// hasData reports whether octets passed beyond the SYN.
func (e *plainEnd) hasData() bool { return e.nxtLow != 1 || e.nxtHigh != 0 }

func (p *plainConn) mark(l later) Mark {
	return Mark{Packet: p.number() + uint64(l.packets), At: p.firstAt.time() + l.time()}
}

func (l later) time() int64 { return int64(l.high)<<32 | int64(l.low) }

// later counts a segment's moment from the SYN; ok is false if it is too far away.
func (p *plainConn) later(s *segment.Segment) (l later, ok bool) {
	packets, at := s.Number-p.number(), s.Time-p.firstAt.time()
	l = later{packets: uint32(packets), low: uint32(at), high: int16(at >> 32)}
	return l, packets <= math.MaxUint32 && l.time() == at
}

// answer makes of an embryo and the SYN-ACK that answers it a plainConn, if both are ordinary.
func (t *Tracker) answer(r ref, s *segment.Segment, hash, print uint64) bool {
	e := t.embryos.slab.at(r.place())
	passed, between := s.Time-e.at.time(), s.Number-e.number()
	if s.Flags&(segment.SYN|segment.ACK|segment.RST|segment.FIN) != segment.SYN|segment.ACK || s.Dir == e.bits.dir() ||
		uint32(s.Ack) != e.seq+1 || s.PayloadLen != 0 || s.Checksum.Wrong() || e.bits.checksum().Wrong() ||
		passed < 0 || passed > min(math.MaxUint32, t.cfg.Attempt.Nanoseconds()) || between > math.MaxUint32 ||
		s.Options.WindowScale > mostShift || s.File > math.MaxUint16 || s.Path > math.MaxUint16 || s.Fragments > 0 || s.Options.Has&notPlain != 0 || s.Flags&segment.URG != 0 ||
		t.half.last != 0 && s.Time < t.plains.at(t.half.last-1).heardAt() { // those that wait stand in order
		return false
	}
	incarnation := 1 + t.past.before(hash)
	if incarnation > math.MaxUint8 {
		return false
	}
	syn, copies := t.embryos.syn(e), e.bits.copies()
	stepOut(&t.embryos.line, &t.embryos.slab, r.place())
	t.embryos.drop(r.place())
	place, p := t.plains.take()
	*p = plainConn{
		flow: syn.Flow, firstAt: narrowTime(syn.Time), firstNumber: [2]uint32{uint32(syn.Number), uint32(syn.Number >> 32)},
		synAck: since{uint32(between), uint32(passed)}, firstFile: uint16(syn.File), lastFile: uint16(s.File),
		incarnation: uint8(incarnation), bits: inUse | heard | plainBits(syn.Dir),
	}
	x, y := &p.ends[syn.Dir], &p.ends[s.Dir]
	x.open(&syn)
	y.open(s)
	y.unacked, y.ackedBefore = 1, 1
	passedBy, _ := p.later(s)
	y.set(atLast, passedBy)
	y.set(atAck, passedBy)
	p.paths[syn.Dir], p.paths[s.Dir], p.copies[syn.Dir] = uint16(syn.Path), uint16(s.Path), copies
	if copies > 0 || s.File != syn.File {
		p.bits |= twoWays
	}
	t.journals.add(&syn, fingerprintOf(&syn, hash), wayOf(&syn), false)
	t.journals.add(s, print, wayOf(s), false)
	t.table.replace(uint32(hash), r, refTo(plain, place))
	join(&t.half, &t.plains, place)
	t.soon(p.heardAt() + t.cfg.Attempt.Nanoseconds())
	return true
}

// open takes the SYN or SYN-ACK of e.
func (e *plainEnd) open(s *segment.Segment) {
	o := &s.Options
	*e = plainEnd{
		isn: uint32(s.Seq), nxtLow: 1, window: s.Window, maxWnd: uint32(s.Window), tsVal: o.TSVal, packets: 1, headers: s.IPLen,
		mss: o.MSS, scaleSize: o.WindowScale, ttl: s.TTL,
	}
	for _, b := range [...]struct {
		option segment.OptionSet
		bit    endBits
	}{
		{segment.OptMSS, hasMSS},
		{segment.OptWindowScale, hasWindowScale},
		{segment.OptSACKPermitted, sackPermitted},
		{segment.OptTimestamps, timestamps},
		{segment.OptMPTCP, mptcp},
		{segment.OptFastOpen, fastOpen},
	} {
		if o.Has&b.option != 0 {
			e.bits |= b.bit
		}
	}
	if asksForECN(s.Flags) {
		e.bits |= ecn
	}
	if o.Has&segment.OptCut != 0 {
		e.cut++
	}
	if s.Checksum == segment.ChecksumGood {
		e.good++
	}
}

// scale is endpoint.scale for a segment behind the handshake.
func (e *plainEnd) scale(window uint16, peer *plainEnd) uint32 {
	if e.bits&peer.bits&hasWindowScale != 0 {
		return uint32(window) << min(e.shift(), 14)
	}
	return uint32(window)
}

// mostUnacked bounds what is outstanding: no window is larger (RFC 7323 2.3).
const mostUnacked = 1 << 30

// take takes a segment if it is ordinary, and changes nothing otherwise. Behind each test stands the rule that
// would have more to say.
func (t *Tracker) take(p *plainConn, place uint32, s *segment.Segment, print uint64) bool {
	x, y := &p.ends[s.Dir&1], &p.ends[s.Dir&1^1]
	nxt := x.nxtLow // the position's lower half
	now, ok := p.later(s)
	acks := uint32(s.Ack) - (y.isn + y.nxtLow - y.unacked) // how much it acknowledges newly
	hasTS := s.Options.Has&segment.OptTimestamps != 0
	last := p.firstAt.time() + x.at(atLast).time()
	switch {
	case s.Flags&(segment.SYN|segment.FIN|segment.RST|segment.ACK|segment.URG) != segment.ACK, // handshake, close, reset, urgent data
		uint32(s.Seq) != x.isn+nxt, // sent before, out of order, a probe
		acks > y.unacked,           // acknowledges what was not seen, or less than before
		s.Window == 0,              // closes the window
		s.Checksum.Wrong(),
		hasTS && x.bits&sentTimestamp != 0 && int32(s.Options.TSVal-x.tsVal) < 0, // stale
		isClockJump(s.Time - last),
		p.standsIn() && isDSACK(s), // a plain one sent nothing twice
		!ok, s.File > math.MaxUint16, s.Path != uint32(p.paths[s.Dir&1]), s.Fragments > 0, s.Options.Has&segment.OptMalformed != 0,
		s.PayloadLen > mostUnacked-min(x.unacked, mostUnacked), s.IPLen < s.PayloadLen,
		x.packets == math.MaxUint32, x.headers > math.MaxUint32-(s.IPLen-s.PayloadLen), x.nxtHigh == math.MaxUint16,
		x.cut == math.MaxUint8:
		return false
	}
	answered := int64(-1) // how long the answer to all that y sent took
	if acks > 0 && acks == y.unacked && y.hasData() {
		answered = now.time() - y.at(atData).time()
	}
	isMetTwice := p.isMetTwice(s)
	if s.PayloadLen == 0 && acks == 0 && t.journals.find(s, print, isMetTwice) != nil { // else it is the first of its kind
		return false
	}
	if x.turnaround == 0 && answered > math.MaxUint32 || p.bits&established == 0 && !t.establish(p, place, s, acks) {
		return false
	}

	t.journals.add(s, print, wayOf(s), isMetTwice)
	if isMetTwice {
		p.bits |= twoWays
	}
	p.lastFile = uint16(s.File)
	p.bits |= heard
	x.set(atLast, now)
	x.packets++
	x.headers += s.IPLen - s.PayloadLen
	if s.Options.Has&segment.OptCut != 0 {
		x.cut++
	}
	if s.Checksum == segment.ChecksumGood {
		x.good++
	}
	if s.PayloadLen > 0 {
		if s.IPLen > ordinaryMTU {
			x.oversize(s, y)
		}
		x.advance(s.PayloadLen)
		x.unacked += s.PayloadLen
		x.set(atData, now)
		if p.bits&oneData != 0 {
			p.bits |= moreData
		}
		p.bits |= oneData
	}
	if acks > 0 {
		y.unacked -= acks
		x.answered(answered)
		x.set(atAck, now)
		x.ackedBefore = acks
	}
	if p.bits&taken == 0 && s.Dir != p.opener() && (s.PayloadLen > 0 || y.nxt()-int64(y.unacked) > 1 || nxt != 1) {
		p.bits |= taken
	}
	x.window = s.Window
	x.maxWnd = max(x.maxWnd, x.scale(s.Window, y))
	if hasTS {
		x.tsVal = s.Options.TSVal
		x.bits |= sentTimestamp
	}
	return true
}

// establish takes the handshake's ACK, or whatever the client sends first.
func (t *Tracker) establish(p *plainConn, place uint32, s *segment.Segment, acks uint32) bool {
	passed, between := s.Time-p.firstAt.time(), s.Number-p.number()
	if s.Dir != p.opener() || acks != 1 || passed < int64(p.synAck.time) || passed > math.MaxUint32 || between > math.MaxUint32 || s.Time > p.heardAt()+t.cfg.Attempt.Nanoseconds() {
		return false
	}
	stepOut(&t.half, &t.plains, place)
	p.bits |= established
	p.ack = since{uint32(between), uint32(passed)}
	p.ends[s.Dir].turnaround = p.ack.time - p.synAck.time
	p.ends[s.Dir.Reverse()].turnaround = p.synAck.time
	return true
}

// answered is endpoint.answered; a negative time is none.
func (e *plainEnd) answered(after int64) {
	if after >= 0 && (e.turnaround == 0 || after < int64(e.turnaround)) {
		e.turnaround = uint32(after)
	}
}

// links are those of the plainConns that wait for the handshake's ACK, in order of their SYN-ACKs. They stand where the moments of
// the first data will.
func (p *plainConn) links() (before, behind *uint32) {
	return &p.ends[0].packetsAt[atData], &p.ends[1].packetsAt[atData]
}

// heardAt is when the SYN-ACK passed.
func (p *plainConn) heardAt() int64 { return p.firstAt.time() + int64(p.synAck.time) }

// isMetTwice reports whether p, with s, is met in two places.
func (p *plainConn) isMetTwice(s *segment.Segment) bool {
	d := s.Dir & 1
	return p.bits&twoWays != 0 || s.TTL != p.ends[d].ttl || s.Path != uint32(p.paths[d]) || s.File != uint32(p.firstFile)
}

// anyPath returns a path of one of the ends: to those who ask, the paths of both are alike (Tracker.via).
func (p *plainConn) anyPath() uint32 { return uint32(p.paths[p.opener()]) }
