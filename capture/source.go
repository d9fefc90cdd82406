// Package capture turns capture files into TCP segments. It recognises what a
// file is by its content, takes off compression, merges files in time order
// with bounded memory, and decodes frames down to TCP. Damage is data: it is
// counted or named with file, packet and offset, and ends at most its own file.
//
// Nearly all packets take a short way: read in runs from the block in memory
// (run.go), decoded in one function (plain.go). Whatever is unusual about a
// record, a frame or the order of files takes the general way, and tests hold
// the one against the other. Decompression goes on by itself (ahead.go); it is
// the only goroutine here and ends with its file.
//
// The package knows nothing of connections and keeps no payload. It is the
// only one that imports gopacket.
package capture

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync/atomic"

	"github.com/tcplife/tcplife/internal/segment"
)

// Options say how captures are read.
type Options struct {
	// Filter is a BPF expression as tcpdump takes it; "" lets all frames pass.
	// Frames it rejects keep their packet number.
	Filter string
	// Stdin is what the path "-" reads.
	Stdin io.Reader
	// VerifyChecksums has the TCP checksum computed of segments that were
	// captured whole.
	VerifyChecksums bool
	// Key says by which parts of their paths connections are to be kept apart (Source.Paths).
	Key segment.PathKey
	// MaxMemory bounds, in bytes, what buffers, decompressors and tables of all inputs open at a time take; 0: nothing does but
	// how many there can be. An input that asks for more is an error of that input.
	MaxMemory int64
	// Log gets what is worth knowing but no error; may be nil.
	Log *slog.Logger
	// single has packets read one at a time, decoded without the shortcut for
	// plain frames and decompressed on the spot: what tests hold the fast ways
	// against.
	single bool
}

// DefaultOptions returns what a user expects who asks for nothing.
func DefaultOptions() Options { return Options{VerifyChecksums: true} }

const (
	// maxOpen bounds how many files whose times overlap are open at once:
	// each costs a descriptor, a buffer and perhaps a decompressor.
	maxOpen = 512
	// fewOpen is up to how many files get a buffer of blockSize; the others
	// get a small one, so that memory stays bounded at some 30 MiB.
	fewOpen        = 64
	smallBlockSize = 32 << 10
	// fewBuffers is how many are kept of files that were closed: those of a ring come one after the other.
	fewBuffers = 4
	// checkEvery is after how many frames without a segment Next looks whether
	// it was cancelled.
	checkEvery = 4096
)

// Source is a set of captures, read as one trace.
type Source struct {
	ctx     context.Context
	opt     Options
	filter  *filter
	dec     decoder
	inputs  []*input // in canonical order
	pending []*input // not opened yet, earliest first
	heap    merger
	buffers [][]byte // of blockSize, for reuse
	room    *room
	number  uint64
	stats   Stats
	skipped skipCounts
	pauses  pauses
	paths   segment.Paths
	done    atomic.Int64
	total   int64
}

// Open finds, opens and recognises all captures that paths name: files, "-",
// directories (all captures below them) and glob patterns. The order of paths
// does not matter, and a file named twice is read once. An input that cannot be
// read is recorded in Stats().Files; the error is one of usage: no input, or a
// filter that does not compile.
func Open(ctx context.Context, paths []string, opt Options) (*Source, error) {
	s := &Source{ctx: ctx, opt: opt, room: newRoom(opt.MaxMemory)}
	s.paths.By = opt.Key
	s.dec = newDecoder(opt.VerifyChecksums, &s.paths)
	if opt.Log == nil {
		s.opt.Log = slog.New(slog.DiscardHandler)
	}
	if len(paths) == 0 {
		return nil, errors.New("no capture to read")
	}
	if err := s.probe(expand(paths)); err != nil {
		s.Close()
		return nil, err
	}
	if len(s.inputs) == 0 {
		return nil, fmt.Errorf("no capture in %q; expected files of %s", paths, expected)
	}
	if err := s.compileFilter(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// probe looks at the first packet of each input and puts them in order.
func (s *Source) probe(all []named) error {
	const probeSize = 16 << 10
	buf := make([]byte, probeSize)
	for _, n := range all {
		if err := s.ctx.Err(); err != nil {
			return err
		}
		in := &input{named: n, stats: FileStats{Path: n.path}}
		if n.err != nil {
			in.stats.Err = &FileError{Path: n.path, Err: n.err}
			s.inputs = append(s.inputs, in)
			continue
		}
		use, read := buf, new(atomic.Int64)
		acc := account{room: s.room}
		if !isRegularFile(n.path) {
			use, read = make([]byte, blockSize), &s.done
			acc.take(blockSize) // if it has no room, the next that asks will say so
		}
		c, err := s.open(in, use, read, acc)
		if c != nil {
			in.hasTime, in.first, in.link = true, c.time, c.run[0].link
			in.needs = c.account.held + blockSize
			if len(c.packing) > 0 {
				in.needs += aheadPieces * aheadPiece
			}
			if in.regular {
				c.close()
			} else {
				// A pipe cannot be opened again: its cursor stays.
				in.opened = c
			}
		}
		if n.met && (errors.Is(err, ErrNotCapture) || errors.Is(err, ErrEmpty)) {
			s.stats.Ignored++
			s.opt.Log.Info("left out", "file", n.path, "why", err)
			continue
		}
		in.stats.Err = err
		s.inputs = append(s.inputs, in)
	}
	slices.SortStableFunc(s.inputs, func(a, b *input) int {
		switch {
		case a.hasTime != b.hasTime:
			if a.hasTime {
				return -1
			}
			return 1
		case a.hasTime && a.first != b.first:
			return cmp.Compare(a.first, b.first)
		}
		return cmp.Compare(a.path, b.path)
	})
	if len(s.inputs) > 0 && s.inputs[0].hasTime {
		s.dec.fragments.begin = s.inputs[0].first
	}
	for i, in := range s.inputs {
		in.index = uint32(i)
		if !in.hasTime {
			s.stats.addDrops(in.drops)
			continue
		}
		s.pending = append(s.pending, in)
		if in.stats.Size < 0 {
			s.total = -1
		}
		if s.total >= 0 {
			s.total += in.stats.Size
		}
	}
	return nil
}

// compileFilter compiles the filter for the link types seen, or for Ethernet
// when there is none, so that a wrong expression is never accepted.
func (s *Source) compileFilter() error {
	if s.opt.Filter == "" {
		return nil
	}
	s.filter = newFilter(s.opt.Filter)
	if len(s.pending) == 0 {
		return s.filter.prepare(linkEthernet)
	}
	for _, in := range s.pending {
		if err := s.filter.prepare(in.link); err != nil {
			return err
		}
	}
	return nil
}

// Next fills batch with the next segments in time order. It returns fewer than
// len(batch) only at the end, and io.EOF with 0 after it; or the context's error.
func (s *Source) Next(batch []segment.Segment) (int, error) {
	n := 0
	for unchecked := checkEvery; n < len(batch); {
		if unchecked >= checkEvery {
			if err := s.ctx.Err(); err != nil {
				return n, err
			}
			unchecked = 0
		}
		c := s.earliest()
		if c == nil {
			if n == 0 {
				return 0, io.EOF
			}
			return n, nil
		}
		run := s.due(c, len(batch)-n)
		n += s.take(c.in, run, batch[n:])
		unchecked += len(run)
		s.advance(c, len(run))
	}
	return n, nil
}

// earliest returns the cursor with the next packet of the trace. A file that is
// not open yet is opened when its first packet is due.
func (s *Source) earliest() *cursor {
	for len(s.pending) > 0 && (len(s.heap) == 0 || s.pending[0].first <= s.heap[0].time) {
		in := s.pending[0]
		s.pending = s.pending[1:]
		s.admit(in)
	}
	if len(s.heap) == 0 {
		return nil
	}
	return s.heap[0]
}

// admit opens an input that was probed before and adds it to the merge.
func (s *Source) admit(in *input) {
	c := in.opened
	if c == nil {
		if len(s.heap) >= maxOpen {
			s.finish(in, &FileError{Path: in.path, Err: fmt.Errorf(
				"more than %d captures of the same time; merge some of them first, for example with mergecap", maxOpen)})
			return
		}
		buf, acc, err := s.buffer()
		if err == nil {
			c, err = s.open(in, buf, &s.done, acc)
		}
		if err != nil || c == nil {
			s.finish(in, s.tooMany(in, err))
			return
		}
		if len(s.heap) < maxAhead {
			c.workAhead()
		}
	}
	s.heap.push(c)
}

// tooMany says that it is the other open inputs that leave no memory for this one.
func (s *Source) tooMany(in *input, err error) error {
	if errors.Is(err, ErrMemory) && len(s.heap) > 0 {
		return &FileError{Path: in.path, Err: fmt.Errorf("%w, beside %d captures of the same time; merge some of them first, for example with mergecap", ErrMemory, len(s.heap))}
	}
	return err
}

// buffer returns a buffer to read with, small if many files are open or little memory is left.
func (s *Source) buffer() ([]byte, account, error) {
	acc := account{room: s.room}
	few := len(s.heap) < fewOpen && (s.room == nil || s.room.left.Load() > s.opt.MaxMemory/2)
	if few && acc.take(blockSize) {
		if last := len(s.buffers) - 1; last >= 0 {
			buf := s.buffers[last]
			s.buffers = s.buffers[:last]
			return buf, acc, nil
		}
		return make([]byte, blockSize), acc, nil
	}
	if !acc.take(smallBlockSize) {
		return nil, acc, ErrMemory
	}
	return make([]byte, smallBlockSize), acc, nil
}

// advance moves the earliest cursor past n packets.
func (s *Source) advance(c *cursor, n int) {
	err := c.advance(n)
	if err == nil {
		s.heap.fix()
		return
	}
	s.heap.pop()
	c.in.drops = c.reader.lost()
	c.in.stats.Format = c.format()
	c.close()
	if len(c.buf) == blockSize && len(s.buffers) < fewBuffers {
		s.buffers = append(s.buffers, c.buf)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	} else {
		c.in.stats.Damaged = true
	}
	// What stands behind damage is done with, too.
	s.done.Add(max(0, c.in.stats.Size-c.raw.n))
	s.finish(c.in, err)
}

// finish notes that an input gives no more.
func (s *Source) finish(in *input, err error) {
	in.opened = nil
	if err != nil {
		in.stats.Err = err
	}
	s.stats.addDrops(in.drops)
}

// Stats returns what was seen so far. It must not be called while Next runs.
func (s *Source) Stats() Stats {
	st := s.stats
	st.Skipped = s.skipped.byName()
	if s.dec.further > 0 {
		st.Skipped[furtherName] = s.dec.further
	}
	for i, n := range s.dec.joined { // counted as fragments when they came
		if n == 0 {
			continue
		}
		name := [...]string{skipFragmentIPv4.String(), skipFragmentIPv6.String()}[i]
		if st.Skipped[name] -= n; st.Skipped[name] == 0 {
			delete(st.Skipped, name)
		}
		st.Skipped[joinedName] += n
	}
	st.PathsDropped = s.paths.Overflow()
	st.Fragments = s.dec.fragments.total(s.stats.Last)
	st.Pauses = s.pauses.all()
	st.Files = make([]FileStats, len(s.inputs))
	for i, in := range s.inputs {
		st.Files[i] = in.stats
		for _, link := range in.links {
			st.Files[i].LinkTypes = append(st.Files[i].LinkTypes, linkName(link))
		}
	}
	return st
}

// Paths names the paths of segments (segment.Segment.Path). It may be asked at any time from any goroutine.
func (s *Source) Paths() *segment.Paths { return &s.paths }

// Progress returns how many bytes of the inputs were read, as stored, and how
// many there are; total is 0 if that is unknown. It may be called at any time
// from any goroutine.
func (s *Source) Progress() (done, total int64) { return s.done.Load(), max(0, s.total) }

// Close closes all files. Next must not be called afterwards; Stats may be.
func (s *Source) Close() error {
	for _, c := range s.heap {
		c.close()
	}
	for _, in := range s.pending {
		if in.opened != nil {
			in.opened.close()
		}
	}
	s.heap, s.pending = nil, nil
	return nil
}
