package anomaly_test

import (
	"testing"
	"time"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/report/anomaly"
	"github.com/tcplife/tcplife/tracker"
)

// record builds a connection by hand, as the tracker would hand it out.
type record struct{ tracker.Connection }

func mark(packet uint64, seconds float64) tracker.Mark {
	return tracker.Mark{Packet: packet, At: int64(seconds * float64(time.Second))}
}

// open is a connection that went through its handshake in packets 1 to 3 and exchanged
// a request (4) and an answer (5, 6); round trip 21 ms. The trace ends with it, at 0.043 s.
func open() *record {
	r := &record{}
	client := segment.Endpoint{IP: segment.IP{10: 0xff, 11: 0xff, 12: 10, 15: 1}, Port: 40000}
	server := segment.Endpoint{IP: segment.IP{10: 0xff, 11: 0xff, 12: 10, 15: 2}, Port: 80}
	r.Flow, r.ClientIs = segment.FlowOf(client, server)
	r.Incarnation, r.Open, r.Close, r.EndReason = 1, tracker.OpenFull, tracker.CloseOpenAtEnd, tracker.EndOfCapture
	r.First, r.RTT = mark(1, 0), 21*time.Millisecond
	r.Handshake = tracker.Handshake{Syn: mark(1, 0), SynAck: mark(2, .02), Ack: mark(3, .021)}
	r.Endpoints[tracker.Client] = tracker.Endpoint{
		State: tracker.Established, Packets: 4, Syn: 1, PayloadBytes: 100, StreamBytes: 100, First: mark(1, 0), ChecksumGood: 4,
	}
	r.Endpoints[tracker.Server] = tracker.Endpoint{
		State: tracker.Established, Packets: 2, Syn: 1, PayloadBytes: 200, StreamBytes: 200, First: mark(2, .02), ChecksumGood: 2,
	}
	r.last(tracker.Server, 5, .042)
	r.last(tracker.Client, 6, .043)
	r.ends(.043)
	return r
}

// attempt is a SYN of the client alone.
func attempt() *record {
	r := open()
	r.Open, r.Close, r.RTT, r.Handshake = tracker.OpenNone, tracker.CloseNone, 0, tracker.Handshake{Syn: mark(1, 0)}
	r.Endpoints = [2]tracker.Endpoint{{State: tracker.SynSent, Packets: 1, Syn: 1, First: mark(1, 0), Last: mark(1, 0)}, {}}
	r.Last = mark(1, 0)
	r.ends(0)
	return r
}

// halfOpen is a SYN and its SYN-ACK.
func halfOpen() *record {
	r := attempt()
	r.Open = tracker.OpenHalf
	r.Handshake.SynAck = mark(2, .02)
	r.Endpoints[tracker.Server] = tracker.Endpoint{State: tracker.SynRcvd, Packets: 1, Syn: 1, First: mark(2, .02)}
	r.last(tracker.Server, 2, .02)
	r.ends(.02)
	return r
}

func (r *record) end(role tracker.Role) *tracker.Endpoint { return &r.Endpoints[role] }

// ends says when the trace ends.
func (r *record) ends(seconds float64) { r.TraceEnd = int64(seconds * float64(time.Second)) }

func (r *record) last(role tracker.Role, packet uint64, seconds float64) {
	r.end(role).Last = mark(packet, seconds)
	r.Last = mark(packet, seconds)
}

// fact adds a fact in packet at seconds, and returns it.
func (r *record) fact(k tracker.FactKind, role tracker.Role, packet uint64, seconds float64) *tracker.Fact {
	r.Facts = append(r.Facts, tracker.Fact{Kind: k, Role: role, Mark: mark(packet, seconds)})
	r.last(role, packet, seconds)
	r.ends(seconds)
	return &r.Facts[len(r.Facts)-1]
}

// copies adds n facts of a retransmission kind, the gaps growing from gap by factor, beginning
// behind the packet and time given.
func (r *record) copies(k tracker.FactKind, role tracker.Role, packet uint64, seconds, gap, factor float64, n int) {
	for i := range n {
		seconds += gap
		r.fact(k, role, packet+uint64(i)+1, seconds).Gap = int64(gap * float64(time.Second))
		gap *= factor
	}
}

// jumps has the capture's clock go on by so many seconds (or back), and both hosts' by so many ticks: the client's
// segment behind it is the given packet.
func (r *record) jumps(packet uint64, seconds, by float64, ticks int64) {
	r.end(client).MissingBytes++ // as always in captures that pause
	for role, at := range []float64{seconds + by, seconds + by + .01} {
		f := r.fact(tracker.FactClockJump, tracker.Role(role), packet+uint64(role), at)
		f.Gap, f.Bytes, f.Cause = int64(by*float64(time.Second)), ticks, mark(packet-2+uint64(role), at-by)
	}
}

// skips has the server's first segment after a silence skip octets.
func (r *record) skips(packet uint64, seconds, silence float64) {
	r.end(server).MissingBytes = 1460
	f := r.fact(tracker.FactSkipped, server, packet, seconds+silence)
	f.Bytes, f.Cause = 1460, mark(packet-1, seconds)
}

func second(s float64) int64 { return int64(s * float64(time.Second)) }

// fin says that role sent its FIN.
func (r *record) fin(role tracker.Role, packet uint64, seconds float64, acked bool) {
	r.last(role, packet, seconds)
	r.ends(seconds)
	e := r.end(role)
	e.Fin, e.FinSent, e.FinAcked = 1, mark(packet, seconds), acked
}

// rst says that role sent a RST, effective unless changed.
func (r *record) rst(role tracker.Role, packet uint64, seconds float64, form tracker.ResetForm) *tracker.Reset {
	f := r.fact(tracker.FactRst, role, packet, seconds)
	r.end(role).Rst++
	f.Reset = tracker.Reset{
		Class: tracker.ResetExact, Form: form, Effect: tracker.EffectClosed, Phase: tracker.PhaseLater,
		Sender: tracker.Established, Receiver: tracker.Established, SinceData: -1,
	}
	if r.Endpoints[0].FinSent.Seen() || r.Endpoints[1].FinSent.Seen() {
		f.Reset.Phase = tracker.PhaseClosing
	}
	r.Close, r.EndReason = tracker.CloseAborted, tracker.EndSettled
	return &f.Reset
}

// icmp adds an ICMP error about what role sent, from a router.
func (r *record) icmp(role tracker.Role, packet uint64, kind, code uint8) *tracker.Fact {
	f := r.fact(tracker.FactICMPError, role, packet, 1)
	f.ICMP = segment.ICMPError{From: segment.IP{10: 0xff, 11: 0xff, 12: 10, 15: 254}, Type: kind, Code: code, Quoted: 20}
	return f
}

func judge(r *record) []anomaly.Finding {
	return anomaly.New(anomaly.DefaultThresholds()).Connection(&r.Connection)
}

// finding returns the finding of the slug, nil without one.
func finding(t *testing.T, fs []anomaly.Finding, slug string) *anomaly.Finding {
	t.Helper()
	if _, ok := anomaly.Lookup(slug); !ok {
		t.Fatalf("no kind %s", slug)
	}
	for i := range fs {
		if fs[i].Kind.Slug == slug {
			return &fs[i]
		}
	}
	return nil
}
