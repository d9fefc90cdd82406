package main

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/tcplife/tcplife/internal/pipeline"
	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/report"
	"github.com/tcplife/tcplife/report/anomaly"
	"github.com/tcplife/tcplife/tracker"
)

// benchInput is what each stage is run over.
type benchInput struct {
	paths []string // as the user named them
	files []string // the captures found there
	flags inputFlags

	std    streams // for what is wrong with them, which is told once
	told   bool
	damage error // errReported if there was something

	// What the stages count on their way.
	bytes   int64 // on disk
	packets uint64
	tcp     uint64
	records uint64
}

// stage is a prefix of the program's work: each does what the one before does, and something more.
type stage struct {
	name string // what it adds
	run  func(context.Context, *benchInput) error
}

// stages are in the order in which each contains the one before. The last is the program as it is.
var stages = []stage{
	{"read", readStage},
	{"decode", decodeStage},
	{"track", trackStage},
	{"judge", judgeStage},
	{"write", writeStage},
	{"whole", wholeStage},
}

// readStage takes the bytes from the disk and looks at none.
func readStage(ctx context.Context, in *benchInput) error {
	in.bytes = 0
	buf := make([]byte, 256<<10)
	for _, path := range in.files {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		for err == nil && ctx.Err() == nil {
			var n int
			n, err = f.Read(buf)
			in.bytes += int64(n)
		}
		f.Close()
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
	}
	return ctx.Err()
}

// open opens the captures, silently: a stage is run often.
func (in *benchInput) open(ctx context.Context) (*reading, error) {
	return openReading(ctx, streams{out: io.Discard, err: io.Discard}, nil, in.paths, &in.flags)
}

// decodeStage also finds the records of packets and decodes them down to TCP.
func decodeStage(ctx context.Context, in *benchInput) error {
	r, err := in.open(ctx)
	if err != nil {
		return err
	}
	defer r.src.Close()
	batch := make([]segment.Segment, 512)
	for err == nil {
		_, err = r.src.Next(batch)
	}
	stats := r.src.Stats()
	in.packets, in.tcp = stats.Packets, stats.TCP
	if !in.told && ctx.Err() == nil {
		r.std = in.std
		in.told, in.damage = true, r.reportFiles()
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// follow runs the pipeline and gives each record to take.
func (in *benchInput) follow(ctx context.Context, take func(dst []byte, c *tracker.Connection) []byte) error {
	r, err := in.open(ctx)
	if err != nil {
		return err
	}
	defer r.src.Close()
	in.records = 0
	part := pipeline.Part{Tracker: tracker.New(in.flags.config(r, 1, 0)), Record: func(dst []byte, c *tracker.Connection) []byte {
		in.records++
		return take(dst, c)
	}}
	err = r.run(ctx, []pipeline.Part{part}, io.Discard)
	return errors.Join(err, ctx.Err())
}

// trackStage also follows the connections.
func trackStage(ctx context.Context, in *benchInput) error {
	return in.follow(ctx, func(dst []byte, _ *tracker.Connection) []byte { return dst })
}

// judgeStage also looks for findings in their records.
func judgeStage(ctx context.Context, in *benchInput) error {
	judge := anomaly.New(anomaly.DefaultThresholds())
	return in.follow(ctx, func(dst []byte, c *tracker.Connection) []byte {
		judge.Connection(c)
		return dst
	})
}

// writeStage also writes them as JSON, to nowhere.
func writeStage(ctx context.Context, in *benchInput) error {
	judge := anomaly.New(anomaly.DefaultThresholds())
	part := report.NewJSON(io.Discard, report.Names{}).Part()
	var r report.Record
	return in.follow(ctx, func(dst []byte, c *tracker.Connection) []byte {
		r = report.Record{Connection: c, Findings: judge.Connection(c)}
		return part.Connection(dst[:0], &r)[:0]
	})
}

// wholeStage is tcplife --format json FILE.
func wholeStage(ctx context.Context, in *benchInput) error {
	flags := analyzeFlags{input: in.flags, format: choice{value: "json"}, limit: report.DefaultLimit}
	err := analyze(ctx, streams{out: io.Discard, err: io.Discard}, in.paths, &flags)
	if errors.Is(err, errReported) {
		err = nil // damage, which was told of
	}
	return errors.Join(err, ctx.Err())
}
