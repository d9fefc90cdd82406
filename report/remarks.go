package report

import (
	"encoding/binary"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/report/anomaly"
	"github.com/tcplife/tcplife/tracker"
)

// Beside text, parts append remarks: what the Writer itself must learn in the order of the records. Who is named
// of many, where only so many can be, is decided by who came first; parts that decided it each for
// themselves would make the report depend on how the records were shared.

// remark begins one. No text of a format that has both holds this byte: JSON escapes it.
const remark = 0

// The kinds of remarks.
const (
	waitRemark    byte = iota + 1 // a stay in TIME_WAIT
	lingerRemark                  // an end left in CLOSE_WAIT
	findingRemark                 // a finding that may be shown on the first screen
)

// wait is one stay in TIME_WAIT.
type wait struct {
	holder
	both         bool // and the other end holds one too, which was told before
	since, until int64
}

// appendWaits remarks the stays of both ends in TIME_WAIT.
func appendWaits(b []byte, c *tracker.Connection) []byte {
	for role := tracker.Client; role <= tracker.Server; role++ {
		t := &c.Endpoints[role].TimeWait
		if !t.Held {
			continue
		}
		both := byte(0)
		if role == tracker.Server && c.Endpoints[tracker.Client].TimeWait.Held {
			both = 1
		}
		b = append(b, remark, waitRemark, byte(role), both)
		client := c.Client().IP
		b = append(b, client[:]...)
		b = putEnd(b, c.Server())
		b = binary.LittleEndian.AppendUint64(b, uint64(t.Since.At))
		b = binary.LittleEndian.AppendUint64(b, uint64(t.Until))
	}
	return b
}

func (r *remarkReader) wait() (w wait) {
	w.role, w.both = tracker.Role(r.byte()), r.byte() == 1
	w.ip = r.ip()
	w.server = r.end()
	if w.role == tracker.Server {
		w.ip = w.server.IP
	}
	w.since, w.until = int64(r.uint64()), int64(r.uint64())
	return w
}

// appendLingers remarks the ends left in CLOSE_WAIT.
func appendLingers(b []byte, c *tracker.Connection) []byte {
	for role := tracker.Client; role <= tracker.Server; role++ {
		if lingers(&c.Endpoints[role]) {
			b = append(b, remark, lingerRemark)
			ip := c.End(role).IP
			b = append(b, ip[:]...)
			b = binary.LittleEndian.AppendUint64(b, uint64(c.TraceEnd-c.Last.At))
		}
	}
	return b
}

func (r *remarkReader) linger() (ip segment.IP, silent int64) { return r.ip(), int64(r.uint64()) }

// told is one finding of a connection, as much of it as groups need.
type told struct {
	cause
	severity   anomaly.Severity
	confidence anomaly.Confidence
	flow       segment.Flow
	clientIs   segment.Direction
	first      int64
	number     int // the incarnation
	via        uint64
	packets    []uint64
	evidence   []byte // shared with the remark
}

// appendFinding remarks one finding; kind is the number by which the Writer knows its kind.
func appendFinding(b []byte, r *Record, f *anomaly.Finding, kind uint16) []byte {
	phase := tracker.NoPhase
	if r.Close == tracker.CloseAborted { // of other ends it tells nothing about the cause
		phase = r.Phase
	}
	b = append(b, remark, findingRemark, byte(kind), byte(kind>>8), byte(f.Severity), byte(f.Confidence),
		byte(causeEnd(r.Close)), byte(r.ClosedBy), byte(phase), byte(r.ClientIs))
	b = putEnd(putEnd(b, r.Flow.A), r.Flow.B)
	b = binary.LittleEndian.AppendUint64(b, uint64(r.First.At))
	b = binary.LittleEndian.AppendUint64(b, uint64(r.Incarnation))
	b = binary.LittleEndian.AppendUint64(b, r.Via)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(f.Packets)))
	for _, n := range f.Packets {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(f.Evidence)))
	return append(b, f.Evidence...)
}

// finding reads a remark into t, whose room it uses again.
func (r *remarkReader) finding(t *told, kinds *kindNumbers) {
	t.kind = kinds.kind(uint16(r.byte()) | uint16(r.byte())<<8)
	t.severity, t.confidence = anomaly.Severity(r.byte()), anomaly.Confidence(r.byte())
	t.cause.end, t.by, t.phase = tracker.Close(r.byte()), tracker.Closer(r.byte()), tracker.Phase(r.byte())
	t.clientIs = segment.Direction(r.byte())
	t.flow.A, t.flow.B = r.end(), r.end()
	t.server = t.flow.Sender(t.clientIs.Reverse())
	t.first, t.number, t.via = int64(r.uint64()), int(r.uint64()), r.uint64()
	t.packets = t.packets[:0]
	for range r.uint32() {
		t.packets = append(t.packets, r.uint64())
	}
	t.evidence = r.take(int(r.uint32()))
}

// remarkReader reads remarks as they were appended.
type remarkReader struct{ b []byte }

func (r *remarkReader) take(n int) []byte {
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *remarkReader) byte() byte     { return r.take(1)[0] }
func (r *remarkReader) uint32() uint32 { return binary.LittleEndian.Uint32(r.take(4)) }
func (r *remarkReader) uint64() uint64 { return binary.LittleEndian.Uint64(r.take(8)) }
func (r *remarkReader) ip() segment.IP { return segment.IP(r.take(16)) }
func (r *remarkReader) end() segment.Endpoint {
	return segment.Endpoint{IP: r.ip(), Port: binary.LittleEndian.Uint16(r.take(2))}
}

func putEnd(b []byte, e segment.Endpoint) []byte {
	return binary.LittleEndian.AppendUint16(append(b, e.IP[:]...), e.Port)
}
