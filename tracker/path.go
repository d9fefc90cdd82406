package tracker

import (
	"slices"

	"github.com/tcplife/tcplife/internal/segment"
)

// step is one milestone on its way to become a transition.
type step struct {
	event Event
	milestone
}

// path is one endpoint's walk through the tables.
type path struct {
	initial, state State
	transitions    []Transition
	orders         []int64 // place of each transition, for merging the two ends
	timeWait       TimeWaitRecord

	steps   [numEvents]step // what walk goes over
	waiting []step
}

// waits reports whether an event that no arrow takes yet is offered again after
// the next transition. A RST, an ICMP error or a new incarnation acts at once or never.
func (e Event) waits() bool { return e != SndRst && e != RcvRst && e != RcvICMP && e != Replace }

// walk derives the path p of the end that sends in direction d from its milestones.
func (c *connection) walk(t *Tracker, d segment.Direction, p *path) {
	p.initial = c.initialState(d)
	p.state = p.initial
	p.transitions, p.orders, p.timeWait = p.transitions[:0], p.orders[:0], TimeWaitRecord{}
	waiting := p.waiting[:0]
	steps := c.steps(d, p.steps[:0])
	for i := range steps {
		s := &steps[i]
		c.expireTimeWait(p, s.mark.At)
		if !c.take(t, p, d, s) {
			if s.event.waits() {
				waiting = append(waiting, *s)
			}
			continue
		}
		for i := 0; i < len(waiting); { // an arrow may be open now
			w := waiting[i]
			w.order, w.mark.At = s.order, max(w.mark.At, s.mark.At)
			if c.take(t, p, d, &w) {
				waiting = slices.Delete(waiting, i, i+1)
				i = 0
			} else {
				i++
			}
		}
	}
	p.waiting = waiting
	c.expireTimeWait(p, c.cutAt)
}

// initialState is where an end stood before its first step.
func (c *connection) initialState(d segment.Direction) State {
	e, peer := &c.ends[d], &c.ends[d.Reverse()]
	switch {
	case !c.sawStart:
		return Unknown
	case e.has(SndSyn):
		return Closed
	case peer.has(SndSyn):
		return Listen
	default:
		return Unknown
	}
}

// take follows the arrow of s, if there is one. It is the only place where a state changes.
func (c *connection) take(t *Tracker, p *path, d segment.Direction, s *step) bool {
	to, ok := next(p.state, s.event)
	if !ok {
		return false
	}
	mark := s.mark
	if n := len(p.transitions); n > 0 {
		mark.At = max(mark.At, p.transitions[n-1].At) // what waited happened no earlier than what it waited for
	}
	p.transitions = append(p.transitions, Transition{
		Role: c.role(d), From: p.state, To: to, Event: s.event, Certainty: p.certainty(c.certainty(s, d, p.state)), Mark: mark,
	})
	p.orders = append(p.orders, s.order)
	if p.state == TimeWait {
		p.timeWait.Until = mark.At
		p.timeWait.EndedBy = TimeWaitReuse
		if s.event == RcvRst || s.event == SndRst {
			p.timeWait.EndedBy = TimeWaitReset
		}
	}
	p.state = to
	if to == TimeWait {
		e := &c.ends[d]
		start := max(mark.At, e.reackAt.At) // RFC 9293 3.10.7.4: each FIN acknowledged again restarts it
		p.timeWait = TimeWaitRecord{
			Held: true, Since: mark, Restarts: e.reacks,
			Until: start + t.cfg.TimeWait.Nanoseconds(), EndedBy: TimeWaitCaptureEnd,
		}
	}
	return true
}

// certainty grades a step no better than the assumption it starts from.
func (p *path) certainty(own Certainty) Certainty {
	if n := len(p.transitions); n > 0 && p.transitions[n-1].Certainty == Assumed {
		return Assumed
	}
	return own
}

// expireTimeWait lets 2 MSL run out before now.
func (c *connection) expireTimeWait(p *path, now int64) {
	if p.state != TimeWait || now < p.timeWait.Until {
		return
	}
	last := p.transitions[len(p.transitions)-1]
	p.timeWait.EndedBy = TimeWaitExpiry
	p.transitions = append(p.transitions, Transition{
		Role: last.Role, From: TimeWait, To: Closed, Event: Timeout, Certainty: Assumed, Mark: Mark{At: p.timeWait.Until},
	})
	p.orders = append(p.orders, 1<<62)
	p.state = Closed
}
