package main

import (
	"strings"
	"testing"
	"time"
)

// costs are samples that differ in CPU time only.
func costs(milliseconds ...int) []sample {
	var all []sample
	for _, ms := range milliseconds {
		d := time.Duration(ms) * time.Millisecond
		all = append(all, sample{cpu: d, wall: d})
	}
	return all
}

func TestMedians(t *testing.T) {
	if got := medianOf(costs(9, 1, 5)).cpu; got != 5*time.Millisecond {
		t.Errorf("the median of 9, 1 and 5 is %v", got)
	}
	if got := medianOf(costs(4, 1, 2, 8)).cpu; got != 3*time.Millisecond {
		t.Errorf("the median of 4, 1, 2 and 8 is %v", got)
	}
	if got := spread(costs(100, 110, 90)); got != 0.2 {
		t.Errorf("90 to 110 is a spread of %v", got)
	}
	if got := spread(costs(0)); got != 0 {
		t.Errorf("nothing is a spread of %v", got)
	}
	if got := (sample{wall: 3}).cost(); got != 3 {
		t.Errorf("without CPU time, %v counts instead of wall time", got)
	}
}

// TestDominant: a stage's own cost is what it adds to the one before; the whole adds nothing.
func TestDominant(t *testing.T) {
	samples := [][]sample{costs(100), costs(150), costs(450), costs(600), costs(800), costs(3000)}
	r := newBenchReport(&benchInput{packets: 1000, bytes: 1e6}, samples)
	if r.Dominant != "track" || r.Share != 300.0/800 {
		t.Errorf("%s with %v, want track with 0.375", r.Dominant, r.Share)
	}
	if s := r.Stages[1]; s.CPU != 150_000 || s.PacketsS < 6666 || s.PacketsS > 6667 {
		t.Errorf("decode: %+v, want 150,000 ns a packet and 6,667 packets a second", s)
	}
}

func TestBenchWarnings(t *testing.T) {
	run := func(first sample, read, whole []sample) string {
		r := &benchReport{}
		r.warn(first, [][]sample{read, whole})
		return strings.Join(r.Warnings, "\n")
	}
	warm := costs(100, 100)
	for _, c := range []struct {
		name, got, want string
	}{
		{"cold", run(costs(900)[0], warm, costs(500, 500)), "page cache was cold: the first reading took 900ms, later ones 100ms"},
		{"noisy", run(warm[0], warm, costs(500, 700)), "noisy: the runs differ by 33 %"},
		{"short", run(warm[0], warm, costs(10, 20)), "so short a capture"},
	} {
		if !strings.Contains(c.got, c.want) {
			t.Errorf("%s: %q, want %q in it", c.name, c.got, c.want)
		}
	}
	if got := run(warm[0], warm, costs(500, 510)); strings.Contains(got, "cold") || strings.Contains(got, "noisy") {
		t.Errorf("a quiet machine is warned of: %q", got)
	}
}
