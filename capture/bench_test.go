package capture

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"github.com/tcplife/tcplife/internal/segment"
)

// BenchmarkRead is the whole way from a file to segments.
func BenchmarkRead(b *testing.B) {
	const count = 50_000
	build := func(n int) []stamped {
		var frames []stamped
		for i := range count {
			frames = append(frames, stamped{time: int64(i) * 1000, data: plainFrame(n)})
		}
		return frames
	}
	ng := func(frames []stamped) []byte {
		w := &ngWriter{o: binary.LittleEndian}
		w.section()
		w.iface(1, 0)
		for _, f := range frames {
			w.enhanced(0, uint64(f.time/1000), f)
		}
		return w.b
	}
	small, large := build(0), build(640)
	for _, bench := range []struct {
		name string
		file []byte
		opt  Options
	}{
		{"pcap-headers", plainPcap(small...), DefaultOptions()},
		{"pcap-payload", plainPcap(large...), DefaultOptions()},
		{"pcap-payload-unverified", plainPcap(large...), Options{}},
		{"pcapng-headers", ng(small), DefaultOptions()},
		{"gzip", gzipped(b, plainPcap(small...)), DefaultOptions()},
		{"zstd", zstded(b, plainPcap(small...)), DefaultOptions()},
	} {
		b.Run(bench.name, func(b *testing.B) {
			path := writeFile(b, b.TempDir(), "x", bench.file)
			batch := make([]segment.Segment, 256)
			b.SetBytes(int64(len(bench.file)) / count)
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

func BenchmarkDecode(b *testing.B) {
	for _, bench := range []struct {
		name   string
		frame  []byte
		verify bool
	}{
		{"ipv4", plainFrame(0), false},
		{"ipv4-verified-640", plainFrame(640), true},
		{"ipv6-vlan", ether(etherVLAN, vlan(1, etherIPv6, ip6(protoTCP, syn))), false},
		{"gre", ether(etherIPv4, ip4(protoGRE, join([]byte{0, 0}, u16(etherIPv4), plainFrame(0)[14:]))), false},
	} {
		b.Run(bench.name, func(b *testing.B) {
			d := decoder{verify: bench.verify}
			var s segment.Segment
			b.ReportAllocs()
			for b.Loop() {
				if d.decode(1, bench.frame, uint32(len(bench.frame)), &s) != isSegment {
					b.Fatal("no segment")
				}
			}
		})
	}
}
