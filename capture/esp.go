package capture

import (
	"encoding/binary"

	"github.com/tcplife/tcplife/internal/segment"
)

const plainESP = classProtocol | protoESP

// esp reads a packet of ESP (RFC 4303) whose encryption is NULL, as RFC 2410 has it. Nothing says so, and nothing says how
// long the integrity check at its end is: it is taken for such only if, for a length in use, padding and trailer are as they
// must be and the checksum of the TCP segment inside is right. So it must have been captured whole.
func (d *decoder) esp(k *ipPacket) skip {
	const (
		header  = 8
		trailer = 2 // length of the padding, next header
	)
	if k.cut() > 0 || len(k.body) < header {
		return plainESP
	}
	for _, check := range [...]int{12, 16, 0, 24, 32} { // most common first
		end := len(k.body) - check - trailer
		if end < header {
			continue
		}
		pad, next := int(k.body[end]), k.body[end+1]
		if end-pad < header || (end+trailer-header)%4 != 0 || !isPadding(k.body[end-pad:end]) {
			continue
		}
		inner := ipPacket{ends: k.ends}
		inner.setBody(k.body[header:end-pad], end-pad-header)
		if !inner.isCertainTCP(next) {
			continue
		}
		if !d.enter(segment.WrapESP, binary.BigEndian.Uint32(k.body)) {
			return skipTooDeep
		}
		if next == protoTCP {
			inner.verifiable = k.verifiable
			return d.tcp(&inner)
		}
		return d.ip(inner.body, 0)
	}
	return plainESP
}

// espInUDP reads ESP in UDP (RFC 3948). Four octets of zero are a negotiation's, a single octet keeps a translation alive.
func (d *decoder) espInUDP(k *ipPacket) skip {
	if len(k.body) < 8 || binary.BigEndian.Uint32(k.body) == 0 {
		return plainUDP
	}
	if why := d.esp(k); why != plainESP {
		return why
	}
	return plainUDP
}

// isPadding reports whether b counts from 1, as the padding of ESP does.
func isPadding(b []byte) bool {
	for i, v := range b {
		if v != byte(i+1) {
			return false
		}
	}
	return true
}

// isCertainTCP reports whether k, whole, holds a TCP segment with a right checksum: alone, or within an IP packet.
func (k *ipPacket) isCertainTCP(proto byte) bool {
	switch proto {
	case protoTCP:
		const (
			reserved = 0x0e // of the 13th octet
			urg      = 0x20
		)
		// Ciphertext has a right sum once in 65536 times. So fields must be as everybody sends them, too.
		b := k.body
		return len(b) >= 20 && b[12]&reserved == 0 && int(b[12]>>4)*4 <= len(b) && b[12]>>4 >= 5 && b[13] != 0 &&
			(b[13]&urg != 0 || b[18] == 0 && b[19] == 0) && verifyTCP(k.sum(), b) == segment.ChecksumGood
	case protoIPIP, protoIPv6:
		p := k.body
		if !certainIP(p, 0) || (p[0]>>4 == 4) != (proto == protoIPIP) {
			return false
		}
		inner := ipPacket{}
		if proto == protoIPv6 {
			inner.ends = ends6(p[8:40])
			inner.setBody(p[40:], len(p)-40)
			return p[6] == protoTCP && inner.isCertainTCP(protoTCP)
		}
		inner.ends = ends4(p[12:20])
		header, total := int(p[0]&15)*4, int(binary.BigEndian.Uint16(p[2:]))
		inner.setBody(p[header:total], total-header)
		return p[9] == protoTCP && total == len(p) && inner.isCertainTCP(protoTCP)
	}
	return false
}
