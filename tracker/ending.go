package tracker

import (
	"cmp"
	"math"
	"slices"
)

// remaining lists the connections that are still there at the end of the trace, but embryos, by first packet. Nobody will
// look for a connection any more: the list takes the place of the flow table, whose memory would be missed
// with a million connections open. A slot holds there, in place of a hash, how many packets after the
// earliest the connection's first one came.
func (t *Tracker) remaining() []slot {
	room := t.table.slots
	t.table = flowTable{}
	rest, earliest, latest := room[:0], uint64(math.MaxUint64), uint64(0)
	add := func(r ref, packet uint64) {
		rest = append(rest, slot{ref: r})
		earliest, latest = min(earliest, packet), max(latest, packet)
	}
	for place := range t.plains.next {
		if p := t.plains.at(place); p.bits&inUse != 0 {
			add(refTo(plain, place), p.number())
		}
	}
	for place := range t.settleds.next {
		if q := t.settleds.at(place); q.bits&inUse != 0 {
			add(refTo(settled, place), q.number())
		}
	}
	for _, c := range t.fulls {
		if c != nil && !c.gone {
			add(c.ref, c.first.Packet)
		}
	}
	if latest-min(earliest, latest) > math.MaxUint32 {
		slices.SortFunc(rest, func(a, b slot) int { return cmp.Compare(t.firstPacket(a.ref), t.firstPacket(b.ref)) })
		return rest
	}
	for i := range rest {
		rest[i].hash = uint32(t.firstPacket(rest[i].ref) - earliest)
	}
	n := len(rest)
	if cap(rest) < 2*n {
		return sorted(rest, make([]slot, n))
	}
	return sorted(rest, rest[n:2*n])
}

// firstPacket is that of a connection that is no embryo.
func (t *Tracker) firstPacket(r ref) uint64 {
	switch place := r.place(); r.form() {
	case plain:
		return t.plains.at(place).number()
	case settled:
		return t.settleds.at(place).number()
	default:
		return t.fulls[place].first.Packet
	}
}

// sorted puts slots in the order of what stands in place of their hashes, digit by digit: a million at the end of a trace
// take a tenth of the time that comparing them would. It needs as much room again.
func sorted(list, room []slot) []slot {
	const digit = 11
	highest := uint32(0)
	for _, s := range list {
		highest = max(highest, s.hash)
	}
	for shift := 0; shift < 32 && highest>>shift != 0; shift += digit {
		var begins [1 << digit]int
		for _, s := range list {
			begins[s.hash>>shift&(1<<digit-1)]++
		}
		sum := 0
		for i, n := range begins {
			begins[i], sum = sum, sum+n
		}
		for _, s := range list {
			d := s.hash >> shift & (1<<digit - 1)
			room[begins[d]] = s
			begins[d]++
		}
		list, room = room, list
	}
	return list
}
