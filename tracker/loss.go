package tracker

import (
	"time"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/internal/seq"
	"github.com/tcplife/tcplife/reassembly"
)

// Loss is a number of segments with data, and their octets.
type Loss struct{ Packets, Bytes uint64 }

func (l *Loss) add(packets, bytes uint64) {
	l.Packets += packets
	l.Bytes += bytes
}

// Losses are what the network lost of the data that one end sent, as far as the capture shows it: of a tail lost before
// the tap, and of what nobody acknowledged in the end, nothing can be told.
type Losses struct {
	Behind   Loss // passed the tap, was sent again, and that only was acknowledged
	Before   Loss // came to the tap after what was sent behind it, too late for mere reordering
	Spurious Loss // sent again though it had arrived: acknowledged before, reported twice (RFC 2883), or told by time or timestamp
	First    Mark // the first segment by which Behind or Before was known: sent again
}

// Any reports whether anything was lost.
func (l *Losses) Any() bool { return l.Behind.Packets|l.Before.Packets != 0 }

// Add adds what another end lost.
func (l *Losses) Add(o *Losses) {
	l.Behind.add(o.Behind.Packets, o.Behind.Bytes)
	l.Before.add(o.Before.Packets, o.Before.Bytes)
	l.Spurious.add(o.Spurious.Packets, o.Spurious.Bytes)
	if !l.First.Seen() || o.First.Seen() && o.First.Packet < l.First.Packet {
		l.First = o.First
	}
}

// SegmentSize says how far a segment was larger than its receiver's MSS lets the path carry.
type SegmentSize uint8

// The sizes: none was too large, or the largest had up to 16 KiB, up to 64 KiB, or more.
const (
	SegmentFits SegmentSize = iota
	SegmentTo16K
	SegmentTo64K
	SegmentOver64K
)

func (s SegmentSize) String() string { return [...]string{"", "16 kB", "64 kB", "over 64 kB"}[s] }

// ordinaryMTU is Ethernet's: a packet that it carries may just disregard a small MSS.
const ordinaryMTU = 1500

func sizeOf(payload uint32) SegmentSize {
	switch {
	case payload <= 16<<10:
		return SegmentTo16K
	case payload <= 64<<10:
		return SegmentTo64K
	default:
		return SegmentOver64K
	}
}

// resent is what an end sent again and its peer has not acknowledged since, and the octets last judged to be lost.
type resent struct {
	low, high      int64
	packets, bytes uint64
	first          Mark
	lastAt         int64
	tsVal          uint32 // of the first, if dated
	dated          bool

	lostLow, lostHigh int64
	untaken           int64 // end of the octets that its SYN carried (RFC 7413 4.2.2), or that it sent into a closed window
}

// clear forgets what was sent again; what was lost of it lies between low and high.
func (p *resent) clear(low, high int64) {
	*p = resent{lostLow: low, lostHigh: high, untaken: p.untaken}
}

// leastProbe is the shortest timer in use for data: Linux's tail loss probe on the fastest path (RFC 8985 7.2).
const leastProbe = int64(2 * time.Millisecond)

// reorderedWithin is how late a segment may be, at least, without having been sent again.
const reorderedWithin = int64(3 * time.Millisecond)

// filled judges a segment of x that came after what follows it in the stream: it was sent again if the news that it is
// missing had the time to reach its sender, and it to come.
func (c *connection) filled(r *reading, added reassembly.Added, x *endpoint) {
	if r.stale || added.Since == 0 || r.data.End <= x.sndUna || r.mark.At-added.Since < max(c.roundTrip(), reorderedWithin) {
		return
	}
	l := &x.stats.Lost
	if !l.Any() {
		l.First = r.mark
	}
	l.Before.add(1, uint64(added.New))
}

// resentData takes octets of x that passed the tap before. Whether they had been lost, the next acknowledgement tells.
func (c *connection) resentData(s *segment.Segment, r *reading, added reassembly.Added, x, y *endpoint) {
	p := &x.resent
	switch {
	case r.stale, y.closedAt.Seen(): // the network's copy; a probe of the closed window
		return
	case r.data.End <= x.sndUna:
		x.stats.Lost.Spurious.add(1, uint64(added.Old))
		return
	case r.data.Start < p.untaken: // it may have come
		return
	case added.Late: // sent again for what was lost before the tap
		return
	case y.stats.Last.Packet < x.newDataAt.Packet && s.Time-x.newDataAt.At < min(max(c.roundTrip(), leastProbe), minResend):
		return // no timer is so short, and its sender has heard of no loss: a capture before and behind a card's segmentation
	case !(x.stats.SACKPermitted && y.stats.SACKPermitted) && r.data.Start > x.sndUna:
		return // without selective acknowledgements what lies behind a loss is sent again, too
	}
	if p.packets == 0 {
		p.low, p.high, p.first = max(r.data.Start, x.sndUna), r.data.End, r.mark
		p.tsVal, p.dated = s.Options.TSVal, s.Options.Has&segment.OptTimestamps != 0
	}
	p.low, p.high = min(p.low, max(r.data.Start, x.sndUna)), max(p.high, r.data.End)
	p.packets++
	p.bytes += uint64(added.Old)
	p.lastAt = s.Time
}

// judgeResent judges what e sent again by the acknowledgement of it in s, sent by x: it answers the first copy if it
// echoes an earlier timestamp (RFC 3522), or came too soon for the second.
func (e *endpoint) judgeResent(s *segment.Segment, r *reading, x *endpoint) {
	p := &e.resent
	if p.packets == 0 || r.ack <= p.low {
		return
	}
	l := &e.stats.Lost
	early := s.Time-p.first.At < x.turnaround/2
	echoed := p.dated && s.Options.Has&segment.OptTimestamps != 0 && seq.Num(s.Options.TSEcr).Less(seq.Num(p.tsVal))
	if early || echoed {
		l.Spurious.add(p.packets, p.bytes)
		p.clear(p.lostLow, p.lostHigh)
		return
	}
	if !l.Any() {
		l.First = p.first
	}
	if p.packets > 1 && s.Time-p.lastAt < x.turnaround/2 { // the latest was in vain
		n := p.bytes / p.packets
		l.Spurious.add(1, n)
		p.packets, p.bytes = p.packets-1, p.bytes-n
	}
	l.Behind.add(p.packets, p.bytes)
	p.clear(p.low, p.high)
}

// isDSACK reports whether the first block of s says that octets came twice (RFC 2883 4): below what it acknowledges, or inside
// the second block.
func isDSACK(s *segment.Segment) bool {
	if s.Options.SACKs == 0 || s.Options.Has&segment.OptSACK == 0 {
		return false
	}
	b := s.Options.SACK
	return b[0].Left.Less(s.Ack) || s.Options.SACKs > 1 && !b[0].Left.Less(b[1].Left) && !b[1].Right.Less(b[0].Right)
}

// receivedTwice takes a DSACK for octets of e: what was sent again had not been lost.
func (e *endpoint) receivedTwice(s *segment.Segment) {
	b := s.Options.SACK[0]
	left, right := e.position(b.Left), e.position(b.Right)
	l, p := &e.stats.Lost, &e.resent
	from, n := (*Loss)(nil), uint64(max(0, right-left))
	switch {
	case p.packets > 0 && left < p.high && right > p.low:
		from = &Loss{p.packets, p.bytes}
	case l.Behind.Packets > 0 && left < p.lostHigh && right > p.lostLow:
		from = &l.Behind
	default:
		return
	}
	n = min(n, from.Bytes)
	from.Packets--
	from.Bytes -= n
	l.Spurious.add(1, n)
	if from != &l.Behind {
		if p.packets, p.bytes = from.Packets, from.Bytes; p.packets == 0 {
			p.clear(p.lostLow, p.lostHigh)
		}
	}
	if !l.Any() {
		l.First = Mark{}
	}
}
