package main

import (
	"runtime"

	"github.com/tcplife/tcplife/internal/pipeline"
	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/report"
	"github.com/tcplife/tcplife/report/anomaly"
	"github.com/tcplife/tcplife/tracker"
)

// share is what one of those who share a run has of its own.
type share struct {
	tracker *tracker.Tracker
	judge   *anomaly.Judge
	part    report.Part
	record  report.Record
	failing bool // a finding is at or above --fail-on
}

// smallInput is up to how many octets one share is as fast as several.
const smallInput = 4 << 20

// shares is how many share the work on this input: as many as asked for, else one for each core.
func (r *reading) shares(f *inputFlags) int {
	if f.jobs > 0 {
		return f.jobs
	}
	if _, total := r.src.Progress(); total > 0 && total <= smallInput {
		return 1
	}
	return runtime.GOMAXPROCS(0)
}

// newShares makes n shares of a run that writes to w.
func (a *analyzeFlags) newShares(n int, paths *segment.Paths, w report.Writer) []*share {
	cfg := a.input.config(paths)
	cfg.MaxConnections = (cfg.MaxConnections + n - 1) / n
	all := make([]*share, n)
	for i := range all {
		all[i] = &share{tracker: tracker.New(cfg), judge: anomaly.New(anomaly.DefaultThresholds()), part: w.Part()}
		all[i].judge.Paths = paths
	}
	return all
}

// parts are what the pipeline needs of them.
func (a *analyzeFlags) parts(shares []*share) []pipeline.Part {
	all := make([]pipeline.Part, len(shares))
	for i, s := range shares {
		all[i] = pipeline.Part{Tracker: s.tracker, Record: func(dst []byte, c *tracker.Connection) []byte {
			s.record = report.Record{Connection: c, Findings: s.judge.Connection(c)}
			s.failing = s.failing || a.failing(s.record.Findings)
			return s.part.Connection(dst, &s.record)
		}}
	}
	return all
}

// merge joins what all shares know in the first, and returns it with what their trackers know of the trace.
func merge(shares []*share) (*share, tracker.Summary) {
	first := shares[0]
	sum := first.tracker.Summary()
	for _, s := range shares[1:] {
		first.judge.Merge(s.judge)
		first.failing = first.failing || s.failing
		sum.Add(s.tracker.Summary())
	}
	return first, sum
}
