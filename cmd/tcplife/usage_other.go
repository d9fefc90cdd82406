//go:build !unix

package main

import (
	"runtime"
	"time"
)

// cpuTime is not known here: wall time has to do.
func cpuTime() time.Duration { return 0 }

func resetPeak() {}

// peakMemory is what the Go heap has of the system: not all, and not the peak, but near it.
func peakMemory() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Sys - m.HeapReleased
}
