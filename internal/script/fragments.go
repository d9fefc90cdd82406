package script

import "encoding/binary"

const (
	// fragmentUnit is what the length of all fragments but the last is a multiple of.
	fragmentUnit = 8
	maxFragments = 64

	protocolFragment  = 44
	fragmentHeaderLen = 8
)

// fragments builds the line's IP fragments in order, all but the last of one length.
func (c *Conversation) fragments(l *Line) []Packet {
	src, dst := c.addresses(l)
	rest := c.tcp(l)
	each := max(fragmentUnit, len(rest)/l.Fragments/fragmentUnit*fragmentUnit)
	var packets []Packet
	for i := range l.Fragments {
		at, more, body := i*each, uint16(0), rest
		if i < l.Fragments-1 {
			more, body = 1, rest[:each]
		}
		rest = rest[len(body):]
		var ip []byte
		if c.ipv6() {
			ip = appendIP(nil, src, dst, protocolFragment, l.TTL, 0, fragmentHeaderLen+len(body))
			ip = append(ip, protocolTCP, 0)
			ip = binary.BigEndian.AppendUint16(ip, uint16(at)|more)
			ip = binary.BigEndian.AppendUint32(ip, uint32(l.Packet)) // no two lines share it
		} else {
			ip = appendIP(nil, src, dst, protocolTCP, l.TTL, l.IPID, len(body))
			binary.BigEndian.PutUint16(ip[6:], uint16(at/fragmentUnit)|more<<13)
			binary.BigEndian.PutUint16(ip[10:], 0)
			binary.BigEndian.PutUint16(ip[10:], checksum(ip, 0))
		}
		ip = append(ip, body...)
		packets = append(packets, Packet{Time: Epoch + int64(l.At), From: l.From, IP: ip, Captured: len(ip)})
	}
	return packets
}
