package tracker

import "github.com/tcplife/tcplife/internal/segment"

// history remembers how many connections of a 4-tuple have left the table, so that the next
// one is numbered after them. It forgets the oldest beyond its size.
type history struct {
	count map[segment.Flow]int
	order []segment.Flow // a ring
	next  int
}

// maxHistory bounds the 4-tuples remembered: about 100 MB, reached after a million of them have closed.
const maxHistory = 1 << 20

// left records that connection number n of flow left.
func (h *history) left(flow segment.Flow, n int) {
	if h.count == nil {
		h.count = make(map[segment.Flow]int)
	}
	if _, known := h.count[flow]; !known {
		if len(h.order) < maxHistory {
			h.order = append(h.order, flow)
		} else {
			delete(h.count, h.order[h.next])
			h.order[h.next] = flow
			h.next = (h.next + 1) % maxHistory
		}
	}
	h.count[flow] = max(n, h.count[flow])
}

// before returns how many connections of flow have left.
func (h *history) before(flow segment.Flow) int { return h.count[flow] }
