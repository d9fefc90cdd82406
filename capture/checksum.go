package capture

import (
	"encoding/binary"
	"math/bits"

	"github.com/tcplife/tcplife/internal/segment"
)

// verifyTCP computes the checksum of RFC 9293 3.1 over pseudo header and
// segment. The ones' complement sum does not depend on byte order (RFC 1071
// section 2 B), so the data is summed eight little-endian octets at a time.
func verifyTCP(k *ipPacket) segment.Checksum {
	var sum uint64
	if k.src.Addr().Is4() {
		sum = uint64(binary.LittleEndian.Uint32(k.src[12:])) + uint64(binary.LittleEndian.Uint32(k.dst[12:]))
	} else {
		sum = sumOctets(sumOctets(0, k.src[:]), k.dst[:])
	}
	var tail [8]byte // length and protocol, which have the same sum in both pseudo headers
	binary.BigEndian.PutUint32(tail[:], uint32(k.length))
	tail[7] = protoTCP
	sum = sumOctets(sum, tail[:])
	if fold(sumOctets(sum, k.body)) == 0xffff {
		return segment.ChecksumGood
	}
	return segment.ChecksumBad
}

// sumOctets adds b to a ones' complement sum of 64 bits.
func sumOctets(sum uint64, b []byte) uint64 {
	var carry uint64
	for len(b) >= 32 {
		sum, carry = bits.Add64(sum, binary.LittleEndian.Uint64(b), carry)
		sum, carry = bits.Add64(sum, binary.LittleEndian.Uint64(b[8:]), carry)
		sum, carry = bits.Add64(sum, binary.LittleEndian.Uint64(b[16:]), carry)
		sum, carry = bits.Add64(sum, binary.LittleEndian.Uint64(b[24:]), carry)
		b = b[32:]
	}
	for len(b) >= 8 {
		sum, carry = bits.Add64(sum, binary.LittleEndian.Uint64(b), carry)
		b = b[8:]
	}
	if len(b) > 0 {
		var rest [8]byte
		copy(rest[:], b)
		sum, carry = bits.Add64(sum, binary.LittleEndian.Uint64(rest[:]), carry)
	}
	sum, carry = bits.Add64(sum, 0, carry)
	return sum + carry
}

// fold reduces a sum to 16 bits.
func fold(sum uint64) uint16 {
	sum = sum>>32 + sum&0xffffffff
	sum = sum>>16 + sum&0xffff
	sum = sum>>16 + sum&0xffff
	return uint16(sum>>16 + sum&0xffff)
}
