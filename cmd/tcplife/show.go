package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/tcplife/tcplife/internal/pipeline"
	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/report"
	"github.com/tcplife/tcplife/report/anomaly"
	"github.com/tcplife/tcplife/tracker"
)

// showFlags are what tcplife show can be asked.
type showFlags struct {
	input      inputFlags
	screen     screenFlags
	output     string
	connection string
	worst      int
	all        bool
}

func newShow(std streams) *cobra.Command {
	var flags showFlags
	cmd := &cobra.Command{
		Use:   "show FILE... (--connection ID | --connection A:PORT-B:PORT | --worst N)",
		Short: "Show a connection packet by packet, with the states of both ends",
		Long: `show draws the ladder of a connection: each segment with its time, packet number,
flags and relative numbers, the states of both endpoints as they change, and the
findings on the line they belong to. Long runs of data are folded.

The input is read twice; standard input is kept in a temporary file for that.`,
		Example: `  tcplife show incident.pcapng -c c3f01b
  tcplife show incident.pcapng -c 10.0.0.7:40112-10.0.1.5:8080
  tcplife show ring/ --worst 3`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("which capture? tcplife show FILE --worst 1; %s tells more", helpOf(cmd))
			}
			return show(cmd.Context(), std, args, &flags)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVarP(&flags.connection, "connection", "c", "", "the beginning of an `id`, or both ends: A:PORT-B:PORT")
	f.IntVar(&flags.worst, "worst", 0, "the worst `n` connections instead")
	f.BoolVar(&flags.all, "all", false, "a line for every segment: long runs of data are not folded")
	f.StringVarP(&flags.output, "output", "o", "", "write the results to this `file`, whole or not at all")
	flags.screen.add(cmd)
	flags.input.add(cmd)
	return cmd
}

func show(ctx context.Context, std streams, paths []string, flags *showFlags) error {
	picks, err := newSelection(flags.connection, flags.worst)
	if err != nil {
		return err
	}
	if err := flags.input.check(); err != nil {
		return err
	}
	if most := flags.input.maxMemory.mostShown(); flags.worst > most {
		return fmt.Errorf("--worst %d: --max-memory %s has room for %d", flags.worst, &flags.input.maxMemory, most)
	}
	defer flags.input.maxMemory.hold()()
	stdin, err := pipedStdin(ctx, std, paths)
	if err != nil {
		return err
	}
	var kept *os.File
	if stdin != nil {
		var drop func()
		if kept, drop, err = spool(ctx, stdin); err != nil {
			return err
		}
		defer drop()
	}
	first, err := pass(ctx, std, kept, paths, &flags.input)
	if err != nil {
		return err
	}
	defer first.src.Close()
	found, err := first.find(ctx, &flags.input, picks)
	if err != nil {
		return err
	}
	troubled := first.reportFiles()
	records, err := picks.result()
	if err != nil {
		return err
	}
	// What an interrupted first pass has found is still drawn; the second reads no further.
	second, err := pass(context.WithoutCancel(ctx), std, kept, paths, &flags.input)
	if err != nil {
		return err
	}
	defer second.src.Close()
	found.limit(records)
	c := newCollector(records, found.evicted, flags.input.maxMemory.mostSegments())
	if err := second.collect(&flags.input, c); err != nil {
		return err
	}
	out, err := openOutput(flags.output, std.out)
	if err != nil {
		return err
	}
	defer out.Discard()
	if c.omitted > 0 {
		std.say("only %d segments are drawn; %d more that carry data or acknowledge it are left out", c.kept, c.omitted)
	}
	if err := flags.draw(out, records, c, found, first.src.Paths()); err != nil {
		return err
	}
	if err := out.Commit(); err != nil {
		return err
	}
	return troubled
}

// pass opens the input once more; kept is standard input, if that is among it.
func pass(ctx context.Context, std streams, kept *os.File, paths []string, f *inputFlags) (*reading, error) {
	var stdin io.Reader
	if kept != nil {
		if _, err := kept.Seek(0, io.SeekStart); err != nil {
			return nil, fmt.Errorf("read standard input again: %w", err)
		}
		stdin = kept
	}
	return openReading(ctx, std, stdin, paths, f)
}

// findings are what the first pass tells of the whole input.
type findings struct {
	evicted bool // some records left early
	grade   report.Grade
	why     string
	at      anomaly.Limit
}

// limit lowers the confidence of what was found to what the capture as a whole supports.
func (f *findings) limit(records []report.Record) {
	for i := range records {
		for j := range records[i].Findings {
			one := &records[i].Findings[j]
			one.Confidence = f.at.Of(one)
		}
	}
}

// quality is the sentence about the capture, if there is reason to read it with r.
func (f *findings) quality(r *report.Record) string {
	touched := slices.ContainsFunc(r.Findings, func(one anomaly.Finding) bool { return one.Kind.LowersTrust() })
	if f.grade == report.Good && !touched {
		return ""
	}
	return f.grade.String() + ": " + f.why
}

// find is the first pass: it offers every record to picks.
func (r *reading) find(ctx context.Context, f *inputFlags, picks *selection) (*findings, error) {
	judge := anomaly.New(f.maxMemory.thresholds(1))
	judge.Paths = r.src.Paths()
	t := tracker.New(f.config(r, 1, f.maxMemory.shown()))
	var quality report.Quality
	err := r.run(ctx, []pipeline.Part{{Tracker: t, Record: func(dst []byte, c *tracker.Connection) []byte {
		record := report.Record{Connection: c, Findings: judge.Connection(c)}
		quality.Add(&record)
		picks.offer(&record)
		return dst
	}}}, io.Discard)
	out := &findings{evicted: t.Summary().Evicted > 0}
	out.grade, out.why = quality.Sentence(r.trace(t.Summary(), judge))
	out.at = judge.Limit()
	return out, err
}

// collect is the second pass: it replays the flows in question alone, which makes
// no difference to them, and hands c their segments.
func (r *reading) collect(f *inputFlags, c *collector) error {
	ctx := context.Background()
	ignore := func(dst []byte, _ *tracker.Connection) []byte { return dst }
	part := pipeline.Part{Tracker: tracker.New(f.config(r, 1, 2*f.maxMemory.shown())), Record: ignore}
	return r.ended(ctx, pipeline.Watch(ctx, &someFlows{Source: r.source(), c: c}, part, io.Discard, c.observe))
}

// draw writes one ladder after the other.
func (f *showFlags) draw(out *output, records []report.Record, c *collector, found *findings, paths *segment.Paths) error {
	opts := report.LadderOptions{Width: width(out.Writer), Color: f.screen.colored(out.Writer), All: f.all}
	for i := range records {
		if i > 0 {
			if _, err := fmt.Fprintln(out); err != nil {
				return err
			}
		}
		if err := report.Ladder(out, report.LadderInput{Record: &records[i], Rows: c.rows[i], Paths: paths, Quality: found.quality(&records[i])}, opts); err != nil {
			return err
		}
	}
	return nil
}

// someFlows is a source of the segments that a collector wants, and no others.
type someFlows struct {
	pipeline.Source
	c *collector
}

// Next fills batch with what is left of the source's batches. It ends after the
// last packet that is wanted.
func (s *someFlows) Next(batch []segment.Segment) (int, error) {
	for {
		n, err := s.Source.Next(batch)
		if n > 0 && s.c.isPast(&batch[n-1]) {
			err = io.EOF
		}
		kept := slices.DeleteFunc(batch[:n], func(seg segment.Segment) bool { return !s.c.wants(&seg) })
		if len(kept) > 0 || err != nil {
			return len(kept), err
		}
	}
}
