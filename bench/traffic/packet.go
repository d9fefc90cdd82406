package traffic

import (
	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/internal/seq"
)

// Times are nanoseconds since the capture began.
const (
	micro  = 1_000
	milli  = 1_000_000
	second = 1_000_000_000
)

// The two ends of a connection.
const (
	client = 0
	server = 1
)

// packet is a segment on its way past the tap.
type packet struct {
	at       int64 // when it passes the tap
	sent     int64 // what its timestamp tells: at, unless the network held it up
	echo     int64 // when the segment passed whose timestamp it echoes
	seq, ack seq.Num
	sack     [3]segment.Block // as many as fit beside timestamps
	sacks    uint8
	from     uint8
	flags    segment.Flags
	length   uint16 // of the payload
	window   uint16 // as on the wire
}

// span is what the packet takes of the sequence numbers: [seq, seq+span).
func (p *packet) span() uint32 {
	n := uint32(p.length)
	if p.flags.Has(segment.SYN) {
		n++
	}
	if p.flags.Has(segment.FIN) {
		n++
	}
	return n
}

// host is one end of a connection: what RFC 9293 3.3.1 has it remember.
type host struct {
	ip       [16]byte // the first four of them with IPv4
	port     uint16
	ttl      uint8
	ipid     uint16
	window   uint16 // as on the wire
	clock    uint32 // its timestamps' offset
	away     int64  // nanoseconds from the tap to it and back
	next     seq.Num
	expected seq.Num         // the next octet it wants
	held     []segment.Block // what came beyond that, the latest first
	pending  int             // segments that came in order and are not acknowledged yet
	acked    seq.Num         // its last acknowledgement
	recent   int64           // TS.Recent of RFC 7323 4.3, as the time the segment passed
}

// build makes the host's next segment, for the tap to see at a time.
func (h *host) build(at int64, from uint8, flags segment.Flags, length int) packet {
	p := packet{at: at, sent: at, echo: h.recent, seq: h.next, from: from, flags: flags, length: uint16(length), window: h.window}
	if flags.Has(segment.ACK) {
		p.ack = h.expected
		h.acked, h.pending = h.expected, 0
	}
	if flags.Has(segment.RST) {
		p.window = 0
	}
	h.next = h.next.Add(p.span())
	return p
}

// heldLimit is how many holes a host keeps account of; only the latest blocks are ever sent.
const heldLimit = 32

// receive takes a segment in. It reports whether an acknowledgement is due at once: for every second
// segment in order, and for all that are not (RFC 5681 4.2), then with what a SACK option would say.
func (h *host) receive(p *packet) (due bool, blocks []segment.Block) {
	end := p.seq.Add(p.span())
	if p.seq.LessEq(h.acked) && h.acked.LessEq(end) {
		h.recent = p.sent
	}
	switch {
	case end.LessEq(h.expected):
		if p.span() == 0 {
			return false, nil // a bare ACK
		}
		// It had that: a duplicate SACK tells of it (RFC 2883).
		return true, append([]segment.Block{{Left: p.seq, Right: end}}, h.held...)
	case h.expected.Less(p.seq):
		h.hold(segment.Block{Left: p.seq, Right: end})
		return true, h.held
	}
	h.expected = end
	h.pending++
	if len(h.held) > 0 {
		h.absorb()
		return true, h.held
	}
	return h.pending > 1, nil
}

// hold adds a block that came out of order, as the first of them, joined with its neighbours.
func (h *host) hold(b segment.Block) {
	kept := []segment.Block{b}
	for _, o := range h.held {
		if o.Left.LessEq(kept[0].Right) && kept[0].Left.LessEq(o.Right) {
			if o.Left.Less(kept[0].Left) {
				kept[0].Left = o.Left
			}
			if kept[0].Right.Less(o.Right) {
				kept[0].Right = o.Right
			}
		} else if len(kept) < heldLimit {
			kept = append(kept, o)
		}
	}
	h.held = kept
}

// absorb moves on over the blocks that have become in order.
func (h *host) absorb() {
	for moved := true; moved; {
		moved = false
		rest := h.held[:0]
		for _, b := range h.held {
			if b.Left.LessEq(h.expected) {
				if h.expected.Less(b.Right) {
					h.expected, moved = b.Right, true
				}
			} else {
				rest = append(rest, b)
			}
		}
		h.held = rest
	}
}
