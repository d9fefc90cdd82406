package capture

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"github.com/tcplife/tcplife/internal/segment"
)

// order is a byte order to write in.
type order interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

var orders = map[string]order{"little endian": binary.LittleEndian, "big endian": binary.BigEndian}

// stamped is a frame with its capture time, in nanoseconds.
type stamped struct {
	time int64
	data []byte
	wire int // 0 = all of data
}

func (s stamped) wireLen() uint32 {
	if s.wire != 0 {
		return uint32(s.wire)
	}
	return uint32(len(s.data))
}

// pcapFile writes a pcap file.
func pcapFile(o order, magic uint32, link uint32, frames ...stamped) []byte {
	b := o.AppendUint32(nil, magic)
	b = o.AppendUint16(b, 2)
	b = o.AppendUint16(b, 4)
	b = append(b, make([]byte, 8)...)
	b = o.AppendUint32(b, 262144)
	b = o.AppendUint32(b, link)
	for _, f := range frames {
		b = pcapRecord(b, o, magic, f)
	}
	return b
}

func pcapRecord(b []byte, o order, magic uint32, f stamped) []byte {
	fraction := f.time % 1e9
	if magic != magicNano {
		fraction /= 1000
	}
	b = o.AppendUint32(b, uint32(f.time/1e9))
	b = o.AppendUint32(b, uint32(fraction))
	b = o.AppendUint32(b, uint32(len(f.data)))
	b = o.AppendUint32(b, f.wireLen())
	if magic == magicModified {
		b = append(b, make([]byte, 8)...)
	}
	return append(b, f.data...)
}

// plainPcap is the ordinary file: microseconds, little endian, Ethernet.
func plainPcap(frames ...stamped) []byte {
	return pcapFile(binary.LittleEndian, magicMicro, 1, frames...)
}

// ngWriter writes pcapng blocks.
type ngWriter struct {
	o order
	b []byte
}

func (w *ngWriter) block(kind uint32, body []byte) {
	for len(body)%4 != 0 {
		body = append(body, 0)
	}
	length := uint32(len(body) + 12)
	w.b = w.o.AppendUint32(w.b, kind)
	w.b = w.o.AppendUint32(w.b, length)
	w.b = append(w.b, body...)
	w.b = w.o.AppendUint32(w.b, length)
}

func (w *ngWriter) section() {
	b := w.o.AppendUint32(nil, sectionMagic)
	b = w.o.AppendUint16(b, 1)
	b = w.o.AppendUint16(b, 0)
	w.block(blockSection, append(b, bytes.Repeat([]byte{0xff}, 8)...))
}

type ngOption struct {
	code  uint16
	value []byte
}

func (w *ngWriter) options(b []byte, options []ngOption) []byte {
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	for _, o := range options {
		b = w.o.AppendUint16(b, o.code)
		b = w.o.AppendUint16(b, uint16(len(o.value)))
		b = append(b, o.value...)
		for len(b)%4 != 0 {
			b = append(b, 0)
		}
	}
	if len(options) > 0 {
		b = append(b, 0, 0, 0, 0)
	}
	return b
}

func (w *ngWriter) u64(code uint16, v uint64) ngOption {
	return ngOption{code, w.o.AppendUint64(nil, v)}
}

func (w *ngWriter) iface(link uint16, snapLen uint32, options ...ngOption) {
	b := w.o.AppendUint16(nil, link)
	b = w.o.AppendUint16(b, 0)
	b = w.o.AppendUint32(b, snapLen)
	w.block(blockInterface, w.options(b, options))
}

// enhanced writes a packet whose time stamp counts the interface's own units.
func (w *ngWriter) enhanced(id uint32, stamp uint64, f stamped, options ...ngOption) {
	b := w.o.AppendUint32(nil, id)
	w.block(blockEnhanced, w.options(append(w.stampAndLengths(b, stamp, f), f.data...), options))
}

func (w *ngWriter) oldPacket(drops uint16, stamp uint64, f stamped) {
	b := w.o.AppendUint16(nil, 0)
	b = w.o.AppendUint16(b, drops)
	w.block(blockPacket, append(w.stampAndLengths(b, stamp, f), f.data...))
}

func (w *ngWriter) stampAndLengths(b []byte, stamp uint64, f stamped) []byte {
	b = w.o.AppendUint32(b, uint32(stamp>>32))
	b = w.o.AppendUint32(b, uint32(stamp))
	b = w.o.AppendUint32(b, uint32(len(f.data)))
	return w.o.AppendUint32(b, f.wireLen())
}

func (w *ngWriter) simple(f stamped) {
	w.block(blockSimple, append(w.o.AppendUint32(nil, f.wireLen()), f.data...))
}

func (w *ngWriter) statistics(id uint32, options ...ngOption) {
	b := w.o.AppendUint32(nil, id)
	w.block(blockStatistics, w.options(append(b, make([]byte, 8)...), options))
}

// Frames. Each function puts a header before what it carries.

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func u16(v uint16) []byte { return binary.BigEndian.AppendUint16(nil, v) }

func ether(t uint16, payload []byte) []byte {
	return join([]byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2}, u16(t), payload)
}

func vlan(id, t uint16, payload []byte) []byte { return join(u16(id), u16(t), payload) }

func ip4(proto byte, payload []byte) []byte {
	h := []byte{0x45, 0, 0, 0, 0x12, 0x34, 0, 0, 64, proto, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2}
	binary.BigEndian.PutUint16(h[2:], uint16(20+len(payload)))
	return append(h, payload...)
}

func ip6(next byte, payload []byte) []byte {
	h := join([]byte{0x60, 0, 0, 0}, u16(uint16(len(payload))), []byte{next, 63})
	src, dst := netip.MustParseAddr("fd00::1").As16(), netip.MustParseAddr("fd00::2").As16()
	return join(h, src[:], dst[:], payload)
}

// tcpHeader is a SYN from port 40000 to 443 with the given options, seq 1000.
func tcpHeader(flags byte, options []byte, payload []byte) []byte {
	h := join(u16(40000), u16(443), []byte{0, 0, 3, 0xe8, 0, 0, 7, 0xd0, byte(5+len(options)/4) << 4, flags}, u16(4096), make([]byte, 4))
	return join(h, options, payload)
}

// plainFrame is Ethernet, IPv4, TCP with n bytes of payload and a right checksum.
func plainFrame(n int) []byte {
	f := ether(etherIPv4, ip4(protoTCP, tcpHeader(0x18, timestamps, make([]byte, n))))
	setChecksum(f[14:])
	return f
}

var timestamps = []byte{1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2}

// setChecksum computes the TCP checksum of an IPv4 packet without IP options.
func setChecksum(ip []byte) {
	t := ip[20:]
	t[16], t[17] = 0, 0
	sum := uint32(protoTCP) + uint32(len(t))
	for _, part := range [][]byte{ip[12:20], t} {
		for i, c := range part {
			if i%2 == 0 {
				sum += uint32(c) << 8
			} else {
				sum += uint32(c)
			}
		}
	}
	for sum>>16 != 0 {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(t[16:], ^uint16(sum))
}

// Compression, as users have it.

func gzipped(t testing.TB, b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zstded(t testing.TB, b []byte) []byte {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(b, nil)
}

func lz4ed(t testing.TB, b []byte) []byte {
	var out bytes.Buffer
	w := lz4.NewWriter(&out)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// bzip2ed needs the program, since Go can only read the format.
func bzip2ed(t testing.TB, b []byte) []byte {
	program, err := exec.LookPath("bzip2")
	if err != nil {
		t.Skip("bzip2 is not installed")
	}
	cmd := exec.Command(program, "-c")
	cmd.Stdin = bytes.NewReader(b)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Reading.

func writeFile(t testing.TB, dir, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// readAll reads paths to the end.
func readAll(t testing.TB, opt Options, paths ...string) ([]segment.Segment, Stats) {
	t.Helper()
	src, err := Open(context.Background(), paths, opt)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var all []segment.Segment
	batch := make([]segment.Segment, 3)
	for {
		n, err := src.Next(batch)
		all = append(all, batch[:n]...)
		if errors.Is(err, io.EOF) {
			return all, src.Stats()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// readBytes reads one file with the given content.
func readBytes(t testing.TB, b []byte) ([]segment.Segment, Stats) {
	t.Helper()
	return readAll(t, DefaultOptions(), writeFile(t, t.TempDir(), "x.pcap", b))
}
