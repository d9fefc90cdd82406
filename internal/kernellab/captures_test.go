package kernellab_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/tcplife/tcplife/internal/kernellab/truth"
)

// captures is what `kernellab run` wrote into the repository.
const captures = "../../testdata/pcap/kernel"

// floor is what a group's score must reach. These are the project's figures for
// captures that everybody has; they only ever go up.
type floor struct {
	exact float64 // share of endpoints with the whole state path right, percent
	owner float64 // share of connections with the TIME_WAIT owner right, percent
}

// floors are those of every group of scores.
var floors = map[string]floor{
	"scenarios":   {exact: 95, owner: 98},
	"chaos_clean": {exact: 98, owner: 99},
	"chaos_loss1": {exact: 96, owner: 98},
	"chaos_loss5": {exact: 94, owner: 96},
}

// ownExact is the floor of a host's own path in its own capture, percent.
const ownExact = 99

// TestCaptures holds the tracker to what the kernels of these captures did. With
// -v it prints the scores and both paths of every endpoint that is not exact.
func TestCaptures(t *testing.T) {
	hold(t, scoreFolder(t, captures))
}

// hold reports the scores and fails below the floors.
func hold(t *testing.T, s scores) {
	t.Helper()
	for _, group := range slices.Sorted(maps.Keys(s.everywhere)) {
		score := s.everywhere[group]
		t.Logf("%s\n%v", group, score)
		for _, line := range score.Details {
			t.Log(line)
		}
		want := floors[group]
		atLeast(t, group+": endpoints exact", score.Exact, score.Endpoints, want.exact)
		atLeast(t, group+": TIME_WAIT owner", score.OwnerRight, score.Connections, want.owner)
		atLeast(t, group+": connections found", score.Found, score.Connections, 99)
		if score.Invented > 0 {
			t.Errorf("%s: %d connections invented", group, score.Invented)
		}
	}
	atLeast(t, "a host's own path in its own capture", s.own.Exact, s.own.Endpoints, ownExact)
	if median := s.own.TimeError(0.5); median > 50e-6 {
		t.Errorf("time of transitions at a host's own tap: median error %.0f µs, want at most 50", median*1e6)
	}
	if p99 := s.own.TimeError(0.99); p99 > 1e-3 {
		t.Errorf("time of transitions at a host's own tap: p99 error %.0f µs, want at most 1000", p99*1e6)
	}
	if s.own.Endpoints == 0 {
		t.Error("nothing was compared")
	}
}

func atLeast(t *testing.T, what string, n, of int, percent float64) {
	t.Helper()
	if float64(n)*100 < percent*float64(of) || of == 0 {
		t.Errorf("%s: %d of %d, want %v %%", what, n, of, percent)
	}
}

// TestCapturesAreComplete checks that no document names a file that is not there
// and that the lab's own account is consistent: each endpoint's steps follow on
// from each other.
func TestCapturesAreComplete(t *testing.T) {
	for _, d := range readDocuments(t, captures) {
		for _, c := range d.Connections {
			at := map[string]string{}
			for _, step := range c.Transitions {
				if before := at[step.Endpoint]; before != "" && before != step.From && !(before == "CLOSED" && step.From == "LISTEN") {
					t.Errorf("%s, %s - %s: the %s goes from %s after having come to %s",
						d.Scenario, c.Client, c.Server, step.Endpoint, step.From, before)
				}
				at[step.Endpoint] = step.To
			}
		}
		if len(d.Connections) == 0 || len(d.Captures) != 3 {
			t.Errorf("%s: %d connections, %d captures", d.Scenario, len(d.Connections), len(d.Captures))
		}
	}
}

// The echo of the truth must score as perfect, or the scorer is wrong.
func TestEchoIsPerfect(t *testing.T) {
	total := &truth.Score{}
	for _, d := range readDocuments(t, captures) {
		var echo []truth.Output
		for _, c := range d.Connections {
			o := truth.Output{Client: c.Client, Server: c.Server}
			for _, step := range c.Transitions {
				o.Transitions = append(o.Transitions, truth.OutputTransition{
					At: step.At, Client: step.Endpoint == "client", From: step.From, To: step.To,
				})
			}
			echo = append(echo, o)
		}
		total.Add(truth.Evaluate(d, echo, d.Scenario, false))
	}
	if total.Exact != total.Endpoints || total.Found != total.Connections || total.Invented != 0 ||
		total.Matched != total.Reported || total.OwnerRight != total.Connections || total.TimeError(1) != 0 {
		t.Errorf("the truth against itself:\n%v\n%v", total, total.Details)
	}
}
