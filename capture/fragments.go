package capture

import (
	"encoding/binary"
	"math"
)

// A datagram that comes in IP fragments is decoded when the last of them has come, as if it had come whole in that
// packet. No host sees less of it, so until then there is no segment: a capture without the other fragments has none.
//
// Nothing is kept of it but its beginning (datagram.go), in bounded room and time (reassembler.go). Datagrams in which
// there is no TCP are told by their first fragment and cost next to nothing.

// fragment4 reads a fragment of an IPv4 datagram. word is the header's, with flags and offset.
func (d *decoder) fragment4(p []byte, word uint16, header, total int) skip {
	const moreFragments, offset = 0x2000, 0x1fff
	f := fragment{
		key:   fragmentKey{ends: ends4Via(p[:header]), id: uint32(binary.BigEndian.Uint16(p[4:])), proto: p[9]},
		at:    int(word&offset) * 8,
		more:  word&moreFragments != 0,
		first: first{headers: header, ttl: p[8], proto: p[9], verifiable: true},
	}
	var k ipPacket
	k.setBody(p[header:], total-header)
	if binary.BigEndian.Uint16(p[2:]) == 0 || f.at+total > math.MaxUint16 {
		return skipMalformedIPv4 // no card cuts up fragments; the ping of death
	}
	return d.fragment(&f, &k, skipFragmentIPv4, skipMalformedIPv4)
}

// fragment6 reads a fragment of an IPv6 datagram, from its fragment header on (RFC 8200 section 4.5).
func (d *decoder) fragment6(k *ipPacket) skip {
	const moreFragments, offset = 1, 0xfff8
	word := binary.BigEndian.Uint16(k.body[2:])
	f := fragment{
		key:  fragmentKey{ends: k.ends, id: binary.BigEndian.Uint32(k.body[4:]), v6: true},
		at:   int(word & offset),
		more: word&moreFragments != 0,
		// What precedes the fragment header precedes the whole; the header itself has gone then.
		first: first{headers: int(d.seg.IPLen) - k.length, ttl: d.seg.TTL, proto: k.body[0], verifiable: k.verifiable},
	}
	var body ipPacket
	body.setBody(k.body[8:], k.length-8)
	if f.first.headers-40+f.at+body.length > math.MaxUint16 {
		return skipMalformedIPv6
	}
	return d.fragment(&f, &body, skipFragmentIPv6, skipMalformedIPv6)
}

// fragment takes a fragment with its body, and decodes the datagram if that is complete now. Otherwise it
// returns waits.
func (d *decoder) fragment(f *fragment, k *ipPacket, waits, malformed skip) skip {
	f.body, f.length = k.body, k.length
	if f.length <= 0 || f.more && f.length%8 != 0 {
		return malformed
	}
	if d.asking {
		return waits
	}
	if d.paths.By != 0 {
		f.key.via = d.paths.Key(d.paths.ID(d.path))
	}
	r, now := &d.fragments, d.now
	place, known := r.find(&f.key, now)
	if f.at == 0 {
		why := d.carriesNoTCP(f)
		if why != isSegment && (!known || r.slots[place].state != waiting || !r.slots[place].hasFirst()) {
			if !known {
				place = r.start(&f.key, now)
			}
			r.slots[place].latest = now
			r.turn(place, ignored)
			return why
		}
		f.first.path = d.paths.ID(d.path)
	}
	if !known {
		place = r.start(&f.key, now)
	}
	switch g := &r.slots[place]; {
	case g.state == refused:
		g.latest = now
		return skipOverlap
	case g.state == ignored && f.at != 0:
		g.latest = now
		return waits
	case g.state == ignored: // its identification is used again
		r.leave(place)
		place = r.start(&f.key, now)
	}

	var sum uint64
	f.held, sum, f.summed = d.tail.measure(f.body, f.length)
	f.sum = fold(sum) % math.MaxUint16 // which has two zeros
	f.frames = d.earlier
	fits := r.slots[place].put(f)
	if g := &r.slots[place]; fits == fitsNot && (g.state == complete || now-g.latest > settle) {
		r.leave(place)
		place = r.start(&f.key, now)
		fits = r.slots[place].put(f)
	}
	g := &r.slots[place]
	g.latest = now
	if g.carrier {
		r.stats.Fragments++
	}
	switch {
	case fits == fitsNot:
		if g.carrier {
			r.stats.Overlapping++
		}
		r.turn(place, refused)
		return skipOverlap
	case fits == fitsNoRoom:
		if g.carrier {
			r.stats.GivenUp++
		}
		r.turn(place, ignored)
		return waits
	case !g.completed():
		return waits
	}
	if g.copies++; g.copies == 1 {
		r.stats.Whole++
		r.turn(place, complete)
	}
	return d.whole(g)
}

// whole decodes a datagram that is complete, in the copy that was completed now.
func (d *decoder) whole(g *partial) skip {
	from, s := &g.firsts[min(g.copies, maxCopies)-1], d.seg
	s.TTL = from.ttl
	s.HasIPID, s.IPID = false, 0
	if !g.key.v6 {
		s.IPID = uint16(g.key.id)
		s.HasIPID = s.IPID != 0
	}
	s.IPLen = uint32(from.headers + g.total)
	s.Fragments = uint8(len(g.parts))
	d.earlier = g.frames()
	d.path = d.paths.Path(from.path)
	pkt := ipPacket{ends: g.key.ends, length: g.total, verifiable: from.verifiable, reassembled: true}
	pkt.body, d.tail = g.assembled()
	return d.transport(from.proto, &pkt)
}

// carriesNoTCP says what a datagram is if its first fragment shows that no TCP is in it, and isSegment if not: what
// the decoder would say of the fragment alone.
func (d *decoder) carriesNoTCP(f *fragment) skip {
	// Headers of tunnels that are not whole tell nothing. No link makes fragments as small as that (RFC 791: 68 octets).
	const telling = 48
	if f.length < telling {
		return isSegment
	}
	seg, path, depth := *d.seg, d.path, d.depth
	d.asking = true
	why := d.transport(f.first.proto, &ipPacket{ends: f.key.ends, body: f.body, length: math.MaxUint16})
	d.asking = false
	*d.seg, d.path, d.depth = seg, path, depth
	if class := why.class(); class == classProtocol || class == classEtherType {
		return why
	}
	return isSegment
}
