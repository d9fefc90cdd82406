package report

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tcplife/tcplife/report/anomaly"
	"github.com/tcplife/tcplife/tracker"
)

func TestFirstScreen(t *testing.T) {
	for _, width := range []int{60, 80, 100, 140} {
		t.Run(fmt.Sprint(width), func(t *testing.T) {
			var out bytes.Buffer
			rs, tr := incident()
			write(t, NewTable(&out, TableOptions{Width: width}), rs, tr)
			golden(t, fmt.Sprintf("table%d.txt", width), out.Bytes())
			for _, line := range strings.Split(out.String(), "\n") {
				if cells(line) > width {
					t.Errorf("%d columns in a terminal of %d: %s", cells(line), width, line)
				}
			}
		})
	}
}

var sgr = regexp.MustCompile("\x1b\\[[0-9;]*m")

func TestColourChangesNothingButColour(t *testing.T) {
	var plain, colour bytes.Buffer
	rs, tr := incident()
	write(t, NewTable(&plain, TableOptions{Width: 100}), rs, tr)
	rs, tr = incident()
	write(t, NewTable(&colour, TableOptions{Width: 100, Color: true}), rs, tr)
	golden(t, "colour.txt", colour.Bytes())
	if regexp.MustCompile(`(?m)\x1b\[0m +\x1b\[0m$`).MatchString(colour.String()) {
		t.Error("a line ends with blanks between two resets")
	}
	stripped := sgr.ReplaceAllString(colour.String(), "")
	trimmed := regexp.MustCompile(`(?m) +$`).ReplaceAllString(stripped, "")
	if trimmed != plain.String() {
		t.Errorf("without colours:\n%s\nwant:\n%s", trimmed, plain.String())
	}
}

func TestMarkdown(t *testing.T) {
	var out bytes.Buffer
	rs, tr := incident()
	write(t, NewTable(&out, TableOptions{Markdown: true, Limit: 5}), rs, tr)
	golden(t, "table.md", out.Bytes())
}

func TestPoorCaptureIsSaidFirst(t *testing.T) {
	var out bytes.Buffer
	rs, tr := incident()
	tr.Files = append(tr.Files, File{Path: "second half.pcap"})
	tr.Drops.Kernel = 9000
	tr.Summary.Evicted, tr.Summary.Duplicates = 3, 71
	tr.Interrupted, tr.Filter = true, "port 8080"
	tr.Findings = []anomaly.Finding{{Kind: kind("drops-reported"), Severity: anomaly.Quality, Evidence: "9,000 of 157,211 packets"}}
	write(t, NewTable(&out, TableOptions{Width: 80, Limit: 2, Sort: SortBytes}), rs, tr)
	golden(t, "poor.txt", out.Bytes())
}

func TestAnswersForEmptyInput(t *testing.T) {
	for name, tr := range map[string]*Trace{
		"nothing.txt": {Files: []File{{Path: "empty.pcap"}}},
		"no_tcp.txt": {
			Files:   []File{{Path: "dns.pcap", Packets: 20}},
			Packets: 20, First: start, Last: start + 5e9,
			Skipped: map[string]uint64{"UDP": 17, "ARP": 3},
		},
		"damaged.txt": {
			Files: []File{
				{Path: "a.pcap", Packets: 20},
				{Path: "b.pcap", Packets: 3, Err: "packet 4 at offset 1312: 1500 bytes announced, 200 left", Damaged: true},
				{Path: "c.pcap", Err: "no such file or directory"},
			},
			Packets: 23, First: start, Last: start + 5e9,
			Skipped: map[string]uint64{"UDP": 23},
		},
	} {
		var out bytes.Buffer
		write(t, NewTable(&out, TableOptions{Width: 80}), nil, tr)
		golden(t, name, out.Bytes())
	}
}

func TestTableKeepsOnlyWhatItShows(t *testing.T) {
	w := NewTable(&bytes.Buffer{}, TableOptions{Limit: 3}).(*tableWriter)
	part := w.Part().(*tablePart)
	rs, _ := incident()
	for _, r := range rs {
		feed(t, w, part, r)
	}
	if len(part.best.kept) != 3 {
		t.Errorf("kept %d records for 3 rows", len(part.best.kept))
	}
}

// The rows kept by the heap must be those a full sort would put first.
func TestLimitShowsTheFirstOfTheOrder(t *testing.T) {
	for _, key := range Sorts() {
		rs, _ := incident()
		all, some := best{less: order(key)}, best{limit: 7, less: order(key)}
		for i := range rs {
			r := rs[(i*29)%len(rs)] // in another order
			all.add(r)
			some.add(r)
		}
		want, got := all.sorted()[:7], some.sorted()
		for i := range want {
			if got[i].ID() != want[i].ID() {
				t.Errorf("%s: row %d begins with packet %d, want %d", key, i, got[i].First.Packet, want[i].First.Packet)
			}
		}
	}
}

func TestNamesOfFilesCannotDriveTheTerminal(t *testing.T) {
	hostile := "a\x1b]0;owned\x07\x1b[2J\u202egnp.pcap|*x*"
	rs, tr := incident()
	tr.Files[0].Path, tr.Files[0].Err, tr.Files[0].Damaged = hostile, "bad \x1b[31m record", true
	tr.Skipped = map[string]uint64{"\x1b[5mblink": 1}
	tr.TCP = 0
	for _, o := range []TableOptions{{Width: 80}, {Markdown: true}} {
		var out bytes.Buffer
		write(t, NewTable(&out, o), rs, tr)
		for _, r := range out.String() {
			if r != '\n' && (r < 0x20 || r >= 0x7f && r < 0xa0 || r == 0x202e) {
				t.Fatalf("markdown %t: control character %U in\n%s", o.Markdown, r, out.String())
			}
		}
		if o.Markdown && !strings.Contains(out.String(), `pcap\|\*x\*`) {
			t.Error("Markdown of a file name is not escaped")
		}
	}
}

// A scan of thousands of ports is one line or three, and takes bounded memory.
func TestScanDoesNotHideTheRest(t *testing.T) {
	w := NewTable(&bytes.Buffer{}, TableOptions{}).(*tableWriter)
	part := w.Part()
	rs, _ := incident()
	scan := func(n int) {
		for i := range n {
			r := unanswered("10.0.0.66:3333", fmt.Sprintf("10.9.%d.%d:%d", i>>8&255, i&255, 1+i>>16), uint64(i+1), 0)
			feed(t, w, part, r)
		}
	}
	scan(20_000)
	for _, r := range rs {
		feed(t, w, part, r)
	}
	if n := len(w.groups.by); n > maxGroups+1+len(kinds) {
		t.Errorf("%d groups kept", n)
	}
	var lines []string
	var total uint64
	for _, g := range w.groups.list() {
		lines = append(lines, fmt.Sprintf("%d %s %s", g.count, g.kind.Slug, g.where()[0]))
		total += g.count
	}
	if len(lines) > 8 || total != 20_000+17 {
		t.Errorf("%d findings in %d groups: %q", total, len(lines), lines)
	}
	if want := "9 rst-late-data 10.0.1.5:8080"; !slices.Contains(lines, want) {
		t.Errorf("the scan hides %q: %q", want, lines)
	}
	if want := "more than 1,02"; !strings.Contains(strings.Join(lines, "\n"), want) {
		t.Errorf("no group of %s… servers: %q", want, lines)
	}
}

func TestPeakCountsTimeWaitsAtOnce(t *testing.T) {
	w := newWaits()
	stay := func(since, until int64) {
		c := opened("10.0.0.1:1000", "10.0.0.2:80", 1, 0).Connection
		c.Endpoints[tracker.Client].TimeWait = tracker.TimeWaitRecord{Held: true, Since: tracker.Mark{Packet: 1, At: since}, Until: until}
		r := remarkReader{appendWaits(nil, c)[2:]}
		w.add(r.wait())
	}
	stay(0, 60)
	stay(30, 90)
	stay(60, 120) // begins when the first has ended
	stay(61, 70)
	if h := w.list()[0]; h.peak != 3 || h.peakAt != 61 || h.count != 4 {
		t.Errorf("peak %d at %d of %d, want 3 at 61 of 4", h.peak, h.peakAt, h.count)
	}
}

func TestPeakOfMillionsTakesBoundedMemory(t *testing.T) {
	s := steps{quantum: 1, at: map[int64]int64{}}
	const each = int64(1e6) // one connection a millisecond, 60 s of TIME_WAIT
	for i := range int64(100_000) {
		s.add(start+i*each, start+i*each+60e9)
	}
	if len(s.at) > maxSteps {
		t.Errorf("%d moments kept", len(s.at))
	}
	if n, _ := s.peak(); n < 59_900 || n > 60_100 {
		t.Errorf("peak %d, want about 60,000", n)
	}
}
