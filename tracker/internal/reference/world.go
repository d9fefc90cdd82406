package reference

import "math"

// Call is what a user may ask of an endpoint.
type Call uint8

// The calls of 3.10.
const (
	Open Call = iota
	Send
	Close
	Abort
)

// Action is a call made at one of several moments: all are tried.
type Action struct {
	Call Call
	At   []int64
}

// Fate is what a piece of wire may do to a segment.
type Fate uint8

// The fates; all but Passes cost one of Plan.Faults.
const (
	Passes Fate = iota
	Lost
	Doubled
	Late // long enough that what is sent behind it overtakes it
	fates
)

// How much later a late segment and a second copy come than they should.
const (
	lateBy    = 2500
	doubledBy = 700
)

// Plan is a closed system: two endpoints, what their users do, and what the wire may do.
type Plan struct {
	Name    string
	Stacks  [2]Stack
	Actions [2][]Action // in the order in which each user acts; moments before the previous action are left out
	Passive [2]bool     // listens instead of waiting for OPEN
	Way     [2]int64    // from the first end to the tap, from the tap to the second
	Faults  int         // how many segments, at most, the wire loses, doubles or delays
	From    int64       // the wire is perfect before
}

// Tapped is a segment as it passed the tap, or would have.
type Tapped struct {
	At   int64
	From int // the end that sent it
	Segment
	Unseen bool // lost before the tap
	Fate   Fate // what became of it behind the tap
	copied bool // a second copy of the wire
}

// World is the state of a run.
type World struct {
	Ends  [2]Endpoint
	Wire  []Tapped // in the order of the tap
	Ended int64    // when the last thing happened

	plan   *Plan
	pick   *Choices
	faults int
	now    int64
	events []event
}

type eventKind uint8

const (
	actionDue eventKind = iota
	atTap
	atReceiver
)

type event struct {
	at   int64
	kind eventKind
	end  int // who acts, or who sent
	call Call
	seg  Segment
	copy bool
}

// maxSteps bounds a run; reaching it means that two endpoints never come to rest.
const maxSteps = 2000

// Begin lets the users choose their moments, the first choices of a run.
func (w *World) Begin(p *Plan, pick *Choices) {
	w.plan, w.pick, w.faults, w.now, w.Ended = p, pick, p.Faults, 0, 0
	w.events, w.Wire = w.events[:0], w.Wire[:0]
	for i := range w.Ends {
		state := Closed
		if p.Passive[i] {
			state = Listen
		}
		w.Ends[i].Reset(p.Stacks[i], state)
		earliest := int64(math.MinInt64)
		for _, a := range p.Actions[i] {
			skip := 0
			for skip < len(a.At)-1 && a.At[skip] < earliest {
				skip++
			}
			earliest = a.At[skip+pick.Pick(len(a.At)-skip)]
			w.events = append(w.events, event{at: earliest, kind: actionDue, end: i, call: a.Call})
		}
	}
}

// Plan is what the run plays.
func (w *World) Plan() *Plan { return w.plan }

// Run plays until both ends rest.
func (w *World) Run() {
	for range maxSteps {
		if !w.step() {
			return
		}
	}
	panic("reference: the two endpoints never come to rest")
}

// step lets the next thing happen.
func (w *World) step() bool {
	next := -1
	for i := range w.events {
		if next < 0 || w.events[i].at < w.events[next].at {
			next = i
		}
	}
	for i := range w.Ends {
		if e := &w.Ends[i]; e.Alarm != 0 && (next < 0 || e.Alarm < w.events[next].at) && (i == 1 || w.Ends[1].Alarm == 0 || e.Alarm <= w.Ends[1].Alarm) {
			w.now = e.Alarm
			e.Timeout(w.now)
			w.carry(i)
			return true
		}
	}
	if next < 0 {
		return false
	}
	ev := w.events[next]
	w.events = append(w.events[:next], w.events[next+1:]...)
	w.now = ev.at
	w.Ended = max(w.Ended, ev.at)
	switch ev.kind {
	case actionDue:
		e := &w.Ends[ev.end]
		switch ev.call {
		case Open:
			e.Open(w.now)
		case Send:
			e.Send(w.now)
		case Close:
			e.Close(w.now)
		case Abort:
			e.Abort(w.now)
		}
		w.carry(ev.end)
	case atTap:
		t := Tapped{At: w.now, From: ev.end, Segment: ev.seg, copied: ev.copy}
		way := w.plan.Way[1-ev.end]
		t.Fate = w.forward(event{at: w.now + way, kind: atReceiver, end: ev.end, seg: ev.seg})
		w.Wire = append(w.Wire, t)
	case atReceiver:
		w.Ends[1-ev.end].Arrives(w.now, &ev.seg)
		w.carry(1 - ev.end)
	}
	return true
}

// carry puts what an end has sent on the wire.
func (w *World) carry(end int) {
	e := &w.Ends[end]
	for _, s := range e.Out {
		if w.forward(event{at: w.now + w.plan.Way[end], kind: atTap, end: end, seg: s}) == Lost {
			w.Wire = append(w.Wire, Tapped{At: w.now, From: end, Segment: s, Unseen: true})
		}
	}
	e.Out = e.Out[:0]
}

// forward sends a segment over one piece of wire.
func (w *World) forward(ev event) Fate {
	fate := Passes
	if w.faults > 0 && w.now >= w.plan.From {
		fate = Fate(w.pick.Pick(int(fates)))
	}
	switch fate {
	case Lost:
		w.faults--
		return fate
	case Late:
		w.faults--
		ev.at += lateBy
	case Doubled:
		w.faults--
		again := ev
		again.at += doubledBy
		again.copy = true
		w.events = append(w.events, again)
	default:
	}
	w.events = append(w.events, ev)
	return fate
}
