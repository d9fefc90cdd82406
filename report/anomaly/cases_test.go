package anomaly_test

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/tcplife/tcplife/internal/script"
	"github.com/tcplife/tcplife/report/anomaly"
	"github.com/tcplife/tcplife/tracker"
)

// casesDir holds the conversations; internal/script documents how they are written.
const casesDir = "../../testdata/cases"

var show = flag.Bool("show", false, "print every conversation with what the tracker and the catalogue made of it")

// variations are the three ways each case is played (docs of script.Conversation).
var variations = []struct {
	name  string
	apply func(*script.Conversation) *script.Conversation
}{
	{"as_written", func(c *script.Conversation) *script.Conversation { return c }},
	{"wrapped", (*script.Conversation).Wrapped},
	{"exchanged", (*script.Conversation).Exchanged},
}

// TestCases plays every case. To look at one: go test ./report/anomaly -run TestCases/rfc/figures/figure-09 -show -v
func TestCases(t *testing.T) {
	for _, c := range readCases(t) {
		for _, v := range variations {
			t.Run(c.Name+"/"+v.name, func(t *testing.T) {
				p := play(v.apply(c))
				p.check()
				if len(p.problems) > 0 {
					t.Error(p.render())
				} else if *show {
					t.Log(p.render())
				}
			})
		}
	}
}

// readCases parses every case; one that does not parse fails the test.
func readCases(t *testing.T) []*script.Conversation {
	t.Helper()
	var cases []*script.Conversation
	err := filepath.WalkDir(casesDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".txtar" {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(casesDir, path)
		if err != nil {
			return err
		}
		for _, f := range txtar.Parse(data).Files {
			name := strings.TrimSuffix(filepath.ToSlash(dir), ".txtar") + "/" + strings.TrimSuffix(f.Name, ".tcp")
			c, err := script.Parse(name, string(f.Data))
			if err != nil {
				t.Error(err)
				continue
			}
			cases = append(cases, c)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(cases) == 0 {
		t.Fatalf("no cases in %s", casesDir)
	}
	return cases
}

// played is a conversation with what came out of it.
type played struct {
	conv     *script.Conversation
	records  []*tracker.Connection // in order of first packets
	findings [][]anomaly.Finding   // of each record
	trace    []anomaly.Finding

	problems []string       // those of no single line
	atLine   map[int]string // what to print below a line of the text
}

func play(conv *script.Conversation) *played {
	p := &played{conv: conv, atLine: map[int]string{}}
	tr := tracker.New(tracker.DefaultConfig())
	segs := conv.Segments()
	capture := anomaly.Capture{First: conv.Start(), Last: conv.End()}
	for i := range segs {
		tr.Observe(&segs[i])
		capture.Packets++
		capture.TCP++
	}
	tr.Advance(conv.End())
	for !tr.Flush() {
	}
	p.records = tracker.Collect(tr.Take())
	slices.SortStableFunc(p.records, func(a, b *tracker.Connection) int { return int(a.First.Packet) - int(b.First.Packet) })
	judge := anomaly.New(anomaly.DefaultThresholds())
	judge.Paths = conv.Paths
	for _, r := range p.records {
		var fs []anomaly.Finding
		for _, f := range judge.Connection(r) {
			fs = append(fs, f.Clone())
		}
		p.findings = append(p.findings, fs)
	}
	p.trace = judge.Finish(tr.Summary(), capture)
	return p
}

// fail notes a problem with a line of the text; 0 is none of them.
func (p *played) fail(line int, format string, args ...any) {
	problem := fmt.Sprintf(format, args...)
	if line > 0 {
		p.atLine[line] += "        ✗ " + problem + "\n"
		problem = fmt.Sprintf("line %d: %s", line, problem)
	}
	p.problems = append(p.problems, problem)
}

func (p *played) check() {
	for i := range p.conv.Lines {
		l := &p.conv.Lines[i]
		if l.Packet == 0 {
			continue
		}
		for side := script.Initiator; side <= script.Responder; side++ {
			if want, got := l.States[side], p.state(side, l); want != "" && want != got {
				p.fail(l.Number, "the %s should be in %s, the record says %s", side, want, orNone(got))
			}
		}
	}
	p.checkFindings()
	p.checkRecords()
	for i, r := range p.records {
		p.checkChain(i+1, r)
	}
}

// roleOf is the role that the record gives to the side.
func (p *played) roleOf(r *tracker.Connection, side script.Side) tracker.Role {
	if r.Client() == p.conv.Endpoint(side) {
		return tracker.Client
	}
	return tracker.Server
}

// state is where the side was once line l had passed the tap: the last step so far in the
// latest record that has one, before its first step where that began; "" if no
// record begins so early.
func (p *played) state(side script.Side, l *script.Line) string {
	at := script.Epoch + int64(l.At)
	state := ""
	for _, r := range p.records {
		if r.First.Packet > l.Packet {
			break
		}
		for _, tn := range r.Transitions {
			if tn.Role != p.roleOf(r, side) {
				continue
			}
			if tn.Packet <= l.Packet && tn.At <= at {
				state = tn.To.String()
			} else if state == "" {
				state = tn.From.String()
			}
		}
	}
	return state
}

// checkFindings compares both ways: wanted and not reported, reported and not wanted.
func (p *played) checkFindings() {
	wanted := map[*anomaly.Finding]bool{}
	for i := range p.conv.Lines {
		l := &p.conv.Lines[i]
		for _, w := range l.Wants {
			found := p.match(w, l.Packet, wanted)
			if !found {
				p.fail(l.Number, "wanted and not reported here: %s %q", w.Slug, w.Evidence)
			}
		}
	}
	for _, w := range p.conv.Trace {
		found := false
		for i := range p.trace {
			if f := &p.trace[i]; f.Kind.Slug == w.Slug && strings.Contains(f.Evidence, w.Evidence) {
				wanted[f], found = true, true
			}
		}
		if !found {
			p.fail(w.Number, "wanted and not reported of the trace: %s %q", w.Slug, w.Evidence)
		}
	}
	p.eachFinding(func(f *anomaly.Finding) {
		if text := impossible.FindString(f.Evidence); text != "" {
			p.fail(0, "%q cannot be: %s", text, describe(f))
		}
		if slices.Contains(p.conv.Near, f.Kind.Slug) {
			p.fail(0, "a near miss was reported: %s", describe(f))
		} else if !wanted[f] && !slices.Contains(p.conv.Allow, f.Kind.Slug) {
			p.fail(0, "reported and not wanted: %s", describe(f))
		}
	})
}

// match marks the findings that w wants on packet, and reports whether there is one.
func (p *played) match(w script.Want, packet uint64, wanted map[*anomaly.Finding]bool) (found bool) {
	for _, fs := range p.findings {
		for i := range fs {
			f := &fs[i]
			if f.Kind.Slug == w.Slug && slices.Contains(f.Packets, packet) && strings.Contains(f.Evidence, w.Evidence) &&
				(w.Role == "" || f.HasRole && f.Role.String() == w.Role) {
				wanted[f], found = true, true
			}
		}
	}
	return found
}

func (p *played) eachFinding(do func(*anomaly.Finding)) {
	for _, fs := range append(slices.Clone(p.findings), p.trace) {
		for i := range fs {
			do(&fs[i])
		}
	}
}

func (p *played) checkRecords() {
	want := len(p.conv.Records)
	if want == 0 {
		want = len(p.conv.ISNs)
	}
	if want != len(p.records) {
		p.fail(0, "%d records, want %d", len(p.records), want)
	}
	for _, r := range p.conv.Records[:min(len(p.conv.Records), len(p.records))] {
		got := fields(p.records[r.Index-1])
		for _, f := range r.Fields {
			if got[f.Key] != f.Value {
				p.fail(r.Number, "%s should be %s, the record says %s", f.Key, f.Value, got[f.Key])
			}
		}
	}
}

// fields spells what record lines may ask for.
func fields(r *tracker.Connection) map[string]string {
	m := map[string]string{
		"open":            r.Open.String(),
		"close":           r.Close.String(),
		"closed_by":       orNone(r.ClosedBy.String()),
		"phase":           orNone(r.Phase.String()),
		"direction":       r.DirectionBy.String(),
		"client":          r.Endpoints[tracker.Client].State.String(),
		"server":          r.Endpoints[tracker.Server].State.String(),
		"time_wait":       "none",
		"time_wait_ended": "-",
	}
	c, s := &r.Endpoints[tracker.Client].TimeWait, &r.Endpoints[tracker.Server].TimeWait
	switch {
	case c.Held && s.Held:
		m["time_wait"] = "both"
	case c.Held:
		m["time_wait"] = "client"
	case s.Held:
		m["time_wait"] = "server"
	}
	if c.Held {
		m["time_wait_ended"] = c.EndedBy.String()
	} else if s.Held {
		m["time_wait_ended"] = s.EndedBy.String()
	}
	return m
}

func orNone(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// checkChain holds that each endpoint's steps follow from each other in state and
// time, and end in its last state.
func (p *played) checkChain(n int, r *tracker.Connection) {
	for role := tracker.Client; role <= tracker.Server; role++ {
		var last *tracker.Transition
		for i := range r.Transitions {
			tn := &r.Transitions[i]
			if tn.Role != role {
				continue
			}
			if last != nil && (tn.From != last.To || tn.At < last.At) {
				p.fail(0, "record %d: the %s's step %s -> %s at #%d follows its step %s -> %s at #%d",
					n, role, tn.From, tn.To, tn.Packet, last.From, last.To, last.Packet)
			}
			last = tn
		}
		if got := r.Endpoints[role].State; last != nil && got != last.To {
			p.fail(0, "record %d: the %s ends in %s, its last step leads to %s", n, role, got, last.To)
		}
	}
}

func describe(f *anomaly.Finding) string {
	who := "the trace"
	if f.HasRole {
		who = f.Role.String()
	} else if len(f.Packets) > 0 {
		who = "the connection"
	}
	return fmt.Sprintf("%s (%s, %s) of %s, packets %v: %q", f.Kind.Slug, f.Severity, f.Confidence, who, f.Packets, f.Evidence)
}

// render is the conversation with what was got beside each line: the states below
// the names of their sides, problems (✗) and findings (•) under the line they
// belong to; then the records as the tracker made them.
func (p *played) render() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", p.conv.Name, p.conv.Title)
	for _, problem := range p.problems {
		fmt.Fprintf(&b, "  ✗ %s\n", problem)
	}
	width := 20
	for i := range p.conv.Lines {
		width = max(width, len(p.conv.Lines[i].Text))
	}
	fmt.Fprintf(&b, "\nline  packet  %8s  %-*s  %-12s %s\n", "time", width, "", script.Initiator, script.Responder)
	for i := range p.conv.Lines {
		l := &p.conv.Lines[i]
		number := "-"
		if l.Packet > 0 {
			number = fmt.Sprintf("#%d", l.Packet)
		}
		fmt.Fprintf(&b, "%4d  %6s  %8.3f  %-*s  %-12s %s\n", l.Number, number, l.At.Seconds(), width, l.Text,
			orNone(p.state(script.Initiator, l)), orNone(p.state(script.Responder, l)))
		b.WriteString(p.atLine[l.Number])
		p.eachFinding(func(f *anomaly.Finding) {
			if l.Packet > 0 && len(f.Packets) > 0 && f.Packets[0] == l.Packet {
				fmt.Fprintf(&b, "        • %s\n", describe(f))
			}
		})
	}
	p.eachFinding(func(f *anomaly.Finding) {
		if len(f.Packets) == 0 {
			fmt.Fprintf(&b, "        • %s\n", describe(f))
		}
	})
	for i, r := range p.records {
		p.renderRecord(&b, i+1, r)
	}
	return b.String()
}

func (p *played) renderRecord(b *strings.Builder, n int, r *tracker.Connection) {
	got := fields(r)
	fmt.Fprintf(b, "\nrecord %d: packets #%d to #%d, client %s, RTT %s, FINs of client at #%d and of server at #%d\n ",
		n, r.First.Packet, r.Last.Packet, r.Client(), r.RTT,
		r.Endpoints[tracker.Client].FinSent.Packet, r.Endpoints[tracker.Server].FinSent.Packet)
	for _, key := range []string{"direction", "open", "close", "closed_by", "phase", "time_wait", "time_wait_ended", "client", "server"} {
		fmt.Fprintf(b, " %s %s,", key, got[key])
	}
	b.WriteString("\n")
	since := func(m tracker.Mark) float64 { return time.Duration(m.At - script.Epoch).Seconds() }
	for _, tn := range r.Transitions {
		fmt.Fprintf(b, "  #%-4d %8.3f  %-6s %-11s -> %-11s %s, %s\n",
			tn.Packet, since(tn.Mark), tn.Role, tn.From, tn.To, tn.Event, tn.Certainty)
	}
	for _, f := range r.Facts {
		fmt.Fprintf(b, "  #%-4d %8.3f  %-6s fact %v", f.Packet, since(f.Mark), f.Role, f.Kind)
		if f.Kind == tracker.FactRst {
			fmt.Fprintf(b, ": %s, form %s, %s, phase %s, %s to %s", f.Reset.Class, f.Reset.Form, f.Reset.Effect,
				f.Reset.Phase, f.Reset.Sender, f.Reset.Receiver)
		}
		fmt.Fprintf(b, ", bytes %d, gap %s, cause #%d\n", f.Bytes, time.Duration(f.Gap), f.Cause.Packet)
	}
}
