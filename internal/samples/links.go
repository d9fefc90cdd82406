package samples

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/tcplife/tcplife/internal/script"
)

// links hold the conversation in every link type but 802.11's (wifi.go).
var links = []Sample{
	// Of those who capture: no link layer, or one of their own.
	link("null.pcap", "BSD loopback", 0, inner(le32(2), raw)),
	link("null-big-endian.pcap", "BSD loopback, big endian", 0, inner(u32(2), raw)),
	link6("null-darwin.pcap", "BSD loopback with Darwin's IPv6", 0, inner(le32(30), raw)),
	link6("loop-openbsd.pcap", "OpenBSD loopback with its IPv6", 108, inner(u32(24), raw)),
	link("raw-12.pcap", "raw IP under the number of some systems", 12, raw),
	link6("raw-14.pcap", "raw IPv6 under the number of OpenBSD", 14, raw),
	link("raw.pcap", "raw IP", 101, raw),
	link("raw-ipv4.pcap", "raw IPv4", 228, raw),
	link6("raw-ipv6.pcap", "raw IPv6", 229, raw),
	link("cooked.pcap", "Linux cooked v1", 113, cooked),
	link6("cooked2.pcap", "Linux cooked v2", 276, cooked2),
	link("enc.pcap", "OpenBSD enc", 109, inner(join(u32(2), u32(0x1234), u32(0x800)), raw)),
	link("pflog.pcap", "OpenBSD pflog", 117, inner(join([]byte{100, 2, 0, 0}, make([]byte, 96)), raw)),
	link("pflog-freebsd.pcap", "pflog of FreeBSD, whose header is padded", 117, inner(join([]byte{61, 2, 0, 0}, make([]byte, 60)), raw)),
	link("ipnet.pcap", "Solaris IPNET", 226, ipnet),
	link6("ipnet-ipv6.pcap", "Solaris IPNET with IPv6", 226, ipnet),
	link("nflog.pcap", "NFLOG, a prefix before the packet", 239, func(p *script.Packet) []byte { return nflog(binary.LittleEndian, p) }),
	link6("nflog-big-endian.pcap", "NFLOG of a big-endian host", 239, func(p *script.Packet) []byte { return nflog(binary.BigEndian, p) }),
	link("pktap.pcap", "Apple PKTAP with Ethernet", 258, func(p *script.Packet) []byte { return pktap(1, p.From, plainEthernet(p)) }),
	link6("pktap-raw.pcap", "Apple PKTAP with raw IP", 258, func(p *script.Packet) []byte { return pktap(12, p.From, p.IP) }),
	link("pktap-user2.pcap", "Apple PKTAP under its old number", 149, func(p *script.Packet) []byte { return pktap(1, p.From, plainEthernet(p)) }),
	link("exported-ip.pcap", "exported PDUs that are IP packets", 252, func(p *script.Packet) []byte { return exported("ip", p.IP) }),
	link("exported-ethernet.pcap", "exported PDUs that are Ethernet frames", 252, func(p *script.Packet) []byte {
		return exported("eth_maybefcs", plainEthernet(p))
	}),
	link("exported-http.pcap", "exported PDUs that have lost TCP", 252, func(p *script.Packet) []byte { return exported("http", p.IP[40:]) }).
		counted("exported pdu without ip"),
	link("symantec.pcap", "Symantec firewall, version 2", 99, func(p *script.Packet) []byte {
		return join(make([]byte, 6), u16(etherType(p)), make([]byte, 36), p.IP)
	}),
	link("symantec3.pcap", "Symantec firewall, version 3", 99, func(p *script.Packet) []byte {
		return join(make([]byte, 10), u16(etherType(p)), make([]byte, 44), p.IP)
	}),
	link("user0.pcap", "a link type of the user's own", 147, raw).counted("unsupported link type 147 (user 0)"),
	link("netlink.pcap", "a link type that is only counted", 253, raw).counted("unsupported link type 253 (Linux netlink)"),
	link("beyond.pcap", "a link type that nobody knows", 4711, raw).counted("unsupported link type 4711"),

	// Between two ends.
	link("ppp.pcap", "PPP", 9, ppp),
	link6("ppp-ipv6.pcap", "PPP with IPv6, framed as HDLC", 9, inner([]byte{0xff, 3}, ppp)),
	link("ppp-compressed.pcap", "PPP with a protocol of one octet", 9, func(p *script.Packet) []byte { return ppp(p)[1:] }),
	link("ppp-multilink.pcap", "PPP over a bundle of links", 9, inner([]byte{0xff, 3, 0, 0x3d, 0xc0, 0, 0, 7}, ppp)),
	link("ppp-multilink-short.pcap", "PPP over a bundle of links, with short numbers", 9, func(p *script.Packet) []byte {
		return join([]byte{0xff, 3, 0, 0x3d, 0xc0, 7}, ppp(p)[1:])
	}),
	link("ppp-mpls.pcap", "MPLS over PPP", 9, inner([]byte{2, 0x81, 0, 0x01, 0x21, 64}, raw)).by("mpls:18"),
	link("ppp-serial.pcap", "PPP over serial", 50, inner([]byte{0xff, 3}, ppp)),
	link("ppp-serial-cisco.pcap", "Cisco HDLC where PPP could be", 50, hdlc),
	link("pppoe.pcap", "PPPoE", 51, pppoe(ppp)).by("pppoe:7"),
	link6("pppoe-ipv6.pcap", "PPPoE with IPv6", 51, pppoe(ppp)).by("pppoe:7"),
	link("pppd.pcap", "PPP of pppd", 166, func(p *script.Packet) []byte { return join([]byte{byte(p.From), 3}, ppp(p)) }),
	link6("ppp-direction.pcap", "PPP with direction", 204, func(p *script.Packet) []byte { return join([]byte{byte(p.From), 0xff, 3}, ppp(p)) }),
	link("hdlc.pcap", "Cisco HDLC", 104, hdlc),
	link6("hdlc-ipv6.pcap", "Cisco HDLC with IPv6, to many", 112, func(p *script.Packet) []byte { return join([]byte{0x8f, 0}, u16(etherType(p)), p.IP) }),
	link("hdlc-direction.pcap", "Cisco HDLC with direction", 205, func(p *script.Packet) []byte { return join([]byte{byte(p.From)}, hdlc(p)) }),
	link("frame-relay.pcap", "frame relay", 107, inner([]byte{0x18, 0x41, 3}, nlpid)),
	link6("frame-relay-ipv6.pcap", "frame relay with IPv6 and an address of four octets", 107, inner([]byte{0x18, 0x40, 0x02, 0x05, 3}, nlpid)),
	link("frame-relay-snap.pcap", "frame relay with SNAP, which is padded", 107, func(p *script.Packet) []byte {
		return join([]byte{0x18, 0x41, 3, 0, 0x80, 0, 0, 0}, u16(etherType(p)), p.IP)
	}),
	link("frame-relay-bridged.pcap", "Ethernet over frame relay", 107, inner([]byte{0x18, 0x41, 3, 0, 0x80, 0, 0x80, 0xc2, 0, 7}, plainEthernet)),
	link("frame-relay-cisco.pcap", "frame relay as Cisco has it", 107, func(p *script.Packet) []byte {
		return join([]byte{0x18, 0x41}, u16(etherType(p)), p.IP)
	}),
	link("frame-relay-direction.pcap", "frame relay with direction", 206, func(p *script.Packet) []byte {
		return join([]byte{byte(p.From), 0x18, 0x41, 3}, nlpid(p))
	}),
	link("frame-relay-multilink.pcap", "multilink frame relay", 182, inner([]byte{0xc1, 7, 0x18, 0x41, 3}, nlpid)),
	link("slip.pcap", "SLIP", 8, func(p *script.Packet) []byte { return join([]byte{byte(p.From)}, make([]byte, 15), p.IP) }),

	// Of machine rooms, old and new.
	link("802.3-snap.pcap", "Ethernet with SNAP", 1, func(p *script.Packet) []byte {
		return Ethernet(p.From, uint16(8+len(p.IP)), snap(p))
	}),
	link("token-ring.pcap", "token ring", 6, tokenRing),
	link6("token-ring-routed.pcap", "token ring with a route", 6, func(p *script.Packet) []byte {
		head := join([]byte{0x10, 0x40}, macs(p.From), []byte{6, 0x30, 0, 0x11, 0, 0x20})
		head[8] |= 0x80
		return join(head, snap(p))
	}),
	link("fddi.pcap", "FDDI", 10, fddi),
	link("arcnet.pcap", "ARCnet with RFC 1201", 7, inner([]byte{1, 2, 0xd4, 0, 0, 7}, raw)),
	link("arcnet-filler.pcap", "ARCnet with a filler", 7, inner([]byte{1, 2, 0xd4, 0xff, 0xff, 0xff, 0xff, 0, 0, 7}, raw)),
	link6("arcnet-ipv6.pcap", "ARCnet with IPv6", 7, inner([]byte{1, 2, 0xc4, 0, 0, 7}, raw)),
	link("arcnet-old.pcap", "ARCnet with RFC 1051", 7, inner([]byte{1, 2, 0xf0}, raw)),
	link("arcnet-linux.pcap", "Linux ARCnet", 129, inner([]byte{1, 2, 0, 0, 0xd4, 0, 0, 7}, raw)),
	link("arcnet-linux-old.pcap", "Linux ARCnet with RFC 1051", 129, inner([]byte{1, 2, 0, 0, 0xf0}, raw)),
	link("ip-over-fc.pcap", "IP over Fibre Channel", 122, ipOverFC),
	link("firewire.pcap", "IP over IEEE 1394", 138, func(p *script.Packet) []byte { return join(make([]byte, 16), u16(etherType(p)), p.IP) }),
	link("ipoib.pcap", "IP over InfiniBand", 242, func(p *script.Packet) []byte { return join(make([]byte, 40), u16(etherType(p)), u16(0), p.IP) }),
	link("infiniband.pcap", "InfiniBand", 247, func(p *script.Packet) []byte { return infiniband(2, p) }),
	link6("infiniband-global.pcap", "InfiniBand with a global route", 247, func(p *script.Packet) []byte { return infiniband(3, p) }),
	link("docsis.pcap", "DOCSIS", 143, func(p *script.Packet) []byte {
		return docsis(nil, plainEthernet(p))
	}),
	link("docsis-extended.pcap", "DOCSIS with an extended header", 143, func(p *script.Packet) []byte {
		return docsis([]byte{0x63, 0, 0, 0}, plainEthernet(p))
	}),
	link("docsis-encrypted.pcap", "DOCSIS, encrypted", 143, func(p *script.Packet) []byte {
		return docsis([]byte{0x44, 0x10, 0x81, 0x23, 0}, plainEthernet(p))
	}).counted("encrypted docsis"),
	link("mpls.pcap", "MPLS without a link layer", 219, inner([]byte{0, 0x01, 0x21, 64}, raw)).by("mpls:18"),
	link("mpacket.pcap", "Ethernet mPackets", 274, func(p *script.Packet) []byte {
		return join(preamble(0xd5), withChecksum(plainEthernet(p)))
	}),
	link("netanalyzer.pcap", "netANALYZER", 240, func(p *script.Packet) []byte { return join([]byte{0, 4, 0, 0}, plainEthernet(p), u32(0)) }),
	link("netanalyzer-transparent.pcap", "netANALYZER, transparent", 241, func(p *script.Packet) []byte {
		return join([]byte{0, 4, 8, 0}, preamble(0xd5), plainEthernet(p), u32(0))
	}),
	link("epon.pcap", "EPON", 259, inner([]byte{0x55, 0x55, 0xd5, 0x55, 0x55, 0, 7, 0x3c}, plainEthernet)),
	link("broadcom-tag.pcap", "Ethernet with Broadcom's tag", 281, switchTag(0, 0, 0, 1)),
	link("broadcom-prepended.pcap", "Ethernet behind Broadcom's tag", 282, inner([]byte{0, 0, 0, 1}, plainEthernet)),
	link("dsa.pcap", "Ethernet with a DSA tag", 284, switchTag(0xc0, 0, 0, 0)),
	link("dsa-vlan.pcap", "Ethernet with a DSA tag that was a VLAN tag", 284, switchTag(0xe0, 0x08, 0, 12)).by("vlan:12"),
	link("edsa.pcap", "Ethernet with an EDSA tag", 285, switchTag(0xda, 0xda, 0, 0, 0xc0, 0, 0, 0)),

	// ATM.
	link("atm.pcap", "ATM with LLC", 11, snap),
	link6("atm-ipv6.pcap", "ATM with LLC and IPv6", 100, snap),
	link("atm-bare.pcap", "ATM of one protocol", 100, raw),
	link("atm-bridged.pcap", "Ethernet over ATM", 100, inner([]byte{0xaa, 0xaa, 3, 0, 0x80, 0xc2, 0, 7, 0, 0}, plainEthernet)),
	link("atm-nlpid.pcap", "ATM with a protocol identifier", 100, inner([]byte{0xfe, 0xfe, 3}, nlpid)),
	link("classical-ip.pcap", "classical IP over ATM", 106, raw),
	link("classical-ip-llc.pcap", "classical IP over ATM with LLC", 19, snap),
	link("sunatm.pcap", "SunATM", 123, inner([]byte{2, 0, 0, 100}, snap)),
	link("sunatm-lane.pcap", "SunATM with LAN emulation", 123, inner([]byte{1, 0, 0, 100, 0, 9}, plainEthernet)),
	link("lane.pcap", "ATM LAN emulation", 110, inner([]byte{0, 9}, plainEthernet)),

	// Of routers and cards that capture.
	link("juniper-ethernet.pcap", "Juniper Ethernet", 178, juniper(0, plainEthernet)),
	link6("juniper-extended.pcap", "Juniper Ethernet with extensions", 178, inner([]byte("MGC\x81\x00\x06\x01\x01\x2a\x02\x01\x04"), plainEthernet)),
	link("juniper-no-link.pcap", "Juniper Ethernet without link layer", 178, inner(join([]byte("MGC\x03"), le32(2)), raw)),
	link("juniper-ppp.pcap", "Juniper PPP", 179, juniper(0, inner([]byte{0xff, 3}, ppp))),
	link("juniper-hdlc.pcap", "Juniper Cisco HDLC", 181, juniper(0, hdlc)),
	link("juniper-frame-relay.pcap", "Juniper frame relay", 180, juniper(0, inner([]byte{0x18, 0x41, 3}, nlpid))),
	link("juniper-pppoe.pcap", "Juniper PPPoE", 167, juniper(0, plainEthernet)),
	link("juniper-pppoe-atm.pcap", "Juniper PPPoE over ATM", 168, juniper(0, inner(u16(etherPPPoE), pppoe(ppp)))).by("pppoe:7"),
	link("juniper-atm1.pcap", "Juniper ATM1", 137, juniper(4, snap)),
	link("juniper-atm1-nlpid.pcap", "Juniper ATM1 with a protocol identifier", 137, juniper(4, inner([]byte{3}, nlpid))),
	link6("juniper-atm2.pcap", "Juniper ATM2", 135, juniper(8, snap)),
	link("juniper-mlppp.pcap", "Juniper MLPPP", 130, juniper(0, inner([]byte{0, 9, 0xff, 3}, ppp))),
	link("juniper-mlppp-link.pcap", "Juniper MLPPP, a link of it", 130, juniper(0, inner([]byte{0xff, 3}, ppp))),
	link("juniper-mlppp-services.pcap", "Juniper MLPPP of link services", 130, juniper(0, inner([]byte{0x54, 9, 0, 0}, ppp))),
	link("juniper-mlppp-ip.pcap", "Juniper MLPPP of adaptive services, without PPP", 130, juniper(0, inner([]byte{0x47, 0, 0, 0, 0, 0, 0, 0}, raw))),
	link("juniper-mlfr.pcap", "Juniper MLFR", 131, juniper(0, inner([]byte{0x54, 9, 0, 0, 3}, nlpid))),
	link("juniper-mfr.pcap", "Juniper MFR", 134, juniper(0, inner([]byte{0x54, 9, 0, 0, 0, 0, 3}, nlpid))),
	link("juniper-mfr-link.pcap", "Juniper MFR, a link of it", 134, juniper(0, inner([]byte{0xc1, 7, 0x18, 0x41, 3}, nlpid))),
	link("juniper-es.pcap", "Juniper encryption services", 132, juniper(0, inner(join([]byte{0, 1, 64, 5}, make([]byte, 12)), raw))),
	link("juniper-ggsn.pcap", "Juniper GGSN", 133, juniper(0, inner([]byte{0, 0, 2, 0, 0, 0, 0, 0}, raw))),
	link("juniper-services.pcap", "Juniper services", 136, juniper(8, raw)),
	link("juniper-monitor.pcap", "Juniper monitor", 164, juniper(8, raw)),
	link("erf.pcap", "Endace ERF, Ethernet", 197, func(p *script.Packet) []byte { return erf(2, nil, join([]byte{0, 0}, plainEthernet(p))) }),
	link("erf-extended.pcap", "Endace ERF with extension headers", 197, func(p *script.Packet) []byte {
		return erf(0x82, []byte{0x83, 0, 0, 0, 0, 0, 0, 1, 5, 0, 0, 0, 0, 0, 0, 2}, join([]byte{0, 0}, plainEthernet(p)))
	}),
	link("erf-pos.pcap", "Endace ERF, PPP", 176, func(p *script.Packet) []byte { return erf(1, nil, join([]byte{0xff, 3}, ppp(p))) }),
	link("erf-hdlc.pcap", "Endace ERF, Cisco HDLC", 197, func(p *script.Packet) []byte { return erf(1, nil, hdlc(p)) }),
	link("erf-ethernet.pcap", "Endace ERF under the number of Ethernet", 175, func(p *script.Packet) []byte {
		return erf(11, nil, join([]byte{0, 0}, plainEthernet(p)))
	}),
	link("erf-aal5.pcap", "Endace ERF, ATM", 197, func(p *script.Packet) []byte { return erf(4, nil, join(u32(0x640), snap(p))) }),
	link("erf-ipv4.pcap", "Endace ERF, IPv4", 197, func(p *script.Packet) []byte { return erf(22, nil, p.IP) }),
	link6("erf-ipv6.pcap", "Endace ERF, IPv6", 197, func(p *script.Packet) []byte { return erf(23, nil, p.IP) }),
}

// link is a sample of a link type over IPv4.
func link(name, what string, linkType uint32, around builder) Sample {
	return Sample{
		Dir: "link", Name: name, What: what,
		Bytes: func(snap int) []byte { return Pcap(linkType, snap, frames(Short, around)) },
	}
}

// link6 is link over IPv6.
func link6(name, what string, linkType uint32, around builder) Sample {
	s := link(name, what, linkType, around)
	s.Talk = Short6
	s.Bytes = func(snap int) []byte { return Pcap(linkType, snap, frames(Short6, around)) }
	return s
}

// by says what tcplife must find around each packet.
func (s Sample) by(path string) Sample { s.Path = path; return s }

// counted says that none of the frames can be read, and as what they are counted.
func (s Sample) counted(as string) Sample { s.Counted = as; return s }

// apart says that what is read differs from the conversation.
func (s Sample) apart() Sample { s.Apart = true; return s }

const etherPPPoE = 0x8864

func le32(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }

func raw(p *script.Packet) []byte { return p.IP }

// snap is an LLC header with SNAP.
func snap(p *script.Packet) []byte {
	return join([]byte{0xaa, 0xaa, 3, 0, 0, 0}, u16(etherType(p)), p.IP)
}

func tokenRing(p *script.Packet) []byte {
	return join([]byte{0x10, 0x40}, macs(p.From), snap(p))
}

func fddi(p *script.Packet) []byte { return join([]byte{0x50}, macs(p.From), snap(p)) }

func ipOverFC(p *script.Packet) []byte {
	return join([]byte{0x10, 0}, mac(p.From.Peer()), []byte{0x10, 0}, mac(p.From), snap(p))
}

func cooked(p *script.Packet) []byte {
	return join(u16(uint16(4*p.From)), u16(1), u16(6), mac(p.From), u16(0), u16(etherType(p)), p.IP)
}

func cooked2(p *script.Packet) []byte {
	return join(u16(etherType(p)), u16(0), u32(2), u16(1), []byte{byte(4 * p.From), 6}, mac(p.From), u16(0), p.IP)
}

func ipnet(p *script.Packet) []byte {
	family := byte(2)
	if isIPv6(p) {
		family = 26 // of Solaris
	}
	return join([]byte{1, family}, u16(2), u32(uint32(len(p.IP))), u32(1), u32(0), u32(0), u32(0), p.IP)
}

// nflog is a record with a prefix, which is padded, and the packet.
func nflog(o binary.AppendByteOrder, p *script.Packet) []byte {
	family := byte(2)
	if isIPv6(p) {
		family = 10
	}
	attribute := func(b []byte, kind uint16, value []byte) []byte {
		b = append(o.AppendUint16(o.AppendUint16(b, uint16(4+len(value))), kind), value...)
		return append(b, make([]byte, -len(value)&3)...)
	}
	const prefix, payload = 10, 9
	b := attribute([]byte{family, 0, 0, 1}, prefix, []byte("seen\x00"))
	return attribute(b, payload, p.IP)
}

// pktap is the header of 108 octets of the first version.
func pktap(linkType uint32, from script.Side, frame []byte) []byte {
	name := append([]byte("en0"), make([]byte, 21)...)
	return join(le32(108), le32(1), le32(linkType), name, le32(1+uint32(from)), le32(2), le32(14), le32(0), make([]byte, 56), frame)
}

func exported(dissector string, pdu []byte) []byte {
	name := append([]byte(dissector), make([]byte, -len(dissector)&3)...)
	return join(u16(12), u16(uint16(len(name))), name, u32(0), pdu)
}

func ppp(p *script.Packet) []byte {
	if isIPv6(p) {
		return join([]byte{0, 0x57}, p.IP)
	}
	return join([]byte{0, 0x21}, p.IP)
}

func hdlc(p *script.Packet) []byte { return join([]byte{0x0f, 0}, u16(etherType(p)), p.IP) }

// nlpid is a protocol identifier as in frame relay.
func nlpid(p *script.Packet) []byte {
	if isIPv6(p) {
		return join([]byte{0x8e}, p.IP)
	}
	return join([]byte{0xcc}, p.IP)
}

// infiniband is an unreliable datagram with local header, and with a global one if next is 3.
func infiniband(next byte, p *script.Packet) []byte {
	transport := []byte{0x64, 0, 0xff, 0xff, 0, 0, 0, 1, 0, 0, 0, 1}
	datagram := []byte{0, 0, 0xb, 0x1b, 0, 0, 0, 2}
	var global []byte
	if next == 3 {
		global = join([]byte{0x60, 0, 0, 0}, u16(uint16(len(transport)+len(datagram)+4+len(p.IP)+4)), []byte{0x1b, 64}, make([]byte, 32))
	}
	words := (8 + len(global) + len(transport) + len(datagram) + 4 + len(p.IP) + 4) / 4
	local := []byte{0, next, 0, 2, byte(words >> 8), byte(words), 0, 1}
	return join(local, global, transport, datagram, u16(etherType(p)), u16(0), p.IP)
}

// docsis puts a MAC header before a frame, whose checksum is that of X.25.
func docsis(extended, frame []byte) []byte {
	kind := byte(0)
	if extended != nil {
		kind = 1
	}
	head := join([]byte{kind, byte(len(extended))}, u16(uint16(len(extended)+len(frame)+4)), extended)
	sum := uint16(0xffff)
	for _, octet := range head {
		sum ^= uint16(octet)
		for range 8 {
			sum = sum>>1 ^ 0x8408&-(sum&1)
		}
	}
	return join(head, binary.LittleEndian.AppendUint16(nil, ^sum), withChecksum(frame))
}

// withChecksum puts the checksum of Ethernet behind a frame.
func withChecksum(frame []byte) []byte {
	return binary.LittleEndian.AppendUint32(frame, crc32.ChecksumIEEE(frame))
}

// preamble is that of an Ethernet frame, with its last octet.
func preamble(last byte) []byte { return []byte{0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, last} }

// switchTag puts a tag between addresses and type.
func switchTag(tag ...byte) builder {
	return func(p *script.Packet) []byte { return join(macs(p.From), tag, u16(etherType(p)), p.IP) }
}

// juniper is the header of Juniper's with a cookie of so many octets.
func juniper(cookie int, around builder) builder {
	return func(p *script.Packet) []byte {
		return join([]byte("MGC"), []byte{byte(p.From) ^ 1}, make([]byte, cookie), around(p))
	}
}

// erf is a record of Endace's.
func erf(kind byte, extensions, frame []byte) []byte {
	size := uint16(16 + len(extensions) + len(frame))
	return join(make([]byte, 4), le32(uint32(script.Epoch/1e9)), []byte{kind, 4}, u16(size), u16(0), u16(uint16(len(frame))), extensions, frame)
}
