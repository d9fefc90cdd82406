package capture

import (
	"encoding/binary"

	"github.com/tcplife/tcplife/internal/segment"
)

// IEEE 802.11 and the headers that receivers put before it. gopacket reads the
// plain ones, but takes the end of every frame for its checksum, which that of a
// cut frame is not, and knows neither meshes nor A-MSDUs nor the other byte order
// of a Prism header (TestWhereGopacketIsWrongAboutLinks).

// wifi reads an 802.11 frame.
func (d *decoder) wifi(p []byte, cut int) skip { return d.dot11(p, cut, false) }

// Bits of the two octets of 802.11's frame control.
const (
	dot11Version = 0x03 // of the first
	dot11NoData  = 0x40 // subtypes of data frames
	dot11QoS     = 0x80

	dot11ToDS          = 0x01 // of the second
	dot11FromDS        = 0x02
	dot11Protected     = 0x40
	dot11HasHTControl  = 0x80
	dot11BothAddresses = dot11ToDS | dot11FromDS
)

// dot11 reads an 802.11 frame (IEEE 802.11-2020 section 9.2.4), whose header may be padded to four octets.
func (d *decoder) dot11(p []byte, cut int, padded bool) skip {
	if len(p) < 2 {
		return skipTruncatedFrame
	}
	kind, flags := p[0], p[1]
	if kind&dot11Version != 0 {
		return skipMalformedLink
	}
	switch kind >> 2 & 3 {
	case 0:
		return skipWifiManagement
	case 1, 3: // the latter are short beacons of millimetre waves
		return skipWifiControl
	}
	if kind&dot11NoData != 0 {
		return skipWifiEmpty
	}
	header := 24
	if flags&dot11BothAddresses == dot11BothAddresses {
		header += 6 // a fourth address: from access point to access point
	}
	qos := header
	if kind&dot11QoS != 0 {
		header += 2
		if flags&dot11HasHTControl != 0 {
			header += 4
		}
	}
	if padded {
		header = (header + 3) &^ 3
	}
	if len(p) < header {
		return skipTruncatedFrame
	}
	if fragment := p[22] & 15; fragment != 0 {
		return skipLinkFragment
	}
	body := p[header:]
	if flags&dot11Protected != 0 {
		return d.decrypted(body, cut)
	}
	if kind&dot11QoS != 0 {
		const (
			aggregated  = 0x80 // of the first octet
			meshControl = 0x01 // of the second, among the stations of a mesh
		)
		if p[qos]&aggregated != 0 {
			return d.amsdu(body)
		}
		if p[qos+1]&meshControl != 0 && len(body) > 0 && body[0] != 0xaa {
			// Flags, which say how many addresses follow; time to live; a number of four octets.
			return d.behind(6+6*int(body[0]&3), (*decoder).llc, body, cut)
		}
	}
	return d.llc(body, cut)
}

// decrypted reads the body of a frame that was sent encrypted. Some receivers
// hand out what they decrypted and leave the bit, and perhaps the initialization
// vector (four octets of WEP, else eight).
func (d *decoder) decrypted(body []byte, cut int) skip {
	for _, iv := range [...]int{0, 4, 8} {
		if len(body) < iv+8 {
			break
		}
		p := body[iv:]
		t := binary.BigEndian.Uint16(p[6:])
		if string(p[:6]) == "\xaa\xaa\x03\x00\x00\x00" && (t == etherIPv4 || t == etherIPv6) {
			return d.etherType(t, p[8:], cut)
		}
	}
	return skipWifiEncrypted
}

// amsdu reads a frame that holds several (IEEE 802.11-2020 section 9.3.2.2.2),
// each behind addresses and length, and padded to four octets. The first
// segment in them is the frame's; what comes after it is only counted.
func (d *decoder) amsdu(p []byte) skip {
	const header = 14
	why, around := skipTruncatedFrame, d.path
	for len(p) >= header && why != isSegment {
		size := header + int(binary.BigEndian.Uint16(p[12:]))
		sub := p[header:min(size, len(p))]
		*d.seg, d.path = segment.Segment{}, around
		why = d.llc(sub, size-header-len(sub))
		p = p[min((size+3)&^3, len(p)):]
	}
	for ; len(p) >= header; p = p[min((header+int(binary.BigEndian.Uint16(p[12:]))+3)&^3, len(p)):] {
		d.further++
	}
	return why
}

// AVS's magic number, but for its version.
const avsMagic = 0x80211000

// avs reads an AVS header, whose numbers are big endian: magic, length.
func (d *decoder) avs(p []byte, cut int) skip {
	if len(p) < 8 {
		return skipTruncatedFrame
	}
	return d.wifiBehind(uint64(binary.BigEndian.Uint32(p[4:])), p, cut)
}

// prism reads a header of Prism drivers: a code, the header's length, in the
// byte order of the host that captured. Or one of AVS, which some drivers use under the same link type.
func (d *decoder) prism(p []byte, cut int) skip {
	if len(p) < 8 {
		return skipTruncatedFrame
	}
	if binary.BigEndian.Uint32(p)&^15 == avsMagic {
		return d.avs(p, cut)
	}
	// The code is small, so its place tells the order.
	if p[0] == 0 {
		return d.wifiBehind(uint64(binary.BigEndian.Uint32(p[4:])), p, cut)
	}
	return d.wifiBehind(uint64(binary.LittleEndian.Uint32(p[4:])), p, cut)
}

// wifiBehind reads the 802.11 frame behind a header of the given length.
func (d *decoder) wifiBehind(header uint64, p []byte, cut int) skip {
	switch {
	case header < 8:
		return skipMalformedLink
	case header > uint64(len(p)):
		return skipTruncatedFrame
	}
	return d.wifi(p[header:], cut)
}

// Flags of radiotap that matter.
const (
	radiotapPadded  = 0x20 // between header and body
	radiotapDamaged = 0x40 // the frame failed its checksum
)

// radiotap reads a radiotap header (radiotap.org): version, length, and bits
// that say which fields there are.
func (d *decoder) radiotap(p []byte, cut int) skip {
	const least = 8
	if len(p) < least {
		return skipTruncatedFrame
	}
	size := int(binary.LittleEndian.Uint16(p[2:]))
	if p[0] != 0 || size < least {
		return skipMalformedLink
	}
	if len(p) < size {
		return skipTruncatedFrame
	}
	flags := radiotapFlags(p[:size])
	if flags&radiotapDamaged != 0 {
		return skipWifiDamaged
	}
	return d.dot11(p[size:], cut, flags&radiotapPadded != 0)
}

// radiotapFlags returns the flags in a radiotap header, or 0.
func radiotapFlags(h []byte) byte {
	const (
		hasTime  = 1 << 0 // eight octets, aligned to eight
		hasFlags = 1 << 1
		hasMore  = 1 << 31 // another word of bits follows
	)
	present := binary.LittleEndian.Uint32(h[4:])
	at := 8
	for word := present; word&hasMore != 0; at += 4 {
		if len(h) < at+4 {
			return 0
		}
		word = binary.LittleEndian.Uint32(h[at:])
	}
	if present&hasTime != 0 {
		at = (at+7)&^7 + 8
	}
	if present&hasFlags == 0 || at >= len(h) {
		return 0
	}
	return h[at]
}

// ppi reads a header of Per-Packet Information: version, flags, length, and
// the link type of what follows the fields.
func (d *decoder) ppi(p []byte, cut int) skip {
	const least = 8
	if len(p) < least {
		return skipTruncatedFrame
	}
	size := int(binary.LittleEndian.Uint16(p[2:]))
	if p[0] != 0 || size < least {
		return skipMalformedLink
	}
	if len(p) < size {
		return skipTruncatedFrame
	}
	return d.linked(binary.LittleEndian.Uint32(p[4:]), p[size:], cut)
}

// What TZSP may hold.
const (
	tzspEthernet = 1
	tzspWifi     = 18
	tzspPrism    = 119
	tzspAVS      = 127
)

// tzsp reads a packet of the TaZmen sniffer protocol without UDP, by which
// access points send what they hear.
func (d *decoder) tzsp(p []byte, cut int) skip {
	kind, frame, why := tzspFrame(p)
	if why != isSegment {
		return why
	}
	if !d.enter(segment.WrapTZSP, 0) {
		return skipTooDeep
	}
	switch kind {
	case tzspEthernet:
		return d.ethernet(frame, cut)
	case tzspWifi:
		return d.wifi(frame, cut)
	case tzspPrism:
		return d.prism(frame, cut)
	case tzspAVS:
		return d.avs(frame, cut)
	}
	return skipEncapsulation
}

// tzspFrame reads TZSP's header, which is version, type and kind of what is
// inside, and tagged fields up to one that says it is the last. It returns the kind and the
// frame, or why there is none.
func tzspFrame(p []byte) (kind uint16, frame []byte, why skip) {
	const (
		version        = 1
		received, sent = 0, 1
		padding, last  = 0, 1
	)
	if len(p) < 4 {
		return 0, nil, skipTruncatedFrame
	}
	if p[0] != version {
		return 0, nil, skipMalformedLink
	}
	if p[1] != received && p[1] != sent {
		return 0, nil, skipLinkControl
	}
	kind = binary.BigEndian.Uint16(p[2:])
	for p = p[4:]; ; {
		switch {
		case len(p) == 0:
			return 0, nil, skipTruncatedFrame
		case p[0] == last:
			return kind, p[1:], isSegment
		case p[0] == padding:
			p = p[1:]
		case len(p) < 2 || len(p) < 2+int(p[1]):
			return 0, nil, skipTruncatedFrame
		default:
			p = p[2+int(p[1]):]
		}
	}
}
