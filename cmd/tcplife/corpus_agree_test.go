//go:build unix

package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// verdict is what tshark says of a stream. Pairs are of the first sender and
// the other.
type verdict struct {
	Stream     int
	A, B       string
	AP, BP     uint16
	FirstFrame uint64 `json:"first_frame"`
	LastFrame  uint64 `json:"last_frame"`
	IRTT       string
	N, Bytes   pair
	Syn        pair
	SynAck     pair
	Fin, Rst   pair
	An         map[string]uint64
	Embedded   uint64 `json:"icmp_embedded"`
}

type pair [2]uint64

func (p pair) sum() uint64 { return p[0] + p[1] }

// String is for the reader of the table.
func (p pair) String() string { return fmt.Sprintf("%d and %d", p[0], p[1]) }

func (p pair) plus(o pair) pair { return pair{p[0] + o[0], p[1] + o[1]} }

// sender is the end that a verdict's pairs name first.
func (v *verdict) sender() netip.AddrPort { return addrPort(v.A, v.AP) }

func addrPort(ip string, port uint16) netip.AddrPort {
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a.Unmap(), port)
}

// ends is a 4-tuple without direction.
type ends [2]netip.AddrPort

func endsOf(a, b netip.AddrPort) ends {
	if b.Compare(a) < 0 {
		a, b = b, a
	}
	return ends{a, b}
}

func (v *verdict) ends() ends { return endsOf(addrPort(v.A, v.AP), addrPort(v.B, v.BP)) }

func (r *record) ends() ends {
	return endsOf(addrPort(r.Client.IP, r.Client.Port), addrPort(r.Server.IP, r.Server.Port))
}

// The questions, in the order of the table. Of the last four the two count so
// different things that only whether there is any is compared.
const (
	askConnections = "connections of a 4-tuple"
	askFirst       = "first packet"
	askPackets     = "packets"
	askPayload     = "payload bytes"
	askSyn         = "SYNs"
	askFin         = "FINs"
	askRst         = "RSTs"
	askClient      = "client"
	askRTT         = "handshake RTT"
	askMissing     = "bytes missing"
	askResent      = "sent again"
	askDisorder    = "out of order"
	askKeepAlive   = "keep-alives"
)

var questions = []string{
	askConnections, askFirst, askPackets, askPayload, askSyn, askFin, askRst, askClient, askRTT,
	askMissing, askResent, askDisorder, askKeepAlive,
}

// examined is a capture of the corpus: what the program and what tshark say of it.
type examined struct {
	path     string // within the corpus
	look     *look
	records  map[ends][]record // in order of their first packets
	verdicts map[ends][]verdict
}

// difference is an answer of ours that is not tshark's.
type difference struct {
	*examined
	question     string
	ends         ends
	record       *record  // nil where the question is of a 4-tuple
	verdict      *verdict // likewise
	ours, theirs string
	counts       [2]pair // the two answers where they are pairs
	class        *class  // nil: unexplained
	packet       uint64  // at which the difference is to be seen
}

// connection names it for a reader.
func (d *difference) connection() string {
	if d.verdict == nil {
		return fmt.Sprintf("%v and %v", d.ends[0], d.ends[1])
	}
	return fmt.Sprintf("stream %d", d.verdict.Stream)
}

// agreement counts for each question how often tshark and the records say the
// same, and keeps the cases where they do not.
type agreement struct {
	same   map[string]int
	differ []difference
}

func newAgreement() *agreement { return &agreement{same: make(map[string]int)} }

// answer notes an answer of ours beside tshark's. d says of what.
func answer[T comparable](g *agreement, d difference, question string, ours, theirs T) {
	if ours == theirs {
		g.same[question]++
		return
	}
	d.question, d.ours, d.theirs = question, fmt.Sprint(ours), fmt.Sprint(theirs)
	if p, ok := any(ours).(pair); ok {
		d.counts = [2]pair{p, any(theirs).(pair)}
	}
	d.class, d.packet = classOf(&d)
	d.record = nil // which was all that held on to the records
	g.differ = append(g.differ, d)
}

// compare holds the records of a capture beside tshark's streams.
func (g *agreement) compare(x *examined) {
	for _, e := range x.tuples() {
		rs, vs := x.records[e], x.verdicts[e]
		d := difference{examined: x, ends: e}
		answer(g, d, askConnections, len(rs), len(vs))
		if len(rs) != len(vs) {
			continue
		}
		for i := range vs {
			d.record, d.verdict = &rs[i], &vs[i]
			g.stream(d)
		}
	}
	x.look, x.records = nil, nil // what was to be looked up in them is
}

// tuples returns all 4-tuples of which either speaks, in a lasting order.
func (x *examined) tuples() []ends {
	var all []ends
	for e := range x.records {
		all = append(all, e)
	}
	for e := range x.verdicts {
		if _, ok := x.records[e]; !ok {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b ends) int { return cmp.Or(a[0].Compare(b[0]), a[1].Compare(b[1])) })
	return all
}

func (g *agreement) stream(d difference) {
	r, v := d.record, d.verdict
	a, b := r.Endpoints["client"], r.Endpoints["server"]
	if v.sender() != addrPort(r.Client.IP, r.Client.Port) {
		a, b = b, a // now: the first sender and the other
	}
	answer(g, d, askFirst, r.First.Number, v.FirstFrame)
	answer(g, d, askPackets, pair{a.Packets, b.Packets}, v.N)
	answer(g, d, askPayload, pair{a.Payload, b.Payload}, v.Bytes)
	answer(g, d, askSyn, pair{a.Syn, b.Syn}, v.Syn.plus(v.SynAck))
	answer(g, d, askFin, pair{a.Fin, b.Fin}, v.Fin)
	answer(g, d, askRst, pair{a.Rst, b.Rst}, v.Rst)
	g.direction(d)
	g.roundTrip(d)
	if v.N[0] > 0 && v.N[1] > 0 { // tshark does not look at ACKs of a side it never saw
		answer(g, d, askMissing, yes(a.Missing+b.Missing > 0), yes(v.has(markJump|markUnseenAck)))
	}
	answer(g, d, askResent, yes(a.Retransmitted+b.Retransmitted > 0), yes(v.has(markResent)))
	answer(g, d, askDisorder, yes(a.OutOfOrder+b.OutOfOrder > 0), yes(v.has(markDisorder)))
	answer(g, d, askKeepAlive, yes(a.Keepalives+b.Keepalives > 0), yes(v.has(markKeepAlive)))
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// has reports whether tshark gave any segment of the stream one of the marks.
func (v *verdict) has(m mark) bool {
	for name, its := range map[string]mark{
		"lost_segment": markJump, "ack_lost_segment": markUnseenAck, "retransmission": markResent,
		"spurious_retransmission": markResent, "fast_retransmission": markResent,
		"out_of_order": markDisorder, "keep_alive": markKeepAlive,
	} {
		if m&its != 0 && v.An[name] > 0 {
			return true
		}
	}
	return false
}

// direction holds only where a SYN without a SYN in the other way, or a SYN-ACK
// likewise, leaves no doubt.
func (g *agreement) direction(d difference) {
	v := d.verdict
	fromA := v.Syn[0] > 0 && v.Syn[1] == 0 || v.SynAck[1] > 0 && v.SynAck[0] == 0
	fromB := v.Syn[1] > 0 && v.Syn[0] == 0 || v.SynAck[0] > 0 && v.SynAck[1] == 0
	if fromA == fromB {
		return
	}
	client := v.sender()
	if fromB {
		client = addrPort(v.B, v.BP)
	}
	answer(g, d, askClient, addrPort(d.record.Client.IP, d.record.Client.Port), client)
}

// roundTrip compares tshark's time from SYN to ACK, which is our two parts.
func (g *agreement) roundTrip(d difference) {
	const tolerance = 1e-6 // seconds: tshark rounds
	h, ours, theirs := d.record.Handshake, "none", "none"
	if h.RTTServer != nil && h.RTTClient != nil {
		ours = strconv.FormatFloat(*h.RTTServer+*h.RTTClient, 'f', 9, 64)
	}
	if d.verdict.IRTT != "" {
		theirs = d.verdict.IRTT
	}
	if ours == "none" && theirs == "none" {
		return
	}
	a, errA := strconv.ParseFloat(ours, 64)
	b, errB := strconv.ParseFloat(theirs, 64)
	if errA == nil && errB == nil && math.Abs(a-b) <= tolerance {
		ours = theirs
	}
	answer(g, d, askRTT, ours, theirs)
}

// readVerdicts returns what tshark says of a capture's streams; ok is false
// where the corpus does not have it.
func readVerdicts(root, path string) (all []verdict, ok bool, err error) {
	f, err := os.Open(filepath.Join(root, "verdicts", "tshark", path+".jsonl"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	for d := json.NewDecoder(f); d.More(); {
		var v verdict
		if err := d.Decode(&v); err != nil {
			return nil, false, fmt.Errorf("tshark's verdict on %s: %w", path, err)
		}
		all = append(all, v)
	}
	return all, true, nil
}
