package capture

import (
	"net/netip"
	"testing"

	"github.com/tcplife/tcplife/internal/segment"
)

// icmp4 and icmp6 are messages that quote what follows. rest is the second word of the header.
func icmp4(kind, code byte, rest uint16, quote []byte) []byte {
	return ip4(protoICMP, join([]byte{kind, code, 0, 0, 0, 0}, u16(rest), quote))
}

func icmp6(kind, code byte, rest uint16, quote []byte) []byte {
	return ip6(protoICMPv6, join([]byte{kind, code, 0, 0, 0, 0}, u16(rest), quote))
}

func TestWhatICMPErrorsQuote(t *testing.T) {
	v4, v6 := ip4(protoTCP, syn), ip6(protoTCP, syn)
	long4 := ip4(protoTCP, tcpHeader(0x18, timestamps, make([]byte, 1000)))
	destination := ip6(protoDestination, join([]byte{protoTCP, 0, 1, 4, 0, 0, 0, 0}, syn))
	for _, c := range []struct {
		name    string
		frame   []byte
		flags   segment.Flags
		payload uint32
		want    segment.ICMPError
		says    string
	}{
		{"host unreachable", icmp4(3, 1, 0, v4), segment.SYN, 0, segment.ICMPError{Type: 3, Code: 1, Quoted: 20}, "host unreachable"},
		{"eight octets only", icmp4(3, 13, 0, v4[:28]), 0, 0, segment.ICMPError{Type: 3, Code: 13, Quoted: 8}, "communication prohibited"},
		{"fragmentation needed", icmp4(3, 4, 1400, long4[:60]), segment.PSH | segment.ACK, 1000, segment.ICMPError{Type: 3, Code: 4, Quoted: 40, MTU: 1400}, "packet too big"},
		{"time exceeded", icmp4(11, 0, 0, v4), segment.SYN, 0, segment.ICMPError{Type: 11, Quoted: 20}, "time to live exceeded"},
		{"no route", icmp6(1, 0, 0, v6), segment.SYN, 0, segment.ICMPError{Type: 1, Quoted: 20, V6: true}, "no route"},
		{"packet too big", icmp6(2, 0, 1280, v6), segment.SYN, 0, segment.ICMPError{Type: 2, Quoted: 20, MTU: 1280, V6: true}, "packet too big"},
		{"options before it", icmp6(1, 4, 0, destination), segment.SYN, 0, segment.ICMPError{Type: 1, Code: 4, Quoted: 20, V6: true}, "port unreachable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, why := decodeFrame(101, c.frame, 0)
			if why != isSegment || !s.IsQuote {
				t.Fatalf("skipped: %v, %+v", why, s)
			}
			reporter := "10.0.0.1"
			if c.want.V6 {
				reporter = "fd00::1"
			}
			c.want.From = segment.IPOf(netip.MustParseAddr(reporter))
			if s.ICMP != c.want || s.ICMP.String() != c.says {
				t.Errorf("%+v (%s), want %+v (%s)", s.ICMP, &s.ICMP, c.want, c.says)
			}
			if from := s.Flow.Sender(s.Dir); from.Port != 40000 || s.Seq != 1000 || s.Flags != c.flags || s.PayloadLen != c.payload || s.Captured != 0 || s.Options.Has != 0 {
				t.Errorf("quoted: %+v", s)
			}
		})
	}
}

// Everything else that ICMP says, and quotes that are none, are counted as ICMP.
func TestICMPThatQuotesNoSegment(t *testing.T) {
	v4 := ip4(protoTCP, syn)
	later := ip4(protoTCP, syn)
	later[7] = 1
	wide := ip4(protoTCP, syn)
	wide[0] = 0x4f
	for name, frame := range map[string][]byte{
		"echo":                       icmp4(8, 0, 0, v4),
		"a redirect":                 icmp4(5, 0, 0, v4),
		"a header alone":             icmp4(3, 1, 0, nil),
		"seven octets":               icmp4(3, 1, 0, v4[:27]),
		"a datagram":                 icmp4(3, 1, 0, ip4(protoUDP, make([]byte, 8))),
		"a later fragment":           icmp4(3, 1, 0, later),
		"an IP header that is cut":   icmp4(3, 1, 0, wide),
		"no version":                 icmp4(3, 1, 0, make([]byte, 40)),
		"an IPv6 neighbour":          icmp6(135, 0, 0, ip6(protoTCP, syn)),
		"IPv6 cut":                   icmp6(1, 0, 0, ip6(protoTCP, syn)[:39]),
		"an IPv6 extension cut":      icmp6(1, 0, 0, ip6(protoHopByHop, []byte{6})),
		"an IPv6 extension too long": icmp6(1, 0, 0, ip6(protoHopByHop, []byte{6, 9, 0, 0, 0, 0, 0, 0})),
		"an ICMP error of itself":    icmp4(3, 1, 0, icmp4(3, 1, 0, v4)),
	} {
		if s, why := decodeFrame(101, frame, 0); why != skipProtocol(protoICMP) && why != skipProtocol(protoICMPv6) {
			t.Errorf("%s: %v, %+v", name, why, s)
		}
	}
}

// An ICMP error is handed out in its place, and is no TCP segment.
func TestQuotesAreNoSegments(t *testing.T) {
	at := func(i int64, frame []byte) stamped { return stamped{time: i * 1e6, data: frame} }
	frames := plainPcap(at(1, plainFrame(10)), at(2, ether(etherIPv4, icmp4(3, 1, 0, ip4(protoTCP, syn)))), at(3, ether(etherIPv4, icmp4(8, 0, 0, nil))))
	segments, stats := readBytes(t, frames)
	if len(segments) != 2 || segments[0].IsQuote || !segments[1].IsQuote || segments[1].Number != 2 {
		t.Errorf("%+v", segments)
	}
	if stats.TCP != 1 || stats.Files[0].TCP != 1 || stats.Quotes != 1 || stats.Skipped["icmp"] != 2 {
		t.Errorf("%d segments, %d quotes, skipped %v", stats.TCP, stats.Quotes, stats.Skipped)
	}
}
