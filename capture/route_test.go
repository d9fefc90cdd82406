package capture

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/tcplife/tcplife/internal/segment"
)

// ip4Options is ip4 with options.
func ip4Options(proto byte, options, payload []byte) []byte {
	h := ip4(proto, append(options, payload...))
	h[0] += byte(len(options) / 4)
	return h
}

// TestEndsBehindARoute: however a packet is led, both ends are those of the connection, and the checksum covers them.
func TestEndsBehindARoute(t *testing.T) {
	address := func(s string) []byte { return netip.MustParseAddr(s).AsSlice() }
	server4, stop4 := address("10.0.0.2"), address("10.0.0.9")
	client6, server6, stop6 := address("fd00::1"), address("fd00::2"), address("fd00::9")
	whole := ip4(protoTCP, tcpHeader(0x18, nil, make([]byte, 30)))
	setChecksum(whole)
	tcp4 := whole[20:]
	tcp6 := tcpHeader(0x18, nil, make([]byte, 30))
	binary.BigEndian.PutUint16(tcp6[16:], sumOver(client6, server6, tcp6))

	via4 := func(dst []byte, options ...byte) []byte {
		p := ip4Options(protoTCP, options, tcp4)
		copy(p[16:], dst)
		return p
	}
	via6 := func(src, dst []byte, proto byte, header ...[]byte) []byte {
		p := ip6(proto, join(join(header...), tcp6))
		copy(p[8:], src)
		copy(p[24:], dst)
		return p
	}
	for _, c := range []struct {
		name     string
		packet   []byte
		checksum segment.Checksum
	}{
		{"a loose source route", via4(stop4, join([]byte{0x83, 11, 4}, stop4, server4, []byte{0})...), segment.ChecksumGood},
		{"a strict one, behind padding", via4(stop4, join([]byte{1, 0x89, 7, 4}, server4)...), segment.ChecksumGood},
		{"one that is used up", via4(server4, join([]byte{0x83, 7, 8}, stop4, []byte{0})...), segment.ChecksumGood},
		{"one that points between addresses", via4(server4, 0x83, 6, 4, 1, 2, 3, 0, 0), segment.ChecksumGood},
		{"an option without length", via4(server4, 1, 1, 1, 0x83), segment.ChecksumGood},
		{"an option beyond the header", via4(server4, 0x83, 9, 4, 0), segment.ChecksumGood},
		{"a routing header", via6(client6, stop6, protoRouting, []byte{protoTCP, 4, 0, 1, 0, 0, 0, 0}, stop6, server6), segment.ChecksumGood},
		{"one that is used up, IPv6", via6(client6, server6, protoRouting, []byte{protoTCP, 4, 0, 0, 0, 0, 0, 0}, stop6, stop6), segment.ChecksumGood},
		{"to a mobile host", via6(client6, stop6, protoRouting, []byte{protoTCP, 2, 2, 1, 0, 0, 0, 0}, server6), segment.ChecksumGood},
		{"from a mobile host", via6(stop6, server6, protoDestination, []byte{protoTCP, 2, 1, 2, 0, 0, 0xc9, 16}, client6), segment.ChecksumGood},
		{"a segment list", via6(client6, stop6, protoRouting, []byte{protoTCP, 4, 4, 1, 1, 0, 0, 0}, server6, stop6), segment.ChecksumUnknown},
		{"a routing header without room", via6(client6, server6, protoRouting, []byte{protoTCP, 0, 0, 1, 0, 0, 0, 0}), segment.ChecksumUnknown},
	} {
		s, why := decodeFrame(101, c.packet, 0)
		if why != isSegment {
			t.Errorf("%s: skipped, %v", c.name, why)
			continue
		}
		from, to := s.Flow.Sender(s.Dir).IP.Addr(), s.Flow.Sender(s.Dir.Reverse()).IP.Addr()
		want := [2]string{"10.0.0.1", "10.0.0.2"}
		if c.packet[0]>>4 == 6 {
			want = [2]string{"fd00::1", "fd00::2"}
		}
		if from.String() != want[0] || to.String() != want[1] || s.Checksum != c.checksum {
			t.Errorf("%s: from %s to %s, checksum %v, want %v and %v", c.name, from, to, s.Checksum, want, c.checksum)
		}
		quote := icmp4(11, 0, 0, c.packet)
		if c.packet[0]>>4 == 6 {
			quote = icmp6(3, 0, 0, c.packet)
		}
		if q, why := decodeFrame(101, quote, 0); why != isSegment || q.Flow != s.Flow || q.Dir != s.Dir {
			t.Errorf("%s, quoted: %v, %+v", c.name, why, q.Flow)
		}
	}
}

// sumOver computes the TCP checksum of a segment of IPv6.
func sumOver(src, dst, segment []byte) uint16 {
	pseudo := join(src, dst, []byte{0, 0}, u16(uint16(len(segment))), []byte{0, 0, 0, protoTCP}, segment)
	sum := uint32(0)
	for i := 0; i < len(pseudo); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(pseudo[i:]))
	}
	for sum>>16 != 0 {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
