//go:build linux

package kernellab

import (
	"errors"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

var carrying = []Scenario{
	{Name: "bulk", Play: bulk, Point: "client", About: "100 kB one way, then 30 kB back."},
	{Name: "lossy", Play: lossy, About: "Loss, reordering and duplicates on both halves of the wire."},
	{Name: "heavy_reordering", Play: heavyReordering, About: "A third of the packets is late by 5 to 15 ms, nothing is lost."},
	{Name: "corrupted", Play: corrupted, Point: "server", Whole: true, About: "Segments with bad checksums are captured and count for nothing."},
	{Name: "zero_window", Play: zeroWindow, Point: "client", About: "The server reads nothing for a while: zero window, window probes, update."},
	{Name: "keepalive_answered", Play: keepaliveAnswered, Point: "client", About: "Keep-alive probes on an idle connection, answered; then a close."},
	{
		Name: "no_options", Play: exchanged, Point: "client",
		Set:   map[string]string{"ipv4/tcp_timestamps": "0", "ipv4/tcp_sack": "0", "ipv4/tcp_window_scaling": "0"},
		About: "No timestamps, no SACK, no window scaling.",
	},
	{Name: "sequence_wrap", Play: sequenceWrap, Point: "client", About: "The client's sequence numbers pass 2^32 during the transfer."},
	{Name: "starts_midstream", Play: startsMidstream, About: "The capture starts when the connection is established."},
	{Name: "ends_midstream", Play: endsMidstream, About: "The capture ends while the connection is established."},
	{Name: "ends_after_first_fin", Play: endsAfterFirstFin, About: "The capture ends after the first FIN was acknowledged."},
	{Name: "client_direction_only", Play: clientDirectionOnly, About: "Asymmetric routing: only the client's packets are captured."},
	{Name: "server_direction_only", Play: serverDirectionOnly, About: "Asymmetric routing: only the server's packets are captured."},
	{Name: "capture_loses_packets", Play: captureLosesPackets, About: "The capture misses a tenth of the packets although they were delivered."},
}

// transfer sends octets one way while the peer reads them.
func transfer(from, to *Socket, octets int) {
	var sent sync.WaitGroup
	sent.Add(1)
	go func() { defer sent.Done(); from.Send(octets) }()
	to.Recv(octets)
	sent.Wait()
}

func bulk(n *Net) {
	c, s := n.Pair6(80)
	transfer(c, s, 100_000)
	transfer(s, c, 30_000)
	closeFirst(n, c, s)
}

func lossy(n *Net) {
	n.Wire.Rule(Trouble{Loss: 0.03, Reorder: 0.05, Duplicate: 0.02}.rule(n.Seed))
	c, s := n.Pair(80)
	transfer(c, s, 60_000)
	transfer(s, c, 60_000)
	closeFirst(n, c, s)
	time.Sleep(2 * time.Second)
}

func heavyReordering(n *Net) {
	n.Wire.Rule(Trouble{Reorder: 0.33}.rule(n.Seed))
	c, s := n.Pair(80)
	transfer(c, s, 60_000)
	closeFirst(n, s, c)
}

func corrupted(n *Net) {
	c, s := n.Pair(80)
	n.Wire.Rule(first(2, behindTap(n.Client, isData), Fate{Corrupt: true}))
	n.Wire.Rule(first(1, behindTap(n.Client, isFin), Fate{Corrupt: true}))
	transfer(c, s, 20_000)
	closeFirst(n, c, s)
	time.Sleep(500 * time.Millisecond)
}

func zeroWindow(n *Net) {
	c, s := n.Pair(80)
	s.Set(intOption(unix.SOL_SOCKET, unix.SO_RCVBUF, 8192))
	const octets = 200_000
	var sent sync.WaitGroup
	sent.Add(1)
	go func() { defer sent.Done(); c.Send(octets) }()
	time.Sleep(1500 * time.Millisecond)
	s.Recv(octets)
	sent.Wait()
	closeFirst(n, c, s)
}

func keepaliveAnswered(n *Net) {
	c, s := talk(n)
	c.Set(func(fd int) error {
		return errors.Join(
			unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 1),
			unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 1),
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1))
	})
	time.Sleep(3500 * time.Millisecond)
	closeFirst(n, c, s)
}

func exchanged(n *Net) {
	c, s := n.Pair(80)
	exchange(n, c, s)
}

// initialSequence makes the kernel begin at a sequence number, as a restored
// checkpoint would.
func initialSequence(number int) Option {
	const sendQueue = 2
	return func(fd int) error {
		return errors.Join(
			unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_REPAIR, 1),
			unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_REPAIR_QUEUE, sendQueue),
			unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_QUEUE_SEQ, number),
			unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_REPAIR, 0))
	}
}

func sequenceWrap(n *Net) {
	c, s := n.Pair(80, initialSequence(-10_000))
	transfer(c, s, 40_000)
	closeFirst(n, c, s)
}

func startsMidstream(n *Net) {
	c, s := talk(n)
	n.CaptureStarts()
	exchange(n, c, s)
}

func endsMidstream(n *Net) {
	c, s := talk(n)
	n.CaptureEnds()
	exchange(n, c, s)
}

func endsAfterFirstFin(n *Net) {
	c, s := talk(n)
	c.Close()
	s.RecvEOF()
	time.Sleep(100 * time.Millisecond) // a delayed ACK
	n.CaptureEnds()
	s.Close()
	n.Pause()
}

func clientDirectionOnly(n *Net) {
	n.CaptureKeeps(func(p *Packet) bool { return p.src.Addr() == n.Client.V4 })
	c, s := talk(n)
	exchange(n, c, s)
}

func serverDirectionOnly(n *Net) {
	n.CaptureKeeps(func(p *Packet) bool { return p.src.Addr() == n.Server.V4 })
	c, s := talk(n)
	exchange(n, c, s)
}

func captureLosesPackets(n *Net) {
	trouble := Trouble{Loss: 0.1}.rule(n.Seed)
	n.CaptureKeeps(func(p *Packet) bool { return !trouble(p).Drop })
	c, s := n.Pair(80)
	transfer(c, s, 50_000)
	transfer(s, c, 20_000)
	closeFirst(n, s, c)
}
