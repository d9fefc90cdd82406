package main

import (
	"io"
	"time"

	"github.com/cheggaaa/pb/v3"

	"github.com/tcplife/tcplife/internal/pipeline"
	"github.com/tcplife/tcplife/internal/segment"
)

// progressAfter is how long a run is silent: a bar that flashes up tells nothing.
const progressAfter = time.Second

// progressBar draws rate and time left where the size of the input is known.
const (
	progressBar     pb.ProgressBarTemplate = `{{counters . }} {{bar . "[" "=" ">" " " "]"}} {{percent . }}  {{speed . "%s/s" "?/s"}}  {{rtime . "%s left"}}`
	progressCounter pb.ProgressBarTemplate = `{{counters . }}  {{speed . "%s/s" "?/s"}}`
)

// progressing is a source that shows on a terminal how far it has come.
type progressing struct {
	pipeline.Source
	progress func() (done, total int64) // bytes; total 0 = not known
	terminal io.Writer
	begun    time.Time
	bar      *pb.ProgressBar // nil until progressAfter
}

func newProgressing(src pipeline.Source, progress func() (done, total int64), terminal io.Writer) *progressing {
	return &progressing{Source: src, progress: progress, terminal: terminal, begun: time.Now()}
}

// Next reads from the source and moves the bar.
func (p *progressing) Next(batch []segment.Segment) (int, error) {
	n, err := p.Source.Next(batch)
	if p.bar == nil && time.Since(p.begun) < progressAfter {
		return n, err
	}
	done, total := p.progress()
	if p.bar == nil {
		p.start(done, total)
	}
	p.bar.SetCurrent(done)
	return n, err
}

func (p *progressing) start(done, total int64) {
	template := progressBar
	if total == 0 {
		template = progressCounter
	}
	p.bar = template.New(int(total)).
		SetWriter(p.terminal).
		Set(pb.Bytes, true).
		Set(pb.SIBytesPrefix, true).
		Set(pb.Terminal, true).
		Set(pb.ReturnSymbol, "\r").
		Set(pb.CleanOnFinish, true).
		SetCurrent(done)
	p.bar.Start()
}

// Stop clears the bar.
func (p *progressing) Stop() {
	if p.bar != nil {
		p.bar.Finish()
	}
}
