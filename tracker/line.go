package tracker

// line is a queue through values of a slab, each linked to its neighbours: who came first stands first, and anybody may
// step out.
type line struct {
	first, last uint32 // place+1; 0: nobody
	n           uint32
}

// queued is a value that can stand in a line.
type queued[T any] interface {
	*T
	links() (before, behind *uint32) // place+1 of its neighbours
}

// join puts the value at a place behind all others.
func join[T any, P queued[T]](l *line, s *slab[T], place uint32) {
	before, behind := P(s.at(place)).links()
	*before, *behind = l.last, 0
	l.n++
	if l.last != 0 {
		_, end := P(s.at(l.last - 1)).links()
		*end = place + 1
	} else {
		l.first = place + 1
	}
	l.last = place + 1
}

// stepOut takes the value at a place out of the line.
func stepOut[T any, P queued[T]](l *line, s *slab[T], place uint32) {
	before, behind := P(s.at(place)).links()
	l.n--
	if *before != 0 {
		_, next := P(s.at(*before - 1)).links()
		*next = *behind
	} else {
		l.first = *behind
	}
	if *behind != 0 {
		prev, _ := P(s.at(*behind - 1)).links()
		*prev = *before
	} else {
		l.last = *before
	}
	*before, *behind = 0, 0
}
