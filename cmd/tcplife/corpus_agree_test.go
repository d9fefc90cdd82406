//go:build unix

package main

import (
	"bufio"
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
	"testing"
)

// verdict is what tshark says of a stream. Pairs are of the first sender and
// the other.
type verdict struct {
	Stream     int
	A, B       string
	AP, BP     uint16
	FirstFrame uint64 `json:"first_frame"`
	IRTT       string
	N, Bytes   [2]uint64
	Syn        [2]uint64
	SynAck     [2]uint64
	Fin, Rst   [2]uint64
	An         map[string]uint64
	Embedded   uint64 `json:"icmp_embedded"`
}

// agreement counts for each question how often tshark and the records say the
// same, and keeps the cases where they do not.
type agreement struct {
	questions []string
	same      map[string]int
	differ    map[string][]string
}

func newAgreement() *agreement {
	return &agreement{same: make(map[string]int), differ: make(map[string][]string)}
}

// answer notes an answer of ours beside tshark's.
func answer[T comparable](g *agreement, question, where string, ours, theirs T) {
	if !slices.Contains(g.questions, question) {
		g.questions = append(g.questions, question)
	}
	if ours == theirs {
		g.same[question]++
		return
	}
	g.differ[question] = append(g.differ[question], fmt.Sprintf("%s\tours %v\ttshark %v", where, ours, theirs))
}

// ends is a 4-tuple without direction.
type ends [2]netip.AddrPort

func endsOf(ipA string, portA uint16, ipB string, portB uint16) (ends, error) {
	a, err := netip.ParseAddr(ipA)
	if err != nil {
		return ends{}, err
	}
	b, err := netip.ParseAddr(ipB)
	if err != nil {
		return ends{}, err
	}
	e := ends{netip.AddrPortFrom(a.Unmap(), portA), netip.AddrPortFrom(b.Unmap(), portB)}
	if e[1].Compare(e[0]) < 0 {
		e[0], e[1] = e[1], e[0]
	}
	return e, nil
}

// compare holds the records of a capture beside tshark's streams, where the
// corpus has them.
func (g *agreement) compare(t *testing.T, root, path string, records []record) {
	t.Helper()
	verdicts, err := readVerdicts(filepath.Join(root, "verdicts", "tshark", path+".jsonl"))
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		t.Error(err)
		return
	}
	ours, theirs := make(map[ends][]record), make(map[ends][]verdict)
	for _, r := range records {
		e, err := endsOf(r.Client.IP, r.Client.Port, r.Server.IP, r.Server.Port)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return
		}
		ours[e] = append(ours[e], r)
	}
	for _, v := range verdicts {
		if v.Embedded >= v.N[0]+v.N[1] {
			continue // only quoted in ICMP errors, which makes no connection
		}
		e, err := endsOf(v.A, v.AP, v.B, v.BP)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return
		}
		theirs[e] = append(theirs[e], v)
	}
	for e, rs := range ours {
		if len(theirs[e]) == 0 {
			answer(g, "connections of a 4-tuple", fmt.Sprintf("%s\t%v %v", path, e[0], e[1]), len(rs), 0)
		}
	}
	for e, vs := range theirs {
		rs := ours[e]
		where := fmt.Sprintf("%s\t%v %v", path, e[0], e[1])
		answer(g, "connections of a 4-tuple", where, len(rs), len(vs))
		if len(rs) != len(vs) {
			continue
		}
		slices.SortFunc(rs, func(a, b record) int { return cmp.Compare(a.First.Number, b.First.Number) })
		slices.SortFunc(vs, func(a, b verdict) int { return cmp.Compare(a.FirstFrame, b.FirstFrame) })
		for i := range vs {
			g.stream(fmt.Sprintf("%s\tstream %d, ours %s", path, vs[i].Stream, rs[i].ID), &rs[i], &vs[i])
		}
	}
}

func (g *agreement) stream(where string, r *record, v *verdict) {
	client, server := r.Endpoints["client"], r.Endpoints["server"]
	if a, err := netip.ParseAddr(v.A); err != nil || a.String() != r.Client.IP || v.AP != r.Client.Port {
		client, server = server, client // now: the first sender and the other
	}
	if v.Embedded > 0 {
		return // tshark counts what ICMP errors quote among the stream's packets
	}
	answer(g, "first packet", where, r.First.Number, v.FirstFrame)
	if client.Duplicates+server.Duplicates > 0 {
		// Packets captured twice: tshark counts and judges each copy.
		answer(g, "packets, with copies", where,
			[2]uint64{client.Packets + client.Duplicates, server.Packets + server.Duplicates}, v.N)
		return
	}
	answer(g, "packets", where, [2]uint64{client.Packets, server.Packets}, v.N)
	answer(g, "payload bytes", where, [2]uint64{client.Payload, server.Payload}, v.Bytes)
	answer(g, "SYN", where, [2]uint64{client.Syn, server.Syn}, [2]uint64{v.Syn[0] + v.SynAck[0], v.Syn[1] + v.SynAck[1]})
	answer(g, "FIN", where, [2]uint64{client.Fin, server.Fin}, v.Fin)
	answer(g, "RST", where, [2]uint64{client.Rst, server.Rst}, v.Rst)
	g.direction(where, r, v)
	g.roundTrip(where, r, v)
	if v.N[0] > 0 && v.N[1] > 0 { // tshark does not look at ACKs of a side it never saw
		lost := v.An["lost_segment"]+v.An["ack_lost_segment"] > 0
		answer(g, "some bytes missing", where, client.Missing+server.Missing > 0, lost)
	}
	again := v.An["retransmission"]+v.An["spurious_retransmission"]+v.An["fast_retransmission"] > 0
	answer(g, "some packets sent again", where, client.Retransmitted+server.Retransmitted > 0, again)
	answer(g, "some packets out of order", where, client.OutOfOrder+server.OutOfOrder > 0, v.An["out_of_order"] > 0)
	answer(g, "some keep-alives", where, client.Keepalives+server.Keepalives > 0, v.An["keep_alive"] > 0)
}

// direction holds only where a SYN without a SYN in the other way, or a SYN-ACK
// likewise, leaves no doubt.
func (g *agreement) direction(where string, r *record, v *verdict) {
	fromA := v.Syn[0] > 0 && v.Syn[1] == 0 || v.SynAck[1] > 0 && v.SynAck[0] == 0
	fromB := v.Syn[1] > 0 && v.Syn[0] == 0 || v.SynAck[0] > 0 && v.SynAck[1] == 0
	if fromA == fromB {
		return
	}
	ip, port := v.A, v.AP
	if fromB {
		ip, port = v.B, v.BP
	}
	if a, err := netip.ParseAddr(ip); err == nil {
		ip = a.String()
	}
	answer(g, "client", where, r.Client, address{ip, port})
}

// roundTrip compares tshark's time from SYN to ACK, which is our two parts. It
// also measures to the RST of a refusal, and takes a time of 0 for none: it then
// measures to a later packet.
func (g *agreement) roundTrip(where string, r *record, v *verdict) {
	const tolerance = 1e-6 // seconds: tshark rounds
	theirs, err := strconv.ParseFloat(v.IRTT, 64)
	h := r.Handshake
	switch {
	case v.SynAck == [2]uint64{}:
	case h.RTTServer != nil && h.RTTClient != nil && *h.RTTServer+*h.RTTClient == 0:
	case err != nil && (h.RTTServer == nil || h.RTTClient == nil):
	case err != nil:
		answer(g, "handshake RTT", where, fmt.Sprint(*h.RTTServer+*h.RTTClient), "none")
	case h.RTTServer == nil || h.RTTClient == nil:
		answer(g, "handshake RTT", where, "none", v.IRTT)
	case math.Abs(*h.RTTServer+*h.RTTClient-theirs) > tolerance:
		answer(g, "handshake RTT", where, fmt.Sprint(*h.RTTServer+*h.RTTClient), v.IRTT)
	default:
		answer(g, "handshake RTT", where, "", "")
	}
}

// log prints the table of agreement, and all cases where TCPLIFE_CORPUS_CASES
// names a file for them.
func (g *agreement) log(t *testing.T) {
	t.Helper()
	for _, q := range g.questions {
		same, all := g.same[q], g.same[q]+len(g.differ[q])
		t.Logf("%-26s %6d of %6d as tshark says, %6.2f %%", q, same, all, 100*float64(same)/float64(all))
	}
	name := os.Getenv("TCPLIFE_CORPUS_CASES")
	if name == "" {
		return
	}
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	for _, q := range g.questions {
		slices.Sort(g.differ[q])
		for _, line := range g.differ[q] {
			fmt.Fprintf(w, "%s\t%s\n", q, line)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
}

func readVerdicts(path string) ([]verdict, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []verdict
	for d := json.NewDecoder(f); d.More(); {
		var v verdict
		if err := d.Decode(&v); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		all = append(all, v)
	}
	return all, nil
}
