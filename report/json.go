package report

import (
	"io"
	"maps"
	"slices"
	"strconv"

	"github.com/tcplife/tcplife/report/anomaly"
	"github.com/tcplife/tcplife/tracker"
)

// SchemaTrace names the form of the trace's object.
const SchemaTrace = "tcplife/trace/1"

// flushAt is how much output is collected before it is written: few system
// calls for a million records, and a reader at the other end of a pipe need not
// wait long.
const flushAt = 64 << 10

type jsonWriter struct {
	w     io.Writer
	files FileName
	buf   []byte
	totals
}

// NewJSON returns a Writer of JSON lines: an object for each connection as it
// ends, and one for the trace at last. Close flushes what is buffered.
func NewJSON(w io.Writer, files FileName) Writer {
	return &jsonWriter{w: w, files: files, buf: make([]byte, 0, flushAt+8<<10), totals: newTotals()}
}

func (j *jsonWriter) Connection(r *Record) error {
	j.totals.add(r)
	j.buf = append(appendRecord(j.buf, r, j.files), '\n')
	if len(j.buf) >= flushAt {
		return j.flush()
	}
	return nil
}

func (j *jsonWriter) flush() error {
	_, err := j.w.Write(j.buf)
	j.buf = j.buf[:0]
	return err
}

func (j *jsonWriter) Close(t *Trace) error {
	j.buf = append(appendTrace(j.buf, t, &j.totals), '\n')
	return j.flush()
}

// appendTrace appends the trace's object.
func appendTrace(b []byte, t *Trace, n *totals) []byte {
	o := begin(b)
	o.word("schema", SchemaTrace)
	appendFiles(&o, t.Files)
	if t.Filter != "" {
		o.str("filter", t.Filter)
	}
	o.uint("packets", t.Packets)
	o.uint("tcp_packets", t.TCP)
	if t.Packets > 0 {
		o.time("first_at", t.First)
		o.time("last_at", t.Last)
		o.seconds("duration_s", max(t.Last-t.First, 0))
	}
	if t.Interrupted {
		o.bool("interrupted", true)
	}
	appendQuality(&o, t, n)

	o.uint("connections", n.connections)
	o.key("open")
	in := begin(o.b)
	for i, count := range n.opens {
		in.uintIf(tracker.Open(i).String(), count)
	}
	o.b = in.end()
	o.key("close")
	in = begin(o.b)
	for i, count := range n.closes {
		in.uintIf(tracker.Close(i).String(), count)
	}
	o.b = in.end()
	o.key("closed_by")
	in = begin(o.b)
	for by := int(tracker.ByClient); by < numClosers; by++ {
		var count uint64
		for end := range n.closers {
			if hasCloser(tracker.Close(end)) {
				count += n.closers[end][by]
			}
		}
		in.uintIf(tracker.Closer(by).String(), count)
	}
	o.b = in.end()
	appendWaits(&o, &n.waits)
	o.uintIf("close_wait", n.closeWait.count)

	o.key("findings_by_slug")
	in = begin(o.b)
	for _, k := range n.kinds() {
		in.uint(k.kind.Slug, k.count)
	}
	o.b = in.end()
	o.key("findings")
	o.b = appendFindings(o.b, t.Findings)

	if len(t.Skipped) > 0 {
		o.key("skipped")
		in = begin(o.b)
		for _, kind := range slices.Sorted(maps.Keys(t.Skipped)) {
			in.name(kind)
			in.b = strconv.AppendUint(in.b, t.Skipped[kind], 10)
		}
		o.b = in.end()
	}
	return o.end()
}

func appendFiles(o *object, files []File) {
	o.key("files")
	list := beginList(o.b)
	for i := range files {
		f := &files[i]
		in := begin(list.next())
		in.str("path", f.Path)
		if f.Format != "" {
			in.str("format", f.Format)
		}
		if len(f.LinkTypes) > 0 {
			in.key("link_types")
			names := beginList(in.b)
			for _, l := range f.LinkTypes {
				names.b = appendString(names.next(), l)
			}
			in.b = names.end()
		}
		in.uint("packets", f.Packets)
		in.uint("tcp_packets", f.TCP)
		if f.Size > 0 {
			in.uint("bytes", uint64(f.Size))
		}
		if f.Err != "" {
			in.str("error", f.Err)
		}
		list.b = in.end()
	}
	o.b = list.end()
}

// appendQuality appends how far the capture can be trusted, and the limits reached.
func appendQuality(o *object, t *Trace, n *totals) {
	grade, sentence := judgeQuality(t, n)
	o.key("quality")
	in := begin(o.b)
	in.word("grade", grade.String())
	in.str("summary", sentence)
	in.uint("stream_bytes", n.streamBytes)
	in.uint("missing_bytes", n.missing)
	in.uint("duplicate_packets", t.Summary.Duplicates)
	in.uintIf("checksum_bad", t.Summary.ChecksumBad)
	in.uintIf("truncated_packets", t.Summary.TruncatedHeader)
	in.uintIf("backwards_packets", t.Summary.Backwards)
	in.uintIf("one_way_connections", n.found[anomaly.OneWayCapture])
	o.b = in.end()
	if t.Drops.Known {
		o.key("drops")
		in = begin(o.b)
		in.uint("kernel", t.Drops.Kernel)
		in.uint("interface", t.Drops.Interface)
		o.b = in.end()
	}
	s := &t.Summary
	if s.Evicted+s.FactsDropped+s.RangesDropped > 0 {
		o.key("limits_reached")
		in = begin(o.b)
		in.uintIf("connections_evicted", s.Evicted)
		in.uintIf("facts_dropped", s.FactsDropped)
		in.uintIf("ranges_dropped", s.RangesDropped)
		o.b = in.end()
	}
}

// maxHoldersListed bounds the holders in the trace's object.
const maxHoldersListed = 20

func appendWaits(o *object, w *waits) {
	if w.count == 0 {
		return
	}
	o.key("time_wait")
	in := begin(o.b)
	in.uint("count", w.count)
	in.uint("client", w.byRole[tracker.Client])
	in.uint("server", w.byRole[tracker.Server])
	in.uintIf("both", w.both)
	in.key("holders")
	holders := w.list()
	list := beginList(in.b)
	for _, h := range holders[:min(len(holders), maxHoldersListed)] {
		each := begin(list.next())
		each.word("holder", h.role.String())
		each.ip("ip", h.ip)
		each.endpoint("server", h.server)
		each.uint("count", h.count)
		each.uint("peak", h.peak)
		each.time("peak_at", h.peakAt)
		list.b = each.end()
	}
	in.b = list.end()
	if more := len(holders) - maxHoldersListed; more > 0 {
		in.uint("holders_not_listed", uint64(more))
	}
	in.uintIf("of_unnamed_holders", w.unnamed)
	o.b = in.end()
}
