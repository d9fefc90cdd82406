//go:build linux

package kernellab

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

var opening = []Scenario{
	{Name: "refused", Play: refused, Point: "client", About: "A SYN to a port nobody listens on is answered by RST,ACK."},
	{Name: "syn_lost", Play: synLost, About: "The first SYN is lost behind the tap and retransmitted."},
	{Name: "syn_lost_unseen", Play: synLostUnseen, About: "The first SYN is lost before the tap."},
	{Name: "syn_ack_lost", Play: synAckLost, About: "The tap sees a SYN-ACK that the client never gets."},
	{
		Name: "syn_timeout", Play: synTimeout, Point: "client", Set: map[string]string{"ipv4/tcp_syn_retries": "1"},
		About: "The SYN and its retransmission are dropped; connect() times out.",
	},
	{Name: "handshake_ack_lost", Play: handshakeAckLost, About: "The handshake's ACK is lost behind the tap; the first data carries it."},
	{Name: "duplicated_handshake", Play: duplicatedHandshake, About: "The network delivers SYN and SYN-ACK twice."},
	{
		Name: "simultaneous_open", Play: simultaneousOpen, Half: 20 * time.Millisecond,
		About: "Both ends connect to each other's bound port; the SYNs cross (RFC 9293 figure 7).",
	},
	{
		Name: "accept_queue_overflow", Play: acceptQueueOverflow, Half: 20 * time.Millisecond,
		Set:   map[string]string{"ipv4/tcp_synack_retries": "1"},
		About: "Three handshakes, room for two: the third's ACK is ignored, the server stays in SYN_RCVD and gives up.",
	},
	{Name: "fast_open", Play: fastOpen, Point: "client", About: "The first connection gets a cookie, the second's SYN carries data (RFC 7413)."},
	{
		Name: "syn_flood", Play: synFlood, Set: map[string]string{"ipv4/tcp_synack_retries": "1"},
		About: "SYNs from sockets that never answer: SYN_RCVD expires.",
	},
	{Name: "syn_scan", Play: synScan, About: "A half-open scan: SYN from nobody's socket, SYN-ACK, RST from the stack."},
	{
		Name: "connect_given_up", Play: connectGivenUp, Half: 30 * time.Millisecond, Point: "client",
		About: "The client closes its socket in SYN_SENT; the late SYN-ACK is answered by RST.",
	},
}

// exchange is a request, an answer, and the client's close.
func exchange(n *Net, c, s *Socket) {
	c.Send(1000)
	s.Recv(1000)
	s.Send(3000)
	c.Recv(3000)
	closeFirst(n, c, s)
}

// closeFirst closes a, lets b learn of it, and closes b.
func closeFirst(n *Net, a, b *Socket) {
	a.Close()
	b.RecvEOF()
	n.Pause()
	b.Close()
	n.Pause()
}

func refused(n *Net) {
	c, err := n.TryDial(n.Client, n.Server.At(81))
	n.expect(err, unix.ECONNREFUSED)
	c.Close()
}

func synLost(n *Net) {
	n.Wire.Rule(first(1, behindTap(n.Client, isSyn), lost))
	c, s := n.Pair(80)
	exchange(n, c, s)
}

func synLostUnseen(n *Net) {
	n.Wire.Rule(first(1, beforeTap(n.Client, isSyn), lost))
	c, s := n.Pair6(80)
	exchange(n, c, s)
}

func synAckLost(n *Net) {
	n.Wire.Rule(first(1, behindTap(n.Server, isSynAck), lost))
	c, s := n.Pair(80)
	exchange(n, c, s)
}

func synTimeout(n *Net) {
	n.Wire.Rule(all(behindTap(n.Client, isSyn), lost))
	c, err := n.TryDial(n.Client, n.Server.At(80))
	n.expect(err, unix.ETIMEDOUT)
	c.Close()
}

func handshakeAckLost(n *Net) {
	n.Wire.Rule(first(1, behindTap(n.Client, isBareAck), lost))
	l := n.Listen(n.Server, 80, 16)
	c := n.Dial(n.Client, n.Server.At(80))
	c.Send(1000)
	s := l.Accept()
	s.Recv(1000)
	closeFirst(n, c, s)
}

func duplicatedHandshake(n *Net) {
	twice := Fate{Copies: 1}
	n.Wire.Rule(first(1, behindTap(n.Client, isSyn), twice))
	n.Wire.Rule(first(1, behindTap(n.Server, isSynAck), twice))
	c, s := n.Pair(80)
	exchange(n, c, s)
}

func simultaneousOpen(n *Net) {
	const port = 4000
	var c, s *Socket
	var both sync.WaitGroup
	both.Add(2)
	go func() { defer both.Done(); c = n.Dial(n.Client, n.Server.At(port), From(port)) }()
	go func() { defer both.Done(); s = n.Dial(n.Server, n.Client.At(port), From(port)) }()
	both.Wait()
	exchange(n, c, s)
}

func acceptQueueOverflow(n *Net) {
	l := n.Listen(n.Server, 80, 1)
	dialed := [3]*Socket{n.Dial(n.Client, n.Server.At(80))}
	var both sync.WaitGroup
	for i := range 2 {
		both.Add(1)
		go func() { defer both.Done(); dialed[i+1] = n.Dial(n.Client, n.Server.At(80)) }()
	}
	both.Wait()
	time.Sleep(5 * time.Second) // until the server's request socket has given up
	taken := [2]*Socket{l.Accept(), l.Accept()}
	for _, c := range dialed {
		_ = c.TrySend(100) // one of the three is answered by RST
	}
	n.Pause()
	for _, s := range taken {
		s.Close()
	}
	n.Pause()
	for _, c := range dialed {
		c.Close()
	}
	n.Pause()
}

func fastOpen(n *Net) {
	l := n.Listen(n.Server, 80, 16, intOption(unix.IPPROTO_TCP, unix.TCP_FASTOPEN, 16))
	for range 2 {
		c := n.Dial(n.Client, n.Server.At(80), intOption(unix.IPPROTO_TCP, unix.TCP_FASTOPEN_CONNECT, 1))
		c.Send(500)
		s := l.Accept()
		s.Recv(500)
		s.Send(200)
		c.Recv(200)
		closeFirst(n, c, s)
	}
}

func synFlood(n *Net) {
	n.Listen(n.Server, 80, 64)
	n.Wire.Rule(all(beforeTap(n.Client, isRst), lost))
	for i := range 5 {
		n.Wire.inject(forged{
			src: n.Client.At(uint16(5000 + i)), dst: n.Server.At(80), seq: uint32(1000 * i), flags: syn, window: 65535,
		}, n.Client, n.Server)
	}
	time.Sleep(5 * time.Second)
}

func synScan(n *Net) {
	n.Listen(n.Server, 80, 64)
	n.Wire.inject(forged{
		src: n.Client.At(5000), dst: n.Server.At(80), seq: 77, flags: syn, window: 1024,
	}, n.Client, n.Server)
	n.Pause()
}

func connectGivenUp(n *Net) {
	n.Listen(n.Server, 80, 16)
	c, err := n.TryDial(n.Client, n.Server.At(80), func(fd int) error { return unix.SetNonblock(fd, true) })
	n.expect(err, unix.EINPROGRESS)
	time.Sleep(20 * time.Millisecond)
	c.Close()
	n.Pause()
}
