package reference

import "github.com/tcplife/tcplife/internal/segment"

// Unit is the size of every segment of data, in octets.
const Unit = 100

// The retransmission timer (RFC 6298, with the shorter minimum that is in use).
const (
	synTimeout = 1_000_000
	minTimeout = 200_000
	// probeTimeout is two round trips of 8 ms and a bit (RFC 8985 7.2).
	probeTimeout = 20_000
)

// window is RCV.WND and SND.WND: it never fills.
const window = 65535

// Stack is where implementations differ, all of them within reason.
type Stack struct {
	Timestamps bool // RFC 7323
	// AbortWithAck: the RST of an ABORT carries an ACK. 3.10.5 shows none, Linux sends it.
	AbortWithAck bool
	// SynAckAgain: a SYN again in SYN_RCVD is answered by the SYN-ACK again, as stacks in use do;
	// 3.10.7.4, first check, asks for a bare ACK.
	SynAckAgain bool
	// CloseWaitsForOpen: CLOSE in SYN_RCVD waits for ESTABLISHED, as where sockets are
	// accepted only then; 3.10.4 sends the FIN at once.
	CloseWaitsForOpen bool
	// ResetLateData: data that arrive after CLOSE are answered by a RST (3.6.1, SHOULD).
	ResetLateData bool
	// Collapse: what is sent again is put together in one segment (3.8.1 leaves that open).
	Collapse bool
	// Probe: what is outstanding is sent again once, long before the timer runs out (RFC 8985 7).
	Probe bool
	// DSACK: octets that came twice are reported (RFC 2883), but not from TIME_WAIT, where stacks keep too little.
	DSACK bool
}

// Endpoint is one end: its TCB and, beside it, the true path of its states.
type Endpoint struct {
	Stack Stack
	State State
	Path  []Step
	Out   []Segment // what it sent since this was last emptied

	now int64

	// Send sequence variables: sndUna <= sndNxt. The SYN is outstanding while sndUna is 0.
	sndUna, sndNxt int32
	written        int32 // octets handed over by SEND
	closed         bool  // CLOSE was called
	finSent        bool  // the octet below sndNxt is a FIN
	recover        int32 // SND.NXT when the timer last ran out: below it all is sent again

	rcvNxt int32
	held   uint64 // units received, by number: those above rcvNxt wait for the others
	finAt  int32  // where the peer's FIN stands; 0 = not received

	tsRecent    uint32 // RFC 7323 4.3
	lastAckSent int32

	timeout int64 // of the retransmission timer
	probed  bool  // the probe was sent, or is not wanted
	Alarm   int64 // when it runs out; 0 = it is off
}

// Reset makes e a new endpoint in state CLOSED, or LISTEN.
func (e *Endpoint) Reset(stack Stack, s State) {
	*e = Endpoint{Stack: stack, State: s, Path: e.Path[:0], Out: e.Out[:0], timeout: minTimeout}
}

// enter is the only place where the state changes.
func (e *Endpoint) enter(s State) {
	e.Path = append(e.Path, Step{From: e.State, To: s, At: e.now})
	e.State = s
	if s == Closed || s == TimeWait {
		e.Alarm = 0 // 2 MSL are longer than any run
	}
}

// Open is an active OPEN, 3.10.1.
func (e *Endpoint) Open(now int64) {
	e.now = now
	if e.State != Closed || len(e.Path) > 0 {
		return
	}
	e.sndNxt = 1
	e.enter(SynSent)
	e.timeout = synTimeout
	e.Alarm = now + e.timeout
	e.send(Segment{Flags: segment.SYN})
}

// Send hands over one unit of data, 3.10.2.
func (e *Endpoint) Send(now int64) {
	e.now = now
	if e.closed || e.State == Closed || e.State == Listen {
		return
	}
	e.written += Unit
	e.transmit()
}

// Close is 3.10.4: nothing more to send.
func (e *Endpoint) Close(now int64) {
	e.now = now
	switch e.State {
	case Closed, Listen:
		return
	case SynSent:
		e.enter(Closed)
		return
	default:
	}
	e.closed = true
	e.transmit()
}

// Abort is 3.10.5.
func (e *Endpoint) Abort(now int64) {
	e.now = now
	switch e.State {
	case Closed, Listen:
		return
	case SynRcvd, Established, FinWait1, FinWait2, CloseWait:
		e.reset()
	default: // SYN_SENT, CLOSING, LAST_ACK and TIME_WAIT are left in silence
	}
	e.enter(Closed)
}

// reset sends the RST of a connection that is there.
func (e *Endpoint) reset() {
	r := Segment{Flags: segment.RST, Seq: e.sndNxt}
	if e.Stack.AbortWithAck {
		r.Flags |= segment.ACK
		r.Ack = e.rcvNxt
	}
	e.Out = append(e.Out, r)
}

// send gives a segment its timestamps and lets it go.
func (e *Endpoint) send(s Segment) {
	if e.Stack.Timestamps {
		s.TSVal, s.TSEcr = uint32(e.now/1000)+1000, e.tsRecent
	}
	if s.Flags.Has(segment.ACK) {
		s.Ack = e.rcvNxt
		e.lastAckSent = s.Ack
	}
	e.Out = append(e.Out, s)
}

func (e *Endpoint) acknowledge() { e.send(Segment{Flags: segment.ACK, Seq: e.sndNxt}) }

// mayTransmit reports whether data can be sent now. In SYN_RCVD a FIN may, if no data wait (3.10.4).
func (e *Endpoint) mayTransmit() bool {
	switch e.State {
	case Established, CloseWait:
		return true
	case SynRcvd:
		return e.closed && e.written == 0 && !e.Stack.CloseWaitsForOpen
	default:
		return false
	}
}

// transmit sends what was not sent yet, the FIN with the last data, and reports whether there was any.
func (e *Endpoint) transmit() (sent bool) {
	if !e.mayTransmit() {
		return false
	}
	for e.sndNxt < 1+e.written || e.closed && !e.finSent {
		s := Segment{Flags: segment.ACK, Seq: e.sndNxt}
		if e.sndNxt < 1+e.written {
			s.Len = Unit
			s.Flags |= segment.PSH
		}
		if e.closed && e.sndNxt+s.Len == 1+e.written {
			s.Flags |= segment.FIN
			e.finSent = true
			if e.State == CloseWait {
				e.enter(LastAck)
			} else {
				e.enter(FinWait1)
			}
		}
		e.sndNxt += s.length()
		e.send(s)
		sent = true
	}
	if sent && e.Alarm == 0 {
		e.wind()
	}
	return sent
}

// wind starts the timer for what is outstanding now.
func (e *Endpoint) wind() {
	e.probed = !e.Stack.Probe
	e.Alarm = e.now + e.timeout
	if e.Stack.Probe {
		e.Alarm = e.now + probeTimeout
	}
}

// finAcked reports whether the FIN was sent and acknowledged.
func (e *Endpoint) finAcked() bool { return e.finSent && e.sndUna == e.sndNxt }

// Timeout is 3.10.8: the front of the retransmission queue is sent again.
func (e *Endpoint) Timeout(now int64) {
	e.now = now
	if !e.probed && e.sndUna > 0 {
		e.probed = true
		e.Alarm = now + e.timeout
		e.again()
		return
	}
	e.recover = e.sndNxt
	e.timeout *= 2
	e.Alarm = now + e.timeout
	e.again()
}

// again sends the oldest segment that is not acknowledged.
func (e *Endpoint) again() {
	switch fin := e.sndNxt - 1; {
	case e.State == SynSent:
		e.send(Segment{Flags: segment.SYN})
	case e.sndUna == 0:
		e.send(Segment{Flags: segment.SYN | segment.ACK})
	case e.finSent && e.sndUna == fin:
		e.send(Segment{Flags: segment.FIN | segment.ACK, Seq: fin})
	default:
		s := Segment{Flags: segment.PSH | segment.ACK, Seq: e.sndUna, Len: Unit}
		if e.finSent && (e.Stack.Collapse || e.sndUna+Unit == fin) {
			s.Len = fin - e.sndUna
			s.Flags |= segment.FIN
		}
		e.send(s)
	}
}
