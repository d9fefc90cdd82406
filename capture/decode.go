package capture

import (
	"encoding/binary"

	"github.com/tcplife/tcplife/internal/segment"
)

// decoder reads frames by hand: link layer, IP, TCP, and the encapsulations that
// gopacket reads wrongly or not at all. The others it hands to gopacket
// (layers.go) and goes on by hand with the IP packet found inside: gopacket
// refuses a TCP header whose options the snapshot cut, and takes lengths that
// only the frame knows from the bytes it was given.
//
// Each step gets the captured bytes from its own header on, and cut, how many
// bytes more were on the wire than captured.
type decoder struct {
	verify bool // checksums
	seg    *segment.Segment
	path   segment.Path // what stands around the packet
	depth  int          // of encapsulation
	paths  *segment.Paths
	tags   [maxVLAN + 1]uint32 // the number of the path through one VLAN, 0 = not asked yet
	// further counts what a frame held behind the segment it gave: it has room for one only.
	further uint64

	now       int64 // the capture time of the frame
	fragments reassembler
	tail      tail // of the datagram that is being decoded, if it came in fragments
	// earlier counts the frames before this one that brought the datagram's other fragments, of IPv4 and of IPv6; joined
	// counts those of all datagrams that gave a segment.
	earlier [2]uint32
	joined  [2]uint64
	asking  bool // whether there might be TCP in a datagram, of which no more is here than its first fragment
}

func newDecoder(verify bool, paths *segment.Paths) decoder {
	return decoder{verify: verify, paths: paths}
}

// maxDepth bounds encapsulation: each tag, label or tunnel is one level. Nobody nests so many, and who does shall not
// make us work for it.
const maxDepth = 32

// decode fills seg with the TCP segment in a frame, except for Number, Time
// and File, and returns isSegment; otherwise it says why there is none.
func (d *decoder) decode(link uint16, frame []byte, wire uint32, seg *segment.Segment) skip {
	if int(link) >= len(links) || links[link].decode == nil {
		return skipLinkType(link)
	}
	*seg = segment.Segment{}
	d.seg, d.depth, d.tail.end, d.earlier = seg, 0, nil, [2]uint32{}
	if !d.path.IsPlain() {
		d.path = segment.Path{}
	}
	why := links[link].decode(d, frame, int(wire)-len(frame))
	if why == isSegment {
		seg.Path = d.paths.ID(d.path)
		if d.earlier != [2]uint32{} && !seg.IsQuote {
			d.joined[0] += uint64(d.earlier[0])
			d.joined[1] += uint64(d.earlier[1])
		}
	}
	return why
}

const maxVLAN = 4095

// tagged returns the number of the path through one VLAN; id 0 only carries a priority.
func (d *decoder) tagged(id uint16) uint32 {
	if d.tags[id] == 0 && id != 0 {
		var p segment.Path
		p.Add(segment.WrapVLAN, uint32(id))
		d.tags[id] = d.paths.ID(p)
	}
	return d.tags[id]
}

// enter notes a layer of encapsulation and reports whether one more is allowed.
func (d *decoder) enter(kind segment.Wrap, id uint32) bool {
	d.path.Add(kind, id)
	return d.deeper()
}

// deeper counts a level of encapsulation and reports whether it is allowed.
func (d *decoder) deeper() bool {
	d.depth++
	return d.depth <= maxDepth
}

// ip reads a packet that begins with its version.
func (d *decoder) ip(p []byte, cut int) skip {
	if len(p) == 0 {
		return skipTruncatedFrame
	}
	switch p[0] >> 4 {
	case 4:
		return d.ipv4(p, cut)
	case 6:
		return d.ipv6(p, cut)
	}
	return skipNotIP
}

func (d *decoder) ipv4(p []byte, cut int) skip {
	if len(p) < 20 {
		return skipTruncatedIPv4
	}
	header := int(p[0]&15) * 4
	total := int(binary.BigEndian.Uint16(p[2:]))
	if total == 0 {
		// The card was to fill it in after cutting up the packet (TSO).
		total = len(p) + cut
	}
	if p[0]>>4 != 4 || header < 20 || total < header {
		return skipMalformedIPv4
	}
	if len(p) < header {
		return skipTruncatedIPv4
	}
	const fragmented = 0x3fff // more fragments, or an offset
	if word := binary.BigEndian.Uint16(p[6:]); word&fragmented != 0 {
		return d.fragment4(p, word, header, total)
	}
	pkt := ipPacket{ends: ends4Via(p[:header]), verifiable: true}
	pkt.setBody(p[header:], total-header)

	s := d.seg
	s.TTL = p[8]
	s.IPID = binary.BigEndian.Uint16(p[4:])
	s.HasIPID = s.IPID != 0
	s.IPLen = uint32(total)
	s.Fragments = 0 // those of a tunnel's packet are not its own
	if p[9] == protoTCP {
		return d.tcp(&pkt)
	}
	return d.transport(p[9], &pkt)
}

// ipPacket is what the layers above IP need to know of it.
type ipPacket struct {
	ends
	body        []byte // captured bytes after the IP headers, without padding of the frame
	length      int    // how many there were on the wire
	verifiable  bool   // the checksum covers these ends
	reassembled bool   // from fragments
}

func (k *ipPacket) setBody(b []byte, length int) {
	k.body, k.length = b, length
	if len(b) > length {
		k.body = b[:length]
	}
}

// cut is how many bytes of the body were not captured.
func (k *ipPacket) cut() int { return k.length - len(k.body) }

func (d *decoder) tcp(k *ipPacket) skip {
	b := k.body
	if len(b) < 20 {
		if k.length < 20 {
			return skipMalformedTCP
		}
		return skipTruncatedTCP
	}
	header := int(b[12]>>4) * 4
	if header < 20 || header > k.length {
		return skipMalformedTCP
	}
	fillTCP(d.seg, k.ends, b, k.length)
	switch {
	case d.tail.end != nil:
		held, sum, summed := d.tail.measure(b, k.length)
		d.seg.Captured = uint32(max(0, held-header))
		if d.verify && k.verifiable && summed {
			d.seg.Checksum = verifySum(k.sum(), sum, k.length)
		}
	case d.verify && k.verifiable && len(b) == k.length:
		d.seg.Checksum = verifyTCP(k.sum(), b)
	}
	return isSegment
}
