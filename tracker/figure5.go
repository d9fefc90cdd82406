package tracker

//go:generate go test -run ^TestStatesDocument$ -update .

// figure5 is RFC 9293 figure 5: a block per state, a line per arrow. Unknown
// stands where the figure has no arrow. The figure's LISTEN and CLOSED boxes
// belong to a socket; a connection begins in one of them and ends in CLOSED,
// also where a listening socket would return to LISTEN (3.10.7.4, second check,
// RST in SYN-RECEIVED).
var figure5 = [numStates][numEvents]State{
	Closed: {
		SndSyn: SynSent, // active OPEN, 3.10.1
	},
	Listen: {
		RcvSyn: SynRcvd, // 3.10.7.2, third check
		SndSyn: SynSent, // SEND on a passive OPEN, 3.10.2
	},
	SynSent: {
		RcvSynAck: Established, // 3.10.7.3, fourth check
		RcvSyn:    SynRcvd,     // simultaneous open, 3.10.7.3, fourth check
		RcvRst:    Closed,      // 3.10.7.3, second check
		RcvICMP:   Closed,      // 3.9.2.2; RFC 5927 5.2 for all but the hard errors
		Timeout:   Closed,      // user timeout, 3.10.8
	},
	SynRcvd: {
		RcvAckSyn: Established, // 3.10.7.4, fifth check
		SndFin:    FinWait1,    // CLOSE, 3.10.4
		RcvFin:    CloseWait,   // 3.10.7.4, eighth check
		RcvRst:    Closed,      // 3.10.7.4, second check
		SndRst:    Closed,      // ABORT, 3.10.5
		RcvICMP:   Closed,      // 3.9.2.2
		Timeout:   Closed,      // 3.10.8
	},
	Established: {
		SndFin:  FinWait1,  // CLOSE, 3.10.4
		RcvFin:  CloseWait, // 3.10.7.4, eighth check
		RcvRst:  Closed,    // 3.10.7.4, second check
		SndRst:  Closed,    // ABORT, 3.10.5
		Timeout: Closed,    // 3.10.8
	},
	FinWait1: {
		RcvAckFin: FinWait2, // 3.10.7.4, fifth check
		RcvFin:    Closing,  // 3.10.7.4, eighth check
		RcvRst:    Closed,
		SndRst:    Closed,
		Timeout:   Closed,
	},
	FinWait2: {
		RcvFin:  TimeWait, // 3.10.7.4, eighth check
		RcvRst:  Closed,
		SndRst:  Closed,
		Timeout: Closed,
	},
	CloseWait: {
		SndFin:  LastAck, // CLOSE, 3.10.4
		RcvRst:  Closed,
		SndRst:  Closed,
		Timeout: Closed,
	},
	Closing: {
		RcvAckFin: TimeWait, // 3.10.7.4, fifth check
		RcvRst:    Closed,
		SndRst:    Closed,
		Timeout:   Closed,
	},
	LastAck: {
		RcvAckFin: Closed, // 3.10.7.4, fifth check
		RcvRst:    Closed,
		SndRst:    Closed,
		Timeout:   Closed,
	},
	TimeWait: {
		Timeout: Closed, // 2 MSL, 3.10.8
		RcvRst:  Closed, // 3.10.7.4, second check; RFC 1337 advises against it
	},
}
