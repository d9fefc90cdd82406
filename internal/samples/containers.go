package samples

import (
	"encoding/binary"

	"github.com/tcplife/tcplife/internal/script"
)

// Link types as files number them (tcpdump.org/linktypes.html).
const linkEthernet = 1

// containers hold the conversation over plain Ethernet in every kind of file.
var containers = []Sample{
	{
		Dir: "link", Name: "ethernet.pcap", What: "Ethernet in pcap: what all others are compared with",
		Bytes: func(snap int) []byte { return Pcap(linkEthernet, snap, frames(Short, plainEthernet)) },
	},
	{
		Dir: "link", Name: "ethernet-ipv6.pcap", What: "Ethernet with IPv6", Talk: Short6,
		Bytes: func(snap int) []byte { return Pcap(linkEthernet, snap, frames(Short6, plainEthernet)) },
	},
	snoop("ethernet.snoop", "Ethernet in snoop", 4, Short, plainEthernet),
	snoop("token-ring.snoop", "token ring in snoop", 2, Short, tokenRing),
	snoop("fddi.snoop", "FDDI in snoop", 8, Short6, fddi),
	snoop("loopback.snoop", "loopback in snoop", 14, Short, inner(u32(2), raw)),
	snoop("ip-over-fc.snoop", "IP over Fibre Channel in snoop", 0x10, Short, ipOverFC),
	snoop("sunatm.snoop", "SunATM in snoop", 0x12, Short, inner([]byte{2, 0, 0, 100}, snap)),
	snoop("tunnel.snoop", "an IPv4 tunnel in snoop", 0x80000001, Short, raw),
	snoop("tunnel-ipv6.snoop", "an IPv6 tunnel in snoop", 0x80000002, Short6, raw),
	snoop("ipnet.snoop", "Solaris IPNET in snoop", 0x80000005, Short, ipnet),
}

// Snoop writes a snoop file (RFC 1761) of a data link.
func Snoop(link uint32, snap int, fs []Frame) []byte {
	const version, header = 2, 24
	b := join([]byte("snoop\x00\x00\x00"), u32(version), u32(link))
	for i := range fs {
		f := &fs[i]
		data := f.cut(snap)
		padding := -len(data) & 3
		b = append(b, join(
			u32(uint32(f.wire())), u32(uint32(len(data))), u32(uint32(header+len(data)+padding)), u32(0),
			u32(uint32(f.Time/1e9)), u32(uint32(f.Time%1e9/1000)), data, make([]byte, padding),
		)...)
	}
	return b
}

// snoop is a sample of a data link of snoop.
func snoop(name, what string, link uint32, talk string, around builder) Sample {
	return Sample{
		Dir: "link", Name: name, What: what, Talk: talk,
		Bytes: func(snap int) []byte { return Snoop(link, snap, frames(talk, around)) },
	}
}

// Pcap writes a pcap file: microseconds, little endian.
func Pcap(link uint32, snap int, fs []Frame) []byte {
	const magicMicro, longest = 0xa1b2c3d4, 262144
	le := binary.LittleEndian
	b := le.AppendUint32(nil, magicMicro)
	b = le.AppendUint16(b, 2)
	b = le.AppendUint16(b, 4)
	b = append(b, make([]byte, 8)...) // time zone and accuracy: zero by convention
	if snap == 0 {
		b = le.AppendUint32(b, longest)
	} else {
		b = le.AppendUint32(b, uint32(snap))
	}
	b = le.AppendUint32(b, link)
	for i := range fs {
		f := &fs[i]
		data := f.cut(snap)
		b = le.AppendUint32(b, uint32(f.Time/1e9))
		b = le.AppendUint32(b, uint32(f.Time%1e9/1000))
		b = le.AppendUint32(b, uint32(len(data)))
		b = le.AppendUint32(b, uint32(f.wire()))
		b = append(b, data...)
	}
	return b
}

// Ethernet types of the two IP versions.
const (
	etherIPv4 = 0x0800
	etherIPv6 = 0x86dd
)

// isIPv6 looks at the version of a packet.
func isIPv6(p *script.Packet) bool { return p.IP[0]>>4 == 6 }

// etherType returns the Ethernet type of a packet.
func etherType(p *script.Packet) uint16 {
	if isIPv6(p) {
		return etherIPv6
	}
	return etherIPv4
}

// u16 writes a number as networks do.
func u16(v uint16) []byte { return binary.BigEndian.AppendUint16(nil, v) }

// macs are the addresses of an Ethernet header, destination first: the
// initiator's ends in 1, the responder's in 2.
func macs(from script.Side) []byte {
	return join(mac(from.Peer()), mac(from))
}

func mac(of script.Side) []byte { return []byte{2, 0, 0, 0, 0, 1 + byte(of)} }

// Ethernet puts an Ethernet header with a type before a payload.
func Ethernet(from script.Side, kind uint16, payload []byte) []byte {
	return join(macs(from), u16(kind), payload)
}

// plainEthernet is an IP packet in an Ethernet frame.
func plainEthernet(p *script.Packet) []byte { return Ethernet(p.From, etherType(p), p.IP) }
