package report

import (
	"bytes"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/report/anomaly"
	"github.com/tcplife/tcplife/tracker"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares got with testdata/name, or rewrites it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; got:\n%s\nwant:\n%s\n(go test -update rewrites it)", path, got, want)
	}
}

// start is the time of the first packet of every fixture.
var start = time.Date(2026, 11, 20, 12, 1, 7, 123456789, time.UTC).UnixNano()

func at(d time.Duration) int64 { return start + int64(d) }

func mark(packet uint64, d time.Duration) tracker.Mark {
	return tracker.Mark{Packet: packet, At: at(d)}
}

func endpoint(s string) segment.Endpoint {
	a := netip.MustParseAddrPort(s)
	return segment.Endpoint{IP: segment.IPOf(a.Addr()), Port: a.Port()}
}

// kinds stand in for the catalogue's, so that its wording can change without the
// golden files here.
var kinds = map[string]*anomaly.Kind{
	"rst-late-data": {
		Slug: "rst-late-data", Family: anomaly.Reset, Severity: anomaly.Error, Reference: "RFC 9293 3.6.1",
		Summary: "Data met an end that had closed already and was answered by a RST.",
	},
	"syn-unanswered": {
		Slug: "syn-unanswered", Family: anomaly.Handshake, Severity: anomaly.Warn, Reference: "RFC 9293 3.8.3",
		Summary: "A connection attempt got no reply at all.",
	},
	"close-wait-suspect": {
		Slug: "close-wait-suspect", Family: anomaly.Teardown, Severity: anomaly.Warn, Reference: "RFC 9293 3.6",
		Summary: "One end was told that no more data comes, and has not closed.",
	},
	"tw-reuse": {
		Slug: "tw-reuse", Family: anomaly.TimeWait, Severity: anomaly.Note, Reference: "RFC 6191",
		Summary: "A port in TIME_WAIT was used again.",
	},
	"drops-reported": {
		Slug: "drops-reported", Family: anomaly.CaptureQuality, Severity: anomaly.Quality,
		Summary: "The capturing system reports packets it dropped.",
	},
}

func kind(slug string) *anomaly.Kind {
	k, ok := kinds[slug]
	if !ok {
		panic("no such kind: " + slug)
	}
	return k
}

func step(role tracker.Role, from, to tracker.State, e tracker.Event, c tracker.Certainty, packet uint64, d time.Duration) tracker.Transition {
	return tracker.Transition{Role: role, From: from, To: to, Event: e, Certainty: c, Mark: mark(packet, d)}
}

// opened is the start of any record: a handshake in packets first to first+2.
func opened(client, server string, first uint64, begin time.Duration) *Record {
	flow, dir := segment.FlowOf(endpoint(client), endpoint(server))
	syn, synAck, ack := mark(first, begin), mark(first+1, begin+19210*time.Microsecond), mark(first+2, begin+19402*time.Microsecond)
	c := &tracker.Connection{
		Flow: flow, ClientIs: dir, Incarnation: 1, First: syn, Opened: ack, Last: ack,
		Open: tracker.OpenFull, RTT: 19402 * time.Microsecond, TraceEnd: at(134 * time.Second),
		Handshake: tracker.Handshake{Syn: syn, SynAck: synAck, Ack: ack},
	}
	c.Endpoints[tracker.Client] = tracker.Endpoint{
		State: tracker.Established, Packets: 2, Bytes: 92, Syn: 1, First: syn, Last: ack, ISNKnown: true, ISN: 4000000000,
		HasMSS: true, MSS: 1460, HasWindowScale: true, WindowScale: 7, SACKPermitted: true, Timestamps: true, TTL: 64,
	}
	c.Endpoints[tracker.Server] = tracker.Endpoint{
		State: tracker.Established, Packets: 1, Bytes: 52, Syn: 1, First: synAck, Last: synAck, ISNKnown: true, ISN: 17,
		HasMSS: true, MSS: 1460, SACKPermitted: true, TTL: 57,
	}
	c.Transitions = []tracker.Transition{
		step(tracker.Client, tracker.Closed, tracker.SynSent, tracker.SndSyn, tracker.Observed, first, begin),
		step(tracker.Server, tracker.Closed, tracker.SynRcvd, tracker.RcvSyn, tracker.Observed, first+1, begin+19210*time.Microsecond),
		step(tracker.Client, tracker.SynSent, tracker.Established, tracker.RcvSynAck, tracker.Observed, first+2, begin+19402*time.Microsecond),
		step(tracker.Server, tracker.SynRcvd, tracker.Established, tracker.RcvAckSyn, tracker.Inferred, first+2, begin+19402*time.Microsecond),
	}
	return &Record{Connection: c}
}

// moved adds data: sent by the client and by the server.
func (r *Record) moved(sent, received uint64) *Record {
	for role, n := range []uint64{sent, received} {
		e := &r.Endpoints[role]
		segments := n/1460 + 1
		e.Packets += segments
		e.Bytes += n + 40*segments
		e.PayloadBytes += n
		e.StreamBytes += n
	}
	return r
}

// closedOrderly ends the record: the client's FIN first, the client holds TIME_WAIT.
func (r *Record) closedOrderly(first uint64, end time.Duration) *Record {
	ms := time.Millisecond
	r.Close, r.ClosedBy, r.Phase = tracker.CloseOrderly, tracker.ByClient, tracker.PhaseClosing
	r.Last = mark(first+2, end+21*ms)
	r.Closed = r.Last
	r.Transitions = append(r.Transitions,
		step(tracker.Client, tracker.Established, tracker.FinWait1, tracker.SndFin, tracker.Observed, first, end),
		step(tracker.Server, tracker.Established, tracker.CloseWait, tracker.RcvFin, tracker.Observed, first+1, end+20*ms),
		step(tracker.Server, tracker.CloseWait, tracker.LastAck, tracker.SndFin, tracker.Observed, first+1, end+20*ms),
		step(tracker.Client, tracker.FinWait1, tracker.FinWait2, tracker.RcvAckFin, tracker.Inferred, first+1, end+20*ms),
		step(tracker.Client, tracker.FinWait2, tracker.TimeWait, tracker.RcvFin, tracker.Observed, first+2, end+21*ms),
		step(tracker.Server, tracker.LastAck, tracker.Closed, tracker.RcvAckFin, tracker.Assumed, first+2, end+21*ms),
		step(tracker.Client, tracker.TimeWait, tracker.Closed, tracker.Timeout, tracker.Assumed, 0, end+60*time.Second+21*ms),
	)
	cl, sv := &r.Endpoints[tracker.Client], &r.Endpoints[tracker.Server]
	cl.State, sv.State = tracker.Closed, tracker.Closed
	cl.Fin, sv.Fin, cl.FinAcked, sv.FinAcked = 1, 1, true, true
	cl.FinSent, sv.FinSent = mark(first, end), mark(first+1, end+20*ms)
	cl.Last, sv.Last = r.Last, sv.FinSent
	cl.TimeWait = tracker.TimeWaitRecord{Held: true, Since: r.Last, Until: at(end + 60*time.Second + 21*ms)}
	return r
}

// aborted ends the record: the server closed, the client still sent, the server's RST.
func (r *Record) aborted(first uint64, end time.Duration) *Record {
	ms := time.Millisecond
	r.Close, r.ClosedBy, r.Phase = tracker.CloseAborted, tracker.ByServer, tracker.PhaseClosing
	r.Last = mark(first+3, end+20*ms)
	r.Closed = r.Last
	r.Transitions = append(r.Transitions,
		step(tracker.Server, tracker.Established, tracker.FinWait1, tracker.SndFin, tracker.Observed, first, end),
		step(tracker.Client, tracker.Established, tracker.CloseWait, tracker.RcvFin, tracker.Observed, first+1, end+ms),
		step(tracker.Server, tracker.FinWait1, tracker.FinWait2, tracker.RcvAckFin, tracker.Inferred, first+1, end+ms),
		step(tracker.Server, tracker.FinWait2, tracker.Closed, tracker.SndRst, tracker.Observed, first+3, end+20*ms),
		step(tracker.Client, tracker.CloseWait, tracker.Closed, tracker.RcvRst, tracker.Assumed, first+3, end+20*ms),
	)
	cl, sv := &r.Endpoints[tracker.Client], &r.Endpoints[tracker.Server]
	cl.State, sv.State = tracker.Closed, tracker.Closed
	sv.Fin, sv.Rst, sv.FinAcked, sv.FinSent = 1, 1, true, mark(first, end)
	cl.Last, sv.Last = mark(first+2, end+2*ms), r.Last
	r.Findings = []anomaly.Finding{{
		Kind: kind("rst-late-data"), Severity: anomaly.Error, Confidence: anomaly.High, At: r.Last.At,
		HasRole: true, Role: tracker.Server, Packets: []uint64{first + 2, first + 3},
		Evidence: fmt.Sprintf("1460 bytes arrived 0.8 ms after the server's FIN; the RST's seq equals the ack of #%d", first+2),
	}}
	return r
}

// unanswered is a connection attempt: three SYNs and silence.
func unanswered(client, server string, first uint64, begin time.Duration) *Record {
	r := opened(client, server, first, begin)
	r.Open, r.Close, r.ClosedBy, r.Phase = tracker.OpenNone, tracker.CloseNone, tracker.NoCloser, tracker.PhasePostSyn
	r.Opened, r.RTT = tracker.Mark{}, 0
	r.Last = mark(first+9, begin+7100*time.Millisecond)
	r.Handshake = tracker.Handshake{Syn: r.First, SynRetries: 2}
	r.Transitions = r.Transitions[:1]
	r.EndReason = tracker.EndAttempt
	cl := &r.Endpoints[tracker.Client]
	cl.State, cl.Packets, cl.Syn, cl.Last = tracker.SynSent, 3, 3, r.Last
	r.Endpoints[tracker.Server] = tracker.Endpoint{State: tracker.Unknown}
	r.Findings = []anomaly.Finding{{
		Kind: kind("syn-unanswered"), Severity: anomaly.Warn, Confidence: anomaly.High, At: r.First.At,
		HasRole: true, Role: tracker.Client, Packets: []uint64{first, first + 9},
		Evidence: "3 SYNs over 7.1s, and nothing from the server for 2m after the last",
	}}
	return r
}

// incident is a capture with something of everything.
func incident() ([]*Record, *Trace) {
	var rs []*Record
	n := uint64(1)
	for i := range 30 {
		client := fmt.Sprintf("10.0.0.%d:%d", 7+i%2, 40000+i)
		begin := time.Duration(i) * 700 * time.Millisecond
		r := opened(client, "10.0.1.5:8080", n, begin).moved(uint64(412+i*977), 18_400).closedOrderly(n+40, begin+900*time.Millisecond)
		if i >= 26 {
			r.Findings = []anomaly.Finding{{Kind: kind("tw-reuse"), Severity: anomaly.Note, Packets: []uint64{n}, Evidence: "SYN 12s into TIME_WAIT"}}
		}
		rs = append(rs, r)
		n += 43
	}
	for i := range 9 {
		begin := time.Duration(30+i) * time.Second
		rs = append(rs, opened(fmt.Sprintf("10.0.0.7:%d", 41000+i), "10.0.1.5:8080", n, begin).
			moved(1_200_000+uint64(i)*333_000, 412).aborted(n+811, begin+1180*time.Millisecond))
		n += 815
	}
	for i := range 3 {
		rs = append(rs, unanswered(fmt.Sprintf("10.0.0.7:%d", 42000+i), "10.0.2.9:5432", n, time.Duration(50+i)*time.Second))
		n += 10
	}
	six := opened("[2001:db8:85a3:1234:5678:8a2e:370:7334]:55555", "[2001:db8::1]:443", n, 70*time.Second).moved(0, 93_400_000_000)
	six.Close, six.EndReason, six.Last = tracker.CloseOpenAtEnd, tracker.EndOfCapture, mark(n+64000, 134*time.Second)
	six.Endpoints[tracker.Client].MissingBytes = 93_000
	rs = append(rs, six)
	leak := opened("10.0.0.9:43210", "10.0.1.5:8081", n+70000, 20*time.Second).moved(120, 4096)
	leak.Close, leak.ClosedBy, leak.Phase = tracker.CloseHalfClosed, tracker.ByClient, tracker.PhaseClosing
	leak.Last = mark(n+70009, 24*time.Second)
	leak.Endpoints[tracker.Client].State, leak.Endpoints[tracker.Server].State = tracker.FinWait2, tracker.CloseWait
	leak.Endpoints[tracker.Client].Fin = 1
	leak.Endpoints[tracker.Client].FinSent = mark(n+70008, 24*time.Second)
	leak.Endpoints[tracker.Client].FinAcked = true
	leak.Findings = []anomaly.Finding{{
		Kind: kind("close-wait-suspect"), Severity: anomaly.Warn, Confidence: anomaly.Medium, At: leak.Last.At,
		HasRole: true, Role: tracker.Server, Packets: []uint64{n + 70008}, Evidence: "silent for 1m50s after the client's FIN",
	}}
	rs = append(rs, leak)
	return rs, &Trace{
		Files:   []File{{Path: "incident.pcapng", Format: "pcapng", LinkTypes: []string{"ethernet"}, Packets: 148211, TCP: 147902, Size: 120_233_111}},
		Packets: 148211, TCP: 147902, First: start, Last: at(134 * time.Second),
		Skipped: map[string]uint64{"ARP": 12, "UDP": 297},
		Drops:   Drops{Known: true},
		Summary: tracker.Summary{Segments: 147902, Connections: uint64(len(rs)), First: mark(1, 0), Last: mark(148211, 134*time.Second)},
	}
}

func write(t testing.TB, w Writer, rs []*Record, tr *Trace) {
	t.Helper()
	p := w.Part()
	for _, r := range rs {
		feed(t, w, p, r)
	}
	if err := w.Close(tr); err != nil {
		t.Fatal(err)
	}
}

// feed hands one record to the part, and what it appends to the writer.
func feed(t testing.TB, w Writer, p Part, r *Record) {
	t.Helper()
	if _, err := w.Write(p.Connection(nil, r)); err != nil {
		t.Fatal(err)
	}
}
