package capture

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/tcplife/tcplife/internal/segment"
)

// readWith reads paths with batches of a size. Errors are put into words, so
// that what was read twice can be compared.
func readWith(t *testing.T, opt Options, size int, paths []string) (all []segment.Segment, st Stats, errs string) {
	t.Helper()
	src, err := Open(context.Background(), paths, opt)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	batch := make([]segment.Segment, size)
	for err == nil {
		var n int
		n, err = src.Next(batch)
		all = append(all, batch[:n]...)
	}
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	st = src.Stats()
	for i := range st.Files {
		errs += fmt.Sprintln(st.Files[i].Err)
		st.Files[i].Err = nil
	}
	return all, st, errs
}

// runsAgree reads paths in runs, with batches of several sizes, and packet by
// packet: nothing may differ.
func runsAgree(t *testing.T, what string, opt Options, sizes []int, paths ...string) Stats {
	t.Helper()
	opt.single = true
	want, wantStats, wantErrs := readWith(t, opt, 1, paths)
	opt.single = false
	for _, size := range sizes {
		got, stats, errs := readWith(t, opt, size, paths)
		if !slices.Equal(got, want) {
			t.Fatalf("%s, batches of %d: %d segments in runs, %d one by one, or others", what, size, len(got), len(want))
		}
		if !reflect.DeepEqual(stats, wantStats) || errs != wantErrs {
			t.Fatalf("%s, batches of %d: in runs    %+v\n%sone by one %+v\n%s", what, size, stats, errs, wantStats, wantErrs)
		}
	}
	return wantStats
}

// mixedFrames makes frames of many kinds: plain, tagged, of other protocols,
// cut, with time stamps that stand still and go back.
func mixedFrames(seed uint64, n int) []stamped {
	r := rand.New(rand.NewPCG(seed, 64))
	now := int64(1_700_000_000_000_000_000)
	var frames []stamped
	for range n {
		tcp := tcpHeader(byte(r.Uint32()), timestamps[:4*r.IntN(4)], make([]byte, r.IntN(1400)))
		binary.BigEndian.PutUint16(tcp, uint16(440+r.IntN(8)))
		var f []byte
		switch r.IntN(9) {
		case 8: // fragments of few datagrams, some of which become whole
			f = ether(etherIPv4, split4(identified(ip4(protoTCP, tcpHeader(0x18, nil, make([]byte, 60))), uint16(r.IntN(4))), 40)[r.IntN(2)])
		case 0:
			f = ether(etherARP, make([]byte, 28))
		case 1:
			f = ether(etherIPv4, ip4(protoUDP, make([]byte, 40)))
		case 2:
			f = ether(etherVLAN, vlan(uint16(r.IntN(3)), etherIPv6, ip6(protoTCP, tcp)))
		case 3:
			f = ether(etherIPv6, ip6(protoTCP, tcp))
		case 4:
			f = ether(etherQinQ, vlan(3, etherVLAN, vlan(4, etherIPv4, ip4(protoTCP, tcp))))
		default:
			f = ether(etherIPv4, ip4(protoTCP, tcp))
			setChecksum(f[14:])
		}
		s := stamped{time: now, data: f}
		if r.IntN(3) == 0 {
			s.data, s.wire = f[:r.IntN(len(f)+1)], len(f)
		}
		frames = append(frames, s)
		now += 1000 * int64(r.IntN(40)-4)
	}
	return frames
}

// unframed takes Ethernet headers off.
func unframed(frames []stamped) []stamped {
	frames = slices.DeleteFunc(frames, func(f stamped) bool { return len(f.data) < 14 })
	for i := range frames {
		frames[i].data, frames[i].wire = frames[i].data[14:], max(0, frames[i].wire-14)
	}
	return frames
}

// ngFile writes frames as pcapng of several interfaces, with other blocks between.
func ngFile(o order, frames []stamped) []byte {
	w := &ngWriter{o: o}
	w.section()
	w.iface(1, 0)
	w.iface(1, 0, ngOption{optionIfTsresol, []byte{9}})
	w.iface(101, 0)
	for i, f := range frames {
		switch {
		case i%50 == 49:
			w.statistics(0, w.u64(optionISBIfDrop, uint64(i)))
		case i%29 == 28:
			w.simple(stamped{data: f.data})
		case i%31 == 30:
			w.oldPacket(2, uint64(f.time/1000), f)
		case i == len(frames)/2:
			w.section()
			w.iface(1, 0)
			w.iface(1, 0, ngOption{optionIfTsresol, []byte{9}})
			w.iface(101, 0)
		}
		switch {
		case i%3 == 1:
			w.enhanced(1, uint64(f.time), f, w.u64(optionEPBDrop, uint64(i)))
		case i%11 == 2 && len(f.data) > 14:
			w.enhanced(2, uint64(f.time/1000), stamped{data: f.data[14:]})
		default:
			w.enhanced(0, uint64(f.time/1000), f)
		}
	}
	return w.b
}

func TestRunsAgree(t *testing.T) {
	sizes := []int{1, 7, 500}
	for name, o := range orders {
		dir := t.TempDir()
		frames := mixedFrames(1, 1500) // of several blocks
		for file, content := range map[string][]byte{
			"a micro":    pcapFile(o, magicMicro, 1, frames...),
			"b nano":     pcapFile(o, magicNano, 1, mixedFrames(2, 300)...),
			"c modified": pcapFile(o, magicModified, 1, mixedFrames(3, 300)...),
			"d raw":      pcapFile(o, magicMicro, 101, unframed(mixedFrames(4, 300))...),
			"e pcapng":   ngFile(o, frames),
			"f gzip":     gzipped(t, pcapFile(o, magicMicro, 1, frames...)),
			"g zstd":     zstded(t, ngFile(o, mixedFrames(5, 400))),
			"h later": pcapFile(o, magicMicro, 1, stamped{time: frames[700].time, data: plainFrame(3)},
				stamped{time: frames[700].time, data: plainFrame(4)}),
		} {
			path := writeFile(t, dir, file, content)
			if st := runsAgree(t, name+", "+file, DefaultOptions(), sizes, path); st.TCP == 0 {
				t.Errorf("%s, %s: no segments", name, file)
			}
		}
		st := runsAgree(t, name+", merged", DefaultOptions(), sizes, dir)
		if st.Backwards == 0 || st.CutPackets == 0 || len(st.Skipped) < 3 || !st.DropsKnown {
			t.Errorf("%s: the captures do not show all that is counted: %+v", name, st)
		}
		runsAgree(t, name+", unverified", Options{}, sizes, dir)
		if HaveLibpcap {
			runsAgree(t, name+", filtered", Options{Filter: "tcp port 443", VerifyChecksums: true}, sizes, dir)
		}
	}
}

// TestRunsAgreeOnDamage cuts captures and changes octets of them.
func TestRunsAgreeOnDamage(t *testing.T) {
	const variants = 30
	dir := t.TempDir()
	other := writeFile(t, dir, "other", plainPcap(mixedFrames(9, 30)...))
	captures := ownCaptures(t)
	for name, o := range orders {
		captures["mixed, "+name] = pcapFile(o, magicMicro, 1, mixedFrames(6, 90)...)
		captures["mixed pcapng, "+name] = ngFile(o, mixedFrames(7, 90))
	}
	damaged := 0
	for name, whole := range captures {
		r := rand.New(rand.NewPCG(uint64(len(whole)), 11))
		for i := range variants {
			b := bytes.Clone(whole)
			if i%2 == 0 {
				b = b[:r.IntN(len(b))]
			} else {
				for range 1 + i%4 {
					b[r.IntN(len(b))] ^= byte(1 + r.IntN(255))
				}
			}
			path := writeFile(t, dir, strings.ReplaceAll(name, "/", "-"), b)
			st := runsAgree(t, fmt.Sprintf("%s, variant %d", name, i), DefaultOptions(), []int{5}, path, other)
			for _, f := range st.Files {
				if f.Damaged {
					damaged++
				}
			}
		}
	}
	for name, o := range orders {
		small := []stamped{at(1, 3), at(2, 4), at(3, 5)}
		for kind, whole := range map[string][]byte{"pcap": pcapFile(o, magicMicro, 1, small...), "pcapng": ngFile(o, small)} {
			for i := range whole {
				b := bytes.Clone(whole)
				b[i] ^= 0x84
				path := writeFile(t, dir, "octet", b)
				if st := runsAgree(t, fmt.Sprintf("%s %s, octet %d", kind, name, i), DefaultOptions(), []int{5}, path); st.Files[0].Damaged {
					damaged++
				}
			}
		}
	}
	if damaged < 200 {
		t.Errorf("only %d captures were damaged", damaged)
	}
}

// FuzzRuns holds the two ways of reading against each other on any file.
func FuzzRuns(f *testing.F) {
	for name, o := range orders {
		f.Add(pcapFile(o, magicMicro, 1, mixedFrames(uint64(len(name)), 5)...))
		f.Add(ngFile(o, mixedFrames(8, 5)))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		runsAgree(t, "fuzzed", DefaultOptions(), []int{5}, writeFile(t, t.TempDir(), "x", file))
	})
}
