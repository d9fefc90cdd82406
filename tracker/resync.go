package tracker

// resync holds the arrows that RFC 9293 figure 5 lacks and a tap needs: each
// names what the capture or the wire must have hidden. Law and guesswork are
// never in one table.
var resync = [numStates][numEvents]State{
	Unknown: {
		SndSyn: SynSent,     // the capture began, or lost a packet, between SYN and SYN-ACK
		RcvSyn: SynRcvd,     // the same, for the other end
		Joined: Established, // the capture began later
		SndRst: Closed,      // whatever it was before
	},
	SynSent: {
		SndRst:  Closed, // it had given up in silence: its stack answers a late SYN-ACK (R9)
		Replace: Closed, // it gave up in silence and dialled again
	},
	SynRcvd: {
		Replace: Closed, // it gave up, or accepted a new SYN in place of the old one
	},
	Established: {
		Replace: Closed, // its host restarted, or aborted unheard
	},
	FinWait1:  {Replace: Closed},
	FinWait2:  {Replace: Closed}, // its timeout (tcp_fin_timeout and the like) passed in silence
	CloseWait: {Replace: Closed},
	Closing:   {Replace: Closed},
	LastAck:   {Replace: Closed},
	TimeWait: {
		SndRst:  Closed, // its socket was gone before 2 MSL were over (R9), or its application reset it
		Replace: Closed, // reuse inside 2 MSL, RFC 9293 3.6.1 MAY-2, RFC 6191
	},
}

// next returns where event takes an endpoint in state from, and whether there is
// an arrow at all.
func next(from State, event Event) (to State, ok bool) {
	if to = figure5[from][event]; to != Unknown {
		return to, true
	}
	to = resync[from][event]
	return to, to != Unknown
}

// Arrow reports whether one of the tables leads from one state to another by event.
func Arrow(from State, event Event, to State) bool {
	got, ok := next(from, event)
	return ok && got == to
}
