package tracker

import (
	"math/bits"
	"unsafe"
)

// A slab grows by chunks of doubling length, so that a small trace costs little, and then of equal length, so that
// little of the last one is unused.
const (
	firstChunkBits = 4
	chunkBits      = 11
)

// slab holds values at fixed places: chunks never move. It uses the place again that was freed last. Values
// without pointers cost the garbage collector nothing.
type slab[T any] struct {
	chunks [][]T
	free   []uint32
	next   uint32 // the first place that was never used
}

// at returns the value at a place.
func (s *slab[T]) at(place uint32) *T {
	if n := place + 1<<firstChunkBits; n < 1<<chunkBits {
		k := bits.Len32(n) - firstChunkBits - 1
		return &s.chunks[k][n-1<<(k+firstChunkBits)]
	} else {
		return &s.chunks[n>>chunkBits+chunkBits-firstChunkBits-1][n&(1<<chunkBits-1)]
	}
}

// take returns a place. What stood there before is still there.
func (s *slab[T]) take() (place uint32, v *T) {
	if n := len(s.free); n > 0 {
		place = s.free[n-1]
		s.free = s.free[:n-1]
		return place, s.at(place)
	}
	place = s.next
	s.next++
	if n := place + 1<<firstChunkBits; n&(n-1) == 0 && n < 1<<chunkBits {
		s.chunks = append(s.chunks, make([]T, n))
	} else if n&(1<<chunkBits-1) == 0 {
		s.chunks = append(s.chunks, make([]T, 1<<chunkBits))
	}
	return place, s.at(place)
}

// give returns a place.
func (s *slab[T]) give(place uint32) { s.free = append(s.free, place) }

// used is how many places are taken.
func (s *slab[T]) used() int64 { return int64(s.next) - int64(len(s.free)) }

// size is what it takes, in octets.
func (s *slab[T]) size() int64 {
	var v T
	return int64(chunkEnd(len(s.chunks)))*int64(unsafe.Sizeof(v)) + int64(cap(s.free))*4
}

// chunkEnd is the first place behind so many chunks.
func chunkEnd(chunks int) uint32 {
	const doubling = chunkBits - firstChunkBits
	if chunks <= doubling {
		return 1<<(chunks+firstChunkBits) - 1<<firstChunkBits
	}
	return uint32(chunks-doubling+1)<<chunkBits - 1<<firstChunkBits
}
