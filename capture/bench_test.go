package capture

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/tcplife/tcplife/internal/segment"
)

// benchFrames are packets of connections as they are met: data one way,
// acknowledgements the other, now and then a SYN, one in eight over IPv6.
func benchFrames(count, snapLen int) []stamped {
	const payload = 900
	frames := make([]stamped, count)
	for i := range frames {
		tcp := tcpHeader(0x10, timestamps, nil)
		switch {
		case i%32 == 0:
			tcp = tcpHeader(0x02, usualSYN, nil)
		case i%3 != 0:
			tcp = tcpHeader(0x18, timestamps, make([]byte, payload))
		}
		binary.BigEndian.PutUint16(tcp[2*(i%2):], uint16(50000+i%1000))
		frame := ether(etherIPv4, ip4(protoTCP, tcp))
		if i%8 == 7 {
			frame = ether(etherIPv6, ip6(protoTCP, tcp))
		} else {
			setChecksum(frame[14:])
		}
		frames[i] = stamped{time: int64(i) * 1000, data: frame[:min(len(frame), snapLen)], wire: len(frame)}
	}
	return frames
}

func ngFrames(frames []stamped) []byte {
	w := &ngWriter{o: binary.LittleEndian}
	w.section()
	w.iface(1, 0)
	for _, f := range frames {
		w.enhanced(0, uint64(f.time/1000), f)
	}
	return w.b
}

// BenchmarkRead is the whole way from a file to segments, a packet at a time.
func BenchmarkRead(b *testing.B) {
	const count = 50_000
	headers, payload := benchFrames(count, 96), benchFrames(count, 2000)
	for _, bench := range []struct {
		name string
		file []byte
		opt  Options
	}{
		{"pcap-headers", plainPcap(headers...), DefaultOptions()},
		{"pcap-headers-single", plainPcap(headers...), Options{VerifyChecksums: true, single: true}},
		{"pcap-payload", plainPcap(payload...), DefaultOptions()},
		{"pcap-payload-unverified", plainPcap(payload...), Options{}},
		{"pcapng-headers", ngFrames(headers), DefaultOptions()},
		{"gzip", gzipped(b, plainPcap(headers...)), DefaultOptions()},
		{"zstd", zstded(b, plainPcap(headers...)), DefaultOptions()},
	} {
		b.Run(bench.name, func(b *testing.B) {
			path := writeFile(b, b.TempDir(), "x", bench.file)
			batch := make([]segment.Segment, 256)
			b.SetBytes(int64(len(bench.file)) / count)
			b.ReportAllocs()
			for n := 0; n < b.N; {
				src, err := Open(context.Background(), []string{path}, bench.opt)
				if err != nil {
					b.Fatal(err)
				}
				for err == nil && n < b.N {
					var k int
					k, err = src.Next(batch)
					n += k
				}
				src.Close()
				if err != nil && !errors.Is(err, io.EOF) {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkMerge reads files whose packets take turns.
func BenchmarkMerge(b *testing.B) {
	const count, files = 50_000, 4
	frames := benchFrames(count, 96)
	dir := b.TempDir()
	for i := range files {
		var part []stamped
		for j := i; j < count; j += files {
			part = append(part, frames[j])
		}
		writeFile(b, dir, string(rune('a'+i)), plainPcap(part...))
	}
	batch := make([]segment.Segment, 256)
	b.ReportAllocs()
	for n := 0; n < b.N; {
		src, err := Open(context.Background(), []string{dir}, DefaultOptions())
		for err == nil && n < b.N {
			var k int
			k, err = src.Next(batch)
			n += k
		}
		src.Close()
		if err != nil && !errors.Is(err, io.EOF) {
			b.Fatal(err)
		}
	}
}

// BenchmarkRecords is the reading alone, a packet at a time.
func BenchmarkRecords(b *testing.B) {
	const count = 50_000
	frames := benchFrames(count, 96)
	for name, file := range map[string][]byte{"pcap": plainPcap(frames...), "pcapng": ngFrames(frames)} {
		b.Run(name, func(b *testing.B) {
			buf := make([]byte, blockSize)
			var records [runLength]record
			b.SetBytes(int64(len(file)) / count)
			b.ReportAllocs()
			for n := 0; n < b.N; {
				r, err := newRecordReader(newBlockReader(bytes.NewReader(file), buf))
				for err == nil && n < b.N {
					k := r.run(records[:])
					if n += k; k == 0 {
						err = r.next(&records[0])
						n++
					}
				}
				if err != nil && !errors.Is(err, io.EOF) {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkDecode is what becomes of one frame. With mixed frames, branches
// cost what they cost on a real capture.
func BenchmarkDecode(b *testing.B) {
	mixed := make([][]byte, 0, 4096)
	for _, f := range benchFrames(cap(mixed), 96) {
		mixed = append(mixed, f.data)
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	for _, bench := range []struct {
		name   string
		frames [][]byte
		verify bool
		plain  bool
	}{
		{"plain-ipv4", [][]byte{plainFrame(0)}, false, true},
		{"plain-mixed", mixed, true, true},
		{"ipv4", [][]byte{plainFrame(0)}, false, false},
		{"ipv4-verified-640", [][]byte{plainFrame(640)}, true, false},
		{"mixed", mixed, true, false},
		{"ipv6-vlan", [][]byte{ether(etherVLAN, vlan(1, etherIPv6, ip6(protoTCP, syn)))}, false, false},
		{"gre", [][]byte{ether(etherIPv4, ip4(protoGRE, join([]byte{0, 0}, u16(etherIPv4), plainFrame(0)[14:])))}, false, false},
	} {
		b.Run(bench.name, func(b *testing.B) {
			d := newDecoder(bench.verify, new(segment.Paths))
			var s segment.Segment
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				frame := bench.frames[i]
				if i++; i == len(bench.frames) {
					i = 0
				}
				if bench.plain && d.plain(frame, &s) {
					continue
				}
				if bench.plain || d.decode(linkEthernet, frame, uint32(len(frame)), &s) != isSegment {
					b.Fatal("no segment")
				}
			}
		})
	}
}

func BenchmarkOptions(b *testing.B) {
	for _, bench := range []struct {
		name    string
		options []byte
	}{
		{"none", nil},
		{"timestamps", timestamps},
		{"syn-linux", usualSYN},
		{"syn-bsd", otherSYN},
		{"syn-windows", windowsSYN},
		{"sack", join(timestamps, []byte{1, 1, 5, 18}, make([]byte, 16))},
	} {
		b.Run(bench.name, func(b *testing.B) {
			header := tcpHeader(0x10, bench.options, nil)
			var s segment.Segment
			b.ReportAllocs()
			for b.Loop() {
				fillTCP(&s, ends{}, header, len(header))
			}
		})
	}
}

// BenchmarkFragments is what becomes of one fragment, where each datagram comes in three.
func BenchmarkFragments(b *testing.B) {
	fragments := split4(packet4(4000), 1480, 2960)
	tp := newTap()
	var s segment.Segment
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		f := fragments[i%3]
		binary.BigEndian.PutUint16(f[4:], uint16(i/3))
		tp.now += 1000
		tp.decode(101, f, uint32(len(f)), &s)
	}
}
