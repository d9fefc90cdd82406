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
