package tracker

import (
	"unsafe"

	"github.com/tcplife/tcplife/internal/segment"
)

// journals remember the first captures of segments, all connections together, so that a segment captured twice is known again
// whatever form its connection has. All of them stay for as long as copies come from near by. Those of connections that are met in
// two places (segments by two ways, or copies) stay for as long as any copy comes, and so do SYN and SYN-ACK, by whose copies
// most such connections show first. Half a second of everything would not stay in the processor's own memory: that
// costs a tenth to a third of the whole run, where this costs nothing that can be measured.
type journals struct{ near, far journal }

// journal remembers the segments of the last milliseconds.
type journal struct {
	kept    int32    // for how long it holds its entries at least, in microseconds
	entries []entry  // a ring: number n stands at n modulo its length, a power of two
	index   []uint32 // by fingerprint: the latest entry in that place, 0 if there was none; of twice the length
	next    uint32   // the number of the next entry; 0 is none
	filled  int      // how many places of entries were passed
	newest  uint32   // the latest time of an entry, see entry.at; that of the last one when they are disordered
	// disordered: some segment was stamped earlier than one before it. Until then what follows a segment is no older.
	disordered bool
	less       uint8 // how often its longest is halved, for want of memory
}

// entry is what tells a segment captured twice from one sent twice.
type entry struct {
	low, high uint32 // its fingerprint
	at        uint32 // the time in microseconds modulo 2^32, which is more than an hour
	way       way
	before    uint32 // the entry before in the same place of the index
}

// way is where a segment was met: its TTL in the lowest octet, above it the number of its path and the last bits of that of its
// file, and on top whether it was damaged.
type way uint32

const (
	pathAt   = 8
	pathBits = 18 // as many as segment.Paths tells apart
	fileAt   = pathAt + pathBits
	// damaged: its checksum was bad, and it was taken as not received.
	damaged way = 1 << 31
)

func wayOf(s *segment.Segment) way {
	return (way(s.TTL) | way(s.Path&(1<<pathBits-1))<<pathAt | way(s.File)<<fileAt) &^ damaged
}

func (w way) ttl() int     { return int(uint8(w)) }
func (w way) path() uint32 { return uint32(w) >> pathAt & (1<<pathBits - 1) }
func (w way) file() uint32 { return uint32(w&^damaged) >> fileAt }

const (
	shortestJournal = 1 << 6
	longestJournal  = 1 << 23 // 224 MB with the index: 16 million segments a second
	// mostAlike bounds the search among segments alike that are no captures of one, such as duplicate ACKs.
	mostAlike = 8
)

// holds reports whether entry n is there still. After 2^32 more segments it seems so again; the fingerprint of another
// one will not match.
func (j *journal) holds(n uint32) bool {
	return n != 0 && j.next-n <= uint32(len(j.entries)) && j.next != n
}

func (j *journal) at(n uint32) *entry { return &j.entries[n&uint32(len(j.entries)-1)] }

func newJournals() journals {
	return journals{near: journal{kept: nearbyWithin}, far: journal{kept: otherWayWithin}}
}

// size is what they take, in octets.
func (j *journals) size() int64 { return j.near.size() + j.far.size() }

func (j *journal) size() int64 { return int64(len(j.entries)) * sizeOfEntry }

// sizeOfEntry is what an entry takes with its two places in the index.
const sizeOfEntry = int64(unsafe.Sizeof(entry{})) + 2*4

// fit halves the longest of each until both together take no more octets.
func (j *journals) fit(octets int64) {
	j.near.fit(octets / 2)
	j.far.fit(octets / 2)
}

func (j *journal) fit(octets int64) {
	for int64(longestJournal>>j.less)*sizeOfEntry > octets && longestJournal>>j.less > shortestJournal {
		j.less++
	}
}

// add remembers s, for long if that is asked for.
func (j *journals) add(s *segment.Segment, print uint64, w way, long bool) {
	j.near.add(s, print, w)
	if long || s.Flags.Has(segment.SYN) {
		j.far.add(s, print, w)
	}
}

// find returns the first capture of s, whose connection is met in two places or not; nil if s is one itself. It is valid until the next
// one is added.
func (j *journals) find(s *segment.Segment, print uint64, twoWays bool) *entry {
	if twoWays || s.Flags.Has(segment.SYN) {
		if e := j.far.find(s, print); e != nil {
			return e
		}
	}
	return j.near.find(s, print)
}

// place is where the index knows of segments with a fingerprint.
func (j *journal) place(low uint32) *uint32 { return &j.index[low&uint32(len(j.index)-1)] }

// add remembers a first capture.
func (j *journal) add(s *segment.Segment, print uint64, w way) {
	now := microseconds(s.Time)
	if j.entries == nil {
		j.entries, j.index, j.next, j.newest = make([]entry, shortestJournal), make([]uint32, 2*shortestJournal), 1, now
	}
	if int32(now-j.newest) > 0 || j.disordered { // a clock that went back may never catch up
		j.newest = now
	}
	e := j.at(j.next)
	if age := int32(j.newest - e.at); age < j.kept && age > -j.kept && j.filled >= len(j.entries) && len(j.entries) < longestJournal>>j.less {
		j.grow()
		e = j.at(j.next)
	}
	j.put(e, entry{low: uint32(print), high: uint32(print >> 32), at: now, way: w}, j.next)
	j.next++
	j.filled++
	if j.next == 0 {
		j.next++
		j.filled++
	}
}

// put makes e, which has number n, the latest in its place of the index.
func (j *journal) put(e *entry, is entry, n uint32) {
	place := j.place(is.low)
	is.before = *place
	*e, *place = is, n
}

func (j *journal) grow() {
	old := *j
	j.filled = len(old.entries)
	j.entries, j.index = make([]entry, 2*len(old.entries)), make([]uint32, 2*len(old.index))
	for n := j.next - uint32(len(old.entries)); n != j.next; n++ {
		if n != 0 {
			j.put(j.at(n), *old.at(n), n)
		}
	}
}

// find returns the first capture of s, nil if it has none.
func (j *journal) find(s *segment.Segment, print uint64) *entry {
	if j.entries == nil {
		return nil
	}
	alike := 0
	for n := *j.place(uint32(print)); j.holds(n) && alike < mostAlike; {
		e := j.at(n)
		if e.low == uint32(print) && e.high == uint32(print>>32) {
			if e.captured(s, j.kept) {
				return e
			}
			alike++
		}
		n = e.before
	}
	return nil
}

// captured reports whether s, which has the fingerprint of e, is another capture of the same transmission: whether the two
// lie as close together as no two transmissions do. The surest sign is that one was met elsewhere. Of what is further away than most,
// it cannot be said.
func (e *entry) captured(s *segment.Segment, most int32) bool {
	var within int32
	stamped := s.Options.Has&segment.OptTimestamps != 0
	several := s.Len() == 0 || s.Flags.Has(segment.RST) // pure ACKs and RSTs answer several segments alike
	switch elsewhere := (e.way^wayOf(s))&^damaged != 0; {
	case elsewhere && (s.HasIPID || stamped):
		within = otherWayWithin
	case elsewhere && !several, s.HasIPID && stamped:
		within = resentWithin
	case elsewhere || s.HasIPID:
		within = sameWayWithin
	case !several:
		within = sameWayWithinNoID
	default:
		return false
	}
	within = min(within, most)
	age := int32(microseconds(s.Time) - e.at)
	return age <= within && age >= -within
}

// fingerprintOf hashes all that two captures of one transmission share; flow is the hash of its flow. TTL, MAC addresses and
// VLAN tags differ on a routed mirror port and stay out.
func fingerprintOf(s *segment.Segment, flow uint64) uint64 {
	h := uint64(s.Seq)<<32 | uint64(s.Ack)
	h = (h ^ flow ^ uint64(s.Dir)) * 0x9e3779b97f4a7c15
	h ^= h >> 32
	if s.HasIPID {
		h ^= uint64(s.IPID) << 48
	}
	h = (h ^ uint64(s.PayloadLen)<<16 ^ uint64(s.Flags)) * 0x9e3779b97f4a7c15
	h ^= h >> 29
	h = (h ^ uint64(s.Options.TSVal)<<32 ^ uint64(s.Options.TSEcr) ^ uint64(s.Window)<<24) * 0xbf58476d1ce4e5b9
	h ^= h >> 32
	for _, b := range s.Options.SACK[:s.Options.SACKs] {
		h = (h ^ uint64(b.Left)<<32 ^ uint64(b.Right)) * 0x94d049bb133111eb
		h ^= h >> 32
	}
	return h
}

func microseconds(at int64) uint32 { return uint32(at / 1000) }
