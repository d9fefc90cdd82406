package capture

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"
)

func TestPcapngSectionsAndInterfaces(t *testing.T) {
	for name, o := range orders {
		t.Run(name, func(t *testing.T) {
			w := &ngWriter{o: o}
			w.section()
			w.iface(1, 65535)                                     // microseconds unless said
			w.iface(101, 0, ngOption{optionIfTsresol, []byte{9}}) // raw IP, nanoseconds
			w.block(4, []byte("names, which are passed over"))
			w.enhanced(0, 1_000_001, stamped{data: plainFrame(1)})
			w.enhanced(1, 1_000_002_003, stamped{data: plainFrame(2)[14:]})
			w.oldPacket(3, 1_000_003, stamped{data: plainFrame(3)})
			w.simple(stamped{data: plainFrame(4)})
			w.section()
			w.iface(276, 0, ngOption{optionIfTsresol, []byte{0x80 | 10}}, w.u64(optionIfTsoffset, 5))
			w.enhanced(0, 512, stamped{data: join(u16(etherIPv4), make([]byte, 18), plainFrame(5)[14:])})
			segs, st := readBytes(t, w.b)
			var got []string
			for _, s := range segs {
				got = append(got, fmt.Sprintf("%d@%d", s.PayloadLen, s.Time))
			}
			want := "1@1000001000 2@1000002003 3@1000003000 4@1000003000 5@5500000000"
			if s := strings.Join(got, " "); s != want {
				t.Errorf("got  %s\nwant %s\nskipped %v, error %v", s, want, st.Skipped, st.Files[0].Err)
			}
			if links := strings.Join(st.Files[0].LinkTypes, ", "); links != "Ethernet, raw IP, Linux cooked v2" {
				t.Errorf("link types %s", links)
			}
			if want := fmt.Sprintf("pcapng (%s, 2 sections)", name); st.Files[0].Format != want {
				t.Errorf("format %q, want %q", st.Files[0].Format, want)
			}
			if !st.DropsKnown || st.DropsMarked != 3 {
				t.Errorf("drops %v, %d; want the 3 of the old packet block", st.DropsKnown, st.DropsMarked)
			}
		})
	}
}

func TestPcapngDropCounters(t *testing.T) {
	w := &ngWriter{o: binary.LittleEndian}
	w.section()
	w.iface(1, 0)
	w.iface(1, 0)
	f := stamped{data: plainFrame(0)}
	w.enhanced(0, 1, f, ngOption{2, []byte{1, 0, 0, 0}}, w.u64(optionEPBDrop, 4))
	w.statistics(0, w.u64(optionISBIfDrop, 1), w.u64(optionISBOSDrop, 2))
	w.statistics(0, w.u64(optionISBIfDrop, 10), w.u64(optionISBOSDrop, 20)) // counts from the start, replaces
	w.statistics(1, w.u64(optionISBIfDrop, 100))
	w.statistics(7, w.u64(optionISBIfDrop, 1000)) // of no interface
	w.section()
	w.iface(1, 0)
	w.statistics(0, w.u64(optionISBOSDrop, 500))
	_, st := readBytes(t, w.b)
	if !st.DropsKnown || st.DropsInterface != 110 || st.DropsKernel != 520 || st.DropsMarked != 4 {
		t.Errorf("got known %v, interface %d, kernel %d, marked %d", st.DropsKnown, st.DropsInterface, st.DropsKernel, st.DropsMarked)
	}
	if st.Drops() != 630 {
		t.Errorf("Drops() = %d, want 630: what packets are marked with is in the statistics too", st.Drops())
	}
	if _, st := readBytes(t, plainPcap(f)); st.DropsKnown {
		t.Error("pcap cannot know of drops")
	}
}

func TestPcapngDamage(t *testing.T) {
	f := stamped{data: plainFrame(10)}
	start := func() *ngWriter {
		w := &ngWriter{o: binary.LittleEndian}
		w.section()
		w.iface(1, 0)
		w.enhanced(0, 1, f)
		return w
	}
	at := len(start().b)
	tests := []struct {
		name string
		add  func(w *ngWriter)
		want string
	}{
		{
			"interface that was not described", func(w *ngWriter) { w.enhanced(5, 1, f) },
			fmt.Sprintf("packet 2 at offset %d: packet of interface 5, but the section has described 1; the file is damaged from here (1 packet read)", at),
		},
		{
			"block longer than the bound", func(w *ngWriter) { w.b = append(w.b, 6, 0, 0, 0, 0xfc, 0xff, 0xff, 0xff, 0, 0, 0, 0) },
			fmt.Sprintf("packet 2 at offset %d: promises a length of 4294967292; expected at most 16842752; the file is damaged from here (1 packet read)", at),
		},
		{
			"unknown block longer than the file", func(w *ngWriter) { w.b = append(w.b, 99, 0, 0, 0, 0xfc, 0xff, 0xff, 0xff, 0, 0, 0, 0) },
			fmt.Sprintf("cut short in a block at offset %d; the file is damaged from here (1 packet read)", at),
		},
		{
			"block of length 0", func(w *ngWriter) { w.b = append(w.b, make([]byte, 12)...) },
			fmt.Sprintf("block at offset %d: promises a length of 0; expected a multiple of 4, at least 12; the file is damaged from here (1 packet read)", at),
		},
		{
			"lengths that differ", func(w *ngWriter) { w.enhanced(0, 1, f); w.b[len(w.b)-4]++ },
			fmt.Sprintf("packet 2 at offset %d: begins with length 108 and ends with length 109; the file is damaged from here (1 packet read)", at),
		},
		{
			"more data than the block", func(w *ngWriter) { w.enhanced(0, 1, f); w.b[at+20] = 200 },
			fmt.Sprintf("packet 2 at offset %d: record promises 200 bytes in a block with room for 76; the file is damaged from here (1 packet read)", at),
		},
		{
			"byte order", func(w *ngWriter) { w.section(); w.b[at+8] ^= 1 },
			fmt.Sprintf("block at offset %d: section with byte-order magic 0x1a2b3c4c; expected 0x1a2b3c4d; the file is damaged from here (1 packet read)", at),
		},
		{
			"clock", func(w *ngWriter) { w.iface(1, 0, ngOption{optionIfTsresol, []byte{40}}) },
			fmt.Sprintf("block at offset %d: interface with a time resolution of 0x28, finer than 64 bits can tell; the file is damaged from here (1 packet read)", at),
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := start()
			test.add(w)
			segs, st := readBytes(t, w.b)
			file := st.Files[0]
			if len(segs) != 1 || !file.Damaged || file.Err == nil || !strings.HasSuffix(file.Err.Error(), ": "+test.want) {
				t.Errorf("%d segments, damaged %v, error\n%v\nwant\n%s", len(segs), file.Damaged, file.Err, test.want)
			}
		})
	}
}

func TestClock(t *testing.T) {
	tests := []struct {
		resolution byte
		offset     int64
		stamp      uint64
		want       int64
	}{
		{6, 0, 1_500_000, 1_500_000_000},
		{0, 0, 7, 7_000_000_000},
		{9, 0, someTime, someTime},
		{12, 0, 1_999_999_999_999, 1_999_999_999},
		{19, 0, math.MaxUint64, 1_844_674_407},
		{0x80, 0, 3, 3_000_000_000},
		{0x80 | 32, 0, 1<<32 | 1<<31, 1_500_000_000},
		{0x80 | 63, 0, 1<<63 | 1<<62, 1_500_000_000},
		{6, -1, 3_000_000, 2_000_000_000},
		{3, 10, 1, 10_001_000_000},
		// Noise saturates instead of wrapping around.
		{6, 0, 1 << 62, maxSeconds*1e9 + 387904_000},
		{0, 0, 1 << 62, maxSeconds * 1e9},
		// A clock before 1970.
		{6, 0, math.MaxUint64, -1000},
		{6, 10, math.MaxUint64, 9_999_999_000},
		{0, 0, math.MaxUint64, -1_000_000_000},
		{6, math.MaxInt64, 0, maxSeconds * 1e9},
		{6, math.MinInt64, 0, -maxSeconds * 1e9},
	}
	for _, test := range tests {
		c, ok := newClock(test.resolution, test.offset)
		if got := c.nanoseconds(test.stamp); !ok || got != test.want {
			t.Errorf("resolution 0x%02x, offset %d: stamp %d is %d (%v), want %d", test.resolution, test.offset, test.stamp, got, ok, test.want)
		}
	}
	for _, resolution := range []byte{20, 0xc0} {
		if _, ok := newClock(resolution, 0); ok {
			t.Errorf("resolution 0x%02x accepted", resolution)
		}
	}
}
