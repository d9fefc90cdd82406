package reference

import "github.com/tcplife/tcplife/internal/segment"

// State is a connection state of RFC 9293 3.3.2.
type State uint8

// The states.
const (
	Closed State = iota
	Listen
	SynSent
	SynRcvd
	Established
	FinWait1
	FinWait2
	CloseWait
	Closing
	LastAck
	TimeWait
)

func (s State) String() string {
	return [...]string{
		"CLOSED", "LISTEN", "SYN_SENT", "SYN_RCVD", "ESTABLISHED", "FIN_WAIT_1",
		"FIN_WAIT_2", "CLOSE_WAIT", "CLOSING", "LAST_ACK", "TIME_WAIT",
	}[s]
}

// Step is one transition of an endpoint.
type Step struct {
	From, To State
	At       int64
}

// Segment is what two endpoints exchange.
type Segment struct {
	Flags    segment.Flags
	Seq, Ack int32 // Ack counts from the peer's initial sequence number
	Len      int32 // octets of payload
	// NoSeq: the sender knows no connection and sends sequence number 0 of the wire (3.10.7.1).
	NoSeq        bool
	TSVal, TSEcr uint32   // 0: no timestamps option
	Twice        [2]int32 // a SACK block of the peer's octets that came twice (RFC 2883); 0, 0: none
}

// length is SEG.LEN: SYN and FIN counted.
func (s *Segment) length() int32 {
	n := s.Len
	if s.Flags.Has(segment.SYN) {
		n++
	}
	if s.Flags.Has(segment.FIN) {
		n++
	}
	return n
}
