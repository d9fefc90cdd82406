package capture

import (
	"encoding/binary"

	"github.com/tcplife/tcplife/internal/segment"
)

// plain reads the frame that nearly every frame is, in one go: Ethernet with
// at most one VLAN tag, IPv4 without options and whole, or IPv6 without
// extension headers, and TCP. It reports false for everything else and for all
// that is wrong, and leaves both to decode, which knows what to call it. What
// decode makes of a plain frame is the same (TestPlainAgreesWithDecode).
func (d *decoder) plain(p []byte, s *segment.Segment) bool {
	const shortest = 14 + 20 + 20
	if len(p) < shortest+4 { // no need to ask again for the tag
		return false
	}
	var tag uint16
	t := binary.BigEndian.Uint16(p[12:])
	if t == etherVLAN {
		tag = binary.BigEndian.Uint16(p[14:]) & 0xfff
		t = binary.BigEndian.Uint16(p[16:])
		p = p[18:]
	} else {
		p = p[14:]
	}
	var e ends
	var length, total int
	var ttl byte
	var id uint16
	switch t {
	case etherIPv4:
		const fragmented = 0x3fff // more fragments, or an offset
		total = int(binary.BigEndian.Uint16(p[2:]))
		if p[0] != 0x45 || p[9] != protoTCP || binary.BigEndian.Uint16(p[6:])&fragmented != 0 || total < 40 {
			return false
		}
		e, ttl, id = ends4(p[12:20]), p[8], binary.BigEndian.Uint16(p[4:])
		p, length = p[20:], total-20
	case etherIPv6:
		if len(p) < 40+20 || p[0]>>4 != 6 || p[6] != protoTCP {
			return false
		}
		e, ttl = ends6(p[8:40]), p[7]
		length = int(binary.BigEndian.Uint16(p[4:]))
		if length < 20 {
			return false
		}
		p, total = p[40:], 40+length
	default:
		return false
	}
	if len(p) > length {
		p = p[:length]
	}
	header := int(p[12]>>4) * 4
	if header < 20 || header > length {
		return false
	}
	*s = segment.Segment{}
	if tag != 0 {
		s.Path = d.tagged(tag)
	}
	s.TTL = ttl
	s.IPID, s.HasIPID = id, id != 0
	s.IPLen = uint32(total)
	fillTCP(s, e, p, length)
	if d.verify && len(p) == length {
		s.Checksum = verifyTCP(e.sum(), p)
	}
	return true
}
