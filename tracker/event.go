package tracker

// Event is what drives a state: something the endpoint sends, or something it
// received. Each is a milestone of an endpoint's life.
type Event uint8

// The events of RFC 9293 Figure 5, and the silent ones it leaves to the text.
const (
	SndSyn    Event = iota // active open
	RcvSyn                 // the peer's SYN (or the SYN of its SYN-ACK)
	RcvSynAck              // the peer's SYN together with the ACK of our own
	RcvAckSyn              // our SYN is acknowledged
	SndFin                 // close
	RcvAckFin              // our FIN is acknowledged
	RcvFin                 // the peer's FIN, in sequence
	SndRst                 // abort
	RcvRst                 // an acceptable RST
	RcvICMP                // an ICMP error that ends the attempt
	Timeout                // 2 MSL, or giving up: silent, assumed from time alone
	Replace                // a new incarnation takes the 4-tuple
	Joined                 // the capture began after the endpoint was established
	numEvents = iota
)

var eventNames = [numEvents]string{
	"snd SYN", "rcv SYN", "rcv SYN,ACK", "rcv ACK of SYN", "snd FIN", "rcv ACK of FIN", "rcv FIN",
	"snd RST", "rcv RST", "rcv ICMP", "timeout", "replaced", "joined",
}

func (e Event) String() string { return eventNames[e] }
