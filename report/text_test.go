package report

import (
	"bytes"
	"encoding/csv"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/report/anomaly"
	"github.com/tcplife/tcplife/tracker"
)

func TestHumanNumbers(t *testing.T) {
	for want, got := range map[string]string{
		"0": grouped(0), "999": grouped(999), "1,000": grouped(1000), "12,345,678": grouped(12345678),
		"1 packet": counted(1, "packet"), "1,204 packets": counted(1204, "packet"),
		"412 B": humanSize(412), "1.0 kB": humanSize(1000), "9.9 kB": humanSize(9940), "10 kB": humanSize(9960),
		"999 kB": humanSize(999_400), "1.0 MB": humanSize(999_600), "18 EB": humanSize(1<<64 - 1),
		"0s": humanSpan(0), "850µs": humanSpan(850e3), "19.2ms": humanSpan(19.21e6), "200ms": humanSpan(200e6),
		"1.204s": humanSpan(1.204e9), "12.4s": humanSpan(12.4e9), "2m14s": humanSpan(134e9), "3h05m": humanSpan(3*3600e9 + 5*60e9),
		"2d04h": humanSpan(52 * 3600e9), "-1.500s": humanSpan(-1.5e9), "1m00s": humanSpan(59.96e9),
		"7.1 s": roughSpan(7.1e9), "19.2 ms": roughSpan(19.21e6), "3 µs": roughSpan(3e3), "2m15s": roughSpan(135e9), "0%": share(0, 5), "0.02%": share(2, 10000), "1.5%": share(15, 1000), "97%": share(97, 100),
		"100%": share(3, 3),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestWrap(t *testing.T) {
	got := wrap("one two · three averyveryverylongword end", 9)
	want := []string{"one two ·", "three", "averyveryverylongword", "end"}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("%q", got)
	}
}

// A line break between a number and its unit makes both hard to read.
func TestWrapKeepsNumbersWhole(t *testing.T) {
	for _, text := range []string{"it has been silent for 30.7 s since packet 591", "see (packet 375) and RFC 9293"} {
		for width := 10; width < 50; width++ {
			for _, line := range wrap(text, width) {
				for _, end := range []string{"30.7", "packet", "(packet", "RFC"} {
					if strings.HasSuffix(line, end) {
						t.Errorf("%d columns: %q ends a line", width, end)
					}
				}
			}
		}
	}
}

func TestShortName(t *testing.T) {
	for _, c := range []struct {
		name  string
		width int
		want  string
	}{
		{"10.0.0.7:40112", 14, "10.0.0.7:40112"},
		{"10.0.0.7:40112", 13, "10.…0.7:40112"},
		{"[2001:db8:85a3::7334]:443", 16, "[2001…7334]:443"},
	} {
		if got := shortName(endpoint(c.name), c.width); cells(got) > c.width || !strings.Contains(got, c.want[len(c.want)-4:]) {
			t.Errorf("%s in %d columns: %q", c.name, c.width, got)
		}
	}
}

func TestTextOfOthersIsEscaped(t *testing.T) {
	for in, want := range map[string]string{
		"plain é 日本":  "plain é 日本",
		"\x1b[31mred": `\x1b[31mred`,
		"a\nb":        `a\nb`,
		"\u202eabc":   `\u202eabc`,
		"\xff":        `\xff`,
		"\u009b31m":   `\u009b31m`,
	} {
		if got := forTerminal(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	for _, in := range []string{"=1+1", "+1", "-1", "@x", "\tx", "\rx"} {
		if got := forSpreadsheet(in); got != "'"+in {
			t.Errorf("formula %q stays %q", in, got)
		}
	}
	if got := forMarkdown("a|b*c_d`<x>&\x1b"); got != "a\\|b\\*c\\_d\\`&lt;x&gt;&amp;\\\\x1b" {
		t.Errorf("Markdown: %s", got)
	}
}

// What is printed as a command must reach the program as the very path.
func TestShellWords(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash to ask")
	}
	for _, path := range []string{"a.pcap", "with blank.pcap", "it's.pcap", "$HOME`x`.pcap", "é/日本.pcap", "a\nb\x1b\x07.pcap", `back\slash 'quote'`, "-rf", ""} {
		out, err := exec.Command(bash, "-c", "printf %s "+forShell(path)).Output()
		if err != nil {
			t.Fatal(err)
		}
		want := path
		if path == "-rf" {
			want = "./-rf"
		}
		if string(out) != want {
			t.Errorf("%q: bash reads %s as %q", path, forShell(path), out)
		}
	}
}

func TestCSV(t *testing.T) {
	var out bytes.Buffer
	rs, tr := incident()
	rs[0].Findings = []anomaly.Finding{{Kind: kind("rst-late-data"), Evidence: "=HYPERLINK(\"x\")", Packets: []uint64{1, 2}}}
	var tagged, tunnelled segment.Path
	tagged.Add(segment.WrapVLAN, 10)
	tagged.Add(segment.WrapVLAN, 20)
	tunnelled.Add(segment.WrapVLAN, 10)
	tunnelled.Add(segment.WrapGTP, 0xabcd)
	rs[1].Endpoints[tracker.Client].Path, rs[2].Endpoints[tracker.Client].Path = paths.ID(tagged), paths.ID(tunnelled)
	write(t, NewCSV(&out, Names{File: func(uint32) string { return "@evil.pcap" }, Paths: &paths}), rs[:32], tr)
	golden(t, "records.csv", out.Bytes())
	rows, err := csv.NewReader(bytes.NewReader(out.Bytes())).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 33 {
		t.Errorf("%d rows for 32 records and a header", len(rows))
	}
	for _, row := range rows {
		for i, c := range row {
			if c != "" && strings.ContainsRune("=+-@\t\r", rune(c[0])) {
				t.Errorf("column %s can be taken for a formula: %s", csvHeader[i], c)
			}
		}
	}
	out.Reset()
	write(t, NewCSV(&out, Names{}), nil, &Trace{})
	if got := strings.TrimSpace(out.String()); got != strings.Join(csvHeader, ",") {
		t.Errorf("without connections: %q", got)
	}
}

func TestVerdicts(t *testing.T) {
	half := opened("10.0.0.9:1", "10.0.1.5:2", 1, 0)
	half.Close, half.ClosedBy, half.TraceEnd = tracker.CloseHalfClosed, tracker.ByClient, at(110*time.Second)
	half.Last = mark(9, 0)
	half.Endpoints[tracker.Server].State = tracker.CloseWait
	cut := opened("10.0.0.9:1", "10.0.1.5:2", 1, 0) // the capture ends with its last segment
	cut.Close, cut.ClosedBy, cut.TraceEnd = tracker.CloseHalfClosed, tracker.ByClient, cut.Last.At
	cut.Endpoints[tracker.Server].State = tracker.CloseWait
	oneSide := opened("10.0.0.9:1", "10.0.1.5:2", 1, 0)
	oneSide.Close, oneSide.ClosedBy, oneSide.TraceEnd = tracker.CloseHalfClosed, tracker.ByServer, at(110*time.Second)
	oneSide.Endpoints[tracker.Server].FinSent = mark(9, 0)
	oneSide.Endpoints[tracker.Client] = tracker.Endpoint{State: tracker.CloseWait}
	synAck := opened("10.0.0.9:1", "10.0.1.5:2", 1, 0)
	synAck.Open, synAck.Close = tracker.OpenHalf, tracker.CloseNone
	stray := opened("10.0.0.9:1", "10.0.1.5:2", 1, 0)
	stray.Open, stray.Close = tracker.OpenNone, tracker.CloseNone
	stray.Endpoints[tracker.Client].Syn, stray.Endpoints[tracker.Server].Syn = 0, 0
	early := opened("10.0.0.9:1", "10.0.1.5:2", 1, 0)
	early.Open, early.Close = tracker.OpenMidstream, tracker.CloseOpenAtEnd
	for want, r := range map[string]*Record{
		"aborted by the server while closing: rst-late-data (high confidence)":   abortedTalk().r,
		"closed orderly, client first; client holds TIME_WAIT until 12:02:08Z":   orderlyTalk().r,
		"never answered: 3 SYNs in 7.1 s: syn-unanswered (high confidence)":      unanswered("10.0.0.1:1", "10.0.0.2:2", 5, 0),
		"half closed by the client; the server has not closed, silent for 1m50s": half,
		"half closed by the client; the server has not closed":                   cut,
		"server closed; the client's direction was not captured":                 oneSide,
		"half open: 1 SYN-ACK in 19.4 ms, and the handshake was never completed": synAck,
		"no SYN seen: 3 packets of no known connection":                          stray,
		"still open when the capture ended, opened before the capture":           early,
	} {
		if got := Verdict(r); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// A group says how its connections ended: "by the client" alone could be read as who
// sent what was found.
func TestGroupsSayHowTheirConnectionsEnded(t *testing.T) {
	for want, c := range map[string]cause{
		"aborted by the server while closing": {end: tracker.CloseAborted, by: tracker.ByServer, phase: tracker.PhaseClosing},
		"refused by the server":               {end: tracker.CloseRefused, by: tracker.ByServer},
		"given up by the client":              {end: tracker.CloseTimedOut, by: tracker.ByClient},
		"client closed first":                 {end: causeEnd(tracker.CloseHalfClosed), by: tracker.ByClient},
		"both closed at once":                 {end: causeEnd(tracker.CloseOrderly), by: tracker.ByBoth},
		"":                                    {end: causeEnd(tracker.CloseOpenAtEnd)},
	} {
		if got := c.ended(); got != want {
			t.Errorf("%+v: %q, want %q", c, got, want)
		}
	}
}

// The sentence about the capture and the findings over the trace rest on the same
// judgement, so they cannot contradict each other.
func TestQualityAgreesWithTheFindings(t *testing.T) {
	offload := anomaly.Finding{Kind: anomaly.ChecksumOffload, Evidence: "10.0.0.1: 9 of 9 segments sent have a wrong checksum"}
	oneWay := anomaly.Finding{Kind: anomaly.OneWayCapture, Evidence: "1 of 3"}
	for _, c := range []struct {
		name     string
		findings []anomaly.Finding
		oneWay   uint64 // connections found to be
		grade    Grade
		want     string
	}{
		{"bad checksums of no host in particular", nil, 0, Good, "9 packets with a bad checksum"},
		{"offload", []anomaly.Finding{offload}, 0, Good, "checksum offload on 1 host (checksums ignored)"},
		{"a single one of many", nil, 1, Good, "1 connection in one direction only"},
		{"enough to be told", []anomaly.Finding{oneWay}, 1, Fair, "1 connection in one direction only"},
		{"most", []anomaly.Finding{oneWay}, 3, Poor, "3 connections in one direction only"},
	} {
		n := totals{connections: 4}
		n.found.add(anomaly.OneWayCapture, c.oneWay)
		grade, why := judgeQuality(&Trace{TCP: 99, Findings: c.findings, Summary: tracker.Summary{ChecksumBad: 9}}, &n)
		if grade != c.grade || !strings.Contains(why, c.want) {
			t.Errorf("%s: %s: %s; want %s: … %s", c.name, grade, why, c.grade, c.want)
		}
	}
}

// Each way to end has words of its own at every length, and brief ones fit their column.
func TestEveryEndingHasWords(t *testing.T) {
	for c := range tracker.CloseOpenAtEnd + 1 {
		for by := range tracker.ByUnknown + 1 {
			r := opened("10.0.0.9:1", "10.0.1.5:2", 1, 0)
			r.Close, r.ClosedBy, r.Phase = c, by, tracker.PhaseLater
			for _, as := range []wording{brief, cell, sentence} {
				s := ending(r, as)
				if s == "" || strings.Contains(s, "  ") || strings.HasSuffix(s, " ") || strings.Contains(s, "_") {
					t.Errorf("%s by %s: %q", c, by, s)
				}
				if as == brief && cells(s) > 20 {
					t.Errorf("%s by %s: %q is not brief", c, by, s)
				}
			}
		}
	}
}

func TestExplain(t *testing.T) {
	var out bytes.Buffer
	k := anomaly.Catalogue()[0]
	if err := Explain(&out, k, 72); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{k.Slug, k.Summary, k.Explanation, k.Reference, k.Since} {
		if !strings.Contains(got, strings.Join(strings.Fields(want), " ")) {
			t.Errorf("%q is missing from\n%s", want, out.String())
		}
	}
	for _, line := range strings.Split(out.String(), "\n") {
		if cells(line) > 72 {
			t.Errorf("too long: %s", line)
		}
	}
}

func TestExplainListNamesTheCatalogue(t *testing.T) {
	for _, width := range []int{50, 80, 120} {
		var out bytes.Buffer
		if err := ExplainList(&out, width); err != nil {
			t.Fatal(err)
		}
		for _, k := range anomaly.Catalogue() {
			if !strings.Contains(out.String(), k.Slug) != k.Withdrawn {
				t.Errorf("%s is missing or withdrawn", k.Slug)
			}
		}
		for _, line := range strings.Split(out.String(), "\n") {
			if cells(line) > width {
				t.Errorf("too long for %d: %s", width, line)
			}
		}
	}
}
