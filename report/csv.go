package report

import (
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/tracker"
)

// csvHeader names the columns, each as the record's field it stands for.
var csvHeader = []string{
	"id", "community_id", "incarnation", "client_ip", "client_port", "server_ip", "server_port",
	"direction_by", "first_at", "last_at", "opened_at", "closed_at", "duration_s",
	"first_packet", "last_packet", "first_file", "last_file",
	"open", "close", "closed_by", "phase", "end_reason", "client_state", "server_state",
	"rtt_s", "rtt_server_s", "rtt_client_s", "syn_retries", "syn_ack_retries",
	"time_wait_holder", "time_wait_since", "time_wait_until", "time_wait_ended_by",
	"client_packets", "client_bytes", "client_payload_bytes", "client_stream_bytes",
	"client_retransmitted_packets", "client_retransmitted_bytes", "client_missing_bytes",
	"server_packets", "server_bytes", "server_payload_bytes", "server_stream_bytes",
	"server_retransmitted_packets", "server_retransmitted_bytes", "server_missing_bytes",
	"worst_slug", "worst_severity", "worst_confidence", "worst_packets", "worst_evidence", "findings",
	"vlan", "tunnel",
}

type csvWriter struct {
	out   flusher
	names Names
	began bool
}

// NewCSV returns a Writer of one row per connection under a header. Unknown values
// are empty cells. A CSV file has no place for what concerns the whole trace: it is
// not written.
func NewCSV(w io.Writer, names Names) Writer {
	return &csvWriter{out: flusher{w: w}, names: names}
}

// Bound has nothing to set: rows are written as they come.
func (c *csvWriter) Bound(Limits) {}

func (c *csvWriter) Part() Part { return &csvPart{names: c.names} }

func (c *csvWriter) Write(p []byte) (int, error) {
	if err := c.header(); err != nil {
		return 0, err
	}
	return len(p), c.out.write(p)
}

func (c *csvWriter) header() error {
	if c.began {
		return nil
	}
	c.began = true
	return c.out.write([]byte(strings.Join(csvHeader, ",") + "\n"))
}

// Close writes the header if there was no connection, and flushes.
func (c *csvWriter) Close(*Trace) error {
	if err := c.header(); err != nil {
		return err
	}
	return c.out.flush()
}

// csvPart appends one row after the other to b.
type csvPart struct {
	names Names
	clock stamps
	b     []byte
}

func (c *csvPart) Connection(dst []byte, r *Record) []byte {
	c.b = slices.Grow(dst, 1<<10)
	c.identity(r)
	c.course(r)
	c.timeWait(r.Connection)
	for role := tracker.Client; role <= tracker.Server; role++ {
		e := &r.Endpoints[role]
		for _, n := range [...]uint64{
			e.Packets, e.Bytes, e.PayloadBytes, e.StreamBytes,
			e.RetransmittedPackets, e.RetransmittedBytes, e.MissingBytes,
		} {
			c.number(n)
		}
	}
	c.findings(r)
	c.path(r.Connection)
	dst, c.b = c.b, nil
	dst[len(dst)-1] = '\n' // each cell has a comma behind it
	return dst
}

// text appends a cell that others may have written.
func (c *csvPart) text(s string) {
	s = forSpreadsheet(s)
	first, _ := utf8.DecodeRuneInString(s)
	if s == "" || s != `\.` && !strings.ContainsAny(s, ",\"\r\n") && !unicode.IsSpace(first) {
		c.word(s)
		return
	}
	// As encoding/csv quotes.
	c.b = append(c.b, '"')
	c.b = append(c.b, strings.ReplaceAll(s, `"`, `""`)...)
	c.b = append(c.b, '"', ',')
}

// word appends a cell of our own vocabulary, which needs no quotes; "" is an empty one.
func (c *csvPart) word(s string)   { c.b = append(append(c.b, s...), ',') }
func (c *csvPart) number(n uint64) { c.b = append(appendUint(c.b, n), ',') }

func (c *csvPart) moment(m tracker.Mark) {
	if !known(m) {
		c.word("")
		return
	}
	c.time(m.At)
}

func (c *csvPart) time(ns int64)    { c.b = append(append(c.b, c.clock.at(ns)...), ',') }
func (c *csvPart) seconds(ns int64) { c.b = append(appendSeconds(c.b, ns), ',') }

func (c *csvPart) secondsIf(ns int64, ok bool) {
	if !ok {
		c.word("")
		return
	}
	c.seconds(ns)
}

func (c *csvPart) identity(r *Record) {
	c.b = append(r.appendID(c.b), ',')
	c.b = append(r.appendCommunityID(c.b), ',')
	c.number(uint64(r.Incarnation))
	client, server := r.ends()
	for _, end := range [...]*segment.Endpoint{client, server} {
		c.b = append(appendIP(c.b, &end.IP), ',')
		c.number(uint64(end.Port))
	}
	c.word(r.DirectionBy.String())
}

func (c *csvPart) course(r *Record) {
	for _, m := range [...]tracker.Mark{r.First, r.Last, r.Opened, r.Closed} {
		c.moment(m)
	}
	c.seconds(lasted(r.Connection))
	c.number(r.First.Packet)
	c.number(r.Last.Packet)
	c.text(c.names.File.name(r.FirstFile))
	c.text(c.names.File.name(r.LastFile))
	c.word(r.Open.String())
	c.word(r.Close.String())
	by := ""
	if hasCloser(r.Close) {
		by = r.ClosedBy.String()
	}
	c.word(by)
	c.word(r.Phase.String())
	c.word(endReason(r.EndReason))
	c.word(r.Endpoints[tracker.Client].State.String())
	c.word(r.Endpoints[tracker.Server].State.String())
	c.secondsIf(int64(r.RTT), r.RTT > 0)
	h := &r.Handshake
	d, ok := h.RTTServer()
	c.secondsIf(int64(d), ok)
	d, ok = h.RTTClient()
	c.secondsIf(int64(d), ok)
	c.retries(h.SynRetries, h.Syn)
	c.retries(h.SynAckRetries, h.SynAck)
}

// retries is known only if the segment itself was seen.
func (c *csvPart) retries(n int, of tracker.Mark) {
	if !of.Seen() {
		c.word("")
		return
	}
	c.number(uint64(n))
}

func (c *csvPart) timeWait(r *tracker.Connection) {
	w, ok := timeWaitOf(r)
	if !ok {
		c.b = append(c.b, ",,,,"...)
		return
	}
	c.word(w.holder)
	c.time(w.since)
	c.time(w.until)
	c.word(w.endedBy.String())
}

func (c *csvPart) findings(r *Record) {
	if f := r.Worst(); f == nil {
		c.b = append(c.b, ",,,,,"...)
	} else {
		c.word(f.Kind.Slug)
		c.word(f.Severity.String())
		c.word(f.Confidence.String())
		for _, n := range f.Packets {
			c.b = append(appendUint(c.b, n), ' ')
		}
		c.endList(len(f.Packets))
		c.text(f.Evidence)
	}
	for i := range r.Findings {
		c.b = append(append(c.b, r.Findings[i].Kind.Slug...), ' ')
	}
	c.endList(len(r.Findings))
}

// endList ends a cell of n words, each with a blank behind it.
func (c *csvPart) endList(n int) {
	if n > 0 {
		c.b[len(c.b)-1] = ','
		return
	}
	c.word("")
}
