package report

import (
	"bytes"
	"io"
	"maps"
	"slices"

	"github.com/tcplife/tcplife/report/anomaly"
	"github.com/tcplife/tcplife/tracker"
)

// SchemaTrace names the form of the trace's object.
const SchemaTrace = "tcplife/trace/1"

type jsonWriter struct {
	out   flusher
	names Names
	parts []*jsonPart
	totals
	waits waits
}

type jsonPart struct {
	encoder
	totals
}

// NewJSON returns a Writer of JSON lines: an object for each connection as it
// ends, and one for the trace at last. Close flushes what is buffered.
func NewJSON(w io.Writer, names Names) Writer {
	return &jsonWriter{out: flusher{w: w}, names: names, waits: newWaits()}
}

// Bound sets the limits.
func (j *jsonWriter) Bound(l Limits) { j.waits.most = l.Holders }

func (j *jsonWriter) Part() Part {
	p := &jsonPart{encoder: encoder{names: j.names}}
	j.parts = append(j.parts, p)
	return p
}

func (p *jsonPart) Connection(dst []byte, r *Record) []byte {
	p.add(r)
	dst = append(p.record(dst, r), '\n')
	return appendWaits(dst, r.Connection)
}

func (j *jsonWriter) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		text := rest
		if i := bytes.IndexByte(rest, remark); i >= 0 {
			text = rest[:i]
		}
		if err := j.out.write(text); err != nil {
			return 0, err
		}
		for rest = rest[len(text):]; len(rest) > 0 && rest[0] == remark; {
			r := remarkReader{rest[2:]} // of one kind only
			j.waits.add(r.wait())
			rest = r.b
		}
	}
	return len(p), nil
}

func (j *jsonWriter) Close(t *Trace) error {
	for _, p := range j.parts {
		j.merge(&p.totals)
	}
	if err := j.out.write(append(appendTrace(nil, t, &j.totals, &j.waits), '\n')); err != nil {
		return err
	}
	return j.out.flush()
}

// appendTrace appends the trace's object.
func appendTrace(b []byte, t *Trace, n *totals, w *waits) []byte {
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
	appendHolders(&o, w)
	o.uintIf("close_wait", n.closeWaits)
	appendPairs(&o, t.Pairs, t.PairsOneIn)

	o.key("findings_by_slug")
	in = begin(o.b)
	for _, k := range n.ranked() {
		in.uint(k.kind.Slug, k.count)
	}
	o.b = in.end()
	o.key("findings")
	o.b = new(encoder).findings(o.b, t.Findings)

	if len(t.Skipped) > 0 {
		o.key("skipped")
		in = begin(o.b)
		for _, kind := range slices.Sorted(maps.Keys(t.Skipped)) {
			in.name(kind)
			in.b = appendUint(in.b, t.Skipped[kind])
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
	if t.Limit.Teardown > anomaly.High {
		in.word("teardown_confidence_at_most", t.Limit.Teardown.String())
	}
	if t.Limit.Other > anomaly.High {
		in.word("confidence_at_most", t.Limit.Other.String())
	}
	in.uint("stream_bytes", n.streamBytes)
	in.uint("missing_bytes", n.missing)
	in.uint("duplicate_packets", t.Summary.Duplicates)
	in.uintIf("icmp_errors", t.Summary.Quotes)
	in.uintIf("icmp_errors_unmatched", t.Summary.QuotesUnmatched)
	in.uintIf("checksum_bad", t.Summary.ChecksumBad)
	in.uintIf("truncated_packets", t.Summary.TruncatedHeader)
	in.uintIf("backwards_packets", t.Summary.Backwards)
	in.uintIf("one_way_connections", n.found.of(anomaly.OneWayCapture))
	o.b = in.end()
	if t.Drops.Known {
		o.key("drops")
		in = begin(o.b)
		in.uint("kernel", t.Drops.Kernel)
		in.uint("interface", t.Drops.Interface)
		o.b = in.end()
	}
	s := &t.Summary
	if s.Evicted+s.FactsDropped+s.RangesDropped+t.PathsDropped > 0 {
		o.key("limits_reached")
		in = begin(o.b)
		in.uintIf("connections_evicted", s.Evicted)
		in.uintIf("evicted_for_memory", s.EvictedMemory)
		in.uintIf("evicted_half_open", s.EvictedHalfOpen)
		in.uintIf("evicted_closed", s.EvictedClosed)
		in.uintIf("facts_dropped", s.FactsDropped)
		in.uintIf("ranges_dropped", s.RangesDropped)
		in.uintIf("paths_dropped", t.PathsDropped)
		o.b = in.end()
	}
}

// maxPairsListed bounds the connections listed that are two sides of one.
const maxPairsListed = 100

// appendPairs appends which connections are two sides of one.
func appendPairs(o *object, pairs []anomaly.Pair, oneIn uint64) {
	if len(pairs) == 0 {
		return
	}
	o.key("nat")
	in := begin(o.b)
	in.uint("pairs", uint64(len(pairs)))
	if oneIn > 1 {
		in.uint("one_in", oneIn)
	}
	in.key("connections")
	list := beginList(in.b)
	for i := range pairs[:min(len(pairs), maxPairsListed)] {
		each := begin(list.next())
		for _, side := range [...]struct {
			name string
			*anomaly.Side
		}{{"inside", &pairs[i].Inside}, {"outside", &pairs[i].Outside}} {
			var id [idLen]byte
			each.word(side.name, string(appendID(id[:0], &side.Flow, side.First.At, side.Incarnation, side.Via)))
		}
		list.b = each.end()
	}
	in.b = list.end()
	o.b = in.end()
}

// maxHoldersListed bounds the holders in the trace's object.
const maxHoldersListed = 20

func appendHolders(o *object, w *waits) {
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
