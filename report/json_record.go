package report

import (
	"slices"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/report/anomaly"
	"github.com/tcplife/tcplife/tracker"
)

// SchemaConnection names the form of a connection's object; it changes only when a
// field changes its meaning.
const SchemaConnection = "tcplife/connection/1"

// roomForRecord is more than most records take: the buffer grows at most once a record.
const roomForRecord = 8 << 10

// record appends the record as one JSON object. Members that always stand together are one literal.
func (e *encoder) record(b []byte, r *Record) []byte {
	c := r.Connection
	b = slices.Grow(b, roomForRecord)
	b = append(b, `{"schema":"`+SchemaConnection+`","id":"`...)
	b = r.appendID(b)
	b = append(b, `","community_id":"`...)
	b = r.appendCommunityID(b)
	b = append(b, `","incarnation":`...)
	b = appendUint(b, uint64(c.Incarnation))
	client, server := r.ends()
	b = appendEnd(append(b, `,"client":{"ip":"`...), client)
	b = appendEnd(append(b, `,"server":{"ip":"`...), server)
	b = append(b, `,"direction":{"by":"`...)
	b = append(b, c.DirectionBy.String()...)
	b = append(b, `","certainty":"`...)
	b = append(b, c.DirectionBy.Certainty().String()...)
	b = append(b, `"}`...)
	b = e.way(b, c)
	if c.First.Seen() {
		b = e.packet(append(b, `,"first_packet":{"number":`...), c.First, c.FirstFile)
	}
	if c.Last.Seen() {
		b = e.packet(append(b, `,"last_packet":{"number":`...), c.Last, c.LastFile)
	}
	b = e.moment(b, `,"opened_at":"`, c.Opened)
	b = e.moment(b, `,"closed_at":"`, c.Closed)
	b = append(b, `,"duration_s":`...)
	b = appendSeconds(b, lasted(c))
	b = append(b, `,"open":"`...)
	b = append(b, c.Open.String()...)
	b = append(b, `","close":"`...)
	b = append(b, c.Close.String()...)
	if by := c.ClosedBy.String(); hasCloser(c.Close) && by != "" {
		b = append(b, `","closed_by":"`...)
		b = append(b, by...)
	}
	if phase := c.Phase.String(); phase != "" {
		b = append(b, `","phase":"`...)
		b = append(b, phase...)
	}
	b = append(b, `","end_reason":"`...)
	b = append(b, endReason(c.EndReason)...)
	b = append(b, '"')
	if c.RTT > 0 {
		b = append(b, `,"rtt_s":`...)
		b = appendSeconds(b, int64(c.RTT))
	}
	b = append(b, `,"states":{"client":"`...)
	b = append(b, c.Endpoints[tracker.Client].State.String()...)
	b = append(b, `","server":"`...)
	b = append(b, c.Endpoints[tracker.Server].State.String()...)
	b = append(b, `"},"transitions":`...)
	b = e.transitions(b, c.Transitions)
	b = e.handshake(b, &c.Handshake)
	b = e.timeWait(b, c)
	b = e.endpoint(append(b, `,"endpoints":{"client":`...), &c.Endpoints[tracker.Client])
	b = e.endpoint(append(b, `,"server":`...), &c.Endpoints[tracker.Server])
	b = append(b, '}')
	b = appendMember(b, `,"facts_dropped":`, uint64(c.FactsDropped))
	b = appendMember(b, `,"ranges_dropped":`, uint64(c.RangesDropped))
	b = append(b, `,"findings":`...)
	b = e.findings(b, r.Findings)
	return append(b, '}')
}

// appendEnd appends address and port, and closes their object.
func appendEnd(b []byte, end *segment.Endpoint) []byte {
	b = append(appendIP(b, &end.IP), `","port":`...)
	return append(appendUint(b, uint64(end.Port)), '}')
}

// appendMember appends a member unless it is zero: for what rarely happens.
func appendMember(b []byte, name string, n uint64) []byte {
	if n == 0 {
		return b
	}
	return appendUint(append(b, name...), n)
}

// appendIf appends a member that says what is not usual.
func appendIf(b []byte, member string, is bool) []byte {
	if !is {
		return b
	}
	return append(b, member...)
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

// moment appends a member, name and opening quote first, unless the moment never came.
func (e *encoder) moment(b []byte, name string, m tracker.Mark) []byte {
	if !known(m) {
		return b
	}
	return append(e.time(append(b, name...), m.At), '"')
}

// packet appends a packet's number, time and file, and closes their object.
func (e *encoder) packet(b []byte, m tracker.Mark, file uint32) []byte {
	b = append(appendUint(b, m.Packet), `,"at":"`...)
	b = e.time(b, m.At)
	if path := e.path(file); len(path) > 0 {
		b = append(append(b, `","file":`...), path...)
		return append(b, '}')
	}
	return append(b, `"}`...)
}

// way appends the path of the client's segments, and that of the server's if it is another.
func (e *encoder) way(b []byte, c *tracker.Connection) []byte {
	there, back := ways(c)
	if there == segment.PlainPath && back == segment.PlainPath || e.names.Paths == nil {
		return b
	}
	b = e.appendPath(append(b, `,"path":{`...), there)
	if back != there {
		if b[len(b)-1] != '{' {
			b = append(b, ',')
		}
		b = append(e.appendPath(append(b, `"return":{`...), back), '}')
	}
	return append(b, '}')
}

// appendPath appends the members of a path: none for plain traffic.
func (e *encoder) appendPath(b []byte, id uint32) []byte {
	p := e.names.Paths.Path(id)
	begin := len(b)
	if ids := p.VLANs(); len(ids) > 0 {
		b = append(b, `"vlan":[`...)
		for _, id := range ids {
			b = append(appendUint(b, uint64(id)), ',')
		}
		b = closeList(b)
	}
	if tunnel := p.Tunnel(); tunnel != "" {
		if len(b) > begin {
			b = append(b, ',')
		}
		b = append(append(append(b, `"tunnel":"`...), tunnel...), '"')
	}
	return b
}

// closeList ends a list whose elements have a comma behind each.
func closeList(b []byte) []byte {
	if last := len(b) - 1; b[last] == ',' {
		b[last] = ']'
		return b
	}
	return append(b, ']')
}

func (e *encoder) transitions(b []byte, ts []tracker.Transition) []byte {
	b = append(b, '[')
	for i := range ts {
		t := &ts[i]
		b = append(b, `{"at":"`...)
		b = e.time(b, t.At)
		b = append(b, '"')
		b = appendMember(b, `,"packet":`, t.Packet)
		b = append(b, e.step(t)...)
	}
	return closeList(b)
}

func (e *encoder) handshake(b []byte, h *tracker.Handshake) []byte {
	if !h.Syn.Seen() && !h.SynAck.Seen() && !h.Ack.Seen() {
		return b
	}
	b = append(b, `,"handshake":`...)
	start := len(b) // each member has a comma before it, the first one's becomes the brace
	b = e.moment(b, `,"syn_at":"`, h.Syn)
	b = e.moment(b, `,"syn_ack_at":"`, h.SynAck)
	b = e.moment(b, `,"ack_at":"`, h.Ack)
	if d, ok := h.RTTServer(); ok {
		b = appendSeconds(append(b, `,"rtt_server_s":`...), int64(d))
	}
	if d, ok := h.RTTClient(); ok {
		b = appendSeconds(append(b, `,"rtt_client_s":`...), int64(d))
	}
	if h.Syn.Seen() {
		b = appendUint(append(b, `,"syn_retries":`...), uint64(h.SynRetries))
	}
	if h.SynAck.Seen() {
		b = appendUint(append(b, `,"syn_ack_retries":`...), uint64(h.SynAckRetries))
	}
	b[start] = '{'
	return append(b, '}')
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

// timeWait appends who held TIME_WAIT; if both did, "endpoints" has each stay.
func (e *encoder) timeWait(b []byte, c *tracker.Connection) []byte {
	w, ok := timeWaitOf(c)
	if !ok {
		return b
	}
	b = append(append(b, `,"time_wait":{"holder":"`...), w.holder...)
	b = e.stay(append(b, `","since":"`...), w.since, w.until, w.restarts, w.endedBy)
	if w.holder == "both" {
		for role := tracker.Client; role <= tracker.Server; role++ {
			name := `,"endpoints":{"client":{"since":"`
			if role == tracker.Server {
				name = `},"server":{"since":"`
			}
			t := &c.Endpoints[role].TimeWait
			b = e.stay(append(b, name...), t.Since.At, t.Until, t.Restarts, t.EndedBy)
		}
		b = append(b, `}}`...)
	}
	return append(b, '}')
}

// stay appends what follows "since" of a stay in TIME_WAIT.
func (e *encoder) stay(b []byte, since, until int64, restarts int, by tracker.TimeWaitEnd) []byte {
	b = append(e.time(b, since), `","until":"`...)
	b = append(e.time(b, until), `","restarts":`...)
	b = append(appendUint(b, uint64(restarts)), `,"ended_by":"`...)
	return append(append(b, by.String()...), '"')
}

// silent is the object of an endpoint that sent nothing.
const silent = `{"packets":0,"bytes":0,"payload_bytes":0,"stream_bytes":0` + nothingAmiss + `,"syn":0,"fin":0,"rst":0}`

// nothingAmiss are the members that are zero as long as all goes well.
const nothingAmiss = `,"retransmitted_packets":0,"retransmitted_bytes":0,"out_of_order_packets":0,"duplicate_packets":0,` +
	`"missing_bytes":0,"unseen_acks":0,"unacked_bytes":0,"zero_windows":0,"keepalives":0`

func (e *encoder) endpoint(b []byte, n *tracker.Endpoint) []byte {
	if n.Packets == 0 && *n == (tracker.Endpoint{State: n.State}) {
		return append(b, silent...)
	}
	b = appendUint(append(b, `{"packets":`...), n.Packets)
	b = appendUint(append(b, `,"bytes":`...), n.Bytes)
	b = appendUint(append(b, `,"payload_bytes":`...), n.PayloadBytes)
	b = appendUint(append(b, `,"stream_bytes":`...), n.StreamBytes)
	b = appendAmiss(b, n)
	if n.Syn == 1 && n.Fin|n.Rst == 0 {
		b = append(b, `,"syn":1,"fin":0,"rst":0`...)
	} else {
		b = appendUint(append(b, `,"syn":`...), n.Syn)
		b = appendUint(append(b, `,"fin":`...), n.Fin)
		b = appendUint(append(b, `,"rst":`...), n.Rst)
	}
	b = appendMember(b, `,"checksum_bad":`, n.ChecksumBad)
	b = appendMember(b, `,"truncated_packets":`, n.TruncatedPackets)
	b = appendMember(b, `,"fragmented_packets":`, n.FragmentedPackets)
	if n.Lost.Any() {
		b = appendMember(b, `,"lost_behind_tap_packets":`, n.Lost.Behind.Packets)
		b = appendMember(b, `,"lost_behind_tap_bytes":`, n.Lost.Behind.Bytes)
		b = appendMember(b, `,"lost_before_tap_packets":`, n.Lost.Before.Packets)
		b = appendMember(b, `,"lost_before_tap_bytes":`, n.Lost.Before.Bytes)
	}
	b = appendMember(b, `,"spurious_retransmissions":`, n.Lost.Spurious.Packets)
	if n.Fin > 0 {
		b = e.moment(b, `,"fin_at":"`, n.FinSent)
		b = appendBool(append(b, `,"fin_acked":`...), n.FinAcked)
	}
	b = appendIf(b, `,"window_closed":true`, n.WindowZeroAtLast)
	b = e.moment(b, `,"first_at":"`, n.First)
	b = e.moment(b, `,"last_at":"`, n.Last)
	if n.ISNKnown {
		b = appendUint(append(b, `,"isn":`...), uint64(n.ISN))
	}
	if n.HasMSS {
		b = appendUint(append(b, `,"mss":`...), uint64(n.MSS))
	}
	if n.HasWindowScale {
		b = appendUint(append(b, `,"window_scale":`...), uint64(n.WindowScale))
	}
	if n.Syn > 0 { // the options that say so travel on a SYN only, and may be cut off it
		whole := n.TruncatedPackets == 0
		if whole || n.SACKPermitted {
			b = appendBool(append(b, `,"sack":`...), n.SACKPermitted)
		}
		if whole || n.Timestamps {
			b = appendBool(append(b, `,"timestamps":`...), n.Timestamps)
		}
		b = appendIf(b, `,"ecn":true`, n.ECN)
		b = appendIf(b, `,"mptcp":true`, n.MPTCP)
		b = appendIf(b, `,"fast_open":true`, n.FastOpen)
		b = appendIf(b, `,"authenticated":true`, n.Authenticated)
	}
	if n.Packets > 0 {
		b = appendUint(append(b, `,"ttl":`...), uint64(n.TTL))
	}
	return append(b, '}')
}

// appendAmiss appends the members of nothingAmiss.
func appendAmiss(b []byte, n *tracker.Endpoint) []byte {
	if n.RetransmittedPackets|n.RetransmittedBytes|n.OutOfOrderPackets|n.DuplicatePackets|
		n.MissingBytes|n.UnseenAcks|n.UnackedBytes|n.ZeroWindows|n.Keepalives == 0 {
		return append(b, nothingAmiss...)
	}
	b = appendUint(append(b, `,"retransmitted_packets":`...), n.RetransmittedPackets)
	b = appendUint(append(b, `,"retransmitted_bytes":`...), n.RetransmittedBytes)
	b = appendUint(append(b, `,"out_of_order_packets":`...), n.OutOfOrderPackets)
	b = appendUint(append(b, `,"duplicate_packets":`...), n.DuplicatePackets)
	b = appendUint(append(b, `,"missing_bytes":`...), n.MissingBytes)
	b = appendUint(append(b, `,"unseen_acks":`...), n.UnseenAcks)
	b = appendUint(append(b, `,"unacked_bytes":`...), n.UnackedBytes)
	b = appendUint(append(b, `,"zero_windows":`...), n.ZeroWindows)
	return appendUint(append(b, `,"keepalives":`...), n.Keepalives)
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, "true"...)
	}
	return append(b, "false"...)
}

func (e *encoder) findings(b []byte, fs []anomaly.Finding) []byte {
	b = append(b, '[')
	for i := range fs {
		f := &fs[i]
		b = append(append(b, `{"slug":"`...), f.Kind.Slug...)
		b = append(append(b, `","severity":"`...), f.Severity.String()...)
		b = append(append(b, `","confidence":"`...), f.Confidence.String()...)
		b = append(b, '"')
		if f.At != 0 {
			b = append(e.time(append(b, `,"at":"`...), f.At), '"')
		}
		if f.HasRole {
			b = append(append(b, `,"endpoint":"`...), f.Role.String()...)
			b = append(b, '"')
		}
		if len(f.Packets) > 0 {
			b = append(b, `,"packets":[`...)
			for _, n := range f.Packets {
				b = append(appendUint(b, n), ',')
			}
			b = closeList(b)
		}
		if f.Evidence != "" {
			b = appendString(append(b, `,"evidence":`...), f.Evidence)
		}
		if f.Detail {
			b = append(b, `,"detail":true`...)
		}
		b = append(b, `},`...)
	}
	return closeList(b)
}
