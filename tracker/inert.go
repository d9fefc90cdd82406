package tracker

// inert says why a state has no arrow for an event: what RFC 9293 does with it
// there, or why it cannot be. Every pair is in figure5, in resync or here.
func inert(state State, event Event) string {
	switch state {
	case Unknown:
		return "nothing is known of the endpoint yet"
	case Closed, Listen:
		if event == Joined {
			return joinedOnce
		}
		return "there is no connection: RFC 9293 3.10.7.1 and 3.10.7.2 answer by a RST or drop it"
	case SynSent, SynRcvd, Established, FinWait1, FinWait2, CloseWait, Closing, LastAck, TimeWait:
	}
	switch event {
	case SndSyn:
		return "a SYN sent again is a retransmission (RFC 9293 3.8.1)"
	case RcvSyn, RcvSynAck:
		if state == SynSent {
			return ""
		}
		return "answered by a challenge ACK at most (RFC 9293 3.10.7.4, fourth check; RFC 5961 4)"
	case RcvAckSyn:
		return "its SYN is acknowledged already, or only together with the peer's SYN"
	case SndFin:
		if state == SynSent {
			return "CLOSE in SYN_SENT deletes the connection, it sends no FIN (RFC 9293 3.10.4)"
		}
		return "its FIN is sent already: again is a retransmission"
	case RcvAckFin:
		return "it has no FIN outstanding"
	case RcvFin:
		if state == SynSent {
			return "not processed in SYN_SENT (RFC 9293 3.10.7.4, eighth check)"
		}
		return "a FIN again changes nothing; in TIME_WAIT it restarts 2 MSL (RFC 9293 3.10.7.4, eighth check)"
	case Joined:
		return joinedOnce
	case RcvICMP:
		return "noted, no reason to abort an open connection (RFC 5927 5.2)"
	case SndRst, RcvRst, Timeout, Replace:
	}
	return ""
}

const joinedOnce = "an endpoint is met once, before anything else is known of it"
