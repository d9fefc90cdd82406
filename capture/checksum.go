package capture

import (
	"encoding/binary"
	"math/bits"

	"github.com/tcplife/tcplife/internal/segment"
)

// verifyTCP computes the checksum of RFC 9293 3.1 over pseudo header and
// segment. addresses is the sum of the pseudo header's two addresses. The
// ones' complement sum does not depend on byte order (RFC 1071 section 2 B),
// so everything is summed as little-endian words.
func verifyTCP(addresses uint64, tcp []byte) segment.Checksum {
	// Length and protocol, which have the same sum in both pseudo headers.
	rest := uint64(bits.ReverseBytes32(uint32(len(tcp)))) + protoTCP<<24
	sum, carry := bits.Add64(addresses, rest, 0)
	sum += carry
	if fold(sumOctets(sum, tcp)) == 0xffff {
		return segment.ChecksumGood
	}
	// The length is left out where the card is to cut the segment up (Windows' LSO).
	endless, carry := bits.Add64(addresses, protoTCP<<24, 0)
	if noted := binary.LittleEndian.Uint16(tcp[16:]); noted == fold(sum) || noted == fold(endless+carry) {
		return segment.ChecksumPartial
	}
	return segment.ChecksumBad
}

// verifySum is verifyTCP for a segment of which only the sum of its octets is known.
func verifySum(addresses, octets uint64, length int) segment.Checksum {
	rest := uint64(bits.ReverseBytes32(uint32(length))) + protoTCP<<24
	sum, carry := bits.Add64(addresses, rest, 0)
	sum, carry = bits.Add64(sum, octets, carry)
	if fold(sum+carry) == 0xffff {
		return segment.ChecksumGood
	}
	return segment.ChecksumBad
}

// sumOctets adds b to a ones' complement sum of 64 bits.
func sumOctets(sum uint64, b []byte) uint64 {
	if haveWide && len(b) >= wideFrom {
		n := len(b) &^ 31
		var carry uint64
		sum, carry = bits.Add64(sum, sumWide(&b[0], n), 0)
		sum, b = sum+carry, b[n:]
	}
	return sumNarrow(sum, b)
}

// sumNarrow is sumOctets for any machine.
func sumNarrow(sum uint64, b []byte) uint64 {
	var carry uint64
	all := b
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
	var rest uint64
	switch {
	case len(b) == 0:
	case len(all) >= 8:
		// The last eight octets, of which some were added already.
		rest = binary.LittleEndian.Uint64(all[len(all)-8:]) >> (64 - 8*len(b))
	default:
		for i, c := range b {
			rest |= uint64(c) << (8 * i)
		}
	}
	sum, carry = bits.Add64(sum, rest, carry)
	return sum + carry
}

// fold reduces a sum to 16 bits.
func fold(sum uint64) uint16 {
	sum = sum>>32 + sum&0xffffffff
	sum = sum>>16 + sum&0xffff
	sum = sum>>16 + sum&0xffff
	return uint16(sum>>16 + sum&0xffff)
}
