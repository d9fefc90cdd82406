package tracker

import (
	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/internal/seq"
	"github.com/tcplife/tcplife/reassembly"
)

// place is where a segment's octets lie in its receiver's window
// (RFC 9293 3.10.7.4, first check).
type place uint8

const (
	inWindow    place = iota
	belowWindow       // wholly old: a retransmission or a stray
	aboveWindow
)

// ackPlace is where an acknowledgement lies among what its receiver has sent.
type ackPlace uint8

const (
	ackNone   ackPlace = iota // no ACK flag
	ackOld                    // at or below SND.UNA
	ackNew                    // above SND.UNA, at or below SND.NXT
	ackAhead                  // above all that was captured, within what its sender allowed: unseen octets
	ackAbsurd                 // beyond that
)

// reading is what a segment is, before anything is changed by it.
type reading struct {
	mark      Mark
	pos, end  int64            // of the segment, SYN and FIN counted
	data      reassembly.Range // its payload
	ack       int64            // in the peer's positions, if ackPlace is not ackNone
	place     place
	ackPlace  ackPlace
	window    WindowBytes
	keepalive bool
	probe     bool // a zero-window probe that carries nothing new
	// stale: by its acknowledgement or timestamp it was sent before a segment that passed already. It is
	// late or the network's copy, and no evidence of what its sender knows now.
	stale bool
}

// classify states what s, sent by x, is to the receiver y. Both are based.
func classify(s *segment.Segment, x, y *endpoint) reading {
	r := reading{mark: markOf(s), pos: x.position(s.Seq), window: x.scale(s, y)}
	r.end = r.pos + int64(s.Len())
	r.data.Start = r.pos
	if s.Flags.Has(segment.SYN) {
		r.data.Start++
	}
	r.data.End = r.data.Start + int64(s.PayloadLen)

	// The receiver's window begins at the ack it last sent, as far as the tap
	// saw it, and has its largest size, for an earlier advertisement may be in use.
	low := x.sndUna
	if y.acked {
		low = max(low, y.rcvNxt)
	}
	high := max(x.sndNxt, low+int64(max(y.maxWnd, 65535)))
	switch {
	case r.pos > high:
		r.place = aboveWindow
	case r.end < low-int64(max(y.maxWnd, 65535)):
		r.place = belowWindow
	}

	if s.Flags.Has(segment.ACK) {
		r.ack = y.position(s.Ack)
		switch {
		case r.ack <= y.sndUna:
			r.ackPlace = ackOld
		case r.ack <= y.sndNxt:
			r.ackPlace = ackNew
		case r.ack <= max(y.sndNxt, y.sndUna+int64(max(x.maxWnd, 65535)))+1:
			r.ackPlace = ackAhead
		default:
			r.ackPlace = ackAbsurd
		}
	}

	if s.Flags.Has(segment.ACK) && x.acked && r.ack < x.rcvNxt {
		r.stale = true // RCV.NXT never goes back (RFC 9293 3.4)
	}
	if x.tsSeen && !r.stale && s.Options.Has&segment.OptTimestamps != 0 {
		r.stale = seq.Num(s.Options.TSVal).Less(seq.Num(x.tsLast)) // RFC 7323 5.2: compared like sequence numbers
	}

	control := s.Flags&(segment.SYN|segment.FIN|segment.RST) != 0
	if !control && s.PayloadLen <= 1 && r.pos == x.sndNxt-1 && x.finEnd == 0 && s.Flags.Has(segment.ACK) && x.sndNxt > 0 {
		// RFC 9293 3.8.4: SEG.SEQ = SND.NXT-1, with or without one garbage octet.
		switch {
		case y.wnd == 0 && y.acked:
			r.probe = true
		case x.sndUna >= x.sndNxt && idle(s, x, y) >= minKeepaliveIdle:
			r.keepalive = true
		}
	}
	return r
}

// idle is how long the sender of s had been silent, or its peer if it is heard of for the first time.
func idle(s *segment.Segment, x, y *endpoint) int64 {
	if x.lastAt == 0 {
		return s.Time - y.lastAt
	}
	return s.Time - x.lastAt
}
