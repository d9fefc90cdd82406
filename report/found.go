package report

import (
	"sync"

	"github.com/tcplife/tcplife/report/anomaly"
)

// foundKinds counts findings by kind. A capture has a dozen kinds, those of most connections
// first: they are looked for in turn, which takes less than a map.
type foundKinds []kindCount

// kindCount is a kind of finding with how often it was found.
type kindCount struct {
	kind  *anomaly.Kind
	count uint64
}

func (f *foundKinds) add(k *anomaly.Kind, n uint64) {
	for i := range *f {
		if one := &(*f)[i]; one.kind == k {
			one.count += n
			return
		}
	}
	*f = append(*f, kindCount{k, n})
}

func (f foundKinds) of(k *anomaly.Kind) uint64 {
	for i := range f {
		if f[i].kind == k {
			return f[i].count
		}
	}
	return 0
}

// kindNumbers numbers the kinds that remarks speak of, for a Writer and all its parts.
type kindNumbers struct {
	mu    sync.Mutex
	kinds []*anomaly.Kind
}

// number returns k's number; a part asks once for each kind.
func (n *kindNumbers) number(k *anomaly.Kind) uint16 {
	n.mu.Lock()
	defer n.mu.Unlock()
	for i, known := range n.kinds {
		if known == k {
			return uint16(i)
		}
	}
	n.kinds = append(n.kinds, k)
	return uint16(len(n.kinds) - 1)
}

func (n *kindNumbers) kind(number uint16) *anomaly.Kind {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.kinds[number]
}
