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
	"scenarios":   {exact: 96, owner: 99},
	"chaos_clean": {exact: 100, owner: 100},
	"chaos_loss1": {exact: 99, owner: 99},
	"chaos_loss5": {exact: 96, owner: 99},
}

// beyond are the endpoints of the scenarios that no tap at that point can get
// right, and why. They count as wrong in the scores, as they would for any tool.
var beyond = map[string]string{
	"client_vanishes@client server":             "the server gives up, and nothing of that reaches this tap",
	"fin_wait_1_timeout@server client":          "the FIN and its copies are lost before this tap",
	"keepalive_unanswered client":               "the server's RST passes the tap and never arrives",
	"keepalive_unanswered@mid client":           "the server's RST passes the tap and never arrives",
	"keepalive_unanswered@client server":        "the server's RST is lost before this tap",
	"last_ack_timeout@client server":            "the FIN and its copies are lost before this tap",
	"simultaneous_close_fin_lost@server client": "the first FIN is lost before this tap; the second acknowledges the peer's",
	"syn_flood@client server":                   "the SYN was put on the wire behind this tap",
	"syn_scan@client server":                    "the SYN was put on the wire behind this tap",
	"syn_timeout@server client":                 "no packet reaches this tap",
	"icmp_prohibited@server client":             "no packet reaches this tap",
	"icmp_host_unreachable@server client":       "no packet reaches this tap",
	"icmp_time_exceeded@server client":          "no packet reaches this tap",
	"icmp_about_syn_ack server":                 "one connection to its client, two to its server: a record has one path",
	"icmp_about_syn_ack@client server":          "one connection to its client, two to its server: a record has one path",
	"icmp_about_syn_ack@mid server":             "one connection to its client, two to its server: a record has one path",
	"time_wait_assassinated@server client":      "the RST was put on the wire behind this tap",
}

// withinReach is the floor of the scenarios' endpoints that are not beyond, percent.
const withinReach = 99

// What a host's own path in its own capture must reach: exact paths in percent,
// time errors in seconds.
const (
	ownExact  = 99
	ownMedian = 50e-6
	ownP99    = 1e-3
)

// TestCaptures holds the tracker to what the kernels of these captures did. With
// -v it prints the scores and both paths of every endpoint that is not exact.
func TestCaptures(t *testing.T) {
	hold(t, scoreFolder(t, captures), 0)
}

// hold reports the scores and fails below the floors, less some percent.
func hold(t *testing.T, s scores, slack float64) {
	t.Helper()
	for _, group := range slices.Sorted(maps.Keys(s.everywhere)) {
		score := s.everywhere[group]
		t.Logf("%s\n%v", group, score)
		for _, line := range score.Details {
			t.Log(line)
		}
		want := floors[group]
		atLeast(t, group+": endpoints exact", score.Exact, score.Endpoints, want.exact-slack)
		atLeast(t, group+": TIME_WAIT owner", score.OwnerRight, score.Connections, want.owner-slack)
		if group == "scenarios" {
			excused := 0
			for _, name := range score.Inexact {
				if beyond[name] != "" {
					excused++
				} else {
					t.Logf("not exact, and not among what is beyond a tap: %s", name)
				}
			}
			atLeast(t, "scenarios: endpoints exact of those within reach", score.Exact, score.Endpoints-excused, withinReach-slack)
		}
		atLeast(t, group+": connections found", score.Found, score.Connections, 99-slack)
		if score.Invented > 0 {
			t.Errorf("%s: %d connections invented", group, score.Invented)
		}
	}
	t.Logf("a host's own path in its own capture: %d of %d exact; time error median %.0f µs, p99 %.0f µs",
		s.own.Exact, s.own.Endpoints, s.own.TimeError(0.5)*1e6, s.own.TimeError(0.99)*1e6)
	atLeast(t, "a host's own path in its own capture", s.own.Exact, s.own.Endpoints, ownExact)
	for _, limit := range []struct{ quantile, want float64 }{{0.5, ownMedian}, {0.99, ownP99}} {
		if got := s.own.TimeError(limit.quantile); got > limit.want {
			t.Errorf("time of transitions at a host's own tap: quantile %v is off by %.0f µs, want at most %.0f",
				limit.quantile, got*1e6, limit.want*1e6)
		}
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
