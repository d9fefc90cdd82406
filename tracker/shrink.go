package tracker

// Giving memory back. Traffic changes: what a flood of attempts took must serve the connections that come after it. A form's places
// are scattered, so those of the last chunks move to free ones further in front, and the chunks go. It is done
// only when the bound is reached, and only when no record waits to be taken, so that nobody else knows a place.

const (
	// keptUnused is how many full connections without use are kept for the next ones, keptStories the same of stories.
	keptUnused  = 64
	keptStories = 64
)

// giveBack gives back what nobody uses.
func (t *Tracker) giveBack() {
	t.dropUnused()
	t.dropStories()
	t.embryos.slab.shrink(func(from, to uint32) {
		e := t.embryos.slab.at(to)
		moveUp(&t.embryos.line, &t.embryos.slab, to)
		flow := t.embryos.flow(e)
		t.moveTo(t.hash(&flow, uint32(e.path)), lone, from, to)
	})
	t.embryos.shrinkLong()
	t.plains.shrink(func(from, to uint32) {
		p := t.plains.at(to)
		if p.bits&established == 0 {
			moveUp(&t.half, &t.plains, to)
		}
		t.moveTo(t.hash(&p.flow, p.anyPath()), plain, from, to)
	})
	t.settleds.shrink(func(from, to uint32) {
		q := t.settleds.at(to)
		moveUp(&t.settled, &t.settleds, to)
		t.moveTo(t.hash(&q.flow, q.anyPath()), settled, from, to)
	})
	for t.table.used < len(t.table.slots)/4 && len(t.table.slots) > fewestSlots {
		t.table.resize(len(t.table.slots) / 2)
	}
}

// moveTo tells the table of a move.
func (t *Tracker) moveTo(hash uint64, f form, from, to uint32) {
	t.table.replace(uint32(hash), refTo(f, from), refTo(f, to))
}

// moveUp tells the neighbours of the value at a place that it stands there now.
func moveUp[T any, P queued[T]](l *line, s *slab[T], place uint32) {
	before, behind := P(s.at(place)).links()
	if *before != 0 {
		_, next := P(s.at(*before - 1)).links()
		*next = place + 1
	} else {
		l.first = place + 1
	}
	if *behind != 0 {
		prev, _ := P(s.at(*behind - 1)).links()
		*prev = place + 1
	} else {
		l.last = place + 1
	}
}

// shrinkLong does it for the addresses of IPv6. Which embryo they belong to is known to that alone.
func (q *embryos) shrinkLong() {
	moves := map[uint32]uint32{}
	q.long.shrink(func(from, to uint32) { moves[from] = to })
	if len(moves) == 0 {
		return
	}
	for at := q.first; at != 0; {
		e := q.slab.at(at - 1)
		if e.bits.isLong() {
			if to, moved := moves[e.a]; moved {
				e.a = to
			}
		}
		at = e.next
	}
}

// shrink gives back the last chunks if those before them have room for all values in use, and some more. It tells of each
// value that moved.
func (s *slab[T]) shrink(moved func(from, to uint32)) {
	used := s.used()
	chunks := 0
	for int64(chunkEnd(chunks)) < used+min(used/32, 1<<chunkBits)+1<<firstChunkBits {
		chunks++
	}
	if chunks >= len(s.chunks) {
		return
	}
	end := chunkEnd(chunks)
	free := make([]bool, s.next-min(s.next, end)) // of those behind the end
	front := s.free[:0]
	for _, place := range s.free {
		if place < end {
			front = append(front, place)
		} else {
			free[place-end] = true
		}
	}
	for i, isFree := range free {
		if !isFree {
			from, to := end+uint32(i), front[len(front)-1]
			front = front[:len(front)-1]
			*s.at(to) = *s.at(from)
			moved(from, to)
		}
	}
	s.free = append([]uint32(nil), front...)
	clear(s.chunks[chunks:])
	s.chunks = s.chunks[:chunks]
	s.next = min(s.next, end)
}

// dropUnused forgets most of the full connections that nobody uses, and whatever led to them.
func (t *Tracker) dropUnused() {
	if len(t.unused) <= keptUnused {
		return
	}
	for _, c := range t.unused[keptUnused:] {
		t.bound.unused -= c.bulk()
		t.fulls[c.ref.place()] = nil
		t.vacant = append(t.vacant, c.ref.place())
	}
	clear(t.unused[keptUnused:])
	t.unused = t.unused[:keptUnused]
	t.dropVoid()
	t.queue = append(deadlines(nil), t.queue...)
}

// dropStories does it for stories.
func (t *Tracker) dropStories() {
	if len(t.told) <= keptStories {
		return
	}
	for _, place := range t.told[:len(t.told)-keptStories] {
		if s := t.stories[place]; s != nil {
			t.bound.room -= s.size()
			t.stories[place] = nil
		}
	}
}
