package tracker

import "github.com/tcplife/tcplife/internal/segment"

// outcome puts a name to how a connection opened and ended, from the paths of its ends.
type outcome struct {
	c     *connection
	paths *[2]path // by segment.Direction
}

// into returns the first transition of an end that leads to one of states.
func (p *path) into(states ...State) *Transition {
	for i := range p.transitions {
		for _, s := range states {
			if p.transitions[i].To == s {
				return &p.transitions[i]
			}
		}
	}
	return nil
}

// resetStep is the transition by which a RST ended a live state of the end that sends in d. A RST that cuts
// TIME_WAIT short does not undo an orderly close, nor does one that answers a FIN long after TIME_WAIT was over.
func (o *outcome) resetStep(d segment.Direction) *Transition {
	peer := &o.paths[d.Reverse()].timeWait
	for i := range o.paths[d].transitions {
		tr := &o.paths[d].transitions[i]
		late := tr.From == LastAck && peer.Held && peer.EndedBy == TimeWaitExpiry && tr.At > peer.Until
		if tr.To == Closed && (tr.Event == SndRst || tr.Event == RcvRst) && tr.From != TimeWait && !late {
			return tr
		}
	}
	return nil
}

func (o *outcome) open() Open {
	c := o.c
	a, b := &c.ends[0], &c.ends[1]
	client, server := &o.paths[c.opener], &o.paths[c.opener.Reverse()]
	live := func(p *path) bool { return p.into(Established, FinWait1, CloseWait) != nil }
	switch {
	case c.refusedBy.Seen():
		return OpenRefused
	case a.stats.Packets == a.stats.Rst && b.stats.Packets == b.stats.Rst:
		return OpenNone // stray RSTs: no evidence of any connection
	case !a.has(SndSyn) && !b.has(SndSyn):
		return OpenMidstream
	case c.simultaneous && (live(client) || live(server)):
		return OpenSimultaneous
	case live(server) && c.fastOpen:
		return OpenFastOpen
	case live(server) && live(client):
		return OpenFull
	case a.synAck.n > 0 || b.synAck.n > 0 || live(server) || live(client):
		return OpenHalf
	default:
		return OpenNone
	}
}

// close says how it ended and by whom.
func (o *outcome) close(opened Open) (Close, Closer) {
	c := o.c
	switch {
	case opened == OpenNone && !c.sawStart:
		return CloseNone, NoCloser
	case opened == OpenRefused:
		if c.refuser != NoCloser {
			return CloseRefused, c.refuser
		}
		return CloseRefused, CloserOf(Server)
	case o.resetStep(segment.AtoB) != nil || o.resetStep(segment.BtoA) != nil:
		return o.aborted()
	}
	a, b := &c.ends[0], &c.ends[1]
	switch {
	case a.finEnd != 0 && b.finEnd != 0:
		if c.finished(segment.AtoB) && c.finished(segment.BtoA) {
			return CloseOrderly, o.firstCloser()
		}
		return CloseOrderlyUnacked, o.firstCloser()
	case a.finEnd != 0 || b.finEnd != 0:
		if c.gaveUp(a, b) {
			return CloseTimedOut, o.firstCloser()
		}
		return CloseHalfClosed, o.firstCloser()
	case opened == OpenNone, opened == OpenHalf:
		return CloseNone, NoCloser
	case a.has(Replace) || b.has(Replace):
		return CloseReplaced, ByUnknown
	case c.gaveUp(a, b):
		return CloseTimedOut, ByUnknown
	default:
		return CloseOpenAtEnd, NoCloser
	}
}

// finished reports whether the FIN of the end that sends in d was acknowledged.
func (c *connection) finished(d segment.Direction) bool { return c.ends[d].has(RcvAckFin) }

// minGiveUp is how many transmissions without an answer tell a dead peer from a
// lossy path: the first and R1's three retries (RFC 9293 3.8.3, SHLD-10), and one more.
const minGiveUp = 5

// minProbes is the same for keep-alives and window probes.
const minProbes = 3

// gaveUp reports whether an end sent the same octets or FIN again and again, and
// the trace went on for twice the last interval without an answer.
func (c *connection) gaveUp(ends ...*endpoint) bool {
	for _, e := range ends {
		if e.probes >= minProbes && c.cutAt-e.stats.Last.At > 2*e.probeGap {
			return true
		}
		if e.sndUna < e.sndNxt && (e.oldestSent >= minGiveUp || e.fin.n >= minGiveUp) && c.cutAt-e.stats.Last.At > 2*e.resendGap() {
			return true
		}
	}
	return false
}

// resendGap is the time between the last two transmissions of what an end sent in vain.
func (e *endpoint) resendGap() int64 {
	tail := e.fin.tail()
	switch n := len(tail); {
	case n > 1:
		return tail[n-1].mark.At - tail[n-2].mark.At
	case n == 1:
		return tail[0].mark.At - e.fin.head.mark.At
	default:
		return e.oldestGap
	}
}

// aborted says who reset the connection. The earliest effective RST decides, not the last.
func (o *outcome) aborted() (Close, Closer) {
	first, by := (*Transition)(nil), segment.AtoB
	for d := range o.paths {
		if tr := o.resetStep(segment.Direction(d)); tr != nil && (first == nil || tr.Packet < first.Packet ||
			tr.Packet == first.Packet && tr.Event == SndRst) {
			first, by = tr, segment.Direction(d)
		}
	}
	sender := by
	if first.Event == RcvRst {
		sender = by.Reverse()
	}
	c := o.c
	x := &c.ends[sender]
	if x.oldestSent >= minGiveUp && x.sndUna < x.sndNxt || x.probes >= minProbes {
		return CloseTimedOut, CloserOf(c.role(sender)) // it reset a peer that had long been silent
	}
	if x.ownReset == 0 && first.Event == RcvRst && !x.has(SndRst) {
		return CloseAborted, ByNetwork // the RST's sender went on: it never sent it
	}
	if o.crossed() {
		return CloseAborted, ByBoth
	}
	return CloseAborted, CloserOf(c.role(sender))
}

// crossed reports whether both ends aborted a live connection before either
// RST can have arrived.
func (o *outcome) crossed() bool {
	a, b := &o.c.ends[0], &o.c.ends[1]
	if a.ownReset == 0 || b.ownReset == 0 {
		return false
	}
	fa, fb := &o.c.facts[a.ownReset-1], &o.c.facts[b.ownReset-1]
	gap := fa.At - fb.At
	if gap < 0 {
		gap = -gap
	}
	return fa.Reset.Form == FormActive && fb.Reset.Form == FormActive && gap < o.c.roundTrip()/2
}

// firstCloser says who closed first in an orderly close: who took the active path
// through FIN_WAIT_1; both, if the FINs crossed.
func (o *outcome) firstCloser() Closer {
	c := o.c
	active := func(d segment.Direction) bool { return o.paths[d].into(FinWait1) != nil }
	switch client := c.opener; {
	case active(client) && active(client.Reverse()):
		return ByBoth
	case active(client):
		return ByClient
	case active(client.Reverse()):
		return ByServer
	default:
		return ByUnknown // joined too late: a FIN may have gone before
	}
}

// phase says how far the conversation had come when the step was taken that ended it.
func (o *outcome) phase(opened Open, cl Close) Phase {
	c := o.c
	if cl == CloseAborted || cl == CloseRefused || cl == CloseTimedOut {
		if f := c.endingReset(); f != nil {
			return f.Reset.Phase
		}
	}
	if opened == OpenNone && !c.sawStart {
		return NoPhase // stray segments
	}
	if c.finPhase != NoPhase {
		return c.finPhase
	}
	return c.phase()
}

// endingReset returns the first RST that closed either end, its sender or its receiver.
func (c *connection) endingReset() *Fact {
	var first *Fact
	for i := range c.ends {
		e := &c.ends[i]
		for _, index := range []int{e.ownReset, e.resetFact} {
			if index > 0 && (first == nil || c.facts[index-1].Packet < first.Packet) {
				first = &c.facts[index-1]
			}
		}
	}
	return first
}

// opened is when the later end was established, closed when the later end left
// its last live state.
func (o *outcome) opened() Mark { return o.later(Established) }

func (o *outcome) closed() Mark { return o.later(Closed, TimeWait) }

func (o *outcome) later(states ...State) Mark {
	a, b := o.paths[0].into(states...), o.paths[1].into(states...)
	switch {
	case a == nil || b == nil:
		return Mark{}
	case a.At >= b.At:
		return a.Mark
	default:
		return b.Mark
	}
}
