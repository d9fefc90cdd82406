package tracker

import "github.com/tcplife/tcplife/internal/segment"

// FactKind names something notable that a segment was. The ordinary segment, in
// order and acceptable, is no fact.
type FactKind uint8

// The kinds. Role is the sender of the segment unless the comment says otherwise.
const (
	FactSynRetransmitted    FactKind = iota + 1 // same ISN again; Gap since the copy before
	FactSynAckRetransmitted                     // Gap since the copy before
	FactSynAckWrongAck                          // SYN-ACK that acknowledges no SYN of the peer
	FactSynAckISNChanged                        // another ISN than the SYN-ACK before
	FactSynNewISN                               // SYN with another ISN into a connection that lived on (blind, stray)
	FactChallengeAck                            // bare ACK that answers an unacceptable segment; Cause = that segment
	FactFinRetransmitted                        // Gap since the copy before
	FactFinWithHole                             // FIN above octets not seen yet; Bytes = size of the hole
	FactFinMoved                                // FIN at another sequence number; Bytes = distance
	FactFinOutOfWindow                          // FIN the receiver had to ignore; Bytes = distance from its window
	FactDataAfterOwnFin                         // octets beyond the sender's own FIN; Bytes of them, Cause = the FIN
	FactHalfCloseData                           // first new data after the peer's FIN was acknowledged; Cause = that FIN
	FactDataAfterPeerFin                        // new data met a peer that had sent FIN (sent before or after it knew); Bytes, Cause = the FIN
	FactRst                                     // any RST; see Reset
	FactAckOfUnseen                             // acknowledges octets of the peer that were never captured; Bytes of them
	FactAckOfUnsent                             // acknowledges far more than the peer can have sent
	FactKeepalive                               // a probe below SND.NXT after idle; Gap since the sender's last segment
	FactZeroWindow                              // the window closed
	FactWindowOpened                            // and opened again; Gap since it closed
	FactRetransmission                          // octets sent again; Bytes, Gap since they were sent first or last
	FactSegmentAfterClose                       // neither FIN nor ACK of one, after both ends were closed
	FactTimeWaitRestarted                       // FIN again into TIME_WAIT, acknowledged again; Role holds TIME_WAIT
	FactSynIntoTimeWait                         // SYN of a new incarnation met TIME_WAIT; in both records; Cause = the old one's last packet
	FactTimeWaitReused                          // and was accepted by a SYN-ACK; recorded with the new incarnation
	FactTimeWaitRefused                         // and was answered by a plain ACK; recorded with the new incarnation
	FactTimeWaitReset                           // a RST ended it; Role held TIME_WAIT
	FactHalfOpen                                // SYN met an old synchronized connection: challenged, RST; recorded with the new incarnation
	FactReplacedAttempt                         // this incarnation's SYN replaced one that was never answered
	FactAckIgnored                              // the handshake's ACK was not taken: SYN-ACK came again; Cause = that ACK
	FactBadChecksum                             // taken as not received
	FactRetracted                               // a transition was taken back; Cause = its packet, State in To
	FactICMPError                               // an ICMP error quotes a segment of Role; see ICMP; Bytes = length of the quoted packet, Cause = the SYN or SYN-ACK, if it is one
	FactOptionMalformed                         // an option of impossible length
	FactUrgent                                  // first urgent data; Bytes = the urgent pointer
	FactClockJump                               // the capture's clock went on (or back) by Gap since Cause, the sender's by Bytes ticks (RFC 7323)
	FactSkipped                                 // first segment after a silence: it skips, or acknowledges, Bytes octets never captured; Cause = the one before
	numFactKinds            = iota + 1
)

var factNames = [numFactKinds]string{
	FactSynRetransmitted:    "SYN retransmitted",
	FactSynAckRetransmitted: "SYN-ACK retransmitted",
	FactSynAckWrongAck:      "SYN-ACK wrong ACK",
	FactSynAckISNChanged:    "SYN-ACK ISN changed",
	FactSynNewISN:           "SYN new ISN",
	FactChallengeAck:        "challenge ACK",
	FactFinRetransmitted:    "FIN retransmitted",
	FactFinWithHole:         "FIN with hole",
	FactFinMoved:            "FIN moved",
	FactFinOutOfWindow:      "FIN out of window",
	FactDataAfterOwnFin:     "data after own FIN",
	FactHalfCloseData:       "half close data",
	FactDataAfterPeerFin:    "data after peer FIN",
	FactRst:                 "RST",
	FactAckOfUnseen:         "ACK of unseen",
	FactAckOfUnsent:         "ACK of unsent",
	FactKeepalive:           "keepalive",
	FactZeroWindow:          "zero window",
	FactWindowOpened:        "window opened",
	FactRetransmission:      "retransmission",
	FactSegmentAfterClose:   "segment after close",
	FactTimeWaitRestarted:   "TIME_WAIT restarted",
	FactSynIntoTimeWait:     "SYN into TIME_WAIT",
	FactTimeWaitReused:      "TIME_WAIT reused",
	FactTimeWaitRefused:     "TIME_WAIT refused",
	FactTimeWaitReset:       "TIME_WAIT reset",
	FactHalfOpen:            "half open",
	FactReplacedAttempt:     "replaced attempt",
	FactAckIgnored:          "ACK ignored",
	FactBadChecksum:         "bad checksum",
	FactRetracted:           "retracted",
	FactICMPError:           "ICMP error",
	FactOptionMalformed:     "option malformed",
	FactUrgent:              "urgent data",
	FactClockJump:           "clock jump",
	FactSkipped:             "skipped",
}

func (k FactKind) String() string { return factNames[k] }

// ResetClass is where a RST's sequence number lies in its receiver's window
// (RFC 9293 3.5.3, 3.10.7.4; RFC 5961 section 3).
type ResetClass uint8

// The classes. A receiver resets on exact, challenges in-window, ignores the rest.
const (
	ResetUnknown  ResetClass = iota // no number of the receiver to compare with
	ResetExact                      // RCV.NXT, as far as the tap can know it
	ResetInWindow                   // in the window but not exact
	ResetBelow
	ResetAbove
)

func (c ResetClass) String() string {
	return [...]string{"unknown", "exact", "in-window", "below", "above"}[c]
}

// ResetForm is the shape of a RST, which tells what stood behind it.
type ResetForm uint8

// The forms of RFC 9293 3.10.7.1 and of a live socket's abort.
const (
	FormOther   ResetForm = iota
	FormReply             // no ACK, SEQ = SEG.ACK of the segment it answers: no socket there (any more)
	FormRefusal           // SEQ 0, ACK = SEG.SEQ+SEG.LEN of a segment without ACK
	FormActive            // ACK set, SEQ = SND.NXT, ACK = RCV.NXT: a live socket was aborted
)

func (f ResetForm) String() string { return [...]string{"other", "reply", "refusal", "active"}[f] }

// ResetEffect is what became of the RST's receiver.
type ResetEffect uint8

// The effects.
const (
	EffectNone       ResetEffect = iota // must be ignored, or the receiver was closed already
	EffectClosed                        // the receiver was reset by it
	EffectChallenged                    // answered by a challenge ACK
	EffectRefuted                       // looked effective, but the receiver went on: forged, or lost behind the tap
)

func (e ResetEffect) String() string {
	return [...]string{"ignored", "closed", "challenged", "refuted"}[e]
}

// Reset is what FactRst tells beyond the common fields.
type Reset struct {
	Class    ResetClass
	Form     ResetForm
	Effect   ResetEffect
	Phase    Phase
	Sender   State // of its sender just before
	Receiver State // of its receiver just before
	// SenderGoesOn is set when the sender sent ordinary segments afterwards, more
	// than a round trip later: it never sent this RST (RFC 5961's blind attacker).
	SenderGoesOn bool
	// Unacked: octets of the sender's peer that had passed the tap and that the RST's sender had not
	// acknowledged; PeerUnacked: octets the RST's sender still had outstanding.
	Unacked, PeerUnacked int64
	// SinceData is the time since the last new data of the peer, in nanoseconds; -1 without any.
	SinceData int64
}

// Fact is one notable segment of a connection.
type Fact struct {
	Kind  FactKind
	Role  Role
	Mark                    // the segment
	Cause Mark              // the segment it is compared with, if any
	Bytes int64             // see the kind
	Gap   int64             // nanoseconds; see the kind
	To    State             // FactRetracted
	Reset Reset             // FactRst
	ICMP  segment.ICMPError // FactICMPError
}
