package main

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/report"
)

// maxNamed is how many connections a message lists, and how many with a common
// beginning of their IDs are kept for it.
const maxNamed = 8

// selection picks the connections to show, one record after the other.
type selection struct {
	prefix string        // beginning of an ID; "" if not asked by ID
	pair   *segment.Flow // both ends; nil if not asked by them
	worst  int           // how many of the worst; 0 if not asked for them

	picked  []report.Record
	matches int // records that match, also those not kept
}

// newSelection reads --connection: an ID's beginning or both ends in any order, a:p-b:q.
func newSelection(connection string, worst int) (*selection, error) {
	switch {
	case connection != "" && worst > 0:
		return nil, errors.New("--connection and --worst exclude each other")
	case worst < 0:
		return nil, errors.New("--worst: a number from 1 on")
	case worst > 0:
		return &selection{worst: worst}, nil
	case connection == "":
		return nil, errors.New("which connection? --connection ID or A:PORT-B:PORT, or --worst N; tcplife FILE lists them")
	}
	if id := strings.ToLower(connection); strings.Trim(id, "0123456789abcdef") == "" {
		return &selection{prefix: id}, nil
	}
	a, b, ok := strings.Cut(connection, "-")
	from, errA := netip.ParseAddrPort(a)
	to, errB := netip.ParseAddrPort(b)
	if !ok || errA != nil || errB != nil {
		return nil, fmt.Errorf("--connection %s: neither the beginning of an ID, such as 9f0c, nor both ends, such as 10.0.0.1:40000-10.0.0.2:443 or [fd00::1]:40000-[fd00::2]:443", connection)
	}
	flow, _ := segment.FlowOf(endpoint(from), endpoint(to))
	return &selection{pair: &flow}, nil
}

func endpoint(a netip.AddrPort) segment.Endpoint {
	return segment.Endpoint{IP: segment.IPOf(a.Addr()), Port: a.Port()}
}

// offer keeps the record if it is asked for.
func (s *selection) offer(r report.Record) {
	switch {
	case s.worst > 0:
		if r.Worst() == nil && len(s.picked) >= s.worst {
			return
		}
		s.picked = append(s.picked, r)
		slices.SortStableFunc(s.picked, worse)
		s.picked = s.picked[:min(len(s.picked), s.worst)]
	case s.pair != nil:
		if r.Flow == *s.pair {
			s.keep(r)
		}
	case strings.HasPrefix(r.ID(), s.prefix):
		s.keep(r)
	}
}

func (s *selection) keep(r report.Record) {
	s.matches++
	if len(s.picked) < maxNamed {
		s.picked = append(s.picked, r)
	}
}

// worse puts the worst finding first, then the surer one, then the earlier.
func worse(a, b report.Record) int {
	fa, fb := a.Worst(), b.Worst()
	switch {
	case fa == nil && fb == nil:
		return cmp.Compare(a.First.Packet, b.First.Packet)
	case fa == nil:
		return 1
	case fb == nil:
		return -1
	}
	return cmp.Or(cmp.Compare(fa.Severity, fb.Severity), cmp.Compare(fa.Confidence, fb.Confidence), cmp.Compare(a.First.Packet, b.First.Packet))
}

// result is what was picked, in the order to show it in, or why that is nothing or too much.
func (s *selection) result() ([]report.Record, error) {
	switch {
	case s.prefix != "" && s.matches > 1:
		return nil, fmt.Errorf("%d connections begin with %q: %s", s.matches, s.prefix, s.candidates())
	case s.pair != nil && s.matches > maxNamed:
		return nil, fmt.Errorf("%d connections between %s and %s: %s; choose by --connection ID", s.matches, s.pair.A, s.pair.B, s.candidates())
	case len(s.picked) > 0:
		return s.picked, nil
	case s.prefix != "":
		return nil, fmt.Errorf("no connection begins with %q; tcplife FILE --all lists them", s.prefix)
	case s.pair != nil:
		return nil, fmt.Errorf("no connection between %s and %s; tcplife FILE --all lists them", s.pair.A, s.pair.B)
	default:
		return nil, errors.New("there is no connection to show")
	}
}

// candidates lists IDs just long enough to be told apart.
func (s *selection) candidates() string {
	ids := make([]string, len(s.picked))
	for i := range s.picked {
		ids[i] = s.picked[i].ID()
	}
	slices.Sort(ids)
	const shortest = 6
	digits := shortest
	for i := 1; i < len(ids); i++ {
		common := 0
		for common < len(ids[i]) && ids[i][common] == ids[i-1][common] {
			common++
		}
		digits = max(digits, common+1)
	}
	for i := range ids {
		ids[i] = ids[i][:min(digits, len(ids[i]))]
	}
	list := strings.Join(ids, ", ")
	if more := s.matches - len(ids); more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return list
}
