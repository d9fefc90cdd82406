package reference

import (
	"slices"
	"strings"
	"testing"

	"github.com/tcplife/tcplife/internal/segment"
)

// spelled is the path as people write it.
func spelled(path []Step) string {
	var words []string
	for i, s := range path {
		if i == 0 {
			words = append(words, s.From.String())
		}
		words = append(words, s.To.String())
	}
	return strings.Join(words, " ")
}

func once(call Call, at int64) Action { return Action{Call: call, At: []int64{at}} }

// TestFigures plays the exchanges that RFC 9293 draws.
func TestFigures(t *testing.T) {
	passive := [2]bool{1: true}
	for _, c := range []struct {
		name    string
		passive [2]bool
		actions [2][]Action
		stack   Stack
		wire    string
		paths   [2]string
	}{
		{
			"figure 6, three-way handshake", passive,
			[2][]Action{{once(Open, 0), once(Send, 20_000)}, nil},
			Stack{},
			`
0.0010 > S  0:0(0)
0.0030 < S. 0:0(0) ack 1
0.0050 > .  1:1(0) ack 1
0.0210 > P. 1:101(100) ack 1
0.0230 < .  1:1(0) ack 101
`,
			[2]string{"CLOSED SYN_SENT ESTABLISHED", "LISTEN SYN_RCVD ESTABLISHED"},
		},
		{
			"figure 7, simultaneous open",
			[2]bool{},
			[2][]Action{{once(Open, 0)}, {once(Open, 100)}},
			Stack{},
			`
0.0010 > S  0:0(0)
0.0011 < S  0:0(0)
0.0030 < S. 0:0(0) ack 1
0.0031 > S. 0:0(0) ack 1
0.0050 > .  1:1(0) ack 1
0.0051 < .  1:1(0) ack 1
`,
			[2]string{"CLOSED SYN_SENT SYN_RCVD ESTABLISHED", "CLOSED SYN_SENT SYN_RCVD ESTABLISHED"},
		},
		{
			"figure 12, normal close", passive,
			[2][]Action{{once(Open, 0), once(Close, 20_000)}, {once(Close, 30_000)}},
			Stack{},
			`
0.0010 > S  0:0(0)
0.0030 < S. 0:0(0) ack 1
0.0050 > .  1:1(0) ack 1
0.0210 > F. 1:1(0) ack 1
0.0230 < .  1:1(0) ack 2
0.0310 < F. 1:1(0) ack 2
0.0330 > .  2:2(0) ack 2
`,
			[2]string{"CLOSED SYN_SENT ESTABLISHED FIN_WAIT_1 FIN_WAIT_2 TIME_WAIT", "LISTEN SYN_RCVD ESTABLISHED CLOSE_WAIT LAST_ACK CLOSED"},
		},
		{
			"figure 13, simultaneous close", passive,
			[2][]Action{{once(Open, 0), once(Close, 20_000)}, {once(Close, 20_100)}},
			Stack{},
			`
0.0010 > S  0:0(0)
0.0030 < S. 0:0(0) ack 1
0.0050 > .  1:1(0) ack 1
0.0210 > F. 1:1(0) ack 1
0.0211 < F. 1:1(0) ack 1
0.0230 < .  2:2(0) ack 2
0.0231 > .  2:2(0) ack 2
`,
			[2]string{"CLOSED SYN_SENT ESTABLISHED FIN_WAIT_1 CLOSING TIME_WAIT", "LISTEN SYN_RCVD ESTABLISHED FIN_WAIT_1 CLOSING TIME_WAIT"},
		},
		{
			"3.10.7.1, nobody listens",
			[2]bool{},
			[2][]Action{{once(Open, 0)}, nil},
			Stack{},
			`
0.0010 > S  0:0(0)
0.0030 < R. 0:0(0) ack 1
`,
			[2]string{"CLOSED SYN_SENT CLOSED", ""},
		},
		{
			"3.10.5, abort", passive,
			[2][]Action{{once(Open, 0), once(Abort, 20_000)}, nil},
			Stack{AbortWithAck: true},
			`
0.0010 > S  0:0(0)
0.0030 < S. 0:0(0) ack 1
0.0050 > .  1:1(0) ack 1
0.0210 > R. 1:1(0) ack 1
`,
			[2]string{"CLOSED SYN_SENT ESTABLISHED CLOSED", "LISTEN SYN_RCVD ESTABLISHED CLOSED"},
		},
		{
			"3.10.4, CLOSE in SYN_RCVD", passive,
			[2][]Action{{once(Open, 0)}, {once(Close, 3000)}},
			Stack{},
			`
0.0010 > S  0:0(0)
0.0030 < S. 0:0(0) ack 1
0.0040 < F. 1:1(0) ack 1
0.0050 > .  1:1(0) ack 1
0.0060 > .  1:1(0) ack 2
`,
			[2]string{"CLOSED SYN_SENT ESTABLISHED CLOSE_WAIT", "LISTEN SYN_RCVD FIN_WAIT_1 FIN_WAIT_2"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &Plan{Name: c.name, Passive: c.passive, Actions: c.actions, Stacks: [2]Stack{c.stack, c.stack}, Way: [2]int64{1000, 1000}}
			var w World
			w.Begin(p, &Choices{})
			w.Run()
			_, wire, _ := strings.Cut(w.Text(), "\n")
			wire, _, _ = strings.Cut(wire, "#")
			if want := strings.TrimPrefix(c.wire, "\n"); wire != want {
				t.Errorf("on the wire\n%swant\n%s", wire, want)
			}
			for i := range w.Ends {
				if got := spelled(w.Ends[i].Path); got != c.paths[i] {
					t.Errorf("end %d walked %s, want %s", i, got, c.paths[i])
				}
			}
		})
	}
}

// established is an endpoint that received 100 octets and sent as many.
func established() *Endpoint {
	e := &Endpoint{}
	e.Reset(Stack{}, Listen)
	e.Arrives(0, &Segment{Flags: segment.SYN})
	e.Arrives(1, &Segment{Flags: segment.ACK, Seq: 1, Ack: 1})
	e.Arrives(2, &Segment{Flags: segment.ACK, Seq: 1, Ack: 1, Len: Unit})
	e.Send(3)
	e.Arrives(4, &Segment{Flags: segment.ACK, Seq: 101, Ack: 101})
	e.Out = nil
	return e
}

// TestAnswers holds single answers in ESTABLISHED, at 101/101, against 3.10.7.4.
func TestAnswers(t *testing.T) {
	ack := Segment{Flags: segment.ACK, Seq: 101, Ack: 101}
	for _, c := range []struct {
		name    string
		arrives Segment
		state   State
		answer  []Segment
	}{
		{"RST at RCV.NXT", Segment{Flags: segment.RST, Seq: 101}, Closed, nil},
		{"RST in the window: challenge ACK", Segment{Flags: segment.RST, Seq: 102}, Established, []Segment{ack}},
		{"RST below the window", Segment{Flags: segment.RST, Seq: 100}, Established, nil},
		{"SYN in the window: challenge ACK", Segment{Flags: segment.SYN, Seq: 150}, Established, []Segment{ack}},
		{"old data again", Segment{Flags: segment.ACK, Seq: 1, Ack: 101, Len: Unit}, Established, []Segment{ack}},
		{"ACK of what was never sent", Segment{Flags: segment.ACK, Seq: 101, Ack: 102}, Established, []Segment{ack}},
		{"no ACK", Segment{Flags: segment.FIN, Seq: 101}, Established, nil},
		{"FIN", Segment{Flags: segment.FIN | segment.ACK, Seq: 101, Ack: 101}, CloseWait, []Segment{{Flags: segment.ACK, Seq: 101, Ack: 102}}},
		{"FIN behind a hole", Segment{Flags: segment.FIN | segment.ACK, Seq: 201, Ack: 101}, Established, []Segment{ack}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := established()
			e.Arrives(5, &c.arrives)
			if e.State != c.state || !slices.Equal(e.Out, c.answer) {
				t.Errorf("%v, answer %+v; want %v, %+v", e.State, e.Out, c.state, c.answer)
			}
		})
	}
}

func TestAFinWaitsForTheHoleBelowIt(t *testing.T) {
	e := established()
	e.Arrives(5, &Segment{Flags: segment.FIN | segment.ACK, Seq: 201, Ack: 101})
	e.Arrives(6, &Segment{Flags: segment.ACK, Seq: 101, Ack: 101, Len: Unit})
	if e.State != CloseWait || e.Out[1].Ack != 202 {
		t.Errorf("%v, acknowledged %d; want CLOSE_WAIT, 202", e.State, e.Out[1].Ack)
	}
}

func TestTheFrontIsSentAgain(t *testing.T) {
	e := established()
	e.Send(5)
	e.Close(6)
	e.Out = nil
	e.Timeout(e.Alarm)
	e.Arrives(e.now+1, &Segment{Flags: segment.ACK, Seq: 101, Ack: 201})
	want := []Segment{
		{Flags: segment.PSH | segment.FIN | segment.ACK, Seq: 101, Ack: 101, Len: Unit},
		{Flags: segment.FIN | segment.ACK, Seq: 201, Ack: 101},
	}
	if !slices.Equal(e.Out, want) {
		t.Errorf("sent again %+v, want %+v", e.Out, want)
	}
}

func TestChoicesAreEnumerated(t *testing.T) {
	var got []string
	c := &Choices{}
	for more := true; more; more = c.Next() {
		c.Rewind()
		s := string(rune('a' + c.Pick(2)))
		if s == "b" { // what is chosen decides what there is to choose
			s += string(rune('x' + c.Pick(3)))
		}
		got = append(got, s)
	}
	if want := []string{"a", "bx", "by", "bz"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestALossIsRepaired(t *testing.T) {
	p := &Plan{
		Name: "any loss", Passive: [2]bool{1: true}, Way: [2]int64{1000, 1000}, Faults: 2, From: 10_000,
		Actions: [2][]Action{{once(Open, 0), once(Send, 20_000), once(Close, 30_000)}, {once(Close, 40_000)}},
	}
	pick := &Choices{}
	var w World
	runs := 0
	for more := true; more; more = pick.Next() {
		pick.Rewind()
		w.Begin(p, pick)
		w.Run()
		runs++
		waited := 0
		for i := range w.Ends {
			for _, s := range w.Ends[i].Path {
				if s.To == TimeWait { // a copy of the last ACK may draw the RST that ends it (RFC 1337)
					waited++
				}
			}
		}
		if waited == 0 || w.Ends[0].State == FinWait2 || w.Ends[1].State == FinWait2 {
			t.Fatalf("not closed in order\n%s", w.Text())
		}
	}
	if runs < 500 {
		t.Errorf("%d runs: where are the faults?", runs)
	}
}

func TestWhatLargeStacksDo(t *testing.T) {
	large := func() *Endpoint {
		e := established()
		e.Stack = Stack{ResetLateData: true, Probe: true, DSACK: true}
		return e
	}
	t.Run("probe, then timeout", func(t *testing.T) {
		e := large()
		e.Close(10)
		for _, after := range []int64{probeTimeout, minTimeout, 2 * minTimeout} {
			if got := e.Alarm - e.now; got != after {
				t.Errorf("the timer runs out after %d, want %d", got, after)
			}
			e.Timeout(e.Alarm)
		}
	})
	t.Run("DSACK", func(t *testing.T) {
		e := large()
		e.Arrives(10, &Segment{Flags: segment.ACK, Seq: 1, Ack: 101, Len: Unit})
		want := Segment{Flags: segment.ACK, Seq: 101, Ack: 101, Twice: [2]int32{1, 101}}
		if !slices.Equal(e.Out, []Segment{want}) {
			t.Errorf("answers %+v, want %+v", e.Out, want)
		}
	})
	t.Run("data after CLOSE", func(t *testing.T) {
		e := large()
		e.Close(10)
		e.Arrives(20, &Segment{Flags: segment.ACK, Seq: 101, Ack: 101, Len: Unit})
		want := Segment{Flags: segment.RST, Seq: 102}
		if e.State != Closed || e.Out[len(e.Out)-1] != want {
			t.Errorf("%v, answers %+v; want CLOSED, %+v", e.State, e.Out, want)
		}
	})
}
