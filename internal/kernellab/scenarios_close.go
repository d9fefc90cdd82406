//go:build linux

package kernellab

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

var closing = []Scenario{
	{Name: "client_close", Play: clientClose, Point: "client", About: "The textbook close, client first: FIN, ACK, FIN, ACK."},
	{Name: "server_close", Play: serverClose, Point: "server", About: "The textbook close, server first: TIME_WAIT at the server."},
	{Name: "half_close", Play: halfClose, Point: "client", About: "The client shuts down its sending side; the server sends on for a while."},
	{Name: "both_half_closed", Play: bothHalfClosed, About: "The server half-closes first, the client goes on sending, then closes."},
	{
		Name: "simultaneous_close", Play: simultaneousClose, Half: 20 * time.Millisecond,
		About: "Both FINs are under way at once: CLOSING and TIME_WAIT at both ends.",
	},
	{
		Name: "simultaneous_close_fin_lost", Play: simultaneousCloseFinLost, Half: 20 * time.Millisecond,
		About: "The FINs cross and one is lost behind the tap: one end is in CLOSING, the other still in FIN_WAIT_1.",
	},
	{Name: "fin_with_data", Play: finWithData, Point: "client", About: "The FIN rides on the last data segment."},
	{Name: "close_behind_data", Play: closeBehindData, About: "close() with data still queued: FIN_WAIT_1 begins in silence, the FIN leaves later."},
	{Name: "fin_lost", Play: finLost, About: "The client's FIN is lost behind the tap and retransmitted."},
	{Name: "server_fin_lost", Play: serverFinLost, About: "The passive closer's FIN is lost behind the tap: the client stays in FIN_WAIT_2."},
	{
		Name: "last_ack_lost", Play: lastAckLost,
		About: "The last ACK is lost twice; the FINs sent again into TIME_WAIT restart it.",
	},
	{Name: "fin_overtakes_data", Play: finOvertakesData, Point: "server", About: "The FIN arrives before the data in front of it: CLOSE_WAIT comes when the hole is filled."},
	{Name: "data_before_fin_lost", Play: dataBeforeFinLost, About: "The last data is lost behind the tap, the FIN after it is not."},
	{Name: "duplicated_fins", Play: duplicatedFins, About: "The network duplicates both FINs."},
	{
		Name: "fin_wait_2_timeout", Play: finWait2Timeout, Point: "client", Set: map[string]string{"ipv4/tcp_fin_timeout": "4"},
		About: "The server never closes: the orphan's FIN_WAIT_2 ends silently, and the late FIN is answered by RST.",
	},
	{
		Name: "fin_wait_1_timeout", Play: finWait1Timeout, Point: "client", Set: map[string]string{"ipv4/tcp_orphan_retries": "2"},
		About: "The client's FIN is never answered: FIN_WAIT_1 ends after its retransmissions.",
	},
	{
		Name: "last_ack_timeout", Play: lastAckTimeout, Point: "server", Set: map[string]string{"ipv4/tcp_orphan_retries": "2"},
		About: "The passive closer's FIN is never answered: LAST_ACK ends after its retransmissions.",
	},
	{Name: "time_wait_expires", Play: timeWaitExpires, Point: "client", About: "TIME_WAIT runs its full 60 s while the capture goes on."},
	{Name: "time_wait_reused_by_peer", Play: reusedByPeer, Point: "server", About: "The server is in TIME_WAIT; the client's new SYN from the same port ends it."},
	{Name: "time_wait_reused_by_owner", Play: reusedByOwner, Point: "client", About: "The client in TIME_WAIT connects again from the same port."},
	{Name: "time_wait_assassinated", Play: timeWaitAssassinated, About: "A RST ends TIME_WAIT (RFC 1337)."},
}

func clientClose(n *Net) {
	c, s := n.Pair(80)
	exchange(n, c, s)
}

func serverClose(n *Net) {
	c, s := n.Pair6(80)
	c.Send(1000)
	s.Recv(1000)
	s.Send(3000)
	c.Recv(3000)
	closeFirst(n, s, c)
}

func halfClose(n *Net) {
	c, s := n.Pair6(80)
	c.Send(500)
	c.Shutdown()
	s.RecvEOF()
	for range 3 {
		s.Send(5000)
		n.Pause()
	}
	s.Close()
	c.RecvEOF()
	c.Close()
	n.Pause()
}

func bothHalfClosed(n *Net) {
	c, s := n.Pair(80)
	s.Send(2000)
	s.Shutdown()
	c.RecvEOF()
	c.Send(3000)
	n.Pause()
	c.Shutdown()
	s.RecvEOF()
	n.Pause()
	s.Close()
	c.Close()
	n.Pause()
}

// atTheSameTime runs what both ends do at once.
func atTheSameTime(a, b func()) {
	var both sync.WaitGroup
	both.Add(2)
	go func() { defer both.Done(); a() }()
	go func() { defer both.Done(); b() }()
	both.Wait()
}

func simultaneousClose(n *Net) {
	c, s := n.Pair6(80)
	c.Send(1000)
	s.Recv(1000)
	n.Pause()
	atTheSameTime(c.Close, s.Close)
	n.Pause()
}

func simultaneousCloseFinLost(n *Net) {
	c, s := n.Pair(80)
	c.Send(1000)
	s.Recv(1000)
	n.Pause()
	n.Wire.Rule(first(1, behindTap(n.Client, isFin), lost))
	atTheSameTime(c.Close, s.Close)
	time.Sleep(time.Second)
}

func finWithData(n *Net) {
	c, s := n.Pair(80)
	_, err := unix.SendmsgN(c.fd, pattern[:500], nil, nil, unix.MSG_MORE)
	n.check(err, "send with MSG_MORE")
	closeFirst(n, c, s)
}

func closeBehindData(n *Net) {
	c, s := n.Pair(80)
	c.Send(60_000)
	c.Close()
	s.RecvEOF()
	n.Pause()
	s.Close()
	n.Pause()
}

func finLost(n *Net) {
	c, s := n.Pair(80)
	n.Wire.Rule(first(1, behindTap(n.Client, isFin), lost))
	exchange(n, c, s)
}

func serverFinLost(n *Net) {
	c, s := n.Pair6(80)
	n.Wire.Rule(first(1, behindTap(n.Server, isFin), lost))
	exchange(n, c, s)
	time.Sleep(500 * time.Millisecond)
}

func lastAckLost(n *Net) {
	c, s := n.Pair(80)
	n.Wire.Rule(func() Rule {
		var finSeen bool
		left := 2
		return func(p *Packet) Fate {
			finSeen = finSeen || p.From == n.Server && isFin(p)
			if !finSeen || left == 0 || !behindTap(n.Client, isBareAck)(p) {
				return Fate{}
			}
			left--
			return lost
		}
	}())
	exchange(n, c, s)
	time.Sleep(2 * time.Second)
}

func finOvertakesData(n *Net) {
	c, s := n.Pair(80)
	n.Wire.Rule(all(behindTap(n.Client, isData), Fate{Delay: 30 * time.Millisecond}))
	c.Send(1000)
	closeFirst(n, c, s)
}

func dataBeforeFinLost(n *Net) {
	c, s := n.Pair(80)
	n.Wire.Rule(first(1, behindTap(n.Client, isData), lost))
	c.Send(1000)
	closeFirst(n, c, s)
}

func duplicatedFins(n *Net) {
	c, s := n.Pair(80)
	n.Wire.Rule(all(func(p *Packet) bool { return p.Half == Far && isFin(p) }, Fate{Copies: 1}))
	exchange(n, c, s)
}

func finWait2Timeout(n *Net) {
	c, s := n.Pair(80)
	c.Send(100)
	s.Recv(100)
	c.Close()
	s.RecvEOF()
	time.Sleep(7 * time.Second)
	s.Close()
	n.Pause()
}

func finWait1Timeout(n *Net) {
	c, s := n.Pair(80)
	c.Send(100)
	s.Recv(100)
	n.Pause()
	n.Wire.Rule(all(behindTap(n.Client, anyPacket), lost))
	c.Close()
	time.Sleep(5 * time.Second)
}

func lastAckTimeout(n *Net) {
	c, s := n.Pair(80)
	c.Close()
	s.RecvEOF()
	n.Pause()
	n.Wire.Rule(all(behindTap(n.Server, anyPacket), lost))
	s.Close()
	time.Sleep(8 * time.Second)
}

func timeWaitExpires(n *Net) {
	c, s := n.Pair(80)
	exchange(n, c, s)
	time.Sleep(64 * time.Second) // a timer of that length may be two seconds late
}

// twice opens the same 4-tuple twice; first ends the first connection.
func twice(n *Net, end func(c, s *Socket)) {
	l := n.Listen(n.Server, 80, 16)
	for range 2 {
		c := n.Dial(n.Client, n.Server.At(80), From(4000))
		s := l.Accept()
		c.Send(700)
		s.Recv(700)
		end(c, s)
		time.Sleep(1100 * time.Millisecond) // the clock of RFC 7323 timestamps has moved on
	}
}

func reusedByPeer(n *Net) { twice(n, func(c, s *Socket) { closeFirst(n, s, c) }) }

func reusedByOwner(n *Net) { twice(n, func(c, s *Socket) { closeFirst(n, c, s) }) }

func timeWaitAssassinated(n *Net) {
	c, s := n.Pair(80)
	server, client := s.Addr(), c.Addr()
	exchange(n, c, s)
	last := n.Last(server, client) // the server's FIN
	n.Wire.inject(forged{src: server, dst: client, seq: last.seq + 1, flags: rst}, n.Server, n.Client)
	n.Pause()
}
