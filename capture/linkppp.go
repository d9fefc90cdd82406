package capture

import "encoding/binary"

// PPP, Cisco's HDLC and frame relay: links between two ends, whose headers are
// short and written in several ways, of which gopacket knows few.

// The first two octets of frames on such links.
const (
	hdlcPPP       = 0xff03 // RFC 1662: all stations, unnumbered information
	hdlcUnicast   = 0x0f00 // Cisco's
	hdlcMulticast = 0x8f00
)

// pppLink reads a frame of PPP (RFC 1661), perhaps framed as HDLC is, or of
// Cisco's HDLC, which serial links may speak instead.
func (d *decoder) pppLink(p []byte, cut int) skip {
	if len(p) < 2 {
		return skipTruncatedFrame
	}
	switch binary.BigEndian.Uint16(p) {
	case hdlcPPP:
		return d.pppProtocol(p[2:], cut)
	case hdlcUnicast, hdlcMulticast:
		return d.ciscoHDLC(p, cut)
	}
	return d.pppProtocol(p, cut)
}

// pppd reads what Linux' pppd records: the first octet of HDLC's is who sent the frame.
func (d *decoder) pppd(p []byte, cut int) skip {
	if len(p) >= 2 && p[0] <= 1 && p[1] == 3 {
		p = p[2:]
	}
	return d.pppProtocol(p, cut)
}

// pppProtocol reads a PPP frame from its protocol on: two octets, or one, which
// is odd, if the ends agreed to compress it.
func (d *decoder) pppProtocol(p []byte, cut int) skip {
	const (
		compressed      = 0x2d // by Van Jacobson, RFC 1144
		compressedFirst = 0x2f
		multilink       = 0x3d
	)
	if len(p) < 2 {
		return skipTruncatedFrame
	}
	protocol, rest := uint16(p[0]), p[1:]
	if protocol&1 == 0 {
		protocol, rest = binary.BigEndian.Uint16(p), p[2:]
	}
	switch protocol {
	case pppIPv4:
		return d.ipv4(rest, cut)
	case pppIPv6:
		return d.ipv6(rest, cut)
	case compressed, compressedFirst:
		return skipCompressedTCP
	case multilink:
		return d.multilink(rest, cut)
	case pppMPLS, pppMPLSMulticast:
		return d.mpls(rest, cut)
	}
	return skipPPP
}

// multilink reads a fragment of a bundle of links (RFC 1990), if it is the
// first: it holds the headers, and their lengths are those of the whole. The sequence
// number before it is long, or short if the ends agreed so.
func (d *decoder) multilink(p []byte, cut int) skip {
	const (
		first      = 0x80
		long       = 4
		short      = 2
		restOfBits = 0x3f // zero with a long sequence number
	)
	if len(p) < long+2 {
		return skipTruncatedFrame
	}
	if p[0]&first == 0 {
		return skipLinkFragment
	}
	if !d.deeper() {
		return skipTooDeep
	}
	if p[0]&restOfBits == 0 {
		if why := d.pppProtocol(p[long:], cut); why != skipPPP {
			return why
		}
	}
	return d.pppProtocol(p[short:], cut)
}

// ciscoHDLC reads a frame of Cisco's HDLC: address, control, an Ethernet type.
func (d *decoder) ciscoHDLC(p []byte, cut int) skip {
	const slarp = 0x8035 // keepalives; the same number means something else on Ethernet
	if len(p) < 4 {
		return skipTruncatedFrame
	}
	if binary.BigEndian.Uint16(p) == hdlcPPP {
		return d.pppProtocol(p[2:], cut)
	}
	t := binary.BigEndian.Uint16(p[2:])
	if t == slarp || t < minEtherType {
		return skipLinkControl
	}
	return d.etherType(t, p[4:], cut)
}

// unnumbered is the control octet of frames that carry a packet.
const unnumbered = 3

// frameRelay reads a frame with a Q.922 address, whose last octet is odd. What
// follows is as in RFC 2427, or an Ethernet type as Cisco has it.
func (d *decoder) frameRelay(p []byte, cut int) skip {
	const longestAddress = 4
	n := 0
	for n < len(p) && n < longestAddress && p[n]&1 == 0 {
		n++
	}
	if n++; len(p) < n+2 {
		return skipTruncatedFrame
	}
	if n == 1 || n > longestAddress {
		return skipMalformedLink
	}
	p = p[n:]
	if p[0] == unnumbered {
		return d.nlpid(p[1:], cut)
	}
	if t := binary.BigEndian.Uint16(p); t >= minEtherType {
		return d.etherType(t, p[2:], cut)
	}
	return skipLinkControl
}

// multilinkFrameRelay reads a fragment of FRF.16, if it is the first.
func (d *decoder) multilinkFrameRelay(p []byte, cut int) skip {
	const (
		first   = 0x80
		control = 0x20
	)
	switch {
	case len(p) < 2:
		return skipTruncatedFrame
	case p[0]&control != 0:
		return skipLinkControl
	case p[0]&first == 0:
		return skipLinkFragment
	}
	return d.frameRelay(p[2:], cut)
}

// nlpid reads a network layer protocol identifier (ISO/IEC TR 9577) and what it names.
func (d *decoder) nlpid(p []byte, cut int) skip {
	const (
		padding  = 0x00
		snap     = 0x80
		ipv6     = 0x8e
		fragment = 0xb1 // FRF.12
		ipv4     = 0xcc
		ppp      = 0xcf // RFC 1973
	)
	if len(p) > 0 && p[0] == padding {
		p = p[1:]
	}
	if len(p) == 0 {
		return skipTruncatedFrame
	}
	switch p[0] {
	case ipv4:
		return d.ipv4(p[1:], cut)
	case ipv6:
		return d.ipv6(p[1:], cut)
	case ppp:
		return d.pppProtocol(p[1:], cut)
	case fragment:
		return skipLinkFragment
	case snap:
		if isBridged(p[1:]) {
			return d.ethernet(p[6:], cut)
		}
		return d.snap(p[1:], cut)
	}
	return skipLinkControl
}

// isBridged reports whether a SNAP header is that of a bridged Ethernet frame,
// with or without its checksum (RFC 2427 section 4.2, RFC 2684 section 5.2).
func isBridged(p []byte) bool {
	return len(p) >= 5 && string(p[:4]) == "\x00\x80\xc2\x00" && (p[4] == 1 || p[4] == 7)
}

// slip reads a frame of serial line IP as it is recorded: who sent it, what
// header compression made of the header, both in 16 octets, and the packet with
// its header restored.
func (d *decoder) slip(p []byte, cut int) skip {
	return d.behind(16, (*decoder).ip, p, cut)
}
