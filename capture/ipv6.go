package capture

import (
	"encoding/binary"

	"github.com/google/gopacket/layers"

	"github.com/tcplife/tcplife/internal/segment"
)

// IP protocol numbers (IANA) that the decoder looks into.
const (
	protoHopByHop    = 0
	protoICMP        = 1
	protoIPIP        = 4
	protoTCP         = 6
	protoUDP         = 17
	protoIPv6        = 41
	protoRouting     = 43
	protoFragment    = 44
	protoGRE         = 47
	protoESP         = 50
	protoAH          = 51
	protoDestination = 60
	protoEtherIP     = 97
	protoIPComp      = 108
	protoL2TP        = 115
	protoMPLS        = 137
)

const optJumbo = 0xc2 // RFC 2675

func (d *decoder) ipv6(p []byte, cut int) skip {
	if len(p) < 40 {
		return skipTruncatedIPv6
	}
	if p[0]>>4 != 6 {
		return skipMalformedIPv6
	}
	length := int(binary.BigEndian.Uint16(p[4:]))
	if length == 0 {
		length = jumboLength(p[6], p[40:], len(p)+cut-40)
	}
	pkt := ipPacket{ends: ends6(p[8:40]), verifiable: true}
	pkt.setBody(p[40:], length)
	d.seg.TTL = p[7]
	d.seg.HasIPID, d.seg.IPID = false, 0
	d.seg.IPLen = uint32(40 + length)
	d.seg.Fragments = 0
	if p[6] == protoTCP {
		return d.tcp(&pkt)
	}
	return d.transport(p[6], &pkt)
}

// jumboLength finds the length of a packet whose header says 0: a jumbogram
// says it in a hop-by-hop option, a packet that the card was to cut up (TSO)
// says it nowhere and is as long as the frame.
func jumboLength(next byte, body []byte, frame int) int {
	if next == protoHopByHop && len(body) >= 8 && body[2] == optJumbo && body[3] == 4 {
		if n := binary.BigEndian.Uint32(body[4:]); n <= maxRecord {
			return int(n)
		}
	}
	return frame
}

// extension moves past one IPv6 extension header (RFC 8200 section 4) or
// authentication header (RFC 4302) and returns the protocol that follows.
func (k *ipPacket) extension(proto byte) (next byte, why skip) {
	b := k.body
	if len(b) < 8 {
		if k.length < 8 {
			return 0, skipMalformedIPv6
		}
		return 0, skipTruncatedIPv6
	}
	size := 8 * (int(b[1]) + 1)
	switch proto {
	case protoFragment:
		size = 8
	case protoAH:
		size = 4 * (int(b[1]) + 2)
	}
	if size > k.length {
		return 0, skipMalformedIPv6
	}
	if size > len(b) {
		return 0, skipTruncatedIPv6
	}
	k.chosen(proto, b[:size])
	k.body, k.length = b[size:], k.length-size
	return b[0], isSegment
}

// isFragment reports whether a fragment header says that this is less than the whole packet (else see RFC 6946).
func (k *ipPacket) isFragment() bool {
	const moreOrOffset = 0xfff9
	return len(k.body) >= 8 && k.length >= 8 && binary.BigEndian.Uint16(k.body[2:])&moreOrOffset != 0
}

// transport reads what an IP packet carries if it is not simply TCP.
func (d *decoder) transport(proto byte, k *ipPacket) skip {
	const maxExtensions = 16
	for range maxExtensions {
		switch proto {
		case protoTCP:
			return d.tcp(k)
		case protoHopByHop, protoRouting, protoFragment, protoAH, protoDestination:
			if proto == protoAH && len(k.body) >= 8 {
				d.path.Add(segment.WrapAH, binary.BigEndian.Uint32(k.body[4:]))
			}
			if proto == protoFragment && k.isFragment() {
				if k.reassembled { // fragments of a fragment: Linux refuses them
					return skipMalformedIPv6
				}
				return d.fragment6(k)
			}
			next, why := k.extension(proto)
			if why != isSegment {
				return why
			}
			proto = next
			continue
		}
		return d.tunnel(proto, k)
	}
	return skipTooDeep
}

// tunnel looks for a TCP segment inside what an IP packet carries.
func (d *decoder) tunnel(proto byte, k *ipPacket) skip {
	cut := k.cut()
	switch proto {
	case protoIPIP, protoIPv6:
		if !d.enter(segment.WrapIP, 0) {
			return skipTooDeep
		}
		return d.ip(k.body, cut)
	case protoUDP:
		return d.udp(k)
	case protoICMP:
		return d.icmp(k, false)
	case protoICMPv6:
		return d.icmp(k, true)
	case protoGRE:
		return d.gre(k.body, cut)
	case protoEtherIP:
		return d.peel(layers.LayerTypeEtherIP, k.body, cut, skipProtocol(proto))
	case protoMPLS:
		return d.mpls(k.body, cut)
	case protoL2TP:
		return d.l2tpInIP(k.body, cut)
	case protoESP:
		return d.esp(k)
	}
	return skipProtocol(proto)
}
