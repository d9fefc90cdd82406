package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Sizes in a snoop file (RFC 1761), whose numbers are big endian.
const (
	snoopFileHeader   = 16
	snoopRecordHeader = 24
	snoopMagic        = "snoop\x00\x00\x00"
)

// snoopLinks are the link types of what snoop calls data links: Solaris'
// dlpi.h, which goes on where the RFC ends.
var snoopLinks = map[uint32]uint16{
	0: linkEthernet, 4: linkEthernet, 0x16: linkEthernet, 0x18: linkEthernet, 0x19: linkEthernet,
	2: linkTokenRing, 0x17: linkTokenRing,
	8: linkFDDI,
	9: linkNull, 0xe: linkNull, // others, loopback
	0x10:       linkIPOverFC,
	0x12:       linkSunATM,
	0x80000001: linkRawIPv4, 0x80000002: linkRawIPv6, // tunnels
	0x80000005: linkIPNET,
}

// surveyorLinks are those of Shomiti's Surveyor, which writes the same format
// and uses the numbers that the RFC left.
var surveyorLinks = map[uint32]uint16{
	0: linkEthernet, 4: linkEthernet, 10: linkEthernet, 12: linkEthernet, 19: linkEthernet,
	2: linkTokenRing, 11: linkTokenRing, 13: linkTokenRing, 14: linkTokenRing,
	8: linkFDDI,
}

// snoopReader reads the records of a snoop file.
type snoopReader struct {
	b        *blockReader
	link     uint16
	surveyor bool
	dropped  uint32 // so far, as the record before says
}

func isSnoop(b []byte) bool { return bytes.HasPrefix(b, []byte(snoopMagic)) }

func newSnoopReader(b *blockReader) (*snoopReader, error) {
	h, err := b.peek(snoopFileHeader)
	if err != nil {
		return nil, fmt.Errorf("%w in the file header, after %d of %d bytes", ErrCutShort, len(h), snoopFileHeader)
	}
	version, kind := binary.BigEndian.Uint32(h[8:]), binary.BigEndian.Uint32(h[12:])
	const oldest, newest = 2, 5 // beyond 2: Surveyor, by its hardware
	if version < oldest || version > newest {
		return nil, fmt.Errorf("snoop of version %d; expected %d to %d", version, oldest, newest)
	}
	r := &snoopReader{b: b, surveyor: isSurveyor(b)}
	links := snoopLinks
	if r.surveyor {
		links = surveyorLinks
	}
	link, ok := links[kind]
	if !ok {
		return nil, fmt.Errorf("snoop of data link %#x, which is not read", kind)
	}
	r.link = link
	b.consume(snoopFileHeader)
	return r, nil
}

// isSurveyor reports whether the first record has room behind the packet for
// what Surveyor notes there, which others only leave to align.
func isSurveyor(b *blockReader) bool {
	const note = 16
	h, err := b.peek(snoopFileHeader + snoopRecordHeader)
	if err != nil {
		return false
	}
	captured, size := binary.BigEndian.Uint32(h[snoopFileHeader+4:]), binary.BigEndian.Uint32(h[snoopFileHeader+8:])
	return uint64(size) >= snoopRecordHeader+uint64(captured)+note
}

func (r *snoopReader) next(rec *record) error {
	offset := r.b.offset()
	h, err := r.b.peek(snoopRecordHeader)
	if err != nil {
		return ended(offset, len(h), err)
	}
	wire, captured, size := binary.BigEndian.Uint32(h), binary.BigEndian.Uint32(h[4:]), binary.BigEndian.Uint32(h[8:])
	switch {
	case size > maxRecord:
		err = fmt.Errorf("record promises %d bytes; expected at most %d", size, maxRecord)
	case uint64(size) < snoopRecordHeader+uint64(captured):
		err = fmt.Errorf("record promises %d bytes in room for %d", captured, int64(size)-snoopRecordHeader)
	}
	if err != nil {
		return &damageError{offset: offset, err: err}
	}
	end := snoopRecordHeader + int(captured)
	p, err := r.b.peek(int(size))
	if err != nil && (len(p) < end || !errors.Is(err, io.EOF)) { // the last record may lack its padding
		return ended(offset, len(p), err)
	}
	r.b.consume(len(p))
	r.dropped = binary.BigEndian.Uint32(p[12:])
	rec.time = int64(binary.BigEndian.Uint32(p[16:]))*1e9 + int64(binary.BigEndian.Uint32(p[20:]))*1000
	rec.data = p[snoopRecordHeader:end:end]
	rec.setWire(wire)
	rec.link = r.link
	return nil
}

// run leaves all to next: files of this kind are old and small.
func (r *snoopReader) run([]record) int { return 0 }

// lost is what each record says was lost before it.
func (r *snoopReader) lost() drops { return drops{known: true, kernel: uint64(r.dropped)} }

func (r *snoopReader) format() string {
	if r.surveyor {
		return "snoop (Surveyor)"
	}
	return "snoop"
}
