package main

import (
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/tcplife/tcplife/report"
	"github.com/tcplife/tcplife/report/anomaly"
)

// memorySize is the flag --max-memory, in bytes.
type memorySize int64

const (
	// defaultMemory is the same on any machine, so that the output is.
	defaultMemory memorySize = 4_000_000_000
	// leastMemory leaves room for some 80,000 connections.
	leastMemory memorySize = 64_000_000
)

// sizeUnits are what a size may end in, the longer first.
var sizeUnits = []struct {
	name  string
	bytes float64
}{
	{"KIB", 1 << 10},
	{"MIB", 1 << 20},
	{"GIB", 1 << 30},
	{"TIB", 1 << 40},
	{"KB", 1e3},
	{"MB", 1e6},
	{"GB", 1e9},
	{"TB", 1e12},
	{"KI", 1 << 10},
	{"MI", 1 << 20},
	{"GI", 1 << 30},
	{"TI", 1 << 40},
	{"K", 1e3},
	{"M", 1e6},
	{"G", 1e9},
	{"T", 1e12},
	{"B", 1},
}

// String writes a size as Set reads it.
func (m *memorySize) String() string {
	for _, u := range sizeUnits {
		if n := float64(*m) / u.bytes; n >= 1 && n < 1000 && n == math.Trunc(n) && u.bytes >= 1e6 {
			name := strings.Replace(u.name, "I", "i", 1)
			return strconv.FormatFloat(n, 'f', -1, 64) + name
		}
	}
	return strconv.FormatInt(int64(*m), 10) + "B"
}

// Type is the placeholder in the help.
func (m *memorySize) Type() string { return "size" }

// Set reads a size such as 512MB, 1.5GiB or 800M.
func (m *memorySize) Set(s string) error {
	number, unit := strings.ToUpper(strings.TrimSpace(s)), 0.0
	for _, u := range sizeUnits {
		if rest, ok := strings.CutSuffix(number, u.name); ok {
			number, unit = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	n, err := strconv.ParseFloat(number, 64)
	switch {
	case err != nil || math.IsNaN(n) || strings.Trim(number, "0123456789.") != "":
		return errors.New("a size such as 512MB or 2GiB")
	case unit == 0 && n < float64(leastMemory):
		return fmt.Errorf("of what? %sMB, or %sGiB", number, number)
	case unit == 0:
		unit = 1
	}
	if n *= unit; n < float64(leastMemory) {
		return fmt.Errorf("too little to work with; the least is %s", new(leastMemory))
	}
	*m = memorySize(min(n, math.MaxInt64/2))
	return nil
}

// What the process takes that is not shared out: the program itself and its libraries, which the kernel counts to it, and what every run
// needs on the heap.
const (
	besideHeap = 20 << 20
	everyRun   = 6 << 20
	// everyShare is what each of those who share a run needs beside its tracker: text on its way to the writer, and records whose
	// places are not free yet.
	everyShare = 5 << 20
)

// heap is what Go's runtime may take.
func (m memorySize) heap() int64 { return int64(m) - besideHeap }

// hold has the collector work harder rather than let the heap grow beyond the bound, until release. A lower GOMEMLIMIT stays in force.
func (m memorySize) hold() (release func()) {
	before := debug.SetMemoryLimit(-1)
	debug.SetMemoryLimit(min(before, m.heap()))
	return func() { debug.SetMemoryLimit(before) }
}

// shares is how many of those who are wanted there is memory for.
func (m memorySize) shares(wanted int) int {
	return max(1, min(wanted, int(m.heap()/4/everyShare)))
}

// The parts of the heap that each of these may take at most. All of it that grows with the trace is bounded; no trace
// makes all of it grow.
func (m memorySize) capture() int64 { return m.heap() / 4 }
func (m memorySize) rows() int64    { return m.heap() / 4 }
func (m memorySize) shown() int64   { return m.heap() / 8 }
func (m memorySize) paths() int64   { return m.heap() / 32 }
func (m memorySize) judges() int64  { return m.heap() / 16 }
func (m memorySize) report() int64  { return m.heap() / 32 }

// What one of a kind takes at most, in bytes.
const (
	sizeOfPath    = 400
	sizeOfKey     = 550       // a host, a service, a moment and a pair of VLANs that the judges tell apart
	sizeOfSuspect = 2 * 24    // a list of them grows by doubling
	sizeOfHolder  = 72 << 10  // of TIME_WAIT
	sizeOfGroup   = 24 * 1200 // a group of each of the kinds of findings that may have as many
	sizeOfRow     = 1200      // of the table, until it is drawn
	sizeOfPicked  = 20 << 10  // a record to be drawn
	sizeOfSegment = 450       // a line of the ladder, in a list that grows
)

// tracker is what each of n trackers may take, beside what reading takes and rows are kept in. A fifth is left to the
// other parts, and to what the collector has not come to.
func (m memorySize) tracker(n int, reading, rows int64) int64 {
	left := m.heap() - everyRun - int64(n)*everyShare - reading - rows
	return max(left/5*4/int64(n), 1)
}

// thresholds are those of each of n judges.
func (m memorySize) thresholds(n int) anomaly.Thresholds {
	t := anomaly.DefaultThresholds()
	each := m.judges() / int64(n) / 4
	const slack = 2 // so many times the limit before something is given up
	t.MaxKeys = min(t.MaxKeys, int(3*each/(slack*sizeOfKey)))
	t.MaxSuspects = min(t.MaxSuspects, int(each/(slack*sizeOfSuspect)))
	return t
}

// mostShown is how many records can be drawn, mostSegments how many of their segments.
func (m memorySize) mostShown() int    { return int(m.shown() / sizeOfPicked) }
func (m memorySize) mostSegments() int { return int(m.shown() / sizeOfSegment) }

// limits are those of the report.
func (m memorySize) limits() report.Limits {
	l := report.DefaultLimits()
	l.Holders = min(l.Holders, int(m.report()/2/sizeOfHolder))
	l.Groups = min(l.Groups, int(m.report()/2/sizeOfGroup))
	return l
}
