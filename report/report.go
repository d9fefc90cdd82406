// Package report presents what the tracker recorded and the catalogue judged: as
// JSON lines, CSV, a first screen with a table, and the ladder of one connection.
//
// It states nothing of its own. A value that is not known is left out, never
// printed as zero. What was written by others (file names, kinds of packets) is
// escaped for the place it is printed to.
package report

import (
	"io"
	"slices"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/report/anomaly"
	"github.com/tcplife/tcplife/tracker"
)

// Record is one connection with what was found in it.
type Record struct {
	*tracker.Connection
	Findings []anomaly.Finding // as the catalogue ranks them
}

// Clone returns a copy that shares nothing with r, for whoever keeps a record that is lent.
func (r *Record) Clone() Record {
	c := *r.Connection
	c.Transitions = slices.Clone(c.Transitions)
	c.Facts = slices.Clone(c.Facts)
	out := Record{Connection: &c, Findings: make([]anomaly.Finding, len(r.Findings))}
	for i := range r.Findings {
		out.Findings[i] = r.Findings[i].Clone()
	}
	return out
}

// File is one capture file of the trace.
type File struct {
	Path      string   // as the user named it; "-" is standard input
	Format    string   // "pcap", "pcapng", with the compression if any
	LinkTypes []string // names of the link types seen in it
	Packets   uint64   // frames read from it
	TCP       uint64   // TCP segments among them
	Size      int64    // bytes on disk; 0 = not known
	Err       string   // why reading ended early; "" = read to its end
	Damaged   bool     // Err is about damage within it: what stands before that was read
}

// Drops is what the captures report to have lost by themselves.
type Drops struct {
	Known     bool   // some file carries drop counters (pcapng interface statistics, live capture)
	Kernel    uint64 // packets the capturing system dropped for want of room
	Interface uint64 // packets the network interface dropped
}

// Trace is what is known of the whole input when it has been read.
type Trace struct {
	Files       []File
	Packets     uint64            // frames read, all files
	TCP         uint64            // TCP segments among them
	First, Last int64             // nanoseconds since 1970 UTC; valid if Packets > 0
	Skipped     map[string]uint64 // frames that were no TCP segment, by kind
	Drops       Drops
	// Backwards counts frames stamped earlier than the one before them in their file, and BackwardsMost is by how much at
	// most, in nanoseconds.
	Backwards     uint64
	BackwardsMost int64
	// PathsDropped is how many segments had a path (segment.Paths) that did not fit.
	PathsDropped uint64
	Summary      tracker.Summary
	Findings     []anomaly.Finding // those of the whole trace
	Limit        anomaly.Limit     // how sure a finding can be in this trace
	Pairs        []anomaly.Pair    // connections that are both sides of one
	PairsOneIn   uint64            // of one connection in so many; 0 and 1: of all
	Filter       string            // the BPF expression in force, "" without
	Interrupted  bool              // the user stopped before the end of the input
}

// Writer is one report. Its parts are filled by one goroutine each; what they append is
// handed to Write in the order of the records, by any one goroutine. The report does not depend
// on how the records are shared among the parts.
type Writer interface {
	// Bound sets how much is told apart, before the first record; without it, DefaultLimits.
	Bound(l Limits)
	// Part makes one more part; all are made before the first record.
	Part() Part
	// Write takes what parts appended, whole records of it, in the order of the records. It is not
	// kept.
	Write(p []byte) (int, error)
	// Close merges the parts, writes what concerns the whole trace and flushes. It
	// does not close the underlying writer.
	Close(t *Trace) error
}

// Limits bound what a report keeps of what grows with the trace.
type Limits struct {
	Holders int // of TIME_WAIT, whose peaks are told; some 70 kB each at most
	Groups  int // causes of one kind of finding; a kB each
}

// DefaultLimits are as much as anybody looks at.
func DefaultLimits() Limits { return Limits{Holders: maxHolders, Groups: maxGroups} }

// Part counts a share of the records.
type Part interface {
	// Connection counts r and appends to dst what the Writer is to be given of it. r
	// and all that it points to need only be valid during the call.
	Connection(dst []byte, r *Record) []byte
}

// flusher collects output: few system calls for a million records, and a reader at the other
// end of a pipe need not wait long.
type flusher struct {
	w   io.Writer
	buf []byte
}

// flushAt is how much is collected before it is written.
const flushAt = 64 << 10

func (f *flusher) write(p []byte) error {
	if len(f.buf) == 0 && len(p) >= flushAt {
		_, err := f.w.Write(p)
		return err
	}
	f.buf = append(f.buf, p...)
	if len(f.buf) < flushAt {
		return nil
	}
	return f.flush()
}

func (f *flusher) flush() error {
	_, err := f.w.Write(f.buf)
	f.buf = f.buf[:0]
	return err
}

// FileName tells the path of a file by its index in the trace (segment.Segment.File);
// "" if it is not known. A nil FileName knows none.
type FileName func(index uint32) string

// Names is what records name by number only.
type Names struct {
	File  FileName
	Paths *segment.Paths // of segments; nil: they are not told
}

func (f FileName) name(index uint32) string {
	if f == nil {
		return ""
	}
	return f(index)
}
