package capture

import "encoding/binary"

// Encapsulations that gopacket decodes wrongly when the snapshot cut the
// frame: it refuses GTP-U, on which it also writes to standard output, and in
// PPPoE it takes the bytes behind the frame for the rest of it.

// pppoe reads a PPPoE session header (RFC 2516) and the PPP header behind it.
func (d *decoder) pppoe(p []byte, cut int) skip {
	const (
		sessionData = 0
		pppIPv4     = 0x21
		pppIPv6     = 0x57
	)
	if len(p) < 8 {
		return skipTruncatedFrame
	}
	if p[1] != sessionData {
		return skipEtherType(etherPPPoE)
	}
	switch binary.BigEndian.Uint16(p[6:]) {
	case pppIPv4, pppIPv6:
		return d.ip(p[8:], cut)
	}
	return skipEtherType(etherPPPoE)
}

const portGTP = 2152

// gtp reads a GTPv1-U header (3GPP TS 29.281 section 5.1) with its extension
// headers (section 5.2).
func (d *decoder) gtp(p []byte, cut int) skip {
	const (
		version1  = 0x30 // with the bit that it is not GTP'
		optional  = 0x07 // any of these bits: four octets more
		extension = 0x04
		packet    = 255 // G-PDU
	)
	if !d.deeper() {
		return skipTooDeep
	}
	if len(p) < 12 || p[0]&0xf0 != version1 || p[1] != packet {
		return skipProtocol(protoUDP)
	}
	flags, p := p[0], p[8:]
	if flags&optional == 0 {
		return d.ip(p, cut)
	}
	next := p[3]
	p = p[4:]
	for flags&extension != 0 && next != 0 {
		if len(p) == 0 || p[0] == 0 || int(p[0])*4 > len(p) {
			return skipEncapsulation
		}
		size := int(p[0]) * 4
		next, p = p[size-1], p[size:]
	}
	return d.ip(p, cut)
}
