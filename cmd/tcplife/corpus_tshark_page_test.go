//go:build unix

package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// accounts are the chapters of the page's last part.
var accounts = []struct {
	whose whose
	title string
}{
	{definition, "Two definitions: both are right by their own"},
	{oddPacket, "Odd packets: none that a host would send, or at such a time"},
	{theirFault, "Faults of tshark's"},
	{ourLimit, "Limits of tcplife: tshark is right"},
}

// write prints docs/CORPUS.md. Nothing in it depends on the machine or the time.
func (g *corpusTable) write(w io.Writer) {
	out := bufio.NewWriter(w)
	defer out.Flush()
	fmt.Fprintf(out, `<!-- Written by scripts/corpus.sh -t docs/CORPUS.md DIR; the words are in cmd/tcplife/corpus_*_test.go. -->

# Beside tshark, over a corpus

What `+"`tcplife`"+` makes of %s captures that were not made for it, beside what tshark 4.0 says of the same streams. Each
disagreement is put in a class by a rule that looks at the record, at tshark's figures and at the packets; what no rule knows
is unexplained.

## Captures

| | |
|---|---:|
| captures | %s |
| read to the end | %s |
`, grouped(g.captures), grouped(g.captures), grouped(g.captures-g.unread))
	for _, kind := range slices.Sorted(maps.Keys(g.errors)) {
		fmt.Fprintf(out, "| %s | %s |\n", kind, grouped(g.errors[kind]))
	}
	fmt.Fprintf(out, `| read to the end, without any TCP segment | %s |
| packets | %s |
| TCP segments | %s |
| connections | %s |
| streams of tshark's, in the %s captures of which it has any | %s |

`, grouped(g.withoutTCP), grouped(g.packets), grouped(g.segments), grouped(g.records), grouped(g.judged), grouped(g.streams))
	g.writeAgreement(out)
	g.writeClasses(out)
}

func (g *agreement) writeAgreement(out io.Writer) {
	fmt.Fprint(out, `## Agreement

A 4-tuple with as many connections here as with tshark is compared connection by connection; packets, octets and flags for each
direction. Of the last four the two count such different things that only whether there is any is compared.

| question | compared | the same | | not the same | unexplained |
|---|---:|---:|---:|---:|---:|
`)
	for _, q := range questions {
		differ := g.count(func(d *difference) bool { return d.question == q })
		unexplained := g.count(func(d *difference) bool { return d.question == q && d.class == nil })
		if all := g.same[q] + differ; all > 0 {
			share := 100 * float64(g.same[q]) / float64(all)
			fmt.Fprintf(out, "| %s | %s | %s | %.2f %% | %s | %s |\n", q, grouped(all), grouped(g.same[q]), share, grouped(differ), grouped(unexplained))
		}
	}
}

func (g *agreement) writeClasses(out io.Writer) {
	fmt.Fprint(out, "\n## Where they differ, and why\n")
	cases := make(map[string][]*difference)
	for i := range g.differ {
		d, name := &g.differ[i], ""
		if d.class != nil {
			name = d.class.name
		}
		cases[name] = append(cases[name], d)
	}
	for _, account := range accounts {
		var names []string
		for name, ds := range cases {
			if name != "" && ds[0].class.whose == account.whose {
				names = append(names, name)
			}
		}
		if len(names) == 0 {
			continue
		}
		fmt.Fprintf(out, "\n### %s\n", account.title)
		slices.SortFunc(names, func(a, b string) int {
			return cmp.Or(cmp.Compare(len(cases[b]), len(cases[a])), cmp.Compare(a, b))
		})
		for _, name := range names {
			ds := cases[name]
			fmt.Fprintf(out, "\n**%s** · %s\\\n%s\\\n%s\n", name, amounts(ds), whyOf(name), example(ds[0]))
		}
	}
	if len(cases[""]) > 0 {
		fmt.Fprintf(out, "\n### Unexplained\n\n")
	}
	for _, d := range cases[""] {
		fmt.Fprintf(out, "* %s\n", example(d))
	}
}

// whyOf returns the explanation of a class, which one of its parts has.
func whyOf(name string) string {
	for i := range classes {
		if classes[i].name == name && classes[i].why != "" {
			return classes[i].why
		}
	}
	return ""
}

// amounts says how many cases there are, by question.
func amounts(ds []*difference) string {
	var parts []string
	for _, q := range questions {
		n := 0
		for _, d := range ds {
			if d.question == q {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", q, grouped(n)))
		}
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return grouped(len(ds)) + ": " + strings.Join(parts, ", ")
}

// example shows a case to look up.
func example(d *difference) string {
	at := ""
	if d.packet != 0 {
		at = fmt.Sprintf(", packet %d", d.packet)
	}
	return fmt.Sprintf("`%s`, %s%s. %s: %s here, %s with tshark.", d.path, d.connection(), at, upper(d.question), d.ours, d.theirs)
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// grouped writes 1,234,567.
func grouped[T int | uint64](n T) string {
	s := strconv.FormatUint(uint64(n), 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
