//go:build linux

package kernellab

import (
	"net/netip"
	"slices"
	"time"
)

// step is one transition of one socket, as the kernel reported it.
type step struct {
	at       int64
	from, to string
	cause    string
	silent   bool // no packet can go with it
}

// life is one socket from its first state to its last: one endpoint of one
// incarnation. What becomes of a socket in TIME_WAIT or before ESTABLISHED (a mini
// or a request socket) is told by its timer.
type life struct {
	local, remote netip.AddrPort
	active        bool // it sent the first SYN
	steps         []step
}

func (l *life) add(at int64, from, to, cause string) {
	l.steps = append(l.steps, step{at: at, from: from, to: to, cause: cause})
}

func (l *life) start() int64 { return l.steps[0].at }

func (l *life) last() step { return l.steps[len(l.steps)-1] }

var kernelStates = map[int32]string{
	1: "ESTABLISHED", 2: "SYN_SENT", 3: "SYN_RCVD", 4: "FIN_WAIT_1", 5: "FIN_WAIT_2", 6: "TIME_WAIT", 7: "CLOSED",
	8: "CLOSE_WAIT", 9: "LAST_ACK", 10: "LISTEN", 11: "CLOSING", 12: "SYN_RCVD",
}

const (
	kernelSynSent = 2
	kernelSynRecv = 3
	kernelFinW2   = 5
	kernelClose   = 7
	kernelListen  = 10
	kernelClosing = 11
)

const (
	timeWaitSeconds = 60 // Linux's TIME_WAIT, a constant of its sources
	// together is how close, on one CPU, events of one action of the kernel lie.
	together = int64(300 * time.Microsecond)
	// rearming is how soon after a timer's cancellation its new start follows when
	// the timer is only moved.
	rearming = int64(50 * time.Microsecond)
)

// mini is a request or TIME_WAIT mini socket, known by its timer.
type mini struct {
	function timerFunction
	life     *life // nil: a request whose connection is not known yet
	state    string
	started  int64
	last     event // the newest event of its timer
}

// witness walks the kernel's events and writes down the lives behind them.
type witness struct {
	hz      uint64
	sockets map[uint64]*life
	timers  map[uint64]*mini
	byCPU   map[int]*cpuState
	lives   []*life
	// requests that never became a socket: their addresses must be found from
	// the SYN that made them.
	requests []*life
}

// cpuState is what happened on a CPU just now and is not explained yet.
type cpuState struct {
	started *mini // a TIME_WAIT timer without a socket
	born    *life // a socket born of a request
	bornAt  int64
	gone    *mini // a request cancelled
}

// testify returns the lives of all sockets in the events, and the requests that
// never became sockets (their addresses are not set).
func testify(events []event) (lives, requests []*life) {
	w := &witness{
		hz: ticksPerSecond(events), sockets: map[uint64]*life{}, timers: map[uint64]*mini{}, byCPU: map[int]*cpuState{},
	}
	for _, e := range events {
		cpu := w.byCPU[e.cpu]
		if cpu == nil {
			cpu = &cpuState{}
			w.byCPU[e.cpu] = cpu
		}
		switch e.kind {
		case eventState:
			w.state(e, cpu)
		case eventTimerStart:
			w.timerStart(e, cpu)
		case eventTimerCancel, eventTimerExpire:
			w.timerStop(e, cpu)
		}
	}
	for _, m := range w.timers {
		w.settle(m, nil)
	}
	for _, l := range w.lives {
		slices.SortStableFunc(l.steps, func(a, b step) int { return int(a.at - b.at) })
	}
	return w.lives, w.requests
}

// ticksPerSecond finds the kernel's HZ from the jiffies in the events.
func ticksPerSecond(events []event) uint64 {
	var first, last event
	for _, e := range events {
		if e.now != 0 {
			if first.now == 0 {
				first = e
			}
			last = e
		}
	}
	const usual = 250
	if last.at-first.at < int64(time.Second) {
		return usual
	}
	measured := float64(last.now-first.now) * 1e9 / float64(last.at-first.at)
	best := uint64(usual)
	for _, hz := range []uint64{100, 250, 300, 1000} {
		if diff(measured, hz) < diff(measured, best) {
			best = hz
		}
	}
	return best
}

func diff(measured float64, hz uint64) float64 {
	return max(measured, float64(hz)) - min(measured, float64(hz))
}

// state takes one event of inet_sock_set_state.
func (w *witness) state(e event, cpu *cpuState) {
	from, to := kernelStates[e.old], kernelStates[e.new]
	switch {
	case e.new == kernelListen || e.old == kernelListen && e.new == kernelClose:
		return
	case e.old == e.new: // close() after shutdown() sets the state again
		return
	case e.old == kernelClose && e.new == kernelSynSent:
		l := &life{local: e.local, remote: e.remote, active: true}
		l.add(e.at, from, to, "call")
		w.sockets[e.object] = l
		w.lives = append(w.lives, l)
		return
	case e.old == kernelListen && e.new == kernelSynRecv:
		// The socket is born when the handshake is done; its SYN_RCVD began with the
		// request, whose timer is taken off in the same breath.
		l := &life{local: e.local, remote: e.remote}
		l.add(e.at, "LISTEN", "SYN_RCVD", "packet")
		w.sockets[e.object] = l
		w.lives = append(w.lives, l)
		cpu.born, cpu.bornAt = l, e.at
		if m := cpu.gone; m != nil && e.at-m.last.at < together {
			w.promote(m, cpu)
		}
		return
	}
	l := w.sockets[e.object]
	if l == nil {
		return // it was there before the lab
	}
	if e.local.Port() != 0 {
		l.local = e.local // not bound yet at CLOSED -> SYN_SENT
	}
	if m := cpu.started; m != nil && e.new == kernelClose && (e.old == kernelFinW2 || e.old == kernelClosing) && e.at-m.started < together {
		cpu.started = nil
		m.life = l
		m.state = "TIME_WAIT"
		if m.last.timeout < (timeWaitSeconds-10)*w.hz {
			m.state = "FIN_WAIT_2" // the orphan's: tcp_fin_timeout
		} else {
			l.add(e.at, from, "TIME_WAIT", "packet")
		}
	} else {
		l.add(e.at, from, to, "kernel")
	}
	if e.new == kernelClose {
		delete(w.sockets, e.object)
	}
}

// promote says that a request became the socket just born.
func (w *witness) promote(m *mini, cpu *cpuState) {
	cpu.born.steps[0].at = m.started
	m.life = cpu.born
	cpu.born, cpu.gone = nil, nil
	delete(w.timers, m.last.object)
}

// timerStart takes an event of timer_start.
func (w *witness) timerStart(e event, cpu *cpuState) {
	m := w.timers[e.object]
	moved := m != nil && (m.last.kind == eventTimerStart || e.at-m.last.at < rearming ||
		m.function == timerRequest && m.last.kind == eventTimerExpire && e.at-m.last.at < int64(10*time.Millisecond))
	if m == nil || !moved || m.function != e.function {
		if m != nil {
			w.settle(m, cpu)
		}
		m = &mini{function: e.function, started: e.at, last: e}
		w.timers[e.object] = m
		if e.function == timerTimeWait {
			cpu.started = m
		}
		return
	}
	if cpu.gone == m {
		cpu.gone = nil
	}
	if m.state == "FIN_WAIT_2" && e.timeout > (timeWaitSeconds-10)*w.hz {
		m.life.add(e.at, "FIN_WAIT_2", "TIME_WAIT", "packet")
		m.state = "TIME_WAIT"
	}
	m.last = e
}

// timerStop takes an event of timer_cancel or timer_expire_entry. An expiry shows
// as both; a move as a cancellation and a start.
func (w *witness) timerStop(e event, cpu *cpuState) {
	m := w.timers[e.object]
	if m == nil {
		return
	}
	m.last = e
	if m.function == timerRequest && e.kind == eventTimerCancel {
		cpu.gone = m
		if cpu.born != nil && e.at-cpu.bornAt < together {
			w.promote(m, cpu)
		}
	}
}

// settle writes down how a mini socket ended, if its timer has.
func (w *witness) settle(m *mini, cpu *cpuState) {
	if cpu != nil && cpu.gone == m {
		cpu.gone = nil
	}
	ended := m.last.kind != eventTimerStart
	silent := m.last.kind == eventTimerExpire
	switch {
	case m.function == timerRequest:
		l := &life{}
		l.add(m.started, "LISTEN", "SYN_RCVD", "packet")
		if ended {
			l.steps = append(l.steps, step{at: m.last.at, from: "SYN_RCVD", to: "CLOSED", cause: "request ended", silent: silent})
		}
		w.requests = append(w.requests, l)
	case m.life != nil && ended:
		cause := m.state + " killed"
		if silent {
			cause = m.state + " expired"
		}
		m.life.steps = append(m.life.steps, step{at: m.last.at, from: m.state, to: "CLOSED", cause: cause, silent: silent})
	}
}
