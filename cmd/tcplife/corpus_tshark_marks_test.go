//go:build unix

package main

import (
	"time"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/internal/seq"
)

// mark is what tshark notes of a segment, as its User's Guide defines it under
// "TCP Analysis". It judges a segment when it comes, by the last numbers of each
// end; what follows changes nothing.
type mark uint8

const (
	markJump      mark = 1 << iota // "previous segment not captured"
	markUnseenAck                  // "ACKed unseen segment"
	markResent                     // "retransmission", fast and spurious ones included
	markDisorder                   // "out-of-order"
	markKeepAlive
	markProbe // "zero window probe"
)

// tsharkEnd is what tshark remembers of an end of a stream.
type tsharkEnd struct {
	next, toAck, ack  seq.Num // after the highest octet sent; up to where the peer may acknowledge; last acknowledgement
	begun, acked      bool    // the first two are valid, the third is
	window            uint16
	nextAt, ackAt     int64
	again             int // times the last acknowledgement was repeated
	keptAlive, probed bool
}

// marked is a segment with what tshark notes of it, and which numbers of the
// stream that is about: those skipped, or acknowledged and not seen.
type marked struct {
	*heard
	mark     mark
	of       segment.Direction
	from, to seq.Num
}

// tsharkMarks judges the segments of a stream by tshark's definitions.
func tsharkMarks(hs []heard) []marked {
	// An answer to repeated ACKs comes within fast; without a round trip to go by, what
	// is late by less than late is not taken for sent again.
	const fast, late = int64(20 * time.Millisecond), int64(3 * time.Millisecond)
	var ends [2]tsharkEnd
	all := make([]marked, len(hs))
	syn, end := tsharkHandshake(hs)
	for i := range hs {
		h := &hs[i]
		x, y := &ends[h.Dir], &ends[h.Dir.Reverse()]
		control := h.Flags & (segment.SYN | segment.FIN | segment.RST)
		bare := h.PayloadLen == 0 && control == 0
		m := marked{heard: h}
		switch {
		case h.PayloadLen == 1 && x.begun && h.Seq == x.next && y.window == 0 && y.begun:
			m.mark = markProbe
		case x.begun && x.next.Less(h.Seq) && control&segment.RST == 0:
			m.mark, m.of, m.from, m.to = markJump, h.Dir, x.next, h.Seq
		case x.begun && h.PayloadLen <= 1 && h.Seq == x.next.Back(1) && control == 0:
			m.mark = markKeepAlive
		}
		repeats := bare && m.mark == 0 && h.Window == x.window && h.Window > 0 && h.Seq == x.next && !y.keptAlive && !y.probed
		if x.acked && h.Ack != x.ack {
			x.again = 0
		} else if repeats && x.acked {
			x.again++
		}
		if y.begun && h.Flags.Has(segment.ACK) && y.toAck.Less(h.Ack) {
			m.mark, m.of, m.from, m.to = m.mark|markUnseenAck, h.Dir.Reverse(), y.toAck, h.Ack
			y.toAck = y.next
		}
		if !bare && control&segment.RST == 0 && m.mark&(markKeepAlive|markProbe) == 0 || h.PayloadLen > 0 && control&segment.RST != 0 {
			// An octet below the end may have gone as a probe, with what follows it now.
			old := x.begun && h.Seq.Less(x.next) && (h.PayloadLen <= 1 || h.Seq != x.next.Back(1))
			since, limit := h.Time-x.nextAt, late
			if end != nil && h.Number > end.Number {
				limit = end.Time - syn.Time
			}
			switch {
			case h.PayloadLen > 0 && y.acked && !y.ack.Less(h.Seq.Add(h.PayloadLen)):
				m.mark |= markResent
			case !old:
			case y.again >= 2 && y.ack == h.Seq && h.Time-y.ackAt < fast:
				m.mark |= markResent
			case since >= 0 && since < limit && h.End() != x.next:
				m.mark |= markDisorder
			default:
				m.mark |= markResent
			}
		}
		x.remember(h, m.mark)
		all[i] = m
	}
	return all
}

// remember takes what tshark keeps of a segment that it gave the marks m.
func (x *tsharkEnd) remember(h *heard, m mark) {
	if m&markProbe == 0 {
		end, contiguous := h.End(), !x.begun || h.Seq == x.toAck
		if !x.begun || x.next.Less(end) {
			x.next, x.nextAt = end, h.Time
		}
		if contiguous {
			x.toAck = x.next
		}
		x.begun = true
	}
	x.keptAlive, x.probed = m&markKeepAlive != 0, m&markProbe != 0
	x.window, x.ack, x.acked, x.ackAt = h.Window, h.Ack, h.Flags.Has(segment.ACK), h.Time
}

// tsharkHandshake returns between which two segments tshark measures the round
// trip of the handshake: the last SYN, and the first segment behind it that has an
// ACK and no SYN, whoever sent it. A time of 0 stands for none with tshark: of the
// SYN, and between the two.
func tsharkHandshake(hs []heard) (syn, end *heard) {
	for i := range hs {
		h := &hs[i]
		switch h.Flags & (segment.SYN | segment.ACK) {
		case segment.SYN:
			syn = h
		case segment.ACK:
			if syn != nil && syn.Time != 0 && h.Time != syn.Time {
				return syn, h
			}
		}
	}
	return nil, nil
}
