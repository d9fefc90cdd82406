package capture

import "encoding/binary"

// UDP ports of tunnels (IANA, except where noted).
const (
	portL2TP      = 1701
	portGTP       = 2152
	portGTPv0     = 3386
	portTeredo    = 3544
	portLISP      = 4341
	portESP       = 4500
	portGRE       = 4754
	portVXLAN     = 4789
	portVXLANGPE  = 4790
	portAYIYA     = 5072 // of its draft
	portCAPWAP    = 5247
	portGUE       = 6080
	portGeneve    = 6081
	portMPLS      = 6635
	portVXLANOld  = 8472  // Linux's before there was one
	portTZSP      = 37008 // by convention
	plainUDP      = classProtocol | protoUDP
	udpHeaderSize = 8
)

// readTunnel reads what a tunnel's datagram carries: p is what was captured of it, and cut is how many octets more it had. A
// port proves nothing, so what does not look like the tunnel in every respect is plainUDP.
type readTunnel func(d *decoder, p []byte, cut int) skip

// udpTunnel returns how datagrams sent to a port are read if it is a tunnel's, otherwise nil. Of most tunnels, the
// source port is any number; of the others, answers come from the port.
func udpTunnel(port uint16) (read readTunnel, answers bool) {
	switch port {
	case portVXLAN, portVXLANOld:
		return (*decoder).vxlan, false
	case portVXLANGPE:
		return (*decoder).vxlanGPE, false
	case portGeneve:
		return (*decoder).geneve, false
	case portGTP:
		return (*decoder).gtp, true
	case portGTPv0:
		return (*decoder).gtp0, true
	case portTeredo:
		return (*decoder).teredo, true
	case portL2TP:
		return (*decoder).l2tp, true
	case portLISP:
		return (*decoder).lisp, false
	case portGRE:
		return (*decoder).greInUDP, false
	case portAYIYA:
		return (*decoder).ayiya, true
	case portCAPWAP:
		return (*decoder).capwap, true
	case portGUE:
		return (*decoder).gue, false
	case portMPLS:
		return (*decoder).mplsInUDP, false
	case portTZSP:
		return (*decoder).tzspInUDP, false
	}
	return nil, false
}

// udp looks for a tunnel in a datagram.
func (d *decoder) udp(k *ipPacket) skip {
	if len(k.body) < udpHeaderSize {
		return plainUDP
	}
	from, to := binary.BigEndian.Uint16(k.body), binary.BigEndian.Uint16(k.body[2:])
	if length := int(binary.BigEndian.Uint16(k.body[4:])); length >= udpHeaderSize && length < k.length {
		k.setBody(k.body, length)
	}
	k.setBody(k.body[udpHeaderSize:], k.length-udpHeaderSize)
	if from == portESP || to == portESP {
		return d.espInUDP(k)
	}
	if read, _ := udpTunnel(to); read != nil {
		return read(d, k.body, k.cut())
	}
	if read, answers := udpTunnel(from); answers {
		return read(d, k.body, k.cut())
	}
	return plainUDP
}

// frameInUDP reads an Ethernet frame in a datagram.
func (d *decoder) frameInUDP(p []byte, cut int) skip {
	if ip, ok := ipInFrame(p); ok && !saneIP(ip, cut) {
		return plainUDP
	}
	return d.ethernet(p, cut)
}

// typedInUDP reads what an Ethernet type in a tunnel's header names.
func (d *decoder) typedInUDP(t uint16, p []byte, cut int) skip {
	switch {
	case t == etherBridging:
		return d.frameInUDP(p, cut)
	case t < minEtherType, (t == etherIPv4 || t == etherIPv6) && !saneIP(p, cut):
		return plainUDP
	}
	return d.etherType(t, p, cut)
}
