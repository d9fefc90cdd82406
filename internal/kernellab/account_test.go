//go:build linux

package kernellab

import (
	"slices"
	"testing"
)

// packet is a segment at the server's interface, time in microseconds.
func packet(at int64, out bool, f flags) hostPacket {
	return hostPacket{tcpHeader: tcpHeader{flags: f}, at: at * 1000, out: out}
}

func TestBehind(t *testing.T) {
	here := tuple{serverEnd, clientEnd}
	for _, test := range []struct {
		name    string
		step    step
		packets []hostPacket
		want    int // index, -1 = none
	}{
		{
			"a FIN is stamped just after the step that sends it",
			step{at: 1000_000, from: "ESTABLISHED", to: "FIN_WAIT_1"},
			[]hostPacket{packet(995, false, fin|ack), packet(1002, true, fin|ack)},
			1,
		},
		{
			"a FIN that leaves much later is not behind the close",
			step{at: 1000_000, from: "ESTABLISHED", to: "FIN_WAIT_1"},
			[]hostPacket{packet(9000, true, fin|ack)},
			-1,
		},
		{
			"what is received is stamped before the step",
			step{at: 1000_000, from: "ESTABLISHED", to: "CLOSE_WAIT"},
			[]hostPacket{packet(991, false, fin|ack), packet(1200, false, ack)},
			0,
		},
		{
			"an abort is its RST, not the data before it",
			step{at: 1000_000, from: "FIN_WAIT_1", to: "CLOSED"},
			[]hostPacket{packet(999, false, psh|ack), packet(1003, true, rst)},
			1,
		},
		{
			"data does not close a connection",
			step{at: 1000_000, from: "CLOSING", to: "CLOSED"},
			[]hostPacket{packet(999, false, fin|ack)},
			-1,
		},
		{
			"a last ACK does",
			step{at: 1000_000, from: "LAST_ACK", to: "CLOSED"},
			[]hostPacket{packet(999, false, ack)},
			0,
		},
		{
			"a SYN ends TIME_WAIT",
			step{at: 1000_000, from: "TIME_WAIT", to: "CLOSED"},
			[]hostPacket{packet(999, false, syn)},
			0,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, ok := packetIndex{here: test.packets}.behind(here, test.step)
			index := slices.Index(test.packets, got)
			if !ok {
				index = -1
			}
			if index != test.want {
				t.Errorf("packet %d, want %d", index, test.want)
			}
		})
	}
}

// lifeOf is a life with steps to the given states, one a second from start on.
func lifeOf(server bool, start int64, states ...string) *life {
	l := &life{local: clientEnd, remote: serverEnd, active: !server}
	if server {
		l.local, l.remote = serverEnd, clientEnd
	}
	from := "CLOSED"
	for i, to := range states {
		l.add((start+int64(i))*1e9, from, to, "")
		from = to
	}
	return l
}

func TestIncarnations(t *testing.T) {
	for _, test := range []struct {
		name  string
		lives []*life
		want  [][2]int // lives of client and server of each incarnation
	}{
		{"a connection", []*life{lifeOf(false, 0, "SYN_SENT"), lifeOf(true, 1, "SYN_RCVD")}, [][2]int{{1, 1}}},
		{"refused", []*life{lifeOf(false, 0, "SYN_SENT", "CLOSED")}, [][2]int{{1, 0}}},
		{"used again", []*life{
			lifeOf(false, 0, "SYN_SENT", "CLOSED"), lifeOf(true, 1, "SYN_RCVD", "CLOSED"),
			lifeOf(false, 10, "SYN_SENT", "CLOSED"), lifeOf(true, 11, "SYN_RCVD", "CLOSED"),
		}, [][2]int{{1, 1}, {1, 1}}},
		{"a client that crashed and came again while the server lived on", []*life{
			lifeOf(false, 0, "SYN_SENT", "CLOSED"), lifeOf(true, 1, "SYN_RCVD", "ESTABLISHED", "CLOSED"),
			lifeOf(false, 2, "SYN_SENT", "ESTABLISHED"), lifeOf(true, 5, "SYN_RCVD", "ESTABLISHED"),
		}, [][2]int{{1, 1}, {1, 1}}},
		{"a forged SYN", []*life{lifeOf(true, 1, "SYN_RCVD", "CLOSED")}, [][2]int{{0, 1}}},
		{"simultaneous open", []*life{
			lifeOf(false, 0, "SYN_SENT", "SYN_RCVD"),
			{local: serverEnd, remote: clientEnd, active: true, steps: []step{{at: 5e8, from: "CLOSED", to: "SYN_SENT"}}},
		}, [][2]int{{1, 1}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got [][2]int
			for _, c := range incarnations(test.lives) {
				got = append(got, [2]int{len(c.lives[clientEnd]), len(c.lives[serverEnd])})
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}
