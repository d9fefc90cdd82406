package capture

import (
	"bytes"
	"math/bits"
	"slices"
)

const (
	// headKept is how many octets of a datagram's beginning are kept: a tunnel's headers, those of the packet inside
	// it, and a TCP header with all its options.
	headKept = 256
	// maxParts is into how many fragments a datagram may have come. At an MTU of 1500 octets the longest comes in 45.
	maxParts = 64
	// maxCopies is of how many captures of a datagram the way is known; those beyond count as the last of them.
	maxCopies = 4
)

// fragment is one fragment of an IP datagram.
type fragment struct {
	key    fragmentKey
	at     int    // of its first octet in the datagram
	more   bool   // others follow
	body   []byte // what was captured of it
	length int    // how long it was on the wire; at+length fits 16 bits
	held   int    // how much of it the file holds: more than body if it came in fragments itself
	sum    uint16 // ones' complement sum of its octets; valid if summed
	summed bool
	frames [2]uint32 // it came in fragments itself: how many frames before this one brought those, see decoder.earlier
	first  first     // valid if at is 0
}

// fragmentKey is what fragments of one datagram have in common (RFC 791 section 2.3, RFC 8200 section 4.5).
type fragmentKey struct {
	ends
	via   uint64 // by what connections of the same addresses are kept apart, see segment.PathKey
	id    uint32
	proto byte // of IPv4; in IPv6 only the first fragment knows it
	v6    bool
}

// first is what only the fragment with the datagram's beginning tells.
type first struct {
	path       uint32
	headers    int // octets of IP headers that stood before the whole datagram
	ttl, proto uint8
	verifiable bool // see ipPacket
}

// partial is what is kept of a datagram that comes in fragments: its beginning, and which octets of it came.
type partial struct {
	key        fragmentKey
	prev, next int32 // its neighbours in a queue, place+1
	state      partialState
	carrier    bool  // it carries TCP, or a tunnel that may
	at, latest int64 // when its first and its latest fragment came
	total      int   // how long it is; 0 until the last fragment came
	have       int   // how many octets of it came
	copies     int   // how often it was complete
	parts      []part
	firsts     [maxCopies]first
	octets     [headKept]byte
}

type partialState uint8

const (
	waiting partialState = iota // for more of its fragments
	complete
	refused // its fragments contradict each other
	ignored // it carries no TCP, or has too many fragments
)

// part is one fragment of a datagram. They stand in order, and none overlaps another.
type part struct {
	at, length uint16
	shown      uint16 // how many of its octets were at hand
	held       uint16
	sum        uint16
	copies     uint8    // how often it came
	frames     [2]uint8 // of fragment.frames, at most 255 each
	last       bool
	summed     bool
}

// fit says how a fragment fits what came before.
type fit uint8

const (
	fitsNew    fit = iota
	fitsCopy       // it was captured, or sent, twice
	fitsNot        // it overlaps others, or says otherwise where the datagram ends
	fitsNoRoom     // too many parts
)

// put adds a fragment. One that does not fit changes nothing.
//
// Whoever sends fragments that overlap means the receiver to see something else than who is watching (RFC 1858, RFC
// 3128): RFC 5722 has IPv6 hosts drop the whole datagram, and Linux does so for IPv4 too.
func (g *partial) put(f *fragment) fit {
	end := f.at + f.length
	if g.total != 0 && (f.more && end >= g.total || !f.more && end != g.total) {
		return fitsNot
	}
	i, found := slices.BinarySearchFunc(g.parts, f.at, func(p part, at int) int { return int(p.at) - at })
	switch {
	case found:
		if !g.isCopy(&g.parts[i], f) {
			return fitsNot
		}
		g.again(&g.parts[i], f)
		return fitsCopy
	case i > 0 && g.parts[i-1].end() > f.at,
		i < len(g.parts) && (int(g.parts[i].at) < end || !f.more):
		return fitsNot
	case len(g.parts) == maxParts:
		return fitsNoRoom
	}
	g.parts = slices.Insert(g.parts, i, part{
		at: uint16(f.at), length: uint16(f.length), shown: uint16(len(f.body)), held: uint16(f.held),
		sum: f.sum, summed: f.summed, copies: 1, last: !f.more,
		frames: [2]uint8{uint8(min(f.frames[0], 255)), uint8(min(f.frames[1], 255))},
	})
	if !f.more {
		g.total = end
	}
	if f.at == 0 {
		g.firsts[0], g.carrier = f.first, true
	}
	g.have += f.length
	g.keep(f)
	return fitsNew
}

func (p *part) end() int { return int(p.at) + int(p.length) }

// keep copies what of f belongs to the datagram's beginning.
func (g *partial) keep(f *fragment) {
	if f.at < headKept {
		copy(g.octets[f.at:], f.body)
	}
}

// isCopy reports whether f, which begins where p does, is p once more. Where the snapshot cut one of them,
// what was captured of both must do.
func (g *partial) isCopy(p *part, f *fragment) bool {
	if int(p.length) != f.length || p.last == f.more || p.summed && f.summed && p.sum != f.sum {
		return false
	}
	if f.at >= headKept {
		return true
	}
	common := min(int(p.shown), len(f.body), headKept-f.at)
	return bytes.Equal(g.octets[f.at:f.at+common], f.body[:common])
}

// again counts a copy of p, and takes what it shows beyond p.
func (g *partial) again(p *part, f *fragment) {
	if f.at == 0 {
		g.firsts[min(int(p.copies), maxCopies-1)] = f.first
	}
	if p.copies < 255 {
		p.copies++
	}
	if len(f.body) > int(p.shown) {
		p.shown = uint16(len(f.body))
		g.keep(f)
	}
	p.held = max(p.held, uint16(f.held))
	if f.summed {
		p.sum, p.summed = f.sum, true
	}
}

// hasFirst reports whether its beginning came.
func (g *partial) hasFirst() bool { return len(g.parts) > 0 && g.parts[0].at == 0 }

// completed reports whether all fragments are there once more than when it was complete before: each
// capture of a datagram that was captured twice counts, however their fragments mingle.
func (g *partial) completed() bool {
	if g.total == 0 || g.have != g.total {
		return false
	}
	for i := range g.parts {
		if int(g.parts[i].copies) <= g.copies {
			return false
		}
	}
	return true
}

// frames counts the frames that brought the fragments of one copy, without the one that completed it: those of IPv4, and
// those of IPv6.
func (g *partial) frames() (n [2]uint32) {
	for i := range g.parts {
		n[0] += uint32(g.parts[i].frames[0])
		n[1] += uint32(g.parts[i].frames[1])
	}
	own := 0
	if g.key.v6 {
		own = 1
	}
	n[own] += uint32(len(g.parts) - 1)
	return n
}

// assembled returns the beginning of a complete datagram as far as it was captured and kept, and what is known of
// the rest.
func (g *partial) assembled() (head []byte, rest tail) {
	kept, held, sum, summed := 0, 0, uint64(0), true
	for i := range g.parts {
		p := &g.parts[i]
		if kept == int(p.at) {
			kept += int(p.shown)
		}
		held += int(p.held)
		sum += uint64(p.sum) // fragments begin at even octets
		summed = summed && p.summed
	}
	kept = min(kept, headKept)
	head = bytes.Clone(g.octets[:kept]) // another datagram, inside this one, may need its place
	if kept > 0 {
		rest = tail{
			end: &head[kept-1], kept: kept, length: g.total - kept, held: held - kept, summed: summed,
			sum: fold(sum + uint64(^fold(sumOctets(0, head)))),
		}
	}
	return head, rest
}

// tail is what is known of the octets of a datagram that came in fragments and that were not kept. The zero value is that
// of a packet that came in one.
type tail struct {
	end    *byte // the last octet that was kept
	kept   int   // how many were
	length int   // how many were not
	held   int   // how many of those the file holds
	sum    uint16
	summed bool // sum is theirs, as words of the datagram
}

// measure returns how many octets of a packet the file holds, and the ones' complement sum of all if that is known. b is
// what is at hand of the packet, length how long it was on the wire.
func (t *tail) measure(b []byte, length int) (held int, sum uint64, summed bool) {
	switch {
	case len(b) == length:
		return length, sumOctets(0, b), true
	case t.end == nil || len(b) == 0 || &b[len(b)-1] != t.end:
		return len(b), 0, false
	case !t.summed || len(b)+t.length != length:
		return min(len(b)+t.held, length), 0, false
	}
	rest := t.sum
	if (t.kept-len(b))%2 != 0 { // the packet's words are not the datagram's (RFC 1071 section 2 B)
		rest = bits.ReverseBytes16(rest)
	}
	sum, carry := bits.Add64(sumOctets(0, b), uint64(rest), 0)
	return length, sum + carry, true
}
