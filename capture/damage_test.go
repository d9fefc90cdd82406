package capture

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tcplife/tcplife/internal/segment"
)

// ownCaptures returns the sound captures of the tests that fit a quick run, by name.
func ownCaptures(t *testing.T) map[string][]byte {
	t.Helper()
	const largest = 1 << 10
	files, err := filepath.Glob(filepath.Join("..", "testdata", "pcap", "*", "*.pcap"))
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string][]byte)
	for _, path := range files {
		if filepath.Base(filepath.Dir(path)) == "damage" {
			continue // already
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) <= largest {
			found[filepath.Base(path)] = b
		}
	}
	if len(found) == 0 {
		t.Fatal("no capture in testdata/pcap")
	}
	for name, o := range orders {
		w := &ngWriter{o: o}
		w.section()
		w.iface(1, 96)
		w.enhanced(0, someTime, at(0, 10))
		w.oldPacket(1, someTime, at(0, 11))
		w.simple(at(0, 12))
		w.statistics(0, w.u64(optionISBIfDrop, 3))
		w.section()
		w.iface(276, 0, ngOption{optionIfTsresol, []byte{9}})
		w.enhanced(0, 1<<40, at(0, 700))
		found["pcapng, "+name] = w.b
	}
	return found
}

// readDamaged reads a file as the program does and holds what is true of any
// damage: reading ends, and where it ended early a packet or an offset is named.
func readDamaged(t *testing.T, path string, file []byte, what string, at int) FileStats {
	t.Helper()
	src, err := Open(t.Context(), []string{"-"}, Options{VerifyChecksums: true, Stdin: bytes.NewReader(file)})
	if err != nil {
		t.Fatalf("%s, %s %d: %v", path, what, at, err)
	}
	defer src.Close()
	batch := make([]segment.Segment, 64)
	for err == nil {
		_, err = src.Next(batch)
	}
	if !errors.Is(err, io.EOF) {
		t.Fatalf("%s, %s %d: ended with %v", path, what, at, err)
	}
	f := src.Stats().Files[0]
	if f.Err == nil {
		return f
	}
	fe := (*FileError)(nil)
	if !errors.As(f.Err, &fe) || fe.Path != "-" {
		t.Fatalf("%s, %s %d: no FileError: %v", path, what, at, f.Err)
	}
	if f.Damaged && fe.Packet == 0 && !strings.Contains(f.Err.Error(), "block at offset") {
		t.Errorf("%s, %s %d: damage without its place: %v", path, what, at, f.Err)
	}
	if f.Damaged && (fe.Packet > 0 && fe.Packet != f.Packets+1 || fe.Offset > int64(len(file))) {
		t.Errorf("%s, %s %d: %d packets read of %d bytes, yet: %v", path, what, at, f.Packets, len(file), f.Err)
	}
	return f
}

// TestCutAnywhere cuts captures at every offset. Never more packets come of it
// than of the whole, never fewer than of a shorter cut; and a cut inside of a
// record is an error.
func TestCutAnywhere(t *testing.T) {
	for name, whole := range ownCaptures(t) {
		packets := uint64(0)
		for n := range len(whole) + 1 {
			f := readDamaged(t, name, whole[:n], "cut at", n)
			switch {
			case f.Packets != packets && f.Packets != packets+1:
				t.Fatalf("%s, cut at %d: %d packets, one octet less gave %d", name, n, f.Packets, packets)
			case f.Packets == packets+1 && (f.Err != nil || f.Damaged):
				t.Errorf("%s, cut at %d, behind packet %d: %v", name, n, f.Packets, f.Err)
			}
			packets = f.Packets
		}
		if f := readDamaged(t, name, whole, "whole", len(whole)); f.Err != nil || packets == 0 {
			t.Errorf("%s: %d packets, error %v", name, packets, f.Err)
		}
	}
}

// TestFlippedOctets changes single octets and handfuls of them.
func TestFlippedOctets(t *testing.T) {
	const variants = 100 // of each capture
	for name, whole := range ownCaptures(t) {
		r := rand.New(rand.NewPCG(uint64(len(whole)), 7))
		for i := range variants {
			damaged := bytes.Clone(whole)
			for range 1 + i%4 {
				damaged[r.IntN(len(damaged))] ^= byte(1 + r.IntN(255))
			}
			readDamaged(t, name, damaged, "variant", i)
		}
	}
}
