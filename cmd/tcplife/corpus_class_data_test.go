//go:build unix

package main

import (
	"slices"
	"time"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/internal/seq"
	"github.com/tcplife/tcplife/tracker"
)

// askedMarks and askedNotes are what answers a question with yes: a mark of
// tshark's, a note of ours.
var (
	askedMarks = map[string]mark{
		askMissing: markJump | markUnseenAck, askResent: markResent, askDisorder: markDisorder, askKeepAlive: markKeepAlive,
	}
	askedNotes = map[string]tracker.Note{
		askMissing: tracker.NoteUnseenAck, askResent: tracker.NoteRetransmission,
		askDisorder: tracker.NoteOutOfOrder, askKeepAlive: tracker.NoteKeepalive,
	}
)

// judged is the segments of a stream with what either makes of them; at says
// which one a rule is asked about.
type judged struct {
	all []marked
	at  int
}

func (s *judged) it() *marked { return &s.all[s.at] }

// reasonOfData is a class of the questions about data, by the segments that say
// yes to one and no to the other.
type reasonOfData struct {
	class
	theirs func(s *judged) bool // of a segment for which tshark alone says yes; nil: never
	ours   func(s *judged) bool // of one for which only we do
}

// classesOfData are about what tshark calls analysis. It judges each segment
// when it comes, by the last numbers of both ends; here what follows counts too.
var classesOfData = func() (all []class) {
	for i := range reasonsOfData {
		r := &reasonsOfData[i]
		c := r.class
		c.rule = func(d *difference) uint64 { return d.because(r) }
		all = append(all, c)
	}
	return all
}()

// because returns the first of the segments that said yes to the question, if
// reason holds for it and some reason for each of the others.
func (d *difference) because(reason *reasonOfData) (packet uint64) {
	s := judged{all: tsharkMarks(d.heard())}
	for s.at = range s.all {
		m := s.it()
		if d.theirs == "yes" && m.mark&askedMarks[d.question] == 0 || d.ours == "yes" && m.Note&askedNotes[d.question] == 0 {
			continue
		}
		first := firstReason(d, &s)
		if first == nil || packet == 0 && first != reason {
			return 0
		}
		if packet == 0 {
			packet = m.Number
		}
	}
	return packet
}

func firstReason(d *difference, s *judged) *reasonOfData {
	for i := range reasonsOfData {
		r := &reasonsOfData[i]
		is := r.ours
		if d.theirs == "yes" {
			is = r.theirs
		}
		if is != nil && slices.Contains(r.questions, d.question) && is(s) {
			return r
		}
	}
	return nil
}

var reasonsOfData = []reasonOfData{
	{
		class:  class{name: twiceName, whose: definition, questions: analysed},
		theirs: func(s *judged) bool { return s.it().Note&tracker.NoteDuplicate != 0 },
	},
	{
		class: class{
			name: refusedName, whose: definition, questions: analysed,
			why: "The segment acknowledges what was never sent, lies outside the receiver's window or has no ACK: the receiver drops " +
				"it (RFC 9293 3.10.7.4, first and fifth check). tshark counts its payload, and takes its numbers for those of the stream.",
		},
		theirs: func(s *judged) bool {
			return s.it().Note&tracker.NoteIgnored != 0 || s.it().Flags&(segment.ACK|segment.SYN|segment.RST) == 0
		},
	},
	{
		class: class{
			name: resetName, whose: definition, questions: analysed,
			why: "A RST may carry a text (RFC 9293 3.5.3), and its numbers may be anybody's. Here neither is of the stream: " +
				"the text is no part of `payload_bytes`, and what only a RST acknowledges is not missing. tshark counts both.",
		},
		theirs: func(s *judged) bool { return s.it().Flags.Has(segment.RST) || s.afterReset() },
	},
	{
		class: class{
			name: damagedName, whose: definition, questions: analysed,
			why: "The checksum is wrong while the sender's others are right, and nobody acknowledged the segment: its receiver " +
				"dropped it (RFC 9293 MUST-3). tshark takes it like any other.",
		},
		theirs: func(s *judged) bool { return s.it().Note&tracker.NoteBadChecksum != 0 },
	},
	{
		class: class{
			name: "a capture that begins with a keep-alive", whose: definition, questions: []string{askMissing, askKeepAlive},
			why: "The first packet of an end is a keep-alive, one below its next sequence number, and the peer acknowledges " +
				"that octet. tshark takes the octet for lost and the probe for an ordinary ACK.",
		},
		theirs: func(s *judged) bool { return s.beginsWithKeepAlive() },
		ours:   func(s *judged) bool { return s.it().Note&tracker.NoteKeepalive != 0 },
	},
	{
		class: class{
			name: "numbers from before the SYN-ACK", whose: definition, questions: []string{askMissing},
			why: "Before its SYN-ACK an end had sent something with other numbers: an ACK of an old connection, a forged segment, a " +
				"SYN-ACK with another initial number. tshark takes the distance for octets not captured.",
		},
		theirs: func(s *judged) bool { return s.toSynAck() },
	},
	{
		class: class{
			name: "comes later in the file", whose: definition, questions: []string{askMissing},
			why: "A segment, or the ACK of it, was captured before what stands below it. tshark notes the hole when it opens; " +
				"here nothing is missing once it is filled.",
		},
		theirs: func(s *judged) bool { return len(s.uncovered()) == 0 },
	},
	{
		class: class{
			name: "a hole that nobody acknowledged", whose: definition, questions: []string{askMissing},
			why: "Octets were skipped and no ACK covers them: they were lost before the place of capture, or are on their way " +
				"when it ends. Here only those count as missing that arrived and are not in the file.",
		},
		theirs: func(s *judged) bool { return s.it().mark&markJump != 0 && s.acked() == 0 },
	},
	{
		class: class{
			name: "a single ACK of octets not captured", whose: definition, questions: []string{askMissing},
			why: "One ACK is above all that was captured of the peer, and nothing after it says so too. tshark notes it; here one " +
				"ACK may be forged, so it takes a second one.",
		},
		theirs: func(s *judged) bool { return s.acked() <= 1 },
	},
	{
		class: class{
			name: "a FIN again at once", whose: definition, questions: []string{askResent},
			why: "The same FIN comes again within 150 ms, which is sooner than a retransmission timer: some stacks repeat it in the ACK of " +
				"the peer's FIN, or the network copied it. tshark counts a retransmission; here a later time stamp must tell that it was sent for " +
				"its own sake, as a tail loss probe (RFC 8985).",
		},
		theirs: func(s *judged) bool {
			return s.it().Flags.Has(segment.FIN) && s.it().PayloadLen == 0 && s.sinceSameFin() < 150*time.Millisecond
		},
	},
	{
		class: class{
			name: "overtaken by its FIN", whose: definition, questions: []string{askDisorder},
			why: "Data that were captured behind the FIN that follows them. tshark calls them out of order; here no octet of the stream " +
				"came before another, and the finding `fin-with-hole` tells of it.",
		},
		theirs: func(s *judged) bool { return s.finBefore() },
	},
	{
		class: class{
			name: "late or sent again", whose: definition, questions: []string{askResent, askDisorder},
			why: "A segment below the highest number seen. tshark goes by the clock: late by less than the handshake's round trip (or 3 ms) " +
				"it is out of order, else, or if it was acknowledged already, retransmitted. Here it was sent again as far as its octets had passed before, " +
				"and is out of order as far as not.",
		},
		theirs: func(s *judged) bool {
			m := s.it()
			return m.mark&markDisorder != 0 && s.seenBefore() || m.mark&markResent != 0 && !s.seenBefore()
		},
		ours: func(s *judged) bool {
			m := s.it()
			return m.mark&markResent != 0 && !s.allSeenBefore() || m.mark&markDisorder != 0
		},
	},
	{
		class: class{
			name: "one octet again", whose: definition, questions: []string{askResent},
			why: "A segment that begins with the last octet of the one before. tshark lets that pass, for the octet may have been a " +
				"window probe; here it was sent again.",
		},
		ours: func(s *judged) bool { return s.it().mark == 0 && s.it().PayloadLen > 1 && s.seenBefore() },
	},
	{
		class: class{
			name: "a keep-alive sooner than a second", whose: definition, questions: []string{askKeepAlive, askResent, askDisorder},
			why: "A segment one below the next sequence number, with one octet or none. tshark always calls that a keep-alive; here only " +
				"if its sender had been idle for a second and the window was open: else it is the last octet sent again, a window probe, or an ACK that its FIN overtook.",
		},
		theirs: func(s *judged) bool { return s.idle() < time.Second || s.windowShut() },
		ours:   func(s *judged) bool { return s.it().mark&markKeepAlive != 0 },
	},
}

// span is the numbers [from, to) of a stream.
type span struct{ from, to seq.Num }

// uncovered returns what is in no segment of the numbers that the segment is about.
func (s *judged) uncovered() []span {
	return s.gaps(s.it().of, span{s.it().from, s.it().to}, s.all)
}

// gaps returns what of a span none of the segments of an end covers, lowest first.
func (s *judged) gaps(of segment.Direction, in span, among []marked) (all []span) {
	for from := in.from; from.Less(in.to); {
		next, covered := in.to, false
		for _, o := range among {
			if o.Dir != of || o.Flags.Has(segment.RST) || o.Note&tracker.NoteIgnored != 0 {
				continue
			}
			switch {
			case !from.Less(o.Seq) && from.Less(o.End()):
				next, covered = o.End(), true
			case !covered && from.Less(o.Seq) && o.Seq.Less(next):
				next = o.Seq
			}
			if covered {
				break
			}
		}
		if !covered {
			all = append(all, span{from, next})
		}
		from = next
	}
	return all
}

// acked counts the ACKs of what is uncovered.
func (s *judged) acked() (n int) {
	open := s.uncovered()
	for _, o := range s.all {
		if len(open) > 0 && o.Dir != s.it().of && o.Flags.Has(segment.ACK) && o.Note&tracker.NoteIgnored == 0 &&
			!o.Flags.Has(segment.RST) && open[0].from.Less(o.Ack) {
			n++
		}
	}
	return n
}

// seenBefore reports whether some octet of the segment passed before, SYN and FIN
// counted; allSeenBefore, whether all did.
func (s *judged) seenBefore() bool {
	m := s.it()
	return slices.ContainsFunc(s.all[:s.at], func(o marked) bool {
		return o.Dir == m.Dir && o.Seq.Less(m.End()) && m.Seq.Less(o.End()) && o.Note&tracker.NoteBadChecksum == 0
	})
}

func (s *judged) allSeenBefore() bool {
	m := s.it()
	return len(s.gaps(m.Dir, span{m.Seq, m.End()}, s.all[:s.at])) == 0
}

// finBefore reports whether its sender's FIN, which stands above it, passed before.
func (s *judged) finBefore() bool {
	m := s.it()
	return !s.seenBefore() && slices.ContainsFunc(s.all[:s.at], func(o marked) bool {
		return o.Dir == m.Dir && o.Flags.Has(segment.FIN) && o.PayloadLen == 0 && !o.Seq.Less(m.End())
	})
}

// toSynAck reports whether the numbers that the segment is about lead up to a SYN-ACK's.
func (s *judged) toSynAck() bool {
	m := s.it()
	return slices.ContainsFunc(s.all[:s.at+1], func(o marked) bool {
		return o.Dir == m.of && o.Flags.Has(segment.SYN) && o.Seq != m.from && (o.Seq == m.to || o.End() == m.to)
	})
}

// afterReset reports whether the number that was expected came from a RST.
func (s *judged) afterReset() bool {
	m := s.it()
	return slices.ContainsFunc(s.all[:s.at], func(o marked) bool {
		return o.Dir == m.Dir && o.Flags.Has(segment.RST) && (o.Seq == m.from || o.End() == m.from)
	})
}

// sinceSameFin is the time since the latest copy of the segment, a FIN.
func (s *judged) sinceSameFin() time.Duration {
	m := s.it()
	for i := s.at - 1; i >= 0; i-- {
		if o := s.all[i]; o.Dir == m.Dir && o.End() == m.End() && o.Flags.Has(segment.FIN) {
			return time.Duration(m.Time - o.Time)
		}
	}
	return 1 << 62
}

// idle is for how long its sender was silent.
func (s *judged) idle() time.Duration {
	m := s.it()
	for i := s.at - 1; i >= 0; i-- {
		if s.all[i].Dir == m.Dir {
			return time.Duration(m.Time - s.all[i].Time)
		}
	}
	return 1 << 62
}

// windowShut reports whether its receiver last said that its window is closed.
func (s *judged) windowShut() bool {
	for i := s.at - 1; i >= 0; i-- {
		if s.all[i].Dir != s.it().Dir {
			return s.all[i].Window == 0
		}
	}
	return false
}

// beginsWithKeepAlive reports whether nothing but the octet at the first number of an end is uncovered.
func (s *judged) beginsWithKeepAlive() bool {
	i := slices.IndexFunc(s.all, func(o marked) bool { return o.Dir == s.it().of })
	open := s.uncovered()
	return i >= 0 && len(open) == 1 && open[0] == span{s.all[i].Seq, s.all[i].Seq.Add(1)} && s.all[i].PayloadLen <= 1
}
