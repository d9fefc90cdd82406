package capture

import "encoding/binary"

// What tells an IP packet from other octets, for tunnels that are known by a port only or do not say what they carry.
// Each function gets what was captured, and how many octets more there were.

// saneIP reports whether p can be an IP packet in the room there is. A packet that claims more than that must have a
// right header checksum: devices that mirror packets cut some.
func saneIP(p []byte, cut int) bool {
	room := len(p) + cut
	if len(p) == 0 {
		return false
	}
	switch p[0] >> 4 {
	case 4:
		if len(p) < 20 {
			return room >= 20 // cut: there is nothing to go wrong with
		}
		header, total := int(p[0]&15)*4, int(binary.BigEndian.Uint16(p[2:]))
		if total == 0 { // left to the card
			total = room
		}
		return header >= 20 && total >= header && p[8] > 0 && (total <= room || headerSumRight(p, header))
	case 6:
		if len(p) < 40 {
			return room >= 40
		}
		return knownNext(p[6]) && p[7] > 0
	}
	return false
}

// certainIP reports whether p is an IP packet that nothing else would look like: of IPv4 the checksum of the header is
// right, of IPv6 the length is that of the room.
func certainIP(p []byte, cut int) bool {
	room := len(p) + cut
	if len(p) < 20 {
		return false
	}
	switch p[0] >> 4 {
	case 4:
		header, total := int(p[0]&15)*4, int(binary.BigEndian.Uint16(p[2:]))
		return header >= 20 && total >= header && total <= room && headerSumRight(p, header)
	case 6:
		return len(p) >= 40 && 40+int(binary.BigEndian.Uint16(p[4:])) == room && knownNext(p[6])
	}
	return false
}

// headerSumRight verifies the checksum of an IPv4 header.
func headerSumRight(p []byte, header int) bool {
	// The sum of zeros only would be another zero.
	return len(p) >= header && fold(sumOctets(0, p[:header])) == 0xffff
}

// knownNext reports whether IPv6 packets with this next header are met.
func knownNext(proto byte) bool {
	switch proto {
	case protoHopByHop, protoIPIP, protoTCP, protoUDP, 33 /* DCCP */, protoIPv6, protoRouting, protoFragment, protoGRE, protoESP, protoAH,
		58 /* ICMPv6 */, 59 /* none */, protoDestination, 89 /* OSPF */, protoEtherIP, 103 /* PIM */, protoIPComp, 112, /* VRRP */
		protoL2TP, 132 /* SCTP */, 135 /* mobility */, 136 /* UDP-Lite */, protoMPLS, 139 /* HIP */, 140 /* Shim6 */ :
		return true
	}
	return false
}

// ipInFrame finds the IP packet in an Ethernet frame, behind VLAN tags, MPLS labels or a PPPoE header.
func ipInFrame(p []byte) (ip []byte, ok bool) {
	const bottom = 1 // in the third octet of a label
	for at := 12; at+2 <= len(p); at += 4 {
		rest := p[at+2:]
		switch binary.BigEndian.Uint16(p[at:]) {
		case etherIPv4, etherIPv6:
			return rest, true
		case etherVLAN, etherQinQ, etherQinQOld:
			continue
		case etherMPLS, etherMPLSMulticast:
			for len(rest) >= 4 && rest[2]&bottom == 0 {
				rest = rest[4:]
			}
			return rest[min(4, len(rest)):], len(rest) > 4 && (rest[4]>>4 == 4 || rest[4]>>4 == 6)
		case etherPPPoE:
			if len(rest) > 8 && rest[0] == pppoeVersion && (rest[7] == pppIPv4 || rest[7] == pppIPv6) {
				return rest[8:], true
			}
		}
		return nil, false
	}
	return nil, false
}

// certainFrame reports whether p is an Ethernet frame with a certain IP packet.
func certainFrame(p []byte, cut int) bool {
	ip, ok := ipInFrame(p)
	return ok && certainIP(ip, cut)
}
