package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/tcplife/tcplife/report/anomaly"
)

// Explain writes all the catalogue knows of one kind of finding.
func Explain(w io.Writer, k *anomaly.Kind, width int) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "%s · %s · %s\n\n", k.Slug, severityLabel(k.Severity), familyName(k.Family))
	paragraphs(b, k.Summary, width)
	for _, p := range strings.Split(k.Explanation, "\n\n") {
		if p != "" {
			b.WriteByte('\n')
			paragraphs(b, p, width)
		}
	}
	b.WriteByte('\n')
	if k.Reference != "" {
		paragraphs(b, "Rests on: "+k.Reference, width)
	}
	if k.Since != "" {
		fmt.Fprintf(b, "Since version %s", k.Since)
		if k.Withdrawn {
			b.WriteString("; withdrawn, no longer reported")
		}
		b.WriteByte('\n')
	}
	return b.Flush()
}

func paragraphs(b *bufio.Writer, text string, width int) {
	for _, line := range wrap(text, proseWidth(width)) {
		b.WriteString(line)
		b.WriteByte('\n')
	}
}

// proseWidth bounds the length of lines of prose, which nobody likes to read at the
// full width of a large screen.
func proseWidth(width int) int {
	const widest = 96
	if width <= 0 {
		width = 80
	}
	return min(max(width, minWidth), widest)
}

func familyName(f anomaly.Family) string { return strings.ReplaceAll(f.String(), "_", " ") }

// ExplainList writes one line for each kind of the catalogue, family by family.
func ExplainList(w io.Writer, width int) error {
	b := bufio.NewWriter(w)
	if width <= 0 {
		width = 80
	}
	width = max(width, minWidth)
	var longest int
	for _, k := range anomaly.Catalogue() {
		longest = max(longest, len(k.Slug))
	}
	indent := 2 + longest + 2 + 9
	below := width-indent < 30 // too narrow for a column of summaries
	var family string
	for _, k := range anomaly.Catalogue() {
		if k.Withdrawn {
			continue
		}
		if f := familyName(k.Family); f != family {
			if family != "" {
				b.WriteByte('\n')
			}
			family = f
			fmt.Fprintln(b, strings.ToUpper(f))
		}
		head := "  " + fill(k.Slug, longest) + "  " + fill(severityLabel(k.Severity), 9)
		if below {
			indent = 4
			fmt.Fprintln(b, strings.TrimRight(head, " "))
		}
		for i, line := range wrap(k.Summary, width-indent) {
			if i > 0 || below {
				head = fill("", indent)
			}
			fmt.Fprintln(b, head+line)
		}
	}
	return b.Flush()
}
