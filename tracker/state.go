package tracker

// State is a connection state of RFC 9293 3.3.2, spelled as its readers spell it.
type State uint8

// The states. Unknown stands before the first evidence of an endpoint that was
// there before the capture began.
const (
	Unknown State = iota
	Closed
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
	numStates = iota
)

var stateNames = [numStates]string{
	"UNKNOWN", "CLOSED", "LISTEN", "SYN_SENT", "SYN_RCVD", "ESTABLISHED", "FIN_WAIT_1",
	"FIN_WAIT_2", "CLOSE_WAIT", "CLOSING", "LAST_ACK", "TIME_WAIT",
}

func (s State) String() string { return stateNames[s] }

// Synchronized reports whether both ends' sequence numbers are known in s
// (RFC 9293 3.5.2).
func (s State) Synchronized() bool { return s >= Established }

// Role says which end of a connection an endpoint is.
type Role uint8

// The roles: the client is the active opener.
const (
	Client Role = iota
	Server
)

// Peer returns the other role.
func (r Role) Peer() Role { return r ^ 1 }

func (r Role) String() string { return [...]string{"client", "server"}[r] }

// Certainty grades a claim, best first.
type Certainty uint8

// The grades: Observed when the endpoint itself sent a segment that only this
// state can send, Inferred when a later segment proves that it happened,
// Assumed when nothing contradicts it.
const (
	Observed Certainty = iota
	Inferred
	Assumed
)

func (c Certainty) String() string { return [...]string{"observed", "inferred", "assumed"}[c] }
