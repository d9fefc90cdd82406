package capture

import (
	"errors"
	"sync/atomic"
)

// ErrMemory is an input that asks for more memory than Options.MaxMemory leaves it.
var ErrMemory = errors.New("more memory than --max-memory leaves for reading")

// room is the memory that all open inputs may take together. One without an end is nil.
type room struct{ left atomic.Int64 }

func newRoom(octets int64) *room {
	if octets <= 0 {
		return nil
	}
	r := new(room)
	r.left.Store(octets)
	return r
}

// account is what one input takes of it. The zero value takes from no room, as much as it likes.
type account struct {
	room *room
	held int64
}

// take reports whether there is room for so many octets, which are taken then.
func (a *account) take(octets int64) bool {
	if a.room != nil && a.room.left.Add(-octets) < 0 {
		a.room.left.Add(octets)
		return false
	}
	a.held += octets
	return true
}

func (a *account) give(octets int64) {
	if a.room != nil {
		a.room.left.Add(octets)
	}
	a.held -= octets
}

// close gives all back.
func (a *account) close() { a.give(a.held) }

// inputSize is about what is kept of an input while it is closed: its path, several times, and what was seen of it.
const inputSize = 1 << 10

// Footprint is about how many bytes reading will take at most, as far as looking at the inputs tells: those not
// of the same time take their buffers one after the other.
func (s *Source) Footprint() int64 {
	n := int64(len(s.inputs)) * inputSize
	open := int64(0)
	for i, in := range s.pending {
		if i < maxOpen {
			open += in.needs
		}
	}
	if s.opt.MaxMemory > 0 {
		open = min(open, s.opt.MaxMemory)
	}
	return n + open
}
