package capture

import (
	"encoding/binary"
	"math/bits"

	"github.com/tcplife/tcplife/internal/segment"
)

// Ethernet types (IEEE registry) that the decoder looks into.
const (
	etherIPv4          = 0x0800
	etherARP           = 0x0806
	etherBridging      = 0x6558 // Ethernet in GRE, RFC 7637
	etherVLAN          = 0x8100
	etherIPv6          = 0x86dd
	etherTRILL         = 0x22f3
	etherMPLS          = 0x8847
	etherMPLSMulticast = 0x8848
	etherPPPoE         = 0x8864
	etherQinQ          = 0x88a8
	etherPBB           = 0x88e7
	etherFabricPath    = 0x8903
	etherCiscoMeta     = 0x8909 // Cisco MetaData, for security group tags
	etherVNTag         = 0x8926
	etherETag          = 0x893f
	etherNSH           = 0x894f
	etherQinQOld       = 0x9100
	// Below it, the field is the length of an IEEE 802.3 frame.
	minEtherType = 0x0600
)

func (d *decoder) ethernet(p []byte, cut int) skip {
	if len(p) < 14 {
		return skipTruncatedFrame
	}
	return d.etherType(binary.BigEndian.Uint16(p[12:]), p[14:], cut)
}

// etherType reads what follows an Ethernet type.
func (d *decoder) etherType(t uint16, p []byte, cut int) skip {
	for {
		switch t {
		case etherIPv4:
			return d.ipv4(p, cut)
		case etherIPv6:
			return d.ipv6(p, cut)
		case etherVLAN, etherQinQ, etherQinQOld:
			if len(p) < 4 {
				return skipTruncatedFrame
			}
			if !d.deeper() {
				return skipTooDeep
			}
			d.addVLAN(binary.BigEndian.Uint16(p) & 0xfff)
			t, p = binary.BigEndian.Uint16(p[2:]), p[4:]
		case etherBridging:
			if !d.deeper() {
				return skipTooDeep
			}
			return d.ethernet(p, cut)
		case etherPPPoE:
			return d.pppoe(p, cut)
		case etherCiscoMeta:
			// Version, length of the options in units of four octets, the options,
			// the type of what follows. Switches often tag one direction only.
			if len(p) < 2 || len(p) < 4+4*int(p[1]) {
				return skipTruncatedFrame
			}
			if !d.deeper() {
				return skipTooDeep
			}
			p = p[2+4*int(p[1]):]
			t, p = binary.BigEndian.Uint16(p), p[2:]
		case etherMPLS, etherMPLSMulticast:
			return d.mpls(p, cut)
		case etherPBB:
			return d.pbb(p, cut)
		case etherFabricPath:
			return d.fabricPath(p, cut)
		case etherTRILL:
			return d.trill(p, cut)
		case etherVNTag:
			return d.vnTag(p, cut)
		case etherETag:
			return d.eTag(p, cut)
		case etherNSH:
			return d.nsh(p, cut)
		default:
			if t < minEtherType {
				return d.llc(p, cut)
			}
			return skipEtherType(t)
		}
	}
}

// addVLAN notes an 802.1Q id; id 0 only carries a priority.
func (d *decoder) addVLAN(id uint16) {
	if id != 0 {
		d.path.Add(segment.WrapVLAN, uint32(id))
	}
}

// llc reads an IEEE 802.2 header: IP stands behind it in a SNAP header (RFC
// 1042), or rarely under a service access point of its own.
func (d *decoder) llc(p []byte, cut int) skip {
	if len(p) < 3 {
		return skipTruncatedFrame
	}
	switch {
	case p[0] == 0xaa && p[1] == 0xaa && p[2] == 3:
		return d.snap(p[3:], cut)
	case p[0] == 6 && p[1] == 6 && p[2] == 3:
		return d.ipv4(p[3:], cut)
	}
	return skipLLC
}

// snap reads a SNAP header: an organisation, and a type that is one of its own.
func (d *decoder) snap(p []byte, cut int) skip {
	if len(p) < 5 {
		return skipTruncatedFrame
	}
	// Only under these two organisations is the type an Ethernet type.
	if org := uint32(p[0])<<16 | uint32(p[1])<<8 | uint32(p[2]); org != 0 && org != 0xf8 {
		return skipLLC
	}
	if t := binary.BigEndian.Uint16(p[3:]); t >= minEtherType {
		return d.etherType(t, p[5:], cut)
	}
	return skipLLC
}

// loopback reads BSD's four octets of address family, whose byte order is that
// of the host that captured (NULL) or the network's (LOOP): the family is small,
// so its place tells.
func (d *decoder) loopback(p []byte, cut int) skip {
	if len(p) < 4 {
		return skipTruncatedFrame
	}
	family := binary.BigEndian.Uint32(p)
	if family > 0xffff {
		family = bits.ReverseBytes32(family)
	}
	switch family {
	case 2:
		return d.ipv4(p[4:], cut)
	case 10, 24, 28, 30: // AF_INET6 of Linux, NetBSD and OpenBSD, FreeBSD, Darwin
		return d.ipv6(p[4:], cut)
	}
	return skipNotIP
}

// cooked reads a header of LINKTYPE_LINUX_SLL.
func (d *decoder) cooked(p []byte, cut int) skip {
	if len(p) < 16 {
		return skipTruncatedFrame
	}
	return d.cookedPayload(binary.BigEndian.Uint16(p[2:]), binary.BigEndian.Uint16(p[14:]), p[16:], cut)
}

// cooked2 reads a header of LINKTYPE_LINUX_SLL2, what tcpdump -i any writes.
func (d *decoder) cooked2(p []byte, cut int) skip {
	if len(p) < 20 {
		return skipTruncatedFrame
	}
	return d.cookedPayload(binary.BigEndian.Uint16(p[8:]), binary.BigEndian.Uint16(p), p[20:], cut)
}

func (d *decoder) cookedPayload(device, protocol uint16, p []byte, cut int) skip {
	const (
		arphrdRadiotap = 803
		arphrdNetlink  = 824
		llcFrames      = 4 // LINUX_SLL_P_802_2
	)
	switch {
	case device == arphrdNetlink:
		return skipNotIP // the protocol is a netlink family there
	case device == arphrdRadiotap: // a monitor interface: the protocol means nothing
		return d.radiotap(p, cut)
	case protocol >= minEtherType:
		return d.etherType(protocol, p, cut)
	case protocol == llcFrames:
		return d.llc(p, cut)
	}
	return skipNotIP
}
