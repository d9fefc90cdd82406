package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/report"
	"github.com/tcplife/tcplife/tracker"
)

// numbered returns a record like no other.
func numbered(port uint16) report.Record {
	return report.Record{Connection: &tracker.Connection{
		Flow:        segment.Flow{A: segment.Endpoint{Port: port}, B: segment.Endpoint{Port: 443}},
		Incarnation: 1,
	}}
}

// TestAmbiguousPrefix: the candidates are listed, each with enough digits to be chosen.
func TestAmbiguousPrefix(t *testing.T) {
	first := numbered(1)
	picks, err := newSelection(strings.ToUpper(first.ID()[:1]), 0)
	if err != nil {
		t.Fatal(err)
	}
	var same []string
	for port := range uint16(2000) {
		r := numbered(port)
		picks.offer(&r)
		if r.ID()[0] == first.ID()[0] {
			same = append(same, r.ID())
		}
	}
	_, err = picks.result()
	want := fmt.Sprintf("%d connections begin with %q: ", len(same), first.ID()[:1])
	if err == nil || !strings.HasPrefix(err.Error(), want) || !strings.HasSuffix(err.Error(), fmt.Sprintf(" and %d more", len(same)-maxNamed)) {
		t.Fatalf("result says %v, want it to begin with %q", err, want)
	}
	list, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), want), " and ")
	for _, id := range strings.Split(list, ", ") {
		again, err := newSelection(id, 0)
		if err != nil {
			t.Fatal(err)
		}
		for port := range uint16(2000) {
			r := numbered(port)
			again.offer(&r)
		}
		if _, err := again.result(); err != nil {
			t.Errorf("a listed ID cannot be chosen: %v", err)
		}
	}
}

// TestSpellingsOfAPair: what this program, ss or tcpdump print can be pasted.
func TestSpellingsOfAPair(t *testing.T) {
	want, err := newSelection("10.0.0.1:40000-10.0.0.2:80", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{
		"10.0.0.2:80-10.0.0.1:40000", "10.0.0.1:40000 → 10.0.0.2:80", "10.0.0.1:40000->10.0.0.2:80",
		"10.0.0.1:40000 10.0.0.2:80", "10.0.0.1:40000, 10.0.0.2:80", "10.0.0.1.40000 > 10.0.0.2.80", "10.0.0.2.80 > 10.0.0.1.40000:",
	} {
		got, err := newSelection(s, 0)
		if err != nil {
			t.Error(err)
		} else if *got.pair != *want.pair {
			t.Errorf("%s: %v", s, *got.pair)
		}
	}
	for _, s := range []string{"10.0.0.1:40000", "10.0.0.1-10.0.0.2", "10.0.0.1.70000 > 10.0.0.2.80", "a:1-b:2", "10.0.0.1:1-10.0.0.2:2-10.0.0.3:3"} {
		if _, err := newSelection(s, 0); err == nil {
			t.Errorf("%s is no pair", s)
		}
	}
}

// TestWorstIsTheTablesOrder: show --worst picks and orders as the table's default does.
func TestWorstIsTheTablesOrder(t *testing.T) {
	var all []report.Record
	for port := range uint16(40) {
		r := numbered(port)
		r.Close = tracker.Close(port) % (tracker.CloseOpenAtEnd + 1)
		r.Endpoints[tracker.Client].PayloadBytes = uint64(port*7) % 5
		r.First = tracker.Mark{Packet: uint64(port) + 1, At: int64(port)}
		all = append(all, r)
	}
	picks, err := newSelection("", 5)
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		picks.offer(&all[i*7%len(all)]) // in another order
	}
	slices.SortFunc(all, func(a, b report.Record) int { return report.Worse(&a, &b) })
	got, err := picks.result()
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		if got[i].ID() != all[i].ID() {
			t.Errorf("place %d: connection of packet %d, want that of packet %d", i+1, got[i].First.Packet, all[i].First.Packet)
		}
	}
}

// TestIPv6Pair: both ends may be IPv6, and their order does not matter.
func TestIPv6Pair(t *testing.T) {
	a, err := newSelection("[fd00::1]:40000-[fd00::2]:80", 0)
	if err != nil {
		t.Fatal(err)
	}
	b, err := newSelection("[fd00::2]:80-[fd00::1]:40000", 0)
	if err != nil {
		t.Fatal(err)
	}
	if *a.pair != *b.pair {
		t.Errorf("%v and %v differ", *a.pair, *b.pair)
	}
}
