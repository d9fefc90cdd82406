package capture

import (
	"encoding/binary"

	"github.com/tcplife/tcplife/internal/segment"
)

// mpls reads MPLS labels (RFC 3032) and what follows the last one. Nothing says what that is; gopacket knows IP only,
// not the pseudowires.
func (d *decoder) mpls(p []byte, cut int) skip {
	const plainMPLS = classEtherType | etherMPLS
	p, why := d.labels(p)
	if why != isSegment {
		return why
	}
	for _, is := range [...]func([]byte, int) bool{certainIP, saneIP} {
		if is(p, cut) {
			return d.ip(p, cut)
		}
		if frame, ok := pseudowire(p, cut, is); ok {
			return d.ethernet(frame, cut)
		}
	}
	return plainMPLS
}

// mplsInUDP is mpls for datagrams (RFC 7510), where it has to be certain.
func (d *decoder) mplsInUDP(p []byte, cut int) skip {
	p, why := d.labels(p)
	switch {
	case why == skipTooDeep:
		return why
	case why != isSegment:
		return plainUDP
	}
	if frame, ok := pseudowire(p, cut, certainIP); ok {
		return d.ethernet(frame, cut)
	}
	if certainIP(p, cut) {
		return d.ip(p, cut)
	}
	return plainUDP
}

// labels moves past the labels, and notes them.
func (d *decoder) labels(p []byte) (rest []byte, why skip) {
	const (
		entropyFollows = 7
		lastLabel      = 0x100
	)
	for entropy := false; ; {
		if len(p) < 4 {
			return nil, skipEncapsulation
		}
		entry := binary.BigEndian.Uint32(p)
		p = p[4:]
		switch label := entry >> 12; {
		case entropy: // a hash of the flow (RFC 6790), which is no path of its own
			entropy = false
		case label == entropyFollows:
			entropy = true
		case !d.enter(segment.WrapMPLS, label):
			return nil, skipTooDeep
		}
		if entry&lastLabel != 0 {
			return p, isSegment
		}
	}
}

// pseudowire finds the Ethernet frame that a pseudowire carries: behind a control word (RFC 4385), whose first four bits
// are 0, or without one. The IP packet inside must look like one.
func pseudowire(p []byte, cut int, isIP func([]byte, int) bool) (frame []byte, ok bool) {
	if len(p) >= 4 && p[0]>>4 == 0 {
		if ip, ok := ipInFrame(p[4:]); ok && isIP(ip, cut) {
			return p[4:], true
		}
	}
	ip, ok := ipInFrame(p)
	return p, ok && isIP(ip, cut)
}
