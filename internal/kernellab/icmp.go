//go:build linux

package kernellab

import (
	"encoding/binary"
	"net/netip"
)

// icmpError is what a router on the wire says of a packet it does not carry on (RFC 792).
type icmpError struct{ kind, code byte }

const protoICMP = 1

// router is the address of whoever reports ICMP errors: that of nobody on the wire.
var router = netip.MustParseAddr("192.0.2.1")

// about builds the error as an Ethernet frame back to the sender of an IPv4 frame. It quotes as much as Linux does, up to 576
// octets in all.
func (e icmpError) about(frame []byte) []byte {
	quoted := frame[etherLen:]
	quoted = quoted[:min(len(quoted), 576-20-8)]
	message := append([]byte{e.kind, e.code, 0, 0, 0, 0, 0, 0}, quoted...)
	binary.BigEndian.PutUint16(message[2:], checksum(message))
	ip := make([]byte, 20)
	ip[0], ip[8], ip[9] = 0x45, 64, protoICMP
	binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)+len(message)))
	copy(ip[12:], router.AsSlice())
	copy(ip[16:], frame[etherLen+12:etherLen+16])
	binary.BigEndian.PutUint16(ip[10:], checksum(ip))
	back := append(append([]byte{}, frame[6:12]...), frame[:6]...)
	back = binary.BigEndian.AppendUint16(back, etherIPv4)
	return append(append(back, ip...), message...)
}
