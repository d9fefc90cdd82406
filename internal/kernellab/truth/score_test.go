package truth

import (
	"math"
	"path/filepath"
	"reflect"
	"testing"
)

const (
	alice = "10.0.0.1:4000"
	bob   = "10.0.0.2:80"
)

// closeDocument is an orderly close by the client whose TIME_WAIT runs out in silence.
func closeDocument() *Document {
	step := func(at float64, endpoint, from, to string) Transition {
		return Transition{At: at, Endpoint: endpoint, From: from, To: to}
	}
	expiry := step(70, "client", "TIME_WAIT", "CLOSED")
	expiry.Silent = true
	return &Document{
		Version: Version, Scenario: "close", CaptureWindow: [2]float64{0, 100}, PointsWindow: [2]float64{0, 100},
		Connections: []Connection{{
			Client: alice, Server: bob, Forged: []string{},
			Transitions: []Transition{
				step(1.0, "client", "CLOSED", "SYN_SENT"),
				step(1.1, "server", "LISTEN", "SYN_RCVD"),
				step(1.2, "client", "SYN_SENT", "ESTABLISHED"),
				step(1.3, "server", "SYN_RCVD", "ESTABLISHED"),
				step(2.0, "client", "ESTABLISHED", "FIN_WAIT_1"),
				step(2.1, "server", "ESTABLISHED", "CLOSE_WAIT"),
				step(2.2, "client", "FIN_WAIT_1", "FIN_WAIT_2"),
				step(3.0, "server", "CLOSE_WAIT", "LAST_ACK"),
				step(3.1, "client", "FIN_WAIT_2", "TIME_WAIT"),
				step(3.2, "server", "LAST_ACK", "CLOSED"),
				expiry,
			},
		}},
	}
}

// echo returns the truth as a tool would report it, a little late.
func echo(d *Document, late float64) []Output {
	var out []Output
	for _, c := range d.Connections {
		o := Output{Client: c.Client, Server: c.Server}
		for _, s := range c.Transitions {
			o.Transitions = append(o.Transitions, OutputTransition{
				At: s.At + late, Client: s.Endpoint == "client", From: s.From, To: s.To, Grade: "observed",
			})
		}
		out = append(out, o)
	}
	return out
}

func without(outputs []Output, from, to string) []Output {
	var left []OutputTransition
	for _, t := range outputs[0].Transitions {
		if t.From != from || t.To != to {
			left = append(left, t)
		}
	}
	outputs[0].Transitions = left
	return outputs
}

func TestEvaluate(t *testing.T) {
	reset := closeDocument()
	reset.Connections[0].Transitions = reset.Connections[0].Transitions[:5]
	reset.Connections[0].Transitions[4].Silent, reset.Connections[0].Transitions[4].Unsent = true, true
	reset.Connections[0].Transitions = append(reset.Connections[0].Transitions,
		Transition{At: 2.05, Endpoint: "client", From: "FIN_WAIT_1", To: "CLOSED"})
	asTheWireShows := without(echo(reset, 0), "FIN_WAIT_1", "CLOSED")
	asTheWireShows[0].Transitions[4] = OutputTransition{At: 2.05, Client: true, From: "ESTABLISHED", To: "CLOSED"}

	exchanged := echo(closeDocument(), 0)
	exchanged[0].Client, exchanged[0].Server = bob, alice
	for i := range exchanged[0].Transitions {
		exchanged[0].Transitions[i].Client = !exchanged[0].Transitions[i].Client
	}

	midstream := closeDocument()
	midstream.CaptureWindow[0] = 1.5
	fromTheMiddle := echo(closeDocument(), 0)
	fromTheMiddle[0].Transitions = append([]OutputTransition{
		{At: 1.6, Client: true, From: "UNKNOWN", To: "ESTABLISHED"},
	}, fromTheMiddle[0].Transitions[4:]...)

	stranger := echo(closeDocument(), 0)
	stranger = append(stranger, Output{Client: "10.0.0.9:1", Server: bob})

	for _, test := range []struct {
		name                               string
		document                           *Document
		outputs                            []Output
		exact, found, invented, owner, bad int // bad: missing and extra transitions
	}{
		{"the truth itself", closeDocument(), echo(closeDocument(), 0), 2, 1, 0, 1, 0},
		{"a silent step may be left out", closeDocument(), without(echo(closeDocument(), 0), "TIME_WAIT", "CLOSED"), 2, 1, 0, 1, 0},
		{"any other may not", closeDocument(), without(echo(closeDocument(), 0), "FIN_WAIT_1", "FIN_WAIT_2"), 1, 1, 0, 1, 1},
		{"client and server exchanged", closeDocument(), exchanged, 2, 1, 0, 1, 0},
		{"nothing found", closeDocument(), nil, 0, 0, 0, 0, 10},
		{"steps before the capture do not count", midstream, fromTheMiddle, 2, 1, 0, 1, 0},
		{"a connection nobody had", closeDocument(), stranger, 2, 1, 1, 1, 0},
		{"a FIN that never left", reset, asTheWireShows, 2, 1, 0, 1, 0},
		{"and the same told in full", reset, echo(reset, 0), 2, 1, 0, 1, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := Evaluate(test.document, test.outputs, "case", true)
			bad := 0
			for _, n := range s.Missing {
				bad += n
			}
			for _, n := range s.Extra {
				bad += n
			}
			if s.Exact != test.exact || s.Found != test.found || s.Invented != test.invented || s.OwnerRight != test.owner || bad != test.bad {
				t.Errorf("exact %d, found %d, invented %d, owner %d, bad %d; want %d, %d, %d, %d, %d\n%v",
					s.Exact, s.Found, s.Invented, s.OwnerRight, bad, test.exact, test.found, test.invented, test.owner, test.bad, s.Details)
			}
			if len(s.Inexact) != s.Endpoints-s.Exact {
				t.Errorf("%d endpoints named as not exact, %d are", len(s.Inexact), s.Endpoints-s.Exact)
			}
		})
	}
}

func TestExtraTransitionsAreCountedByGrade(t *testing.T) {
	outputs := echo(closeDocument(), 0)
	outputs[0].Transitions = append(outputs[0].Transitions,
		OutputTransition{At: 80, Client: true, From: "CLOSED", To: "SYN_SENT", Grade: "assumed"})
	s := Evaluate(closeDocument(), outputs, "case", true)
	if s.Wrong["assumed"] != 1 || s.Wrong["observed"] != 0 || s.Extra["CLOSED -> SYN_SENT"] != 1 || s.Exact != 1 {
		t.Errorf("wrong %v, extra %v, exact %d", s.Wrong, s.Extra, s.Exact)
	}
}

func TestTimeErrors(t *testing.T) {
	s := Evaluate(closeDocument(), echo(closeDocument(), 0.25), "case", true)
	if got := s.TimeError(0.5); math.Abs(got-0.25) > 1e-9 {
		t.Errorf("median error %v s, want 0.25", got)
	}
	if len(s.Errors) != 10 {
		t.Errorf("%d errors, want 10: the time of a silent step is not compared", len(s.Errors))
	}
}

// Two connections of one 4-tuple are paired in order of time.
func TestIncarnations(t *testing.T) {
	d := closeDocument()
	second := closeDocument().Connections[0]
	for i := range second.Transitions {
		second.Transitions[i].At += 75
	}
	d.Connections = append(d.Connections, second)
	d.CaptureWindow[1] = 200
	outputs := echo(d, 0)
	outputs[0], outputs[1] = outputs[1], outputs[0]
	if s := Evaluate(d, outputs, "case", true); s.Exact != 4 || s.TimeError(1) != 0 {
		t.Errorf("exact %d of %d, error %v", s.Exact, s.Endpoints, s.TimeError(1))
	}
	if s := Evaluate(d, outputs[:1], "case", true); s.Exact != 2 || s.Found != 1 {
		t.Errorf("with the first one missed: exact %d, found %d, want 2 and 1", s.Exact, s.Found)
	}
}

func TestOnlyOneEnd(t *testing.T) {
	d := closeDocument()
	own := OnlyEndpoints(echo(d, 0), d.Addresses("client"))
	s := Evaluate(d.Only("client"), own, "case", true)
	if s.Required != 5 || s.RequiredMatched != 5 || s.Reported != 6 {
		t.Errorf("required %d, matched %d, reported %d", s.Required, s.RequiredMatched, s.Reported)
	}
}

func TestWriteAndRead(t *testing.T) {
	want := closeDocument()
	want.Captures = map[string]string{"mid": "close-1.pcap"}
	want.Connections[0].Transitions[0].Packet = &Packet{Direction: "out", Flags: "S", Seq: 7, DeltaUS: -3}
	name := filepath.Join(t.TempDir(), "close.truth.json")
	if err := want.Write(name); err != nil {
		t.Fatal(err)
	}
	got, err := Read(name)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}
