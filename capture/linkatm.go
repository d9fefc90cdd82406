package capture

import "encoding/binary"

// ATM, and the headers that Juniper's routers put before what they capture.

// atm reads a packet in AAL5 as RFC 2684 (once 1483) wraps it: behind an LLC
// header, or nothing if the circuit carries one protocol only.
func (d *decoder) atm(p []byte, cut int) skip {
	const (
		iso     = "\xfe\xfe\x03" // a protocol identifier follows
		bridged = "\xaa\xaa\x03"
		padding = 2 // before a bridged frame
	)
	switch {
	case len(p) < 3:
		return skipTruncatedFrame
	case string(p[:3]) == iso:
		return d.nlpid(p[3:], cut)
	case string(p[:3]) == bridged && isBridged(p[3:]):
		return d.behind(8+padding, (*decoder).ethernet, p, cut)
	case p[0]>>4 == 4 && p[0]&15 >= 5, p[0]>>4 == 6:
		return d.ip(p, cut) // no address of an LLC header that is in use
	}
	return d.llc(p, cut)
}

// classicalIP reads what Linux captures of classical IP over ATM: with the LLC
// header or without.
func (d *decoder) classicalIP(p []byte, cut int) skip { return d.atm(p, cut) }

// lane reads a frame of ATM's LAN emulation: the number of a client, before an
// Ethernet frame.
func (d *decoder) lane(p []byte, cut int) skip {
	const control = 0xff00
	if len(p) >= 2 && binary.BigEndian.Uint16(p) == control {
		return skipLinkControl
	}
	return d.behind(2, (*decoder).ethernet, p, cut)
}

// sunATM reads a header of SunATM: what the circuit carries, path and circuit.
func (d *decoder) sunATM(p []byte, cut int) skip {
	const (
		kind      = 0x0f
		emulation = 1
		llc       = 2
	)
	if len(p) < 4 {
		return skipTruncatedFrame
	}
	switch p[0] & kind {
	case emulation:
		return d.lane(p[4:], cut)
	case llc:
		return d.atm(p[4:], cut)
	}
	return skipLinkControl
}

// juniper reads the header before every packet that a Juniper router captured:
// magic, flags, perhaps extensions. cookie is how many octets of the interface's own follow
// it. A packet without link layer has its address family there instead, in the
// order of the router's processor.
func (d *decoder) juniper(p []byte, cut, cookie int, read func(*decoder, []byte, int) skip) skip {
	const (
		magic        = "MGC"
		withoutLink  = 0x02
		extended     = 0x80
		familyLength = 4
	)
	if len(p) < 4 {
		return skipTruncatedFrame
	}
	if string(p[:3]) != magic {
		return skipMalformedLink
	}
	flags, p := p[3], p[4:]
	if flags&extended != 0 {
		if len(p) < 2 || len(p) < 2+int(binary.BigEndian.Uint16(p)) {
			return skipTruncatedFrame
		}
		p = p[2+int(binary.BigEndian.Uint16(p)):]
	}
	if flags&withoutLink != 0 {
		return d.behind(familyLength, (*decoder).ip, p, cut)
	}
	return d.behind(cookie, read, p, cut)
}

func (d *decoder) juniperEthernet(p []byte, cut int) skip {
	return d.juniper(p, cut, 0, (*decoder).ethernet)
}

func (d *decoder) juniperPPP(p []byte, cut int) skip {
	return d.juniper(p, cut, 0, (*decoder).pppLink)
}

func (d *decoder) juniperHDLC(p []byte, cut int) skip {
	return d.juniper(p, cut, 0, (*decoder).ciscoHDLC)
}

func (d *decoder) juniperFrameRelay(p []byte, cut int) skip {
	return d.juniper(p, cut, 0, (*decoder).frameRelay)
}

// juniperServices is for interfaces whose eight octets are before an IP packet.
func (d *decoder) juniperServices(p []byte, cut int) skip {
	return d.juniper(p, cut, 8, (*decoder).ip)
}

// juniperEtherType is for those that put an Ethernet type before the packet.
func (d *decoder) juniperEtherType(p []byte, cut int) skip {
	return d.juniper(p, cut, 0, (*decoder).typed)
}

func (d *decoder) juniperATM1(p []byte, cut int) skip {
	return d.juniper(p, cut, 4, (*decoder).juniperCell)
}

func (d *decoder) juniperATM2(p []byte, cut int) skip {
	return d.juniper(p, cut, 8, (*decoder).juniperCell)
}

// juniperCell reads what a circuit carries: what RFC 2684 allows, Cisco's way,
// which is a protocol identifier, or PPP.
func (d *decoder) juniperCell(p []byte, cut int) skip {
	switch {
	case len(p) < 2:
		return skipTruncatedFrame
	case p[0] == unnumbered:
		return d.nlpid(p[1:], cut)
	case startsPPP(p):
		return d.pppLink(p, cut)
	}
	return d.atm(p, cut)
}

// juniperMLPPP reads a packet of a PPP bundle. A link of it may have no cookie.
func (d *decoder) juniperMLPPP(p []byte, cut int) skip {
	return d.juniper(p, cut, 0, func(d *decoder, p []byte, cut int) skip {
		const bundle = 2
		n := juniperCookie(p, bundle)
		if n == bundle && startsPPP(p) && (len(p) < bundle+2 || !startsPPP(p[bundle:])) {
			n = 0
		}
		return d.behind(n, (*decoder).bundled, p, cut)
	})
}

// juniperMLFR reads a packet of a frame relay bundle of FRF.15.
func (d *decoder) juniperMLFR(p []byte, cut int) skip {
	return d.juniper(p, cut, 0, func(d *decoder, p []byte, cut int) skip {
		return d.behind(juniperCookie(p, 2), (*decoder).bundled, p, cut)
	})
}

// juniperMFR reads a packet of a frame relay bundle of FRF.16, or of a link
// of it, which has no cookie.
func (d *decoder) juniperMFR(p []byte, cut int) skip {
	return d.juniper(p, cut, 0, func(d *decoder, p []byte, cut int) skip {
		const ends = 0xc0 // first and last fragment
		if len(p) > 0 && p[0]&ends == ends {
			return d.multilinkFrameRelay(p, cut)
		}
		return d.behind(juniperCookie(p, 4), (*decoder).bundled, p, cut)
	})
}

// juniperCookie returns how long the cookie of a bundle is; that of link and
// adaptive services tells itself, the others have a length of their own.
func juniperCookie(p []byte, others int) int {
	const linkServices, adaptiveServices = 0x54, 0x47
	if len(p) > 0 {
		switch p[0] {
		case linkServices:
			return others + 2
		case adaptiveServices:
			return 8
		}
	}
	return others
}

// bundled reads what a bundle carries: IP, a protocol identifier, or PPP. No
// two of them begin alike.
func (d *decoder) bundled(p []byte, cut int) skip {
	switch {
	case len(p) < 2:
		return skipTruncatedFrame
	case p[0]>>4 == 4 || p[0]>>4 == 6:
		return d.ip(p, cut)
	case p[0] == unnumbered:
		return d.nlpid(p[1:], cut)
	}
	return d.pppLink(p, cut)
}

// startsPPP reports whether a frame begins as one of PPP with IP does.
func startsPPP(p []byte) bool {
	if len(p) < 2 {
		return false
	}
	switch binary.BigEndian.Uint16(p) {
	case hdlcPPP, pppIPv4, pppIPv6:
		return true
	}
	return false
}

// juniperES reads what an encryption interface saw: its association, then an
// IP packet, unless that one is encrypted.
func (d *decoder) juniperES(p []byte, cut int) skip {
	return d.juniper(p, cut, 0, func(d *decoder, p []byte, cut int) skip {
		const header, authenticated, encrypted = 16, 3, 5
		if len(p) < header {
			return skipTruncatedFrame
		}
		if p[3] < authenticated || p[3] > encrypted {
			return skipLinkControl
		}
		return d.ip(p[header:], cut)
	})
}

// typed reads what follows an Ethernet type.
func (d *decoder) typed(p []byte, cut int) skip {
	if len(p) < 2 {
		return skipTruncatedFrame
	}
	return d.etherType(binary.BigEndian.Uint16(p), p[2:], cut)
}
