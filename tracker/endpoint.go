package tracker

import (
	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/internal/seq"
	"github.com/tcplife/tcplife/reassembly"
)

// WindowBytes is a receive window after scaling.
type WindowBytes int64

// unscaledWindow stands in for a window whose scale the capture did not show:
// the largest that RFC 7323 2.3 allows, so that nothing is called out of window
// for want of a SYN.
const unscaledWindow WindowBytes = 65535 << 14

// endpoint is one end of a live connection. Positions are 64-bit and count from
// the initial sequence number: SYN is octet 0, data begin at 1. What each segment needs stands in front,
// stats and all: it is a third of the whole, and what it costs is mostly to get it from memory.
type endpoint struct {
	base  seq.Num // the sequence number of position 0, if based
	based bool
	// isnKnown: base is the ISN, from a SYN or from the ACK of one.
	isnKnown  bool
	acked     bool // it sent an ACK: rcvNxt is valid
	offloaded bool // its network card fills in the checksums, see doubtful
	hasJump   bool // jump is valid
	tsSeen    bool
	urgent    bool   // it sent urgent data
	tsLast    uint32 // the latest TSval it sent
	path      uint32 // of its last segment
	sndNxt    int64  // end of the highest octet it sent and that was believed, or that the peer proved
	sndUna    int64  // highest acknowledgement by the peer; sndUna <= sndNxt
	stream    reassembly.Assembler

	rcvNxt    int64       // highest acknowledgement it sent, in the peer's positions: its own claim of RCV.NXT
	rcvNxtAt  Mark        // the segment that first claimed it
	wnd       WindowBytes // the last window it advertised
	maxWnd    WindowBytes // and the largest
	closedAt  Mark        // when its window closed, while it is closed
	ahead     int64       // an acknowledgement beyond all that was seen of the peer, not repeated yet; 0 = none
	dataEnd   int64       // end of the highest payload octet captured
	finEnd    int64       // position after its FIN; 0 = none seen
	*teardown             // nil until a FIN, a RST or a new incarnation passes
	// doubtful are octets in segments with bad checksums, taken as not received until the peer
	// acknowledges them: then its network card is to blame, and offloaded is set.
	doubtful *doubts

	ackedBefore int64 // the acknowledgement it sent before rcvNxt
	fresh       Mark  // its last segment that was not stale
	turnaround  int64 // the least time from a segment of the peer to its answer, as the tap sees it; 0 = none seen
	oldestAt    int64 // when the octet at sndUna was last sent
	oldestGap   int64 // between its last two transmissions
	oldestSent  int   // how often it was sent
	probes      int   // keep-alives and window probes since the peer was last heard of
	newDataAt   Mark  // last segment with octets never sent before
	lastAt      int64 // when it last sent anything
	refused     Mark  // its last segment that the peer had to refuse (SYN, RST or ACK out of place)

	stats  Endpoint
	resent resent

	aheadAt   Mark // the segment with ahead
	badFin    Mark // a FIN in doubt, like the octets of doubtful
	badFinEnd int64
	seenTo    int64            // how far its stream was known when the peer last acknowledged more than was captured; 0 = it never did
	jump      reassembly.Range // the payload of a segment far outside the window, believed if the next one continues it

	syn, synAck copies
	lastSyn     Mark              // its last SYN: sent unaware of any SYN-ACK (R4)
	openTS      uint32            // the timestamp of the ACK at RcvAckSyn, if openDated
	openDated   bool              // and it differs from that of the SYN: an echo tells which of them had come
	ackIgnored  bool              // it repeated its SYN-ACK after the handshake's ACK had passed
	opening     [SndFin]milestone // those before SndFin

	stray  Mark  // the peer's last ACK in SYN_SENT that acknowledges no SYN of this end
	strayN int64 // and the number it acknowledges
	// strayOld: it came from an old connection of the peer, not in a SYN-ACK.
	strayOld bool

	probeGap    int64 // between the last two of the probes
	factsOfKind [numFactKinds]uint8
}

// teardown is what an endpoint needs from the first FIN or RST of its connection on. Both
// ends get one at that moment: those that are open need none.
type teardown struct {
	fin        copies
	closing    [numEvents - int(SndFin)]milestone // SndFin and those behind it
	unaware    Mark                               // its last segment that acknowledged less than the peer's FIN since that passed (R4)
	filler     Mark                               // its last data below its FIN, sent after the FIN, that the peer had not acknowledged (R3)
	lastFinAck Mark                               // the peer's last segment that acknowledges its FIN
	ackedFinAt int64                              // its own position when it acknowledged the peer's FIN, if that had passed only once
	ackedFinTS uint32                             // and its timestamp then
	finDenied  bool                               // its bare RST says that it never took the peer's FIN, but late: the ACK may be missing
	finUnseen  bool                               // its FIN was not captured
	finPulled  bool                               // its FIN acknowledged data, or left some outstanding: that may release a FIN the peer had queued
	queuedFin  bool                               // its own FIN may have been queued before the peer's came: CLOSE_WAIT is not certain
	gotLateFin bool                               // it took another copy of the peer's FIN than the first, as far as can be told
	gotFinAck  int64                              // what the peer's FIN, in the copy that was received, acknowledges
	resetFact  int                                // index+1 in facts of the RST that closed this end
	resetBy    int64                              // all that its peer had sent before that RST lies below this
	ownReset   int                                // index+1 in facts of the RST this end sent
	resetAt    int64                              // its position
	resetTop   int64                              // all that was sent before it lies below this
	aborted    bool                               // it sent a RST of a live socket (FormActive)
	reacks     int                                // how often it acknowledged the peer's FIN again
	reackAt    Mark
	halfClosed bool // data after the peer's FIN were told
}

type doubts struct{ list []reassembly.Range }

// at returns the milestone of an event. Those of the teardown exist once it has begun.
func (e *endpoint) at(event Event) *milestone {
	if event < SndFin {
		return &e.opening[event]
	}
	return &e.closing[event-SndFin]
}

// has reports whether event happened at this end, as far as can be told now.
func (e *endpoint) has(event Event) bool {
	return (event < SndFin || e.teardown != nil) && e.at(event).happened()
}

// begin fixes the origin of the stream.
func (e *endpoint) begin(base seq.Num, isn bool) {
	e.base, e.based, e.isnKnown = base, true, isn
	e.sndNxt, e.sndUna = 0, 0
	e.stream.Begin(1)
}

// position unwraps a sequence number of this end's stream.
func (e *endpoint) position(n seq.Num) int64 { return n.Unwrap(e.base, e.sndNxt) }

// wholeUpTo reports whether every octet below end was seen, or acknowledged: a FIN there is in sequence.
func (e *endpoint) wholeUpTo(end int64) bool { return e.stream.Next() >= end }

// wasReset reports whether it took part in an effective RST.
func (e *endpoint) wasReset() bool { return e.has(SndRst) || e.has(RcvRst) }

// refuteFinAck is R5: what an end sends again later than a round trip after an ACK
// of its FIN passed shows that this ACK did not arrive. A later one may have, and
// have crossed the copy.
func (e *endpoint) refuteFinAck(again Mark, roundTrip int64) {
	if e.teardown == nil {
		return
	}
	a := e.at(RcvAckFin)
	if a.grade != provisional || again.At-a.mark.At <= roundTrip {
		return
	}
	if e.lastFinAck.Packet > a.mark.Packet && again.At-e.lastFinAck.At <= roundTrip {
		a.set(e.lastFinAck, provisional)
		return
	}
	a.withdraw()
}

// done reports whether nothing is left for this end to do: reset, or both FINs
// exchanged as far as this end is concerned.
func (e *endpoint) done() bool {
	return e.wasReset() || e.has(SndFin) && e.has(RcvAckFin) && e.has(RcvFin)
}

// scale returns the window a segment of this end advertises.
func (e *endpoint) scale(s *segment.Segment, peer *endpoint) WindowBytes {
	switch {
	case s.Flags.Has(segment.SYN):
		return WindowBytes(s.Window) // RFC 7323 2.2: never scaled
	case e.stats.HasWindowScale && peer.stats.HasWindowScale:
		return WindowBytes(s.Window) << min(e.stats.WindowScale, 14)
	case e.stats.Syn > 0 && peer.stats.Syn > 0:
		return WindowBytes(s.Window)
	case s.Window == 0:
		return 0
	default:
		return unscaledWindow
	}
}
