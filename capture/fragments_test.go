package capture

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/tcplife/tcplife/internal/segment"
)

// tap reads packets one after the other, as a Source does.
type tap struct {
	decoder
	segs []segment.Segment
	said []string // why a packet gave no segment, or "tcp"
}

const second = int64(1e9)

func newTap() *tap { return &tap{decoder: newDecoder(true, new(segment.Paths))} }

// read reads packets of one link type.
func (tp *tap) read(link uint16, packets ...[]byte) *tap {
	for _, p := range packets {
		tp.readCut(link, p, len(p))
	}
	return tp
}

// readCut reads the first octets of a packet.
func (tp *tap) readCut(link uint16, packet []byte, captured int) {
	var s segment.Segment
	captured = min(captured, len(packet))
	why := tp.decode(link, packet[:captured:captured], uint32(len(packet)), &s)
	if why == isSegment {
		tp.segs = append(tp.segs, s)
	}
	tp.said = append(tp.said, why.String())
}

func (tp *tap) String() string { return strings.Join(tp.said, ", ") }

// split4 cuts an IPv4 packet without options into fragments that end at these octets of its body.
func split4(packet []byte, ends ...int) [][]byte {
	var out [][]byte
	body, from := packet[20:], 0
	for _, end := range append(ends, len(body)) {
		word := uint16(from / 8)
		if end < len(body) {
			word |= 0x2000
		}
		f := join(packet[:20], body[from:end])
		binary.BigEndian.PutUint16(f[2:], uint16(len(f)))
		binary.BigEndian.PutUint16(f[6:], word)
		out, from = append(out, f), end
	}
	return out
}

// split6 cuts an IPv6 packet, without headers that each fragment needs, into fragments that end at these octets of its body.
func split6(packet []byte, id uint32, ends ...int) [][]byte {
	var out [][]byte
	body, from := packet[40:], 0
	for _, end := range append(ends, len(body)) {
		word := uint16(from)
		if end < len(body) {
			word |= 1
		}
		header := binary.BigEndian.AppendUint32(join([]byte{packet[6], 0}, u16(word)), id)
		f := join(packet[:40], header, body[from:end])
		f[6] = protoFragment
		binary.BigEndian.PutUint16(f[4:], uint16(len(f)-40))
		out, from = append(out, f), end
	}
	return out
}

func split(packet []byte, ends ...int) [][]byte {
	if packet[0]>>4 == 4 {
		return split4(packet, ends...)
	}
	return split6(packet, 77, ends...)
}

// letters is a payload in which no two places are alike for long.
func letters(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i/256)
	}
	return b
}

// packet4 is a packet of IPv4 with a right checksum.
func packet4(payload int) []byte {
	p := ip4(protoTCP, tcpHeader(0x18, timestamps, letters(payload)))
	setChecksum(p)
	return p
}

// identified gives an IPv4 packet another identification.
func identified(p []byte, id uint16) []byte {
	p = bytes.Clone(p)
	binary.BigEndian.PutUint16(p[4:], id)
	return p
}

// seqOf changes the sequence number of an IPv4 packet, and its checksum.
func seqOf(p []byte, seq uint32) []byte {
	p = bytes.Clone(p)
	binary.BigEndian.PutUint32(p[24:], seq)
	setChecksum(p)
	return p
}

// wholeOf is the segment that a packet gives in one piece.
func wholeOf(t *testing.T, packet []byte) segment.Segment {
	t.Helper()
	s, why := decodeFrame(101, packet, 0)
	if why != isSegment {
		t.Fatalf("whole: %v", why)
	}
	return s
}

// checkWhole wants one segment, that of the packet in one piece, from so many fragments.
func checkWhole(t *testing.T, tp *tap, packet []byte, fragments uint8) {
	t.Helper()
	want := wholeOf(t, packet)
	want.Fragments = fragments
	if len(tp.segs) != 1 || tp.segs[0] != want {
		t.Errorf("%v: got %+v\nwant %+v", tp, tp.segs, want)
	}
}

func TestFragmentsInAnyOrder(t *testing.T) {
	for name, packet := range map[string][]byte{
		"ipv4": packet4(2000),
		"ipv6": ip6(protoTCP, tcpHeader(0x18, timestamps, letters(2000))),
	} {
		f := split(packet, 800, 1600)
		for _, order := range [][3]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
			tp := newTap().read(101, f[order[0]], f[order[1]], f[order[2]])
			checkWhole(t, tp, packet, 3)
			if want := fmt.Sprintf("%s fragment, %[1]s fragment, tcp", name); tp.String() != want {
				t.Errorf("%s %v: %v, want %s", name, order, tp, want)
			}
		}
	}
}

// The receiver takes flags from the second fragment, so they are taken here (RFC 1858 would have a filter drop it).
func TestTinyFirstFragment(t *testing.T) {
	packet := packet4(100)
	checkWhole(t, newTap().read(101, split4(packet, 8)...), packet, 2)
	checkWhole(t, newTap().read(101, split4(packet, 8, 16, 24, 32)...), packet, 5)
}

func TestFragmentsOfADatagramThatIsMissingSome(t *testing.T) {
	f := split4(packet4(2000), 800, 1600)
	for missing := range f {
		tp := newTap().read(101, slices.Delete(slices.Clone(f), missing, missing+1)...)
		if tp.String() != "ipv4 fragment, ipv4 fragment" {
			t.Errorf("without fragment %d: %v", missing, tp)
		}
	}
}

func TestInterleavedDatagrams(t *testing.T) {
	a, b := packet4(1000), identified(packet4(1000), 9)
	other := identified(packet4(1000), 0x1234)
	copy(other[16:], []byte{10, 0, 0, 3})
	fa, fb, fo := split4(a, 400), split4(b, 400), split4(other, 400)
	tp := newTap().read(101, fa[0], fb[1], fo[0], fb[0], fo[1], fa[1])
	if len(tp.segs) != 3 || tp.segs[0].IPID != 9 || tp.segs[1].Flow == tp.segs[0].Flow || tp.segs[2].IPID != 0x1234 {
		t.Errorf("%v: %+v", tp, tp.segs)
	}
}

// The same fragments captured twice, by two VLANs or before and behind a router, give the segment and its copy,
// however they mingle.
func TestFragmentsCapturedTwice(t *testing.T) {
	packet := packet4(1000)
	first := split4(packet, 400, 800)
	var second [][]byte
	for _, p := range first {
		p = bytes.Clone(p)
		p[8]--
		second = append(second, p)
	}
	frame := func(p []byte) []byte {
		id := uint16(3)
		if p[8] == 63 {
			id = 4
		}
		return ether(etherVLAN, vlan(id, etherIPv4, p))
	}
	for name, order := range map[string][]([]byte){
		"mingled":         {first[0], second[0], first[1], second[1], first[2], second[2]},
		"one behind":      {first[0], first[1], first[2], second[0], second[1], second[2]},
		"late by one":     {first[0], first[1], second[0], first[2], second[1], second[2]},
		"one the reverse": {first[0], second[2], first[1], second[1], first[2], second[0]},
	} {
		tp := newTap()
		for _, p := range order {
			tp.read(linkEthernet, frame(p))
		}
		want := wholeOf(t, packet)
		if len(tp.segs) != 2 {
			t.Errorf("%s: %v", name, tp)
			continue
		}
		for i, s := range tp.segs {
			path := tp.paths.Path(s.Path)
			if s.IPID != want.IPID || s.Seq != want.Seq || s.PayloadLen != want.PayloadLen || s.Checksum != segment.ChecksumGood ||
				s.Fragments != 3 || s.TTL != uint8(64-i) || path.String() != fmt.Sprintf("vlan:%d", 3+i) {
				t.Errorf("%s: %+v by %v", name, s, path.String())
			}
		}
		if st := tp.fragments.total(0); st.Whole != 1 || st.Overlapping != 0 || st.Incomplete != 0 {
			t.Errorf("%s: %+v", name, st)
		}
	}
}

// Connections that are kept apart by their paths do not share datagrams.
func TestFragmentsOfTwoPathsKeptApart(t *testing.T) {
	paths := &segment.Paths{By: segment.KeyVLAN}
	tp := &tap{decoder: newDecoder(true, paths)}
	a, b := split4(packet4(1000), 400), split4(seqOf(packet4(1000), 5), 400)
	on := func(id uint16, p []byte) []byte { return ether(etherVLAN, vlan(id, etherIPv4, p)) }
	tp.read(linkEthernet, on(1, a[0]), on(2, b[0]), on(2, b[1]), on(1, a[1]))
	if len(tp.segs) != 2 || tp.segs[0].Seq != 5 || tp.segs[1].Seq != 1000 {
		t.Errorf("%v: %+v", tp, tp.segs)
	}
}

// Octets that two fragments claim, or an end that moves: nothing of the datagram is believed, whatever comes.
func TestOverlappingFragments(t *testing.T) {
	packet := packet4(1000) // a body of 1032 octets
	f := split4(packet, 400, 800)
	evil := func(n int, octet byte) []byte {
		p := bytes.Clone(f[n])
		p[20+7] ^= octet // of the sequence number, or of the payload
		return p
	}
	long := split4(packet4(1100), 400, 800)
	early := split4(packet4(600), 400)
	moved := split4(packet, 392, 808)
	inside := split4(packet, 408, 416, 800)
	for name, order := range map[string][][]byte{
		"other content first":             {f[0], evil(0, 1), f[1], f[2]},
		"other content in the middle":     {f[0], f[1], evil(1, 1), f[2]},
		"other content at the end":        {f[2], evil(2, 1), f[0], f[1]},
		"begins within":                   {f[0], moved[1], f[1], f[2]},
		"ends within":                     {f[1], moved[0], inside[0], f[0], f[2]},
		"lies within (teardrop)":          {f[0], f[1], inside[1], f[2]},
		"covers":                          {inside[1], f[1], f[0], f[2]},
		"same begin, shorter":             {f[0], moved[0], f[1], f[2]},
		"same begin, longer":              {moved[0], f[0], f[1], f[2]},
		"rewrites the header (RFC 3128)":  {f[0], split4(packet, 8, 16)[1], f[1], f[2]},
		"two ends, the later one further": {f[0], f[2], long[2], f[1]},
		"two ends, the later one nearer":  {f[0], f[2], early[1], f[1]},
		"an end before what came":         {f[1], split4(packet4(300), 8)[1], f[0], f[2]},
		"goes on behind the end":          {early[1], split4(packet, 800, 808)[1], f[0], f[1], f[2]},
	} {
		tp := newTap().read(101, order...)
		if len(tp.segs) != 0 || !slices.Contains(tp.said, "overlapping ip fragment") {
			t.Errorf("%s: %v", name, tp)
		}
		if st := tp.fragments.total(0); st.Overlapping != 1 || st.Whole != 0 {
			t.Errorf("%s: %+v", name, st)
		}
		// What comes within the next second belongs to it still; then its identification is free.
		tp.now += second / 2
		if tp.read(101, f...); len(tp.segs) != 0 {
			t.Errorf("%s: believed half a second later", name)
		}
		tp.now += 2 * second
		if tp.read(101, f...); len(tp.segs) != 1 {
			t.Errorf("%s: %v", name, tp)
		}
	}
	six := split6(ip6(protoTCP, tcpHeader(0x18, timestamps, letters(1000))), 1, 400, 800)
	bad := bytes.Clone(six[1])
	bad[60]++
	if tp := newTap().read(101, six[0], six[1], bad, six[2]); len(tp.segs) != 0 {
		t.Errorf("ipv6: %v", tp)
	}
}

func TestFragmentsNoHostTakes(t *testing.T) {
	with := func(p []byte, at int, v ...byte) []byte {
		p = bytes.Clone(p)
		copy(p[at:], v)
		return p
	}
	f := split4(packet4(1000), 400)
	six := split6(ip6(protoTCP, tcpHeader(0x18, nil, letters(1000))), 1, 400)
	for name, test := range map[string]struct {
		packet []byte
		want   string
	}{
		"beyond 65535 (ping of death)": {with(f[1], 6, 0x1f, 0xff), "malformed ipv4"},
		"no multiple of eight":         {with(f[0], 2, 0, 50), "malformed ipv4"},
		"nothing in it":                {with(f[0][:20], 2, 0, 20), "malformed ipv4"},
		"total length 0":               {with(f[0], 2, 0, 0), "malformed ipv4"},
		"ipv6 beyond 65535":            {with(six[1], 42, 0xff, 0xf8), "malformed ipv6"},
		"ipv6 no multiple of eight":    {with(six[1], 42, 0, 0xc9), "malformed ipv6"},
		"ipv6 nothing in it":           {with(six[0][:48], 4, 0, 8), "malformed ipv6"},
	} {
		if tp := newTap().read(101, test.packet); tp.String() != test.want || len(tp.fragments.slots) > 0 {
			t.Errorf("%s: %v, want %s", name, tp, test.want)
		}
	}
	// The longest there can be is taken.
	longest := ip4(protoTCP, tcpHeader(0x18, nil, letters(65535-40)))
	setChecksum(longest)
	checkWhole(t, newTap().read(101, split4(longest, 1480, 40000)...), longest, 3)
}

// A whole packet with a fragment header (RFC 6946) has nothing to do with fragments of the same identification.
func TestAtomicFragments(t *testing.T) {
	packet := ip6(protoTCP, tcpHeader(0x18, timestamps, letters(1000)))
	f := split6(packet, 5, 400)
	atomic := split6(packet, 5)[0]
	tp := newTap().read(101, f[0], atomic, f[1])
	if tp.String() != "ipv6 fragment, tcp, tcp" || tp.segs[0].Fragments != 0 || tp.segs[0].IPLen != 1080 || tp.segs[1].Fragments != 2 || tp.segs[1].IPLen != 1072 {
		t.Errorf("%v: %+v", tp, tp.segs)
	}
}

func TestExtensionHeadersAroundFragments(t *testing.T) {
	// Each fragment has the hop-by-hop header; the destination options are in the first fragment only, as part of the body.
	tcp := tcpHeader(0x18, timestamps, letters(1000))
	options := []byte{protoTCP, 0, 1, 4, 0, 0, 0, 0}
	body := join(options, tcp)
	hop := func(next byte, word uint16, body []byte) []byte {
		return ip6(protoHopByHop, join([]byte{protoFragment, 0, 1, 4, 0, 0, 0, 0}, []byte{next, 0}, u16(word), []byte{0, 0, 0, 9}, body))
	}
	whole := ip6(protoHopByHop, join([]byte{protoDestination, 0, 1, 4, 0, 0, 0, 0}, body))
	checkWhole(t, newTap().read(101, hop(protoDestination, 1, body[:400]), hop(protoDestination, 400, body[400:])), whole, 2)
	// Only the first fragment's next header counts (RFC 8200 section 4.5).
	checkWhole(t, newTap().read(101, hop(protoUDP, 400, body[400:]), hop(protoDestination, 1, body[:400])), whole, 2)
	// A fragment of fragments is none.
	nested := join([]byte{protoTCP, 0, 0, 1, 0, 0, 0, 1}, letters(992))
	if tp := newTap().read(101, hop(protoFragment, 1, nested[:400]), hop(protoFragment, 400, nested[400:])); tp.String() != "ipv6 fragment, malformed ipv6" {
		t.Errorf("nested: %v", tp)
	}
}

func TestIdentificationUsedAgain(t *testing.T) {
	next := seqOf(ip4(protoTCP, tcpHeader(0x18, timestamps, letters(2001)[1001:])), 7000)
	a, b := split4(packet4(1000), 400), split4(next, 400)
	for name, order := range map[string][][]byte{
		"at once":               {a[0], a[1], b[0], b[1]},
		"at once, later ones":   {a[1], a[0], b[1], b[0]},
		"with other boundaries": {a[0], a[1], split4(next, 200)[0], split4(next, 200)[1]},
		"behind a shorter one":  {split4(packet4(500), 400)[0], split4(packet4(500), 400)[1], b[0], b[1]},
		"after a whole, longer": {a[0], a[1], split4(seqOf(packet4(3000), 7000), 400)[0], split4(seqOf(packet4(3000), 7000), 400)[1]},
		"of UDP in between":     {a[0], a[1], with4(split4(packet4(1000), 400)[0], protoUDP), b[0], b[1]},
	} {
		tp := newTap().read(101, order...)
		if len(tp.segs) != 2 || tp.segs[1].Seq != 7000 {
			t.Errorf("%s: %v %+v", name, tp, tp.segs)
		}
	}
	// One that never came whole gives way after a silence, and is not mixed with the next.
	tp := newTap().read(101, a[0])
	tp.now += 2 * second
	tp.read(101, b...)
	if st := tp.fragments.total(0); len(tp.segs) != 1 || tp.segs[0].Seq != 7000 || st.Incomplete != 1 || st.Overlapping != 0 {
		t.Errorf("%v %+v %+v", tp, tp.segs, st)
	}
}

func with4(p []byte, proto byte) []byte {
	p = bytes.Clone(p)
	p[9] = proto
	return p
}

func TestFragmentsThatComeTooLate(t *testing.T) {
	f := split4(packet4(1000), 400)
	for _, wait := range []struct {
		time  int64
		whole bool
	}{{29 * second, true}, {31 * second, false}, {-29 * second, true}, {-31 * second, false}} {
		tp := newTap()
		tp.now = 1000 * second
		tp.read(101, f[0])
		tp.now += wait.time
		tp.read(101, f[1])
		if (len(tp.segs) == 1) != wait.whole {
			t.Errorf("after %d s: %v", wait.time/second, tp)
		}
		if st := tp.fragments.total(0); (st.OnlyFirst == 1) == wait.whole {
			t.Errorf("after %d s: %+v", wait.time/second, st)
		}
	}
}

// What is missing at the ends of the trace says nothing.
func TestIncompleteDatagramsAreCounted(t *testing.T) {
	f := split4(packet4(2000), 800, 1600)
	udp := split4(ip4(protoUDP, join(u16(1), u16(53), u16(1008), u16(0), letters(1000))), 400)
	for name, test := range map[string]struct {
		after   int64 // since the trace began
		packets [][]byte
		left    int64 // of the trace
		want    FragmentStats
	}{
		"only the first":                  {0, f[:1], 5, FragmentStats{Fragments: 1, Incomplete: 1, OnlyFirst: 1}},
		"without the last":                {0, f[:2], 5, FragmentStats{Fragments: 2, Incomplete: 1}},
		"without the first":               {2, f[1:], 5, FragmentStats{Fragments: 2, Incomplete: 1}},
		"without the first, at the begin": {0, f[1:], 5, FragmentStats{Fragments: 2}},
		"at the end":                      {0, f[:2], 0, FragmentStats{Fragments: 2}},
		"long ago":                        {0, f[:2], 100, FragmentStats{Fragments: 2, Incomplete: 1}},
		"no TCP":                          {2, udp[:1], 5, FragmentStats{}},
		"unknown":                         {2, udp[1:], 5, FragmentStats{}},
	} {
		tp := newTap()
		tp.now = 1000 * second
		tp.fragments.begin = tp.now - test.after*second
		tp.read(101, test.packets...)
		if got := tp.fragments.total(tp.now + test.left*second); got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

// Datagrams without TCP are told by their first fragment, and counted as what they are.
func TestFragmentsWithoutTCP(t *testing.T) {
	dns := ip4(protoUDP, join(u16(1), u16(53), u16(1008), u16(0), letters(1000)))
	inner := ip4(protoUDP, join(u16(1), u16(53), u16(1008), u16(0), letters(1000)))
	for name, test := range map[string]struct {
		packet []byte
		want   string
	}{
		"udp":          {dns, "udp, ipv4 fragment"},
		"icmp":         {ip4(protoICMP, join([]byte{8, 0}, letters(1000))), "icmp, ipv4 fragment"},
		"udp in vxlan": {ip4(protoUDP, join(u16(1), u16(4789), u16(1100), u16(0), []byte{8, 0, 0, 0, 0, 0, 42, 0}, ether(etherIPv4, inner))), "udp, ipv4 fragment"},
		"ipv6 udp":     {ip6(protoUDP, dns[20:]), "udp, ipv6 fragment"},
	} {
		tp := newTap().read(101, split(test.packet, 400)...)
		if tp.String() != test.want || tp.fragments.stats != (FragmentStats{}) {
			t.Errorf("%s: %v %+v", name, tp, tp.fragments.stats)
		}
	}
	// A later fragment first: not knowable, so it waits.
	f := split4(dns, 400)
	if tp := newTap().read(101, f[1], f[0]); tp.String() != "ipv4 fragment, udp" {
		t.Errorf("later one first: %v", tp)
	}
}

func TestFragmentsCutBySnapLen(t *testing.T) {
	packet := packet4(1000)
	f := split4(packet, 400, 800)
	want := wholeOf(t, packet)
	want.Fragments, want.Checksum = 3, segment.ChecksumUnknown
	for _, test := range []struct {
		name     string
		cut      [3]int
		captured uint32
		options  segment.OptionSet
	}{
		{"in the payload of the first", [3]int{96, 2000, 2000}, 44 + 400 + 232, segment.OptTimestamps},
		{"all alike", [3]int{96, 96, 96}, 44 + 76 + 76, segment.OptTimestamps},
		{"in a later one", [3]int{2000, 2000, 100}, 368 + 400 + 80, segment.OptTimestamps},
		{"in the options", [3]int{44, 2000, 2000}, 400 + 232 - 8, segment.OptCut},
	} {
		tp := newTap()
		for i, p := range f {
			tp.readCut(101, p, test.cut[i])
		}
		want.Captured = test.captured
		want.Options = segment.Options{Has: test.options}
		if test.options == segment.OptTimestamps {
			want.Options.TSVal, want.Options.TSEcr = 1, 2
		}
		if len(tp.segs) != 1 || tp.segs[0] != want {
			t.Errorf("%s: %v %+v\nwant %+v", test.name, tp, tp.segs, want)
		}
	}
	// A second capture may show more.
	tp := newTap()
	tp.readCut(101, f[0], 96)
	tp.read(101, f...)
	checkWhole(t, tp, packet, 3)
	tp = newTap()
	for _, p := range f {
		tp.readCut(101, p, 30)
	}
	if tp.String() != "ipv4 fragment, ipv4 fragment, truncated tcp header" {
		t.Errorf("cut in the TCP header: %v", tp)
	}
}

func TestChecksumOfFragments(t *testing.T) {
	packet := packet4(1001)
	packet[900] ^= 4
	if tp := newTap().read(101, split4(packet, 400)...); len(tp.segs) != 1 || tp.segs[0].Checksum != segment.ChecksumBad {
		t.Errorf("damaged: %+v", tp.segs)
	}
	packet[900] ^= 4
	tp := newTap()
	tp.verify = false
	if tp.read(101, split4(packet, 400)...); tp.segs[0].Checksum != segment.ChecksumUnknown {
		t.Error("verified without being asked")
	}
	routed := ip6(protoRouting, join([]byte{protoTCP, 0, 0, 1, 0, 0, 0, 0}, tcpHeader(0x18, nil, letters(1000))))
	checkWhole(t, newTap().read(101, split6(routed, 1, 400)...), routed, 2)
}

// Fragments of a tunnel's packet, of the packet inside it, and of both.
func TestFragmentsInTunnels(t *testing.T) {
	packet := packet4(1200)
	gre := func(p []byte) []byte { return ip4(protoGRE, join([]byte{0, 0}, u16(etherIPv4), p)) }
	vxlan := func(p []byte) []byte {
		return ip4(protoUDP, join(u16(1), u16(4789), u16(uint16(30+len(p))), u16(0), []byte{8, 0, 0, 0, 0, 0, 42, 0}, ether(etherIPv4, p)))
	}
	six := func(p []byte) []byte { return ip6(protoIPIP, p) }
	for name, tunnel := range map[string]func([]byte) []byte{"gre": gre, "vxlan": vxlan, "4in6": six} {
		want := wholeOf(t, tunnel(packet))
		want.Path = 0
		check := func(what string, fragments uint8, packets ...[]byte) {
			t.Helper()
			tp := newTap().read(101, packets...)
			want.Fragments = fragments
			if len(tp.segs) == 1 {
				tp.segs[0].Path = 0
			}
			if len(tp.segs) != 1 || tp.segs[0] != want {
				t.Errorf("%s, %s: %v %+v\nwant %+v", name, what, tp, tp.segs, want)
			}
		}
		outer := split(tunnel(packet), 600)
		check("the outer", 0, outer...) // a router cut up the tunnel, not the sender
		check("the outer, reversed", 0, outer[1], outer[0])
		inner := split(packet, 800)
		check("the inner", 2, tunnel(inner[0]), tunnel(inner[1]))
		one, two := split(tunnel(inner[0]), 440), identified4(split(tunnel(inner[1]), 200))
		check("both", 2, one[0], one[1], two[0], two[1])
		check("both, mingled", 2, two[1], one[1], one[0], two[0])
	}
}

// identified4 gives the fragments of a tunnel's second packet an identification of their own.
func identified4(fragments [][]byte) [][]byte {
	for _, f := range fragments {
		if f[0]>>4 == 4 {
			f[5]++
		} else {
			f[47]++
		}
	}
	return fragments
}

// Room is bounded, whatever comes.
func TestRoomForFragments(t *testing.T) {
	tp := newTap()
	f := split4(packet4(1000), 400)
	for i := range 3 * maxDatagrams {
		p := identified(f[0], uint16(i))
		p[15] = byte(i >> 16)
		tp.read(101, p)
	}
	if st := tp.fragments.stats; len(tp.fragments.slots) != maxDatagrams || len(tp.fragments.places) != maxDatagrams || st.GivenUp != 2*maxDatagrams {
		t.Errorf("%d places, %+v", len(tp.fragments.slots), st)
	}
	// Those that wait for nothing make room first: with one TCP datagram waiting, a flood of UDP does not push it out.
	tp = newTap().read(101, f[0])
	dns := split4(ip4(protoUDP, join(u16(1), u16(53), u16(1008), u16(0), letters(1000))), 400)
	for i := range 3 * maxDatagrams {
		tp.read(101, identified(dns[0], uint16(i)))
	}
	if tp.segs = nil; len(tp.read(101, f[1]).segs) != 1 || len(tp.fragments.slots) != maxDatagrams {
		t.Error("pushed out by datagrams that cannot carry TCP")
	}
	// More fragments than any link makes of a datagram.
	var ends []int
	for end := 8; end < 8*(maxParts+1); end += 8 {
		ends = append(ends, end)
	}
	tp = newTap().read(101, split4(packet4(1000), ends...)...)
	if st := tp.fragments.stats; len(tp.segs) != 0 || st.GivenUp != 1 {
		t.Errorf("%d fragments: %+v", len(ends)+1, st)
	}
	checkWhole(t, newTap().read(101, split4(packet4(1000), ends[:maxParts-1]...)...), packet4(1000), maxParts)
}

// Any split into fragments, in any order and with copies, gives the segment of the whole.
func TestAnySplitGivesTheWhole(t *testing.T) {
	r := rand.New(rand.NewPCG(791, 8200))
	for _, n := range []int{60, 333, 1500, 4001} {
		tcp := tcpHeader(0x18, timestamps, letters(n))
		for _, w := range ways(tcp) {
			if w.link != 101 || w.frame[0] == 0x46 {
				continue
			}
			packet := rightChecksum(w.frame, tcp)
			want, path, why := decodeWay(101, packet, 0)
			if why != isSegment || want.Checksum == segment.ChecksumBad {
				t.Fatalf("%s: %v, checksum %d", w.name, why, want.Checksum)
			}
			for range 20 {
				fragments := randomSplit(r, packet)
				if want.Fragments = 0; path == "plain" || strings.HasPrefix(path, "ah") { // else a tunnel was cut up
					want.Fragments = uint8(len(fragments))
				}
				order := r.Perm(len(fragments))
				for range r.IntN(3) {
					again := order[r.IntN(len(order))]
					order = slices.Insert(order, r.IntN(len(order)), again)
				}
				tp := newTap()
				for _, i := range order {
					tp.read(101, fragments[i])
				}
				if len(fragments) == 1 {
					continue // and each copy is a segment
				}
				copies := tp.segs
				if len(copies) == 0 || len(copies) > 3 {
					t.Fatalf("%s, %d fragments in the order %v: %v", w.name, len(fragments), order, tp)
				}
				for _, s := range copies {
					if p := tp.paths.Path(s.Path); s != want || p.String() != path {
						t.Fatalf("%s, %d fragments in the order %v:\ngot  %+v\nwant %+v", w.name, len(fragments), order, s, want)
					}
				}
			}
		}
	}
}

// randomSplit cuts a packet at random places.
func randomSplit(r *rand.Rand, packet []byte) [][]byte {
	header := 20
	if packet[0]>>4 == 6 {
		header = 40
	}
	var ends []int
	for range r.IntN(8) {
		ends = append(ends, 8*(1+r.IntN((len(packet)-header-1)/8)))
	}
	slices.Sort(ends)
	return split(packet, slices.Compact(ends)...)
}

// rightChecksum gives the TCP segment somewhere in a packet its right checksum, whichever the packet
// right before it is.
func rightChecksum(packet, tcp []byte) []byte {
	at := bytes.Index(packet, tcp)
	for _, inner := range [][]byte{ip4(protoTCP, tcp), ip6(protoTCP, tcp)} {
		addresses := inner[12:20]
		if inner[0]>>4 == 6 {
			addresses = inner[8:40]
		}
		pseudo := join(addresses, u16(protoTCP), u16(uint16(len(tcp))))
		p := bytes.Clone(packet)
		binary.LittleEndian.PutUint16(p[at+16:], ^slowSum(slowSum(0, pseudo), tcp))
		if s, _ := decodeFrame(101, p, 0); s.Checksum == segment.ChecksumGood {
			return p
		}
	}
	return packet
}

// FuzzFragments reads octets as a sequence of fragments: eight octets say what to make of a datagram, as long as
// there are any. Nothing that comes out of them may exceed what went in, or the room there is.
func FuzzFragments(f *testing.F) {
	f.Add([]byte("0123456701234567"))
	f.Add([]byte{0, 0, 0, 0, 50, 1, 60, 0, 0, 0, 0, 50, 255, 0, 60, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		tp := newTap()
		whole := packet4(2000)
		for ; len(b) >= 8; b = b[8:] {
			// Family, identification, protocol; offset, length; more and cut; time.
			at, n := int(b[3])*8, 1+int(b[4])*int(1+b[5]>>6)
			body := whole[20+min(at, 2000):]
			body = body[:min(n, len(body))]
			if b[5]&1 != 0 {
				body = body[:len(body)&^7]
			}
			if b[5]&2 != 0 && len(body) > 0 {
				body = bytes.Clone(body)
				body[int(b[6])%len(body)] ^= b[7]
			}
			var p []byte
			if b[0]&1 == 0 {
				p = ip4([]byte{protoTCP, protoUDP, protoIPIP, protoGRE}[b[2]&3], body)
				binary.BigEndian.PutUint16(p[4:], uint16(b[1]&7))
				binary.BigEndian.PutUint16(p[6:], uint16(at/8)|uint16(b[5]&1)<<13)
			} else {
				next := []byte{protoTCP, protoUDP, protoFragment, protoDestination}[b[2]&3]
				p = ip6(protoFragment, join([]byte{next, 0}, u16(uint16(at)|uint16(b[5]&1)), []byte{0, 0, 0, b[1] & 7}, body))
			}
			if b[0]&2 != 0 {
				p = ip4(protoIPIP, p)
			}
			tp.now += int64(int8(b[6])) * second / 16
			captured := len(p)
			if b[0]&4 != 0 {
				captured -= int(b[7])
			}
			tp.readCut(101, p, max(0, captured))
		}
		for _, s := range tp.segs {
			if s.Captured > s.PayloadLen || s.IPLen < s.PayloadLen+40 || s.IPLen > 65575 {
				t.Errorf("%+v", s)
			}
			if s.Checksum != segment.ChecksumUnknown && s.Captured != s.PayloadLen {
				t.Error("a checksum was computed over less than the segment")
			}
		}
		checkReassembler(t, &tp.fragments)
	})
}

// checkReassembler checks what always holds.
func checkReassembler(t *testing.T, r *reassembler) {
	t.Helper()
	count := 0
	for i := range r.queues {
		before := int32(0)
		for next := r.queues[i].first; next != 0; next = r.slots[next-1].next {
			g := &r.slots[next-1]
			if place, ok := r.places[g.key]; !ok || place != next-1 || g.prev != before || (g.state == waiting) != (i == 0) {
				t.Fatalf("place %d in queue %d: %+v", next-1, i, g)
			}
			have, end := 0, 0
			for j := range g.parts {
				p := &g.parts[j]
				if int(p.at) < end || p.shown > p.held || p.held > p.length || p.copies == 0 {
					t.Fatalf("part %+v behind %d", p, end)
				}
				have, end = have+int(p.length), p.end()
			}
			if have != g.have || len(g.parts) > maxParts || g.total != 0 && end > g.total {
				t.Fatalf("%d octets up to %d, said to be %d of %d", have, end, g.have, g.total)
			}
			before = next
			count++
		}
		if r.queues[i].last != before {
			t.Fatalf("queue %d ends at %d, not %d", i, r.queues[i].last, before)
		}
	}
	if count != len(r.places) || count+len(r.free) != len(r.slots) || len(r.slots) > maxDatagrams {
		t.Fatalf("%d in queues, %d known, %d free, %d in all", count, len(r.places), len(r.free), len(r.slots))
	}
}
