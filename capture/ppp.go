package capture

import (
	"encoding/binary"

	"github.com/google/gopacket/layers"

	"github.com/tcplife/tcplife/internal/segment"
)

// PPP protocol numbers (IANA).
const (
	pppIPv4          = 0x0021
	pppIPv6          = 0x0057
	pppMPLS          = 0x0281
	pppMPLSMulticast = 0x0283
)

// ppp reads a PPP frame inside a tunnel (RFC 1661). Of the ways to write its header the most common one is read here,
// the others by gopacket. unknown is what to count when there is no IP inside.
func (d *decoder) ppp(p []byte, cut int, unknown skip) skip {
	if len(p) >= 2 {
		switch binary.BigEndian.Uint16(p) {
		case pppIPv4, pppIPv6:
			return d.pppCarries(pppIPv4, p[2:], cut, unknown)
		}
	}
	return d.peel(layers.LayerTypePPP, p, cut, unknown)
}

// pppCarries reads what follows a PPP header with the given protocol.
func (d *decoder) pppCarries(protocol uint16, p []byte, cut int, unknown skip) skip {
	switch protocol {
	case pppIPv4, pppIPv6:
		if !saneIP(p, cut) {
			return unknown
		}
		return d.ip(p, cut)
	case pppMPLS, pppMPLSMulticast:
		return d.mpls(p, cut)
	}
	return unknown
}

const pppoeVersion = 0x11 // and type, four bits each

// pppoe reads a PPPoE session header (RFC 2516). gopacket takes the bytes behind the frame for the rest of it if the
// snapshot cut it.
func (d *decoder) pppoe(p []byte, cut int) skip {
	const (
		header      = 6
		sessionData = 0
		plainPPPoE  = classEtherType | etherPPPoE
	)
	if len(p) < header+2 {
		return skipTruncatedFrame
	}
	if p[0] != pppoeVersion || p[1] != sessionData || binary.BigEndian.Uint16(p[4:]) < 2 {
		return plainPPPoE
	}
	if !d.enter(segment.WrapPPPoE, uint32(binary.BigEndian.Uint16(p[2:]))) {
		return skipTooDeep
	}
	return d.ppp(p[header:], cut, plainPPPoE)
}
