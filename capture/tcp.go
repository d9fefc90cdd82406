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

// greater is 1 if source and port come after destination and port, otherwise
// 0: the borrow of subtracting them.
func (e ends) greater(sport, dport uint64) uint64 {
	_, borrow := bits.Sub64(dport, sport, 0)
	_, borrow = bits.Sub64(e.dstLo, e.srcLo, borrow)
	_, borrow = bits.Sub64(e.dstHi, e.srcHi, borrow)
	return borrow
}

// fillTCP reads a TCP header into s, all of which was zero but for what the IP
// header tells. b is what was captured of the segment, at least 20 octets;
// length is how long it was on the wire.
func fillTCP(s *segment.Segment, e ends, b []byte, length int) {
	_ = b[19]
	sport, dport := uint64(binary.BigEndian.Uint16(b)), uint64(binary.BigEndian.Uint16(b[2:]))
	// Nothing foretells in which direction the next segment goes, so this is
	// segment.FlowOf without branches: what differs is exchanged, or nothing is.
	swap := e.greater(sport, dport)
	hi, lo, port := (e.srcHi^e.dstHi)&-swap, (e.srcLo^e.dstLo)&-swap, (sport^dport)&-swap
	binary.BigEndian.PutUint64(s.Flow.A.IP[:8], e.srcHi^hi)
	binary.BigEndian.PutUint64(s.Flow.A.IP[8:], e.srcLo^lo)
	binary.BigEndian.PutUint64(s.Flow.B.IP[:8], e.dstHi^hi)
	binary.BigEndian.PutUint64(s.Flow.B.IP[8:], e.dstLo^lo)
	s.Flow.A.Port, s.Flow.B.Port = uint16(sport^port), uint16(dport^port)
	s.Dir = segment.Direction(swap)
	s.Seq = seq.Num(binary.BigEndian.Uint32(b[4:]))
	s.Ack = seq.Num(binary.BigEndian.Uint32(b[8:]))
	s.Flags = segment.Flags(binary.BigEndian.Uint16(b[12:]) & 0x1ff)
	s.Window = binary.BigEndian.Uint16(b[14:])
	s.Urgent = binary.BigEndian.Uint16(b[18:])
	header := int(b[12]>>4) * 4
	switch {
	case header == onlyTimestampsHeader && len(b) >= onlyTimestampsHeader && binary.BigEndian.Uint32(b[20:]) == onlyTimestamps:
		s.Options.Has = segment.OptTimestamps
		s.Options.TSVal, s.Options.TSEcr = binary.BigEndian.Uint32(b[24:]), binary.BigEndian.Uint32(b[28:])
	case header > 20:
		parseOptions(b[20:min(header, len(b))], header-20, &s.Options)
	}
	s.PayloadLen = uint32(max(0, length-header))
	s.Captured = uint32(max(0, len(b)-header))
}
