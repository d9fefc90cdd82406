package kernellab

import (
	"encoding/binary"
	"net/netip"
)

// The parts of Ethernet, IP and TCP that the lab needs. It reads only what its
// own hosts send, so there are no tunnels and no fragments.
const (
	etherIPv4 = 0x0800
	etherIPv6 = 0x86dd
	etherLen  = 14
	ipv6Len   = 40
	protoTCP  = 6
)

// flags are the TCP control bits of octet 13.
type flags uint8

const (
	fin flags = 1 << iota
	syn
	rst
	psh
	ack
)

func (f flags) has(want flags) bool { return f&want == want }

// tcpHeader is what the lab reads of a frame.
type tcpHeader struct {
	src, dst netip.AddrPort
	seq, ack uint32
	flags    flags
	payload  int
	offset   int // of the TCP header in the frame
	ipLen    int // IP header and everything behind it
}

// fromInitiator is used by rules that must know the SYN that opens a connection.
func (h *tcpHeader) opens() bool { return h.flags.has(syn) && !h.flags.has(ack) }

// parseTCP reads an Ethernet frame; ok is false if it holds no TCP.
func parseTCP(frame []byte) (h tcpHeader, ok bool) {
	if len(frame) < etherLen {
		return h, false
	}
	ip := frame[etherLen:]
	var src, dst netip.Addr
	var headerLen int
	switch binary.BigEndian.Uint16(frame[12:]) {
	case etherIPv4:
		if len(ip) < 20 || ip[9] != protoTCP {
			return h, false
		}
		headerLen = int(ip[0]&15) * 4
		h.ipLen = int(binary.BigEndian.Uint16(ip[2:]))
		src, dst = netip.AddrFrom4([4]byte(ip[12:16])), netip.AddrFrom4([4]byte(ip[16:20]))
	case etherIPv6:
		if len(ip) < ipv6Len || ip[6] != protoTCP {
			return h, false
		}
		headerLen = ipv6Len
		h.ipLen = ipv6Len + int(binary.BigEndian.Uint16(ip[4:]))
		src, dst = netip.AddrFrom16([16]byte(ip[8:24])), netip.AddrFrom16([16]byte(ip[24:40]))
	default:
		return h, false
	}
	if len(ip) < headerLen+20 {
		return h, false
	}
	tcp := ip[headerLen:]
	h.src = netip.AddrPortFrom(src, binary.BigEndian.Uint16(tcp))
	h.dst = netip.AddrPortFrom(dst, binary.BigEndian.Uint16(tcp[2:]))
	h.seq, h.ack = binary.BigEndian.Uint32(tcp[4:]), binary.BigEndian.Uint32(tcp[8:])
	h.flags = flags(tcp[13])
	h.payload = h.ipLen - headerLen - int(tcp[12]>>4)*4
	h.offset = etherLen + headerLen
	return h, true
}

// forged describes a segment that no host sent.
type forged struct {
	src, dst netip.AddrPort
	seq, ack uint32
	flags    flags
	window   uint16
	payload  []byte
}

// frame builds the segment as an Ethernet frame with correct checksums.
func (f forged) frame(srcMAC, dstMAC [6]byte) []byte {
	tcp := make([]byte, 20, 20+len(f.payload))
	binary.BigEndian.PutUint16(tcp, f.src.Port())
	binary.BigEndian.PutUint16(tcp[2:], f.dst.Port())
	binary.BigEndian.PutUint32(tcp[4:], f.seq)
	binary.BigEndian.PutUint32(tcp[8:], f.ack)
	tcp[12], tcp[13] = 5<<4, byte(f.flags)
	binary.BigEndian.PutUint16(tcp[14:], f.window)
	tcp = append(tcp, f.payload...)

	frame := append(append([]byte{}, dstMAC[:]...), srcMAC[:]...)
	src, dst := f.src.Addr().AsSlice(), f.dst.Addr().AsSlice()
	if f.src.Addr().Is4() {
		ip := make([]byte, 20)
		ip[0], ip[8], ip[9] = 0x45, 64, protoTCP
		binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)+len(tcp)))
		copy(ip[12:], src)
		copy(ip[16:], dst)
		binary.BigEndian.PutUint16(ip[10:], checksum(ip))
		frame = append(binary.BigEndian.AppendUint16(frame, etherIPv4), ip...)
	} else {
		ip := make([]byte, ipv6Len)
		ip[0], ip[6], ip[7] = 0x60, protoTCP, 64
		binary.BigEndian.PutUint16(ip[4:], uint16(len(tcp)))
		copy(ip[8:], src)
		copy(ip[24:], dst)
		frame = append(binary.BigEndian.AppendUint16(frame, etherIPv6), ip...)
	}
	pseudo := append(append([]byte{}, src...), dst...)
	pseudo = append(pseudo, 0, protoTCP)
	pseudo = binary.BigEndian.AppendUint16(pseudo, uint16(len(tcp)))
	binary.BigEndian.PutUint16(tcp[16:], checksum(append(pseudo, tcp...)))
	return append(frame, tcp...)
}

// checksum is the Internet checksum (RFC 1071).
func checksum(b []byte) uint16 {
	var sum uint32
	for ; len(b) >= 2; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}
