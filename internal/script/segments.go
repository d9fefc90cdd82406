package script

import (
	"net/netip"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/internal/seq"
)

// urgentPointer is that of each segment with URG: it names the octet behind the first one.
const urgentPointer = 1

// Segments returns what a tap would hand to the tracker, numbered from 1 in the
// order of the lines; lost lines are left out.
func (c *Conversation) Segments() []segment.Segment {
	var segs []segment.Segment
	for i := range c.Lines {
		if c.Lines[i].Packet != 0 {
			segs = append(segs, c.segment(&c.Lines[i]))
		}
	}
	return segs
}

// segment turns one line into what capture would make of its packet.
func (c *Conversation) segment(l *Line) segment.Segment {
	flow, dir := segment.FlowOf(c.Endpoint(l.From), c.Endpoint(l.From.Peer()))
	s := segment.Segment{
		Number:     l.Packet,
		Time:       Epoch + int64(l.At),
		Flow:       flow,
		Dir:        dir,
		Checksum:   segment.ChecksumGood,
		TTL:        l.TTL,
		Flags:      l.Flags,
		Window:     l.Window,
		Seq:        c.seq(l),
		PayloadLen: l.Len,
		Captured:   l.Len,
		IPLen:      uint32(c.ipHeaderLen() + tcpHeaderLen + len(c.optionBytes(l)) + int(l.Len)),
		Path:       c.Paths.ID(l.path()),
		Fragments:  uint8(l.Fragments),
		Options:    c.options(l),
	}
	if l.Flags.Has(segment.ACK) {
		s.Ack = c.ack(l, l.Ack)
	}
	if l.Flags.Has(segment.URG) {
		s.Urgent = urgentPointer
	}
	if !c.ipv6() && l.IPID != 0 {
		s.HasIPID, s.IPID = true, l.IPID
	}
	switch {
	case l.ICMP.IsSet:
		s.IsQuote, s.ICMP = true, c.icmpError(l)
		s.Checksum, s.Captured, s.Options = segment.ChecksumUnknown, 0, segment.Options{}
		s.TTL, s.HasIPID, s.IPID = messageTTL, false, 0 // those of the message
	case l.Cut >= 0:
		s.Checksum, s.Captured = segment.ChecksumUnknown, 0
	case l.BadChecksum:
		s.Checksum = segment.ChecksumBad
	case l.Partial:
		s.Checksum = segment.ChecksumPartial
	}
	return s
}

// icmpError is what the line's ICMP error says.
func (c *Conversation) icmpError(l *Line) segment.ICMPError {
	quoted := tcpHeaderLen + len(c.optionBytes(l)) + int(l.Len)
	return segment.ICMPError{
		From: segment.IPOf(c.reporter(l)), Type: l.ICMP.Type, Code: l.ICMP.Code, MTU: l.ICMP.MTU, V6: c.ipv6(),
		Quoted: uint8(min(quoted, maxQuoted)),
	}
}

// messageTTL is the time to live of an ICMP error.
const messageTTL = 64

// maxQuoted is how much of a segment an ICMP error quotes: the longest header.
const maxQuoted = tcpHeaderLen + maxOptions

// reporter is who sends the line's ICMP error.
func (c *Conversation) reporter(l *Line) netip.Addr {
	if l.ICMP.From.IsValid() {
		return l.ICMP.From
	}
	return c.Ends[l.From.Peer()].Addr()
}

// path is what stands around the line's packet.
func (l *Line) path() (p segment.Path) {
	for _, id := range l.VLAN {
		if id != 0 {
			p.Add(segment.WrapVLAN, uint32(id))
		}
	}
	return p
}

// Endpoint is the address of side.
func (c *Conversation) Endpoint(side Side) segment.Endpoint {
	return segment.Endpoint{IP: segment.IPOf(c.Ends[side].Addr()), Port: c.Ends[side].Port()}
}

// seq is the line's sequence number on the wire.
func (c *Conversation) seq(l *Line) seq.Num {
	return seq.Num(c.ISNs[l.Of][l.From]).Add(uint32(l.Seq))
}

// ack is the number on the wire of the peer's octet n.
func (c *Conversation) ack(l *Line, n int64) seq.Num {
	return seq.Num(c.ISNs[l.Of][l.From.Peer()]).Add(uint32(n))
}

func (c *Conversation) ipv6() bool { return c.Ends[Initiator].Addr().Is6() }

func (c *Conversation) ipHeaderLen() int {
	if c.ipv6() {
		return 40
	}
	return 20
}
