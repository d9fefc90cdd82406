package report

import (
	"bufio"
	"bytes"
	"fmt"
	"io"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/tw"

	"github.com/tcplife/tcplife/report/anomaly"
)

// DefaultLimit is how many connections the table shows without --limit or --all:
// a screenful.
const DefaultLimit = 20

// TableOptions says how the first screen and its table look.
type TableOptions struct {
	Width    int    // columns of the terminal; 0 = 80
	Color    bool   // colour the severities
	All      bool   // show every connection, up to Most
	Limit    int    // connections shown; 0 = DefaultLimit
	Most     int    // connections there is memory for, All or not; 0 = any number
	Sort     string // one of Sorts; "" = the first
	Markdown bool   // headings, lists and tables as GitHub renders them
}

// minWidth is the narrowest output that still says something.
const minWidth = 40

type tableWriter struct {
	w     *bufio.Writer
	opts  TableOptions
	parts []*tablePart
	kinds kindNumbers
	totals
	best best

	// What is told in the order of the records; see remarks.go.
	waits     waits
	lingering lingering
	groups    groups
	told      told // the last finding read
}

// tablePart keeps as many rows as the table may show of it.
type tablePart struct {
	totals
	best    best
	numbers *kindNumbers
	known   []*anomaly.Kind // the kinds met so far, and their numbers
	number  []uint16
}

// NewTable returns a Writer of the first screen: what the capture holds, what was
// found in it, and a table of connections. It writes all of it in Close and keeps
// as many records as the table shows.
func NewTable(w io.Writer, o TableOptions) Writer {
	switch {
	case o.Width <= 0:
		o.Width = 80
	case o.Width < minWidth:
		o.Width = minWidth
	}
	if o.Limit <= 0 {
		o.Limit = DefaultLimit
	}
	if o.Sort == "" {
		o.Sort = SortWorst
	}
	t := &tableWriter{w: bufio.NewWriter(w), opts: o, waits: newWaits(), lingering: newLingering(), groups: newGroups()}
	t.best = t.newBest()
	return t
}

func (t *tableWriter) newBest() best {
	limit := t.opts.Limit
	if t.opts.All {
		limit = t.opts.Most
	} else if t.opts.Most > 0 {
		limit = min(limit, t.opts.Most)
	}
	return best{limit: limit, less: order(t.opts.Sort)}
}

// Bound sets the limits.
func (t *tableWriter) Bound(l Limits) { t.waits.most, t.groups.most = l.Holders, l.Groups }

func (t *tableWriter) Part() Part {
	p := &tablePart{best: t.newBest(), numbers: &t.kinds}
	t.parts = append(t.parts, p)
	return p
}

func (p *tablePart) Connection(dst []byte, r *Record) []byte {
	p.totals.add(r)
	p.best.add(r)
	dst = appendWaits(dst, r.Connection)
	dst = appendLingers(dst, r.Connection)
	for i := range r.Findings {
		if f := &r.Findings[i]; !f.Detail && f.Severity < anomaly.Quality {
			dst = appendFinding(dst, r, f, p.numberOf(f.Kind))
		}
	}
	return dst
}

func (p *tablePart) numberOf(k *anomaly.Kind) uint16 {
	for i, known := range p.known {
		if known == k {
			return p.number[i]
		}
	}
	p.known = append(p.known, k)
	p.number = append(p.number, p.numbers.number(k))
	return p.number[len(p.number)-1]
}

// Write takes remarks; the table itself is written in Close.
func (t *tableWriter) Write(p []byte) (int, error) {
	for r := (remarkReader{p}); len(r.b) > 0; {
		switch r.take(2)[1] {
		case waitRemark:
			t.waits.add(r.wait())
		case lingerRemark:
			t.lingering.add(r.linger())
		case findingRemark:
			r.finding(&t.told, &t.kinds)
			t.groups.add(&t.told)
		}
	}
	return len(p), nil
}

func (t *tableWriter) Close(tr *Trace) error {
	for _, p := range t.parts {
		t.merge(&p.totals)
		t.best.merge(&p.best)
	}
	s := screen{w: t.w, style: style{t.opts.Color && !t.opts.Markdown}, width: t.opts.Width, markdown: t.opts.Markdown}
	s.summary(summarize(tr, &t.totals, &t.waits, &t.lingering))
	s.findings(tr, t.groups.list(), idWidth(t.connections))
	if t.connections == 0 {
		s.nothing(tr)
		return t.w.Flush()
	}
	rows := t.best.sorted()
	if err := t.table(rows, tr); err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	s.footer(t.connections, uint64(len(rows)), t.opts, firstSlug(rows))
	return t.w.Flush()
}

// firstSlug returns the slug of the worst finding shown, "" without any.
func firstSlug(rows []Record) string {
	for i := range rows {
		if f := rows[i].Worst(); f != nil {
			return f.Kind.Slug
		}
	}
	return ""
}

// table renders the rows: tablewriter draws, columns.go decides what fits.
func (t *tableWriter) table(rows []Record, tr *Trace) error {
	width := t.opts.Width
	if t.opts.Markdown {
		width = 0
	}
	l := layOut(rows, width, tr, idWidth(t.connections))
	out := &lineTrimmer{w: t.w}
	table := tablewriter.NewTable(out, t.look(l)...)
	table.Header(l.header())
	for i := range rows {
		if err := table.Append(l.row(&rows[i], style{t.opts.Color && !t.opts.Markdown}, t.opts.Markdown)); err != nil {
			return err
		}
	}
	if err := table.Render(); err != nil {
		return err
	}
	return out.flush()
}

// look is how the columns are drawn.
func (t *tableWriter) look(l *layout) []tablewriter.Option {
	align := make([]tw.Align, len(l.columns))
	for i, c := range l.columns {
		align[i] = tw.AlignLeft
		if c.right {
			align[i] = tw.AlignRight
		}
	}
	return plain(align, t.opts.Markdown)
}

// lineTrimmer drops the blanks tablewriter leaves at the ends of lines.
type lineTrimmer struct {
	w    io.Writer
	line []byte
}

func (t *lineTrimmer) Write(p []byte) (int, error) {
	t.line = append(t.line, p...)
	for {
		i := bytes.IndexByte(t.line, '\n')
		if i < 0 {
			return len(p), nil
		}
		if _, err := t.w.Write(append(trimEnd(t.line[:i:i]), '\n')); err != nil {
			return 0, err
		}
		t.line = append(t.line[:0], t.line[i+1:]...)
	}
}

func (t *lineTrimmer) flush() error {
	_, err := t.w.Write(trimEnd(t.line))
	t.line = nil
	return err
}

// trimEnd drops trailing blanks, also those tablewriter puts between a coloured
// cell and a second reset.
func trimEnd(line []byte) []byte {
	line = bytes.TrimRight(line, " ")
	reset := []byte(sgrReset)
	if rest, ok := bytes.CutSuffix(line, reset); ok {
		if rest = bytes.TrimRight(rest, " "); bytes.HasSuffix(rest, reset) {
			return rest
		}
	}
	return line
}
