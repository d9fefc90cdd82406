package capture

import (
	"encoding/binary"

	"github.com/tcplife/tcplife/internal/segment"
)

// Frames in frames, and tags that switches put between addresses and type. gopacket knows none of them.

// pbb reads a service tag of provider backbone bridges (IEEE 802.1ah), behind which is the customer's frame.
func (d *decoder) pbb(p []byte, cut int) skip {
	if len(p) < 4 {
		return skipTruncatedFrame
	}
	if !d.enter(segment.WrapPBB, uint24(p[1:])) {
		return skipTooDeep
	}
	return d.ethernet(p[4:], cut)
}

// fabricPath reads Cisco FabricPath's tag: ten bits that name a tree, six to live. The frame is behind it.
func (d *decoder) fabricPath(p []byte, cut int) skip {
	if len(p) < 2 {
		return skipTruncatedFrame
	}
	if !d.enter(segment.WrapFabricPath, uint32(binary.BigEndian.Uint16(p)>>6)) {
		return skipTooDeep
	}
	return d.ethernet(p[2:], cut)
}

// trill reads a TRILL header (RFC 6325 section 3), with options in words; the frame is behind it.
func (d *decoder) trill(p []byte, cut int) skip {
	const header = 6
	if len(p) < header {
		return skipTruncatedFrame
	}
	word := binary.BigEndian.Uint16(p)
	size := header + 4*int(word>>6&0x1f)
	if word>>14 != 0 || size > len(p) {
		return skipEncapsulation
	}
	if !d.enter(segment.WrapTRILL, binary.BigEndian.Uint32(p[2:])) {
		return skipTooDeep
	}
	return d.ethernet(p[size:], cut)
}

// vnTag reads Cisco's VN-Tag: direction, pointer and the destination's interface (14 bits), looped, version and the source's
// (12 bits). The type is behind it.
func (d *decoder) vnTag(p []byte, cut int) skip {
	if len(p) < 6 {
		return skipTruncatedFrame
	}
	to, from := binary.BigEndian.Uint16(p)&0x3fff, binary.BigEndian.Uint16(p[2:])&0xfff
	if !d.enter(segment.WrapVNTag, uint32(to)<<16|uint32(from)) {
		return skipTooDeep
	}
	return d.etherType(binary.BigEndian.Uint16(p[4:]), p[6:], cut)
}

// eTag reads a port extender's tag (IEEE 802.1BR): priority and ingress E-CID (12 bits), group and E-CID (14 bits), two
// octets that extend both. The type is behind it.
func (d *decoder) eTag(p []byte, cut int) skip {
	if len(p) < 8 {
		return skipTruncatedFrame
	}
	from, to := binary.BigEndian.Uint16(p)&0xfff, binary.BigEndian.Uint16(p[2:])&0x3fff
	if !d.enter(segment.WrapETag, uint32(to)<<16|uint32(from)) {
		return skipTooDeep
	}
	return d.etherType(binary.BigEndian.Uint16(p[6:]), p[8:], cut)
}
