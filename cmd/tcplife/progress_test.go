package main

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/tcplife/tcplife/internal/segment"
)

// empties is a source of so many batches without a segment.
type empties int

func (e *empties) Next([]segment.Segment) (int, error) {
	if *e--; *e < 0 {
		return 0, io.EOF
	}
	return 0, nil
}

func drain(t *testing.T, p *progressing) {
	t.Helper()
	for {
		if _, err := p.Next(nil); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// TestProgress: a run that lasts shows a bar and clears it; a short one shows nothing.
func TestProgress(t *testing.T) {
	halfway := func() (done, total int64) { return 50_000_000, 100_000_000 }

	var short bytes.Buffer
	src := empties(3)
	p := newProgressing(&src, halfway, &short)
	drain(t, p)
	p.Stop()
	if short.Len() > 0 {
		t.Errorf("a short run shows %q", short.String())
	}

	var long bytes.Buffer
	src = empties(3)
	p = newProgressing(&src, halfway, &long)
	p.begun = p.begun.Add(-2 * time.Second)
	drain(t, p)
	p.bar.Write() // now, not at its next tick
	p.Stop()
	if !strings.Contains(long.String(), "50.00 MB / 100.00 MB") || !strings.Contains(long.String(), "50.00%") {
		t.Errorf("a long run shows %q", long.String())
	}
	if last := long.String()[strings.LastIndex(strings.TrimRight(long.String(), "\r"), "\r")+1:]; strings.TrimSpace(last) != "" {
		t.Errorf("the bar was not cleared: the line ends as %q", last)
	}
}
