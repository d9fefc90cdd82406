package main

import (
	"fmt"
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
		picks.offer(r)
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
			again.offer(numbered(port))
		}
		if _, err := again.result(); err != nil {
			t.Errorf("a listed ID cannot be chosen: %v", err)
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
