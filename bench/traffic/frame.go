package traffic

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"

	"github.com/tcplife/tcplife/internal/segment"
)

const (
	protocolTCP = 6
	windowShift = 7

	noiseLen = 1 << 17
	// shortestFrame is what Ethernet pads a frame to; one that the capturing host sends is not padded yet.
	shortestFrame = 60
)

// framer builds frames. Payload is noise, a function of the connection and the place in its
// stream: what is sent again is the same again.
type framer struct {
	noise []byte
	b     []byte
}

func newFramer() *framer {
	f := &framer{noise: make([]byte, noiseLen+1<<16), b: make([]byte, 0, 1<<16)}
	r := rand.New(rand.NewPCG(1, 2))
	for i := 0; i < noiseLen; i += 8 {
		binary.LittleEndian.PutUint64(f.noise[i:], r.Uint64())
	}
	copy(f.noise[noiseLen:], f.noise)
	return f
}

// frame returns the first snaplen octets of the packet's frame, and how long the frame is.
// They are valid until the next call.
func (f *framer) frame(c *connection, p *packet, snaplen int) (captured []byte, length int) {
	source, target := &c.hosts[p.from], &c.hosts[1-p.from]
	be := binary.BigEndian
	b := append(f.b[:0], 2, 0, 0, 0, 0, 2-p.from, 2, 0, 0, 0, 0, 1+p.from)
	if c.vlan != 0 {
		b = be.AppendUint16(b, 0x8100)
		b = be.AppendUint16(b, c.vlan)
	}
	options := c.optionsLen(p)
	n := 20 + options + int(p.length)
	var pseudo []byte // the addresses, as RFC 9293 3.1 sums them
	if c.ipv6 {
		b = be.AppendUint16(b, 0x86dd)
		b = append(b, 0x60, 0, 0, 0)
		b = be.AppendUint16(b, uint16(n))
		b = append(b, protocolTCP, source.ttl)
		b = append(append(b, source.ip[:]...), target.ip[:]...)
		pseudo = b[len(b)-32:]
	} else {
		b = be.AppendUint16(b, 0x0800)
		ip := len(b)
		b = append(b, 0x45, 0)
		b = be.AppendUint16(b, uint16(20+n))
		b = be.AppendUint16(b, source.ipid)
		source.ipid++
		b = append(b, 0x40, 0, source.ttl, protocolTCP, 0, 0) // do not fragment
		b = append(append(b, source.ip[:4]...), target.ip[:4]...)
		be.PutUint16(b[ip+10:], ^fold(sum(b[ip:])))
		pseudo = b[len(b)-8:]
	}
	at := uint32(p.seq) + c.salt
	payload := f.noise[at%noiseLen:][:p.length]
	tcp := len(b)
	b = be.AppendUint16(b, source.port)
	b = be.AppendUint16(b, target.port)
	b = be.AppendUint32(b, uint32(p.seq))
	b = be.AppendUint32(b, uint32(p.ack))
	b = be.AppendUint16(b, uint16(5+options/4)<<12|uint16(p.flags))
	b = be.AppendUint16(b, p.window)
	b = append(b, 0, 0, 0, 0)
	b = c.appendOptions(b, p)
	// The header is a multiple of four octets: payload begins a word of the sum.
	total := uint64(fold(sum(pseudo))) + uint64(fold(sum(b[tcp:]))) + uint64(fold(sum(payload))) + protocolTCP + uint64(n)
	be.PutUint16(b[tcp+16:], ^fold(total))

	length = len(b) + int(p.length)
	if room := snaplen - len(b); room > 0 {
		b = append(b, payload[:min(room, len(payload))]...)
	}
	if short := shortestFrame - length; short > 0 && p.from == server {
		b = append(b, make([]byte, short)...)
		length = shortestFrame
	}
	f.b = b
	return b[:min(len(b), snaplen)], length
}

func (c *connection) optionsLen(p *packet) int {
	n := 0
	if p.flags.Has(segment.SYN) {
		n += 4
		if c.scaled {
			n += 4
		}
		if c.sack {
			n += 4
		}
	}
	if c.stamped(p) {
		n += 12
	}
	if p.sacks > 0 {
		n += 4 + 8*int(p.sacks)
	}
	return n
}

// stamped: most stacks leave timestamps out of resets.
func (c *connection) stamped(p *packet) bool { return c.stamps && !p.flags.Has(segment.RST) }

func (c *connection) appendOptions(b []byte, p *packet) []byte {
	const nop = 1
	be := binary.BigEndian
	if p.flags.Has(segment.SYN) {
		mss := c.mss
		if c.stamps {
			mss += 12 // the option counts no options (RFC 6691)
		}
		b = append(b, 2, 4)
		b = be.AppendUint16(b, uint16(mss))
		if c.scaled {
			b = append(b, nop, 3, 3, windowShift)
		}
		if c.sack {
			b = append(b, nop, nop, 4, 2)
		}
	}
	if c.stamped(p) {
		b = append(b, nop, nop, 8, 10)
		b = be.AppendUint32(b, c.hosts[p.from].clock+uint32(p.sent/milli))
		echo := uint32(0)
		if p.flags.Has(segment.ACK) {
			echo = c.hosts[1-p.from].clock + uint32(p.echo/milli)
		}
		b = be.AppendUint32(b, echo)
	}
	if p.sacks > 0 {
		b = append(b, nop, nop, 5, 2+8*p.sacks)
		for _, block := range p.sack[:p.sacks] {
			b = be.AppendUint32(b, uint32(block.Left))
			b = be.AppendUint32(b, uint32(block.Right))
		}
	}
	return b
}

// sum adds the 16-bit words of b, eight octets at a time: a carry out of any word is one
// into the next, and out of the last into the first (RFC 1071 2).
func sum(b []byte) uint64 {
	var s, carry uint64
	for ; len(b) >= 8; b = b[8:] {
		s, carry = bits.Add64(s, binary.BigEndian.Uint64(b), carry)
	}
	var rest [8]byte
	copy(rest[:], b)
	s, carry = bits.Add64(s, binary.BigEndian.Uint64(rest[:]), carry)
	s, carry = bits.Add64(s, 0, carry)
	return s + carry
}

// fold brings a sum down to 16 bits.
func fold(s uint64) uint16 {
	s = s>>32 + s&0xffffffff
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}
