package capture

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"github.com/tcplife/tcplife/internal/segment"
)

// What somebody may write who wants to exhaust the reader. Each ends in a clear error or is counted, in memory that does not depend
// on what the file promises or how much of it there is.

// unwritten gives n octets that nobody wrote: whatever is in the buffer.
type unwritten struct{ n int64 }

func (e *unwritten) Read(p []byte) (int, error) {
	if e.n <= 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), e.n)
	e.n -= n
	return int(n), nil
}

// zeros gives n octets of zero.
type zeros struct{ unwritten }

func (z *zeros) Read(p []byte) (int, error) {
	n, err := z.unwritten.Read(p)
	clear(p[:n])
	return n, err
}

// within reads a stream to its end and holds that no more than so many octets were allocated in all, which is more than were in use at a time.
func within(t *testing.T, octets uint64, opt Options, in io.Reader) Stats {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	opt.Stdin = in
	_, st := readAll(t, opt, stdinPath)
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > octets {
		t.Errorf("%d octets were allocated, want at most %d", n, octets)
	}
	return st
}

// wantError holds that the error of a file says all that.
func wantError(t *testing.T, f FileStats, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if f.Err == nil || !strings.Contains(f.Err.Error(), want) {
			t.Errorf("error %v, want %q", f.Err, want)
		}
	}
}

// long is for tests of what takes much and runs by itself: the race detector has nothing to find in them, and takes minutes.
func long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("about memory, and long: run without -short")
	}
}

func TestARecordThatPromisesMuch(t *testing.T) {
	for _, o := range []order{binary.LittleEndian, binary.BigEndian} {
		for _, promised := range []uint32{maxRecord + 1, 1 << 31, 1<<32 - 1} {
			head := pcapFile(o, magicMicro, linkEthernet, at(1, 10))
			head = pcapRecord(head, o, magicMicro, at(2, 0))
			o.PutUint32(head[len(head)-len(at(2, 0).data)-8:], promised)
			st := within(t, 1<<20, DefaultOptions(), io.MultiReader(bytes.NewReader(head), &unwritten{1 << 40}))
			wantError(t, st.Files[0], fmt.Sprintf("packet 2 at offset 116: record promises %d bytes; expected at most 16777216", promised))
			if st.Packets != 1 {
				t.Errorf("%d packets before it, want 1", st.Packets)
			}
		}
	}
}

// A record of 16 MB is read if there is memory for it.
func TestALargeRecord(t *testing.T) {
	long(t)
	head := pcapFile(binary.LittleEndian, magicMicro, linkEthernet, stamped{time: 1e9, data: []byte{}})
	binary.LittleEndian.PutUint32(head[len(head)-8:], maxRecord)
	large := func() io.Reader { return io.MultiReader(bytes.NewReader(head), &unwritten{maxRecord}) }
	if st := within(t, 96<<20, DefaultOptions(), large()); st.Files[0].Err != nil || st.Packets != 1 {
		t.Errorf("%d packets, %v", st.Packets, st.Files[0].Err)
	}
	opt := DefaultOptions()
	opt.MaxMemory = 8 << 20
	st := within(t, 12<<20, opt, large())
	wantError(t, st.Files[0], "packet 1 at offset 24 needs more memory than --max-memory leaves for reading (0 packets read)")
	if !errors.Is(st.Files[0].Err, ErrMemory) {
		t.Errorf("%v is no ErrMemory", st.Files[0].Err)
	}
}

func TestABlockThatPromisesMuch(t *testing.T) {
	const most = 1<<32 - 4
	for kind, want := range map[uint32]string{
		blockEnhanced:   "packet 2 at offset",
		blockPacket:     "packet 2 at offset",
		blockSimple:     "packet 2 at offset",
		blockInterface:  "block at offset",
		blockStatistics: "block at offset",
	} {
		w := ngWriter{o: binary.LittleEndian}
		w.section()
		w.iface(linkEthernet, 0)
		w.enhanced(0, 0, at(1, 10))
		w.b = w.o.AppendUint32(w.o.AppendUint32(w.b, kind), most)
		st := within(t, 1<<20, DefaultOptions(), io.MultiReader(bytes.NewReader(w.b), &unwritten{1 << 40}))
		wantError(t, st.Files[0], want, "promises a length of 4294967292; expected at most")
	}

	// What a block of a kind that is not looked into holds, and be it 4 GB, is passed over.
	w := ngWriter{o: binary.LittleEndian}
	w.section()
	w.b = w.o.AppendUint32(w.o.AppendUint32(w.b, 0x0bad), most)
	behind := ngWriter{o: binary.LittleEndian}
	behind.iface(linkEthernet, 0)
	behind.enhanced(0, 0, at(1, 10))
	st := within(t, 1<<20, DefaultOptions(), io.MultiReader(bytes.NewReader(w.b), &unwritten{most - 8}, bytes.NewReader(behind.b)))
	if st.Packets != 1 || st.Files[0].Err != nil {
		t.Errorf("behind a block of 4 GB: %d packets, %v", st.Packets, st.Files[0].Err)
	}
	st = within(t, 1<<20, DefaultOptions(), io.MultiReader(bytes.NewReader(w.b), &unwritten{1 << 20}))
	wantError(t, st.Files[0], "cut short in a block at offset 28")
}

// packed compresses what it reads, as it is read.
func packed(in io.Reader, pack func(io.Writer) io.WriteCloser) io.Reader {
	r, w := io.Pipe()
	go func() {
		p := pack(w)
		_, err := io.Copy(struct{ io.Writer }{p}, in) // no short cuts
		w.CloseWithError(errors.Join(err, p.Close()))
	}()
	return r
}

var packers = map[string]func(io.Writer) io.WriteCloser{
	"gzip": func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
	"lz4":  func(w io.Writer) io.WriteCloser { return lz4.NewWriter(w) },
	"zstd": func(w io.Writer) io.WriteCloser {
		e, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
		if err != nil {
			panic(err) // of the options
		}
		return e
	},
}

// TestBombs: zeros by the hundred megabytes, from some kilobytes. Zeros alone are no capture; behind the header of one they are empty records.
func TestBombs(t *testing.T) {
	long(t)
	const octets = 128 << 20
	for name, pack := range packers {
		t.Run(name, func(t *testing.T) {
			var bomb, capture bytes.Buffer
			for _, b := range []struct {
				out *bytes.Buffer
				in  io.Reader
			}{
				{&bomb, &zeros{unwritten{octets}}},
				{&capture, io.MultiReader(bytes.NewReader(plainPcap()), &zeros{unwritten{octets}})},
			} {
				if _, err := io.Copy(b.out, packed(b.in, pack)); err != nil {
					t.Fatal(err)
				}
			}
			t.Logf("%d octets", bomb.Len())
			begun := time.Now()
			st := within(t, 12<<20, DefaultOptions(), &bomb)
			wantError(t, st.Files[0], `not a capture: begins with "\x00\x00\x00\x00\x00\x00\x00\x00"`)
			st = within(t, 24<<20, DefaultOptions(), &capture)
			if want := uint64(octets / pcapRecordHeader); st.Packets != want || st.Files[0].Err != nil {
				t.Errorf("%d packets, %v; want %d", st.Packets, st.Files[0].Err, want)
			}
			t.Logf("read in %v", time.Since(begun))
		})
	}
	t.Run("bzip2", func(t *testing.T) {
		bomb := bzip2ed(t, make([]byte, 64<<20))
		st := within(t, 12<<20, DefaultOptions(), bytes.NewReader(bomb))
		wantError(t, st.Files[0], "not a capture")
		st = within(t, 12<<20, DefaultOptions(), bytes.NewReader(bzip2ed(t, append(plainPcap(), make([]byte, 32<<20)...))))
		if st.Packets != 2<<20 || st.Files[0].Err != nil {
			t.Errorf("%d packets, %v", st.Packets, st.Files[0].Err)
		}
	})
}

// TestAMillionEmptyFrames: what is compressed may be in several pieces, and in pieces of nothing.
func TestAMillionEmptyFrames(t *testing.T) {
	long(t)
	for name, pack := range packers {
		var empty, file bytes.Buffer
		if _, err := io.Copy(&empty, packed(bytes.NewReader([]byte{}), pack)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(&file, packed(bytes.NewReader(plainPcap(at(1, 10))), pack)); err != nil {
			t.Fatal(err)
		}
		pieces := bytes.Repeat(empty.Bytes(), 1_000_000)
		if name == "zstd" { // its writer makes nothing of nothing
			pieces = bytes.Repeat([]byte{0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0}, 1_000_000)
		}
		st := within(t, 64<<20, DefaultOptions(), io.MultiReader(bytes.NewReader(pieces), &file)) // some octets for each, one after the other
		if st.Packets != 1 || st.Files[0].Err != nil || len(pieces) == 0 {
			t.Errorf("%s: %d packets behind %d octets, %v", name, st.Packets, len(pieces), st.Files[0].Err)
		}
	}
}

func TestCompressedAgainAndAgain(t *testing.T) {
	long(t)
	b := plainPcap(at(1, 10))
	for range 100 {
		b = gzipped(t, b)
	}
	st := within(t, 2<<20, DefaultOptions(), bytes.NewReader(b))
	wantError(t, st.Files[0], "not a capture: compressed more than 2 times")
}

func TestZstdWithAHugeWindow(t *testing.T) {
	long(t)
	// A frame of one raw block, whose header asks for a window (RFC 8878 3.1.1.1.2).
	frame := func(window byte) []byte {
		return join([]byte{0x28, 0xb5, 0x2f, 0xfd, 0, window}, []byte{1 | 24<<3, 0, 0}, plainPcap())
	}
	for window, want := range map[byte]string{
		17 << 3:   "window size exceeded", // 128 MiB, as zstd --long=27 writes
		31<<3 | 7: "window size exceeded", // 3.75 TB
	} {
		st := within(t, 1<<20, DefaultOptions(), bytes.NewReader(frame(window)))
		wantError(t, st.Files[0], "zstd data: "+want)
	}
	opt := DefaultOptions()
	opt.MaxMemory = 16 << 20
	st := within(t, 1<<20, opt, bytes.NewReader(frame(16<<3))) // 64 MiB, which is read where there is room
	wantError(t, st.Files[0], "zstd: a window of 67108864 bytes needs more memory than --max-memory leaves for reading")
	st = within(t, 1<<20, opt, bytes.NewReader(frame(31<<3|7)))
	wantError(t, st.Files[0], "zstd")
	for _, file := range [][]byte{frame(0), zstded(t, plainPcap(at(1, 10)))} {
		if st := within(t, 16<<20, opt, bytes.NewReader(file)); st.Files[0].Err != nil {
			t.Error(st.Files[0].Err)
		}
	}
}

// TestManyCompressedOfOneTime: each decompressor counts, not their number alone.
func TestManyCompressedOfOneTime(t *testing.T) {
	long(t)
	dir := t.TempDir()
	const files = 40
	for i := range files {
		writeFile(t, dir, fmt.Sprintf("%02d.pcap.lz4", i), lz4ed(t, plainPcap(at(1, i), at(100, i))))
	}
	opt := DefaultOptions()
	opt.MaxMemory = 64 << 20
	segs, st := readAll(t, opt, dir)
	failed := 0
	for _, f := range st.Files {
		if f.Err != nil {
			failed++
			wantError(t, f, "more memory than --max-memory leaves for reading, beside 7 captures of the same time; merge some of them first")
		}
	}
	if failed == 0 || failed == files || len(segs) != 2*(files-failed) {
		t.Errorf("%d of %d captures failed, %d segments", failed, files, len(segs))
	}
	if segs, _ := readAll(t, DefaultOptions(), dir); len(segs) != 2*files {
		t.Errorf("without a bound: %d segments, want %d", len(segs), 2*files)
	}
}

func TestAMillionInterfaces(t *testing.T) {
	long(t)
	const each, sections = maxInterfaces, 16
	one := ngWriter{o: binary.LittleEndian}
	one.section()
	for range each {
		one.iface(linkEthernet, 0)
	}
	one.enhanced(each-1, 0, at(1, 10))
	var readers []io.Reader
	for range sections {
		readers = append(readers, bytes.NewReader(one.b))
	}
	st := within(t, 4*each*uint64(unsafe.Sizeof(ngInterface{})), DefaultOptions(), io.MultiReader(readers...))
	if st.Packets != sections || st.Files[0].Err != nil {
		t.Errorf("%d packets in %d sections, %v", st.Packets, sections, st.Files[0].Err)
	}

	one.b = one.b[:28+each*20]
	one.iface(linkEthernet, 0)
	st = within(t, 4*each*uint64(unsafe.Sizeof(ngInterface{})), DefaultOptions(), bytes.NewReader(one.b))
	wantError(t, st.Files[0], "more than 65536 interfaces in a section")

	opt := DefaultOptions()
	opt.MaxMemory = 1 << 20
	st = within(t, 2<<20, opt, bytes.NewReader(one.b))
	wantError(t, st.Files[0], "block at offset", "interfaces needs more memory than --max-memory leaves for reading")
}

// TestAMillionOptions: in blocks of 4 MB.
func TestAMillionOptions(t *testing.T) {
	long(t)
	w := ngWriter{o: binary.LittleEndian}
	w.section()
	many := make([]ngOption, 1_000_000)
	for i := range many {
		many[i].code = uint16(20_000 + i%1000)
	}
	w.iface(linkEthernet, 0, many...)
	w.enhanced(0, 0, at(1, 10), append(many, w.u64(optionEPBDrop, 3))...)
	w.statistics(0, append(many, w.u64(optionISBOSDrop, 5))...)
	st := within(t, 24<<20, DefaultOptions(), bytes.NewReader(w.b))
	if st.Packets != 1 || st.DropsMarked != 3 || st.DropsKernel != 5 || st.Files[0].Err != nil {
		t.Errorf("%d packets, %d and %d drops, %v", st.Packets, st.DropsMarked, st.DropsKernel, st.Files[0].Err)
	}
}

// TestOptionsBeyondTheirBlock: a length that points behind the block ends the options, and nothing else.
func TestOptionsBeyondTheirBlock(t *testing.T) {
	for _, length := range []uint16{1, 4, 5, 1000, 0xfffc, 0xffff} {
		w := ngWriter{o: binary.LittleEndian}
		beyond := func(code uint16) []byte { return w.o.AppendUint16(w.o.AppendUint16(nil, code), length) }
		w.section()
		w.block(blockInterface, join([]byte{linkEthernet, 0, 0, 0, 0, 0, 0, 0}, beyond(optionIfTsresol)))
		w.block(blockEnhanced, join(w.stampAndLengths(make([]byte, 4), 1, stamped{data: plainFrame(2)}), plainFrame(2), beyond(optionEPBDrop)))
		w.block(blockStatistics, join(make([]byte, 12), beyond(optionISBOSDrop)))
		w.enhanced(0, 2, at(1, 10))
		st := within(t, 1<<20, DefaultOptions(), bytes.NewReader(w.b))
		if st.Packets != 2 || st.TCP != 2 || st.DropsKnown || st.Files[0].Err != nil {
			t.Errorf("%d: %d packets, %d segments, drops known: %v, %v", length, st.Packets, st.TCP, st.DropsKnown, st.Files[0].Err)
		}
	}
}

// TestADirectoryOfManyFiles: what is kept of each is its name and little more, also of those that there are too many of at a time.
func TestADirectoryOfManyFiles(t *testing.T) {
	long(t)
	const originals, links = 100, 1000
	dir := t.TempDir()
	for i := range originals {
		sub := filepath.Join(dir, fmt.Sprint(i))
		if err := os.Mkdir(sub, 0o700); err != nil {
			t.Fatal(err)
		}
		original := writeFile(t, sub, "0.pcap", plainPcap(at(int64(i), 0)))
		for n := range links - 1 {
			if err := os.Link(original, filepath.Join(sub, fmt.Sprintf("%d.pcap", n+1))); err != nil {
				t.Skip(err)
			}
		}
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	src, err := Open(context.Background(), []string{dir}, DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	n := 0
	batch := make([]segment.Segment, 512)
	for err == nil {
		var read int
		read, err = src.Next(batch)
		n += read
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if each := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / (originals * links); each > inputSize {
		t.Errorf("%d octets are kept of each file, want at most %d", each, inputSize)
	}
	failed := 0
	for _, f := range src.Stats().Files {
		if f.Err != nil {
			failed++
			wantError(t, f, "more than 512 captures of the same time; merge some of them first")
		}
	}
	if n != originals*maxOpen || failed != originals*(links-maxOpen) {
		t.Errorf("%d segments, %d files failed; want those of %d files for each of %d moments", n, failed, maxOpen, originals)
	}
}
