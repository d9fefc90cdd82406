//go:build unix

package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tcplife/tcplife/capture"
)

// corpusTable is what docs/CORPUS.md is printed from.
type corpusTable struct {
	*agreement
	captures, unread, withoutTCP int
	errors                       map[string]int // by kind
	packets, segments            uint64
	records, streams             int
	judged                       int // captures of which tshark says something
}

// TestCorpusTable holds the program's records of each capture of a corpus against
// what the corpus says tshark makes of them, and explains where the two differ.
// TCPLIFE_CORPUS_TABLE names a file for the table, TCPLIFE_CORPUS_CASES one for
// all cases. It stands behind TestProgramOverCorpus, whose children are measured
// as no smaller than this process ever was.
func TestCorpusTable(t *testing.T) {
	root, paths := captures(t)
	table := corpusTable{agreement: newAgreement(), errors: make(map[string]int)}
	for _, path := range paths {
		x, told, err := examine(t, root, path)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		table.add(x, told)
		if told {
			table.compare(x)
		}
	}
	for _, q := range questions {
		same, differ := table.same[q], table.count(func(d *difference) bool { return d.question == q })
		t.Logf("%-26s %6d of %6d as tshark says", q, same, same+differ)
	}
	for i := range table.differ {
		if d := &table.differ[i]; d.class == nil {
			t.Logf("unexplained: %s", example(d))
		}
	}
	for name, write := range map[string]func(w io.Writer){"TCPLIFE_CORPUS_TABLE": table.write, "TCPLIFE_CORPUS_CASES": table.writeCases} {
		if err := writeTo(os.Getenv(name), write); err != nil {
			t.Error(err)
		}
	}
}

func writeTo(name string, write func(w io.Writer)) error {
	if name == "" {
		return nil
	}
	var b bytes.Buffer
	write(&b)
	return os.WriteFile(name, b.Bytes(), 0o644)
}

// examine has the program and tshark speak of a capture; told is false where
// the corpus does not have tshark's word.
func examine(t *testing.T, root, path string) (x *examined, told bool, err error) {
	full := filepath.Join(root, path)
	x = &examined{path: path, records: make(map[ends][]record), verdicts: make(map[ends][]verdict)}
	if x.look, err = lookAt(full); err != nil {
		return nil, false, err
	}
	var stdout, stderr bytes.Buffer
	run(t.Context(), []string{"--format", "json", full}, strings.NewReader(""), &stdout, &stderr)
	records, err := readRecords(stdout.Bytes())
	if err != nil {
		return nil, false, err
	}
	slices.SortFunc(records, func(a, b record) int { return cmp.Compare(a.First.Number, b.First.Number) })
	for _, r := range records {
		x.records[r.ends()] = append(x.records[r.ends()], r)
	}
	verdicts, told, err := readVerdicts(root, path)
	slices.SortFunc(verdicts, func(a, b verdict) int { return cmp.Compare(a.FirstFrame, b.FirstFrame) })
	for i := range verdicts {
		v := &verdicts[i]
		x.verdicts[v.ends()] = append(x.verdicts[v.ends()], *v)
	}
	return x, told, err
}

func (g *corpusTable) add(x *examined, told bool) {
	g.captures++
	stats := &x.look.stats
	g.packets, g.segments = g.packets+stats.Packets, g.segments+stats.TCP
	if err := stats.Files[0].Err; err != nil {
		g.unread++
		g.errors[kindOf(err)]++
	} else if stats.TCP == 0 {
		g.withoutTCP++
	}
	for _, rs := range x.records {
		g.records += len(rs)
	}
	if told {
		g.judged++
	}
	for _, vs := range x.verdicts {
		g.streams += len(vs)
	}
}

// kindOf says what kept a capture from being read, without its name.
func kindOf(err error) string {
	switch {
	case errors.Is(err, capture.ErrEmpty):
		return "empty"
	case errors.Is(err, capture.ErrNotCapture):
		return "of a format that is not known"
	case errors.Is(err, capture.ErrCutShort):
		return "cut short in a packet"
	}
	return "damaged in a packet: read up to there"
}

func (g *agreement) count(is func(d *difference) bool) (n int) {
	for i := range g.differ {
		if is(&g.differ[i]) {
			n++
		}
	}
	return n
}

// writeCases writes a line for each case.
func (g *corpusTable) writeCases(w io.Writer) {
	for i := range g.differ {
		d := &g.differ[i]
		name := "unexplained"
		if d.class != nil {
			name = d.class.name
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n", d.question, name, d.path, d.connection(), d.packet, d.ours, d.theirs)
	}
}
