package report

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/report/anomaly"
	"github.com/tcplife/tcplife/tracker"
)

// LadderRow is one segment of the connection with what the tracker made of it.
type LadderRow struct {
	Segment segment.Segment
	Verdict tracker.Verdict
}

// LadderInput is one connection with all its segments in order of capture.
type LadderInput struct {
	Record *Record
	Rows   []LadderRow
	Paths  *segment.Paths // of the segments; nil: they are not told
	// Quality is the sentence about the capture; "" if it is good and does not touch this connection.
	Quality string
}

// LadderOptions says how a ladder looks.
type LadderOptions struct {
	Width int  // columns of the terminal; 0 = 80
	Color bool // colour states and severities
	All   bool // a line for every segment: runs of data are not folded
}

// Ladder draws the connection: a line per segment, in the middle the arrow, left
// and right the states of client and server as they change, then what was found,
// with the evidence.
func Ladder(w io.Writer, in LadderInput, o LadderOptions) error {
	if o.Width <= 0 {
		o.Width = 80
	}
	l := &ladder{w: bufio.NewWriter(w), style: style{o.Color}, width: max(o.Width, minWidth), record: in.Record, paths: in.Paths, quality: in.Quality}
	items := fold(in, o.All)
	l.header()
	l.measure(items)
	l.titles()
	for i := range items {
		l.item(&items[i])
	}
	l.legend()
	l.abridged()
	l.findings()
	return l.w.Flush()
}

// ladder holds the widths of the columns while it is drawn.
type ladder struct {
	w       *bufio.Writer
	style   style
	width   int
	record  *Record
	paths   *segment.Paths
	quality string

	time, packet, state, arrow int // widths
	note                       int // width of the column of notes; 0 = notes stand below
	decimals                   int // of seconds
	assumed                    bool
}

func (l *ladder) line(s string) {
	l.w.WriteString(strings.TrimRight(s, " "))
	l.w.WriteByte('\n')
}

func (l *ladder) prose(s string) {
	for _, line := range wrap(s, l.width) {
		l.line(line)
	}
}

func (l *ladder) header() {
	r := l.record
	id := r.ID()
	name := fmt.Sprintf("%s → %s", r.Client(), r.Server())
	if r.Incarnation > 1 {
		name += fmt.Sprintf(" (connection %d on this 4-tuple)", r.Incarnation)
	}
	l.line(l.style.bold(id) + "  " + name)
	sgr := ""
	if f := r.Worst(); f != nil {
		sgr = severityColor(f.Severity)
	}
	for _, line := range wrap(Verdict(r), l.width) {
		l.line(l.style.paint(sgr, line))
	}
	cl, sv := &r.Endpoints[tracker.Client], &r.Endpoints[tracker.Server]
	about := []string{
		"from " + clock(r.First.At, "2006-01-02 15:04:05.000000Z") + ", " + humanSpan(lasted(r.Connection)),
		fmt.Sprintf("sent %s in %s", humanSize(cl.StreamBytes), counted(cl.Packets, "packet")),
		fmt.Sprintf("received %s in %s", humanSize(sv.StreamBytes), counted(sv.Packets, "packet")),
	}
	if r.RTT > 0 {
		about = append(about, "rtt "+roughSpan(int64(r.RTT)))
	}
	if way := wayOf(r.Connection, l.paths); way != "" {
		about = append(about, way)
	}
	if r.DirectionBy.Certainty() == tracker.Assumed {
		by := "the port numbers"
		if r.DirectionBy == tracker.DirectionByFirstPacket {
			by = "who spoke first"
		}
		about = append(about, "who is client is assumed from "+by)
	}
	for i := range about {
		about[i] = together(about[i])
	}
	l.prose(strings.Join(about, " · "))
	if l.quality != "" {
		l.prose("capture " + l.quality)
	}
	l.line("")
}

// measure chooses the widths.
func (l *ladder) measure(items []ladderItem) {
	l.decimals = 6
	if l.width < 76 {
		l.decimals = 3
	}
	l.time, l.packet, l.state = len("time"), 1, len("client")
	for i := range items {
		it := &items[i]
		l.time = max(l.time, cells(l.clock(it.at)))
		l.packet = max(l.packet, cells(it.label()))
		for role := range it.states {
			for _, s := range it.states[role] {
				l.state = max(l.state, cells(stateLabel(s)))
			}
		}
	}
	const narrowest, widest, noteColumn = 16, 42, 24
	rest := l.width - (l.time + 2 + l.packet + 2 + l.state + 1 + 1 + l.state)
	switch {
	case rest >= 34+2+noteColumn:
		l.arrow = min(widest, rest-2-noteColumn)
		l.note = rest - 2 - l.arrow
	default:
		l.arrow = min(max(rest, narrowest), widest)
	}
}

// clock is the time since the first packet.
func (l *ladder) clock(ns int64) string {
	d := ns - l.record.First.At
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	return sign + strconv.FormatFloat(float64(d)/1e9, 'f', l.decimals, 64)
}

func (l *ladder) titles() {
	client, server := "client", "server"
	l.line(l.style.dim(pad("time", l.time, ' ') + "  " + fill("#", l.packet) + "  " +
		fill(client, l.state) + " " + fill("", l.arrow) + " " + server))
}

// item draws one line, and the lines that continue it.
func (l *ladder) item(it *ladderItem) {
	left, right := it.states[tracker.Client], it.states[tracker.Server]
	notes := l.notes(it)
	for i := 0; i == 0 || i < max(len(left), len(right)) || l.note > 0 && i < len(notes); i++ {
		when, packet, middle := "", "", l.lifelines(" ", "")
		if i == 0 {
			when, packet = l.clock(it.at), it.label()
			middle = l.draw(it)
		}
		line := pad(when, l.time, ' ') + "  " + fill(packet, l.packet) + "  " + l.stateAt(left, i) + " " + middle + " " + l.stateAt(right, i)
		if l.note > 0 && i < len(notes) {
			line += "  " + notes[i]
		}
		l.line(line)
	}
	if l.note == 0 {
		for _, n := range notes {
			l.line(fill("", l.noteIndent()) + n)
		}
	}
}

func (l *ladder) stateAt(states []tracker.Transition, i int) string {
	if i >= len(states) {
		return fill("", l.state)
	}
	if states[i].Certainty == tracker.Assumed {
		l.assumed = true
	}
	return l.style.paint("1;34", fill(stateLabel(states[i]), l.state))
}

// stateLabel marks a state nobody confirmed.
func stateLabel(t tracker.Transition) string {
	s := t.To.String()
	if t.Certainty == tracker.Assumed {
		s += "?"
	}
	return s
}

// noteIndent is where notes stand that have no column of their own.
func (l *ladder) noteIndent() int {
	n := l.time + 2 + l.packet + 2 + l.state + 1 + 2
	if l.width-n < 30 {
		n = l.time + 2
	}
	return n
}

// notes are the remarks of an item, as lines that fit.
func (l *ladder) notes(it *ladderItem) []string {
	width := l.note
	if width == 0 {
		width = l.width - l.noteIndent()
	}
	var lines []string
	for _, f := range it.findings {
		if f.Severity == anomaly.Quality {
			continue // about the capture, not about this segment; listed below the ladder
		}
		for _, s := range wrap("▲ "+f.Kind.Slug, width) {
			lines = append(lines, l.style.paint(severityColor(f.Severity), s))
		}
	}
	words := it.notes
	if it.run.segments > 1 && !l.fits(it.text[0]) {
		left := it.text[0] // what the arrow has no room for
		if l.fits(it.text[1]) {
			left = it.run.extras()
		}
		words = append([]string{left}, words...)
	}
	if len(words) > 0 {
		lines = append(lines, wrap(strings.Join(words, ", "), width)...)
	}
	return lines
}

// lifelines draws the two lines of life without an arrow, text between them.
func (l *ladder) lifelines(blank, text string) string {
	text = clip(text, l.arrow-4)
	left := (l.arrow - 2 - cells(text)) / 2
	return "│" + strings.Repeat(blank, left) + text + strings.Repeat(blank, l.arrow-2-left-cells(text)) + "│"
}

// draw draws the arrow of an item: single lines for control, double for data, dashes
// for what did not count.
func (l *ladder) draw(it *ladderItem) string {
	if it.silent {
		return l.lifelines(" ", it.text[0])
	}
	stroke := "─"
	switch {
	case it.void:
		stroke = "╌"
	case it.data:
		stroke = "═"
	}
	text := it.text[len(it.text)-1]
	for _, s := range it.text {
		if l.fits(s) {
			text = s
			break
		}
	}
	text = clip(text, l.arrow-5)
	head := min(4, l.arrow-3-cells(text))
	tail := strings.Repeat(stroke, max(l.arrow-3-head-cells(text), 0))
	lead := strings.Repeat(stroke, head-1)
	switch {
	case it.both:
		return "◀" + lead + " " + text + " " + tail + "▶"
	case it.from == tracker.Client:
		return lead + stroke + " " + text + " " + tail + "▶"
	default:
		return "◀" + lead + " " + text + " " + tail + stroke
	}
}

// fits reports whether the arrow has room for the text.
func (l *ladder) fits(text string) bool { return cells(text)+5 <= l.arrow }

func (l *ladder) legend() {
	if l.assumed {
		l.line(l.style.dim("? assumed: nothing contradicts it, no packet proves it"))
	}
}

// findings lists what was found, the root cause first, each with its evidence.
// abridged says that notes may be missing.
func (l *ladder) abridged() {
	if n := l.record.FactsDropped; n > 0 {
		text := fmt.Sprintf("… %s without a note: of a kind seen often the record keeps the first and the latest", counted(uint64(n), "notable segment"))
		for _, line := range wrap(text, l.width) {
			l.line(l.style.dim(line))
		}
	}
}

func (l *ladder) findings() {
	if len(l.record.Findings) == 0 {
		return
	}
	l.line("")
	for i := range l.record.Findings {
		f := &l.record.Findings[i]
		l.finding(f)
	}
	if f := l.record.Worst(); f != nil {
		l.line(l.style.dim("tcplife explain " + f.Kind.Slug))
	}
}

func (l *ladder) finding(f *anomaly.Finding) {
	const indent = 8
	text := " · " + f.Confidence.String() + " confidence"
	if f.HasRole {
		text += " · " + f.Role.String()
	}
	if p := packetList(f.Packets); p != "" {
		text += " · " + p
	}
	if f.Kind.Reference != "" {
		text += " · " + f.Kind.Reference
	}
	s := screen{w: l.w, style: l.style, width: l.width}
	s.hanging(severityLabel(f.Severity), f.Severity, f.Kind.Slug, text, indent)
	for _, part := range []string{f.Evidence, f.Kind.Summary} {
		for _, line := range wrap(forTerminal(part), l.width-indent) {
			l.line(fill("", indent) + line)
		}
	}
}
