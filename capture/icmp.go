package capture

import (
	"encoding/binary"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/internal/seq"
)

const protoICMPv6 = 58

// shortestQuote is what an ICMP error quotes at least of what IP carries (RFC 792): of TCP the ports and SEQ.
const shortestQuote = 8

// icmp reads an ICMP message. One that reports an error and quotes a TCP segment becomes a segment with IsQuote: no
// segment passed, and what is quoted may have been sent long before, or never.
func (d *decoder) icmp(k *ipPacket, v6 bool) skip {
	none := skipProtocol(protoICMP)
	if v6 {
		none = skipProtocol(protoICMPv6)
	}
	b := k.body
	if len(b) < 8 || !reportsError(b[0], v6) {
		return none
	}
	e := segment.ICMPError{Type: b[0], Code: b[1], V6: v6}
	binary.BigEndian.PutUint64(e.From[:8], k.srcHi)
	binary.BigEndian.PutUint64(e.From[8:], k.srcLo)
	if e.TooBig() {
		if v6 {
			e.MTU = binary.BigEndian.Uint32(b[4:])
		} else {
			e.MTU = uint32(binary.BigEndian.Uint16(b[6:])) // RFC 1191
		}
	}
	quoted, ok := quotedPacket(b[8:])
	if !ok || quoted.length < 20 || len(quoted.body) < shortestQuote {
		return none
	}
	e.Quoted = uint8(min(len(quoted.body), 60))
	s := d.seg
	s.IsQuote, s.ICMP = true, e
	s.IPLen = uint32(quoted.total)
	fillQuote(s, quoted)
	return isSegment
}

// reportsError reports whether messages of this type quote the packet that caused them.
func reportsError(kind uint8, v6 bool) bool {
	if v6 {
		return kind >= 1 && kind <= 4 // RFC 4443 2.1
	}
	switch kind {
	case 3, 4, 11, 12: // RFC 792: unreachable, source quench, time exceeded, parameter problem
		return true
	}
	return false
}

// quoted is the beginning of the packet that an ICMP error quotes.
type quoted struct {
	ends
	body   []byte // what it quotes of the TCP segment
	length int    // how long that was
	total  int    // and the whole packet
}

// quotedPacket reads the headers of IP in a quote. ok is false if it is no TCP segment, or no first fragment of one.
func quotedPacket(p []byte) (q quoted, ok bool) {
	if len(p) < 20 {
		return q, false
	}
	switch p[0] >> 4 {
	case 4:
		header := int(p[0]&15) * 4
		q.total = int(binary.BigEndian.Uint16(p[2:]))
		if header < 20 || header > len(p) || p[9] != protoTCP || binary.BigEndian.Uint16(p[6:])&0x1fff != 0 {
			return q, false
		}
		q.ends, q.body, q.length = ends4Via(p[:header]), p[header:], q.total-header
	case 6:
		if len(p) < 40 {
			return q, false
		}
		k := ipPacket{ends: ends6(p[8:40])}
		k.setBody(p[40:], int(binary.BigEndian.Uint16(p[4:])))
		q.total = 40 + k.length
		proto := p[6]
		for range 8 { // extension headers
			if proto == protoTCP {
				break
			}
			next, why := k.quotedExtension(proto)
			if !why {
				return q, false
			}
			proto = next
		}
		if proto != protoTCP {
			return q, false
		}
		q.ends, q.body, q.length = k.ends, k.body, k.length
	default:
		return q, false
	}
	if q.length > 0 && len(q.body) > q.length {
		q.body = q.body[:q.length]
	}
	return q, true
}

// quotedExtension moves past one extension header of IPv6 inside a quote.
func (k *ipPacket) quotedExtension(proto byte) (next byte, ok bool) {
	b := k.body
	if len(b) < 8 {
		return 0, false
	}
	size := 8 * (int(b[1]) + 1)
	switch proto {
	case protoHopByHop, protoRouting, protoDestination:
	case protoFragment:
		size = 8
		if binary.BigEndian.Uint16(b[2:])&0xfff8 != 0 {
			return 0, false
		}
	case protoAH:
		size = 4 * (int(b[1]) + 2)
	default:
		return 0, false
	}
	if size > len(b) || size > k.length {
		return 0, false
	}
	k.chosen(proto, b[:size])
	k.body, k.length = b[size:], k.length-size
	return b[0], true
}

// fillQuote reads what is quoted of a TCP header.
func fillQuote(s *segment.Segment, q quoted) {
	var header [20]byte
	n := copy(header[:], q.body)
	if n < 14 {
		header[12] = 5 << 4
	}
	length := q.length
	if size := int(header[12]>>4) * 4; size < 20 || size > length {
		header[12] = header[12]&0xf | 5<<4
	}
	fillTCP(s, q.ends, header[:], length)
	s.Options, s.Captured = segment.Options{}, 0
	if n < 12 {
		s.Ack = seq.Num(0)
	}
	if n < 14 {
		s.Flags = 0
	}
}
