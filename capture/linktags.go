package capture

import "encoding/binary"

// Ethernet with something before the frame or within its header.

// mpacket reads a fragment of a preemptable frame (IEEE 802.3br), or a frame of
// the other kind: preamble and what the last of its octets says. First fragments hold the
// headers.
func (d *decoder) mpacket(p []byte, cut int) skip {
	const preamble = 8
	if len(p) < preamble {
		return skipTruncatedFrame
	}
	switch p[preamble-2] {
	case 0x61, 0x52, 0x9e, 0x2a: // later fragments, which a last octet numbers
		return skipLinkFragment
	}
	switch p[preamble-1] {
	case 0xd5, 0xe6, 0x4c, 0x7f, 0xb3: // a whole frame, first fragments
		return d.ethernet(p[preamble:], cut)
	}
	return skipLinkControl
}

// netanalyzer reads Hilscher's header of four octets.
func (d *decoder) netanalyzer(p []byte, cut int) skip {
	return d.behind(4, (*decoder).ethernet, p, cut)
}

// netanalyzerTransparent has the preamble before the frame, too.
func (d *decoder) netanalyzerTransparent(p []byte, cut int) skip {
	return d.behind(4+8, (*decoder).ethernet, p, cut)
}

// epon reads the frames of passive optical networks, whose preamble names the branch.
func (d *decoder) epon(p []byte, cut int) skip { return d.behind(8, (*decoder).ethernet, p, cut) }

// broadcomTag reads frames of a switch's processor port with Broadcom's tag
// between addresses and type.
func (d *decoder) broadcomTag(p []byte, cut int) skip { return d.tagWithin(p, cut, 4, false) }

// broadcomPrepended has the tag before the frame.
func (d *decoder) broadcomPrepended(p []byte, cut int) skip {
	return d.behind(4, (*decoder).ethernet, p, cut)
}

// dsa reads Marvell's tag, which takes the place of a VLAN tag.
func (d *decoder) dsa(p []byte, cut int) skip { return d.tagWithin(p, cut, 4, true) }

// edsa has an Ethernet type and two octets more before the tag.
func (d *decoder) edsa(p []byte, cut int) skip { return d.tagWithin(p, cut, 8, true) }

// tagWithin reads a frame with a tag of so many octets behind the addresses; marvell says
// that its last four tell of a VLAN.
func (d *decoder) tagWithin(p []byte, cut, tag int, marvell bool) skip {
	const (
		addresses = 12
		wasTagged = 0x20 // of Marvell's first octet
	)
	if len(p) < addresses+tag+2 {
		return skipTruncatedFrame
	}
	if t := p[addresses+tag-4:]; marvell && t[0]&wasTagged != 0 {
		d.addVLAN(binary.BigEndian.Uint16(t[2:]) & 0xfff)
	}
	return d.behind(addresses+tag, (*decoder).typed, p, cut)
}
