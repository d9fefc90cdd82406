package tracker

// Note says what the tracker made of one segment.
type Note uint16

// The notes; none of them is set for an ordinary segment.
const (
	NoteDuplicate      Note = 1 << iota // captured twice, not sent twice
	NoteRetransmission                  // all or part of it was sent before
	NoteOutOfOrder                      // fills a hole below what was seen already
	NoteKeepalive
	NoteZeroWindow
	NoteChallengeAck
	NoteIgnored     // its receiver had to ignore it (out of window, old incarnation, wrong ack)
	NoteBadChecksum // taken as not received
	NoteUnseenAck   // acknowledges octets that were never captured
)

// Verdict is where a segment belongs and what it was.
type Verdict struct {
	// Connection is the First.Packet of the record the segment counts for. A SYN whose
	// new connection turns out never to have been one is taken back into the record that has
	// it as FactSynNewISN.
	Connection uint64
	Note       Note
}
