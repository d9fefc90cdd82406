package tracker

import (
	"fmt"

	"github.com/tcplife/tcplife/internal/segment"
)

// Live is how many connections the tracker believes are in its table.
func (t *Tracker) Live() int { return t.live }

// Broken looks at all that a tracker holds and says what contradicts itself: places that are used twice or lost, lists whose
// links do not match, connections that cannot be found, and a wrong number of them. It returns nil
// if all is well. It is meant for trackers that do not flush yet.
func (t *Tracker) Broken() error {
	c := census{t: t, table: map[ref]bool{}, seen: map[ref]bool{}}
	for _, check := range []func() error{c.slots, c.lone, c.open, c.closed, c.whole, c.left, c.unused, c.times, c.memory} {
		if err := check(); err != nil {
			return err
		}
	}
	if c.live != t.live {
		return fmt.Errorf("%d connections are there, %d counted", c.live, t.live)
	}
	if len(c.table) != 0 {
		return fmt.Errorf("in the table stand some that are nowhere else: %v", c.table)
	}
	return nil
}

// census counts what there is.
type census struct {
	t     *Tracker
	table map[ref]bool // entries of the table that nobody has claimed yet
	seen  map[ref]bool // places in use: those of living connections, of sleepers and of records not taken yet
	live  int
	// lapsed is how many embryos wait for their records to be taken.
	lapsed int64
}

// use notes that a place is in use.
func (c *census) use(r ref) error {
	if c.seen[r] {
		return fmt.Errorf("place %d of form %d is used twice", r.place(), r.form())
	}
	c.seen[r] = true
	return nil
}

// claim notes a living connection that must be in the table.
func (c *census) claim(r ref) error {
	if !c.table[r] {
		return fmt.Errorf("place %d of form %d is not in the table", r.place(), r.form())
	}
	delete(c.table, r)
	c.live++
	return c.use(r)
}

func (c *census) slots() error {
	used := 0
	for _, s := range c.t.table.slots {
		if s.ref == 0 {
			continue
		}
		used++
		if c.table[s.ref] {
			return fmt.Errorf("place %d of form %d is in the table twice", s.ref.place(), s.ref.form())
		}
		c.table[s.ref] = true
		f := c.t.flowAt(s.ref)
		if uint32(c.t.hash(&f, c.t.pathOf(s.ref))) != s.hash || c.t.find(uint64(s.hash), &f, c.t.pathOf(s.ref)) != s.ref {
			return fmt.Errorf("place %d of form %d is not found by its flow", s.ref.place(), s.ref.form())
		}
	}
	if used != c.t.table.used {
		return fmt.Errorf("%d slots are used, %d counted", used, c.t.table.used)
	}
	return nil
}

// flowAt returns the flow of what stands at r.
func (t *Tracker) flowAt(r ref) segment.Flow {
	switch place := r.place(); r.form() {
	case lone:
		return t.embryos.flow(t.embryos.slab.at(place))
	case plain:
		return t.plains.at(place).flow
	case settled:
		return t.settleds.at(place).flow
	default:
		return t.fulls[place].flow
	}
}

func (c *census) lone() error {
	q := &c.t.embryos
	before := uint32(0)
	for at := q.first; at != 0; at = q.slab.at(at - 1).next {
		if e := q.slab.at(at - 1); e.prev != before || before != 0 && q.slab.at(before-1).at.time() > e.at.time() {
			return fmt.Errorf("embryo %d does not follow %d", at-1, before-1)
		}
		if err := c.claim(refTo(lone, at-1)); err != nil {
			return err
		}
		before = at
	}
	if q.last != before {
		return fmt.Errorf("the last embryo is %d, want %d", q.last, before)
	}
	return nil
}

func (c *census) open() error {
	waiting := map[uint32]bool{}
	before := uint32(0)
	for at := c.t.half.first; at != 0; at = c.t.plains.at(at - 1).ends[1].packetsAt[atData] {
		p := c.t.plains.at(at - 1)
		if p.ends[0].packetsAt[atData] != before || before != 0 && c.t.plains.at(before-1).heardAt() > p.heardAt() || waiting[at-1] {
			return fmt.Errorf("half-open %d does not follow %d", at-1, before-1)
		}
		waiting[at-1] = true
		before = at
	}
	if c.t.half.last != before {
		return fmt.Errorf("the last half-open one is %d, want %d", c.t.half.last, before)
	}
	for place := range c.t.plains.next {
		p := c.t.plains.at(place)
		if half := p.bits&inUse != 0 && p.bits&established == 0; half != waiting[place] {
			return fmt.Errorf("%d half open: %v; in the list: %v", place, half, waiting[place])
		}
		if p.bits&inUse == 0 {
			continue
		}
		if err := c.claim(refTo(plain, place)); err != nil {
			return err
		}
		if !p.standsIn() {
			continue
		}
		if sleeper := c.t.fulls[p.sleeper()]; !sleeper.gone || sleeper.flow != p.flow || sleeper.previous != nil || sleeper.deadline != 0 {
			return fmt.Errorf("for %d stands in %d, which it cannot", p.sleeper(), place)
		}
		if err := c.use(refTo(full, p.sleeper())); err != nil {
			return err
		}
	}
	return nil
}

func (c *census) closed() error {
	before, told := uint32(0), map[uint32]bool{}
	for _, free := range c.t.told {
		told[free] = true
	}
	for at := c.t.settled.first; at != 0; at = c.t.settleds.at(at - 1).next {
		q := c.t.settleds.at(at - 1)
		if q.prev != before || before != 0 && c.t.settleds.at(before-1).last().At > q.last().At || q.bits&inUse == 0 {
			return fmt.Errorf("settled %d does not follow %d", at-1, before-1)
		}
		if q.story != 0 {
			if told[q.story-1] {
				return fmt.Errorf("story %d is used twice", q.story-1)
			}
			told[q.story-1] = true
		}
		if err := c.claim(refTo(settled, at-1)); err != nil {
			return err
		}
		before = at
	}
	if c.t.settled.last != before {
		return fmt.Errorf("the last settled one is %d, want %d", c.t.settled.last, before)
	}
	return nil
}

func (c *census) whole() error {
	for place, f := range c.t.fulls {
		if f == nil {
			continue
		}
		if f.ref != refTo(full, uint32(place)) {
			return fmt.Errorf("%v stands at %d", f.ref, place)
		}
		if f.gone || !c.table[f.ref] {
			continue
		}
		if err := c.claim(f.ref); err != nil {
			return err
		}
		if before := f.previous; before != nil && !before.gone {
			if before.flow != f.flow {
				return fmt.Errorf("%d has another flow than its previous %v", place, before.ref)
			}
			c.live++
			if err := c.use(before.ref); err != nil {
				return err
			}
		}
	}
	for place, f := range c.t.fulls {
		if f != nil && !f.gone && !c.seen[f.ref] {
			return fmt.Errorf("nothing leads to %d", place)
		}
	}
	return nil
}

func (c *census) left() error {
	lapsed, before := &c.t.embryos.lapsed, uint32(0)
	for at := lapsed.first; at != 0; at = c.t.embryos.slab.at(at - 1).next {
		if err := c.use(refTo(lone, at-1)); err != nil {
			return fmt.Errorf("a lapsed one: %w", err)
		}
		c.lapsed++
		before = at
	}
	if lapsed.last != before {
		return fmt.Errorf("the last lapsed one is %d, want %d", lapsed.last, before)
	}
	for i := range c.t.ended {
		l := &c.t.ended[i]
		if err := c.use(l.ref); err != nil {
			return fmt.Errorf("a record not taken yet: %w", err)
		}
		if l.ref.form() == settled {
			if q := c.t.settleds.at(l.ref.place()); q.story != 0 {
				for _, free := range c.t.told {
					if free == q.story-1 {
						return fmt.Errorf("story %d is free, and not told yet", free)
					}
				}
			}
		}
	}
	return nil
}

// unused: every place is either in use or free, once.
func (c *census) unused() error {
	all := 0
	for _, s := range []struct {
		form form
		free []uint32
		next uint32
	}{
		{lone, c.t.embryos.slab.free, c.t.embryos.slab.next},
		{plain, c.t.plains.free, c.t.plains.next},
		{settled, c.t.settleds.free, c.t.settleds.next},
	} {
		all += int(s.next)
		for _, place := range s.free {
			if err := c.use(refTo(s.form, place)); err != nil {
				return fmt.Errorf("a free one: %w", err)
			}
		}
	}
	all += len(c.t.fulls)
	for _, place := range c.t.vacant {
		if c.t.fulls[place] != nil {
			return fmt.Errorf("%d is not vacant", place)
		}
		if err := c.use(refTo(full, place)); err != nil {
			return fmt.Errorf("a vacant one: %w", err)
		}
	}
	for _, f := range c.t.unused {
		if !f.gone {
			return fmt.Errorf("%v is free, and not gone", f.ref)
		}
		if err := c.use(f.ref); err != nil {
			return fmt.Errorf("a free one: %w", err)
		}
	}
	if len(c.seen) != all {
		return fmt.Errorf("%d places, %d of them used or free", all, len(c.seen))
	}
	return nil
}

// times: nobody who waits for a moment is forgotten.
func (c *census) times() error {
	attempt := c.t.cfg.Attempt.Nanoseconds()
	if q := &c.t.embryos; q.first != 0 && q.slab.at(q.first-1).at.time()+attempt < c.t.due {
		return fmt.Errorf("the first embryo leaves before anyone is due")
	}
	if c.t.half.first != 0 && c.t.plains.at(c.t.half.first-1).heardAt()+attempt < c.t.due {
		return fmt.Errorf("the first half-open one leaves before anyone is due")
	}
	if c.t.settledUntil() < c.t.due {
		return fmt.Errorf("the first settled one leaves before anyone is due")
	}
	queued := map[*connection]int64{}
	for _, d := range c.t.queue {
		if !d.c.gone && d.life == d.c.life && d.at == d.c.queuedAt {
			queued[d.c] = d.at
		}
	}
	for _, f := range c.t.fulls {
		if f == nil || f.gone || f.deadline == 0 {
			continue
		}
		if at, ok := queued[f]; !ok || at > f.deadline || at < c.t.due {
			return fmt.Errorf("%v leaves at %d, waits until %d (%v), somebody is due at %d", f.ref, f.deadline, at, ok, c.t.due)
		}
	}
	return nil
}

// memory: what is counted of what the tracker holds is what it holds.
func (c *census) memory() error {
	t, b := c.t, &c.t.bound
	var facts, unused, told, room, asleep int64
	for place := range t.plains.next {
		if p := t.plains.at(place); p.bits&inUse != 0 && p.standsIn() {
			asleep++
		}
	}
	for _, f := range t.fulls {
		if f != nil {
			facts += f.weighed
		}
	}
	for _, f := range t.unused {
		unused += f.bulk()
	}
	for _, s := range t.stories {
		if s != nil {
			room += s.size()
		}
	}
	left := [settled + 1]int64{lone: c.lapsed}
	for _, l := range t.ended {
		left[l.ref.form()]++
	}
	for place := range t.settleds.next {
		if q := t.settleds.at(place); q.bits&inUse != 0 && q.story != 0 {
			told += t.stories[q.story-1].size()
		}
	}
	switch {
	case asleep != t.asleep:
		return fmt.Errorf("%d full connections are asleep, %d counted", asleep, t.asleep)
	case facts != b.facts:
		return fmt.Errorf("full connections have %d octets beside their size, %d counted", facts, b.facts)
	case unused != b.unused:
		return fmt.Errorf("those without use have %d, %d counted", unused, b.unused)
	case told != b.told, room != b.room:
		return fmt.Errorf("stories take %d of %d, %d of %d counted", told, room, b.told, b.room)
	case left != b.left:
		return fmt.Errorf("records not taken by form: %v, %v counted", left, b.left)
	}
	for what, l := range map[string]*line{"embryos": &t.embryos.line, "half open": &t.half, "settled": &t.settled} {
		n, most := uint32(0), max(t.embryos.slab.next, t.plains.next, t.settleds.next)
		for at := l.first; at != 0 && n <= most; n++ {
			switch l {
			case &t.embryos.line:
				at = t.embryos.slab.at(at - 1).next
			case &t.half:
				_, behind := t.plains.at(at - 1).links()
				at = *behind
			default:
				at = t.settleds.at(at - 1).next
			}
		}
		if n != l.n {
			return fmt.Errorf("%d %s in line, %d counted", n, what, l.n)
		}
	}
	return nil
}
