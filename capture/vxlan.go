package capture

import (
	"encoding/binary"

	"github.com/tcplife/tcplife/internal/segment"
)

const (
	vxlanHeader = 8
	vxlanHasID  = 0x08
	vxlanTyped  = 0x04 // GPE: the last octet of the first word says what follows
)

// vxlan reads a VXLAN header (RFC 7348). gopacket does not ask for the flag without which the header means nothing.
func (d *decoder) vxlan(p []byte, cut int) skip {
	if len(p) < vxlanHeader || p[0]&vxlanHasID == 0 {
		return plainUDP
	}
	if !d.enter(segment.WrapVXLAN, uint24(p[4:])) {
		return skipTooDeep
	}
	return d.frameInUDP(p[vxlanHeader:], cut)
}

// vxlanGPE reads a VXLAN header that says what follows (draft-ietf-nvo3-vxlan-gpe); gopacket takes that for Ethernet.
func (d *decoder) vxlanGPE(p []byte, cut int) skip {
	if len(p) < vxlanHeader || p[0]&vxlanTyped == 0 {
		return d.vxlan(p, cut)
	}
	if p[0]&vxlanHasID == 0 {
		return plainUDP
	}
	t, ok := nextProtocol(p[3])
	if !ok {
		return plainUDP
	}
	if !d.enter(segment.WrapVXLAN, uint24(p[4:])) {
		return skipTooDeep
	}
	return d.typedInUDP(t, p[vxlanHeader:], cut)
}

// nextProtocol returns the Ethernet type for a number of the registry that VXLAN-GPE and NSH share.
func nextProtocol(n byte) (t uint16, ok bool) {
	switch n {
	case 1:
		return etherIPv4, true
	case 2:
		return etherIPv6, true
	case 3:
		return etherBridging, true
	case 4:
		return etherNSH, true
	case 5:
		return etherMPLS, true
	}
	return 0, false
}

// nsh reads a network service header (RFC 8300), with its context whatever that is.
func (d *decoder) nsh(p []byte, cut int) skip {
	if len(p) < 8 {
		return skipEncapsulation
	}
	// The length counts words and is split from the TTL, which begins in the first octet.
	size := 4 * int(p[1]&0x3f)
	t, ok := nextProtocol(p[3])
	if p[0]>>6 != 0 || size < 8 || !ok {
		return skipEtherType(etherNSH)
	}
	if size > len(p) {
		return skipEncapsulation
	}
	if !d.enter(segment.WrapNSH, uint24(p[4:])) {
		return skipTooDeep
	}
	return d.etherType(t, p[size:], cut)
}

// geneve reads a Geneve header with its options (RFC 8926). gopacket takes bits of a length for flags, and starts from
// the front again with options of more than 247 octets.
func (d *decoder) geneve(p []byte, cut int) skip {
	if len(p) < 8 || p[0]>>6 != 0 {
		return plainUDP
	}
	size := 8 + 4*int(p[0]&0x3f)
	if size > len(p)+cut {
		return plainUDP
	}
	if size > len(p) {
		return skipEncapsulation
	}
	if !d.enter(segment.WrapGeneve, uint24(p[4:])) {
		return skipTooDeep
	}
	return d.typedInUDP(binary.BigEndian.Uint16(p[2:]), p[size:], cut)
}

func uint24(p []byte) uint32 { return uint32(p[0])<<16 | uint32(p[1])<<8 | uint32(p[2]) }
