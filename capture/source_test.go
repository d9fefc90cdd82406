package capture

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tcplife/tcplife/internal/segment"
)

// numbers renders the payload lengths of segments, by which tests tell them apart.
func numbers(segs []segment.Segment) string {
	var out []string
	for _, s := range segs {
		out = append(out, fmt.Sprint(s.PayloadLen))
	}
	return strings.Join(out, " ")
}

func at(seconds int64, n int) stamped { return stamped{time: seconds * 1e9, data: plainFrame(n)} }

func TestMergeDoesNotDependOnTheOrderOfArguments(t *testing.T) {
	dir := t.TempDir()
	paths := []string{
		writeFile(t, dir, "c.pcap", plainPcap(at(1, 1), at(4, 4), at(7, 7))),
		writeFile(t, dir, "b.pcap", plainPcap(at(2, 2), at(4, 104), at(3, 3))), // time goes back within it
		writeFile(t, dir, "a.pcap", gzipped(t, plainPcap(at(2, 102), at(9, 9)))),
		writeFile(t, dir, "empty.pcap", plainPcap()),
		filepath.Join(dir, "missing.pcap"),
	}
	const want = "1 102 2 4 104 3 7 9"
	for range 20 {
		rand.Shuffle(len(paths), func(i, j int) { paths[i], paths[j] = paths[j], paths[i] })
		again := append(slices.Clone(paths), paths[0], dir+"/./c.pcap")
		segs, st := readAll(t, DefaultOptions(), again...)
		if got := numbers(segs); got != want {
			t.Fatalf("%v: got %s, want %s", again, got, want)
		}
		var names []string
		for _, f := range st.Files {
			names = append(names, filepath.Base(f.Path))
		}
		if got := strings.Join(names, " "); got != "c.pcap a.pcap b.pcap empty.pcap missing.pcap" {
			t.Fatalf("files in order %s", got)
		}
		for i, s := range segs {
			if s.Number != uint64(i+1) {
				t.Fatalf("segment %d has number %d", i, s.Number)
			}
		}
		if segs[1].File != 1 || st.Files[4].Err == nil || st.Backwards != 1 || st.Files[2].Backwards != 1 || st.First != 1e9 || st.Last != 9e9 {
			t.Fatalf("file %d, %+v", segs[1].File, st)
		}
	}
}

// A ring's files follow each other in time: the one being read, and at most
// the one that begins at the same moment, are open.
func TestRingIsReadWithFewFilesOpen(t *testing.T) {
	dir := t.TempDir()
	const files, perFile = 200, 5
	for i := range files {
		var frames []stamped
		for j := range perFile {
			n := i*perFile + j
			frames = append(frames, at(int64(n), n))
		}
		writeFile(t, dir, fmt.Sprintf("ring%03d.pcap", files-i), plainPcap(frames...))
	}
	src, err := Open(context.Background(), []string{dir}, DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	_, total := src.Progress()
	batch := make([]segment.Segment, 7)
	next, most := uint32(0), 0
	for {
		n, err := src.Next(batch)
		for _, s := range batch[:n] {
			if s.PayloadLen != next {
				t.Fatalf("segment %d came where %d was due", s.PayloadLen, next)
			}
			next++
		}
		most = max(most, len(src.heap))
		if errors.Is(err, io.EOF) {
			break
		}
	}
	if next != files*perFile || most > 2 || len(src.buffers) > 2 {
		t.Errorf("%d segments, %d files open at once, %d buffers", next, most, len(src.buffers))
	}
	if done, _ := src.Progress(); done != total || total == 0 {
		t.Errorf("progress ended at %d of %d", done, total)
	}
}

func TestManyFilesOfOneTime(t *testing.T) {
	dir := t.TempDir()
	for i := range maxOpen + 2 {
		writeFile(t, dir, fmt.Sprintf("%04d.pcap", i), plainPcap(at(1, i), at(2, i)))
	}
	segs, st := readAll(t, DefaultOptions(), dir)
	if len(segs) != 2*maxOpen {
		t.Errorf("%d segments, want those of %d files", len(segs), maxOpen)
	}
	if err := st.Files[maxOpen].Err; err == nil || !strings.Contains(err.Error(), "mergecap") {
		t.Errorf("one file too many: %v", err)
	}
}

func TestPathsNameFilesDirectoriesAndPatterns(t *testing.T) {
	dir := t.TempDir()
	deep := filepath.Join(dir, "day", "hour")
	if err := os.MkdirAll(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	writeFile(t, dir, "one.pcap", plainPcap(at(1, 1)))
	writeFile(t, deep, "two.cap", plainPcap(at(2, 2)))
	writeFile(t, deep, "three", zstded(t, plainPcap(at(3, 3))))
	writeFile(t, deep, "readme.txt", []byte("what these are"))
	writeFile(t, deep, ".hidden", plainPcap(at(4, 4)))
	odd := writeFile(t, dir, "[5].pcap", plainPcap(at(5, 5)))
	tests := []struct {
		paths   []string
		want    string
		ignored uint64
		bad     string
	}{
		{[]string{dir}, "1 2 3 5", 1, ""},
		{[]string{dir, filepath.Join(dir, "*.pcap")}, "1 2 3 5", 1, ""},
		{[]string{filepath.Join(deep, "t*")}, "2 3", 0, ""},
		{[]string{filepath.Join(dir, "d*")}, "2 3", 1, ""},
		{[]string{odd}, "5", 0, ""}, // a file of that very name
		{[]string{filepath.Join(deep, "readme.txt"), dir}, "1 2 3 5", 0, "readme.txt: not a capture"},
		{[]string{odd, filepath.Join(dir, "*.nothing")}, "5", 0, "*.nothing: no file matches"},
		{[]string{odd, filepath.Join(dir, "[")}, "5", 0, "[: malformed pattern"},
	}
	for _, test := range tests {
		segs, st := readAll(t, DefaultOptions(), test.paths...)
		if got := numbers(segs); got != test.want || st.Ignored != test.ignored {
			t.Errorf("%v: got %s and %d ignored, want %s and %d", test.paths, got, st.Ignored, test.want, test.ignored)
		}
		var bad []string
		for _, f := range st.Files {
			if f.Err != nil {
				bad = append(bad, f.Err.Error())
			}
		}
		if all := strings.Join(bad, "\n"); len(bad) > 1 || !strings.Contains(all, test.bad) || test.bad == "" && all != "" {
			t.Errorf("%v: errors %q, want one with %q", test.paths, all, test.bad)
		}
	}
	for _, paths := range [][]string{nil, {t.TempDir()}} {
		if _, err := Open(context.Background(), paths, DefaultOptions()); err == nil {
			t.Errorf("%v: no error although there is nothing to read", paths)
		}
	}
}

func TestStandardInput(t *testing.T) {
	opt := DefaultOptions()
	opt.Stdin = bytes.NewReader(gzipped(t, plainPcap(at(1, 1), at(3, 3))))
	file := writeFile(t, t.TempDir(), "x.pcap", plainPcap(at(2, 2)))
	segs, st := readAll(t, opt, file, "-", "-")
	if got := numbers(segs); got != "1 2 3" || st.Files[0].Path != "-" || st.Files[0].Size != -1 {
		t.Errorf("got %s, files %+v", got, st.Files)
	}
}

func TestCancelledReadingStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	path := writeFile(t, t.TempDir(), "x.pcap", plainPcap(at(1, 1), at(2, 2)))
	src, err := Open(ctx, []string{path}, DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	batch := make([]segment.Segment, 1)
	if n, err := src.Next(batch); n != 1 || err != nil {
		t.Fatalf("got %d, %v", n, err)
	}
	cancel()
	if _, err := src.Next(batch); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if st := src.Stats(); st.TCP != 1 {
		t.Errorf("%d segments counted; what was read before must count", st.TCP)
	}
}

func TestFilter(t *testing.T) {
	if !HaveLibpcap {
		opt := DefaultOptions()
		opt.Filter = "tcp"
		path := writeFile(t, t.TempDir(), "x.pcap", plainPcap(at(1, 1)))
		if _, err := Open(context.Background(), []string{path}, opt); err == nil || !strings.Contains(err.Error(), "without libpcap") {
			t.Errorf("got %v", err)
		}
		t.Skip("built without libpcap, which compiles filters")
	}
	other := plainFrame(3)
	copy(other[36:], u16(80))
	cooked := join(u16(etherIPv4), make([]byte, 18), plainFrame(4)[14:])
	dir := t.TempDir()
	paths := []string{
		writeFile(t, dir, "a.pcap", plainPcap(at(1, 1), stamped{time: 2e9, data: other}, at(3, 2), stamped{time: 4e9})),
		writeFile(t, dir, "sll2.pcap", pcapFile(binary.BigEndian, magicNano, 276, stamped{time: 5e9, data: cooked})),
	}
	opt := DefaultOptions()
	opt.Filter = "tcp port 443"
	segs, st := readAll(t, opt, paths...)
	if got := numbers(segs); got != "1 2 4" || st.Filtered != 2 || st.Packets != 3 || segs[1].Number != 3 {
		t.Errorf("got %s, %d filtered, %d packets", got, st.Filtered, st.Packets)
	}
	opt.Filter = "tcp prot 443"
	if _, err := Open(context.Background(), paths, opt); err == nil || !strings.Contains(err.Error(), "syntax error") {
		t.Errorf("got %v, want libpcap's message", err)
	}
	if _, err := Open(context.Background(), []string{"missing"}, opt); err == nil {
		t.Error("a wrong filter is accepted when there is no file to try it on")
	}

	// An interface that comes later and that the filter makes no sense for.
	w := &ngWriter{o: binary.LittleEndian}
	w.section()
	w.iface(1, 0)
	w.iface(147, 0) // private use: libpcap cannot know it
	w.enhanced(0, 1, at(0, 1))
	w.enhanced(1, 2, at(0, 2))
	w.enhanced(0, 3, at(0, 3))
	opt.Filter = "tcp port 443"
	segs, st = readAll(t, opt, writeFile(t, dir, "two.pcapng", w.b))
	if got := numbers(segs); got != "1 3" || st.Files[0].Err == nil {
		t.Errorf("got %s, error %v", got, st.Files[0].Err)
	}
}

func TestReadingAllocatesNothingPerPacket(t *testing.T) {
	var frames []stamped
	for i := range 20000 {
		frames = append(frames, at(int64(i), 100))
	}
	w := &ngWriter{o: binary.LittleEndian}
	w.section()
	w.iface(1, 0)
	for i, f := range frames {
		w.enhanced(0, uint64(i), f)
	}
	for name, content := range map[string][]byte{"pcap": plainPcap(frames...), "pcapng": w.b} {
		src, err := Open(context.Background(), []string{writeFile(t, t.TempDir(), name, content)}, DefaultOptions())
		if err != nil {
			t.Fatal(err)
		}
		batch := make([]segment.Segment, 256)
		src.Next(batch) // opens the file
		if n := testing.AllocsPerRun(50, func() {
			if n, err := src.Next(batch); n != len(batch) || err != nil {
				t.Fatalf("got %d, %v", n, err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations a batch", name, n)
		}
		src.Close()
	}
}
