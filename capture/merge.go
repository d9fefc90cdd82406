package capture

import "math"

// merger is a heap of open cursors, the one with the earliest packet on top.
// Of packets with the same time that of the lower file index comes first.
type merger []*cursor

func (m merger) less(i, j int) bool {
	a, b := m[i], m[j]
	if a.time != b.time {
		return a.time < b.time
	}
	return a.in.index < b.in.index
}

func (m *merger) push(c *cursor) {
	*m = append(*m, c)
	h := *m
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 2
		if !h.less(i, parent) {
			return
		}
		h[i], h[parent] = h[parent], h[i]
		i = parent
	}
}

// fix restores the order after the top moved to its next packet.
func (m merger) fix() {
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(m); child++ {
			if m.less(child, least) {
				least = child
			}
		}
		if least == i {
			return
		}
		m[i], m[least] = m[least], m[i]
		i = least
	}
}

// limit is a time before which packets of the top come before those of all
// other cursors.
func (m merger) limit() int64 {
	limit := int64(math.MaxInt64)
	for _, c := range m[1:min(len(m), 3)] { // the top's children: all others come after one of them
		limit = min(limit, c.time)
	}
	return limit
}

// pop removes the top.
func (m *merger) pop() *cursor {
	h := *m
	top, last := h[0], len(h)-1
	h[0] = h[last]
	h[last] = nil
	*m = h[:last]
	m.fix()
	return top
}
