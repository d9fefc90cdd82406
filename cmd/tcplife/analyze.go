package main

import (
	"context"

	"github.com/tcplife/tcplife/report"
	"github.com/tcplife/tcplife/report/anomaly"
	"github.com/tcplife/tcplife/tracker"
)

// collected is how much of the report is handed to its writer at a time.
const collected = 64 << 10

// analyze is the main job: captures in, records and a first screen out.
func analyze(ctx context.Context, std streams, paths []string, flags *analyzeFlags) error {
	if err := flags.check(); err != nil {
		return err
	}
	if err := flags.input.check(); err != nil {
		return err
	}
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

	w := flags.writer(out, in.fileName)
	part := w.Part()
	judge := anomaly.New(anomaly.DefaultThresholds())
	failing := false
	var r report.Record
	var buf []byte
	t := tracker.New(flags.input.config())
	err = in.run(ctx, t, nil, func(c *tracker.Connection) error {
		r = report.Record{Connection: c, Findings: judge.Connection(c)}
		failing = failing || flags.failing(r.Findings)
		if buf = part.Connection(buf, &r); len(buf) < collected {
			return nil
		}
		_, err := w.Write(buf)
		buf = buf[:0]
		return err
	}, nil)
	if err != nil {
		return err
	}
	if _, err := w.Write(buf); err != nil {
		return err
	}
	sum := t.Summary()
	findings := judge.Finish(sum, in.capture())
	failing = failing || flags.failing(findings)
	if err := w.Close(in.trace(sum, findings)); err != nil {
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

// writer makes the report's writer for --format.
func (a *analyzeFlags) writer(out *output, names report.FileName) report.Writer {
	switch a.format.value {
	case "json":
		return report.NewJSON(out, names)
	case "csv":
		return report.NewCSV(out, names)
	default:
		return report.NewTable(out, a.table(out))
	}
}

func (a *analyzeFlags) table(out *output) report.TableOptions {
	return report.TableOptions{
		Markdown: a.format.value == "markdown",
		Width:    width(out.Writer),
		Color:    a.screen.colored(out.Writer),
		All:      a.all,
		Limit:    a.limit,
		Sort:     a.sort.value,
	}
}
