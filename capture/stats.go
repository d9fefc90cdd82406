package capture

import (
	"errors"
	"fmt"
)

// What is wrong with an input; a FileError wraps one of them where it applies.
var (
	// ErrEmpty is a file without a single byte.
	ErrEmpty = errors.New("empty file; expected " + expected)
	// ErrNotCapture is a file that begins as no capture does.
	ErrNotCapture = errors.New("not a capture")
	// ErrCutShort is a file that ends inside a record, as the newest file of
	// a running or killed capture does.
	ErrCutShort = errors.New("cut short")
)

const expected = "pcap, pcapng, snoop or a gzip, zstd, lz4 or bzip2 of one"

// FileError is what stopped the reading of one input.
type FileError struct {
	Path string
	// Packet is the number, within the file and from 1, of the packet that
	// could not be read. 0 when the trouble is not with a packet.
	Packet uint64
	// Offset is where that packet's record begins, in bytes; valid with Packet.
	Offset int64
	// Decompressed says that Offset counts bytes after decompression.
	Decompressed bool
	Err          error
}

// Error names file, packet and offset.
func (e *FileError) Error() string {
	if e.Packet == 0 {
		return e.Path + ": " + e.Err.Error()
	}
	unit := ""
	if e.Decompressed {
		unit = " (decompressed)"
	}
	if errors.Is(e.Err, ErrCutShort) {
		return fmt.Sprintf("%s: cut short in packet %d at offset %d%s", e.Path, e.Packet, e.Offset, unit)
	}
	if errors.Is(e.Err, ErrMemory) {
		return fmt.Sprintf("%s: packet %d at offset %d%s %v (%s read)", e.Path, e.Packet, e.Offset, unit, e.Err, packets(e.Packet-1))
	}
	return fmt.Sprintf("%s: packet %d at offset %d%s: %v; the file is damaged from here (%s read)",
		e.Path, e.Packet, e.Offset, unit, e.Err, packets(e.Packet-1))
}

// Unwrap returns what was wrong, without the place.
func (e *FileError) Unwrap() error { return e.Err }

func packets(n uint64) string {
	if n == 1 {
		return "1 packet"
	}
	return fmt.Sprintf("%d packets", n)
}

// Stats is what a Source saw so far.
type Stats struct {
	// Files holds every input in canonical order: by time of the first packet,
	// then by path; inputs without any packet come last. Segment.File indexes it.
	Files []FileStats

	// Packets counts frames, TCP those that were handed out as segments, Bytes
	// the frames' lengths on the wire. Frames that the filter rejected are in
	// none of them, only in Filtered.
	Packets, TCP, Bytes uint64
	Filtered            uint64
	// Quotes counts ICMP errors that quote a TCP segment. They are handed out as segments with IsQuote, and counted as
	// skipped, for they are none.
	Quotes uint64
	// Ignored counts files met in a directory that are no captures.
	Ignored uint64

	// First and Last are the earliest and latest time stamps, in nanoseconds
	// since 1970 UTC; valid with FirstSet.
	First, Last int64
	FirstSet    bool

	// Skipped counts the frames that gave no segment of their own, by kind: "arp", "udp",
	// "ipv4 fragment", "fragment of a tcp segment" (whose last fragment is counted in TCP), "truncated tcp header", "unsupported link type 253
	// (Linux netlink)"; and what stood behind the segment in a frame of several.
	Skipped map[string]uint64
	// PathsDropped counts the segments whose path was one more than there is room for (segment.Paths); they count as plain
	// traffic.
	PathsDropped uint64
	// Fragments is what became of IP fragments, up to the last packet.
	Fragments FragmentStats
	// Backwards counts packets stamped earlier than the one before them in
	// the same file.
	Backwards uint64
	// BackwardsMost is how much earlier at most, in nanoseconds.
	BackwardsMost int64

	// Pauses are the longest times of more than a second without any packet, and the farthest steps back of more
	// than a second, at most 64 of each.
	Pauses []Pause

	// What the capture itself says it lost (pcapng interface statistics: the
	// last block of each interface counts). DropsKnown says that at least one
	// file spoke of drops, be it to say that there were none.
	DropsKnown     bool
	DropsKernel    uint64 // isb_osdrop
	DropsInterface uint64 // isb_ifdrop
	// DropsMarked sums the losses written beside packets (epb_dropcount); the
	// same losses may be in the interface statistics too.
	DropsMarked uint64

	// CutPackets counts frames of which the file holds less than was on the
	// wire; SnapLen is the least it holds of such a frame, 0 when none was cut.
	CutPackets uint64
	SnapLen    uint32
}

// Drops is how many packets the capture says it lost: the greater of what the
// interface statistics and the packets themselves tell.
func (s *Stats) Drops() uint64 { return max(s.DropsKernel+s.DropsInterface, s.DropsMarked) }

// FileStats is what was seen of one input.
type FileStats struct {
	Path string
	// Format is for people: "pcap (µs, little endian), gzip". Empty when the
	// file could not be recognised.
	Format string
	// LinkTypes names each link type met, once, in order of appearance.
	LinkTypes    []string
	Packets, TCP uint64
	// Size is the input's size as stored, in bytes; -1 when unknown (a pipe).
	Size int64
	// First and Last are the earliest and latest time stamps, in nanoseconds
	// since 1970 UTC; valid when Packets > 0.
	First, Last int64
	Backwards   uint64
	// Err, a *FileError, is why the file was not read, or not to its end.
	Err error
	// Damaged says that Err was met after the file was recognised as a
	// capture: what came before the damage counts.
	Damaged bool
}

// drops is what a capture file says about packets it lost.
type drops struct {
	known                     bool
	kernel, interfaces, marks uint64
}

func (s *Stats) addDrops(d drops) {
	s.DropsKnown = s.DropsKnown || d.known
	s.DropsKernel += d.kernel
	s.DropsInterface += d.interfaces
	s.DropsMarked += d.marks
}

// skipCounts counts frames that gave no segment.
type skipCounts struct {
	reasons   [numReasons]uint64
	protocols [256]uint64
	others    map[skip]uint64
}

// maxKinds bounds how many different link and Ethernet types are told apart:
// a file of noise has thousands and nobody reads them.
const maxKinds = 64

func (c *skipCounts) add(s skip) {
	switch s.class() {
	case classReason:
		c.reasons[s.value()]++
	case classProtocol:
		c.protocols[s.value()&0xff]++
	default:
		if c.others == nil {
			c.others = make(map[skip]uint64)
		}
		if _, known := c.others[s]; !known && len(c.others) >= maxKinds {
			s = skipOtherKinds
		}
		c.others[s]++
	}
}

func (c *skipCounts) byName() map[string]uint64 {
	m := make(map[string]uint64)
	put := func(s skip, n uint64) {
		if n > 0 {
			m[s.String()] += n
		}
	}
	for i, n := range c.reasons {
		put(reason(i), n)
	}
	for i, n := range c.protocols {
		put(skipProtocol(uint8(i)), n)
	}
	for s, n := range c.others {
		put(s, n)
	}
	return m
}
