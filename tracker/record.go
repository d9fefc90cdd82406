package tracker

import (
	"time"

	"github.com/tcplife/tcplife/internal/segment"
)

// Mark is a moment of the trace: a packet and its capture time.
type Mark struct {
	Packet uint64 // position in the merged trace, from 1; 0 = never
	At     int64  // nanoseconds since 1970 UTC
}

// Seen reports whether the moment happened.
func (m Mark) Seen() bool { return m.Packet != 0 }

// Open says how a connection opened.
type Open uint8

// The ways to open, spelled as in the record.
const (
	OpenNone         Open = iota // SYNs, never answered
	OpenHalf                     // SYN and SYN-ACK, the handshake's ACK was never taken
	OpenFull                     // three-way handshake
	OpenSimultaneous             // both sent SYN (RFC 9293 figure 7)
	OpenFastOpen                 // data in the SYN was accepted (RFC 7413)
	OpenRefused                  // the SYN was answered by a valid RST
	OpenMidstream                // it was open before the capture saw it
)

func (o Open) String() string {
	return [...]string{"none", "half", "full", "simultaneous", "fast_open", "refused", "midstream"}[o]
}

// Close says how a connection ended.
type Close uint8

// The ways to end, spelled as in the record.
const (
	CloseNone           Close = iota // it never opened, so there was nothing to close
	CloseHalfClosed                  // one FIN, acknowledged, and no other
	CloseOrderly                     // both FINs, both acknowledged
	CloseOrderlyUnacked              // both FINs, the last one's ACK was never seen
	CloseAborted                     // an effective RST
	CloseRefused                     // a RST answered the SYN
	CloseTimedOut                    // one side gave up on a silent peer
	CloseReplaced                    // a new incarnation took the 4-tuple while this one was open
	CloseOpenAtEnd                   // the capture ended first
)

func (c Close) String() string {
	return [...]string{"none", "half_closed", "orderly", "orderly_unacked", "aborted", "refused", "timed_out", "replaced", "open_at_end"}[c]
}

// Closer says who took the first effective step to end the connection.
type Closer uint8

// The closers; NoCloser where there was no close.
const (
	NoCloser Closer = iota
	ByClient
	ByServer
	ByBoth
	ByNetwork
	ByUnknown
)

func (c Closer) String() string {
	return [...]string{"", "client", "server", "both", "network", "unknown"}[c]
}

// CloserOf returns the closer that is r.
func CloserOf(r Role) Closer { return ByClient + Closer(r) }

// Phase says how far the conversation had come (the vocabulary of Cloudflare
// Radar's "TCP resets and timeouts", with closing and time_wait added).
type Phase uint8

// The phases in order of time.
const (
	NoPhase       Phase = iota
	PhasePostSyn        // SYN seen, handshake not done
	PhasePostAck        // handshake done, no data yet
	PhasePostPsh        // exactly the first data segment seen
	PhaseLater          // more data seen
	PhaseClosing        // a FIN seen
	PhaseTimeWait       // both FINs seen and acknowledged
)

func (p Phase) String() string {
	return [...]string{"", "post_syn", "post_ack", "post_psh", "later", "closing", "time_wait"}[p]
}

// DirectionEvidence says how client and server were told apart, best first.
type DirectionEvidence uint8

// The evidence: a SYN, a SYN-ACK, port numbers, or nothing but who came first.
const (
	DirectionBySyn DirectionEvidence = iota
	DirectionBySynAck
	DirectionByPort
	DirectionByFirstPacket
)

func (d DirectionEvidence) String() string {
	return [...]string{"syn", "syn_ack", "port", "first_packet"}[d]
}

// Certainty of the direction that d supports.
func (d DirectionEvidence) Certainty() Certainty {
	switch d {
	case DirectionBySyn:
		return Observed
	case DirectionBySynAck:
		return Inferred
	default:
		return Assumed
	}
}

// Transition is one step of one endpoint.
type Transition struct {
	Role      Role
	From, To  State
	Event     Event
	Certainty Certainty
	Mark      // the packet that caused it (or shows it) and the time it had happened by
}

// Handshake is when the opening segments passed the tap. A zero Mark: not seen.
type Handshake struct {
	Syn, SynAck, Ack Mark
	SynAckTaken      Mark // the copy of the SYN-ACK that the ACK answers
	SynRetries       int  // copies of the SYN after the first, capture duplicates left out
	SynAckRetries    int
}

// RTTServer is the round trip from the tap to the server and back: SYN to
// SYN-ACK, the copies that belong together. ok is false if either is missing.
func (h *Handshake) RTTServer() (d time.Duration, ok bool) { return between(h.Syn, h.SynAck) }

// RTTClient is the round trip from the tap to the client and back: SYN-ACK to ACK.
func (h *Handshake) RTTClient() (d time.Duration, ok bool) {
	if !h.SynAckTaken.Seen() {
		return between(h.SynAck, h.Ack)
	}
	return between(h.SynAckTaken, h.Ack)
}

func between(a, b Mark) (time.Duration, bool) {
	if !a.Seen() || !b.Seen() || b.At < a.At {
		return 0, false
	}
	return time.Duration(b.At - a.At), true
}

// TimeWaitEnd says what ended a TIME_WAIT.
type TimeWaitEnd uint8

// What ends TIME_WAIT: its time, a new incarnation, a RST (RFC 1337), or the
// capture did before.
const (
	TimeWaitExpiry TimeWaitEnd = iota
	TimeWaitReuse
	TimeWaitReset
	TimeWaitCaptureEnd
)

func (e TimeWaitEnd) String() string {
	return [...]string{"expiry", "reuse", "rst", "capture_end"}[e]
}

// TimeWaitRecord is one endpoint's stay in TIME_WAIT. After a simultaneous close
// both ends have one.
type TimeWaitRecord struct {
	Held     bool
	Since    Mark
	Until    int64 // when it ended; predicted from the profile if EndedBy is expiry or capture_end
	Restarts int
	EndedBy  TimeWaitEnd
}

// Endpoint is what one end of a connection sent, and what became of it. What each segment
// changes stands in front.
type Endpoint struct {
	// What it sent, as far as the capture shows: a segment captured twice counts
	// once (see DuplicatePackets), a segment sent twice counts twice.
	Packets      uint64
	Bytes        uint64 // of IP: headers and payload
	PayloadBytes uint64 // of TCP payload, retransmissions included, the octet of a keep-alive probe left out
	StreamBytes  uint64 // distinct octets of the stream among them
	ChecksumBad  uint64 // wrong or never completed
	ChecksumGood uint64 // of segments that came whole: IP cut up the others, and that says nothing of the sender's network card
	First, Last  Mark   // first and last segment sent

	State          State  // at the end of the record
	TTL            uint8  // of its first segment
	Path           uint32 // and the number of its path (segment.Paths)
	HasWindowScale bool
	WindowScale    uint8
	HasMSS         bool
	SACKPermitted  bool
	MSS            uint16
	Timestamps     bool
	ECN            bool // offered in its SYN, or taken in its SYN-ACK (RFC 3168, RFC 9768)
	MPTCP          bool // RFC 8684
	FastOpen       bool // it asked for a cookie, gave or used one (RFC 7413)
	Authenticated  bool // its segments are signed (RFC 2385, RFC 5925)
	ISNKnown       bool
	ISN            uint32
	Syn, Fin, Rst  uint64 // segments with the flag, copies counted

	RetransmittedPackets uint64
	RetransmittedBytes   uint64
	OutOfOrderPackets    uint64
	DuplicatePackets     uint64 // captured twice, not sent twice
	MissingBytes         uint64 // acknowledged by the peer, never captured
	UnseenAcks           uint64 // how often the peer acknowledged what was never captured
	ZeroWindows          uint64 // times the window closed
	Keepalives           uint64
	TruncatedPackets     uint64 // options cut by the snapshot length
	FragmentedPackets    uint64 // segments that came in IP fragments
	Fragments            uint64 // and how many those were
	FragmentedAt         Mark   // the first of these segments

	Lost    Losses
	Largest SegmentSize // of its segments, if one was larger than the peer can take from the wire

	TimeWait         TimeWaitRecord
	FinAcked         bool // its FIN was acknowledged
	FinSent          Mark // its first FIN
	UnackedBytes     uint64
	LastDataUnacked  uint64 // transmissions of the oldest octet still unacknowledged at the end
	WindowZeroAtLast bool   // the last window it advertised was zero
}

// EndReason says why a record was closed.
type EndReason uint8

// Why a record left the table.
const (
	EndSettled    EndReason = iota // closed, and its linger time has passed
	EndReplaced                    // a new incarnation took over
	EndAttempt                     // the connection attempt was never answered in time
	EndOfCapture                   // the input ended
	EndEvicted                     // Config.MaxConnections or MaxMemory was reached
	numEndReasons = iota
)

// Connection is the record of one incarnation of a 4-tuple: facts, not
// judgements. Records handed out by Tracker.Take are complete and never change.
type Connection struct {
	Flow        segment.Flow
	ClientIs    segment.Direction // the direction whose sender is the client
	Incarnation int               // 1 for the first connection of this 4-tuple in the trace
	DirectionBy DirectionEvidence
	Via         uint64 // what Config.Key tells it from others by; 0 without

	First, Last      Mark
	FirstFile        uint32 // index of the file First came from
	LastFile         uint32
	Opened, Closed   Mark // both ends established; the last end left a live state
	Open             Open
	Close            Close
	ClosedBy         Closer
	Phase            Phase // when it ended
	EndReason        EndReason
	TraceEnd         int64 // how far the trace had come when the record could leave
	RTT              time.Duration
	Handshake        Handshake
	Endpoints        [2]Endpoint // by Role
	Transitions      []Transition
	Facts            []Fact // in order of packets, at most Config.MaxFacts
	FactsDropped     int    // facts beyond that limit
	RangesDropped    int    // reassembly ranges given up for Config.MaxRanges
	PreviousClosedAt int64  // Closed.At of the incarnation before, 0 if there was none
}

// Clone returns a copy that stays when the tracker goes on.
func (c *Connection) Clone() *Connection {
	clone := *c
	clone.Transitions, clone.Facts = append([]Transition(nil), c.Transitions...), append([]Fact(nil), c.Facts...)
	return &clone
}

// clear makes c an empty record that keeps what it allocated.
func (c *Connection) clear() {
	*c = Connection{Transitions: c.Transitions[:0], Facts: c.Facts[:0]}
}

// Client returns the client's address and port.
func (c *Connection) Client() segment.Endpoint { return c.Flow.Sender(c.ClientIs) }

// Server returns the server's address and port.
func (c *Connection) Server() segment.Endpoint { return c.Flow.Sender(c.ClientIs.Reverse()) }

// End returns the address of role r.
func (c *Connection) End(r Role) segment.Endpoint {
	if r == Client {
		return c.Client()
	}
	return c.Server()
}
