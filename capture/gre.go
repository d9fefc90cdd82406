package capture

import (
	"encoding/binary"

	"github.com/google/gopacket/layers"

	"github.com/tcplife/tcplife/internal/segment"
)

// Protocol types of GRE that are none of Ethernet.
const (
	greEoIP      = 0x6400 // MikroTik
	grePPP       = 0x880b
	greWCCP      = 0x883e // Cisco's redirected packets
	greERSPAN    = 0x88be // type II, and I
	greERSPANIII = 0x22eb
)

// The first two octets of a GRE header.
const (
	greChecksum = 0x8000
	greRouting  = 0x4000
	greKey      = 0x2000
	greSequence = 0x1000
	greAck      = 0x0080 // of version 1 only
	greVersion  = 0x0007
)

const plainGRE = classProtocol | protoGRE

// greHeader is what a GRE header tells.
type greHeader struct {
	flags, protocol uint16
	key             uint32 // 0 = none
}

// parseGRE reads a GRE header (RFC 1701, 2784, 2890; version 1: RFC 2637) and returns what follows. gopacket takes a bit
// for an acknowledgment in version 0 as well, where it means nothing.
func parseGRE(p []byte) (h greHeader, rest []byte, ok bool) {
	if len(p) < 4 {
		return h, nil, false
	}
	h.flags, h.protocol = binary.BigEndian.Uint16(p), binary.BigEndian.Uint16(p[2:])
	size, keyAt := 4, 4
	if h.flags&(greChecksum|greRouting) != 0 {
		size += 4
		keyAt = size
	}
	if h.flags&greKey != 0 {
		size += 4
	}
	if h.flags&greSequence != 0 {
		size += 4
	}
	if h.flags&greVersion == 1 && h.flags&greAck != 0 {
		size += 4
	}
	if len(p) < size {
		return h, nil, false
	}
	if h.flags&greKey != 0 {
		h.key = binary.BigEndian.Uint32(p[keyAt:])
	}
	p = p[size:]
	if h.flags&greRouting == 0 {
		return h, p, true
	}
	// Source routes: address family, offset, length, the route; the last is of family 0 and empty.
	for {
		if len(p) < 4 || len(p) < 4+int(p[3]) {
			return h, nil, false
		}
		last := binary.BigEndian.Uint16(p) == 0 && p[3] == 0
		if p = p[4+int(p[3]):]; last {
			return h, p, true
		}
	}
}

// gre reads a GRE header and what it carries.
func (d *decoder) gre(p []byte, cut int) skip {
	h, rest, ok := parseGRE(p)
	if !ok {
		return skipEncapsulation
	}
	switch h.flags & greVersion {
	case 0:
		return d.greCarries(h, rest, cut)
	case 1:
		return d.greVersion1(h, rest, cut)
	}
	return plainGRE
}

// greInUDP reads GRE in UDP (RFC 8086).
func (d *decoder) greInUDP(p []byte, cut int) skip {
	const mayBeSet = greChecksum | greKey | greSequence
	h, rest, ok := parseGRE(p)
	isIP := h.protocol == etherIPv4 || h.protocol == etherIPv6
	if !ok || h.flags&^mayBeSet != 0 || h.protocol < minEtherType || isIP && !saneIP(rest, cut) {
		return plainUDP
	}
	return d.greCarries(h, rest, cut)
}

// greCarries reads what follows a header of version 0.
func (d *decoder) greCarries(h greHeader, p []byte, cut int) skip {
	kind, id := segment.WrapGRE, h.key
	switch {
	case h.protocol == greERSPAN, h.protocol == greERSPANIII:
		return d.erspan(h, p, cut)
	case h.protocol == etherBridging && h.isNVGRE():
		kind, id = segment.WrapNVGRE, h.key>>8
	}
	if !d.enter(kind, id) {
		return skipTooDeep
	}
	switch t := h.protocol; {
	case t == grePPP:
		return d.ppp(p, cut, plainGRE)
	case t == greWCCP:
		return d.wccp(p, cut)
	case t == etherBridging:
		return d.ethernet(p, cut)
	case t < minEtherType: // or empty: a keepalive
		return plainGRE
	default:
		return d.etherType(t, p, cut)
	}
}

// isNVGRE reports whether an Ethernet frame's GRE header is one of NVGRE (RFC 7637), whose key is a virtual subnet and
// a hash of the flow. Subnets below 0x1000 are reserved: such a key is one that somebody chose for a tunnel of
// plain GRE.
func (h *greHeader) isNVGRE() bool { return h.flags&^greVersion == greKey && h.key>>8 >= 0x1000 }

// greVersion1 reads what follows an enhanced GRE header: PPP of PPTP (RFC 2637), whose key is a length and the call id; it
// carries nothing without a sequence number. Or MikroTik's Ethernet, whose key is a length and the tunnel id in the
// wrong byte order.
func (d *decoder) greVersion1(h greHeader, p []byte, cut int) skip {
	length, id := int(h.key>>16), uint16(h.key)
	switch {
	case h.flags&greKey == 0 || length > len(p)+cut || length == 0:
		return plainGRE
	case h.protocol == grePPP && h.flags&greSequence != 0:
		if !d.enter(segment.WrapPPTP, uint32(id)) {
			return skipTooDeep
		}
		return d.ppp(p, cut, plainGRE)
	case h.protocol == greEoIP:
		if !d.enter(segment.WrapEoIP, uint32(id<<8|id>>8)) {
			return skipTooDeep
		}
		return d.ethernet(p, cut)
	}
	return plainGRE
}

// wccp reads a packet that Cisco's WCCP redirected: version 2 puts four octets before it, version 1 nothing. Their first
// octet is never that of an IP header.
func (d *decoder) wccp(p []byte, cut int) skip {
	if len(p) >= 4 && p[0]>>4 != 4 && p[0]>>4 != 6 {
		p = p[4:]
	}
	return d.ip(p, cut)
}

// erspan reads what a switch mirrored (draft-foschiano-erspan): type I, without header or sequence number, II and III.
func (d *decoder) erspan(h greHeader, p []byte, cut int) skip {
	switch {
	case h.protocol == greERSPANIII:
		return d.erspan3(p, cut)
	case h.flags&greSequence == 0:
		// gopacket reads a header of type II there.
		if !d.enter(segment.WrapERSPAN, 0) {
			return skipTooDeep
		}
		return d.ethernet(p, cut)
	}
	return d.peel(layers.LayerTypeERSPANII, p, cut, plainGRE)
}

// erspan3 reads a header of type III, which gopacket does not know: 12 octets, and 8 more with the O bit.
func (d *decoder) erspan3(p []byte, cut int) skip {
	const (
		ethernetFrame = 0
		ipPacket      = 2
	)
	if len(p) < 12 {
		return skipEncapsulation
	}
	session, last := binary.BigEndian.Uint16(p[2:])&0x3ff, p[11]
	size := 12
	if last&1 != 0 {
		size += 8
	}
	if len(p) < size {
		return skipEncapsulation
	}
	if !d.enter(segment.WrapERSPAN, uint32(session)) {
		return skipTooDeep
	}
	switch binary.BigEndian.Uint16(p[10:]) >> 10 & 0x1f {
	case ethernetFrame:
		return d.ethernet(p[size:], cut)
	case ipPacket:
		return d.ip(p[size:], cut)
	}
	return plainGRE
}
