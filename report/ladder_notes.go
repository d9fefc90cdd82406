package report

import (
	"fmt"
	"slices"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/tracker"
)

// remarks says what is notable about a segment beside its finding.
func remarks(r *Record, row *LadderRow, from tracker.Role, facts []*tracker.Fact) []string {
	var out []string
	add := func(s string) {
		if s != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	if row.Segment.Number == r.Handshake.SynAck.Packet {
		if d, ok := r.Handshake.RTTServer(); ok {
			add("answered in " + roughSpan(int64(d)))
		}
	}
	if fin := r.Endpoints[from].FinSent; fin.Seen() && row.Segment.Number == fin.Packet && r.ClosedBy == tracker.CloserOf(from) {
		if peer := r.Endpoints[from.Peer()].FinSent; !peer.Seen() || peer.Packet > fin.Packet {
			add(from.String() + " closes first")
		}
	}
	var covered tracker.Note
	met := slices.ContainsFunc(facts, func(f *tracker.Fact) bool { return f.Kind == tracker.FactDataAfterPeerFin })
	for _, f := range facts {
		if f.Kind == tracker.FactHalfCloseData && met {
			continue // the same seen from the other end
		}
		if say := factPhrases[f.Kind]; say != nil {
			add(say(f))
			covered |= factNotes[f.Kind]
		}
	}
	for _, n := range notePhrases {
		if row.Verdict.Note&^covered&n.note != 0 {
			add(n.text)
		}
	}
	if row.Segment.Flags.Has(segment.URG) {
		add("urgent data")
	}
	return out
}

// notePhrases puts the tracker's notes into words, in the order they are said.
var notePhrases = []struct {
	note tracker.Note
	text string
}{
	{tracker.NoteBadChecksum, "bad checksum: taken as lost"},
	{tracker.NoteDuplicate, "captured twice"},
	{tracker.NoteRetransmission, "sent again"},
	{tracker.NoteOutOfOrder, "out of order"},
	{tracker.NoteKeepalive, "keep-alive"},
	{tracker.NoteZeroWindow, "window closed"},
	{tracker.NoteChallengeAck, "challenge ACK"},
	{tracker.NoteIgnored, "ignored by its receiver"},
	{tracker.NoteUnseenAck, "acknowledges what was not captured"},
}

// factNotes is which note a fact's phrase says already.
var factNotes = map[tracker.FactKind]tracker.Note{
	tracker.FactSynRetransmitted:    tracker.NoteRetransmission,
	tracker.FactSynAckRetransmitted: tracker.NoteRetransmission,
	tracker.FactFinRetransmitted:    tracker.NoteRetransmission,
	tracker.FactRetransmission:      tracker.NoteRetransmission,
	tracker.FactChallengeAck:        tracker.NoteChallengeAck | tracker.NoteIgnored,
	tracker.FactAckOfUnseen:         tracker.NoteUnseenAck,
	tracker.FactKeepalive:           tracker.NoteKeepalive,
	tracker.FactZeroWindow:          tracker.NoteZeroWindow,
	tracker.FactBadChecksum:         tracker.NoteBadChecksum,
	tracker.FactFinOutOfWindow:      tracker.NoteIgnored,
	tracker.FactRst:                 tracker.NoteIgnored,
}

// factPhrases puts the tracker's facts into words. The first SYN, SYN-ACK and FIN need none.
var factPhrases = map[tracker.FactKind]func(f *tracker.Fact) string{
	tracker.FactSynRetransmitted:    again,
	tracker.FactSynAckRetransmitted: again,
	tracker.FactFinRetransmitted:    again,
	tracker.FactRetransmission:      again,
	tracker.FactSynAckWrongAck:      constant("acknowledges no SYN of the client"),
	tracker.FactSynAckISNChanged:    constant("another ISN than the SYN-ACK before"),
	tracker.FactSynNewISN:           constant("SYN of another connection attempt"),
	tracker.FactChallengeAck: func(f *tracker.Fact) string {
		if f.Cause.Seen() {
			return fmt.Sprintf("challenge ACK to #%d", f.Cause.Packet)
		}
		return "challenge ACK"
	},
	tracker.FactFinWithHole:    sized("FIN above a hole of %s"),
	tracker.FactFinMoved:       sized("FIN moved by %s"),
	tracker.FactFinOutOfWindow: constant("FIN out of window: ignored"),
	tracker.FactDataAfterOwnFin: func(f *tracker.Fact) string {
		return fmt.Sprintf("%s beyond its own FIN", humanSize(uint64(max(f.Bytes, 0))))
	},
	tracker.FactHalfCloseData: constant("data after the peer's FIN"),
	tracker.FactDataAfterPeerFin: func(f *tracker.Fact) string {
		if f.Cause.Seen() {
			return fmt.Sprintf("data after the FIN #%d", f.Cause.Packet)
		}
		return "data after the FIN"
	},
	tracker.FactRst:          resetPhrase,
	tracker.FactAckOfUnseen:  sized("acknowledges %s that were not captured"),
	tracker.FactAckOfUnsent:  sized("acknowledges %s that were never sent"),
	tracker.FactKeepalive:    func(f *tracker.Fact) string { return after("keep-alive", f.Gap) },
	tracker.FactZeroWindow:   constant("window closed"),
	tracker.FactWindowOpened: func(f *tracker.Fact) string { return after("window open again", f.Gap) },

	tracker.FactSegmentAfterClose: constant("after the close"),
	tracker.FactTimeWaitRestarted: constant("TIME_WAIT starts over"),
	tracker.FactSynIntoTimeWait:   constant("new SYN into TIME_WAIT"),
	tracker.FactTimeWaitReused:    constant("accepted out of TIME_WAIT"),
	tracker.FactTimeWaitRefused:   constant("refused out of TIME_WAIT"),
	tracker.FactTimeWaitReset:     constant("ends TIME_WAIT"),
	tracker.FactHalfOpen:          constant("the server still had an old connection"),
	tracker.FactReplacedAttempt:   constant("replaces an unanswered attempt"),
	tracker.FactAckIgnored:        constant("the handshake's ACK was not taken"),
	tracker.FactICMPError: func(f *tracker.Fact) string {
		if f.ICMP.MTU > 0 {
			return fmt.Sprintf("from %s: MTU %d", f.ICMP.From.Addr(), f.ICMP.MTU)
		}
		return "from " + f.ICMP.From.Addr().String()
	},
	tracker.FactBadChecksum: constant("bad checksum: taken as lost"),
	tracker.FactRetracted: func(f *tracker.Fact) string {
		return fmt.Sprintf("shows that the %s never went to %s at #%d", f.Role, f.To, f.Cause.Packet)
	},
}

func constant(s string) func(*tracker.Fact) string {
	return func(*tracker.Fact) string { return s }
}

// sized puts the fact's octets into a phrase.
func sized(format string) func(*tracker.Fact) string {
	return func(f *tracker.Fact) string { return fmt.Sprintf(format, humanSize(uint64(max(f.Bytes, 0)))) }
}

func again(f *tracker.Fact) string { return after("sent again", f.Gap) }

func after(what string, gap int64) string {
	if gap <= 0 {
		return what
	}
	return what + " after " + roughSpan(gap)
}

// resetPhrase says what became of a RST, and where it lay if that is why.
func resetPhrase(f *tracker.Fact) string {
	class := f.Reset.Class.String()
	switch f.Reset.Effect {
	case tracker.EffectNone:
		if f.Reset.Class == tracker.ResetBelow || f.Reset.Class == tracker.ResetAbove {
			return "RST " + class + " the window: ignored"
		}
		return "RST without effect"
	case tracker.EffectChallenged:
		return "RST in the window, not exact: challenged"
	case tracker.EffectRefuted:
		return "RST looked effective, but its receiver went on"
	case tracker.EffectClosed:
		if f.Reset.Form == tracker.FormReply {
			return "RST as an answer"
		}
	}
	return ""
}
