package capture

import (
	"bytes"
	"testing"

	"github.com/tcplife/tcplife/internal/segment"
)

func TestOptions(t *testing.T) {
	tests := []struct {
		name string
		b    []byte
		cut  int // how many bytes the snapshot lacks
		want segment.Options
	}{
		{"none", nil, 0, segment.Options{}},
		{"timestamps, aligned", timestamps, 0, segment.Options{Has: segment.OptTimestamps, TSVal: 1, TSEcr: 2}},
		{"of a SYN", []byte{2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 1, 3, 3, 7}, 0, segment.Options{
			Has: segment.OptMSS | segment.OptSACKPermitted | segment.OptTimestamps | segment.OptWindowScale,
			MSS: 1460, WindowScale: 7, TSVal: 9,
		}},
		{"SACK", []byte{1, 1, 5, 18, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0, 6}, 0, segment.Options{
			Has: segment.OptSACK, SACKs: 2, SACK: [4]segment.Block{{Left: 1, Right: 2}, {Left: 5, Right: 6}},
		}},
		{"SACK without blocks", []byte{5, 2, 1, 1}, 0, segment.Options{Has: segment.OptMalformed}},
		{"fast open", []byte{34, 2, 1, 1}, 0, segment.Options{Has: segment.OptFastOpen}},
		{"fast open, experimental", []byte{254, 4, 0xf9, 0x89}, 0, segment.Options{Has: segment.OptFastOpen}},
		{"another experiment", []byte{254, 4, 0xe2, 0xd4}, 0, segment.Options{Has: segment.OptOther}},
		{"MPTCP and MD5", append([]byte{30, 4, 0, 1, 19, 18}, make([]byte, 18)...), 0, segment.Options{Has: segment.OptMPTCP | segment.OptMD5}},
		{"authentication", []byte{29, 4, 1, 1}, 0, segment.Options{Has: segment.OptMD5}},
		{"nothing after the end", []byte{0, 2, 4, 5}, 0, segment.Options{}},
		{"length 0", []byte{8, 0, 1, 1}, 0, segment.Options{Has: segment.OptMalformed}},
		{"length 1", []byte{2, 4, 5, 0xb4, 99, 1, 0, 0}, 0, segment.Options{Has: segment.OptMalformed | segment.OptMSS, MSS: 1460}},
		{"past the header", []byte{2, 8, 5, 0xb4}, 0, segment.Options{Has: segment.OptMalformed}},
		{"a kind and no length", []byte{1, 1, 1, 2}, 0, segment.Options{Has: segment.OptMalformed}},
		{"MSS of three bytes", []byte{2, 3, 5, 1}, 0, segment.Options{Has: segment.OptMalformed}},
		{"MD5 without a digest", []byte{19, 2, 1, 1}, 0, segment.Options{Has: segment.OptMalformed}},
		{"what follows a wrong length", []byte{3, 4, 7, 0, 2, 4, 5, 0xb4}, 0, segment.Options{Has: segment.OptMalformed | segment.OptMSS, MSS: 1460}},
		{"AccECN, one counter", []byte{172, 5, 0, 0, 1, 1, 1, 1}, 0, segment.Options{Has: segment.OptAccECN}},
		{"AccECN, half a counter", []byte{174, 4, 0, 0}, 0, segment.Options{Has: segment.OptMalformed}},
		{"user timeout", []byte{28, 4, 0x80, 5}, 0, segment.Options{Has: segment.OptUserTimeout}},
		{"a cookie", []byte{34, 6, 1, 2, 3, 4, 1, 1}, 0, segment.Options{Has: segment.OptFastOpen}},
		{"a cookie of odd length", []byte{34, 7, 1, 2, 3, 4, 5, 1}, 0, segment.Options{Has: segment.OptMalformed}},
		{"a kind nobody knows", []byte{99, 4, 1, 2}, 0, segment.Options{Has: segment.OptOther}},
		{"cut in a value", []byte{2, 4, 5, 0xb4, 8, 10, 0}, 9, segment.Options{Has: segment.OptMSS | segment.OptCut, MSS: 1460}},
		{"cut before a length", []byte{2, 4, 5, 0xb4, 8}, 11, segment.Options{Has: segment.OptMSS | segment.OptCut, MSS: 1460}},
		{"cut after the end", []byte{2, 4, 5, 0xb4, 0}, 3, segment.Options{Has: segment.OptMSS, MSS: 1460}},
		{"cut and past the header", []byte{8, 50}, 10, segment.Options{Has: segment.OptCut | segment.OptMalformed}},
	}
	for _, test := range tests {
		var got, walked segment.Options
		parseOptions(test.b, len(test.b)+test.cut, &got)
		walkOptions(test.b, len(test.b)+test.cut, &walked)
		if got != test.want || walked != test.want {
			t.Errorf("%s: got %+v, want %+v", test.name, got, test.want)
		}
	}
}

// How the options of SYNs are usually laid out: by Linux, by BSD and its
// descendants, by Windows.
var (
	usualSYN   = []byte{2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 1, 1, 3, 3, 7}
	otherSYN   = []byte{2, 4, 5, 0xb4, 1, 3, 3, 7, 1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 1, 4, 2, 0, 0}
	windowsSYN = []byte{2, 4, 5, 0xb4, 1, 3, 3, 8, 1, 1, 4, 2}
)

// Cutting options never invents one: what is read of a part is read of the whole.
func FuzzOptions(f *testing.F) {
	f.Add(timestamps, 3)
	f.Add(timestamps, 12)
	for _, usual := range [][]byte{timestamps, usualSYN, otherSYN, windowsSYN} {
		for i := range usual {
			f.Add(usual, i)
			changed := bytes.Clone(usual)
			changed[i]++
			f.Add(changed, len(changed))
		}
	}
	f.Add([]byte{1, 1, 5, 18, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0, 6}, 19)
	f.Fuzz(func(t *testing.T, b []byte, keep int) {
		b = b[:min(len(b), 40)]
		keep = min(max(keep, 0), len(b))
		var whole, part segment.Options
		parseOptions(b, len(b), &whole)
		parseOptions(b[:keep], len(b), &part)
		// The shortcuts for the usual options take what the walk takes.
		padded := append(bytes.Clone(b), make([]byte, -len(b)&3)...)
		var want segment.Options
		walkOptions(padded[:keep], len(padded), &want)
		var got segment.Segment
		header := tcpHeader(0x10, padded, nil)
		if fillTCP(&got, ends{}, header[:20+keep], len(header)); got.Options != want {
			t.Errorf("options %v, %d octets captured: %+v, want %+v", padded, keep, got.Options, want)
		}
		if extra := part.Has &^ whole.Has &^ segment.OptCut; extra != 0 {
			t.Errorf("options %v: the first %d bytes show %b that the whole does not", b, keep, extra)
		}
		if keep < len(b) && part.Has&^segment.OptCut != whole.Has && part.Has&(segment.OptCut|segment.OptMalformed) == 0 {
			t.Errorf("options %v cut to %d bytes: %b of %b, and not said to be cut", b, keep, part.Has, whole.Has)
		}
	})
}
