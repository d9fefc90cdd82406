package capture

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/tcplife/tcplife/internal/segment"
)

// decodeFrame decodes one frame of which wire bytes (0 = all) were on the wire.
func decodeFrame(link uint16, frame []byte, wire int) (segment.Segment, skip) {
	s, _, why := decodeWay(link, frame, wire)
	return s, why
}

// decodeWay decodes a frame, and tells by which path it came.
func decodeWay(link uint16, frame []byte, wire int) (s segment.Segment, path string, why skip) {
	d := newDecoder(true, new(segment.Paths))
	why = d.decode(link, frame, stamped{data: frame, wire: wire}.wireLen(), &s)
	p := d.paths.Path(s.Path)
	return s, p.String(), why
}

func TestFieldsOfASegment(t *testing.T) {
	frame := plainFrame(100)
	s, why := decodeFrame(1, frame, 0)
	a := segment.Endpoint{IP: segment.IPOf(netip.MustParseAddr("10.0.0.1")), Port: 40000}
	b := segment.Endpoint{IP: segment.IPOf(netip.MustParseAddr("10.0.0.2")), Port: 443}
	want := segment.Segment{
		Flow: segment.Flow{A: a, B: b}, Dir: segment.AtoB, Checksum: segment.ChecksumGood, TTL: 64, HasIPID: true, IPID: 0x1234,
		Flags: segment.PSH | segment.ACK, Window: 4096, Seq: 1000, Ack: 2000, PayloadLen: 100, Captured: 100, IPLen: 152,
		Options: segment.Options{Has: segment.OptTimestamps, TSVal: 1, TSEcr: 2},
	}
	if why != isSegment || s != want {
		t.Errorf("got  %v %+v\nwant %+v", why, s, want)
	}
	// The same the other way round.
	ip := frame[14:]
	copy(ip[12:], []byte{10, 0, 0, 2, 10, 0, 0, 1})
	copy(ip[20:], join(u16(443), u16(40000)))
	want.Dir = segment.BtoA
	if s, _ := decodeFrame(1, frame, 0); s != want {
		t.Errorf("other way: got %+v\nwant %+v", s, want)
	}
}

var syn = tcpHeader(2, nil, nil)

// way is one path of headers to a TCP segment.
type way struct {
	name  string
	link  uint16
	frame []byte
	path  string
}

// ways puts every link layer and encapsulation before a TCP segment, at the
// end of the frame except for padding.
func ways(syn []byte) []way {
	v4, v6 := ip4(protoTCP, syn), ip6(protoTCP, syn)
	cooked := func(t uint16, p []byte) []byte { return join([]byte{0, 0, 0, 1, 0, 6}, make([]byte, 8), u16(t), p) }
	cooked2 := func(t uint16, p []byte) []byte { return join(u16(t), make([]byte, 18), p) }
	snap := func(t uint16, p []byte) []byte {
		return ether(uint16(8+len(p)), join([]byte{0xaa, 0xaa, 3, 0, 0, 0}, u16(t), p))
	}
	udp := func(port uint16, p []byte) []byte {
		return ip4(protoUDP, join(u16(50000), u16(port), u16(uint16(8+len(p))), u16(0), p))
	}
	extension := func(next byte, p []byte) []byte { return join([]byte{next, 0, 1, 4, 0, 0, 0, 0}, p) }
	inner := ether(etherIPv4, v4)
	monitored := join([]byte{0, 0, 8, 0, 0, 0, 0, 0}, dot11(0x08, 1, nil, snapped(etherIPv4, v4)))
	return []way{
		{"Ethernet, IPv4", 1, ether(etherIPv4, v4), "plain"},
		{"Ethernet, IPv6", 1, ether(etherIPv6, v6), "plain"},
		{"padding", 1, append(ether(etherIPv4, v4), make([]byte, 6)...), "plain"},
		{"802.1Q", 1, ether(etherVLAN, vlan(0xe005, etherIPv4, v4)), "vlan:5"},
		{"priority tag", 1, ether(etherVLAN, vlan(0xe000, etherIPv4, v4)), "plain"},
		{"802.1ad", 1, ether(etherQinQ, vlan(7, etherVLAN, vlan(8, etherIPv6, v6))), "vlan:7/vlan:8"},
		{"three tags", 1, ether(etherQinQOld, vlan(7, etherVLAN, vlan(8, etherVLAN, vlan(9, etherIPv4, v4)))), "vlan:7/vlan:8/vlan:9"},
		{"Cisco MetaData", 1, ether(etherCiscoMeta, join([]byte{1, 1, 0, 1, 0, 2}, u16(etherIPv4), v4)), "plain"},
		{"Cisco MetaData, two options", 1, ether(etherCiscoMeta, join([]byte{1, 2, 0, 1, 0, 2, 0, 1, 0, 3}, u16(etherIPv6), v6)), "plain"},
		{"802.3 with SNAP", 1, snap(etherIPv4, v4), "plain"},
		{"802.3 with LLC", 1, ether(uint16(3+len(v4)), join([]byte{6, 6, 3}, v4)), "plain"},
		{"raw 12", 12, v4, "plain"},
		{"raw 14", 14, v6, "plain"},
		{"raw 101", 101, v6, "plain"},
		{"raw IPv4", 228, v4, "plain"},
		{"raw IPv6", 229, v6, "plain"},
		{"NULL, little endian", 0, join([]byte{2, 0, 0, 0}, v4), "plain"},
		{"NULL, big endian", 0, join([]byte{0, 0, 0, 2}, v4), "plain"},
		{"NULL, Linux IPv6", 0, join([]byte{10, 0, 0, 0}, v6), "plain"},
		{"NULL, OpenBSD IPv6", 0, join([]byte{24, 0, 0, 0}, v6), "plain"},
		{"NULL, FreeBSD IPv6", 0, join([]byte{28, 0, 0, 0}, v6), "plain"},
		{"LOOP, Darwin IPv6", 108, join([]byte{0, 0, 0, 30}, v6), "plain"},
		{"SLL", 113, cooked(etherIPv4, v4), "plain"},
		{"SLL with a tag", 113, cooked(etherVLAN, vlan(3, etherIPv6, v6)), "vlan:3"},
		{"SLL2", 276, cooked2(etherIPv6, v6), "plain"},
		{"SLL of a monitor interface", 113, join([]byte{0, 0, 0x03, 0x23, 0, 6}, make([]byte, 8), u16(4), monitored), "plain"},
		{"SLL2 of a monitor interface", 276, join(u16(4), make([]byte, 6), []byte{0x03, 0x23}, make([]byte, 10), monitored), "plain"},
		{"PPP", 9, join([]byte{0xff, 3, 0, 0x21}, v4), "plain"},
		{"IPv4 options", 101, append(append([]byte{0x46, 0, 0, byte(24 + len(syn))}, v4[4:20]...), append([]byte{1, 1, 1, 1}, syn...)...), "plain"},
		{"hop-by-hop", 101, ip6(protoHopByHop, extension(protoTCP, syn)), "plain"},
		{"destination, routing", 101, ip6(protoDestination, extension(protoRouting, join([]byte{protoTCP, 0, 0, 0, 0, 0, 0, 0}, syn))), "plain"},
		{"fragment of a whole", 101, ip6(protoFragment, join([]byte{protoTCP, 0, 0, 0, 0, 0, 0, 1}, syn)), "plain"},
		{"authentication header", 101, ip4(protoAH, join([]byte{protoTCP, 4}, make([]byte, 22), syn)), "ah:0x00000000"},
		{"IP in IP", 101, ip4(protoIPIP, v4), "ip"},
		{"6in4", 101, ip4(protoIPv6, v6), "ip"},
		{"4in6", 101, ip6(protoIPIP, v4), "ip"},
		{"GRE", 101, ip4(protoGRE, join([]byte{0, 0}, u16(etherIPv4), v4)), "gre"},
		{"GRE with key, Ethernet", 101, ip4(protoGRE, join([]byte{0x20, 0}, u16(etherBridging), []byte{0, 0, 0, 1}, inner)), "gre:1"},
		{"VXLAN", 101, udp(4789, join([]byte{8, 0, 0, 0, 0, 0, 42, 0}, inner)), "vxlan:42"},
		{
			"VXLAN in a VLAN, and a VLAN inside", 1,
			ether(etherVLAN, vlan(3, etherIPv4, udp(4789, join([]byte{8, 0, 0, 0, 0, 0, 42, 0}, ether(etherVLAN, vlan(4, etherIPv4, v4)))))),
			"vlan:3/vxlan:42/vlan:4",
		},
		{"Geneve", 101, udp(6081, join([]byte{0, 0}, u16(etherBridging), []byte{0, 0, 1, 0}, inner)), "geneve:1"},
		{"GTP-U", 101, udp(2152, join([]byte{0x30, 255}, u16(uint16(len(v4))), []byte{0, 0, 0, 1}, v4)), "gtp:0x00000001"},
		{"GTP-U with a sequence number", 101, udp(2152, join([]byte{0x32, 255}, u16(uint16(4+len(v4))), []byte{0, 0, 0, 1, 0, 7, 0, 0}, v4)), "gtp:0x00000001"},
		{
			"GTP-U with an extension header", 101,
			udp(2152, join([]byte{0x34, 255}, u16(uint16(8+len(v4))), []byte{0, 0, 0, 1, 0, 0, 0, 0x85, 1, 0, 0, 0}, v4)),
			"gtp:0x00000001",
		},
		{"MPLS", 1, ether(etherMPLS, join([]byte{0, 1, 0x20, 64, 0, 1, 0x31, 64}, v4)), "mpls:18/mpls:19"},
		{"MPLS, IPv6", 1, ether(etherMPLS, join([]byte{0, 1, 0x31, 64}, v6)), "mpls:19"},
		{"PPPoE", 1, ether(etherPPPoE, join([]byte{0x11, 0, 0, 1}, u16(uint16(2+len(v4))), u16(0x21), v4)), "pppoe:1"},
	}
}

func TestEveryWayToASegment(t *testing.T) {
	for _, test := range ways(syn) {
		t.Run(test.name, func(t *testing.T) {
			s, path, why := decodeWay(test.link, test.frame, 0)
			if why != isSegment {
				t.Fatalf("skipped: %v", why)
			}
			from := s.Flow.Sender(s.Dir)
			if from.Port != 40000 || s.Seq != 1000 || s.Flags != segment.SYN || s.PayloadLen != 0 || s.Captured != 0 || path != test.path {
				t.Errorf("got %+v by %s", s, path)
			}
		})
	}
}

// A snapshot that ends in the TCP options leaves a segment on every way to it.
func TestEveryWayToASegmentThatWasCut(t *testing.T) {
	for _, test := range ways(tcpHeader(2, timestamps, make([]byte, 50))) {
		if test.name == "padding" {
			continue // a frame that was cut has lost its padding
		}
		t.Run(test.name, func(t *testing.T) {
			s, why := decodeFrame(test.link, test.frame[:len(test.frame)-60], len(test.frame))
			if why != isSegment {
				t.Fatalf("skipped: %v", why)
			}
			if s.Seq != 1000 || s.PayloadLen != 50 || s.Captured != 0 || s.Options.Has != segment.OptCut {
				t.Errorf("got %+v", s)
			}
		})
	}
}

func TestWhyAFrameGivesNoSegment(t *testing.T) {
	v4 := ip4(protoTCP, syn)
	with := func(b []byte, at int, v ...byte) []byte {
		b = bytes.Clone(b)
		copy(b[at:], v)
		return b
	}
	deep := v4
	for range maxDepth + 1 {
		deep = ip4(protoIPIP, deep)
	}
	tags := vlan(1, etherIPv4, v4)
	for range maxDepth {
		tags = vlan(1, etherVLAN, tags)
	}
	tests := []struct {
		name  string
		link  uint16
		frame []byte
		wire  int
		want  string
	}{
		{"nothing", 1, nil, 0, "truncated frame"},
		{"ARP", 1, ether(etherARP, make([]byte, 28)), 0, "arp"},
		{"UDP", 101, ip4(protoUDP, make([]byte, 8)), 0, "udp"},
		{"spanning tree", 1, ether(38, []byte{0x42, 0x42, 3}), 0, "llc"},
		{"unknown Ethernet type", 1, ether(0x1234, nil), 0, "ethernet type 0x1234"},
		{"unknown protocol", 101, ip4(200, nil), 0, "ip protocol 200"},
		{"link type that is only counted", 253, v4, 0, "unsupported link type 253 (Linux netlink)"},
		{"link type beyond the table", 1000, v4, 0, "unsupported link type 1000"},
		{"netlink", 113, join([]byte{0, 0}, u16(824), make([]byte, 10), u16(0x0800), v4), 0, "not ip"},
		{"neither 4 nor 6", 101, with(v4, 0, 0x55), 0, "not ip"},
		{"IPv4 header length", 228, with(v4, 0, 0x44), 0, "malformed ipv4"},
		{"IPv4 total length", 101, with(v4, 2, 0, 19), 0, "malformed ipv4"},
		{"IPv4 cut", 101, v4[:19], 40, "truncated ipv4 header"},
		{"IPv6 cut", 101, ip6(protoTCP, syn)[:39], 60, "truncated ipv6 header"},
		{"IPv6 extension cut", 101, ip6(protoHopByHop, make([]byte, 8))[:44], 48, "truncated ipv6 header"},
		{"IPv6 extension past the end", 101, ip6(protoHopByHop, []byte{6, 5, 0, 0, 0, 0, 0, 0}), 0, "malformed ipv6"},
		{"later fragment", 101, with(v4, 6, 0, 1), 0, "ipv4 fragment"},
		{"later IPv6 fragment", 101, ip6(protoFragment, join([]byte{protoTCP, 0, 0, 8, 0, 0, 0, 1}, syn)), 0, "ipv6 fragment"},
		{"TCP header cut", 101, v4[:39], 40, "truncated tcp header"},
		{"no room for TCP", 101, ip4(protoTCP, syn[:19]), 0, "malformed tcp"},
		{"data offset below 5", 101, with(v4, 32, 0x40), 0, "malformed tcp"},
		{"data offset past the packet", 101, with(v4, 32, 0x60), 0, "malformed tcp"},
		{"first fragment", 101, with(ip4(protoTCP, syn), 6, 0x20), 0, "malformed ipv4"}, // of 20 octets
		{"first fragment without the header", 101, with(ip4(protoTCP, syn[:8]), 6, 0x20), 0, "ipv4 fragment"},
		{"too deep", 101, deep, 0, "encapsulated too deep"},
		{"too many tags", 1, ether(etherVLAN, tags), 0, "encapsulated too deep"},
		{"GRE of something else", 101, ip4(protoGRE, join([]byte{0, 0}, u16(etherARP), make([]byte, 28))), 0, "arp"},
		{"GRE of nothing, a keepalive", 101, ip4(protoGRE, make([]byte, 4)), 0, "gre"},
		{"GRE cut", 101, ip4(protoGRE, []byte{0}), 0, "unreadable encapsulation"},
		{"PPPoE cut", 1, ether(etherPPPoE, make([]byte, 7)), 0, "truncated frame"},
		{"PPPoE that is no data", 1, ether(etherPPPoE, []byte{0x11, 9, 0, 0, 0, 0, 0, 0}), 0, "pppoe"},
		{"PPP of something else", 1, ether(etherPPPoE, []byte{0x11, 0, 0, 0, 0, 2, 0xc0, 0x21}), 0, "pppoe"},
		{"GTP-U echo", 101, ip4(protoUDP, join(u16(1), u16(2152), u16(20), u16(0), []byte{0x32, 1, 0, 4}, make([]byte, 8))), 0, "udp"},
		{
			"GTP-U extension of no length", 101,
			ip4(protoUDP, join(u16(1), u16(2152), u16(24), u16(0), []byte{0x34, 255, 0, 8, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0})), 0, "unreadable encapsulation",
		},
		{"MPLS cut", 1, ether(etherMPLS, []byte{0}), 0, "unreadable encapsulation"},
	}
	for _, test := range tests {
		if _, why := decodeFrame(test.link, test.frame, test.wire); why.String() != test.want {
			t.Errorf("%s: got %q, want %q", test.name, why, test.want)
		}
	}
}

// Lengths come from the IP header, what is there from the file.
func TestLengths(t *testing.T) {
	whole := plainFrame(1000)
	tso := plainFrame(1000)
	copy(tso[16:], []byte{0, 0})
	tso6 := ether(etherIPv6, ip6(protoTCP, tcpHeader(0x18, nil, make([]byte, 900))))
	copy(tso6[18:], []byte{0, 0})
	jumbo := ip6(protoHopByHop, join([]byte{protoTCP, 0, optJumbo, 4, 0, 1, 0, 28}, syn))
	copy(jumbo[4:], []byte{0, 0})
	tests := []struct {
		name              string
		frame             []byte
		wire              int
		payload, captured uint32
		ipLen             uint32
		checksum          segment.Checksum
		options           segment.OptionSet
	}{
		{"whole", whole, 0, 1000, 1000, 1052, segment.ChecksumGood, segment.OptTimestamps},
		{"padded", append(bytes.Clone(whole), 1, 2, 3), 0, 1000, 1000, 1052, segment.ChecksumGood, segment.OptTimestamps},
		{"cut in the payload", whole[:100], len(whole), 1000, 34, 1052, segment.ChecksumUnknown, segment.OptTimestamps},
		{"cut in the options", whole[:60], len(whole), 1000, 0, 1052, segment.ChecksumUnknown, segment.OptCut},
		{"cut after the fixed header", whole[:54], len(whole), 1000, 0, 1052, segment.ChecksumUnknown, segment.OptCut},
		{"total length 0", tso, 0, 1000, 1000, 1052, segment.ChecksumGood, segment.OptTimestamps},
		{"total length 0, cut", tso[:96], len(tso), 1000, 30, 1052, segment.ChecksumUnknown, segment.OptTimestamps},
		{"IPv6 payload length 0", tso6, 0, 900, 900, 960, segment.ChecksumBad, 0},
		{"jumbogram", ether(etherIPv6, jumbo), 90000, 65536, 0, 40 + 65564, segment.ChecksumUnknown, 0},
	}
	for _, test := range tests {
		s, why := decodeFrame(1, test.frame, test.wire)
		if why != isSegment {
			t.Errorf("%s: skipped: %v", test.name, why)
			continue
		}
		if s.PayloadLen != test.payload || s.Captured != test.captured || s.IPLen != test.ipLen || s.Checksum != test.checksum || s.Options.Has != test.options {
			t.Errorf("%s: payload %d, captured %d, IP %d, checksum %d, options %b\nwant %+v",
				test.name, s.PayloadLen, s.Captured, s.IPLen, s.Checksum, s.Options.Has, test)
		}
	}
}

func TestChecksum(t *testing.T) {
	for n := range 70 { // every way a length can fall on blocks of 32, 8 and 1
		payload := bytes.Repeat([]byte{0xff, 0x80, 3}, n)[:n]
		frame := ether(etherIPv4, ip4(protoTCP, tcpHeader(0x18, timestamps, payload)))
		setChecksum(frame[14:])
		if s, _ := decodeFrame(1, frame, 0); s.Checksum != segment.ChecksumGood {
			t.Fatalf("%d bytes: a right checksum is not found good", n)
		}
		frame[len(frame)-1] ^= 0x10
		if s, _ := decodeFrame(1, frame, 0); s.Checksum != segment.ChecksumBad {
			t.Fatalf("%d bytes: a flipped bit is not found", n)
		}
	}
	routed := ip6(protoRouting, join([]byte{protoTCP, 0, 0, 1, 0, 0, 0, 0}, syn))
	if s, why := decodeFrame(101, routed, 0); why != isSegment || s.Checksum != segment.ChecksumUnknown {
		t.Error("with segments left to route, the destination the checksum covers is not the header's")
	}
	d := newDecoder(false, new(segment.Paths))
	var s segment.Segment
	if d.decode(1, plainFrame(1), 67, &s); s.Checksum != segment.ChecksumUnknown {
		t.Error("verified without being asked")
	}
}

// fillTCP must order as the vocabulary of the project does.
func TestFlowOrder(t *testing.T) {
	addresses := []string{"10.0.0.1", "10.0.0.2", "9.255.255.255", "fd00::1", "fd00::2", "2001:db8::ffff", "::1", "2001:db9::"}
	for _, from := range addresses {
		for _, to := range addresses {
			for _, ports := range [][2]uint16{{1, 2}, {2, 1}, {7, 7}} {
				a := segment.Endpoint{IP: segment.IPOf(netip.MustParseAddr(from)), Port: ports[0]}
				b := segment.Endpoint{IP: segment.IPOf(netip.MustParseAddr(to)), Port: ports[1]}
				var got, want segment.Segment
				header := join(u16(a.Port), u16(b.Port), make([]byte, 8), []byte{5 << 4}, make([]byte, 7))
				fillTCP(&got, ends6(append(a.IP[:], b.IP[:]...)), header, len(header))
				if want.Flow, want.Dir = segment.FlowOf(a, b); got != want {
					t.Errorf("%v to %v: %v %v", a, b, got.Flow, got.Dir)
				}
			}
		}
	}
}

func TestDecodingPlainFramesAllocatesNothing(t *testing.T) {
	frames := [][]byte{plainFrame(1460), ether(etherVLAN, vlan(1, etherIPv6, ip6(protoTCP, syn))), ether(etherARP, make([]byte, 28))}
	d := newDecoder(true, new(segment.Paths))
	var s segment.Segment
	var counts skipCounts
	if n := testing.AllocsPerRun(100, func() {
		for _, f := range frames {
			if why := d.decode(1, f, uint32(len(f)), &s); why != isSegment && binary.BigEndian.Uint16(f[12:]) != etherARP {
				counts.add(why)
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
