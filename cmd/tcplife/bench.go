package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/spf13/cobra"
)

// benchFlags are what the measurement can be asked.
type benchFlags struct {
	input  inputFlags
	format choice
	runs   int
}

const (
	// noisySpread is from which difference between runs on, as a share of their median, a figure is one of the machine's mood.
	noisySpread = 0.2
	// coldFactor is how much longer the first reading of a file takes that was not in memory.
	coldFactor = 1.5
	// shortest is below which a run tells of its start and of the clock rather than of the work.
	shortest = 100 * time.Millisecond
)

func newBench(std streams) *cobra.Command {
	flags := benchFlags{format: choice{value: "table", names: []string{"table", "json"}, kind: "format"}}
	cmd := &cobra.Command{
		Use:   "bench FILE...",
		Short: "Measure how fast this machine analyses a capture, stage by stage",
		Long: `tcplife bench analyses captures several times and measures each stage of the work:
reading the bytes, decoding packets, tracking connections, judging their records,
writing them as JSON to nowhere, and last the whole program. Each stage contains
the ones before it: what it costs itself is the difference. Figures are medians.

For reports of slowness: add its output, and a profile made with --cpuprofile.

--format json is one object: schema (tcplife/bench/1), version, go, platform,
cpus, gomaxprocs, files, bytes, packets, tcp_packets, records, runs; stages, a
list of stage, wall_ns_per_packet, cpu_ns_per_packet (left out where the system
does not tell), bytes_per_s, packets_per_s, allocs_per_packet,
alloc_bytes_per_packet, peak_rss_bytes, spread (of the runs, as a share of the
median); dominant (the stage that adds most), dominant_share; warnings.`,
		Example: `  tcplife bench big.pcap
  tcplife bench --runs 5 --format json ring/ | jq '.stages[] | {stage, cpu_ns_per_packet}'
  tcplife bench big.pcap --cpuprofile cpu.prof && go tool pprof -top cpu.prof`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("which capture? tcplife bench FILE; %s tells more", helpOf(cmd))
			}
			return bench(cmd.Context(), std, args, &flags)
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().IntVar(&flags.runs, "runs", 3, "how often (`n`) each stage is run")
	addChoice(cmd, &flags.format, "format", "how to print")
	flags.input.add(cmd)
	return cmd
}

// bench is the job: each stage in turn, as often as asked, so that a machine whose speed drifts treats all alike.
func bench(ctx context.Context, std streams, paths []string, flags *benchFlags) error {
	if flags.runs < 1 {
		return errors.New("--runs: a number from 1 on")
	}
	if err := flags.input.check(); err != nil {
		return err
	}
	defer flags.input.maxMemory.hold()()
	in := &benchInput{paths: paths, flags: flags.input, std: std}
	in.flags.quiet = true
	if err := in.find(ctx); err != nil {
		return err
	}
	show := !flags.input.quiet && isTerminal(std.err)
	first, err := measure(func() error { return readStage(ctx, in) })
	if err != nil {
		return err
	}
	samples := make([][]sample, len(stages))
	for run := range flags.runs {
		for i, s := range stages {
			if show {
				fmt.Fprintf(std.err, "\r\x1b[Krun %d of %d: %s", run+1, flags.runs, s.name)
			}
			got, err := measure(func() error { return s.run(ctx, in) })
			if show {
				fmt.Fprint(std.err, "\r\x1b[K")
			}
			if ctx.Err() != nil {
				std.say("interrupted before all was measured")
				return errReported
			}
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			samples[i] = append(samples[i], got)
		}
	}
	r := newBenchReport(in, samples)
	r.warn(first, samples)
	if flags.format.value == "json" {
		err = r.json(std.out)
	} else {
		err = r.table(std.out)
	}
	if err != nil {
		return err
	}
	return in.damage
}

// find opens the captures once and learns their names.
func (in *benchInput) find(ctx context.Context) error {
	for _, path := range in.paths {
		info, err := os.Stat(path)
		if path == stdinName || err == nil && !info.Mode().IsRegular() && !info.IsDir() {
			return fmt.Errorf("%s: bench reads its input several times, so it needs files", path)
		}
	}
	r, err := openReading(ctx, in.std, nil, in.paths, &in.flags)
	if err != nil {
		return err
	}
	defer r.src.Close()
	for _, f := range r.src.Stats().Files {
		if f.Err == nil || f.Damaged {
			in.files = append(in.files, f.Path)
		}
	}
	return nil
}

// warn says what speaks against the figures.
func (r *benchReport) warn(first sample, samples [][]sample) {
	read, whole := samples[0], samples[len(samples)-1]
	if usual := medianOf(read).wall; float64(first.wall) > coldFactor*float64(usual) && first.wall-usual > shortest/2 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("the page cache was cold: the first reading took %s, later ones %s; a first run is slower by that",
			first.wall.Round(time.Millisecond), usual.Round(time.Millisecond)))
	}
	if medianOf(whole).wall < shortest {
		r.Warnings = append(r.Warnings, "so short a capture tells more of the start than of the work; take one of a million packets")
	} else if s := spread(whole); s > noisySpread {
		r.Warnings = append(r.Warnings, fmt.Sprintf("the machine is noisy: the runs differ by %.0f %%; close other programs, or take more --runs", s*100))
	}
	if n := runtime.GOMAXPROCS(0); n < runtime.NumCPU() {
		r.Warnings = append(r.Warnings, fmt.Sprintf("GOMAXPROCS allows %d of %d processors", n, runtime.NumCPU()))
	}
}
