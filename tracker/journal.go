package tracker

import (
	"unsafe"

	"github.com/tcplife/tcplife/internal/segment"
)

// journal remembers the segments of the last milliseconds, all connections together, so that a segment
// captured twice is known again. Each connection has a thread through it, from its latest segment back. A
// connection that is silent keeps nothing but the end of its thread.
type journal struct {
	entries []entry // a ring: number n stands at n modulo its length, a power of two
	next    uint32  // the number of the next entry; 0 is none
	newest  uint32  // the latest time of an entry, see entry.at; that of the last one when they are disordered
	// disordered: some segment was stamped earlier than one before it. Until then what follows a segment is no older.
	disordered bool
	less       uint8 // how often its longest is halved, for want of memory
}

// entry is what tells a segment captured twice from one sent twice.
type entry struct {
	hash  uint32
	at    uint32 // the time in microseconds modulo 2^32, which is more than an hour
	own   uint32 // the entry before of the same sender
	other uint32 // the latest entry of its peer
}

// thread is a connection's way into the journal: its latest entry and who sent that.
type thread struct {
	latest uint32
	from   segment.Direction
}

// of returns the latest entry of the end that sends in direction d.
func (j *journal) of(t thread, d segment.Direction) uint32 {
	switch {
	case !j.holds(t.latest):
		return 0
	case t.from == d:
		return t.latest
	default:
		return j.at(t.latest).other
	}
}

// holds reports whether entry n is there still. After 2^32 more segments it seems so again; the hash and the time of
// another connection's entry will not match.
func (j *journal) holds(n uint32) bool {
	return n != 0 && j.next-n <= uint32(len(j.entries)) && j.next != n
}

func (j *journal) at(n uint32) *entry { return &j.entries[n&uint32(len(j.entries)-1)] }

const (
	// compared is how many of a sender's latest segments are compared: mirrored ports show the copy right behind the original.
	compared = 4
	// journalKept is for how long the journal holds its entries at least, in microseconds. A copy comes within duplicateWithin.
	journalKept     = 2 * duplicateWithin
	shortestJournal = 1 << 6
	longestJournal  = 1 << 22 // 64 MB: more than 200 million segments a second
)

// size is what it takes, in octets.
func (j *journal) size() int64 { return int64(len(j.entries)) * int64(unsafe.Sizeof(entry{})) }

// fit halves its longest until that takes no more octets.
func (j *journal) fit(octets int64) {
	for int64(longestJournal>>j.less)*int64(unsafe.Sizeof(entry{})) > octets && longestJournal>>j.less > shortestJournal {
		j.less++
	}
}

// add remembers a segment of the end that sends in direction d.
func (j *journal) add(t *thread, d segment.Direction, hash, now uint32) {
	if j.entries == nil {
		j.entries, j.next, j.newest = make([]entry, shortestJournal), 1, now
	}
	if int32(now-j.newest) > 0 || j.disordered { // a clock that went back may never catch up
		j.newest = now
	}
	if oldest := j.at(j.next); j.next > uint32(len(j.entries)) && len(j.entries) < longestJournal>>j.less {
		if age := int32(j.newest - oldest.at); age < journalKept && age > -journalKept {
			j.grow()
		}
	}
	e := entry{hash: hash, at: now, own: j.of(*t, d), other: j.of(*t, d.Reverse())}
	t.latest, t.from = j.next, d
	*j.at(j.next) = e
	if j.next++; j.next == 0 {
		j.next++
	}
}

func (j *journal) grow() {
	old := *j
	j.entries = make([]entry, 2*len(old.entries))
	for n := j.next - uint32(len(old.entries)); n != j.next; n++ {
		*j.at(n) = *old.at(n)
	}
}

// has reports whether one of the latest segments of the end that sends in direction d is the same as one
// with this hash, captured now, and is no further away than limit microseconds.
func (j *journal) has(t thread, d segment.Direction, hash, now uint32, limit int32) bool {
	n := j.of(t, d)
	for range compared {
		if !j.holds(n) {
			return false
		}
		e := j.at(n)
		if age := int32(now - e.at); e.hash == hash && age <= limit && age >= -limit {
			return true
		}
		n = e.own
	}
	return false
}

// fingerprintOf hashes all that two captures of one transmission share. TTL, MAC
// addresses and VLAN tags differ on a routed mirror port and stay out.
func fingerprintOf(s *segment.Segment) uint32 {
	// Each word is mixed before they meet: a FIN differs from the ACK before it by one bit of the flags and, if it
	// acknowledges one octet more, one of the acknowledgement.
	h := (uint64(s.Seq)<<32|uint64(s.Ack))*0xff51afd7ed558ccd ^
		(uint64(s.IPID)<<48|uint64(s.PayloadLen)<<16|uint64(s.Flags))*0x9e3779b97f4a7c15
	h ^= h >> 29
	h = (h ^ uint64(s.Options.TSVal)<<32 ^ uint64(s.Options.TSEcr) ^ uint64(s.Window)<<24) * 0xbf58476d1ce4e5b9
	h ^= h >> 32
	for _, b := range s.Options.SACK[:s.Options.SACKs] {
		h = (h ^ uint64(b.Left)<<32 ^ uint64(b.Right)) * 0x94d049bb133111eb
	}
	return uint32(h>>32) | 1
}

// duplicateLimit is how close together two captures of s lie, in microseconds; ok is false if nothing tells them
// from two transmissions. Without an IP identification only octets and
// controls within the same millisecond count, for nothing is retransmitted that fast;
// pure ACKs and RSTs answer several segments alike.
func duplicateLimit(s *segment.Segment) (limit int32, ok bool) {
	switch {
	case s.HasIPID:
		return duplicateWithin, true
	case s.Len() == 0 || s.Flags.Has(segment.RST):
		return 0, false
	default:
		return duplicateWithinNoID, true
	}
}

// seenBefore reports whether s is a second capture of one of the last segments
// of its sender, and remembers it if it is not. last is when that sent its last segment,
// heard when either end did.
func (j *journal) seenBefore(t *thread, s *segment.Segment, last, heard int64) bool {
	limit, ok := duplicateLimit(s)
	if !ok {
		return false
	}
	h, now := fingerprintOf(s), microseconds(s.Time)
	if !j.past(last, s.Time) && j.has(*t, s.Dir, h, now, limit) {
		return true
	}
	j.append(t, s, h, heard)
	return false
}

// remember is seenBefore for a segment that cannot have been seen before.
func (j *journal) remember(t *thread, s *segment.Segment, heard int64) {
	if _, ok := duplicateLimit(s); ok {
		j.append(t, s, fingerprintOf(s), heard)
	}
}

func (j *journal) append(t *thread, s *segment.Segment, hash uint32, heard int64) {
	if j.past(heard, s.Time) {
		*t = thread{} // it leads to nothing that matters any more
	}
	j.add(t, s.Dir, hash, microseconds(s.Time))
}

// past reports whether nothing sent until then can be a first capture of what was sent now.
func (j *journal) past(then, now int64) bool {
	return !j.disordered && now-then > int64(duplicateWithin+1)*1000
}

func microseconds(at int64) uint32 { return uint32(at / 1000) }
