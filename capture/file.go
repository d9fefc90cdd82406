package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
)

// record is one packet as a file holds it.
type record struct {
	time int64  // nanoseconds since 1970 UTC
	data []byte // valid until the next record is read
	wire uint32 // length on the wire, at least len(data)
	link uint16 // LINKTYPE_ value
}

// setWire notes a length on the wire. Some writers leave it below what they
// captured, and no frame is longer than an int32 counts.
func (r *record) setWire(n uint32) {
	r.wire = min(max(n, uint32(len(r.data))), math.MaxInt32)
}

// recordReader reads one capture file.
type recordReader interface {
	// next reads one packet; io.EOF at a clean end, otherwise a *damageError.
	next(rec *record) error
	// run reads as many of the packets that follow as are ordinary and in the
	// buffer already, and at most len(recs): none when next has to look. What it
	// read is valid until next is called.
	run(recs []record) int
	// lost is what the file said so far about packets it does not hold.
	lost() drops
	// format describes the file for people.
	format() string
}

// endian is the byte order of the host that wrote a file.
type endian bool

const (
	little endian = false
	big    endian = true
)

func (e endian) u16(b []byte) uint16 {
	v := binary.LittleEndian.Uint16(b)
	if e == big {
		return bits.ReverseBytes16(v)
	}
	return v
}

func (e endian) u32(b []byte) uint32 {
	v := binary.LittleEndian.Uint32(b)
	if e == big {
		return bits.ReverseBytes32(v)
	}
	return v
}

func (e endian) u64(b []byte) uint64 {
	v := binary.LittleEndian.Uint64(b)
	if e == big {
		return bits.ReverseBytes64(v)
	}
	return v
}

func (e endian) String() string {
	if e == big {
		return "big endian"
	}
	return "little endian"
}

// Magic numbers of pcap files (draft-ietf-opsawg-pcap; the modified form is
// that of A. Kuznetsov's libpcap patches, with eight octets more a record).
const (
	magicMicro    = 0xa1b2c3d4
	magicNano     = 0xa1b23c4d
	magicModified = 0xa1b2cd34
)

const (
	pcapFileHeader     = 24
	pcapRecordHeader   = 16
	pcapModifiedHeader = 24
)

// pcapReader reads the records of a pcap file.
type pcapReader struct {
	b      *blockReader
	order  endian
	magic  uint32
	header int   // of a record
	unit   int64 // of the fraction of a second, in nanoseconds
	link   uint16
	// lengths of very old files are written in the other order: always, or
	// (version 2.3) by some writers.
	swapped, maySwap bool
}

// isPcap reports whether a file begins as pcap does.
func isPcap(b []byte) bool {
	_, _, ok := pcapMagic(b)
	return ok
}

func pcapMagic(b []byte) (uint32, endian, bool) {
	if len(b) < 4 {
		return 0, little, false
	}
	for _, order := range []endian{little, big} {
		switch m := order.u32(b); m {
		case magicMicro, magicNano, magicModified:
			return m, order, true
		}
	}
	return 0, little, false
}

func newPcapReader(b *blockReader) (*pcapReader, error) {
	h, err := b.peek(pcapFileHeader)
	if err != nil {
		return nil, fmt.Errorf("%w in the file header, after %d of %d bytes", ErrCutShort, len(h), pcapFileHeader)
	}
	magic, order, _ := pcapMagic(h)
	r := &pcapReader{b: b, order: order, magic: magic, header: pcapRecordHeader, unit: 1000}
	switch magic {
	case magicNano:
		r.unit = 1
	case magicModified:
		r.header = pcapModifiedHeader
	}
	major, minor := order.u16(h[4:]), order.u16(h[6:])
	switch {
	case major < 2:
		return nil, fmt.Errorf("pcap of version %d.%d; expected 2.x", major, minor)
	case major == 2 && minor < 3, major == 543: // 543 is DG/UX's tcpdump
		r.swapped = true
	case major == 2 && minor == 3:
		r.maySwap = true
	}
	// The upper half of the word tells whether frames end in a checksum and
	// how long that is; lengths come from IP headers, so it does not matter.
	r.link = uint16(order.u32(h[20:]))
	b.consume(pcapFileHeader)
	return r, nil
}

func (r *pcapReader) next(rec *record) error {
	offset := r.b.offset()
	h, err := r.b.peek(r.header)
	if err != nil {
		return ended(offset, len(h), err)
	}
	seconds, fraction := r.order.u32(h), r.order.u32(h[4:])
	captured, wire := r.order.u32(h[8:]), r.order.u32(h[12:])
	if r.swapped || r.maySwap && captured > wire {
		captured, wire = wire, captured
	}
	if captured > maxRecord {
		return &damageError{offset: offset, err: fmt.Errorf("record promises %d bytes; expected at most %d", captured, maxRecord)}
	}
	n := r.header + int(captured)
	p, err := r.b.peek(n)
	if err != nil {
		return ended(offset, len(p), err)
	}
	r.b.consume(n)
	rec.time = int64(seconds)*1e9 + int64(fraction)*r.unit
	rec.data = p[r.header:n:n] // clipped, so that no decoder reads on into the next record
	rec.setWire(wire)
	rec.link = r.link
	return nil
}

func (r *pcapReader) run(recs []record) int {
	if r.order == big || r.swapped || r.maySwap {
		return 0
	}
	p, n := r.b.held(), 0
	for ; n < len(recs) && len(p) >= r.header; n++ {
		captured := binary.LittleEndian.Uint32(p[8:])
		end := r.header + int(captured)
		if captured > maxRecord || end > len(p) {
			break
		}
		rec := &recs[n]
		rec.time = int64(binary.LittleEndian.Uint32(p))*1e9 + int64(binary.LittleEndian.Uint32(p[4:]))*r.unit
		rec.data = p[r.header:end:end]
		rec.setWire(binary.LittleEndian.Uint32(p[12:]))
		rec.link = r.link
		p = p[end:]
	}
	r.b.keep(len(p))
	return n
}

func (r *pcapReader) lost() drops { return drops{} }

func (r *pcapReader) format() string {
	kind := "µs"
	switch r.magic {
	case magicNano:
		kind = "ns"
	case magicModified:
		kind = "modified, µs"
	}
	return fmt.Sprintf("pcap (%s, %v)", kind, r.order)
}

// newRecordReader recognises a capture by its first bytes.
func newRecordReader(b *blockReader) (recordReader, error) {
	const longestMagic = 16
	h, err := b.peek(longestMagic)
	switch {
	case isPcap(h):
		return newPcapReader(b)
	case isPcapng(h):
		return newPcapngReader(b)
	case isSnoop(h):
		return newSnoopReader(b)
	case len(h) == 0 && errors.Is(err, io.EOF):
		return nil, ErrEmpty
	case err != nil && !errors.Is(err, io.EOF):
		return nil, cutShort(err)
	}
	return nil, notCapture(h)
}
