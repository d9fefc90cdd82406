package tracker_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/internal/script"
	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/tracker"
)

// trace is a sequence of segments as a tap delivers it.
type trace struct {
	name     string
	segments []segment.Segment
}

const (
	casesDir    = "../testdata/cases"
	capturesDir = "../testdata/pcap/kernel"
)

// conversations are all written cases.
func conversations(t *testing.T) (out []trace) {
	t.Helper()
	err := filepath.WalkDir(casesDir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".txtar" {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, f := range txtar.Parse(data).Files {
			c, err := script.Parse(strings.TrimSuffix(filepath.Base(path), ".txtar")+"/"+f.Name, string(f.Data))
			if err != nil {
				return err
			}
			out = append(out, trace{c.Name, c.Segments()})
		}
		return nil
	})
	if err != nil || len(out) == 0 {
		t.Fatalf("%d cases in %s, %v", len(out), casesDir, err)
	}
	return out
}

// captureFiles are all bundled captures of real hosts.
func captureFiles(t *testing.T, pattern string) (out []string) {
	t.Helper()
	err := filepath.WalkDir(capturesDir, func(path string, _ fs.DirEntry, err error) error {
		if ok, _ := filepath.Match(pattern, filepath.Base(path)); ok {
			out = append(out, path)
		}
		return err
	})
	if err != nil || len(out) == 0 {
		t.Fatalf("no captures %s in %s: %v", pattern, capturesDir, err)
	}
	return out
}

// read returns the segments of capture files.
func read(t *testing.T, files ...string) []segment.Segment {
	t.Helper()
	source, err := capture.Open(context.Background(), files, capture.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	var all []segment.Segment
	batch := make([]segment.Segment, 256)
	for {
		n, err := source.Next(batch)
		all = append(all, batch[:n]...)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// captures are all bundled captures.
func captures(t *testing.T) (out []trace) {
	t.Helper()
	for _, file := range captureFiles(t, "*.pcap*") {
		out = append(out, trace{filepath.Base(file), read(t, file)})
	}
	return out
}

// reorderings calls check with variations of a trace: each segment lost, captured again, exchanged with
// the next one, and the whole shuffled. Times stay in order, for a capture's do.
func reorderings(segments []segment.Segment, check func(what string, segments []segment.Segment)) {
	n := len(segments)
	retime := func(changed []segment.Segment) []segment.Segment {
		for i := range changed {
			changed[i].Number, changed[i].Time = uint64(i+1), segments[min(i, n-1)].Time
		}
		return changed
	}
	for i := range segments {
		check(fmt.Sprintf("without %d", i+1), retime(slices.Delete(slices.Clone(segments), i, i+1)))
		check(fmt.Sprintf("%d again", i+1), retime(slices.Insert(slices.Clone(segments), i, segments[i])))
		if i+1 < n {
			swapped := slices.Clone(segments)
			swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
			check(fmt.Sprintf("%d behind the next", i+1), retime(swapped))
		}
	}
	for seed := range uint64(8) {
		shuffled := slices.Clone(segments)
		rand.New(rand.NewPCG(seed, 0)).Shuffle(n, func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		check(fmt.Sprintf("shuffled by %d", seed), retime(shuffled))
	}
	backwards := slices.Clone(segments)
	slices.Reverse(backwards)
	check("backwards", retime(backwards))
}

// TestAnyOrderWalksTheTables: whatever the wire made of a conversation, each endpoint
// walks a path of the two tables.
func TestAnyOrderWalksTheTables(t *testing.T) {
	all := conversations(t)
	for _, c := range captures(t) {
		if len(c.segments) <= 60 { // each segment makes three variations
			all = append(all, c)
		}
	}
	for _, c := range all {
		t.Run(c.name, func(t *testing.T) {
			reorderings(c.segments, func(what string, segments []segment.Segment) {
				for _, r := range replay(segments, 1) {
					checkPaths(t, r)
				}
				if t.Failed() {
					t.Fatal(what)
				}
			})
		})
	}
}

// TestCutsInventNothing: what a capture that ends early calls observed, the whole capture does not refute; but a
// forged segment is believed until the end that it claims to come from goes on.
func TestCutsInventNothing(t *testing.T) {
	for _, c := range slices.Concat(conversations(t), captures(t)) {
		t.Run(c.name, func(t *testing.T) {
			whole := replay(c.segments, 1)
			step := 1 + len(c.segments)/200
			for n := 1; n < len(c.segments); n += step {
				for _, cut := range replay(c.segments[:n], 1) {
					if lie := refuted(cut, whole); lie != "" {
						t.Errorf("cut behind segment %d of %d: %s", n, len(c.segments), lie)
					}
				}
				if t.Failed() {
					return
				}
			}
		})
	}
}

// arrow is what of a transition is compared; roles may be told apart better later.
type arrow struct {
	end      segment.Endpoint
	from, to tracker.State
}

func arrows(c *tracker.Connection, end segment.Endpoint, only func(tracker.Transition) bool) (out []arrow) {
	for _, tr := range c.Transitions {
		if c.End(tr.Role) == end && only(tr) {
			out = append(out, arrow{end, tr.From, tr.To})
		}
	}
	return out
}

// refuted returns the first observed transition of a record that its connection does not have in
// the records of the whole capture.
func refuted(cut *tracker.Connection, whole []*tracker.Connection) string {
	i := slices.IndexFunc(whole, func(c *tracker.Connection) bool { return c.Flow == cut.Flow && c.First.Packet == cut.First.Packet })
	if i < 0 { // a SYN that was none: every step of its connection must have been assumed
		if slices.ContainsFunc(cut.Transitions, func(tr tracker.Transition) bool { return tr.Certainty == tracker.Observed }) {
			return fmt.Sprintf("connection %v from packet %d is none", cut.Flow, cut.First.Packet)
		}
		return ""
	}
	forged := func(tr tracker.Transition) bool {
		return tr.Event == tracker.SndRst && slices.ContainsFunc(whole[i].Facts, func(f tracker.Fact) bool {
			return f.Kind == tracker.FactRst && f.Packet == tr.Packet && f.Reset.SenderGoesOn
		})
	}
	for _, end := range []segment.Endpoint{cut.Flow.A, cut.Flow.B} {
		rest := arrows(whole[i], end, func(tracker.Transition) bool { return true })
		for _, a := range arrows(cut, end, func(tr tracker.Transition) bool {
			return tr.Certainty == tracker.Observed && !forged(tr)
		}) {
			at := slices.IndexFunc(rest, func(b arrow) bool {
				return a == b || a.to == b.to && b.from == tracker.Unknown // what it does not know does not refute
			})
			if at < 0 {
				return fmt.Sprintf("%v observed %v to %v; in the whole %v", a.end, a.from, a.to,
					arrows(whole[i], end, func(tracker.Transition) bool { return true }))
			}
			rest = rest[at+1:]
		}
	}
	return ""
}

// together merges traces into one, each with addresses of its own.
func together(traces []trace) []segment.Segment {
	type placed struct {
		segment.Segment
		at int64
	}
	var all []placed
	const epoch, apart = 1_700_000_000_000_000_000, 37_000_000 // ns
	for i, c := range traces {
		latest := int64(0)
		for _, s := range c.segments {
			s.Time += epoch + int64(i)*apart - c.segments[0].Time
			latest = max(latest, s.Time)
			for _, e := range []*segment.Endpoint{&s.Flow.A, &s.Flow.B} {
				binary.BigEndian.PutUint16(e.IP[:], uint16(i+1)) // the same for both: their order stays
			}
			all = append(all, placed{s, latest})
		}
	}
	slices.SortStableFunc(all, func(a, b placed) int { return int(a.at - b.at) })
	out := make([]segment.Segment, len(all))
	for i := range all {
		out[i] = all[i].Segment
		out[i].Number, out[i].Time = uint64(i+1), all[i].at
	}
	return out
}

// sharded replays a trace on several trackers, one for each share of the flows.
func sharded(segments []segment.Segment, shards uint64) (records []*tracker.Connection) {
	shardOf := func(f *segment.Flow) uint64 {
		h := fnv.New64a()
		h.Write(f.A.IP[:])
		h.Write(f.B.IP[:])
		h.Write(binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, f.A.Port), f.B.Port))
		return h.Sum64() % shards
	}
	trackers := make([]*tracker.Tracker, shards)
	for i := range trackers {
		trackers[i] = tracker.New(tracker.DefaultConfig())
	}
	for i := range segments {
		s := &segments[i]
		for _, tr := range trackers { // the trace's time is everybody's
			tr.Advance(s.Time)
		}
		trackers[shardOf(&s.Flow)].Observe(s)
	}
	for _, tr := range trackers {
		for done := false; !done; {
			done = tr.Flush()
			records = append(records, tracker.Collect(tr.Take())...)
		}
	}
	return records
}

// same compares two sets of records.
func same(t *testing.T, got, want []*tracker.Connection) {
	t.Helper()
	for _, records := range [][]*tracker.Connection{got, want} {
		slices.SortFunc(records, func(a, b *tracker.Connection) int { return int(a.First.Packet) - int(b.First.Packet) })
	}
	if len(got) != len(want) {
		t.Errorf("%d records, want %d", len(got), len(want))
		return
	}
	wrong := 0
	for i := range got {
		if !reflect.DeepEqual(got[i], want[i]) {
			if wrong++; wrong <= 3 {
				t.Errorf("record of %v:\n%+v\nwant\n%+v", want[i].Flow, *got[i], *want[i])
			}
		}
	}
	if wrong > 0 {
		t.Errorf("%d of %d records differ", wrong, len(want))
	}
}

// TestShardsAgree: sharing the flows among cores changes no record.
func TestShardsAgree(t *testing.T) {
	traces := slices.Concat(conversations(t), captures(t))
	for _, c := range traces { // and each as if its first packet had been lost
		if len(c.segments) > 1 {
			traces = append(traces, trace{c.name, c.segments[1:]})
		}
	}
	all := together(traces)
	want := sharded(all, 1)
	for _, shards := range []uint64{2, 3, 256} {
		t.Run(fmt.Sprint(shards), func(t *testing.T) { same(t, sharded(all, shards), want) })
	}
}

// TestFilesAgree: a capture split into files gives the same records.
func TestFilesAgree(t *testing.T) {
	for _, file := range captureFiles(t, "*.pcap") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			want := replay(unfiled(read(t, file)), 1)
			same(t, replay(unfiled(read(t, split(t, file, 3)...)), 1), want)
		})
	}
}

// unfiled forgets which file a segment came from.
func unfiled(segments []segment.Segment) []segment.Segment {
	for i := range segments {
		segments[i].File = 0
	}
	return segments
}

// split cuts a little-endian pcap file into pieces of about as many packets.
func split(t *testing.T, file string, pieces int) (out []string) {
	t.Helper()
	const fileHeader, packetHeader = 24, 16
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var packets [][]byte
	for rest := data[fileHeader:]; len(rest) > 0; {
		n := packetHeader + int(binary.LittleEndian.Uint32(rest[8:]))
		packets = append(packets, rest[:n])
		rest = rest[n:]
	}
	for i := range pieces {
		part := packets[i*len(packets)/pieces : (i+1)*len(packets)/pieces]
		name := filepath.Join(t.TempDir(), fmt.Sprintf("%d.pcap", i))
		if err := os.WriteFile(name, slices.Concat(data[:fileHeader], bytes.Join(part, nil)), 0o644); err != nil {
			t.Fatal(err)
		}
		out = append(out, name)
	}
	return out
}
