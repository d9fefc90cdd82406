package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tcplife/tcplife/internal/segment"
)

const someTime = 1_700_000_000_123_456_789

func TestEveryKindOfPcap(t *testing.T) {
	kinds := []struct {
		name  string
		magic uint32
		unit  int64
	}{{"µs", magicMicro, 1000}, {"ns", magicNano, 1}, {"modified, µs", magicModified, 1000}}
	for _, kind := range kinds {
		for name, o := range orders {
			t.Run(kind.name+" "+name, func(t *testing.T) {
				segs, st := readBytes(t, pcapFile(o, kind.magic, 1,
					stamped{time: someTime, data: plainFrame(7)},
					stamped{time: someTime + 5000, data: ether(etherARP, make([]byte, 28))},
					stamped{time: someTime + 9000, data: plainFrame(8)}))
				if len(segs) != 2 || st.Packets != 3 || st.Skipped["arp"] != 1 {
					t.Fatalf("got %d segments of %d packets, skipped %v", len(segs), st.Packets, st.Skipped)
				}
				if want := int64(someTime) / kind.unit * kind.unit; segs[0].Time != want {
					t.Errorf("time %d, want %d", segs[0].Time, want)
				}
				if segs[1].Number != 3 || segs[1].PayloadLen != 8 {
					t.Errorf("second segment: number %d with %d bytes; want 3 with 8", segs[1].Number, segs[1].PayloadLen)
				}
				if want := fmt.Sprintf("pcap (%s, %s)", kind.name, name); st.Files[0].Format != want {
					t.Errorf("format %q, want %q", st.Files[0].Format, want)
				}
			})
		}
	}
}

func TestLinkTypeWordWithHighBits(t *testing.T) {
	// The length of the frame's checksum, four octets, and the flag that it is known.
	frame := append(plainFrame(5), 1, 2, 3, 4)
	segs, st := readBytes(t, pcapFile(binary.LittleEndian, magicMicro, 0x44000001, stamped{data: frame}))
	if len(segs) != 1 || segs[0].PayloadLen != 5 || segs[0].Captured != 5 {
		t.Errorf("got %+v, skipped %v", segs, st.Skipped)
	}
}

func TestSnapLenIsNoLimit(t *testing.T) {
	for _, snapLen := range []uint32{0, 10} {
		b := plainPcap(stamped{data: plainFrame(5)})
		binary.LittleEndian.PutUint32(b[16:], snapLen)
		if segs, st := readBytes(t, b); len(segs) != 1 || segs[0].Captured != 5 {
			t.Errorf("snaplen %d: got %d segments, error %v", snapLen, len(segs), st.Files[0].Err)
		}
	}
}

func TestLengthsInTheOrderOfOldFiles(t *testing.T) {
	b := plainPcap(stamped{data: plainFrame(50)[:80], wire: 116})
	binary.LittleEndian.PutUint16(b[6:], 2)
	captured, wire := bytes.Clone(b[32:36]), bytes.Clone(b[36:40])
	copy(b[32:], wire)
	copy(b[36:], captured)
	segs, st := readBytes(t, b)
	if len(segs) != 1 || segs[0].PayloadLen != 50 || segs[0].Captured != 14 || st.CutPackets != 1 || st.SnapLen != 80 {
		t.Errorf("got %+v, cut %d at %d", segs, st.CutPackets, st.SnapLen)
	}
}

func TestCompression(t *testing.T) {
	plain := plainPcap(stamped{time: 1e9, data: plainFrame(1)}, stamped{time: 2e9, data: plainFrame(2)})
	half := len(plain) / 2
	tests := []struct {
		name string
		make func(t *testing.T) []byte
	}{
		{"gzip", func(t *testing.T) []byte { return gzipped(t, plain) }},
		{"zstd", func(t *testing.T) []byte { return zstded(t, plain) }},
		{"lz4", func(t *testing.T) []byte { return lz4ed(t, plain) }},
		{"bzip2", func(t *testing.T) []byte { return bzip2ed(t, plain) }},
		{"gzip, gzip", func(t *testing.T) []byte { return gzipped(t, gzipped(t, plain)) }},
		{"zstd, gzip", func(t *testing.T) []byte { return gzipped(t, zstded(t, plain)) }},
		{"gzip", func(t *testing.T) []byte { return join(gzipped(t, plain[:half]), gzipped(t, plain[half:])) }},
	}
	for i, test := range tests {
		t.Run(fmt.Sprint(i, test.name), func(t *testing.T) {
			segs, st := readBytes(t, test.make(t))
			want := "pcap (µs, little endian), " + test.name
			if len(segs) != 2 || st.Files[0].Format != want || st.Files[0].Err != nil {
				t.Errorf("got %d segments, format %q (want %q), error %v", len(segs), st.Files[0].Format, want, st.Files[0].Err)
			}
		})
	}
}

// What is wrong with a file is said with the file's name, the packet and the
// offset, and what came before it is read.
func TestDamage(t *testing.T) {
	one := stamped{time: 1e9, data: plainFrame(10)}
	good := plainPcap(one, one)
	record := pcapRecordHeader + len(one.data)
	promise := join(good, bytes.Repeat([]byte{0xff}, 16), make([]byte, 100))
	corrupt := gzipped(t, bytes.Repeat(good, 1))
	corrupt[len(corrupt)-6] ^= 1 // the member's checksum
	var ng ngWriter
	ng.o = binary.LittleEndian
	ng.section()
	ng.iface(1, 0)
	ng.enhanced(0, 1e6, one)
	ng.statistics(0)
	old := bytes.Clone(good)
	binary.LittleEndian.PutUint16(old[4:], 1)

	const expects = "expected pcap, pcapng, snoop or a gzip, zstd, lz4 or bzip2 of one"
	tests := []struct {
		name    string
		file    []byte
		packets uint64
		damaged bool
		is      error
		want    string // after the path
	}{
		{"empty", nil, 0, false, ErrEmpty, ": empty file; " + expects},
		{"text", []byte("Meeting notes"), 0, false, ErrNotCapture, `: not a capture: begins with "Meeting " at offset 0; ` + expects},
		{"control characters", []byte("\x1b[2J\nx"), 0, false, ErrNotCapture, `: not a capture: begins with "\x1b[2J\nx" at offset 0; ` + expects},
		{"text in gzip", gzipped(t, []byte("notes")), 0, false, ErrNotCapture, `: not a capture: begins with "notes" at offset 0; ` + expects},
		{"nothing in gzip", gzipped(t, nil), 0, false, ErrEmpty, ": empty file; " + expects},
		{"thrice", gzipped(t, gzipped(t, gzipped(t, good))), 0, false, ErrNotCapture, ": not a capture: compressed more than 2 times"},
		{"xz", []byte("\xfd7zXZ\x00\x00\x04"), 0, false, ErrNotCapture, ": not a capture: xz is not read, run unxz first; " + expects},
		{"header only half", good[:10], 0, false, ErrCutShort, ": cut short in the file header, after 10 of 24 bytes"},
		{"version 1", old, 0, false, nil, ": pcap of version 1.4; expected 2.x"},
		{"header only", good[:24], 0, false, nil, ""},
		{"cut in the first record", good[:30], 0, true, ErrCutShort, ": cut short in packet 1 at offset 24"},
		{"cut in a header", good[:24+record+9], 1, true, ErrCutShort, fmt.Sprintf(": cut short in packet 2 at offset %d", 24+record)},
		{"cut in data", good[:len(good)-1], 1, true, ErrCutShort, fmt.Sprintf(": cut short in packet 2 at offset %d", 24+record)},
		{"promise", promise, 2, true, nil, fmt.Sprintf(": packet 3 at offset %d: record promises 4294967295 bytes; expected at most 16777216; the file is damaged from here (2 packets read)", len(good))},
		{"gzip cut", gzipped(t, good)[:40], 0, true, ErrCutShort, ": cut short in packet 1 at offset 24 (decompressed)"},
		{"gzip corrupt", corrupt, 2, true, nil, fmt.Sprintf(": packet 3 at offset %d (decompressed): gzip data: gzip: invalid checksum; the file is damaged from here (2 packets read)", len(good))},
		{"pcapng cut between packets", ng.b[:len(ng.b)-2], 1, true, ErrCutShort, fmt.Sprintf(": cut short in a block at offset %d; the file is damaged from here (1 packet read)", len(ng.b)-24)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := writeFile(t, t.TempDir(), "x.pcap", test.file)
			_, st := readAll(t, DefaultOptions(), path)
			f := st.Files[0]
			if f.Packets != test.packets || f.Damaged != test.damaged {
				t.Errorf("%d packets, damaged %v; want %d, %v", f.Packets, f.Damaged, test.packets, test.damaged)
			}
			if test.want == "" {
				if f.Err != nil {
					t.Errorf("unexpected error %v", f.Err)
				}
				return
			}
			if f.Err == nil || f.Err.Error() != path+test.want {
				t.Errorf("error %v\nwant  %s", f.Err, path+test.want)
			}
			if fe := (*FileError)(nil); !errors.As(f.Err, &fe) || fe.Path != path {
				t.Errorf("no FileError: %#v", f.Err)
			}
			if test.is != nil && !errors.Is(f.Err, test.is) {
				t.Errorf("%v is not %v", f.Err, test.is)
			}
		})
	}
}

// A compressed file that was cut ends in an error, not in silence.
func TestCutCompression(t *testing.T) {
	var frames []stamped
	for i := range 2000 {
		frames = append(frames, stamped{time: int64(i) * 1e9, data: plainFrame(i % 900)})
	}
	plain := plainPcap(frames...)
	for name, pack := range map[string]func(testing.TB, []byte) []byte{
		"gzip": gzipped, "zstd": zstded, "lz4": lz4ed, "bzip2": bzip2ed,
	} {
		t.Run(name, func(t *testing.T) {
			packed := pack(t, plain)
			path := writeFile(t, t.TempDir(), "x", packed[:len(packed)-len(packed)/10])
			src, err := Open(t.Context(), []string{path}, DefaultOptions())
			if err != nil {
				t.Fatal(err)
			}
			defer src.Close()
			batch := make([]segment.Segment, 100)
			for err == nil {
				_, err = src.Next(batch)
			}
			if f := src.Stats().Files[0]; !errors.Is(f.Err, ErrCutShort) || !f.Damaged && f.Packets > 0 {
				t.Errorf("%d packets, damaged %v, error %v", f.Packets, f.Damaged, f.Err)
			}
			if done, total := src.Progress(); src.Stats().Packets > 0 && done != total {
				t.Errorf("progress ended at %d of %d", done, total)
			}
		})
	}
}

func TestMissingFileIsSaidInTheSystemsWords(t *testing.T) {
	_, st := readAll(t, DefaultOptions(), "no-such-file.pcap")
	if err := st.Files[0].Err; err == nil || !strings.HasPrefix(err.Error(), "no-such-file.pcap: no such file") {
		t.Errorf("got %v", err)
	}
}

func TestAPromisedLengthAllocatesNothing(t *testing.T) {
	// 16 MiB promised, none of it there: the buffer must stay as it was.
	b := plainPcap()
	b = binary.LittleEndian.AppendUint64(b, 0)
	b = binary.LittleEndian.AppendUint32(b, maxRecord)
	b = binary.LittleEndian.AppendUint32(b, maxRecord)
	r := newBlockReader(bytes.NewReader(b), make([]byte, 1024))
	p, err := newPcapReader(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.next(new(record)); !errors.Is(err, ErrCutShort) {
		t.Errorf("got %v", err)
	}
	if len(r.buf) > 2048 {
		t.Errorf("the buffer grew to %d bytes for %d", len(r.buf), len(b))
	}
}

func TestRecordsAcrossTheEndOfTheBuffer(t *testing.T) {
	var frames []stamped
	for i := range 3000 {
		frames = append(frames, stamped{time: int64(i) * 1e6, data: plainFrame(i % 1400)})
	}
	frames = append(frames, stamped{time: 4e9, data: append(plainFrame(9), make([]byte, 1<<20)...)})
	segs, st := readBytes(t, plainPcap(frames...))
	if len(segs) != len(frames) || st.Files[0].Err != nil {
		t.Fatalf("got %d of %d segments, error %v", len(segs), len(frames), st.Files[0].Err)
	}
	for i, s := range segs[:3000] {
		if s.PayloadLen != uint32(i%1400) || s.Time != int64(i)*1e6 {
			t.Fatalf("segment %d: %d bytes at %d", i, s.PayloadLen, s.Time)
		}
	}
}
