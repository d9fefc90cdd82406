package samples_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/internal/samples"
	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/report/anomaly"
	"github.com/tcplife/tcplife/tracker"
)

const root = "../../testdata/pcap"

var update = flag.Bool("update", false, "write the samples' files")

// TestFiles holds the files in testdata to what the builders make, and each
// directory to its samples.
func TestFiles(t *testing.T) {
	want := map[string]bool{}
	for _, s := range samples.All() {
		const most = 2000 // a sample is small enough to be read by eye
		path, file := filepath.Join(root, s.Dir, s.Name), s.Bytes(0)
		if want[path] {
			t.Errorf("%s: two samples of this name", path)
		}
		want[path] = true
		if len(file) > most && !s.Apart {
			t.Errorf("%s: %d octets, want at most %d", path, len(file), most)
		}
		if *update {
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, file, 0o666)); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if have, err := os.ReadFile(path); err != nil || !bytes.Equal(have, file) {
			t.Errorf("%s is out of date: run go generate ./internal/samples (%v)", path, err)
		}
	}
	for path := range want {
		files, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if !want[f] && filepath.Ext(f) != ".md" {
				t.Errorf("%s is no sample: remove it", f)
			}
		}
	}
}

// TestRead holds that each sample is read as the conversation that is in it:
// the same segments, the same record, no findings beyond its own.
func TestRead(t *testing.T) {
	for _, s := range samples.All() {
		if s.Apart {
			continue
		}
		t.Run(s.Dir+"/"+s.Name, func(t *testing.T) {
			got, paths, stats := read(t, s.Bytes(0))
			if err := stats.Files[0].Err; err != nil {
				t.Fatal(err)
			}
			want := s.Conversation().Segments()
			if s.Counted != "" {
				if n := stats.Skipped[s.Counted]; len(got) > 0 || n != uint64(len(want)) {
					t.Errorf("%d segments, skipped %v; want %d counted as %q", len(got), stats.Skipped, len(want), s.Counted)
				}
				return
			}
			delete(stats.Skipped, s.Within)
			if len(got) != len(want) || len(stats.Skipped) > 0 {
				t.Fatalf("%d segments, skipped %v; want %d segments", len(got), stats.Skipped, len(want))
			}
			for i := range want {
				p := paths.Path(got[i].Path)
				if by := p.String(); by != wantPath(s) {
					t.Errorf("segment %d came by %s, want %s", i+1, by, wantPath(s))
				}
				want[i].Path = got[i].Path
				if got[i] != want[i] {
					t.Errorf("segment %d\n got  %+v\n want %+v", i+1, got[i], want[i])
				}
			}
			gotRecords, gotFindings := play(got)
			wantRecords, wantFindings := play(want)
			if !reflect.DeepEqual(gotRecords, wantRecords) || !slices.Equal(gotFindings, wantFindings) {
				t.Errorf("records\n got  %+v %v\n want %+v %v", gotRecords, gotFindings, wantRecords, wantFindings)
			}
			if r := wantRecords[0]; s.Talk == "" && (r.Open != tracker.OpenFull || r.Close != tracker.CloseOrderly) {
				t.Errorf("opened %v, closed %v; want it full and orderly", r.Open, r.Close)
			}
		})
	}
}

// TestFragmentsThatGiveNothing holds what is said of datagrams that never came whole.
func TestFragmentsThatGiveNothing(t *testing.T) {
	for name, want := range map[string]capture.FragmentStats{
		"only-first.pcap": {Fragments: 2, Incomplete: 2, OnlyFirst: 2},
		"overlap.pcap":    {Fragments: 5, Whole: 1, Overlapping: 1},
	} {
		all := samples.Of("fragment")
		s := all[slices.IndexFunc(all, func(s samples.Sample) bool { return s.Name == name })]
		got, _, stats := read(t, s.Bytes(0))
		if whole := s.Conversation().Segments(); stats.Fragments != want || len(got) != len(whole)-2+int(want.Whole) {
			t.Errorf("%s: %d segments, %+v, want %+v", name, len(got), stats.Fragments, want)
		}
	}
}

// TestCut reads each sample cut to every length: what is still seen of a
// segment is as it was, and each frame without one is counted.
func TestCut(t *testing.T) {
	for _, s := range samples.All() {
		if s.Apart {
			continue
		}
		t.Run(s.Dir+"/"+s.Name, func(t *testing.T) {
			whole := s.Bytes(0)
			all := map[uint64]segment.Segment{}
			segs, _, stats := read(t, whole)
			for _, seg := range segs {
				all[seg.Number] = seg
			}
			packets := stats.Packets
			for snap := 1; ; snap++ {
				file := s.Bytes(snap)
				got, _, stats := read(t, file)
				skipped := uint64(0)
				for _, n := range stats.Skipped {
					skipped += n
				}
				if stats.Packets != packets || stats.TCP+skipped != packets || stats.Files[0].Err != nil {
					t.Errorf("cut to %d: %d packets, %d TCP, skipped %v, error %v; want %d packets",
						snap, stats.Packets, stats.TCP, stats.Skipped, stats.Files[0].Err, packets)
				}
				for _, seg := range got {
					if want := all[seg.Number]; visible(seg) != visible(want) {
						t.Fatalf("cut to %d: segment %d\n got  %+v\n want %+v", snap, seg.Number, visible(seg), visible(want))
					}
				}
				if len(file) == len(whole) {
					break
				}
			}
		})
	}
}

// visible leaves out of a segment what a cut may hide.
func visible(s segment.Segment) segment.Segment {
	s.Captured, s.Checksum, s.Options, s.Path = 0, 0, segment.Options{}, 0
	return s
}

func read(t *testing.T, file []byte) ([]segment.Segment, *segment.Paths, capture.Stats) {
	t.Helper()
	opt := capture.DefaultOptions()
	opt.Stdin = bytes.NewReader(file)
	src, err := capture.Open(context.Background(), []string{"-"}, opt)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var all []segment.Segment
	for batch := make([]segment.Segment, 64); ; {
		n, err := src.Next(batch)
		all = append(all, batch[:n]...)
		if errors.Is(err, io.EOF) {
			return all, src.Paths(), src.Stats()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// play returns the records of segments, and what is found about them.
func play(segs []segment.Segment) (records []*tracker.Connection, findings []string) {
	tr := tracker.New(tracker.DefaultConfig())
	for i := range segs {
		tr.Observe(&segs[i])
	}
	for !tr.Flush() {
	}
	records = tracker.Collect(tr.Take())
	judge := anomaly.New(anomaly.DefaultThresholds())
	for _, r := range records {
		for _, f := range judge.Connection(r) {
			findings = append(findings, f.Kind.Slug+" "+f.Evidence)
		}
	}
	return records, findings
}

// wantPath is what must stand around each packet of a sample.
func wantPath(s samples.Sample) string {
	if s.Path == "" {
		return "plain"
	}
	return s.Path
}
