package tracker

import "github.com/tcplife/tcplife/internal/seq"

// milestone is one event of an endpoint's life as the evidence stands now.
type milestone struct {
	mark  Mark  // the packet that brought it and the time it had happened by
	order int64 // place among the endpoint's own events, see after, before, on
	grade grade
}

// grade says how far a milestone can be relied on.
type grade uint8

const (
	absent      grade = iota // did not happen, as far as can be told
	provisional              // passed the tap; the receiver's next segment will tell (R2, R5, R6)
	confirmed                // a later segment proves it
	observed                 // the endpoint's own segment
)

// An endpoint's events are ordered by the packets that caused them; the two
// neighbouring places serve receipts that R4 moves behind a packet, or that a packet
// proves to have come before it.
func on(m Mark) int64     { return 2 * int64(m.Packet) }
func after(m Mark) int64  { return 2*int64(m.Packet) + 1 }
func before(m Mark) int64 { return 2*int64(m.Packet) - 1 }

func (m *milestone) happened() bool { return m.grade != absent }

// set records the event at the packet that caused it.
func (m *milestone) set(at Mark, g grade) { *m = milestone{mark: at, order: on(at), grade: g} }

// postpone moves a receipt behind a segment its receiver sent unaware of it (R4).
func (m *milestone) postpone(behind Mark) {
	if after(behind) > m.order {
		m.order = after(behind)
		m.mark.At = max(m.mark.At, behind.At)
	}
}

// advance moves a receipt in front of a segment that proves it.
func (m *milestone) advance(ahead Mark) {
	if before(ahead) < m.order {
		m.order = before(ahead)
		m.mark.At = min(m.mark.At, ahead.At)
	}
}

func (m *milestone) withdraw() { *m = milestone{} }

// copies are the transmissions of one control segment (SYN, SYN-ACK or FIN) that
// passed the tap: the first and the last few, which is all that R3 chooses from.
type copies struct {
	n    uint8 // how many were seen, saturating
	head transmission
	more *laterCopies // the last few of the others, nil in the common case
}

type laterCopies struct {
	list [keptCopies]transmission
	n    int
}

// tail lists the copies behind the first that are remembered.
func (c *copies) tail() []transmission {
	if c.more == nil {
		return nil
	}
	return c.more.list[:c.more.n]
}

// transmission is one copy with what tells it apart.
type transmission struct {
	mark  Mark
	ack   int64 // what it acknowledges, in the peer's positions
	tsVal uint32
	hasTS bool
}

// keptCopies is how many later copies are remembered: those that can be under way together.
const keptCopies = 3

func (c *copies) add(t transmission) {
	switch {
	case c.n == 0:
		c.head = t
	case c.more == nil:
		c.more = &laterCopies{n: 1}
		c.more.list[0] = t
	case c.more.n < keptCopies:
		c.more.list[c.more.n] = t
		c.more.n++
	default:
		copy(c.more.list[:], c.more.list[1:])
		c.more.list[keptCopies-1] = t
	}
	if c.n < 255 {
		c.n++
	}
}

// first returns the first copy, last the latest; both nil if there is none.
func (c *copies) first() *transmission {
	if c.n == 0 {
		return nil
	}
	return &c.head
}

func (c *copies) last() *transmission {
	if tail := c.tail(); len(tail) > 0 {
		return &tail[len(tail)-1]
	}
	return c.first()
}

// effective is R3: which copy the segment that answers at had received.
func (c *copies) effective(echo uint32, hasEcho, firstByDSACK bool) (transmission, bool) {
	if c.n == 0 {
		return transmission{}, false
	}
	if firstByDSACK {
		return c.head, true
	}
	last := c.last()
	if hasEcho && last.hasTS {
		// Any copy behind the echo was not the one: had it been in sequence, TS.Recent
		// would be its value (RFC 7323 4.3).
		tail := c.tail()
		for i := len(tail) - 1; i >= 0; i-- {
			if t := &tail[i]; seq.Num(t.tsVal).LessEq(seq.Num(echo)) {
				return c.stamped(t.tsVal)
			}
		}
		if seq.Num(c.head.tsVal).LessEq(seq.Num(echo)) {
			return c.head, true
		}
	}
	if last.hasTS {
		return c.stamped(last.tsVal)
	}
	return *last, true
}

// stamped returns the first copy with the given timestamp: later ones with the
// same are the network's copies of it.
func (c *copies) stamped(tsVal uint32) (transmission, bool) {
	if c.n > 0 && c.head.hasTS && c.head.tsVal == tsVal {
		return c.head, true
	}
	for _, t := range c.tail() {
		if t.hasTS && t.tsVal == tsVal {
			return t, true
		}
	}
	return transmission{}, false
}
