package script

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/tcplife/tcplife/internal/segment"
)

const (
	tcpHeaderLen = 20
	udpHeaderLen = 8

	protocolICMP   = 1
	protocolTCP    = 6
	protocolUDP    = 17
	protocolICMPv6 = 58

	pcapMagicNano    = 0xa1b23c4d
	linkTypeEthernet = 1
	snapLen          = 262144

	// shortestFrame is what Ethernet pads a frame to, checksum left out.
	shortestFrame = 60
)

// WritePcap writes the conversation as a capture file: pcap with nanoseconds,
// little endian, Ethernet, with correct checksums. Payload is the letters of the
// alphabet, the same ones at the same place of the stream whenever they are
// sent. If the trace goes on after the last line, its last packet is a UDP
// datagram between two other hosts.
func WritePcap(w io.Writer, c *Conversation) error {
	b := bufio.NewWriter(w)
	var head []byte
	head = binary.LittleEndian.AppendUint32(head, pcapMagicNano)
	head = binary.LittleEndian.AppendUint16(head, 2)
	head = binary.LittleEndian.AppendUint16(head, 4)
	head = append(head, make([]byte, 8)...) // time zone and accuracy: zero by convention
	head = binary.LittleEndian.AppendUint32(head, snapLen)
	head = binary.LittleEndian.AppendUint32(head, linkTypeEthernet)
	b.Write(head)
	for i := range c.Lines {
		l := &c.Lines[i]
		if l.Packet == 0 {
			continue
		}
		for _, p := range c.packets(l) {
			frame, captured := c.frame(l, &p)
			writePacket(b, p.Time, frame, captured)
		}
	}
	if c.After > 0 {
		frame := otherTraffic()
		writePacket(b, c.End(), frame, len(frame))
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write capture of %s: %w", c.Name, err)
	}
	return nil
}

// writePacket leaves errors to the Writer's Flush, which repeats the first one.
func writePacket(b *bufio.Writer, at int64, frame []byte, captured int) {
	var head []byte
	head = binary.LittleEndian.AppendUint32(head, uint32(at/1e9))
	head = binary.LittleEndian.AppendUint32(head, uint32(at%1e9))
	head = binary.LittleEndian.AppendUint32(head, uint32(captured))
	head = binary.LittleEndian.AppendUint32(head, uint32(len(frame)))
	b.Write(head)
	b.Write(frame[:captured])
}

// Packet is the IP packet of one line, or one of its fragments.
type Packet struct {
	Time     int64 // nanoseconds since 1970 UTC
	From     Side
	IP       []byte // header and all behind it, with correct checksums unless the line says otherwise
	Captured int    // how much of it the capture holds
}

// Packets returns what passed the tap, without anything around the IP packets: VLAN tags are left out, and so is the
// other traffic with which WritePcap ends a trace that goes on.
func (c *Conversation) Packets() []Packet {
	var packets []Packet
	for i := range c.Lines {
		if l := &c.Lines[i]; l.Packet != 0 {
			packets = append(packets, c.packets(l)...)
		}
	}
	return packets
}

// packets builds the line's IP packets: one, unless it says that it came in fragments.
func (c *Conversation) packets(l *Line) []Packet {
	if l.Fragments > 0 {
		return c.fragments(l)
	}
	return []Packet{c.packet(l)}
}

// packet builds the line's IP packet.
func (c *Conversation) packet(l *Line) Packet {
	src, dst := c.addresses(l)
	tcp := c.tcp(l)
	ip := appendIP(nil, src, dst, protocolTCP, l.TTL, l.IPID, len(tcp))
	if l.ICMP.IsSet {
		ip = c.icmp(l, ip, tcp)
		return Packet{Time: Epoch + int64(l.At), From: l.From.Peer(), IP: ip, Captured: len(ip)}
	}
	options := len(ip) + tcpHeaderLen
	ip = append(ip, tcp...)
	p := Packet{Time: Epoch + int64(l.At), From: l.From, IP: ip, Captured: len(ip)}
	if l.Cut >= 0 {
		p.Captured = min(options+l.Cut, len(ip))
	}
	return p
}

// frame puts a packet of the line into an Ethernet frame, and says how much of it is captured.
func (c *Conversation) frame(l *Line, p *Packet) (frame []byte, captured int) {
	head := ethernet(p.From, l.VLAN, c.ipv6())
	frame = pad(append(head, p.IP...))
	if l.Cut >= 0 {
		return frame, len(head) + p.Captured
	}
	return frame, len(frame)
}

// icmp builds an ICMP error that quotes a packet.
func (c *Conversation) icmp(l *Line, ip, tcp []byte) []byte {
	from, to := c.reporter(l).AsSlice(), c.Ends[l.From].Addr().AsSlice()
	message := []byte{l.ICMP.Type, l.ICMP.Code, 0, 0}
	message = binary.BigEndian.AppendUint32(message, l.ICMP.MTU) // IPv4 has but the lower half of it (RFC 1191)
	message = append(append(message, ip...), tcp[:min(len(tcp), maxQuoted)]...)
	protocol, sum := uint8(protocolICMP), uint32(0)
	if c.ipv6() {
		protocol = protocolICMPv6
		sum = pseudoHeader(from, to, protocol, len(message))
	}
	binary.BigEndian.PutUint16(message[2:], checksum(message, sum))
	return append(appendIP(nil, from, to, protocol, messageTTL, 0, len(message)), message...)
}

// addresses are those of the line's sender and receiver.
func (c *Conversation) addresses(l *Line) (src, dst []byte) {
	return c.Ends[l.From].Addr().AsSlice(), c.Ends[l.From.Peer()].Addr().AsSlice()
}

// ethernet begins a frame from side to its peer.
func ethernet(side Side, vlan [2]uint16, ipv6 bool) []byte {
	frame := []byte{
		2, 0, 0, 0, 0, 2 - byte(side),
		2, 0, 0, 0, 0, 1 + byte(side),
	}
	if vlan[1] != 0 { // two tags: the outer one is the provider's (802.1ad)
		frame = binary.BigEndian.AppendUint16(frame, 0x88a8)
		frame = binary.BigEndian.AppendUint16(frame, vlan[0])
		vlan[0] = vlan[1]
	}
	if vlan[0] != 0 {
		frame = binary.BigEndian.AppendUint16(frame, 0x8100)
		frame = binary.BigEndian.AppendUint16(frame, vlan[0])
	}
	if ipv6 {
		return binary.BigEndian.AppendUint16(frame, 0x86dd)
	}
	return binary.BigEndian.AppendUint16(frame, 0x0800)
}

// appendIP appends the IP header for n octets behind it.
func appendIP(frame, src, dst []byte, protocol, ttl uint8, id uint16, n int) []byte {
	if len(src) == 16 {
		frame = append(frame, 0x60, 0, 0, 0)
		frame = binary.BigEndian.AppendUint16(frame, uint16(n))
		frame = append(frame, protocol, ttl)
		return append(append(frame, src...), dst...)
	}
	head := []byte{0x45, 0}
	head = binary.BigEndian.AppendUint16(head, uint16(20+n))
	head = binary.BigEndian.AppendUint16(head, id)
	head = append(head, 0x40, 0, ttl, protocol, 0, 0) // do not fragment
	head = append(append(head, src...), dst...)
	binary.BigEndian.PutUint16(head[10:], checksum(head, 0))
	return append(frame, head...)
}

// tcp builds header and payload.
func (c *Conversation) tcp(l *Line) []byte {
	s := c.segment(l)
	options := c.optionBytes(l)
	var b []byte
	b = binary.BigEndian.AppendUint16(b, c.Ends[l.From].Port())
	b = binary.BigEndian.AppendUint16(b, c.Ends[l.From.Peer()].Port())
	b = binary.BigEndian.AppendUint32(b, uint32(s.Seq))
	b = binary.BigEndian.AppendUint32(b, uint32(s.Ack))
	offset := uint16((tcpHeaderLen+len(options))/4) << 12
	b = binary.BigEndian.AppendUint16(b, offset|uint16(s.Flags))
	b = binary.BigEndian.AppendUint16(b, s.Window)
	urgent := uint16(0)
	if s.Flags.Has(segment.URG) {
		urgent = urgentPointer
	}
	b = append(b, 0, 0)
	b = binary.BigEndian.AppendUint16(b, urgent)
	b = append(b, options...)
	for i := range s.PayloadLen {
		b = append(b, 'a'+byte(uint32(l.Seq+int64(i))%26))
	}
	src, dst := c.addresses(l)
	pseudo := pseudoHeader(src, dst, protocolTCP, len(b))
	sum := checksum(b, pseudo)
	switch {
	case l.BadChecksum:
		sum ^= 0x0101
	case l.Partial:
		sum = ^checksum(nil, pseudo)
	}
	binary.BigEndian.PutUint16(b[16:], sum)
	return b
}

// otherTraffic is an empty datagram to the discard port (RFC 863) between two
// addresses of documentation (RFC 5737).
func otherTraffic() []byte {
	const discard = 9
	src, dst := []byte{192, 0, 2, 1}, []byte{192, 0, 2, 2}
	udp := []byte{0, discard, 0, discard, 0, udpHeaderLen, 0, 0}
	binary.BigEndian.PutUint16(udp[6:], checksum(udp, pseudoHeader(src, dst, protocolUDP, len(udp))))
	frame := appendIP(ethernet(Initiator, [2]uint16{}, false), src, dst, protocolUDP, 64, 0, len(udp))
	return pad(append(frame, udp...))
}

func pad(frame []byte) []byte {
	if short := shortestFrame - len(frame); short > 0 {
		frame = append(frame, make([]byte, short)...)
	}
	return frame
}

// pseudoHeader is the sum that RFC 9293 3.1 and RFC 8200 8.1 put before the checksum.
func pseudoHeader(src, dst []byte, protocol uint8, n int) uint32 {
	return sum16(src) + sum16(dst) + uint32(protocol) + uint32(n)
}

// checksum is the Internet checksum (RFC 1071) of b, begun with initial.
func checksum(b []byte, initial uint32) uint16 {
	sum := initial + sum16(b)
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// sum16 adds b's 16-bit words; IP packets are too short for it to overflow.
func sum16(b []byte) (sum uint32) {
	for i, octet := range b {
		if i%2 == 0 {
			sum += uint32(octet) << 8
		} else {
			sum += uint32(octet)
		}
	}
	return sum
}
