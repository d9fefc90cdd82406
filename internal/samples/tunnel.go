package samples

import (
	"bytes"
	"encoding/binary"

	"github.com/tcplife/tcplife/internal/script"
)

// tunnels hold the conversation in every encapsulation, over Ethernet. Where both directions have an identifier of their
// own on real wires, here they have the same.
var tunnels = []Sample{
	// Tags, labels and frames in frames.
	tunnel("vlan", "IEEE 802.1Q", "vlan:10", tagged(0x8100, 10)),
	tunnel("qinq", "IEEE 802.1ad, two tags", "vlan:10/vlan:20", tagged(0x88a8, 10, 20)),
	tunnel("qinq-9100", "three tags, the outermost of an older type", "vlan:10/vlan:20/vlan:30", tagged(0x9100, 10, 20, 30)),
	tunnel("cisco-metadata", "a security group tag in Cisco MetaData", "", ethernet(0x8909, inner([]byte{1, 1, 0, 1, 0, 9}, typed))),
	tunnel("pbb", "IEEE 802.1ah, the customer's frame behind a service tag", "vlan:10/pbb:70000",
		ethernet(0x88a8, inner(join(u16(10), u16(0x88e7), []byte{0}, u24(70000)), plainEthernet))),
	tunnel("vn-tag", "Cisco VN-Tag before a VLAN tag", "vntag:5.7/vlan:10", ethernet(0x8926, inner(join(u16(0x8005), u16(7), u16(0x8100), u16(10)), typed))),
	tunnel("e-tag", "IEEE 802.1BR", "etag:101.3", ethernet(0x893f, inner(join(u16(0x2003), u16(101), u16(0)), typed))),
	tunnel("fabricpath", "Cisco FabricPath", "fabricpath:5", ethernet(0x8903, inner(u16(5<<6|30), plainEthernet))),
	tunnel("trill", "TRILL with an option", "trill:17.18", ethernet(0x22f3, inner(join(u16(1<<6|30), u16(17), u16(18), u32(0)), plainEthernet))),
	tunnel("macsec", "MACsec is encrypted", "", ethernet(0x88e5, inner([]byte{0x2c, 0, 0, 0, 0, 1}, cipher))).counted("macsec"),
	tunnel("pppoe", "PPPoE", "pppoe:7", ethernet(0x8864, pppoe(inner(u16(0x0021), raw)))),
	tunnel6("pppoe-qinq-ipv6", "PPPoE in two tags", "vlan:10/vlan:20/pppoe:7",
		ethernet(0x88a8, inner(join(u16(10), u16(0x8100), u16(20), u16(0x8864)), pppoe(inner(u16(0x0057), raw))))),
	tunnel("pppoe-compressed", "PPPoE, the protocol compressed to one octet", "pppoe:7", ethernet(0x8864, pppoe(inner([]byte{0x21}, raw)))),
	tunnel("pppoe-discovery", "PPPoE discovery carries nothing", "", ethernet(0x8863, inner([]byte{0x11, 9, 0, 0, 0, 4, 1, 1, 0, 0}, nothing))).counted("pppoe discovery"),

	// MPLS.
	tunnel("mpls", "two labels", "mpls:100/mpls:101", mpls(labels(100, 101), raw)),
	tunnel6("mpls-ipv6", "a label before IPv6", "mpls:2", mpls(labels(2), raw)),
	tunnel("mpls-entropy", "a label that hashes the flow is no path", "mpls:100", mpls(labels(100, 7, 4711), raw)),
	tunnel("mpls-ethernet", "a pseudowire without control word", "mpls:100", mpls(labels(100), plainEthernet)),
	tunnel("mpls-ethernet-control-word", "a pseudowire with control word, a VLAN inside", "mpls:100/vlan:20", mpls(join(labels(100), u32(77)), tagged(0x8100, 20))),
	tunnel("mpls-ethernet-mac-4", "a pseudowire whose first octet looks like IPv4", "mpls:100", mpls(labels(100), inner(join([]byte{0x45, 0, 0, 60, 0, 1}, mac(0)), typed))),
	tunnel6("mpls-ethernet-mac-6", "a pseudowire whose first octet looks like IPv6", "mpls:100", mpls(labels(100), inner(join([]byte{0x60, 0, 0, 60, 0, 1}, mac(0)), typed))),
	tunnel("mpls-pppoe", "PPPoE in a pseudowire", "mpls:100/pppoe:7", mpls(join(labels(100), u32(0)), ethernet(0x8864, pppoe(inner(u16(0x0021), raw))))),
	tunnel("mpls-in-ip", "MPLS in IP", "mpls:100", outer(protoMPLS, inner(labels(100), raw))),
	tunnel("mpls-in-udp", "MPLS in UDP", "mpls:100", udp(50000, 6635, inner(labels(100), raw))),

	// IP in IP.
	tunnel("ip-in-ip", "IPv4 in IPv4", "ip", outer(protoIPIP, raw)),
	tunnel6("6in4", "IPv6 in IPv4", "ip", outer(protoIPv6, raw)),
	tunnel("4in6", "IPv4 in IPv6", "ip", outer6(protoIPIP, raw)),
	tunnel6("6in6-extensions", "IPv6 in IPv6 behind hop-by-hop options, a routing header and destination options", "ip",
		outer6(0, inner([]byte{43, 0, 1, 4, 0, 0, 0, 0, 60, 0, 0, 0, 0, 0, 0, 0, protoIPv6, 0, 1, 4, 0, 0, 0, 0}, raw))),
	tunnel("ip-in-ip-3", "three of them", "ip/ip/ip", outer(protoIPIP, packet(protoIPIP, packet(protoIPIP, raw)))),
	tunnel("etherip", "Ethernet in IP", "etherip", outer(97, inner([]byte{0x30, 0}, plainEthernet))),
	tunnelOf(teredoTalk, "teredo", "Teredo", "teredo", teredo()),
	tunnelOf(teredoTalk, "teredo-indications", "Teredo with an authentication and an origin indication", "teredo",
		teredo(0, 1, 2, 3, 'i', 'd', 'm', 'a', 'c', 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)),
	tunnel6("ayiya", "AYIYA with an identity of 16 octets and a signature of 20", "ayiya", udp(5072, 5072, inner(join([]byte{0x41, 0x52, 0x11, protoIPv6}, make([]byte, 40)), raw))),
	tunnel("gue", "generic UDP encapsulation with a field", "gue", udp(50000, 6080, inner([]byte{1, protoIPIP, 0, 0, 0, 0, 0, 0}, raw))),
	tunnel("gue-1", "generic UDP encapsulation, version 1", "gue", udp(50000, 6080, raw)),
	tunnel("lisp", "LISP", "lisp:9", udp(50000, 4341, inner([]byte{0x88, 0, 0, 1, 0, 0, 9, 0}, raw))),
	tunnel("ipcomp", "IPComp is compressed", "", outer(108, inner([]byte{protoIPIP, 0, 0, 2}, cipher))).counted("ipcomp"),

	// IPsec.
	tunnel("ah", "an authentication header, tunnel mode", "ah:0x00001000/ip", outer(protoAH, inner(join([]byte{protoIPIP, 4, 0, 0}, u32(0x1000), u32(1), make([]byte, 12)), raw))),
	tunnel("esp-null-tunnel", "ESP without encryption, tunnel mode", "esp:0x00002000", outer(protoESP, esp(protoIPIP, 12, raw))),
	tunnel6("esp-null-tunnel-ipv6", "ESP without encryption, tunnel mode, a longer check", "esp:0x00002000", outer(protoESP, esp(protoIPv6, 16, raw))),
	tunnel("esp-null-transport", "ESP without encryption, transport mode", "esp:0x00002000", transport(protoESP, esp(protoTCP, 12, tcpOnly))).apart(),
	tunnel("esp-null-udp", "ESP without encryption, in UDP", "esp:0x00002000", udp(4500, 4500, esp(protoIPIP, 12, raw))),
	tunnel("esp", "ESP is encrypted", "", outer(protoESP, inner(join(u32(0x2000), u32(1)), cipher))).counted("esp"),
	tunnel("wireguard", "WireGuard is encrypted", "", udp(51820, 51820, inner([]byte{4, 0, 0, 0}, cipher))).counted("udp"),

	// GRE.
	tunnel("gre", "GRE", "gre", gre(0, 0x0800, nil, raw)),
	tunnel("gre-key", "GRE with a key", "gre:7", gre(0x2000, 0x0800, u32(7), raw)),
	tunnel6("gre-all", "GRE with checksum, key and sequence number", "gre:7", gre(0xb000, 0x86dd, join(u32(0), u32(7), u32(1)), raw)),
	tunnel("gre-routing", "GRE with source routes, as it was first", "gre:7", gre(0x6000, 0x0800, join(u32(0), u32(7), u16(0x0800), []byte{0, 8}, u32(1), u32(2), u32(0)), raw)),
	tunnel("gre-reserved", "GRE with a bit that must be ignored", "gre", gre(0x0080, 0x0800, nil, raw)),
	tunnel("gre-ethernet", "Ethernet in GRE", "gre:7", gre(0x2000, 0x6558, u32(7), plainEthernet)),
	tunnel("gre-mpls", "MPLS in GRE", "gre/mpls:100", gre(0, 0x8847, nil, inner(labels(100), raw))),
	tunnel("gre-ppp", "PPP in GRE", "gre", gre(0, 0x880b, nil, inner(u16(0x0021), raw))),
	tunnel("gre-wccp", "a packet that WCCP redirected", "gre", gre(0, 0x883e, nil, inner(u32(0x00010203), raw))),
	tunnel("gre-udp", "GRE in UDP", "gre:7", udp(50000, 4754, inner(join(u16(0x2000), u16(0x0800), u32(7)), raw))),
	tunnel("nvgre", "NVGRE", "nvgre:5000", gre(0x2000, 0x6558, join(u24(5000), []byte{0x99}), plainEthernet)),
	tunnel("eoip", "MikroTik's Ethernet over IP", "eoip:258", greLength(0x2001, 0x6400, 0x0201, nil, plainEthernet)),
	tunnel("pptp", "PPTP", "pptp:9", greLength(0x3081, 0x880b, 9, join(u32(5), u32(4)), inner([]byte{0xff, 3, 0, 0x21}, raw))),
	tunnel("erspan-1", "ERSPAN type I", "erspan", gre(0, 0x88be, nil, plainEthernet)),
	tunnel("erspan-2", "ERSPAN type II", "erspan:21", gre(0x1000, 0x88be, u32(1), inner(join(u16(0x1000), u16(21), u32(0)), plainEthernet))),
	tunnel("erspan-3", "ERSPAN type III", "erspan:21", gre(0x1000, 0x22eb, u32(1), inner(join(u16(0x2000), u16(21), u32(0), u32(0)), plainEthernet))),
	tunnel("erspan-3-long", "ERSPAN type III with a subheader, VLAN inside", "erspan:21/vlan:10",
		gre(0x1000, 0x22eb, u32(1), inner(join(u16(0x2000), u16(21), u32(0), u32(1), u32(0), u32(0)), tagged(0x8100, 10)))),

	// VXLAN and its kin.
	tunnel("vxlan", "VXLAN", "vxlan:42", udp(50000, 4789, inner(vxlan(0x08, 0, 42), plainEthernet))),
	tunnel6("vxlan-8472", "VXLAN on Linux's port, with a group policy, VLANs outside and inside", "vlan:10/vxlan:42/vlan:20",
		within(0x8100, 10, udp(50000, 8472, inner(vxlan(0x88, 0, 42), tagged(0x8100, 20))))),
	tunnel("vxlan-gpe", "VXLAN-GPE with Ethernet", "vxlan:42", udp(50000, 4790, inner(vxlan(0x0c, 3, 42), plainEthernet))),
	tunnel("vxlan-gpe-ipv4", "VXLAN-GPE with IPv4", "vxlan:42", udp(50000, 4790, inner(vxlan(0x0c, 1, 42), raw))),
	tunnel6("vxlan-gpe-ipv6", "VXLAN-GPE with IPv6", "vxlan:42", udp(50000, 4790, inner(vxlan(0x0c, 2, 42), raw))),
	tunnel("vxlan-gpe-nsh", "VXLAN-GPE with a network service header", "vxlan:42/nsh:8",
		udp(50000, 4790, inner(join(vxlan(0x0c, 4, 42), []byte{0, 6, 1, 3}, u24(8), []byte{255}, make([]byte, 16)), plainEthernet))),
	tunnel("vxlan-gpe-mpls", "VXLAN-GPE with MPLS", "vxlan:42/mpls:100", udp(50000, 4790, inner(join(vxlan(0x0c, 5, 42), labels(100)), raw))),
	tunnel("geneve", "Geneve", "geneve:42", udp(50000, 6081, inner(geneve(0x6558, 42, nil), plainEthernet))),
	tunnel("geneve-options", "Geneve with an option of 68 octets", "geneve:42", udp(50000, 6081, inner(geneve(0x0800, 42, geneveOption(16)), raw))),
	tunnel("capwap", "CAPWAP data with an Ethernet frame", "capwap", udp(5247, 5247, inner([]byte{0, 2 << 3, 2, 0, 0, 0, 0, 0}, plainEthernet))),
	tunnel("tzsp", "TZSP with tags", "tzsp", udp(50000, 37008, inner([]byte{1, 0, 0, 1, 10, 1, 200, 0, 1}, plainEthernet))),

	// Subscribers' tunnels.
	tunnel("gtp", "GTP-U", "gtp:0x00abcdef", udp(2152, 2152, gtp(0x30, nil, raw))),
	tunnel6("gtp-sequence", "GTP-U with a sequence number, from another port", "gtp:0x00abcdef", udp(50000, 2152, gtp(0x32, []byte{0, 7, 0, 0}, raw))),
	tunnel("gtp-extension", "GTP-U with the extension header of 5G", "gtp:0x00abcdef", udp(2152, 2152, gtp(0x34, []byte{0, 0, 0, 0x85, 1, 0, 9, 0}, raw))),
	tunnel("gtp-ethernet", "GTP-U with an Ethernet frame", "gtp:0x00abcdef", udp(2152, 2152, gtp(0x30, nil, plainEthernet))),
	tunnel("gtp-0", "GTP version 0", "gtp:0x00001234", udp(3386, 3386, gtp0(raw))),
	tunnel("l2tp", "L2TP with length, sequence numbers and an offset", "l2tp:7.12",
		udp(1701, 1701, withLength(u16(0x4a02), join(u16(7), u16(12), u16(1), u16(2), u16(2), u16(0)), inner([]byte{0xff, 3, 0, 0x21}, raw)))),
	tunnel6("l2tp-short", "L2TP with the least header, PPP compressed", "l2tp:7.12", udp(50000, 1701, inner(join(u16(2), u16(7), u16(12), []byte{0x57}), raw))),
	tunnel("l2tpv3", "L2TPv3 over IP, Ethernet", "l2tpv3:12", outer(115, inner(u32(12), plainEthernet))),
	tunnel("l2tpv3-cookie", "L2TPv3 over IP, a cookie of four octets", "l2tpv3:12", outer(115, inner(join(u32(12), u32(0xc00c1e)), plainEthernet))),
	tunnel6("l2tpv3-cookie-8", "L2TPv3 over IP, a cookie of eight octets and a sequence number", "l2tpv3:12/vlan:20",
		outer(115, inner(join(u32(12), u32(0xc00c1e), u32(0xc00c1e), u32(0x40000001)), tagged(0x8100, 20)))),
	tunnel("l2tpv3-udp", "L2TPv3 over UDP, IP", "l2tpv3:12", udp(1701, 1701, inner(join(u16(3), u16(0), u32(12), u32(0xc00c1e)), raw))),
	tunnel("l2tpv3-ppp", "L2TPv3 over UDP, PPP", "l2tpv3:12", udp(1701, 1701, inner(join(u16(3), u16(0), u32(12), []byte{0xff, 3, 0, 0x21}), raw))),

	// Several.
	tunnel("vlan-gre-gtp", "GTP-U in GRE in a VLAN", "vlan:10/gre:7/gtp:0x00abcdef",
		within(0x8100, 10, gre(0x2000, 0x0800, u32(7), afterEthernet(udp(2152, 2152, gtp(0x30, nil, raw)))))),
	tunnel("erspan-vxlan", "VXLAN, mirrored", "erspan:21/vxlan:42",
		gre(0x1000, 0x88be, u32(1), inner(join(u16(0x1000), u16(21), u32(0)), udp(50000, 4789, inner(vxlan(0x08, 0, 42), plainEthernet))))),
}

// builder puts something around the packet of a conversation.
type builder = func(p *script.Packet) []byte

// IP protocols.
const (
	protoIPIP = 4
	protoTCP  = 6
	protoUDP  = 17
	protoIPv6 = 41
	protoGRE  = 47
	protoESP  = 50
	protoAH   = 51
	protoMPLS = 137
)

const tunnelDir = "tunnel"

func tunnel(name, what, path string, around builder) Sample {
	return tunnelOf(Short, name, what, path, around)
}

// tunnel6 is tunnel for the conversation over IPv6.
func tunnel6(name, what, path string, around builder) Sample {
	return tunnelOf(Short6, name, what, path, around)
}

func tunnelOf(talk, name, what, path string, around builder) Sample {
	s := Sample{
		Dir: tunnelDir, Name: name + ".pcap", What: what, Path: path,
		Bytes: func(snap int) []byte { return Pcap(linkEthernet, snap, frames(talk, around)) },
	}
	if talk != Short {
		s.Talk = talk
	}
	return s
}

func u24(v uint32) []byte { return u32(v)[1:] }
func u32(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }

// inner puts a header before what is inside.
func inner(header []byte, inside builder) builder {
	return func(p *script.Packet) []byte { return join(header, inside(p)) }
}

// withLength puts a length, that of everything, behind the first octets of a header.
func withLength(first, rest []byte, inside builder) builder {
	return func(p *script.Packet) []byte {
		body := join(rest, inside(p))
		return join(first, u16(uint16(len(first)+2+len(body))), body)
	}
}

// nothing is inside, and cipher is something unreadable.
func nothing(*script.Packet) []byte { return nil }

func cipher(*script.Packet) []byte {
	b := make([]byte, 64)
	for i := range b {
		b[i] = byte(i*i + 7*i + 0x9d)
	}
	return b
}

// typed is an Ethernet type and the packet.
func typed(p *script.Packet) []byte { return join(u16(etherType(p)), p.IP) }

// ethernet is a frame of a type.
func ethernet(kind uint16, inside builder) builder {
	return func(p *script.Packet) []byte { return Ethernet(p.From, kind, inside(p)) }
}

// tagged is a frame with VLAN tags, the outermost of a type of its own.
func tagged(kind uint16, ids ...uint16) builder {
	return func(p *script.Packet) []byte {
		var tags []byte
		for i, id := range ids {
			if i > 0 {
				tags = append(tags, 0x81, 0)
			}
			tags = append(tags, u16(id)...)
		}
		return Ethernet(p.From, kind, join(tags, typed(p)))
	}
}

// within puts a tag into a frame.
func within(kind, id uint16, frame builder) builder {
	return func(p *script.Packet) []byte {
		f := frame(p)
		return join(f[:12], u16(kind), u16(id), f[12:])
	}
}

// afterEthernet is a frame without its Ethernet header.
func afterEthernet(frame builder) builder {
	return func(p *script.Packet) []byte { return frame(p)[14:] }
}

// packet is an IPv4 packet between the ends of a tunnel.
func packet(proto byte, inside builder) builder {
	return func(p *script.Packet) []byte {
		body := inside(p)
		h := []byte{0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, proto, 0, 0, 192, 0, 2, 1 + byte(p.From), 192, 0, 2, 1 + byte(p.From.Peer())}
		binary.BigEndian.PutUint16(h[2:], uint16(len(h)+len(body)))
		binary.BigEndian.PutUint16(h[10:], headerSum(h))
		return join(h, body)
	}
}

// headerSum is the checksum of an IPv4 header that has none yet.
func headerSum(h []byte) uint16 {
	sum := uint32(0)
	for i := 0; i < len(h); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(h[i:]))
	}
	for sum>>16 != 0 {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// transport is the conversation's own IPv4 header before something else than TCP.
func transport(proto byte, inside builder) builder {
	return ethernet(etherIPv4, func(p *script.Packet) []byte {
		h, body := bytes.Clone(p.IP[:20]), inside(p)
		h[9] = proto
		binary.BigEndian.PutUint16(h[2:], uint16(len(h)+len(body)))
		h[10], h[11] = 0, 0
		binary.BigEndian.PutUint16(h[10:], headerSum(h))
		return join(h, body)
	})
}

// tcpOnly is a packet of IPv4 without its header.
func tcpOnly(p *script.Packet) []byte { return p.IP[20:] }

// outer is packet in a frame.
func outer(proto byte, inside builder) builder { return ethernet(etherIPv4, packet(proto, inside)) }

// outer6 is outer with IPv6.
func outer6(next byte, inside builder) builder {
	return ethernet(etherIPv6, func(p *script.Packet) []byte {
		body := inside(p)
		end := func(side script.Side) []byte {
			return join([]byte{0x20, 1, 0x0d, 0xb8}, make([]byte, 11), []byte{1 + byte(side)})
		}
		return join([]byte{0x60, 0, 0, 0}, u16(uint16(len(body))), []byte{next, 64}, end(p.From), end(p.From.Peer()), body)
	})
}

// udp is a datagram between the ends of a tunnel.
func udp(from, to uint16, inside builder) builder {
	return outer(protoUDP, func(p *script.Packet) []byte {
		body := inside(p)
		return join(u16(from), u16(to), u16(uint16(8+len(body))), u16(0), body)
	})
}

func mpls(labels []byte, inside builder) builder { return ethernet(0x8847, inner(labels, inside)) }

// labels is a stack of MPLS labels.
func labels(of ...uint32) (b []byte) {
	for i, label := range of {
		entry := label<<12 | 64
		if i == len(of)-1 {
			entry |= 0x100
		}
		b = append(b, u32(entry)...)
	}
	return b
}

func pppoe(inside builder) builder {
	return func(p *script.Packet) []byte {
		body := inside(p)
		return join([]byte{0x11, 0}, u16(7), u16(uint16(len(body))), body)
	}
}

// gre is a packet with a GRE header, fields the optional ones.
func gre(flags, kind uint16, fields []byte, inside builder) builder {
	return outer(protoGRE, inner(join(u16(flags), u16(kind), fields), inside))
}

// greLength is gre of version 1, whose key is a length and an identifier.
func greLength(flags, kind, id uint16, fields []byte, inside builder) builder {
	return outer(protoGRE, func(p *script.Packet) []byte {
		body := inside(p)
		return join(u16(flags), u16(kind), u16(uint16(len(body))), u16(id), fields, body)
	})
}

func vxlan(flags, next byte, id uint32) []byte {
	return join([]byte{flags, 0, 0, next}, u24(id), []byte{0})
}

func geneve(kind uint16, id uint32, options []byte) []byte {
	return join([]byte{byte(len(options) / 4), 0}, u16(kind), u24(id), []byte{0}, options)
}

// geneveOption is an option with so many words of data.
func geneveOption(words int) []byte {
	return join(u16(0xffff), []byte{1, byte(words)}, make([]byte, 4*words))
}

func gtp(flags byte, fields []byte, inside builder) builder {
	return func(p *script.Packet) []byte {
		body := join(fields, inside(p))
		return join([]byte{flags, 255}, u16(uint16(len(body))), u32(0xabcdef), body)
	}
}

func gtp0(inside builder) builder {
	return func(p *script.Packet) []byte {
		body := inside(p)
		return join([]byte{0x1e, 255}, u16(uint16(len(body))), u16(1), u16(0x1234), []byte{255, 255, 255, 255}, make([]byte, 8), body)
	}
}

// teredo is a datagram of Teredo, from and to its port in turn.
func teredo(indications ...byte) builder {
	return func(p *script.Packet) []byte {
		if p.From == script.Responder {
			return udp(3544, 50000, inner(indications, raw))(p)
		}
		return udp(50000, 3544, inner(indications, raw))(p)
	}
}

// teredoTalk is Short6 with an address of Teredo.
const teredoTalk = `A request and its answer over Teredo.
client [2001:0:c000:201::1]:40000
server [2001:db8::2]:80
` + short

// esp is a packet of ESP with NULL encryption and a check of so many octets.
func esp(next byte, check int, inside builder) builder {
	return func(p *script.Packet) []byte {
		body := join(u32(0x2000), u32(1), inside(p))
		pad := byte(0)
		for (len(body)+2)%4 != 0 {
			pad++
			body = append(body, pad)
		}
		sum := cipher(p)[:check]
		return join(body, []byte{pad, next}, sum)
	}
}
