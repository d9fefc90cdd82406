package report

import (
	"github.com/tcplife/tcplife/report/anomaly"
	"github.com/tcplife/tcplife/tracker"
)

// SchemaConnection names the form of a connection's object; it changes only when a
// field changes its meaning.
const SchemaConnection = "tcplife/connection/1"

// appendRecord appends the record as one JSON object.
func appendRecord(b []byte, r *Record, files FileName) []byte {
	c := r.Connection
	o := begin(b)
	o.word("schema", SchemaConnection)
	o.key("id")
	o.b = append(r.appendID(append(o.b, '"')), '"')
	o.key("community_id")
	o.b = append(r.appendCommunityID(append(o.b, '"')), '"')
	o.uint("incarnation", uint64(c.Incarnation))
	o.endpoint("client", c.Client())
	o.endpoint("server", c.Server())

	o.key("direction")
	in := begin(o.b)
	in.word("by", c.DirectionBy.String())
	in.word("certainty", c.DirectionBy.Certainty().String())
	o.b = in.end()
	appendPath(&o, c.Path)

	appendPacket(&o, "first_packet", c.First, files.name(c.FirstFile))
	appendPacket(&o, "last_packet", c.Last, files.name(c.LastFile))
	appendMoment(&o, "opened_at", c.Opened)
	appendMoment(&o, "closed_at", c.Closed)
	o.seconds("duration_s", lasted(c))
	o.word("open", c.Open.String())
	o.word("close", c.Close.String())
	if hasCloser(c.Close) {
		o.wordIf("closed_by", c.ClosedBy.String())
	}
	o.wordIf("phase", c.Phase.String())
	o.word("end_reason", endReason(c.EndReason))
	if c.RTT > 0 {
		o.seconds("rtt_s", int64(c.RTT))
	}

	o.key("states")
	in = begin(o.b)
	in.word("client", c.Endpoints[tracker.Client].State.String())
	in.word("server", c.Endpoints[tracker.Server].State.String())
	o.b = in.end()
	appendTransitions(&o, c.Transitions)
	appendHandshake(&o, &c.Handshake)
	appendTimeWait(&o, c)

	o.key("endpoints")
	in = begin(o.b)
	for role := tracker.Client; role <= tracker.Server; role++ {
		in.key(role.String())
		in.b = appendEndpoint(in.b, &c.Endpoints[role])
	}
	o.b = in.end()

	o.uintIf("facts_dropped", uint64(c.FactsDropped))
	o.uintIf("ranges_dropped", uint64(c.RangesDropped))
	o.key("findings")
	o.b = appendFindings(o.b, r.Findings)
	return o.end()
}

// lasted is the time between the first and the last packet.
func lasted(c *tracker.Connection) int64 { return max(c.Last.At-c.First.At, 0) }

// hasCloser reports whether a connection that ended so was ended by someone.
func hasCloser(c tracker.Close) bool {
	return c != tracker.CloseNone && c != tracker.CloseOpenAtEnd
}

// endReason spells why the record was closed.
func endReason(e tracker.EndReason) string {
	return [...]string{"settled", "replaced", "attempt_timeout", "end_of_capture", "evicted"}[e]
}

// known reports whether a moment happened. A moment that no packet marks, as a
// timeout, has a time only.
func known(m tracker.Mark) bool { return m.Seen() || m.At != 0 }

func appendMoment(o *object, name string, m tracker.Mark) {
	if known(m) {
		o.time(name, m.At)
	}
}

func appendPacket(o *object, name string, m tracker.Mark, file string) {
	if !m.Seen() {
		return
	}
	o.key(name)
	in := begin(o.b)
	in.uint("number", m.Packet)
	in.time("at", m.At)
	if file != "" {
		in.str("file", file)
	}
	o.b = in.end()
}

func appendPath(o *object, p tracker.Path) {
	if p == (tracker.Path{}) {
		return
	}
	o.key("path")
	in := begin(o.b)
	in.key("vlan")
	list := beginList(in.b)
	for _, id := range p.VLAN {
		if id != 0 {
			list.uint(uint64(id))
		}
	}
	in.b = list.end()
	o.b = in.end()
}

func appendTransitions(o *object, ts []tracker.Transition) {
	o.key("transitions")
	list := beginList(o.b)
	for i := range ts {
		t := &ts[i]
		in := begin(list.next())
		in.time("at", t.At)
		if t.Seen() {
			in.uint("packet", t.Packet)
		}
		in.word("endpoint", t.Role.String())
		in.word("from", t.From.String())
		in.word("to", t.To.String())
		in.word("event", t.Event.String())
		in.word("certainty", t.Certainty.String())
		list.b = in.end()
	}
	o.b = list.end()
}

func appendHandshake(o *object, h *tracker.Handshake) {
	if !h.Syn.Seen() && !h.SynAck.Seen() && !h.Ack.Seen() {
		return
	}
	o.key("handshake")
	in := begin(o.b)
	appendMoment(&in, "syn_at", h.Syn)
	appendMoment(&in, "syn_ack_at", h.SynAck)
	appendMoment(&in, "ack_at", h.Ack)
	if d, ok := h.RTTServer(); ok {
		in.seconds("rtt_server_s", int64(d))
	}
	if d, ok := h.RTTClient(); ok {
		in.seconds("rtt_client_s", int64(d))
	}
	if h.Syn.Seen() {
		in.uint("syn_retries", uint64(h.SynRetries))
	}
	if h.SynAck.Seen() {
		in.uint("syn_ack_retries", uint64(h.SynAckRetries))
	}
	o.b = in.end()
}

// timeWait is who held TIME_WAIT in a connection, and when.
type timeWait struct {
	holder       string // client, server or both
	since, until int64
	restarts     int
	endedBy      tracker.TimeWaitEnd
}

// timeWaitOf sums up the stays of both ends: after a simultaneous close both held
// TIME_WAIT, and it lasted from the earlier beginning to the later end.
func timeWaitOf(c *tracker.Connection) (timeWait, bool) {
	cl, sv := &c.Endpoints[tracker.Client].TimeWait, &c.Endpoints[tracker.Server].TimeWait
	one := func(role tracker.Role, t *tracker.TimeWaitRecord) timeWait {
		return timeWait{role.String(), t.Since.At, t.Until, t.Restarts, t.EndedBy}
	}
	switch {
	case cl.Held && sv.Held:
		last := cl
		if sv.Until > cl.Until {
			last = sv
		}
		return timeWait{"both", min(cl.Since.At, sv.Since.At), last.Until, cl.Restarts + sv.Restarts, last.EndedBy}, true
	case cl.Held:
		return one(tracker.Client, cl), true
	case sv.Held:
		return one(tracker.Server, sv), true
	}
	return timeWait{}, false
}

// appendTimeWait appends who held TIME_WAIT; if both did, "endpoints" has each stay.
func appendTimeWait(o *object, c *tracker.Connection) {
	w, ok := timeWaitOf(c)
	if !ok {
		return
	}
	o.key("time_wait")
	in := begin(o.b)
	in.word("holder", w.holder)
	in.time("since", w.since)
	in.time("until", w.until)
	in.uint("restarts", uint64(w.restarts))
	in.word("ended_by", w.endedBy.String())
	if w.holder == "both" {
		in.key("endpoints")
		each := begin(in.b)
		for role := tracker.Client; role <= tracker.Server; role++ {
			each.key(role.String())
			each.b = appendStay(each.b, &c.Endpoints[role].TimeWait)
		}
		in.b = each.end()
	}
	o.b = in.end()
}

// appendStay appends one end's stay in TIME_WAIT.
func appendStay(b []byte, t *tracker.TimeWaitRecord) []byte {
	o := begin(b)
	o.time("since", t.Since.At)
	o.time("until", t.Until)
	o.uint("restarts", uint64(t.Restarts))
	o.word("ended_by", t.EndedBy.String())
	return o.end()
}

func appendEndpoint(b []byte, e *tracker.Endpoint) []byte {
	o := begin(b)
	o.uint("packets", e.Packets)
	o.uint("bytes", e.Bytes)
	o.uint("payload_bytes", e.PayloadBytes)
	o.uint("stream_bytes", e.StreamBytes)
	o.uint("retransmitted_packets", e.RetransmittedPackets)
	o.uint("retransmitted_bytes", e.RetransmittedBytes)
	o.uint("out_of_order_packets", e.OutOfOrderPackets)
	o.uint("duplicate_packets", e.DuplicatePackets)
	o.uint("missing_bytes", e.MissingBytes)
	o.uint("unseen_acks", e.UnseenAcks)
	o.uint("unacked_bytes", e.UnackedBytes)
	o.uint("zero_windows", e.ZeroWindows)
	o.uint("keepalives", e.Keepalives)
	o.uint("syn", e.Syn)
	o.uint("fin", e.Fin)
	o.uint("rst", e.Rst)
	o.uintIf("checksum_bad", e.ChecksumBad)
	o.uintIf("truncated_packets", e.TruncatedPackets)
	if e.Fin > 0 {
		appendMoment(&o, "fin_at", e.FinSent)
		o.bool("fin_acked", e.FinAcked)
	}
	if e.WindowZeroAtLast {
		o.bool("window_closed", true)
	}
	appendMoment(&o, "first_at", e.First)
	appendMoment(&o, "last_at", e.Last)
	if e.ISNKnown {
		o.uint("isn", uint64(e.ISN))
	}
	if e.HasMSS {
		o.uint("mss", uint64(e.MSS))
	}
	if e.HasWindowScale {
		o.uint("window_scale", uint64(e.WindowScale))
	}
	if e.Syn > 0 { // the options that say so travel on a SYN only, and may be cut off it
		whole := e.TruncatedPackets == 0
		if whole || e.SACKPermitted {
			o.bool("sack", e.SACKPermitted)
		}
		if whole || e.Timestamps {
			o.bool("timestamps", e.Timestamps)
		}
	}
	if e.Packets > 0 {
		o.uint("ttl", uint64(e.TTL))
	}
	return o.end()
}

func appendFindings(b []byte, fs []anomaly.Finding) []byte {
	list := beginList(b)
	for i := range fs {
		f := &fs[i]
		o := begin(list.next())
		o.word("slug", f.Kind.Slug)
		o.word("severity", f.Severity.String())
		o.word("confidence", f.Confidence.String())
		if f.At != 0 {
			o.time("at", f.At)
		}
		if f.HasRole {
			o.word("endpoint", f.Role.String())
		}
		if len(f.Packets) > 0 {
			o.key("packets")
			in := beginList(o.b)
			for _, n := range f.Packets {
				in.uint(n)
			}
			o.b = in.end()
		}
		if f.Evidence != "" {
			o.str("evidence", f.Evidence)
		}
		if f.Detail {
			o.bool("detail", true)
		}
		list.b = o.end()
	}
	return list.end()
}
