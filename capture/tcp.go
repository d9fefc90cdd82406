package capture

import (
	"encoding/binary"
	"math/bits"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/internal/seq"
)

// ends are the addresses of an IP packet in the 16-byte form of segment.IP,
// each as two big-endian words: they are compared, exchanged and summed in
// registers and written once, into the segment (BenchmarkDecode).
type ends struct{ srcHi, srcLo, dstHi, dstLo uint64 }

// mapped stands before an IPv4 address in its IPv4-mapped form.
const mapped = 0xffff << 32

// ends4 reads the addresses of an IPv4 header, which stand side by side.
func ends4(p []byte) ends {
	both := binary.BigEndian.Uint64(p)
	return ends{srcLo: mapped | both>>32, dstLo: mapped | both&0xffffffff}
}

// ends6 reads the addresses of an IPv6 header.
func ends6(p []byte) ends {
	_ = p[31]
	return ends{
		binary.BigEndian.Uint64(p), binary.BigEndian.Uint64(p[8:]),
		binary.BigEndian.Uint64(p[16:]), binary.BigEndian.Uint64(p[24:]),
	}
}

// sum adds up the addresses as little-endian words. The prefix of mapped
// addresses does not show: 0xffff is the other zero of ones' complement.
func (e ends) sum() uint64 {
	sum, carry := bits.Add64(bits.ReverseBytes64(e.srcHi), bits.ReverseBytes64(e.srcLo), 0)
	sum, carry = bits.Add64(sum, bits.ReverseBytes64(e.dstHi), carry)
	sum, carry = bits.Add64(sum, bits.ReverseBytes64(e.dstLo), carry)
	return sum + carry
}

// fillTCP reads a TCP header into s, all of which was zero but for what the IP
// header tells. b is what was captured of the segment, at least 20 octets;
// length is how long it was on the wire.
func fillTCP(s *segment.Segment, e ends, b []byte, length int) {
	_ = b[19]
	header := int(b[12]>>4) * 4
	setFlow(s, e, uint64(binary.BigEndian.Uint16(b)), uint64(binary.BigEndian.Uint16(b[2:])))
	s.Seq = seq.Num(binary.BigEndian.Uint32(b[4:]))
	s.Ack = seq.Num(binary.BigEndian.Uint32(b[8:]))
	s.Flags = segment.Flags(binary.BigEndian.Uint16(b[12:]) & 0x1ff)
	s.Window = binary.BigEndian.Uint16(b[14:])
	if header > 20 {
		parseOptions(b[20:min(header, len(b))], header-20, &s.Options)
	}
	s.PayloadLen = uint32(max(0, length-header))
	s.Captured = uint32(max(0, len(b)-header))
}

// setFlow is segment.FlowOf without branches, since nothing foretells in which
// direction the next segment goes.
func setFlow(s *segment.Segment, e ends, sport, dport uint64) {
	// The borrow of destination minus source tells whether the source is greater.
	_, swap := bits.Sub64(dport, sport, 0)
	_, swap = bits.Sub64(e.dstLo, e.srcLo, swap)
	_, swap = bits.Sub64(e.dstHi, e.srcHi, swap)
	// What differs is exchanged, or nothing is.
	hi, lo, port := (e.srcHi^e.dstHi)&-swap, (e.srcLo^e.dstLo)&-swap, (sport^dport)&-swap
	a, b := &s.Flow.A, &s.Flow.B
	binary.BigEndian.PutUint64(a.IP[:8], e.srcHi^hi)
	binary.BigEndian.PutUint64(a.IP[8:], e.srcLo^lo)
	binary.BigEndian.PutUint64(b.IP[:8], e.dstHi^hi)
	binary.BigEndian.PutUint64(b.IP[8:], e.dstLo^lo)
	a.Port, b.Port = uint16(sport^port), uint16(dport^port)
	s.Dir = segment.Direction(swap)
}
