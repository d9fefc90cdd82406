package capture

import (
	"cmp"
	"slices"
	"time"
)

// Pause is a time without any packet in the whole trace.
type Pause struct {
	From, To int64 // the packets around it, nanoseconds since 1970 UTC; To is before From where the clock went back
	// Packets were met from Since until From, without another Pause.
	Packets uint64
	Since   int64

	FromFile, ToFile uint32 // the files of From and To, by Stats.Files
}

func (p *Pause) length() int64 { return max(p.To-p.From, p.From-p.To) }

const (
	// leastPause is how long a time without any packet is worth knowing, in nanoseconds.
	leastPause = uint64(time.Second)
	// maxPauses bounds how many pauses are kept, the longest ones, and how many steps back.
	maxPauses = 64
)

// pauses are the longest times without a packet, in the order of the trace.
type pauses struct {
	longest, back []Pause
	latest        int64  // time of the packet before
	file          uint32 // and its file
	packets       uint64 // those before since
	since         int64
}

// between takes the next packet of the trace, of a file, if some time lies between it and the one before. n is how many came before.
func (p *pauses) between(at int64, n uint64, file uint32) {
	if n == 0 {
		p.since, p.latest, p.file = at, at, file
		return
	}
	from := p.file
	p.file = file
	if passed := uint64(at - p.latest); passed <= leastPause || -passed <= leastPause {
		return
	}
	one := Pause{From: p.latest, To: at, Packets: n - p.packets, Since: p.since, FromFile: from, ToFile: file}
	if at < p.latest {
		p.back = keep(p.back, one)
	} else {
		p.longest = keep(p.longest, one)
	}
	p.packets, p.since = n, at
}

// keep adds one to the longest, the first of those that are alike.
func keep(longest []Pause, one Pause) []Pause {
	if len(longest) < maxPauses {
		return append(longest, one)
	}
	i := 0
	for k := range longest {
		if longest[k].length() <= longest[i].length() {
			i = k
		}
	}
	if longest[i].length() >= one.length() {
		return longest
	}
	return append(slices.Delete(longest, i, i+1), one)
}

// all returns the pauses and the steps back, each in the order of time.
func (p *pauses) all() []Pause {
	all := slices.Concat(p.longest, p.back)
	slices.SortFunc(all, func(a, b Pause) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	return all
}
