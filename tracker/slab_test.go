package tracker

import "testing"

// TestSlabPlacesAreApart: no two places are the same, chunks old and new.
func TestSlabPlacesAreApart(t *testing.T) {
	var s slab[uint32]
	const n = 3 << chunkBits
	for i := range uint32(n) {
		place, v := s.take()
		if place != i {
			t.Fatalf("place %d comes as the %dth", place, i)
		}
		*v = i
	}
	for i := range uint32(n) {
		if got := *s.at(i); got != i {
			t.Fatalf("at place %d stands what was put at %d", i, got)
		}
	}
	s.give(5)
	if place, _ := s.take(); place != 5 {
		t.Errorf("place %d was taken, want the one that is free", place)
	}
}
