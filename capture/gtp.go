package capture

import (
	"encoding/binary"

	"github.com/tcplife/tcplife/internal/segment"
)

const gtpPacket = 255 // the type of a message that carries a subscriber's packet

// gtp reads a GTPv1-U header (3GPP TS 29.281 section 5.1) with its extension headers (section 5.2). gopacket refuses
// one whose packet was cut, and writes to standard output.
func (d *decoder) gtp(p []byte, cut int) skip {
	const (
		version1  = 0x30 // with the bit that it is not GTP'
		optional  = 0x07 // any of these bits: four octets more
		extension = 0x04
	)
	if len(p) < 8 || p[0]&0xf0 != version1 || p[1] != gtpPacket {
		return plainUDP
	}
	length := int(binary.BigEndian.Uint16(p[2:]))
	if 8+length > len(p)+cut {
		return plainUDP
	}
	flags, tunnel := p[0], binary.BigEndian.Uint32(p[4:])
	p = p[8:]
	if flags&optional != 0 {
		if len(p) < 4 {
			return skipEncapsulation
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
	}
	return d.gtpCarries(tunnel, p, cut)
}

// gtp0 reads a header of version 0 (3GPP TS 09.60 section 6).
func (d *decoder) gtp0(p []byte, cut int) skip {
	const header = 20
	if len(p) < header || p[0]&^1 != 0x1e || p[1] != gtpPacket || header+int(binary.BigEndian.Uint16(p[2:])) > len(p)+cut {
		return plainUDP
	}
	return d.gtpCarries(uint32(binary.BigEndian.Uint16(p[6:])), p[header:], cut)
}

// gtpCarries reads a subscriber's packet: IP, or since 5G Ethernet.
func (d *decoder) gtpCarries(tunnel uint32, p []byte, cut int) skip {
	frame := certainFrame(p, cut)
	if !frame && !saneIP(p, cut) {
		return plainUDP
	}
	if !d.enter(segment.WrapGTP, tunnel) {
		return skipTooDeep
	}
	if frame {
		return d.ethernet(p, cut)
	}
	return d.ip(p, cut)
}
