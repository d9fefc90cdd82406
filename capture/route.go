package capture

import "encoding/binary"

// Packets whose header does not name the ends of the connection: they are on their way to a stop that their sender chose, or
// come from where a mobile host is for now. What TCP knows, and its checksum covers, are the ends.

// ends4Via reads the addresses of an IPv4 header with options: of a source route that is not used up, the last address is
// the destination (RFC 791 section 3.1, RFC 1122 section 3.2.1.8).
func ends4Via(header []byte) ends {
	const (
		loose, strict = 0x83, 0x89
		first         = 4 // where the pointer to the next address begins to count
	)
	e := ends4(header[12:20])
	for o := header[20:]; len(o) > 0 && o[0] != optEnd; {
		if o[0] == optNOP {
			o = o[1:]
			continue
		}
		if len(o) < 2 || o[1] < 2 || int(o[1]) > len(o) {
			break
		}
		n := int(o[1])
		if (o[0] == loose || o[0] == strict) && n >= first+3 && o[2] >= first && int(o[2]) <= n-3 {
			last := first - 1 + (n-3)/4*4
			e.dstLo = mapped | uint64(binary.BigEndian.Uint32(o[last-4:]))
		}
		o = o[n:]
	}
	return e
}

// route takes the destination from a routing header with segments left: the last address of types 0 (RFC 2460) and 2 (RFC
// 6275), the first of a segment list (RFC 8754), which stands in reverse. A list may be compressed (RFC 9800), and type 3
// (RFC 6554) always is: then there is more to the last destination than one address, and nothing to verify.
func (k *ipPacket) route(header []byte) {
	const (
		source, home, list = 0, 2, 4
		fixed, address     = 8, 16
	)
	if header[3] == 0 {
		return
	}
	switch kind := header[2]; {
	case len(header) < fixed+address:
		k.verifiable = false
	case kind == source, kind == home:
		k.setDestination(header[fixed+(len(header)-fixed)/address*address-address:])
	case kind == list:
		k.setDestination(header[fixed:])
		k.verifiable = false
	default:
		k.verifiable = false
	}
}

func (k *ipPacket) setDestination(address []byte) {
	k.dstHi, k.dstLo = binary.BigEndian.Uint64(address), binary.BigEndian.Uint64(address[8:])
}

// home takes the source from a mobile host's home address option (RFC 6275 section 6.3) in a header of destination options.
func (k *ipPacket) home(header []byte) {
	const (
		pad1        = 0
		homeAddress = 0xc9
		address     = 16
	)
	for o := header[2:]; len(o) > 0; {
		if o[0] == pad1 {
			o = o[1:]
			continue
		}
		if len(o) < 2 || 2+int(o[1]) > len(o) {
			return
		}
		if o[0] == homeAddress && o[1] == address {
			k.srcHi, k.srcLo = binary.BigEndian.Uint64(o[2:]), binary.BigEndian.Uint64(o[10:])
		}
		o = o[2+int(o[1]):]
	}
}

// chosen lets an extension header say which are the ends.
func (k *ipPacket) chosen(proto byte, header []byte) {
	switch proto {
	case protoRouting:
		k.route(header)
	case protoDestination:
		k.home(header)
	}
}
