package capture

import (
	"encoding/binary"
	"strings"
)

// Link layers with a header of their own before an LLC header, an Ethernet
// type or an IP packet. gopacket knows few of them.

// fddi reads a frame control octet, two addresses and an LLC header.
func (d *decoder) fddi(p []byte, cut int) skip {
	const (
		header = 13
		kind   = 0xf0
		async  = 0x50
		sync   = 0xd0
	)
	if len(p) < header {
		return skipTruncatedFrame
	}
	if k := p[0] & kind; k != async && k != sync {
		return skipLinkControl
	}
	return d.llc(p[header:], cut)
}

// tokenRing reads two control octets, two addresses, the route if the first
// bit of the source says that there is one, and an LLC header.
func (d *decoder) tokenRing(p []byte, cut int) skip {
	const (
		header      = 14
		kind, isLLC = 0xc0, 0x40
		hasRoute    = 0x80
		routeLength = 0x1f
	)
	if len(p) < header {
		return skipTruncatedFrame
	}
	if p[1]&kind != isLLC {
		return skipLinkControl
	}
	from, p := p[8], p[header:]
	if from&hasRoute != 0 {
		if len(p) == 0 {
			return skipTruncatedFrame
		}
		return d.behind(int(p[0]&routeLength), (*decoder).llc, p, cut)
	}
	return d.llc(p, cut)
}

// arcnet reads source, destination and type.
func (d *decoder) arcnet(p []byte, cut int) skip {
	if len(p) < 3 {
		return skipTruncatedFrame
	}
	return d.arcnetType(p[2], p[3:], cut)
}

// linuxARCnet has two octets more, before the type.
func (d *decoder) linuxARCnet(p []byte, cut int) skip {
	if len(p) < 5 {
		return skipTruncatedFrame
	}
	return d.arcnetType(p[4], p[5:], cut)
}

// arcnetType reads what follows the type: with RFC 1201 a flag that is even
// and not zero in later fragments, and the number of the packet; with the older RFC 1051
// nothing. After a flag of all ones, which only fills up, both stand again.
func (d *decoder) arcnetType(t byte, p []byte, cut int) skip {
	const (
		ipv4Old = 0xf0
		arpOld  = 0xf1
		ipv4    = 0xd4
		arp     = 0xd5
		ipv6    = 0xc4
		filler  = 0xff
	)
	read := (*decoder).ipv4
	switch t {
	case ipv4Old:
		return d.ipv4(p, cut)
	case arpOld, arp:
		return skipEtherType(etherARP)
	case ipv4:
	case ipv6:
		read = (*decoder).ipv6
	default:
		return skipNotIP
	}
	if len(p) >= 4 && p[0] == filler {
		p = p[4:]
	}
	switch {
	case len(p) < 3:
		return skipTruncatedFrame
	case p[0] != 0 && p[0]&1 == 0:
		return skipLinkFragment
	}
	return read(d, p[3:], cut)
}

// ipOverFC reads the network header of RFC 2625: two addresses of eight octets.
func (d *decoder) ipOverFC(p []byte, cut int) skip {
	return d.behind(16, (*decoder).llc, p, cut)
}

// firewire reads two addresses of eight octets and an Ethernet type.
func (d *decoder) firewire(p []byte, cut int) skip {
	return d.behind(16, (*decoder).typed, p, cut)
}

// ipoib reads what tcpdump records of IP over InfiniBand: a global route
// header, an Ethernet type, two octets of nothing.
func (d *decoder) ipoib(p []byte, cut int) skip {
	const header = 44
	if len(p) < header {
		return skipTruncatedFrame
	}
	return d.etherType(binary.BigEndian.Uint16(p[40:]), p[header:], cut)
}

// infiniband reads a packet of InfiniBand with an IP packet in it (RFC 4391):
// behind local and perhaps global route header, base transport header and that of datagrams.
func (d *decoder) infiniband(p []byte, cut int) skip {
	const (
		local, global   = 2, 3
		localHeader     = 8
		globalHeader    = 40
		transportHeader = 12
		datagramHeader  = 8
		sendOnly        = 0x64 // an unreliable datagram
		ownHeader       = 4    // Ethernet type, nothing
	)
	if len(p) < localHeader {
		return skipTruncatedFrame
	}
	next, p := p[1]&3, p[localHeader:]
	switch next {
	case local:
	case global:
		if len(p) < globalHeader {
			return skipTruncatedFrame
		}
		p = p[globalHeader:]
	default:
		return skipNotIP
	}
	if len(p) < transportHeader+datagramHeader+ownHeader {
		return skipTruncatedFrame
	}
	if p[0] != sendOnly {
		return skipNotIP
	}
	p = p[transportHeader+datagramHeader:]
	switch t := binary.BigEndian.Uint16(p); t {
	case etherIPv4, etherIPv6, etherARP:
		return d.etherType(t, p[ownHeader:], cut)
	}
	return skipNotIP
}

// docsis reads a MAC header of cable networks: kind, length of the extended
// header, length, the extended header, a checksum of two octets.
func (d *decoder) docsis(p []byte, cut int) skip {
	const (
		kind        = 0xfe // zero with an Ethernet frame behind the header
		extended    = 0x01
		header      = 4
		checksum    = 2
		privacyUp   = 3
		privacyDown = 4
		encrypted   = 0x80 // of the privacy element's second octet
	)
	if len(p) < header {
		return skipTruncatedFrame
	}
	if p[0]&kind != 0 {
		return skipLinkControl
	}
	size := 0
	if p[0]&extended != 0 {
		size = int(p[1])
	}
	if len(p) < header+size+checksum {
		return skipTruncatedFrame
	}
	// Each element of the extended header has type and length in one octet.
	for e := p[header : header+size]; len(e) > 0; {
		t, n := e[0]>>4, int(e[0]&15)
		if (t == privacyUp || t == privacyDown) && n >= 2 && len(e) > 2 && e[2]&encrypted != 0 {
			return skipEncryptedDOCSIS
		}
		e = e[min(1+n, len(e)):]
	}
	return d.ethernet(p[header+size+checksum:], cut)
}

// enc reads the header of OpenBSD's IPsec interface: address family, index of
// the association, flags.
func (d *decoder) enc(p []byte, cut int) skip { return d.behind(12, (*decoder).ip, p, cut) }

// pflog reads the header of BSD's packet filter log, which begins with its own
// length, without the padding to four octets, and an address family.
func (d *decoder) pflog(p []byte, cut int) skip {
	const least = 45 // of the oldest
	if len(p) == 0 {
		return skipTruncatedFrame
	}
	size := int(p[0])
	if size < least {
		return skipMalformedLink
	}
	return d.behind((size+3)&^3, (*decoder).ip, p, cut)
}

// ipnet reads the header of Solaris' observability of IP.
func (d *decoder) ipnet(p []byte, cut int) skip { return d.behind(24, (*decoder).ip, p, cut) }

// symantec reads what a Symantec firewall puts before IP packets: an Ethernet type in
// one of two places, which tells the version and so the length.
func (d *decoder) symantec(p []byte, cut int) skip {
	const v2, v3 = 44, 56
	if len(p) < v2 {
		return skipTruncatedFrame
	}
	if t := binary.BigEndian.Uint16(p[6:]); t != 0 {
		return d.etherType(t, p[v2:], cut)
	}
	if len(p) < v3 {
		return skipTruncatedFrame
	}
	return d.etherType(binary.BigEndian.Uint16(p[10:]), p[v3:], cut)
}

// nflog reads a record of Linux' netfilter log: family, version, group, then
// attributes in the byte order of the host that captured. One is the packet.
func (d *decoder) nflog(p []byte, cut int) skip {
	const (
		header, attribute = 4, 4
		payload           = 9
	)
	if len(p) < header {
		return skipTruncatedFrame
	}
	order := little
	for p = p[header:]; len(p) >= attribute; {
		size := int(order.u16(p))
		// The first attribute is short: in the wrong order it would be 1 KiB at least.
		if order == little && (size < attribute || size > len(p)+cut) {
			order = big
			size = int(order.u16(p))
		}
		if size < attribute || size > len(p)+cut {
			return skipMalformedLink
		}
		if order.u16(p[2:]) == payload {
			return d.ip(p[attribute:min(size, len(p))], size-min(size, len(p)))
		}
		p = p[min((size+3)&^3, len(p)):]
	}
	if cut > 0 {
		return skipTruncatedFrame
	}
	return skipNotIP
}

// pktap reads the header of Apple's packet tap: length, type, link type of the
// frame behind it, all in the byte order of the host, which is little.
func (d *decoder) pktap(p []byte, cut int) skip {
	const (
		least    = 108
		isPacket = 1
	)
	if len(p) < 12 {
		return skipTruncatedFrame
	}
	size, kind, link := binary.LittleEndian.Uint32(p), binary.LittleEndian.Uint32(p[4:]), binary.LittleEndian.Uint32(p[8:])
	switch {
	case size < least:
		return skipMalformedLink
	case uint64(size) > uint64(len(p)):
		return skipTruncatedFrame
	case kind != isPacket:
		return skipLinkControl
	}
	return d.linked(link, p[size:], cut)
}

// user2 is a link type of one's own choice, and was Apple's for packet taps
// before they got one: read if the header looks like theirs.
func (d *decoder) user2(p []byte, cut int) skip {
	const usual = 512
	if len(p) >= 12 && binary.LittleEndian.Uint32(p) < usual && linkKnown(uint16(min(binary.LittleEndian.Uint32(p[8:]), 0xffff))) != "" {
		if why := d.pktap(p, cut); why != skipMalformedLink && why != skipLinkControl {
			return why
		}
	}
	return skipLinkType(149)
}

// exportedPDU reads a record of Wireshark's: tagged fields, one of which names
// what the record holds. Only packets with their IP header say who sent them.
func (d *decoder) exportedPDU(p []byte, cut int) skip {
	const (
		last = 0
		name = 12
	)
	what := ""
	for {
		if len(p) < 4 {
			return skipTruncatedFrame
		}
		tag, size := binary.BigEndian.Uint16(p), int(binary.BigEndian.Uint16(p[2:]))
		p = p[4:]
		if tag == last {
			break
		}
		if len(p) < size {
			return skipTruncatedFrame
		}
		if tag == name {
			what = strings.TrimRight(string(p[:size]), "\x00")
		}
		p = p[size:]
	}
	switch what {
	case "ip", "ipv6", "raw_ip":
		return d.ip(p, cut)
	case "eth", "eth_withfcs", "eth_withoutfcs", "eth_maybefcs":
		return d.ethernet(p, cut)
	case "ppp":
		return d.pppLink(p, cut)
	case "wlan", "wlan_withoutfcs", "wlan_noqos":
		return d.wifi(p, cut)
	}
	return skipExportedPDU
}

// erf reads a record of Endace's cards: time, type, flags, lengths, and
// extension headers as long as each says that there is another.
func (d *decoder) erf(p []byte, cut int) skip {
	const (
		header, extension = 16, 8
		more              = 0x80
	)
	if len(p) < header {
		return skipTruncatedFrame
	}
	kind, p := p[8], p[header:]
	for next := kind; next&more != 0; p = p[extension:] {
		if len(p) < extension {
			return skipTruncatedFrame
		}
		next = p[0]
	}
	switch kind &^ more {
	case 1, 10, 15, 19: // HDLC: plain, coloured, steered, hashed
		return d.pppLink(p, cut)
	case 2, 11, 16, 20: // Ethernet, behind two octets that align it
		return d.behind(2, (*decoder).ethernet, p, cut)
	case 4: // AAL5, behind the header of its last cell
		return d.behind(4, (*decoder).atm, p, cut)
	case 5, 17: // multichannel HDLC, behind what names the channel
		return d.behind(4, (*decoder).pppLink, p, cut)
	case 22, 23:
		return d.ip(p, cut)
	}
	return skipNotIP
}
