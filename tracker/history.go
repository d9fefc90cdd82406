package tracker

// history remembers how many connections of a 4-tuple have left the table, so that the next
// one is numbered after them. It knows flows by their hash, and forgets the oldest beyond its size.
type history struct {
	hashes []uint64 // open addressing with linear probing; 0: free
	counts []uint16 // saturating
	order  []uint64 // a ring, in order of their coming
	next   int
	less   uint8 // how often its size is halved, for want of memory
}

// maxHistory bounds the 4-tuples remembered: about 30 MB, reached after a million of them have closed.
const maxHistory = 1 << 20

func (h *history) most() int { return maxHistory >> h.less }

// size is what it takes, in octets.
func (h *history) size() int64 { return int64(len(h.hashes))*(8+2) + int64(cap(h.order))*8 }

// fit halves it until it takes no more than that at its largest.
func (h *history) fit(octets int64) {
	const each = 2*(8+2) + 8 // its table is at least a quarter empty, and doubles
	for int64(h.most())*each > octets && h.most() > fewestSlots {
		h.less++
	}
}

// left records that connection number n of the flow with this hash left.
func (h *history) left(hash uint64, n int) {
	hash |= 1 // never 0
	if len(h.order) >= len(h.hashes)/4*3 && len(h.order) < h.most() {
		h.grow()
	}
	i := h.find(hash)
	if h.hashes[i] == 0 {
		if len(h.order) < h.most() {
			h.order = append(h.order, hash)
		} else {
			h.forget(h.order[h.next])
			h.order[h.next] = hash
			h.next = (h.next + 1) % h.most()
			i = h.find(hash)
		}
		h.hashes[i] = hash
	}
	h.counts[i] = max(h.counts[i], uint16(min(n, 1<<16-1)))
}

// before returns how many connections of the flow with this hash have left.
func (h *history) before(hash uint64) int {
	if len(h.order) == 0 {
		return 0
	}
	return int(h.counts[h.find(hash|1)])
}

// find returns the place of a hash, or the free one where it belongs. The upper bits choose
// the place: the lower ones do so in the flow table.
func (h *history) find(hash uint64) int {
	mask := len(h.hashes) - 1
	i := int(hash>>32) & mask
	for h.hashes[i] != 0 && h.hashes[i] != hash {
		i = (i + 1) & mask
	}
	return i
}

func (h *history) grow() {
	old := *h
	size := max(2*len(old.hashes), fewestSlots)
	h.hashes, h.counts = make([]uint64, size), make([]uint16, size)
	for i, hash := range old.hashes {
		if hash != 0 {
			j := h.find(hash)
			h.hashes[j], h.counts[j] = hash, old.counts[i]
		}
	}
}

// forget removes a hash and moves up those behind it that would be found no more.
func (h *history) forget(hash uint64) {
	mask := len(h.hashes) - 1
	i := h.find(hash)
	for j := (i + 1) & mask; h.hashes[j] != 0; j = (j + 1) & mask {
		home := int(h.hashes[j]>>32) & mask
		if (j-home)&mask >= (j-i)&mask {
			h.hashes[i], h.counts[i] = h.hashes[j], h.counts[j]
			i = j
		}
	}
	h.hashes[i], h.counts[i] = 0, 0
}
