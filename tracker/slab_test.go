package tracker

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

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

// TestSlabShrinks: against a map as the model. What moves is told, nothing is lost, and what nobody uses is given back.
func TestSlabShrinks(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 5))
		var s slab[uint64]
		model := map[uint32]uint64{} // by place
		var order []uint32
		for round := range 30 {
			most := []int{0, 10, 200, 3 << chunkBits, 9 << chunkBits}[r.IntN(5)]
			for len(order) < most {
				place, v := s.take()
				if _, used := model[place]; used {
					t.Fatalf("seed %d, round %d: place %d is given out twice", seed, round, place)
				}
				*v = r.Uint64()
				model[place] = *v
				order = append(order, place)
			}
			for len(order) > most {
				i := r.IntN(len(order))
				s.give(order[i])
				delete(model, order[i])
				order[i] = order[len(order)-1]
				order = order[:len(order)-1]
			}
			s.shrink(func(from, to uint32) {
				if _, used := model[to]; used {
					t.Fatalf("seed %d, round %d: %d moves to %d, which is in use", seed, round, from, to)
				}
				model[to] = model[from]
				delete(model, from)
			})
			order = slices.Sorted(maps.Keys(model))
			for place, want := range model {
				if got := *s.at(place); got != want {
					t.Fatalf("seed %d, round %d: at %d stands %d, want %d", seed, round, place, got, want)
				}
			}
			if room := int(chunkEnd(len(s.chunks))); room > 2*most+3<<chunkBits || s.used() != int64(most) {
				t.Errorf("seed %d, round %d: %d places for %d values, %d of them used", seed, round, room, most, s.used())
			}
		}
	}
}
