package capture

import (
	"bytes"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/tcplife/tcplife/internal/samples"
	"github.com/tcplife/tcplife/internal/segment"
)

// What is read of whole conversations in each link type, and of frames cut to
// every length, is held by internal/samples. Here is what those do not have.

// dot11 is an 802.11 data frame with a body behind a header of 24 octets, and
// behind what else belongs to it.
func dot11(kind, flags byte, rest []byte, body []byte) []byte {
	return join([]byte{kind, flags, 0, 0}, make([]byte, 18), []byte{0x10, 0}, rest, body)
}

func snapped(t uint16, p []byte) []byte { return join([]byte{0xaa, 0xaa, 3, 0, 0, 0}, u16(t), p) }

func TestWhyALinkLayerGivesNoSegment(t *testing.T) {
	v4 := ip4(protoTCP, syn)
	body := snapped(etherIPv4, v4)
	data := dot11(0x08, 1, nil, body)
	fragment := dot11(0x08, 1, nil, body)
	fragment[22] |= 3
	radiotap := func(flags byte, frame []byte) []byte { return join([]byte{0, 0, 9, 0, 2, 0, 0, 0, flags}, frame) }
	nested := v4
	for range 2 * maxDepth {
		nested = join([]byte{0, 0, 8, 0, 192, 0, 0, 0}, nested)
	}
	tests := []struct {
		name  string
		link  uint16
		frame []byte
		wire  int
		want  string
	}{
		{"802.11 beacon", 105, dot11(0x80, 0, nil, nil), 0, "802.11 management"},
		{"802.11 acknowledgment", 105, []byte{0xd4, 0, 0, 0, 2, 0, 0, 0, 0, 1}, 0, "802.11 control"},
		{"802.11 null", 105, dot11(0x48, 1, nil, nil), 0, "802.11 without data"},
		{"802.11 null with quality of service", 105, dot11(0xc8, 1, []byte{0, 0}, nil), 0, "802.11 without data"},
		{"802.11 encrypted", 105, dot11(0x08, 0x41, nil, make([]byte, 60)), 0, "encrypted 802.11"},
		{"802.11 later fragment", 105, fragment, 0, "link-layer fragment"},
		{"802.11 of a version to come", 105, dot11(0x09, 1, nil, body), 0, "malformed link-layer header"},
		{"802.11 key exchange", 105, dot11(0x08, 1, nil, snapped(0x888e, make([]byte, 8))), 0, "eapol"},
		{"802.11 with a header cut", 105, data[:23], len(data), "truncated frame"},
		{"radiotap with a bad checksum", 127, radiotap(0x40, data), 0, "802.11 with bad checksum"},
		{"radiotap of a version to come", 127, join([]byte{1}, radiotap(0, data)[1:]), 0, "malformed link-layer header"},
		{"radiotap shorter than itself", 127, []byte{0, 0, 7, 0, 0, 0, 0, 0}, 0, "malformed link-layer header"},
		{"radiotap longer than the frame", 127, []byte{0, 0, 9, 0, 0, 0, 0, 0}, 0, "truncated frame"},
		{"radiotap whose bits go on beyond it", 127, join([]byte{0, 0, 8, 0, 0, 0, 0, 0x80}, data)[:9], 40, "truncated frame"},
		{"Prism of no length", 119, make([]byte, 200), 0, "malformed link-layer header"},
		{"PPI of an unknown link type", 192, join([]byte{0, 0, 8, 0, 1, 2, 3, 4}, v4), 0, "unsupported link type 65535"},
		{"PPI in PPI", 192, nested, 0, "encapsulated too deep"},
		{"TZSP keepalive", 128, []byte{1, 4, 0, 0}, 0, "link-layer control"},
		{"TZSP without an end", 128, []byte{1, 0, 0, 1, 0, 0}, 0, "truncated frame"},
		{"LCP", 9, []byte{0xff, 3, 0xc0, 0x21, 1, 1, 0, 4}, 0, "ppp without ip"},
		{"compressed TCP", 9, []byte{0x2d, 0x0f, 1, 2, 3}, 0, "compressed tcp header"},
		{"a later fragment of multilink PPP", 9, []byte{0, 0x3d, 0x40, 0, 0, 1, 0, 0x21}, 0, "link-layer fragment"},
		{"SLARP", 104, []byte{0x8f, 0, 0x80, 0x35, 0, 0, 0, 2}, 0, "link-layer control"},
		{"Q.933", 107, []byte{0x00, 0x01, 3, 8, 0, 0x75}, 0, "link-layer control"},
		{"a frame relay address that does not end", 107, make([]byte, 60), 0, "malformed link-layer header"},
		{"a fragment of FRF.12", 107, []byte{0x18, 0x41, 3, 0xb1, 0x80, 1}, 0, "link-layer fragment"},
		{"a later fragment of FRF.16", 182, []byte{0x41, 1, 0x18, 0x41}, 0, "link-layer fragment"},
		{"FDDI station management", 10, join([]byte{0x41}, make([]byte, 20)), 0, "link-layer control"},
		{"token ring management", 6, make([]byte, 20), 0, "link-layer control"},
		{"a later fragment on ARCnet", 7, []byte{1, 2, 0xd4, 2, 0, 7, 0, 0}, 0, "link-layer fragment"},
		{"ARP on ARCnet", 129, []byte{1, 2, 0, 0, 0xd5, 0, 0, 7}, 0, "arp"},
		{"InfiniBand of other traffic", 247, join([]byte{0, 2, 0, 2, 0, 30, 0, 1, 4}, make([]byte, 40)), 0, "not ip"},
		{"DOCSIS management", 143, join([]byte{0xc2, 0}, make([]byte, 40)), 0, "link-layer control"},
		{"a later fragment of 802.3br", 274, []byte{0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x61, 0xe6, 1, 2}, 0, "link-layer fragment"},
		{"802.3br verify", 274, []byte{0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x07}, 0, "link-layer control"},
		{"pflog shorter than any", 117, make([]byte, 100), 0, "malformed link-layer header"},
		{"NFLOG without a packet", 239, []byte{2, 0, 0, 1, 8, 0, 10, 0, 'h', 'i', 0, 0}, 0, "not ip"},
		{"NFLOG with a length of nothing", 239, []byte{2, 0, 0, 1, 0, 0, 9, 0}, 0, "malformed link-layer header"},
		{"PKTAP about no packet", 258, join([]byte{108, 0, 0, 0, 2, 0, 0, 0}, make([]byte, 100)), 0, "link-layer control"},
		{"PKTAP too short", 258, make([]byte, 200), 0, "malformed link-layer header"},
		{"user 2 of somebody else", 149, v4, 0, "unsupported link type 149 (user 2)"},
		{"exported PDU without a name", 252, join(make([]byte, 4), v4), 0, "exported pdu without ip"},
		{"exported PDU cut in its tags", 252, []byte{0, 12, 0, 4, 'i'}, 40, "truncated frame"},
		{"ERF statistics", 197, make([]byte, 40), 0, "not ip"},
		{"ERF whose extensions do not end", 197, join(make([]byte, 8), []byte{0x82}, make([]byte, 7), []byte{0x80}), 0, "truncated frame"},
		{"Juniper without its magic", 178, v4, 0, "malformed link-layer header"},
		{"Juniper encrypted", 132, join([]byte("MGC\x01"), make([]byte, 30)), 0, "link-layer control"},
		{"SunATM signalling", 123, join([]byte{6, 0, 0, 5}, make([]byte, 40)), 0, "link-layer control"},
		{"LAN emulation control", 110, join([]byte{0xff, 0}, make([]byte, 40)), 0, "link-layer control"},
		{"SNAP cut", 11, snapped(etherIPv4, v4)[:7], 100, "truncated frame"},
	}
	for _, test := range tests {
		if _, why := decodeFrame(test.link, test.frame, test.wire); why.String() != test.want {
			t.Errorf("%s: got %q, want %q", test.name, why, test.want)
		}
	}
}

// The first of the fragments that a link layer makes holds the headers.
func TestFirstFragmentsOfALinkLayer(t *testing.T) {
	v4 := ip4(protoTCP, tcpHeader(0x18, nil, make([]byte, 100)))
	for name, c := range map[string]struct {
		link  uint16
		frame []byte
	}{
		"802.11":           {105, dot11(0x08, 5, nil, snapped(etherIPv4, v4[:80]))},
		"multilink PPP":    {9, join([]byte{0, 0x3d, 0x80, 0, 0, 1, 0, 0x21}, v4[:80])},
		"FRF.16":           {182, join([]byte{0x81, 1, 0x18, 0x41, 3, 0xcc}, v4[:80])},
		"ARCnet":           {7, join([]byte{1, 2, 0xd4, 1, 0, 7}, v4[:80])},
		"Ethernet mPacket": {274, join([]byte{0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0xe6}, ether(etherIPv4, v4[:80]))},
	} {
		s, why := decodeFrame(c.link, c.frame, 0)
		if why != isSegment || s.PayloadLen != 100 || s.Captured != 40 || s.Checksum != segment.ChecksumUnknown {
			t.Errorf("%s: %v, %d of %d octets, checksum %v; want 40 of 100, unknown", name, why, s.Captured, s.PayloadLen, s.Checksum)
		}
	}
}

// Of an A-MSDU the first segment counts; the rest are told of.
func TestAggregated80211(t *testing.T) {
	tcp, udp := snapped(etherIPv4, ip4(protoTCP, syn)), snapped(etherIPv4, ip4(protoUDP, make([]byte, 9)))
	sub := func(p []byte) []byte {
		return join(make([]byte, 12), u16(uint16(len(p))), p, make([]byte, -(14+len(p))&3))
	}
	for name, c := range map[string]struct {
		subframes []byte
		why       string
		further   uint64
	}{
		"one":               {sub(tcp), "tcp", 0},
		"two":               {join(sub(tcp), sub(tcp)), "tcp", 1},
		"behind a datagram": {join(sub(udp), sub(tcp), sub(udp)), "tcp", 1},
		"only datagrams":    {join(sub(udp), sub(udp)), "udp", 0},
		"cut":               {join(sub(tcp), sub(tcp)[:13]), "tcp", 0},
		"none":              {nil, "truncated frame", 0},
	} {
		d := newDecoder(true, new(segment.Paths))
		var s segment.Segment
		frame := dot11(0x88, 1, []byte{0x80, 0}, c.subframes)
		if why := d.decode(105, frame, uint32(len(frame)), &s); why.String() != c.why || d.further != c.further {
			t.Errorf("%s: %v and %d further, want %s and %d", name, why, d.further, c.why, c.further)
		}
		if c.why == "tcp" && (s.Flags != segment.SYN || s.PayloadLen != 0 || s.IPLen != 40) {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// Why link types are read by hand that gopacket has, too: it finds no TCP in
// these samples. Most of the others it does not know.
func TestWhereGopacketIsWrongAboutLinks(t *testing.T) {
	frames := linkSamples(t)
	for _, name := range []string{
		"pflog.pcap",     // expects the length of one system's header
		"prism-avs.pcap", // knows one of the headers under that number
		"prism-big-endian.pcap",
		"wifi-mesh.pcap",
		"wifi-aggregated.pcap",
		"wifi-decrypted.pcap",
		"ppp-serial-cisco.pcap",
		"ppp-multilink.pcap",
	} {
		rec, ok := frames[name]
		if !ok {
			t.Errorf("no sample %s", name)
			continue
		}
		if p := gopacket.NewPacket(rec.data, layers.LinkType(rec.link), gopacket.Default); p.Layer(layers.LayerTypeTCP) != nil {
			t.Errorf("%s: gopacket reads it", name)
		}
		if _, why := decodeFrame(rec.link, rec.data, 0); why != isSegment {
			t.Errorf("%s: %v", name, why)
		}
	}
	// It takes the last four octets of any 802.11 frame for a checksum: of a cut one they are the TCP header's.
	cut := dot11(0x08, 1, nil, snapped(etherIPv4, ip4(protoTCP, tcpHeader(2, timestamps, nil))[:40]))
	if p := gopacket.NewPacket(cut, layers.LinkTypeIEEE802_11, gopacket.Default); p.ErrorLayer() == nil {
		t.Error("gopacket reads a cut frame of 802.11")
	}
	if _, why := decodeFrame(105, cut, len(cut)+12); why != isSegment {
		t.Errorf("cut frame of 802.11: %v", why)
	}
}

// Every link type has a name, and none is decoded under the name of another.
func TestLinkNames(t *testing.T) {
	for i, l := range links {
		if l.decode != nil && l.name == "" {
			t.Errorf("link type %d is decoded and has no name", i)
		}
	}
	for link, want := range map[uint16]string{1: "Ethernet", 127: "802.11 with radiotap", 300: "MDB", 303: "link type 303", 65535: "link type 65535"} {
		if got := linkName(link); got != want {
			t.Errorf("link type %d is called %q, want %q", link, got, want)
		}
	}
}

// linkSamples are the first packets of the captures in testdata/pcap/link, by
// name.
func linkSamples(t testing.TB) map[string]record {
	t.Helper()
	frames := make(map[string]record)
	for _, s := range samples.Of("link") {
		r, err := newRecordReader(newBlockReader(bytes.NewReader(s.Bytes(0)), make([]byte, 4096)))
		var rec record
		if err == nil {
			err = r.next(&rec)
		}
		if err != nil {
			t.Fatalf("%s: %v", s.Name, err)
		}
		frames[s.Name] = rec
	}
	return frames
}
