package capture

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"unsafe"
)

// Block types of pcapng (draft-ietf-opsawg-pcapng section 4).
const (
	blockSection    = 0x0a0d0d0a
	blockInterface  = 1
	blockPacket     = 2 // obsolete
	blockSimple     = 3
	blockStatistics = 5
	blockEnhanced   = 6
)

const (
	sectionMagic = 0x1a2b3c4d
	// minBlock is type, length and length again.
	minBlock = 12
	// maxInterfaces bounds what a section may declare; a host has a few.
	maxInterfaces = 1 << 16
	// maxBlock bounds blocks that must be held at once.
	maxBlock = maxRecord + 64<<10
)

// Option codes.
const (
	optionEnd        = 0
	optionIfTsresol  = 9
	optionIfTsoffset = 14
	optionISBIfDrop  = 5
	optionISBOSDrop  = 7
	optionEPBDrop    = 4
)

// pcapngReader reads the packets of a pcapng file.
type pcapngReader struct {
	b          *blockReader
	order      endian
	sections   int
	interfaces []ngInterface // of the current section
	earlier    drops         // of sections before
	last       int64         // time of the packet before; simple packets have none
}

type ngInterface struct {
	link    uint16
	snapLen uint32
	clock   ngClock
	// From the latest statistics block.
	drops drops
}

func isPacketBlock(kind uint32) bool {
	return kind == blockEnhanced || kind == blockPacket || kind == blockSimple
}

func isPcapng(b []byte) bool { return len(b) >= 4 && little.u32(b) == blockSection }

func newPcapngReader(b *blockReader) (*pcapngReader, error) {
	r := &pcapngReader{b: b}
	if _, err := r.block(nil); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *pcapngReader) next(rec *record) error {
	for {
		isPacket, err := r.block(rec)
		if err != nil || isPacket {
			return err
		}
	}
}

// block reads one block and reports whether it was a packet, which is then in rec.
func (r *pcapngReader) block(rec *record) (isPacket bool, err error) {
	offset := r.b.offset()
	h, err := r.b.peek(minBlock)
	if err != nil {
		if len(h) == 0 && errors.Is(err, io.EOF) {
			return false, io.EOF
		}
		return false, r.endedInside(offset, len(h) >= 4 && isPacketBlock(r.order.u32(h)), err)
	}
	// A section begins with its own byte order; its type reads the same in both.
	if little.u32(h) == blockSection {
		if err := r.section(h); err != nil {
			return false, &damageError{offset: offset, between: true, err: err}
		}
	}
	kind, length := r.order.u32(h), r.order.u32(h[4:])
	packet := isPacketBlock(kind)
	if length < minBlock || length%4 != 0 {
		return false, r.damage(offset, packet, fmt.Errorf("promises a length of %d; expected a multiple of 4, at least %d", length, minBlock))
	}
	if !packet && kind != blockInterface && kind != blockStatistics {
		if err := r.b.skip(int64(length)); err != nil {
			return false, r.endedInside(offset, false, err)
		}
		return false, nil
	}
	if length > maxBlock {
		return false, r.damage(offset, packet, fmt.Errorf("promises a length of %d; expected at most %d", length, maxBlock))
	}
	p, err := r.b.peek(int(length))
	if err != nil {
		return false, r.endedInside(offset, packet, err)
	}
	if again := r.order.u32(p[length-4:]); again != length {
		return false, r.damage(offset, packet, fmt.Errorf("begins with length %d and ends with length %d", length, again))
	}
	body := p[8 : length-4]
	switch kind {
	case blockInterface:
		err = r.addInterface(body)
	case blockStatistics:
		r.statistics(body)
	case blockEnhanced:
		err = r.enhanced(body, rec)
	case blockPacket:
		err = r.oldPacket(body, rec)
	case blockSimple:
		err = r.simple(body, rec)
	}
	if err != nil {
		return false, r.damage(offset, packet, err)
	}
	r.b.consume(int(length))
	return packet, nil
}

func (r *pcapngReader) run(recs []record) int {
	p, n := r.b.held(), 0
	for ; n < len(recs) && len(p) >= minBlock && r.order.u32(p) == blockEnhanced; n++ {
		length := r.order.u32(p[4:])
		if length < minBlock || length%4 != 0 || length > maxBlock || uint64(length) > uint64(len(p)) ||
			r.order.u32(p[length-4:]) != length || r.enhanced(p[8:length-4], &recs[n]) != nil {
			break
		}
		p = p[length:]
	}
	r.b.keep(len(p))
	return n
}

func (r *pcapngReader) damage(offset int64, packet bool, err error) error {
	return &damageError{offset: offset, between: !packet, err: err}
}

// endedInside is ended for a block of which the header was there.
func (r *pcapngReader) endedInside(offset int64, packet bool, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = ErrCutShort
	}
	return r.damage(offset, packet, err)
}

// section begins a new section, whose interfaces are its own.
func (r *pcapngReader) section(h []byte) error {
	switch uint32(sectionMagic) {
	case little.u32(h[8:]):
		r.order = little
	case big.u32(h[8:]):
		r.order = big
	default:
		return fmt.Errorf("section with byte-order magic 0x%08x; expected 0x%08x", little.u32(h[8:]), sectionMagic)
	}
	r.earlier = r.lost()
	r.interfaces = r.interfaces[:0]
	r.sections++
	return nil
}

func (r *pcapngReader) addInterface(b []byte) error {
	if len(b) < 8 {
		return errors.New("interface description without its fields")
	}
	if len(r.interfaces) == maxInterfaces {
		return fmt.Errorf("more than %d interfaces in a section", maxInterfaces)
	}
	i := ngInterface{link: r.order.u16(b), snapLen: r.order.u32(b[4:])}
	resolution, offset := byte(6), int64(0)
	r.options(b[8:], func(code uint16, v []byte) {
		switch {
		case code == optionIfTsresol && len(v) >= 1:
			resolution = v[0]
		case code == optionIfTsoffset && len(v) >= 8:
			offset = int64(r.order.u64(v))
		}
	})
	var ok bool
	if i.clock, ok = newClock(resolution, offset); !ok {
		return fmt.Errorf("interface with a time resolution of 0x%02x, finer than 64 bits can tell", resolution)
	}
	if n := len(r.interfaces); n == cap(r.interfaces) {
		grown := slices.Grow(r.interfaces, max(n, 8))
		if a, size := r.b.account, int64(unsafe.Sizeof(i)); a != nil {
			if !a.take(int64(cap(grown)) * size) {
				return fmt.Errorf("with %d interfaces needs %w", n+1, ErrMemory)
			}
			a.give(int64(n) * size)
		}
		r.interfaces = grown
	}
	r.interfaces = append(r.interfaces, i)
	return nil
}

func (r *pcapngReader) statistics(b []byte) {
	if len(b) < 12 {
		return
	}
	id := r.order.u32(b)
	if uint64(id) >= uint64(len(r.interfaces)) {
		return
	}
	d := &r.interfaces[id].drops
	r.options(b[12:], func(code uint16, v []byte) {
		switch {
		case code == optionISBIfDrop && len(v) >= 8:
			d.known, d.interfaces = true, r.order.u64(v)
		case code == optionISBOSDrop && len(v) >= 8:
			d.known, d.kernel = true, r.order.u64(v)
		}
	})
}

// options calls f with each option until the list ends or makes no sense.
func (r *pcapngReader) options(b []byte, f func(code uint16, value []byte)) {
	for len(b) >= 4 {
		code, n := r.order.u16(b), int(r.order.u16(b[2:]))
		if code == optionEnd || n > len(b)-4 {
			return
		}
		f(code, b[4:4+n])
		b = b[min(len(b), 4+(n+3)&^3):]
	}
}

// at returns the interface with an id.
func (r *pcapngReader) at(id uint32) (*ngInterface, error) {
	if uint64(id) >= uint64(len(r.interfaces)) {
		return nil, fmt.Errorf("packet of interface %d, but the section has described %d", id, len(r.interfaces))
	}
	return &r.interfaces[id], nil
}

func (r *pcapngReader) enhanced(b []byte, rec *record) error {
	if len(b) < 20 {
		return errors.New("packet block without its fields")
	}
	i, err := r.at(r.order.u32(b))
	if err != nil {
		return err
	}
	rest, err := r.fill(rec, i, b[4:])
	if err != nil || len(rest) == 0 {
		return err
	}
	for len(rest) >= 4 { // no closure: this runs for each packet
		code, n := r.order.u16(rest), int(r.order.u16(rest[2:]))
		if code == optionEnd || n > len(rest)-4 {
			break
		}
		if code == optionEPBDrop && n >= 8 {
			i.drops.known = true
			i.drops.marks += r.order.u64(rest[4:])
		}
		rest = rest[min(len(rest), 4+(n+3)&^3):]
	}
	return nil
}

func (r *pcapngReader) oldPacket(b []byte, rec *record) error {
	if len(b) < 20 {
		return errors.New("packet block without its fields")
	}
	i, err := r.at(uint32(r.order.u16(b)))
	if err != nil {
		return err
	}
	const unknown = 0xffff
	if n := r.order.u16(b[2:]); n != unknown {
		i.drops.known = true
		i.drops.marks += uint64(n)
	}
	_, err = r.fill(rec, i, b[4:])
	return err
}

// fill reads time stamp, lengths and data and returns what follows them.
func (r *pcapngReader) fill(rec *record, i *ngInterface, b []byte) (rest []byte, err error) {
	stamp := uint64(r.order.u32(b))<<32 | uint64(r.order.u32(b[4:]))
	captured, wire := r.order.u32(b[8:]), r.order.u32(b[12:])
	data := b[16:]
	if uint64(captured) > uint64(len(data)) {
		return nil, fmt.Errorf("record promises %d bytes in a block with room for %d", captured, len(data))
	}
	rec.time = i.clock.nanoseconds(stamp)
	rec.data = data[:captured:captured]
	rec.setWire(wire)
	rec.link = i.link
	r.last = rec.time
	return data[min(len(data), (int(captured)+3)&^3):], nil
}

// simple reads a packet of the first interface that has no time: it takes that
// of the packet before.
func (r *pcapngReader) simple(b []byte, rec *record) error {
	if len(b) < 4 {
		return errors.New("packet block without its fields")
	}
	i, err := r.at(0)
	if err != nil {
		return err
	}
	wire := r.order.u32(b)
	captured := min(wire, uint32(len(b)-4))
	if i.snapLen > 0 {
		captured = min(captured, i.snapLen)
	}
	rec.time = r.last
	rec.data = b[4 : 4+captured : 4+captured]
	rec.setWire(wire)
	rec.link = i.link
	return nil
}

func (r *pcapngReader) lost() drops {
	d := r.earlier
	for _, i := range r.interfaces {
		d.known = d.known || i.drops.known
		d.kernel += i.drops.kernel
		d.interfaces += i.drops.interfaces
		d.marks += i.drops.marks
	}
	return d
}

func (r *pcapngReader) format() string {
	if r.sections > 1 {
		return fmt.Sprintf("pcapng (%v, %d sections)", r.order, r.sections)
	}
	return fmt.Sprintf("pcapng (%v)", r.order)
}
