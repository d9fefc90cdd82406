package kernellab_test

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/internal/kernellab/truth"
	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/tracker"
)

// replay reads a capture and returns what the tracker made of it.
func replay(t *testing.T, file string) []truth.Output {
	t.Helper()
	source, err := capture.Open(context.Background(), []string{file}, capture.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	tr := tracker.New(tracker.DefaultConfig())
	batch := make([]segment.Segment, 256)
	for {
		n, err := source.Next(batch)
		for i := range batch[:n] {
			tr.Observe(&batch[i])
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for !tr.Flush() {
	}
	var out []truth.Output
	for _, c := range tr.Take() {
		o := truth.Output{Client: c.Client().String(), Server: c.Server().String()}
		for _, step := range c.Transitions {
			o.Transitions = append(o.Transitions, truth.OutputTransition{
				At: float64(step.At) / 1e9, Client: step.Role == tracker.Client,
				From: step.From.String(), To: step.To.String(), Grade: step.Certainty.String(),
			})
		}
		out = append(out, o)
	}
	return out
}

// scores are kept apart: what people thought of, and random connections at each
// loss, each as seen from everywhere and as a host saw itself.
type scores struct {
	everywhere map[string]*truth.Score
	own        *truth.Score // each host's own path in its own complete capture
}

// scoreFolder replays every capture of a folder the lab has written.
func scoreFolder(t *testing.T, dir string) scores {
	t.Helper()
	s := scores{everywhere: map[string]*truth.Score{}, own: &truth.Score{}}
	for _, d := range readDocuments(t, dir) {
		group := "scenarios"
		if strings.HasPrefix(d.Scenario, "chaos_") {
			group = d.Scenario
		}
		if s.everywhere[group] == nil {
			s.everywhere[group] = &truth.Score{}
		}
		s.everywhere[group].Add(truth.Evaluate(d, replay(t, filepath.Join(dir, d.Capture)), d.Scenario, true))
		for point, file := range d.Captures {
			outputs := replay(t, filepath.Join(dir, file))
			if file != d.Capture {
				s.everywhere[group].Add(truth.Evaluate(d, outputs, d.Scenario+"@"+point, false))
			}
			if point != "mid" {
				own := truth.OnlyEndpoints(outputs, d.Addresses(point))
				s.own.Add(truth.Evaluate(d.Only(point), own, d.Scenario+"@"+point, false))
			}
		}
	}
	return s
}

func readDocuments(t *testing.T, dir string) (out []*truth.Document) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.truth.json"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no truth in %s", dir)
	}
	for _, name := range names {
		d, err := truth.Read(name)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, d)
	}
	return out
}
