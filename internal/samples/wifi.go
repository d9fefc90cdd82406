package samples

import (
	"encoding/binary"

	"github.com/tcplife/tcplife/internal/script"
)

// Link types of 802.11.
const (
	linkWifi     = 105
	linkPrism    = 119
	linkRadiotap = 127
	linkTZSP     = 128
	linkAVS      = 163
	linkPPI      = 192
)

// wifi holds the conversation over 802.11, behind each header that receivers write.
var wifi = []Sample{
	link("wifi.pcap", "802.11", linkWifi, around80211(dot11{})),
	link6("wifi-ipv6.pcap", "802.11 with IPv6 and quality of service", linkWifi, around80211(dot11{qos: true})),
	link("wifi-checksum.pcap", "802.11 with the frame's checksum", linkWifi, around80211(dot11{checksum: true})),
	link("wifi-wds.pcap", "802.11 with four addresses", linkWifi, around80211(dot11{bridge: true})),
	link("wifi-ht.pcap", "802.11 with four addresses and an HT control field", linkWifi, around80211(dot11{bridge: true, qos: true, ht: true})),
	link("wifi-mesh.pcap", "802.11 of a mesh", linkWifi, around80211(dot11{bridge: true, qos: true, mesh: true})),
	link("wifi-aggregated.pcap", "802.11 with one packet in an A-MSDU", linkWifi, around80211(dot11{qos: true, aggregated: true})),
	link("wifi-encrypted.pcap", "802.11, encrypted", linkWifi, around80211(dot11{encrypted: true})).counted("encrypted 802.11"),
	link("wifi-decrypted.pcap", "802.11 that the receiver decrypted", linkWifi, around80211(dot11{decrypted: true})),
	link("radiotap.pcap", "802.11 with radiotap", linkRadiotap, behindRadiotap(0x10, dot11{checksum: true})),
	link6("radiotap-padded.pcap", "802.11 with radiotap, padded behind its header", linkRadiotap, behindRadiotap(0x20, dot11{qos: true, padded: true})),
	link("radiotap-damaged.pcap", "802.11 with radiotap and bad checksums", linkRadiotap, behindRadiotap(0x50, dot11{checksum: true})).
		counted("802.11 with bad checksum"),
	link("ppi.pcap", "PPI with 802.11", linkPPI, func(p *script.Packet) []byte { return ppi(linkWifi, dot11{}.frame(p)) }),
	link6("ppi-ethernet.pcap", "PPI with Ethernet", linkPPI, func(p *script.Packet) []byte { return ppi(linkEthernet, plainEthernet(p)) }),
	link("ppi-user.pcap", "PPI with a link type that is only counted", linkPPI, func(p *script.Packet) []byte { return ppi(147, p.IP) }).
		counted("unsupported link type 147 (user 0)"),
	link("prism.pcap", "802.11 with Prism header", linkPrism, func(p *script.Packet) []byte {
		return join(le32(0x44), le32(144), make([]byte, 136), dot11{}.frame(p))
	}),
	link("prism-big-endian.pcap", "802.11 with Prism header of a big-endian host", linkPrism, func(p *script.Packet) []byte {
		return join(u32(0x44), u32(144), make([]byte, 136), dot11{}.frame(p))
	}),
	link("prism-avs.pcap", "802.11 with an AVS header under the number of Prism", linkPrism, func(p *script.Packet) []byte { return avs(dot11{}.frame(p)) }),
	link("avs.pcap", "802.11 with AVS header", linkAVS, func(p *script.Packet) []byte { return avs(dot11{}.frame(p)) }),
	link("tzsp.pcap", "TZSP with 802.11", linkTZSP, func(p *script.Packet) []byte {
		return join([]byte{1, 0}, u16(18), []byte{0, 0x0a, 1, 0xc4, 1}, dot11{}.frame(p))
	}).by("tzsp"),
	link("tzsp-ethernet.pcap", "TZSP with Ethernet", linkTZSP, inner(join([]byte{1, 0}, u16(1), []byte{1}), plainEthernet)).by("tzsp"),
}

// dot11 says what is special about an 802.11 frame.
type dot11 struct {
	qos, ht, bridge, mesh, aggregated, padded, encrypted, decrypted, checksum bool
}

// frame is an IP packet from a station to its access point, or back.
func (k dot11) frame(p *script.Packet) []byte {
	kind, flags := byte(0x08), 1+byte(p.From)
	point := []byte{2, 0, 0, 0, 0, 0xaa}
	first, second, third := point, mac(p.From), mac(p.From.Peer())
	if p.From == script.Responder {
		first, second, third = mac(p.From.Peer()), point, mac(p.From)
	}
	var after, qos []byte
	if k.bridge {
		flags |= 3
		after = mac(p.From)
	}
	if k.qos {
		kind |= 0x80
		qos = []byte{0, 0}
	}
	if k.ht {
		flags |= 0x80
		qos = append(qos, 3, 0, 0, 0)
	}
	body := snap(p)
	switch {
	case k.mesh:
		qos[1] |= 1
		body = join([]byte{0, 31, 0, 0, 0, 7}, body)
	case k.aggregated:
		qos[0] |= 0x80
		body = join(macs(p.From), u16(uint16(len(body))), body)
	case k.encrypted:
		flags |= 0x40
		body = join([]byte{1, 0, 0, 0x20, 0, 0, 0, 0}, body)
		for i := range body[8:] {
			body[8+i] ^= byte(37 * i)
		}
	case k.decrypted:
		flags |= 0x40
		body = join([]byte{1, 0, 0, 0x20, 0, 0, 0, 0}, body)
	}
	head := join([]byte{kind, flags, 0, 0}, first, second, third, []byte{0x10, 0}, after, qos)
	if k.padded {
		head = append(head, make([]byte, -len(head)&3)...)
	}
	if k.checksum {
		body = append(body, 1, 2, 3, 4)
	}
	return join(head, body)
}

func around80211(k dot11) builder { return k.frame }

// behindRadiotap puts a header before the frame that has two words of bits, a
// time, the given flags and a rate.
func behindRadiotap(flags byte, k dot11) builder {
	head := join([]byte{0, 0, 26, 0}, le32(0x80000007), le32(0), make([]byte, 4), make([]byte, 8), []byte{flags, 2})
	return func(p *script.Packet) []byte { return join(head, k.frame(p)) }
}

// ppi is a header with one field, of 20 octets.
func ppi(linkType uint32, frame []byte) []byte {
	field := join([]byte{2, 0, 20, 0}, make([]byte, 20))
	return join([]byte{0, 0}, binary.LittleEndian.AppendUint16(nil, uint16(8+len(field))), le32(linkType), field, frame)
}

// avs is a header of the first version.
func avs(frame []byte) []byte { return join(u32(0x80211001), u32(64), make([]byte, 56), frame) }
