package truth

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// Score counts how much of the truth was found; scores of captures add up.
//
// What counts are the transitions that happened while the capture ran. Those
// the truth marks silent are optional: reporting them is right, not reporting
// them is no error. Times of virtual ones are not compared.
type Score struct {
	Connections, Found, Invented int
	Endpoints, Exact             int

	Required, RequiredMatched int // transitions a capture can show, and those found
	Reported, Matched         int
	Errors                    []float64 // seconds between a matched transition and its truth

	OwnerRight, FirstRight, EndingRight int // connections: TIME_WAIT's owner, who closed first, how it ended

	Missing, Extra map[string]int // "FIN_WAIT_1 -> CLOSING": how often
	Wrong          map[string]int // extra ones by the certainty they claimed
	Graded         map[string]int // reported ones by the certainty they claimed
	Inexact        []string       // every endpoint that is not exact: "label client", "label server"
	Details        []string       // the same with both paths
}

// Evaluate scores what a tool made of one capture. With primary, the truth is
// that of the primary capture's window, else of the complete captures'.
func Evaluate(d *Document, outputs []Output, label string, primary bool) *Score {
	s := &Score{Missing: map[string]int{}, Extra: map[string]int{}, Wrong: map[string]int{}, Graded: map[string]int{}}
	window := d.PointsWindow
	if primary {
		window = d.CaptureWindow
	}
	pairs, invented := pairUp(truthPaths(d, window), outputPaths(outputs))
	for _, p := range pairs {
		s.connection(p[0], p[1], label)
	}
	s.Invented = len(invented)
	for _, p := range invented {
		s.Details = append(s.Details, fmt.Sprintf("%s invented %s - %s", label, p.client, p.server))
	}
	return s
}

func truthPaths(d *Document, window [2]float64) []*path {
	var out []*path
	for _, c := range d.Connections {
		address := map[string]string{"client": c.Client, "server": c.Server}
		var moves []move
		for _, t := range c.Transitions {
			if t.At < window[0] {
				continue
			}
			moves = append(moves, move{
				at: t.At, address: address[t.Endpoint], from: t.From, to: t.To,
				optional: t.Silent || t.At > window[1],
				timed:    !t.Silent && !t.Virtual,
				unsent:   t.Unsent,
			})
		}
		if len(moves) == 0 {
			continue
		}
		p := newPath(c.Client, c.Server, moves)
		p.forged = set{}
		for _, end := range c.Forged {
			p.forged[address[end]] = true
		}
		out = append(out, p)
	}
	return out
}

func outputPaths(outputs []Output) []*path {
	var out []*path
	for _, o := range outputs {
		var moves []move
		for _, t := range o.Transitions {
			if t.From == "UNKNOWN" {
				continue
			}
			address := o.Server
			if t.Client {
				address = o.Client
			}
			moves = append(moves, move{at: t.At, address: address, from: t.From, to: t.To, grade: t.Grade})
		}
		out = append(out, newPath(o.Client, o.Server, moves))
	}
	return out
}

// pairUp gives each connection of the truth its output, or nil, and returns the
// outputs left over. Those of one 4-tuple are paired in order when there are
// equally many, else each with the nearest in time.
func pairUp(truth, output []*path) (pairs [][2]*path, rest []*path) {
	group := func(paths []*path) map[[2]string][]*path {
		by := map[[2]string][]*path{}
		for _, p := range paths {
			by[p.pair()] = append(by[p.pair()], p)
		}
		for _, group := range by {
			slices.SortStableFunc(group, func(a, b *path) int { return cmp.Compare(a.start(), b.start()) })
		}
		return by
	}
	found := group(output)
	for pair, expected := range group(truth) {
		candidates := found[pair]
		if len(candidates) == len(expected) {
			for i, p := range expected {
				pairs = append(pairs, [2]*path{p, candidates[i]})
			}
			delete(found, pair)
			continue
		}
		for _, p := range expected {
			nearest := -1
			for i, c := range candidates {
				if nearest < 0 || math.Abs(c.start()-p.start()) < math.Abs(candidates[nearest].start()-p.start()) {
					nearest = i
				}
			}
			if nearest < 0 {
				pairs = append(pairs, [2]*path{p, nil})
				continue
			}
			pairs = append(pairs, [2]*path{p, candidates[nearest]})
			candidates = slices.Delete(candidates, nearest, nearest+1)
		}
		found[pair] = candidates
	}
	for _, left := range found {
		rest = append(rest, left...)
	}
	return pairs, rest
}

func (s *Score) connection(truth, output *path, label string) {
	s.Connections++
	if output == nil {
		output = newPath(truth.client, truth.server, nil)
	} else {
		s.Found++
	}
	for _, address := range truth.pair() {
		if !truth.forged[address] {
			if !s.endpoint(truth.of(address), output.of(address), label+" "+address) {
				role := "server"
				if address == truth.client {
					role = "client"
				}
				s.Inexact = append(s.Inexact, label+" "+role)
			}
		}
	}
	output = output.only(func(m move) bool { return !truth.forged[m.address] })
	observable := truth.only(func(m move) bool { return !m.optional })

	owners := output.timeWaitOwners()
	if maps.Equal(owners, truth.timeWaitOwners()) || maps.Equal(owners, observable.timeWaitOwners()) {
		s.OwnerRight++
	}
	expected := truth.closedFirst()
	maps.Copy(expected, observable.closedFirst())
	if agree(output.closedFirst(), expected) {
		s.FirstRight++
	}
	if e := output.ending(); e == truth.ending() || e == observable.ending() {
		s.EndingRight++
	}
}

func agree(found, expected set) bool {
	for address := range found {
		if expected[address] {
			return true
		}
	}
	return len(found) == 0 && len(expected) == 0
}

// endpoint scores one end's path and reports whether it is exact.
func (s *Score) endpoint(expected, reported []move, label string) (exact bool) {
	if joined, ok := asSent(expected); ok && len(align(joined, reported)) == len(reported) {
		expected = joined
	}
	hit := make([]bool, len(reported))
	seen := make([]bool, len(expected))
	for _, m := range align(expected, reported) {
		seen[m[0]], hit[m[1]] = true, true
		if expected[m[0]].timed {
			s.Errors = append(s.Errors, math.Abs(reported[m[1]].at-expected[m[0]].at))
		}
		s.Matched++
	}
	exact = true
	for i, m := range expected {
		if m.optional {
			continue
		}
		s.Required++
		if seen[i] {
			s.RequiredMatched++
			continue
		}
		s.Missing[m.from+" -> "+m.to]++
		exact = false
	}
	for j, m := range reported {
		s.Graded[m.grade]++
		if !hit[j] {
			s.Extra[m.from+" -> "+m.to]++
			s.Wrong[m.grade]++
			exact = false
		}
	}
	s.Endpoints++
	s.Reported += len(reported)
	if exact {
		s.Exact++
		return true
	}
	s.Details = append(s.Details, fmt.Sprintf("%s\n    truth:  %s\n    output: %s", label, text(expected), text(reported)))
	return false
}

func text(moves []move) string {
	if len(moves) == 0 {
		return "-"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%.3f)", moves[0].from, moves[0].at)
	for i, m := range moves {
		if i > 0 && m.from != moves[i-1].to {
			fmt.Fprintf(&b, " | %s", m.from)
		}
		fmt.Fprintf(&b, " -> %s", m.to)
		if m.optional {
			b.WriteByte('?')
		}
		fmt.Fprintf(&b, " (+%.3f)", m.at-moves[0].at)
	}
	return b.String()
}

// Add adds another score to s.
func (s *Score) Add(o *Score) {
	s.Connections += o.Connections
	s.Found += o.Found
	s.Invented += o.Invented
	s.Endpoints += o.Endpoints
	s.Exact += o.Exact
	s.Required += o.Required
	s.RequiredMatched += o.RequiredMatched
	s.Reported += o.Reported
	s.Matched += o.Matched
	s.Errors = append(s.Errors, o.Errors...)
	s.OwnerRight += o.OwnerRight
	s.FirstRight += o.FirstRight
	s.EndingRight += o.EndingRight
	s.Inexact = append(s.Inexact, o.Inexact...)
	s.Details = append(s.Details, o.Details...)
	for _, m := range [][2]*map[string]int{
		{&s.Missing, &o.Missing}, {&s.Extra, &o.Extra}, {&s.Wrong, &o.Wrong}, {&s.Graded, &o.Graded},
	} {
		if *m[0] == nil {
			*m[0] = map[string]int{}
		}
		for name, n := range *m[1] {
			(*m[0])[name] += n
		}
	}
}

// TimeError returns the q-th quantile of the time errors in seconds, 0 without any.
func (s *Score) TimeError(q float64) float64 {
	if len(s.Errors) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s.Errors))
	return sorted[min(len(sorted)-1, int(float64(len(sorted))*q))]
}

// String returns the score as a table.
func (s *Score) String() string {
	var b strings.Builder
	share := func(name string, n, of int) {
		percent := 100.0
		if of > 0 {
			percent = 100 * float64(n) / float64(of)
		}
		fmt.Fprintf(&b, "%-32s %6.2f %%  (%d of %d)\n", name, percent, n, of)
	}
	share("connections found", s.Found, s.Connections)
	fmt.Fprintf(&b, "%-32s %d\n", "connections invented", s.Invented)
	share("endpoints exact", s.Exact, s.Endpoints)
	share("transition recall", s.RequiredMatched, s.Required)
	share("transition precision", s.Matched, s.Reported)
	fmt.Fprintf(&b, "%-32s %.3f / %.3f / %.1f ms\n", "time error median / p99 / max",
		1000*s.TimeError(0.5), 1000*s.TimeError(0.99), 1000*s.TimeError(1))
	share("TIME_WAIT owner", s.OwnerRight, s.Connections)
	share("closed first", s.FirstRight, s.Connections)
	share("ending", s.EndingRight, s.Connections)
	for _, grade := range slices.Sorted(maps.Keys(s.Graded)) {
		fmt.Fprintf(&b, "%-32s %d of %d wrong\n", "transitions "+grade, s.Wrong[grade], s.Graded[grade])
	}
	for _, part := range []struct {
		name   string
		counts map[string]int
	}{{"missed", s.Missing}, {"invented", s.Extra}} {
		names := slices.SortedFunc(maps.Keys(part.counts), func(a, b string) int {
			return cmp.Or(cmp.Compare(part.counts[b], part.counts[a]), strings.Compare(a, b))
		})
		for _, name := range names[:min(12, len(names))] {
			fmt.Fprintf(&b, "%-9s %5d  %s\n", part.name, part.counts[name], name)
		}
	}
	return b.String()
}
