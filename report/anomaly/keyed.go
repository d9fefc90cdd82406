package anomaly

import (
	"maps"
	"slices"
)

// keyed holds a value for each key, for a bounded number of them. When there are more, the first
// ones in the order of keys stay: which they are, and what was added to them, does not depend
// on the order in which they came, so that shares of a trace can be merged.
type keyed[K comparable, V any] struct {
	values  map[K]*V
	compare func(a, b K) int
	end     K // no key from here on is kept, valid if full
	full    bool
}

func newKeyed[K comparable, V any](compare func(a, b K) int) keyed[K, V] {
	return keyed[K, V]{values: map[K]*V{}, compare: compare}
}

// at returns the value of the key, which is made if there is none; nil if the key is not kept.
func (m *keyed[K, V]) at(key K) *V {
	v := m.values[key]
	if v == nil && !(m.full && m.compare(key, m.end) >= 0) {
		v = new(V)
		m.values[key] = v
	}
	return v
}

// trim gives up the keys behind the first keep when there are more than slack, so that sorting
// them is rare.
func (m *keyed[K, V]) trim(keep, slack int, drop func(*V)) {
	if len(m.values) <= slack {
		return
	}
	m.cut(slices.SortedFunc(maps.Keys(m.values), m.compare), keep, drop)
}

// trimTo gives up the keys behind the first whose values together are no larger than room.
func (m *keyed[K, V]) trimTo(room int, size func(*V) int, drop func(*V)) {
	keys := slices.SortedFunc(maps.Keys(m.values), m.compare)
	for i, key := range keys {
		if room -= size(m.values[key]); room < 0 {
			m.cut(keys, i, drop)
			return
		}
	}
}

// cut gives up all but the first so many of the keys.
func (m *keyed[K, V]) cut(keys []K, keep int, drop func(*V)) {
	m.end, m.full = keys[keep], true
	for _, key := range keys[keep:] {
		drop(m.values[key])
		delete(m.values, key)
	}
}
