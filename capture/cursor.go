package capture

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync/atomic"
)

// input is one capture to be read: what is known of it while it is closed.
type input struct {
	named
	first   int64  // time of its first packet
	link    uint16 // and that packet's link type
	hasTime bool   // there is a first packet
	regular bool   // can be opened again
	needs   int64  // about how much memory reading it takes
	opened  *cursor
	stats   FileStats
	links   []uint16
	drops   drops
	index   uint32 // in Stats.Files
	// previous is the time of the packet before; valid with stats.Packets > 0.
	previous int64
}

// addLink notes a link type. Interfaces of one file may take turns.
func (in *input) addLink(link uint16) {
	if !slices.Contains(in.links, link) && len(in.links) < maxKinds {
		in.links = append(in.links, link)
	}
}

// runLength is how many packets are read ahead at most: enough to spread over
// them what is done once a run, few enough to stay in the first-level cache.
const runLength = 64

// cursor is an input that is open, standing at a packet.
type cursor struct {
	in   *input
	time int64 // of the packet it stands at
	// run is that packet and those behind it that were read already; it is part
	// of records.
	run     []record
	records [runLength]record
	single  bool // read one packet at a time
	reader  recordReader
	raw     *countingReader
	file    io.Closer
	release func()
	buf     []byte   // of the raw file, for the next cursor
	packing []string // compressions taken off, outermost first
	plain   *blockReader
	ahead   *ahead // may be nil
	read    uint64 // packets, those of run included
	account account
}

// countingReader counts what is read for Source.Progress.
type countingReader struct {
	r    io.Reader
	n    int64         // of this input
	done *atomic.Int64 // of all
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	c.done.Add(int64(n))
	return n, err
}

// open opens an input and reads its first packet. The cursor is nil if there
// is no packet; the error then is nil only if the file says so itself.
// acc has buf on it already.
func (s *Source) open(in *input, buf []byte, done *atomic.Int64, acc account) (*cursor, error) {
	raw, closer, err := s.stream(in)
	if err != nil {
		acc.close()
		return nil, &FileError{Path: in.path, Err: bare(err)}
	}
	c := &cursor{
		in: in, raw: &countingReader{r: raw, done: done}, file: closer,
		release: func() {}, buf: buf, single: s.opt.single, account: acc,
	}
	if err := c.start(); err != nil {
		c.close()
		return nil, err
	}
	if err := c.advance(0); err != nil {
		in.drops = c.reader.lost()
		c.close()
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		in.stats.Damaged = true
		return nil, err
	}
	return c, nil
}

func (s *Source) stream(in *input) (io.Reader, io.Closer, error) {
	if in.path == stdinPath {
		if s.opt.Stdin == nil {
			return nil, nil, errors.New("no standard input")
		}
		in.stats.Size = -1
		return s.opt.Stdin, io.NopCloser(nil), nil
	}
	f, err := os.Open(in.path)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	in.regular = info.Mode().IsRegular()
	in.stats.Size = -1
	if in.regular {
		in.stats.Size = info.Size()
	}
	return f, f, nil
}

// start recognises what the file is.
func (c *cursor) start() error {
	outer := newBlockReader(c.raw, c.buf)
	outer.account = &c.account
	b, names, release, err := decompress(outer)
	c.release = release
	c.packing = names
	c.plain = b
	if err == nil {
		c.reader, err = newRecordReader(b)
	}
	c.buf = outer.buf
	if err != nil {
		return c.fileError(err)
	}
	c.in.stats.Format = c.format()
	return nil
}

// format describes the file for people, from the inside out.
func (c *cursor) format() string {
	format := c.reader.format()
	for _, name := range slices.Backward(c.packing) {
		format += ", " + name
	}
	return format
}

// advance moves past the first n packets of the run. It returns io.EOF after
// the last packet, otherwise a *FileError.
func (c *cursor) advance(n int) error {
	if c.run = c.run[n:]; len(c.run) == 0 {
		if err := c.refill(); err != nil {
			return err
		}
	}
	c.time = c.run[0].time
	return nil
}

// refill reads the next run. Its first packet may have to be waited for, or be
// anything; the others are those that cost nothing but to look at them.
func (c *cursor) refill() error {
	n := 0
	if !c.single {
		n = c.reader.run(c.records[:])
	}
	if n == 0 {
		if err := c.reader.next(&c.records[0]); errors.Is(err, io.EOF) {
			return io.EOF
		} else if err != nil {
			return c.fileError(err)
		}
		n = 1
	}
	c.run = c.records[:n]
	c.read += uint64(n)
	return nil
}

// fileError says where in which file something was wrong.
func (c *cursor) fileError(err error) error {
	fe := &FileError{Path: c.in.path, Err: bare(err)}
	d := (*damageError)(nil)
	if !errors.As(err, &d) {
		return fe
	}
	fe.Err = d.err
	fe.Offset, fe.Decompressed = d.offset, len(c.packing) > 0
	if d.between {
		unit := ""
		if len(c.packing) > 0 {
			unit = " (decompressed)"
		}
		const rest = "the file is damaged from here"
		switch {
		case errors.Is(d.err, ErrMemory):
			fe.Err = fmt.Errorf("block at offset %d%s %w (%s read)", d.offset, unit, d.err, packets(c.read))
		case errors.Is(d.err, ErrCutShort):
			fe.Err = fmt.Errorf("%w in a block at offset %d%s; %s (%s read)", d.err, d.offset, unit, rest, packets(c.read))
		default:
			fe.Err = fmt.Errorf("block at offset %d%s: %w; %s (%s read)", d.offset, unit, d.err, rest, packets(c.read))
		}
		return fe
	}
	fe.Packet = c.read + 1
	return fe
}

// workAhead lets the decompressor of a cursor, if it has one, go on by itself.
// A pipe is left alone: nobody could stop what waits for it.
func (c *cursor) workAhead() {
	if len(c.packing) > 0 && c.in.regular && c.plain.err == nil && !c.single && c.account.take(aheadPieces*aheadPiece) {
		c.ahead = newAhead(c.plain.src)
		c.plain.src = c.ahead
	}
}

// close gives back what the cursor holds.
func (c *cursor) close() {
	if c.ahead != nil {
		c.ahead.close()
	}
	c.release()
	c.file.Close()
	c.account.close()
}
