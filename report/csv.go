package report

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"

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
}

type csvWriter struct {
	w     *csv.Writer
	files FileName
	row   []string
	began bool
}

// NewCSV returns a Writer of one row per connection under a header. Unknown values
// are empty cells. A CSV file has no place for what concerns the whole trace: it is
// not written.
func NewCSV(w io.Writer, files FileName) Writer {
	return &csvWriter{w: csv.NewWriter(w), files: files, row: make([]string, 0, len(csvHeader))}
}

func (c *csvWriter) Connection(r *Record) error {
	if err := c.header(); err != nil {
		return err
	}
	c.row = c.row[:0]
	c.identity(r)
	c.course(r)
	c.timeWait(r.Connection)
	for role := tracker.Client; role <= tracker.Server; role++ {
		e := &r.Endpoints[role]
		for _, n := range []uint64{
			e.Packets, e.Bytes, e.PayloadBytes, e.StreamBytes,
			e.RetransmittedPackets, e.RetransmittedBytes, e.MissingBytes,
		} {
			c.number(n)
		}
	}
	c.findings(r)
	return c.w.Write(c.row)
}

func (c *csvWriter) header() error {
	if c.began {
		return nil
	}
	c.began = true
	return c.w.Write(csvHeader)
}

// Close writes the header if there was no connection, and flushes.
func (c *csvWriter) Close(*Trace) error {
	if err := c.header(); err != nil {
		return err
	}
	c.w.Flush()
	return c.w.Error()
}

func (c *csvWriter) text(s string)   { c.row = append(c.row, forSpreadsheet(s)) }
func (c *csvWriter) number(n uint64) { c.row = append(c.row, strconv.FormatUint(n, 10)) }

func (c *csvWriter) moment(m tracker.Mark) {
	if !known(m) {
		c.text("")
		return
	}
	c.time(m.At)
}

func (c *csvWriter) time(ns int64)    { c.row = append(c.row, string(appendTime(nil, ns))) }
func (c *csvWriter) seconds(ns int64) { c.row = append(c.row, string(appendSeconds(nil, ns))) }

func (c *csvWriter) secondsIf(ns int64, ok bool) {
	if !ok {
		c.text("")
		return
	}
	c.seconds(ns)
}

func (c *csvWriter) identity(r *Record) {
	c.text(r.ID())
	c.text(r.CommunityID())
	c.number(uint64(r.Incarnation))
	c.text(r.Client().IP.Addr().String())
	c.number(uint64(r.Client().Port))
	c.text(r.Server().IP.Addr().String())
	c.number(uint64(r.Server().Port))
	c.text(r.DirectionBy.String())
}

func (c *csvWriter) course(r *Record) {
	for _, m := range []tracker.Mark{r.First, r.Last, r.Opened, r.Closed} {
		c.moment(m)
	}
	c.seconds(lasted(r.Connection))
	c.number(r.First.Packet)
	c.number(r.Last.Packet)
	c.text(c.files.name(r.FirstFile))
	c.text(c.files.name(r.LastFile))
	c.text(r.Open.String())
	c.text(r.Close.String())
	by := ""
	if hasCloser(r.Close) {
		by = r.ClosedBy.String()
	}
	c.text(by)
	c.text(r.Phase.String())
	c.text(endReason(r.EndReason))
	c.text(r.Endpoints[tracker.Client].State.String())
	c.text(r.Endpoints[tracker.Server].State.String())
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
func (c *csvWriter) retries(n int, of tracker.Mark) {
	if !of.Seen() {
		c.text("")
		return
	}
	c.number(uint64(n))
}

func (c *csvWriter) timeWait(r *tracker.Connection) {
	w, ok := timeWaitOf(r)
	if !ok {
		c.row = append(c.row, "", "", "", "")
		return
	}
	c.text(w.holder)
	c.time(w.since)
	c.time(w.until)
	c.text(w.endedBy.String())
}

func (c *csvWriter) findings(r *Record) {
	f := r.Worst()
	if f == nil {
		c.row = append(c.row, "", "", "", "", "")
	} else {
		var packets []string
		for _, n := range f.Packets {
			packets = append(packets, strconv.FormatUint(n, 10))
		}
		c.text(f.Kind.Slug)
		c.text(f.Severity.String())
		c.text(f.Confidence.String())
		c.text(strings.Join(packets, " "))
		c.text(f.Evidence)
	}
	var slugs []string
	for i := range r.Findings {
		slugs = append(slugs, r.Findings[i].Kind.Slug)
	}
	c.text(strings.Join(slugs, " "))
}
