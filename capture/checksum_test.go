package capture

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/tcplife/tcplife/internal/segment"
)

// slowSum is the sum of RFC 1071 as its definition reads: words of 16 bits,
// each carry brought round. An odd last octet is filled up with zero.
func slowSum(sum uint16, b []byte) uint16 {
	total := uint32(sum)
	for i := 0; i < len(b); i += 2 {
		word := uint32(b[i])
		if i+1 < len(b) {
			word |= uint32(b[i+1]) << 8
		}
		total += word
		total = total>>16 + total&0xffff
	}
	return uint16(total)
}

func checkSums(t *testing.T, begin uint64, b []byte) {
	t.Helper()
	want := slowSum(fold(begin), b)
	if got := fold(sumOctets(begin, b)); got != want {
		t.Errorf("%d octets onto %#x: sumOctets gives %#04x, want %#04x", len(b), begin, got, want)
	}
	if got := fold(sumNarrow(begin, b)); got != want {
		t.Errorf("%d octets onto %#x: sumNarrow gives %#04x, want %#04x", len(b), begin, got, want)
	}
}

// TestSums tries all lengths at all alignments, with octets that carry always,
// never and sometimes.
func TestSums(t *testing.T) {
	const longest = 400
	r := rand.New(rand.NewPCG(1071, 0))
	random := make([]byte, longest+32)
	for i := range random {
		random[i] = byte(r.Uint32())
	}
	for _, data := range [][]byte{random, bytes.Repeat([]byte{0xff}, len(random)), make([]byte, len(random))} {
		for _, begin := range []uint64{0, 1, 0xffff, 1<<32 - 1, 1<<63 + 77, 1<<64 - 1} {
			for n := range longest + 1 {
				checkSums(t, begin, data[n%32:][:n])
			}
		}
	}
	checkSums(t, 1<<64-1, bytes.Repeat([]byte{0xff}, maxRecord))
}

func FuzzSums(f *testing.F) {
	f.Add(uint64(0), []byte("odd"))
	f.Add(uint64(1<<64-1), bytes.Repeat([]byte{0xff}, 4*wideFrom+67))
	f.Fuzz(checkSums)
}

// TestChecksumOfBothFamilies holds verifyTCP against the pseudo headers as
// RFC 9293 3.1 and RFC 8200 8.1 draw them, written out.
func TestChecksumOfBothFamilies(t *testing.T) {
	for _, payload := range []int{0, 1, 7, 96, 1460, 9000} {
		tcp := tcpHeader(0x10, timestamps, bytes.Repeat([]byte{0xa5, 0xff, 0}, payload)[:payload])
		for name, p := range map[string][]byte{"ipv4": ip4(protoTCP, tcp), "ipv6": ip6(protoTCP, tcp)} {
			addresses, header := p[12:20], 20
			if name == "ipv6" {
				addresses, header = p[8:40], 40
			}
			pseudo := binary.BigEndian.AppendUint32(bytes.Clone(addresses), uint32(len(tcp)))
			pseudo = append(pseudo, 0, 0, 0, protoTCP)
			sum := slowSum(slowSum(0, pseudo), p[header:])
			binary.LittleEndian.PutUint16(p[header+16:], ^sum)
			if s, why := decodeFrame(101, p, 0); why != isSegment || s.Checksum != segment.ChecksumGood {
				t.Errorf("%s, %d octets of payload: %v, checksum %v, want it good", name, payload, why, s.Checksum)
			}
			p[header+16] ^= 1
			if s, _ := decodeFrame(101, p, 0); s.Checksum != segment.ChecksumBad {
				t.Errorf("%s, %d octets of payload: a wrong checksum is not found", name, payload)
			}
			// What Linux leaves to the card, and Windows of a segment that the card is to cut up.
			for _, length := range []uint32{uint32(len(tcp)), 0} {
				partial := slowSum(0, append(binary.BigEndian.AppendUint32(bytes.Clone(addresses), length), 0, 0, 0, protoTCP))
				binary.LittleEndian.PutUint16(p[header+16:], partial)
				if s, _ := decodeFrame(101, p, 0); s.Checksum != segment.ChecksumPartial {
					t.Errorf("%s, %d octets of payload, length %d: checksum %v, want it partial", name, payload, length, s.Checksum)
				}
			}
		}
	}
}

func BenchmarkChecksum(b *testing.B) {
	for _, n := range []int{20, 32, 64, 96, 128, 256, 700, 1480} {
		data := make([]byte, n)
		for name, sum := range map[string]func(uint64, []byte) uint64{"used": sumOctets, "narrow": sumNarrow} {
			b.Run(name+"-"+strconv.Itoa(n), func(b *testing.B) {
				b.SetBytes(int64(n))
				b.ReportAllocs()
				for b.Loop() {
					sum(1, data)
				}
			})
		}
	}
}
