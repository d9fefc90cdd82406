package main

import (
	"context"

	"github.com/tcplife/tcplife/report"
)

// analyze is the main job: captures in, records and a first screen out.
func analyze(ctx context.Context, std streams, paths []string, flags *analyzeFlags) error {
	if err := flags.check(); err != nil {
		return err
	}
	if err := flags.input.check(); err != nil {
		return err
	}
	defer flags.input.maxMemory.hold()()
	stdin, err := pipedStdin(ctx, std, paths)
	if err != nil {
		return err
	}
	in, err := openReading(ctx, std, stdin, paths, &flags.input)
	if err != nil {
		return err
	}
	defer in.src.Close()
	out, err := openOutput(flags.output, std.out)
	if err != nil {
		return err
	}
	defer out.Discard()

	n := in.shares(&flags.input)
	w := flags.writer(out, report.Names{File: in.fileName, Paths: in.src.Paths()}, n)
	shares := flags.newShares(n, in, w)
	if err := in.run(ctx, flags.parts(shares), w); err != nil {
		return err
	}
	all, sum := merge(shares)
	trace := in.trace(sum, all.judge)
	failing := all.failing || flags.failing(trace.Findings)
	if err := w.Close(trace); err != nil {
		return err
	}
	if err := out.Commit(); err != nil {
		return err
	}
	if err := in.reportFiles(); err != nil {
		return err
	}
	if failing {
		return errFindings
	}
	return nil
}

// writer makes the report's writer for --format, of n shares.
func (a *analyzeFlags) writer(out *output, names report.Names, n int) report.Writer {
	switch a.format.value {
	case "json":
		return report.NewJSON(out, names)
	case "csv":
		return report.NewCSV(out, names)
	default:
		return report.NewTable(out, a.table(out, n))
	}
}

func (a *analyzeFlags) table(out *output, n int) report.TableOptions {
	return report.TableOptions{
		Markdown: a.format.value == "markdown",
		Width:    width(out.Writer),
		Color:    a.screen.colored(out.Writer),
		All:      a.all,
		Limit:    a.limit,
		Most:     a.mostRows(n),
		Sort:     a.sort.value,
	}
}
