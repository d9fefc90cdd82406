package capture

import (
	"encoding/binary"

	"github.com/tcplife/tcplife/internal/segment"
)

// Smaller tunnels, none of which gopacket knows.

// teredo reads an IPv6 packet of Teredo (RFC 4380) behind its authentication and origin indications. Either address is
// one of Teredo's, but for what client and server say to each other, which is no TCP.
func (d *decoder) teredo(p []byte, cut int) skip {
	const (
		authentication = 0x0001
		origin         = 0x0000
		prefix         = 0x20010000
	)
	if len(p) >= 4 && binary.BigEndian.Uint16(p) == authentication {
		size := 4 + int(p[2]) + int(p[3]) + 8 + 1 // identifier, value, nonce, confirmation
		if len(p) < size {
			return plainUDP
		}
		p = p[size:]
	}
	if len(p) >= 8 && binary.BigEndian.Uint16(p) == origin {
		p = p[8:]
	}
	if len(p) < 40 || p[0]>>4 != 6 || !knownNext(p[6]) || 40+int(binary.BigEndian.Uint16(p[4:])) > len(p)+cut ||
		binary.BigEndian.Uint32(p[8:]) != prefix && binary.BigEndian.Uint32(p[24:]) != prefix {
		return plainUDP
	}
	if !d.enter(segment.WrapTeredo, 0) {
		return skipTooDeep
	}
	return d.ipv6(p, cut)
}

// lisp reads a LISP data header (RFC 9300 section 5.1).
func (d *decoder) lisp(p []byte, cut int) skip {
	const (
		header      = 8
		hasInstance = 0x08
	)
	if len(p) < header || !certainIP(p[header:], cut) {
		return plainUDP
	}
	instance := uint32(0)
	if p[0]&hasInstance != 0 {
		instance = uint24(p[4:])
	}
	if !d.enter(segment.WrapLISP, instance) {
		return skipTooDeep
	}
	return d.ip(p[header:], cut)
}

// gue reads generic UDP encapsulation (draft-ietf-intarea-gue): version 1 is a mere IP packet.
func (d *decoder) gue(p []byte, cut int) skip {
	const (
		control = 0x20
		words   = 0x1f
	)
	if len(p) < 4 {
		return plainUDP
	}
	if p[0]>>6 == 0 {
		size := 4 + 4*int(p[0]&words)
		if p[0]&control != 0 || p[1] != protoIPIP && p[1] != protoIPv6 || size > len(p) {
			return plainUDP
		}
		p = p[size:]
	}
	if !certainIP(p, cut) {
		return plainUDP
	}
	if !d.enter(segment.WrapGUE, 0) {
		return skipTooDeep
	}
	return d.ip(p, cut)
}

// ayiya reads a packet of AYIYA (draft-massar-v6ops-ayiya): four octets of lengths and types, four of time, an
// identity of a power of two of octets, a signature of a multiple of four.
func (d *decoder) ayiya(p []byte, cut int) skip {
	const forward = 1
	if len(p) < 8 || p[2]&15 != forward || p[3] != protoIPv6 && p[3] != protoIPIP {
		return plainUDP
	}
	size := 8 + 1<<(p[0]>>4) + 4*int(p[1]>>4)
	if len(p) < size || !certainIP(p[size:], cut) {
		return plainUDP
	}
	if !d.enter(segment.WrapAYIYA, 0) {
		return skipTooDeep
	}
	return d.ip(p[size:], cut)
}

// capwap reads a data message of CAPWAP (RFC 5415 section 4.3), unless it is encrypted. Of a fragmented one the first
// fragment will do. Frames of IEEE 802.11 are left: the protocol's own are most often encrypted or rearranged.
func (d *decoder) capwap(p []byte, cut int) skip {
	const (
		native    = 0x01 // in the third octet
		keepalive = 0x08 // in the fourth, like those below
		fragment  = 0x80
		reserved  = 0x07
	)
	if len(p) < 8 || p[0] != 0 || p[2]&native != 0 || p[3]&(keepalive|reserved) != 0 {
		return plainUDP
	}
	size := 4 * int(p[1]>>3)
	if size < 8 || size > len(p) || p[3]&fragment != 0 && binary.BigEndian.Uint16(p[6:])>>3 != 0 {
		return plainUDP
	}
	if ip, ok := ipInFrame(p[size:]); !ok || !saneIP(ip, cut) {
		return plainUDP
	}
	if !d.enter(segment.WrapCAPWAP, 0) {
		return skipTooDeep
	}
	return d.ethernet(p[size:], cut)
}

// tzspInUDP reads a frame that a device mirrored by the TaZmen sniffer protocol.
func (d *decoder) tzspInUDP(p []byte, cut int) skip {
	kind, frame, why := tzspFrame(p)
	switch {
	case why != isSegment:
		return plainUDP
	case !d.enter(segment.WrapTZSP, 0):
		return skipTooDeep
	case kind == tzspEthernet:
		return d.frameInUDP(frame, cut)
	case kind == tzspWifi:
		return d.wifi(frame, cut)
	}
	return plainUDP
}
