package capture

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/tcplife/tcplife/internal/samples"
	"github.com/tcplife/tcplife/internal/segment"
)

// Each encapsulation as such, whole and cut to every length, is tested in internal/samples. Here is what is none, and where
// gopacket is wrong.

// sampleFrames are the frames of a capture in testdata/pcap/tunnel.
func sampleFrames(t testing.TB, name string) (frames [][]byte) {
	t.Helper()
	for _, s := range samples.Of("tunnel") {
		if s.Name != name+".pcap" {
			continue
		}
		for b := s.Bytes(0)[24:]; len(b) > 0; {
			n := binary.LittleEndian.Uint32(b[8:])
			frames = append(frames, b[16:16+n])
			b = b[16+n:]
		}
		return frames
	}
	t.Fatalf("no sample %q", name)
	return nil
}

// rightSum fills in the header checksum of an IPv4 packet without options.
func rightSum(p []byte) []byte {
	p = slices.Clone(p)
	p[10], p[11] = 0, 0
	binary.LittleEndian.PutUint16(p[10:], ^fold(sumOctets(0, p[:20])))
	return p
}

func TestLevelsOfEncapsulation(t *testing.T) {
	nested := func(levels int, around func([]byte) []byte) []byte {
		p := ip4(protoTCP, syn)
		for range levels {
			p = around(p)
		}
		return p
	}
	for name, around := range map[string]func([]byte) []byte{
		"IP in IP": func(p []byte) []byte { return ip4(protoIPIP, p) },
		"GRE":      func(p []byte) []byte { return ip4(protoGRE, join([]byte{0, 0}, u16(etherIPv4), p)) },
		"GTP-U": func(p []byte) []byte {
			return datagram(portGTP, join([]byte{0x30, 255}, u16(uint16(len(p))), []byte{0, 0, 0, 1}, p))
		},
		"VXLAN": func(p []byte) []byte {
			return datagram(portVXLAN, join([]byte{8, 0, 0, 0, 0, 0, 1, 0}, ether(etherIPv4, p)))
		},
	} {
		if s, path, why := decodeWay(101, nested(maxDepth, around), 0); why != isSegment || s.Seq != 1000 {
			t.Errorf("%s: %d levels: %v by %s", name, maxDepth, why, path)
		}
		if _, why := decodeFrame(101, nested(maxDepth+1, around), 0); why != skipTooDeep {
			t.Errorf("%s: %d levels: %v", name, maxDepth+1, why)
		}
	}
}

// datagram is UDP in IPv4, sent to a port.
func datagram(to uint16, p []byte) []byte {
	return ip4(protoUDP, join(u16(50000), u16(to), u16(uint16(udpHeaderSize+len(p))), u16(0), p))
}

// A datagram on the port of a tunnel that is not the tunnel's is a datagram.
func TestDatagramsThatAreNoTunnel(t *testing.T) {
	wrongSum := ip4(protoTCP, syn)
	v4, v6 := rightSum(wrongSum), ip6(protoTCP, syn)
	frame := ether(etherIPv4, v4)
	long := rightSum(slices.Concat([]byte{0x45, 0, 9, 0}, wrongSum[4:])) // says that it is longer than there is room
	longWrong := slices.Concat([]byte{0x45, 0, 9, 0}, wrongSum[4:])
	is := func(b ...byte) []byte { return b }
	for _, test := range []struct {
		name   string
		port   uint16
		tunnel []byte
		not    map[string][]byte
	}{
		{"VXLAN", portVXLAN, join(is(8, 0, 0, 0, 0, 0, 1, 0), frame), map[string][]byte{
			"no identifier":        join(is(0, 0, 0, 0, 0, 0, 1, 0), frame),
			"no room for its IP":   join(is(8, 0, 0, 0, 0, 0, 1, 0), ether(etherIPv4, longWrong)),
			"another version":      join(is(8, 0, 0, 0, 0, 0, 1, 0), ether(etherIPv4, join(is(0x55), v4[1:]))),
			"nothing behind it":    is(8, 0, 0, 0, 0, 0, 1),
			"IPv6 without a sense": join(is(8, 0, 0, 0, 0, 0, 1, 0), ether(etherIPv6, join(v6[:6], is(200), v6[7:]))),
		}},
		{"VXLAN-GPE", portVXLANGPE, join(is(0x0c, 0, 0, 1, 0, 0, 1, 0), v4), map[string][]byte{
			"no identifier":      join(is(0x04, 0, 0, 1, 0, 0, 1, 0), v4),
			"unknown protocol":   join(is(0x0c, 0, 0, 99, 0, 0, 1, 0), v4),
			"no room for its IP": join(is(0x0c, 0, 0, 1, 0, 0, 1, 0), longWrong),
		}},
		{"Geneve", portGeneve, join(is(0, 0, 8, 0, 0, 0, 1, 0), v4), map[string][]byte{
			"another version":      join(is(0x40, 0, 8, 0, 0, 0, 1, 0), v4),
			"a length, not a type": join(is(0, 0, 0, 60, 0, 0, 1, 0), v4),
			"no room for options":  join(is(0x3f, 0, 8, 0, 0, 0, 1, 0), v4),
			"no room for its IP":   join(is(0, 0, 8, 0, 0, 0, 1, 0), longWrong),
		}},
		{"GTP-U", portGTP, join(is(0x30, 255), u16(uint16(len(v4))), is(0, 0, 0, 1), v4), map[string][]byte{
			"a mere packet":        v4,
			"GTP prime":            join(is(0x20, 255), u16(uint16(len(v4))), is(0, 0, 0, 1), v4),
			"no subscriber's":      join(is(0x30, 254), u16(uint16(len(v4))), is(0, 0, 0, 1), v4),
			"no room for length":   join(is(0x30, 255), u16(uint16(1+len(v4))), is(0, 0, 0, 1), v4),
			"neither IP nor frame": join(is(0x30, 255), u16(40), is(0, 0, 0, 1), make([]byte, 40)),
		}},
		{"GTP version 0", portGTPv0, join(is(0x1e, 255), u16(uint16(len(v4))), make([]byte, 16), v4), map[string][]byte{
			"another version":    join(is(0x3e, 255), u16(uint16(len(v4))), make([]byte, 16), v4),
			"no room for length": join(is(0x1e, 255), u16(uint16(1+len(v4))), make([]byte, 16), v4),
		}},
		{"Teredo", portTeredo, teredoPacket(), map[string][]byte{
			"addresses of others": v6,
			"too long":            slices.Concat(teredoPacket()[:4], u16(2000), teredoPacket()[6:]),
			"IPv4":                v4,
		}},
		{"L2TP", portL2TP, join(is(0, 2, 0, 7, 0, 9, 0, 0x21), v4), map[string][]byte{
			"control":              join(is(0xc8, 2, 0, 60, 0, 7, 0, 9, 0, 0, 0, 0), v4),
			"a reserved bit":       join(is(4, 2, 0, 7, 0, 9, 0, 0x21), v4),
			"another version":      join(is(0, 4, 0, 7, 0, 9, 0, 0x21), v4),
			"no room for length":   join(is(0x40, 2, 1, 0, 0, 7, 0, 9, 0, 0x21), v4),
			"no room for its IP":   join(is(0, 2, 0, 7, 0, 9, 0, 0x21), longWrong),
			"a configuration":      join(is(0, 2, 0, 7, 0, 9, 0xc0, 0x21), v4),
			"3, without certainty": join(is(0, 3, 0, 0, 0, 0, 0, 9), wrongSum),
		}},
		{"LISP", portLISP, join(make([]byte, 8), v4), map[string][]byte{
			"a wrong checksum":        join(make([]byte, 8), wrongSum),
			"IPv6 of another length":  join(make([]byte, 8), v6, is(0)),
			"more than there is room": join(make([]byte, 8), long),
		}},
		{"GRE", portGRE, join(is(0, 0, 8, 0), v4), map[string][]byte{
			"a reserved bit":     join(is(4, 0, 8, 0), v4),
			"version 1":          join(is(0, 1, 8, 0), v4),
			"no type":            join(is(0, 0, 0, 0), v4),
			"no room for its IP": join(is(0, 0, 8, 0), longWrong),
		}},
		{"AYIYA", portAYIYA, join(is(0x01, 0x01, 0x01, 41, 0, 0, 0, 0, 1), v6), map[string][]byte{
			"no forwarding":    join(is(0x01, 0x01, 0x02, 41, 0, 0, 0, 0, 1), v6),
			"another protocol": join(is(0x01, 0x01, 0x01, 6, 0, 0, 0, 0, 1), v6),
			"another length":   join(is(0x01, 0x01, 0x01, 41, 0, 0, 0, 0, 1), v6, is(1)),
		}},
		{"CAPWAP", portCAPWAP, join(is(0, 2<<3, 2, 0, 0, 0, 0, 0), frame), map[string][]byte{
			"encrypted":         join(is(1, 2<<3, 2, 0, 0, 0, 0, 0), frame),
			"a keepalive":       join(is(0, 2<<3, 2, 8, 0, 0, 0, 0), frame),
			"a later fragment":  join(is(0, 2<<3, 2, 0x80, 0, 0, 0, 8), frame),
			"a header too long": join(is(0, 0xf8, 2, 0, 0, 0, 0, 0), frame),
			"no IP":             join(is(0, 2<<3, 2, 0, 0, 0, 0, 0), ether(etherARP, v4)),
		}},
		{"GUE", portGUE, join(is(0, 4, 0, 0), v4), map[string][]byte{
			"control":             join(is(0x20, 4, 0, 0), v4),
			"another protocol":    join(is(0, 6, 0, 0), v4),
			"a wrong checksum":    join(is(0, 4, 0, 0), wrongSum),
			"1, a wrong checksum": wrongSum,
		}},
		{"MPLS", portMPLS, join(is(0, 1, 0x31, 64), v4), map[string][]byte{
			"no last label":    join(is(0, 1, 0x30, 64), is(0, 0, 0, 0)),
			"a wrong checksum": join(is(0, 1, 0x31, 64), wrongSum),
		}},
		{"TZSP", portTZSP, join(is(1, 0, 0, 1, 1), frame), map[string][]byte{
			"another version":      join(is(2, 0, 0, 1, 1), frame),
			"configuration":        join(is(1, 3, 0, 1, 1), frame),
			"no end of tags":       join(is(1, 0, 0, 1, 10, 255), frame),
			"frames of IEEE 802.5": join(is(1, 0, 0, 2, 1), frame),
		}},
	} {
		if _, why := decodeFrame(101, datagram(test.port, test.tunnel), 0); why != isSegment {
			t.Errorf("%s: %v", test.name, why)
		}
		for name, p := range test.not {
			if _, why := decodeFrame(101, datagram(test.port, p), 0); why != plainUDP {
				t.Errorf("%s: %s: %v", test.name, name, why)
			}
		}
		if _, why := decodeFrame(101, datagram(test.port+20, test.tunnel), 0); why != plainUDP {
			t.Errorf("%s on a port of no tunnel: %v", test.name, why)
		}
		noSegmentAmongNoise(t, test.name, test.port, test.tunnel)
	}
}

func teredoPacket() []byte {
	p := ip6(protoTCP, syn)
	copy(p[8:], []byte{0x20, 1, 0, 0})
	return p
}

// noSegmentAmongNoise holds that octets of chance, or a header of the tunnel before them, carry no TCP.
func noSegmentAmongNoise(t *testing.T, name string, port uint16, tunnel []byte) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, uint64(port)))
	for range 2000 {
		p := make([]byte, r.IntN(200))
		for i := range p {
			p[i] = byte(r.Uint32())
		}
		copy(p, tunnel[:r.IntN(8)])
		if s, why := decodeFrame(101, datagram(port, p), 0); why == isSegment {
			t.Fatalf("%s: %x gave %+v", name, p, s)
		}
	}
}

// What a device mirrored, it may have cut: more is missing than the file says. The payload's length is that of the
// packet, and the padding of the outer frame is none of it.
func TestLengthsInTunnels(t *testing.T) {
	whole := rightSum(ip4(protoTCP, tcpHeader(0x18, nil, make([]byte, 100))))
	setChecksum(whole)
	cut := whole[:60]
	v6 := ip6(protoTCP, tcpHeader(0x18, nil, make([]byte, 100)))
	vxlan := func(inner []byte) []byte { return datagram(portVXLAN, join([]byte{8, 0, 0, 0, 0, 0, 1, 0}, inner)) }
	short := ip4(protoTCP, syn)
	trailer := vxlan(ether(etherIPv4, whole))
	trailer = append(trailer, make([]byte, 30)...)
	binary.BigEndian.PutUint16(trailer[2:], uint16(len(trailer))) // the outer IP packet has it, the datagram has not
	for _, test := range []struct {
		name              string
		packet            []byte
		payload, captured uint32
		checksum          segment.Checksum
	}{
		{"whole", vxlan(ether(etherIPv4, whole)), 100, 100, segment.ChecksumGood},
		{"cut by the mirror", vxlan(ether(etherIPv4, cut)), 100, 20, segment.ChecksumUnknown},
		{"cut by the mirror, IPv6", vxlan(ether(etherIPv6, v6[:80])), 100, 20, segment.ChecksumUnknown},
		{"inner padding", vxlan(append(ether(etherIPv4, short), make([]byte, 6)...)), 0, 0, segment.ChecksumBad},
		{"outer padding", append(ip4(protoGRE, join([]byte{0, 0, 8, 0}, short)), make([]byte, 20)...), 0, 0, segment.ChecksumBad},
		{"behind the datagram", trailer, 100, 100, segment.ChecksumGood},
		{"left to the card", ip4(protoGRE, join([]byte{0, 0, 8, 0}, whole[:2], []byte{0, 0}, whole[4:])), 100, 100, segment.ChecksumGood},
	} {
		s, why := decodeFrame(101, test.packet, 0)
		if why != isSegment || s.PayloadLen != test.payload || s.Captured != test.captured || s.Checksum != test.checksum {
			t.Errorf("%s: %v, payload %d, captured %d, checksum %d", test.name, why, s.PayloadLen, s.Captured, s.Checksum)
		}
	}
}

// TestWhereGopacketIsWrong shows why an encapsulation is decoded by hand: alone, gopacket finds another TCP segment than
// there is, or none. Should it learn to, this test says so.
func TestWhereGopacketIsWrong(t *testing.T) {
	options := join([]byte{0xff, 0xff, 1, 30}, make([]byte, 4*30), []byte{0xff, 0xff, 1, 31}, make([]byte, 4*31))
	geneve := ether(etherIPv4, datagram(portGeneve, join([]byte{63, 0, 8, 0, 0, 0, 1, 0}, options, ip4(protoTCP, syn))))
	type fault struct {
		name  string
		frame []byte
		wire  int
	}
	faults := []fault{{"geneve, options of more than 247 octets", geneve, 0}}
	for _, name := range []string{
		"gre-reserved", "gre-wccp", "eoip", "erspan-1", "erspan-3", "erspan-3-long", // types and bits it does not know
		"vxlan-gpe-ipv4", "vxlan-gpe-ipv6", "vxlan-gpe-nsh", "vxlan-8472", // all is Ethernet, on one port
		"geneve-options",                                                           // a length of four bits, not five
		"mpls-ethernet", "mpls-ethernet-control-word", "mpls-pppoe", "mpls-in-udp", // IP only
		"teredo", "l2tp", "l2tpv3", "lisp", "gue", "ayiya", "capwap", "tzsp", "gre-udp", "gtp-0", "esp-null-tunnel", // not known at all
		"pbb", "fabricpath", "trill", "vn-tag", "e-tag", "cisco-metadata",
	} {
		faults = append(faults, fault{name, sampleFrames(t, name)[0], 0})
	}
	for _, name := range []string{"gtp", "pppoe"} { // the data is cut, all headers are there
		whole := sampleFrames(t, name)[3]
		faults = append(faults, fault{name + ", cut", whole[:len(whole)-10], len(whole)})
	}
	for _, f := range faults {
		s, why := decodeFrame(linkEthernet, f.frame, f.wire)
		if why != isSegment || s.Flow.A.Port != 40000 {
			t.Errorf("%s: %v %+v", f.name, why, s)
		}
		quietly(t, func() {
			p := gopacket.NewPacket(f.frame, layers.LayerTypeEthernet, gopacket.Default)
			tcp, ok := p.TransportLayer().(*layers.TCP)
			if ok && tcp.SrcPort == 40000 && tcp.Seq == uint32(s.Seq) && uint32(len(tcp.Payload)) == s.Captured && p.ErrorLayer() == nil {
				t.Errorf("%s: gopacket reads it: %v", f.name, p)
			}
		})
	}
}

// TestWhereGopacketIsRight holds what is left to gopacket, but for link types.
func TestWhereGopacketIsRight(t *testing.T) {
	for _, name := range []string{"etherip", "erspan-2", "pppoe-compressed", "pptp", "l2tp-short"} {
		if s, path, why := decodeWay(linkEthernet, sampleFrames(t, name)[0], 0); why != isSegment || s.Seq != 1000 {
			t.Errorf("%s: %v by %s", name, why, path)
		}
	}
}

// ESP is taken for unencrypted only when nothing else is possible.
func TestEncryptedESP(t *testing.T) {
	for _, name := range []string{"esp-null-transport", "esp-null-tunnel", "esp-null-tunnel-ipv6", "esp-null-udp"} {
		const espAt = 14 + 20
		frame := sampleFrames(t, name)[3]
		if _, path, why := decodeWay(linkEthernet, frame, 0); why != isSegment || path != "esp:0x00002000" {
			t.Errorf("%s: %v by %s", name, why, path)
		}
		if _, why := decodeFrame(linkEthernet, frame[:len(frame)-1], len(frame)); why == isSegment {
			t.Errorf("%s: guessed without the trailer", name)
		}
		begin := espAt + 8
		switch name {
		case "esp-null-udp":
			begin += udpHeaderSize
		case "esp-null-tunnel-ipv6":
			begin += 40 // no checksum covers all of that header
		}
		for i := begin; i < len(frame)-16; i++ { // all that is no integrity check
			changed := slices.Clone(frame)
			changed[i] ^= 0x15
			if s, why := decodeFrame(linkEthernet, changed, 0); why == isSegment {
				t.Errorf("%s: octet %d changed: %+v", name, i, s)
			}
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 20_000 {
		p := make([]byte, 8+4*r.IntN(40))
		for i := range p {
			p[i] = byte(r.Uint32())
		}
		if len(p) > 40 { // the trailer as it must be
			end := len(p) - []int{12, 16, 0}[i%3]
			copy(p[end-2:], []byte{0, []byte{protoTCP, protoIPIP, protoIPv6}[r.IntN(3)]})
		}
		if s, why := decodeFrame(101, ip4(protoESP, p), 0); why == isSegment {
			t.Errorf("%x gave %+v", p, s)
		}
	}
}

// More paths than there is room for are said to be.
func TestPathsDropped(t *testing.T) {
	frame := func(vni uint32) []byte {
		p := rightSum(ip4(protoTCP, syn))
		return ether(etherIPv4, datagram(portVXLAN, join([]byte{8, 0, 0, 0}, binary.BigEndian.AppendUint32(nil, vni<<8), ether(etherIPv4, p))))
	}
	file := writeFile(t, t.TempDir(), "x.pcap", plainPcap(stamped{data: frame(1)}, stamped{data: frame(1 << 20)}, stamped{data: frame(1)}))
	src, err := Open(t.Context(), []string{file}, DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	for vni := range uint32(1 << 19) { // more than fit, VXLAN 1 among them
		var p segment.Path
		p.Add(segment.WrapVXLAN, vni)
		src.paths.ID(p)
	}
	before := src.Stats().PathsDropped
	batch := make([]segment.Segment, 8)
	if n, err := src.Next(batch); n != 3 || err != nil {
		t.Fatalf("%d segments, %v", n, err)
	}
	if n := src.Stats().PathsDropped - before; before == 0 || n != 1 || batch[1].Path != segment.PlainPath || batch[0].Path == segment.PlainPath {
		t.Errorf("%d paths dropped, and %d before; paths %d and %d", n, before, batch[0].Path, batch[1].Path)
	}
}

// quietly keeps what gopacket writes to standard output from the test's.
func quietly(t *testing.T, do func()) {
	t.Helper()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	stdout := os.Stdout
	os.Stdout = null
	defer func() { os.Stdout = stdout }()
	do()
}
