package main

import (
	"runtime"
	"runtime/debug"
	"slices"
	"time"
)

// sample is one run of one stage.
type sample struct {
	wall, cpu time.Duration // cpu: user and system, 0 = not known here
	allocs    uint64
	allocated uint64 // bytes
	peak      uint64 // bytes of the resident set, 0 = not known here
}

// measure runs f with a heap as empty as that of a new process.
func measure(f func() error) (sample, error) {
	debug.FreeOSMemory()
	resetPeak()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu, begun := cpuTime(), time.Now()
	err := f()
	s := sample{wall: time.Since(begun), cpu: cpuTime() - cpu, peak: peakMemory()}
	runtime.ReadMemStats(&after)
	s.allocs, s.allocated = after.Mallocs-before.Mallocs, after.TotalAlloc-before.TotalAlloc
	return s, err
}

// medianOf returns the median of the samples' figures, each by itself.
func medianOf(samples []sample) sample {
	return sample{
		wall:      median(samples, func(s sample) time.Duration { return s.wall }),
		cpu:       median(samples, func(s sample) time.Duration { return s.cpu }),
		allocs:    median(samples, func(s sample) uint64 { return s.allocs }),
		allocated: median(samples, func(s sample) uint64 { return s.allocated }),
		peak:      median(samples, func(s sample) uint64 { return s.peak }),
	}
}

func median[T time.Duration | uint64](samples []sample, figure func(sample) T) T {
	all := make([]T, len(samples))
	for i, s := range samples {
		all[i] = figure(s)
	}
	slices.Sort(all)
	middle := len(all) / 2
	if len(all)%2 == 0 {
		return (all[middle-1] + all[middle]) / 2
	}
	return all[middle]
}

// cost is what a run is judged by: CPU time where the system tells it, for it drifts less.
func (s sample) cost() time.Duration {
	if s.cpu > 0 {
		return s.cpu
	}
	return s.wall
}

// spread is by how much the costliest run exceeds the cheapest, as a share of the median.
func spread(samples []sample) float64 {
	least, most := samples[0].cost(), samples[0].cost()
	for _, s := range samples {
		least, most = min(least, s.cost()), max(most, s.cost())
	}
	middle := medianOf(samples).cost()
	if middle == 0 {
		return 0
	}
	return float64(most-least) / float64(middle)
}
