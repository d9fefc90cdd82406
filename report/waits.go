package report

import (
	"cmp"
	"maps"
	"slices"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/tracker"
)

// EphemeralPorts is how many source ports a Linux host has towards one server
// address and port: net.ipv4.ip_local_port_range, 32768 to 60999 by default. Each
// TIME_WAIT at the client keeps one of them.
const EphemeralPorts = 28232

const (
	maxHolders = 256  // pairs of holder and server whose peak is kept
	maxSteps   = 2048 // moments kept for one pair before its clock gets coarser
)

// waits counts the TIME_WAITs of each holder and how many there were at once.
type waits struct {
	count   uint64
	byRole  [2]uint64
	both    uint64 // connections that left one at both ends, after a simultaneous close
	holders map[holder]*steps
	unnamed uint64 // TIME_WAITs of holders beyond the most that are named
	most    int
}

// holder is who holds TIME_WAIT towards which server. For a server itself the IP
// is its own.
type holder struct {
	role   tracker.Role
	ip     segment.IP
	server segment.Endpoint
}

// steps is how the number of TIME_WAITs of one holder changed over time: +1 where
// one begins, -1 where it ends. Records arrive in no order of these moments, so
// the peak is known at the end only; memory stays bounded as the moments are
// rounded to a coarser clock when there are too many.
type steps struct {
	count   uint64
	quantum int64 // nanoseconds
	at      map[int64]int64
}

func newWaits() waits { return waits{holders: map[holder]*steps{}, most: maxHolders} }

func (w *waits) add(one wait) {
	w.count++
	w.byRole[one.role]++
	if one.both {
		w.both++
	}
	s := w.holders[one.holder]
	if s == nil {
		if len(w.holders) >= w.most {
			w.unnamed++
			return
		}
		s = &steps{quantum: 1, at: map[int64]int64{}}
		w.holders[one.holder] = s
	}
	s.add(one.since, one.until)
}

func (s *steps) add(since, until int64) {
	s.count++
	s.at[since/s.quantum]++
	s.at[until/s.quantum]--
	for len(s.at) > maxSteps {
		s.quantum *= 2
		coarse := make(map[int64]int64, len(s.at)/2)
		for at, n := range s.at {
			coarse[at/2] += n
		}
		maps.DeleteFunc(coarse, func(_, n int64) bool { return n == 0 })
		s.at = coarse
	}
}

// peak returns the largest number at once and when it was reached first.
func (s *steps) peak() (n uint64, at int64) {
	var now, most int64
	for _, t := range slices.Sorted(maps.Keys(s.at)) {
		now += s.at[t]
		if now > most {
			most, at = now, t*s.quantum
		}
	}
	return uint64(most), at
}

// held is one line of the list of holders.
type held struct {
	holder
	count, peak uint64
	peakAt      int64
}

// list returns the holders, the highest peak first.
func (w *waits) list() []held {
	hs := make([]held, 0, len(w.holders))
	for h, s := range w.holders {
		n, at := s.peak()
		hs = append(hs, held{h, s.count, n, at})
	}
	slices.SortFunc(hs, func(a, b held) int {
		return cmp.Or(cmp.Compare(b.peak, a.peak), cmp.Compare(b.count, a.count), cmp.Compare(a.role, b.role),
			slices.Compare(a.ip[:], b.ip[:]), a.server.Compare(b.server))
	})
	return hs
}
