package report

import (
	"slices"

	"github.com/tcplife/tcplife/tracker"
)

// column is one column of the table of connections.
type column struct {
	title string
	right bool // numbers stand on the right
	least int  // narrowest useful width; 0 = cannot be narrowed
	cell  func(r *Record, width int) string
	color func(r *Record) string // SGR parameters of the cell; nil for none
	width int
}

// layout is the columns that fit, with their widths.
type layout struct{ columns []column }

// idWidth is how many digits of an ID are shown: enough that a shown one is, among
// n connections, most likely the only one that begins so.
func idWidth(n uint64) int {
	switch {
	case n < 5_000:
		return 6
	case n < 1_000_000:
		return 8
	default:
		return 10
	}
}

const day = 86400e9

// layOut chooses the columns for the width: what does not fit is left out, the least
// telling first, then long cells are shortened. Width 0 has room for all.
func layOut(rows []Record, width int, tr *Trace, idDigits int) *layout {
	when := "15:04:05.000"
	if tr.First/day != tr.Last/day {
		when = "01-02 15:04:05"
	}
	all := []column{
		{title: "ID", cell: func(r *Record, _ int) string { return r.ID()[:idDigits] }},
		{title: "CLIENT", least: 13, cell: func(r *Record, w int) string { return shortName(r.Client(), w) }},
		{title: "SERVER", least: 13, cell: func(r *Record, w int) string { return shortName(r.Server(), w) }},
		{title: "FIRST SEEN", cell: func(r *Record, _ int) string { return clock(r.First.At, when) }},
		{title: "LASTED", right: true, cell: func(r *Record, _ int) string { return humanSpan(lasted(r.Connection)) }},
		{title: "SENT", right: true, cell: func(r *Record, _ int) string { return humanSize(r.Endpoints[tracker.Client].StreamBytes) }},
		{title: "RECEIVED", right: true, cell: func(r *Record, _ int) string { return humanSize(r.Endpoints[tracker.Server].StreamBytes) }},
		{title: "HOW IT ENDED", least: 17, cell: endingCell},
		{title: "WORST", least: 10, cell: worstCell, color: worstColor},
	}
	const noLimit = 1 << 20
	for i := range all {
		c := &all[i]
		c.width = cells(c.title)
		for j := range rows {
			c.width = max(c.width, cells(c.cell(&rows[j], noLimit)))
		}
	}
	l := &layout{columns: all}
	if width == 0 {
		return l
	}
	if l.excess(width) > 0 {
		l.narrowOutliers(rows, "CLIENT")
		l.narrowOutliers(rows, "SERVER")
		l.narrow("HOW IT ENDED", len("aborted by server, while closing"))
	}
	for _, title := range []string{"FIRST SEEN", "RECEIVED", "SENT", "LASTED"} {
		if l.excess(width) <= 0 {
			return l
		}
		l.drop(title)
	}
	l.shrink(width, "HOW IT ENDED", "WORST")
	if l.excess(width) > 0 {
		l.drop("WORST")
	}
	l.shrink(width, "SERVER", "CLIENT")
	return l
}

// shrink narrows columns, one after the other, until the table fits or they are as
// narrow as they may be.
func (l *layout) shrink(width int, titles ...string) {
	for _, title := range titles {
		c := l.find(title)
		l.narrow(title, max(c.width-max(l.excess(width), 0), c.least))
	}
}

// widestPlain is the length of the longest IPv4 address with a port.
const widestPlain = len("255.255.255.255:65535")

// narrowOutliers sees to it that a few long IPv6 addresses do not cost the others
// their columns: the longest that is no longer than any IPv4 one sets the width.
func (l *layout) narrowOutliers(rows []Record, title string) {
	c := l.find(title)
	width := 0
	for i := range rows {
		if n := cells(c.cell(&rows[i], c.width)); n <= widestPlain {
			width = max(width, n)
		}
	}
	if width == 0 { // nothing but long ones
		width = widestPlain
	}
	l.narrow(title, max(width, 16))
}

func (l *layout) find(title string) *column {
	i := slices.IndexFunc(l.columns, func(c column) bool { return c.title == title })
	return &l.columns[i]
}

func (l *layout) drop(title string) {
	l.columns = slices.DeleteFunc(l.columns, func(c column) bool { return c.title == title })
}

func (l *layout) narrow(title string, width int) {
	c := l.find(title)
	c.width = max(min(c.width, width), cells(c.title))
}

// excess is by how many columns the table is too wide.
func (l *layout) excess(width int) int {
	n := 2 * (len(l.columns) - 1)
	for i := range l.columns {
		n += l.columns[i].width
	}
	return n - width
}

func (l *layout) header() []string {
	titles := make([]string, len(l.columns))
	for i := range l.columns {
		titles[i] = l.columns[i].title
	}
	return titles
}

func (l *layout) row(r *Record, st style, markdown bool) []string {
	row := make([]string, len(l.columns))
	for i := range l.columns {
		c := &l.columns[i]
		row[i] = c.cell(r, c.width)
		if markdown {
			row[i] = forMarkdown(row[i])
		}
		if c.color != nil && row[i] != "" {
			row[i] = st.paint(c.color(r), row[i])
		}
	}
	return row
}

// endingCell says it in brief before it cuts a word.
func endingCell(r *Record, width int) string {
	if s := ending(r, cell); cells(s) <= width {
		return s
	}
	return clip(ending(r, brief), width)
}

func worstCell(r *Record, width int) string {
	if f := r.Worst(); f != nil {
		return clip(f.Kind.Slug, width)
	}
	return ""
}

func worstColor(r *Record) string {
	if f := r.Worst(); f != nil {
		return severityColor(f.Severity)
	}
	return ""
}
