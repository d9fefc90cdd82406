package capture

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/tcplife/tcplife/internal/segment"
)

// packetsAt is a capture with packets at these times.
func packetsAt(times ...time.Duration) []byte {
	var frames []stamped
	for _, t := range times {
		frames = append(frames, stamped{time: int64(t), data: make([]byte, 14)})
	}
	return plainPcap(frames...)
}

func pausesIn(t *testing.T, opt Options, files ...[]byte) []Pause {
	t.Helper()
	dir := t.TempDir()
	for i, f := range files {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), f, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Open(t.Context(), []string{dir}, opt)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for batch := make([]segment.Segment, 64); ; {
		if n, err := s.Next(batch); n == 0 || err != nil {
			return s.Stats().Pauses
		}
	}
}

// TestPauses: times without any packet in the whole trace, whichever files it comes from, and steps back.
func TestPauses(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		name  string
		files [][]byte
		want  []Pause
	}{
		{"none", [][]byte{packetsAt(10*s, 11*s, 12*s)}, nil},
		{"one", [][]byte{packetsAt(10*s, 11*s, 13*s, 14*s)}, []Pause{{From: 11e9, To: 13e9, Packets: 2, Since: 10e9}}},
		{"two", [][]byte{packetsAt(10*s, 12*s, 13*s, 16*s)}, []Pause{{From: 10e9, To: 12e9, Packets: 1, Since: 10e9}, {From: 13e9, To: 16e9, Packets: 2, Since: 12e9}}},
		{"between files", [][]byte{packetsAt(10*s, 11*s), packetsAt(14*s, 15*s)}, []Pause{{From: 11e9, To: 14e9, Packets: 2, Since: 10e9, ToFile: 1}}},
		{"another file fills it", [][]byte{packetsAt(10*s, 14*s), packetsAt(11*s, 12*s, 13*s)}, nil},
		{"a step back", [][]byte{packetsAt(20*s, 21*s, 11*s, 12*s)}, []Pause{{From: 21e9, To: 11e9, Packets: 2, Since: 20e9}}},
		{"disorder", [][]byte{packetsAt(20*s, 21*s, 21*s-s/2, 21*s)}, nil},
	} {
		for _, single := range []bool{false, true} {
			if got := pausesIn(t, Options{single: single}, c.files...); !slices.Equal(got, c.want) {
				t.Errorf("%s, single %t: %+v, want %+v", c.name, single, got, c.want)
			}
		}
	}
}

// TestLongestPausesStay: of a thousand pauses the longest are kept, in order of time.
func TestLongestPausesStay(t *testing.T) {
	var times []time.Duration
	now := time.Duration(0)
	for i := range 1000 {
		now += 2*time.Second + time.Duration(i%500)*time.Millisecond
		times = append(times, now)
	}
	got := pausesIn(t, Options{}, packetsAt(times...))
	if len(got) != maxPauses {
		t.Fatalf("%d pauses, want %d", len(got), maxPauses)
	}
	for i, p := range got {
		if p.length() < int64(2468*time.Millisecond) || i > 0 && p.From < got[i-1].From {
			t.Errorf("pause %d: %+v", i, p)
		}
	}
}
