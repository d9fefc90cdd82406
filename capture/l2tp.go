package capture

import (
	"encoding/binary"

	"github.com/tcplife/tcplife/internal/segment"
)

// l2tp reads a data message of L2TP over UDP: version 2 (RFC 2661) or 3 (RFC 3931 section 4.1.2.1).
func (d *decoder) l2tp(p []byte, cut int) skip {
	const (
		control     = 0x8000
		hasLength   = 0x4000
		hasSequence = 0x0800
		hasOffset   = 0x0200
		reserved    = 0x34f0
	)
	if len(p) < 8 {
		return plainUDP
	}
	word := binary.BigEndian.Uint16(p)
	switch {
	case word == 3:
		return d.l2tp3(binary.BigEndian.Uint32(p[4:]), p[8:], cut, plainUDP)
	case word&0xf != 2 || word&(control|reserved) != 0:
		return plainUDP
	}
	ids, size := 2, 6
	if word&hasLength != 0 {
		if int(binary.BigEndian.Uint16(p[2:])) > len(p)+cut {
			return plainUDP
		}
		ids, size = ids+2, size+2
	}
	if word&hasSequence != 0 {
		size += 4
	}
	if word&hasOffset != 0 {
		if len(p) < size+2 {
			return plainUDP
		}
		size += 2 + int(binary.BigEndian.Uint16(p[size:]))
	}
	if len(p) < size {
		return plainUDP
	}
	if !d.enter(segment.WrapL2TP, binary.BigEndian.Uint32(p[ids:])) {
		return skipTooDeep
	}
	return d.ppp(p[size:], cut, plainUDP)
}

// l2tpInIP reads a data message of L2TPv3 over IP (RFC 3931 section 4.1.1.1); session 0 is for control messages.
func (d *decoder) l2tpInIP(p []byte, cut int) skip {
	const plainL2TP = classProtocol | protoL2TP
	if len(p) < 4 {
		return skipEncapsulation
	}
	session := binary.BigEndian.Uint32(p)
	if session == 0 {
		return plainL2TP
	}
	return d.l2tp3(session, p[4:], cut, plainL2TP)
}

// l2tp3 finds what a session carries. How long its cookie is (0, 4 or 8 octets), whether four octets with a sequence
// number follow and what comes then was said in control messages; here only what is certain counts. unknown is what to
// count otherwise.
func (d *decoder) l2tp3(session uint32, p []byte, cut int, unknown skip) skip {
	const most = 12
	read := func(is func([]byte, int) bool, then func([]byte, int) skip) (why skip, found bool) {
		for skipped := 0; skipped <= min(most, len(p)); skipped += 4 {
			if is(p[skipped:], cut) {
				if !d.enter(segment.WrapL2TPv3, session) {
					return skipTooDeep, true
				}
				return then(p[skipped:], cut), true
			}
		}
		return unknown, false
	}
	if why, found := read(certainFrame, d.ethernet); found {
		return why
	}
	if why, found := read(certainIP, d.ip); found {
		return why
	}
	why, _ := read(certainSerial, func(p []byte, cut int) skip { return d.ip(p[4:], cut) })
	return why
}

// certainSerial reports whether p is a frame of a serial line with a certain IP packet: PPP or Cisco HDLC.
func certainSerial(p []byte, cut int) bool {
	if len(p) < 4 {
		return false
	}
	switch binary.BigEndian.Uint32(p) {
	case 0xff030000 | pppIPv4, 0xff030000 | pppIPv6, 0x0f000000 | etherIPv4, 0x0f000000 | etherIPv6:
		return certainIP(p[4:], cut)
	}
	return false
}
