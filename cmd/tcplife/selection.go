package main

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
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
	flow, ok := parsePair(connection)
	if !ok {
		return nil, fmt.Errorf("--connection %s: neither the beginning of an ID, such as 9f0c, nor both ends, such as 10.0.0.1:40000-10.0.0.2:443 or [fd00::1]:40000-[fd00::2]:443", connection)
	}
	return &selection{pair: &flow}, nil
}

// parsePair reads both ends as this program, a shell user or tcpdump write them:
// a:p-b:q, "a:p → b:q", "a.p > b.q".
func parsePair(s string) (segment.Flow, bool) {
	ends := strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" ,-→>", r) })
	if len(ends) != 2 {
		return segment.Flow{}, false
	}
	from, okFrom := parseEnd(ends[0])
	to, okTo := parseEnd(strings.TrimSuffix(ends[1], ":")) // tcpdump goes on with a colon
	if !okFrom || !okTo {
		return segment.Flow{}, false
	}
	flow, _ := segment.FlowOf(from, to)
	return flow, true
}

func parseEnd(s string) (segment.Endpoint, bool) {
	if a, err := netip.ParseAddrPort(s); err == nil {
		return endpoint(a), true
	}
	i := strings.LastIndexByte(s, '.') // 10.0.0.1.443, fd00::1.443
	if i < 0 {
		return segment.Endpoint{}, false
	}
	ip, err := netip.ParseAddr(s[:i])
	port, errPort := strconv.ParseUint(s[i+1:], 10, 16)
	if err != nil || errPort != nil {
		return segment.Endpoint{}, false
	}
	return endpoint(netip.AddrPortFrom(ip, uint16(port))), true
}

func endpoint(a netip.AddrPort) segment.Endpoint {
	return segment.Endpoint{IP: segment.IPOf(a.Addr()), Port: a.Port()}
}

// offer keeps a copy of the record if it is asked for.
func (s *selection) offer(r *report.Record) {
	switch {
	case s.worst > 0:
		if len(s.picked) == s.worst && report.Worse(r, &s.picked[s.worst-1]) > 0 {
			return
		}
		s.picked = append(s.picked, r.Clone())
		slices.SortFunc(s.picked, func(a, b report.Record) int { return report.Worse(&a, &b) })
		s.picked = s.picked[:min(len(s.picked), s.worst)]
	case s.pair != nil:
		if r.Flow == *s.pair {
			s.keep(r)
		}
	case strings.HasPrefix(r.ID(), s.prefix):
		s.keep(r)
	}
}

func (s *selection) keep(r *report.Record) {
	s.matches++
	if len(s.picked) < maxNamed {
		s.picked = append(s.picked, r.Clone())
	}
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
