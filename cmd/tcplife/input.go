package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/internal/pipeline"
	"github.com/tcplife/tcplife/report"
	"github.com/tcplife/tcplife/report/anomaly"
	"github.com/tcplife/tcplife/tracker"
)

// inputFlags say what is read and how it is followed.
type inputFlags struct {
	filter         string
	timeWait       timeWait
	maxConnections int
	maxMemory      memorySize
	key            pathKey
	jobs           int // 0: as many as there are cores
	quiet          bool
}

func (f *inputFlags) add(cmd *cobra.Command) {
	defaults := tracker.DefaultConfig()
	f.timeWait = timeWait{text: "linux", duration: tracker.Profiles["linux"]}
	flags := cmd.Flags()
	flags.StringVar(&f.filter, "filter", "", "read only what this BPF `expression` selects, as tcpdump's")
	flags.Var(&f.timeWait, "time-wait", "how long TIME_WAIT lasts: a duration, or as on "+strings.Join(timeWaitNames(), ", "))
	complete(cmd, "time-wait", timeWaitNames())
	flags.IntVar(&f.maxConnections, "max-connections", defaults.MaxConnections, "how many connections (`n`) are followed at a time")
	f.maxMemory = defaultMemory
	flags.Var(&f.maxMemory, "max-memory", "bound of the memory taken, such as 512MB or 2GiB: the connections of least use leave early and are counted")
	flags.Var(&f.key, "key", "keep connections of the same addresses and ports apart if these differ: vlan, tunnel, or vlan,tunnel. Both directions of one often do")
	complete(cmd, "key", pathKeyNames())
	flags.IntVarP(&f.jobs, "jobs", "j", 0, "on how many cores (`n`) connections are followed; 0: all there are. The output is the same")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "no progress bar")
}

// check refuses what makes no sense.
func (f *inputFlags) check() error {
	if f.maxConnections < 1 {
		return errors.New("--max-connections: a number from 1 on")
	}
	if f.jobs < 0 {
		return errors.New("--jobs: a number from 0 on")
	}
	return nil
}

// config is for each of n trackers of what r reads; rows is what the table takes meanwhile.
func (f *inputFlags) config(r *reading, n int, rows int64) tracker.Config {
	cfg := tracker.DefaultConfig()
	cfg.TimeWait = f.timeWait.duration
	cfg.MaxConnections = (f.maxConnections + n - 1) / n
	cfg.MaxMemory = f.maxMemory.tracker(n, r.src.Footprint(), rows)
	if paths := r.src.Paths(); paths.By != 0 {
		cfg.Key = paths.Key
	}
	return cfg
}

// reading is one pass over the input.
type reading struct {
	std         streams
	src         *capture.Source
	filter      string
	quiet       bool
	names       []string // paths by index of file
	interrupted bool
	bar         *progressing // nil without
}

// openReading opens the captures. A file that cannot be read is no error of the
// opening: the others are read, and reportFiles tells.
func openReading(ctx context.Context, std streams, stdin io.Reader, paths []string, f *inputFlags) (*reading, error) {
	opt := capture.DefaultOptions()
	opt.Filter = f.filter
	opt.Stdin = stdin
	opt.Key = f.key.parts
	opt.MaxMemory = f.maxMemory.capture()
	opt.Log = slog.New(messages{std: std})
	src, err := capture.Open(ctx, paths, opt)
	if err != nil {
		return nil, err
	}
	src.Paths().Most = int(f.maxMemory.paths() / sizeOfPath)
	r := &reading{std: std, src: src, filter: f.filter, quiet: f.quiet}
	readable := false
	for _, file := range src.Stats().Files {
		r.names = append(r.names, file.Path)
		readable = readable || file.Err == nil || file.Damaged
	}
	if !readable {
		// A report on nothing would only hide why.
		return nil, errors.Join(r.reportFiles(), src.Close())
	}
	return r, nil
}

// run replays the input. An interruption is no error: what was read counts.
func (r *reading) run(ctx context.Context, parts []pipeline.Part, out io.Writer) error {
	return r.ended(ctx, pipeline.Run(ctx, r.source(), parts, out))
}

// source is the input, with a progress bar where somebody looks.
func (r *reading) source() pipeline.Source {
	if r.quiet || !isTerminal(r.std.err) {
		return r.src
	}
	r.bar = newProgressing(r.src, r.src.Progress, r.std.err)
	return r.bar
}

// ended is what the end of a run means.
func (r *reading) ended(ctx context.Context, err error) error {
	if r.bar != nil {
		r.bar.Stop()
	}
	if err != nil && ctx.Err() != nil {
		r.interrupted = true
		return nil
	}
	return err
}

// fileName is report's way to the names of files.
func (r *reading) fileName(index uint32) string {
	if int(index) < len(r.names) {
		return r.names[index]
	}
	return ""
}

// reportFiles says which files were not read to their end, and returns
// errReported if there were any or the run was interrupted.
func (r *reading) reportFiles() error {
	failed := false
	stats := r.src.Stats()
	for i := range stats.Files {
		if err := r.trouble(&stats.Files[i]); err != nil {
			failed = true
			r.std.say("%v", err)
		}
	}
	if r.interrupted {
		failed = true
		r.std.say("interrupted: this is what was read so far")
	}
	if failed {
		return errReported
	}
	return nil
}

// trouble is why a file was not read to its end, unless it is that the user
// interrupted the run.
func (r *reading) trouble(f *capture.FileStats) error {
	if r.interrupted && errors.Is(f.Err, context.Canceled) {
		return nil
	}
	return f.Err
}

// trace is what the report tells of the whole input.
func (r *reading) trace(sum tracker.Summary, judge *anomaly.Judge) *report.Trace {
	findings := judge.Finish(sum, r.capture())
	stats := r.src.Stats()
	t := &report.Trace{
		Packets:       stats.Packets,
		TCP:           stats.TCP,
		First:         stats.First,
		Last:          stats.Last,
		Backwards:     stats.Backwards,
		BackwardsMost: stats.BackwardsMost,
		Skipped:       stats.Skipped,
		Drops:         report.Drops{Known: stats.DropsKnown, Kernel: stats.DropsKernel, Interface: stats.DropsInterface},
		PathsDropped:  stats.PathsDropped,
		Summary:       sum,
		Findings:      findings,
		Limit:         judge.Limit(),
		Filter:        r.filter,
		Interrupted:   r.interrupted,
	}
	t.Pairs, t.PairsOneIn = judge.Pairs()
	for i := range stats.Files {
		f := &stats.Files[i]
		file := report.File{Path: f.Path, Format: f.Format, LinkTypes: f.LinkTypes, Packets: f.Packets, TCP: f.TCP, Size: max(f.Size, 0)}
		if err := r.trouble(f); err != nil {
			file.Err = strings.TrimPrefix(err.Error(), f.Path+": ") // which file is said beside it
			file.Damaged = f.Damaged
		}
		t.Files = append(t.Files, file)
	}
	return t
}

// capture is what the judges of the trace are told.
func (r *reading) capture() anomaly.Capture {
	stats := r.src.Stats()
	var pauses []anomaly.Pause
	for _, p := range stats.Pauses {
		one := anomaly.Pause{From: p.From, To: p.To, Packets: p.Packets, Since: p.Since}
		if p.FromFile != p.ToFile {
			one.Files = [2]string{r.fileName(p.FromFile), r.fileName(p.ToFile)}
		}
		pauses = append(pauses, one)
	}
	return anomaly.Capture{
		Pauses:         pauses,
		Packets:        stats.Packets,
		TCP:            stats.TCP,
		DropsKnown:     stats.DropsKnown,
		DropsKernel:    stats.DropsKernel,
		DropsInterface: stats.DropsInterface,
		CutPackets:     stats.CutPackets,
		PathsDropped:   stats.PathsDropped,
		SnapLen:        stats.SnapLen,
		Backwards:      stats.Backwards,
		BackwardsMost:  stats.BackwardsMost,
		Fragments: anomaly.Fragments{
			Incomplete:  stats.Fragments.Incomplete,
			OnlyFirst:   stats.Fragments.OnlyFirst,
			Overlapping: stats.Fragments.Overlapping,
			GivenUp:     stats.Fragments.GivenUp,
		},
		First: stats.First,
		Last:  stats.Last,
	}
}
