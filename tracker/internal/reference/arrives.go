package reference

import "github.com/tcplife/tcplife/internal/segment"

// Arrives is SEGMENT ARRIVES, 3.10.7.
func (e *Endpoint) Arrives(now int64, s *Segment) {
	e.now = now
	switch e.State {
	case Closed:
		e.refuse(s)
	case Listen:
		e.arrivesListen(s)
	case SynSent:
		e.arrivesSynSent(s)
	default:
		e.arrivesOtherwise(s)
	}
}

// refuse answers a segment that no connection awaits, 3.10.7.1.
func (e *Endpoint) refuse(s *Segment) {
	switch {
	case s.Flags.Has(segment.RST):
	case s.Flags.Has(segment.ACK):
		e.Out = append(e.Out, Segment{Flags: segment.RST, Seq: s.Ack})
	default:
		e.Out = append(e.Out, Segment{Flags: segment.RST | segment.ACK, NoSeq: true, Ack: s.Seq + s.length()})
	}
}

// arrivesListen is 3.10.7.2.
func (e *Endpoint) arrivesListen(s *Segment) {
	switch {
	case s.Flags.Has(segment.RST): // first check
	case s.Flags.Has(segment.ACK): // second
		e.refuse(s)
	case s.Flags.Has(segment.SYN): // third
		e.takeSyn(s)
		e.sndNxt = 1
		e.enter(SynRcvd)
		e.timeout = synTimeout
		e.Alarm = e.now + e.timeout
		e.send(Segment{Flags: segment.SYN | segment.ACK})
	}
}

// takeSyn sets what the peer's SYN tells.
func (e *Endpoint) takeSyn(s *Segment) {
	e.rcvNxt = 1
	e.tsRecent = s.TSVal
}

// arrivesSynSent is 3.10.7.3.
func (e *Endpoint) arrivesSynSent(s *Segment) {
	acks := s.Flags.Has(segment.ACK)
	if acks && (s.Ack <= 0 || s.Ack > e.sndNxt) { // first check
		e.refuse(s)
		return
	}
	if s.Flags.Has(segment.RST) { // second
		if acks {
			e.enter(Closed)
		}
		return
	}
	if !s.Flags.Has(segment.SYN) { // fifth
		return
	}
	e.takeSyn(s) // fourth
	if !acks {   // simultaneous open
		e.enter(SynRcvd)
		e.Alarm = e.now + e.timeout
		e.send(Segment{Flags: segment.SYN | segment.ACK})
		return
	}
	e.advance(s.Ack)
	e.enter(Established)
	if !e.transmit() {
		e.acknowledge()
	}
}

// arrivesOtherwise is 3.10.7.4.
func (e *Endpoint) arrivesOtherwise(s *Segment) {
	// The SYN of figure 7's last line: the peer's SYN again, now with the ACK of ours.
	synAgain := e.State == SynRcvd && s.Flags.Has(segment.SYN) && s.Seq == 0
	switch { // first check
	case synAgain && s.Flags.Has(segment.ACK):
	case synAgain && e.Stack.SynAckAgain:
		e.send(Segment{Flags: segment.SYN | segment.ACK})
		return
	case !e.inWindow(s) || e.outdated(s):
		if !s.Flags.Has(segment.RST) {
			e.answerOld(s)
		}
		return
	}
	if s.TSVal != 0 && s.Seq <= e.lastAckSent {
		e.tsRecent = s.TSVal
	}
	if s.Flags.Has(segment.RST) { // second, with RFC 5961 3.2
		if s.Seq == e.rcvNxt {
			e.enter(Closed)
		} else {
			e.acknowledge()
		}
		return
	}
	if s.Flags.Has(segment.SYN) && !synAgain { // fourth, with RFC 5961 4.2
		e.acknowledge()
		return
	}
	before := e.sndUna
	if !s.Flags.Has(segment.ACK) || !e.acknowledged(s) { // fifth
		return
	}
	news := e.sndUna > before
	due := e.text(s) // seventh and eighth
	switch {
	case e.State == Closed: // it reset late data
	case news && e.sndUna < e.recover:
		e.again() // an ACK after a timeout asks for the next of what was lost
	case e.transmit():
	case due || synAgain:
		e.acknowledge()
	}
}

// answerOld acknowledges what is not acceptable, and says so of octets that came twice.
func (e *Endpoint) answerOld(s *Segment) {
	ack := Segment{Flags: segment.ACK, Seq: e.sndNxt}
	if end := s.Seq + s.length(); e.Stack.DSACK && e.State != TimeWait && s.length() > 0 && s.Seq > 0 && end <= e.rcvNxt {
		ack.Twice = [2]int32{s.Seq, end}
	}
	e.send(ack)
}

// inWindow is the table of 3.10.7.4, first check.
func (e *Endpoint) inWindow(s *Segment) bool {
	if s.NoSeq {
		return false // its number could be anything
	}
	in := func(n int32) bool { return n >= e.rcvNxt && n < e.rcvNxt+window }
	n := s.length()
	return in(s.Seq) || n > 0 && in(s.Seq+n-1)
}

// outdated is RFC 7323 5.3, PAWS.
func (e *Endpoint) outdated(s *Segment) bool { return s.TSVal != 0 && s.TSVal < e.tsRecent }

// advance moves SND.UNA.
func (e *Endpoint) advance(ack int32) {
	if ack <= e.sndUna {
		return
	}
	e.sndUna = ack
	e.timeout = minTimeout
	e.Alarm = 0
	if e.sndUna < e.sndNxt {
		e.wind()
	}
}

// acknowledged is the fifth check. It reports whether the segment goes on to the next.
func (e *Endpoint) acknowledged(s *Segment) bool {
	if e.State == SynRcvd {
		if s.Ack <= e.sndUna || s.Ack > e.sndNxt {
			e.refuse(s)
			return false
		}
		e.enter(Established)
	}
	if s.Ack > e.sndNxt { // RFC 5961 5.2
		e.acknowledge()
		return false
	}
	e.advance(s.Ack)
	if !e.finAcked() {
		return true
	}
	switch e.State {
	case FinWait1:
		e.enter(FinWait2)
	case Closing:
		e.enter(TimeWait)
	case LastAck:
		e.enter(Closed)
		return false
	default:
	}
	return true
}

// text takes data and FIN, the seventh and eighth check, and reports whether an
// ACK is due. What came out of order waits for its turn.
func (e *Endpoint) text(s *Segment) (due bool) {
	switch e.State {
	case Established, FinWait1, FinWait2:
	default:
		return s.length() > 0
	}
	if s.Len > 0 && s.Seq+s.Len > e.rcvNxt && e.closed && e.Stack.ResetLateData {
		e.reset()
		e.enter(Closed)
		return false
	}
	for at := s.Seq; at < s.Seq+s.Len; at += Unit {
		e.held |= 1 << (at / Unit)
	}
	if s.Flags.Has(segment.FIN) {
		e.finAt = s.Seq + s.Len
	}
	for e.held&(1<<(e.rcvNxt/Unit)) != 0 {
		e.rcvNxt += Unit
	}
	if e.finAt == 0 || e.rcvNxt != e.finAt {
		return s.length() > 0
	}
	e.rcvNxt++
	switch e.State {
	case Established:
		e.enter(CloseWait)
	case FinWait1:
		e.enter(Closing)
	case FinWait2:
		e.enter(TimeWait)
	default:
	}
	return true
}
