//go:build linux

package kernellab

import (
	"errors"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

var resetting = []Scenario{
	{Name: "abort", Play: abort, Point: "client", About: "The client aborts an established connection."},
	{Name: "abort_in_close_wait", Play: abortInCloseWait, Point: "client", About: "The passive closer aborts in CLOSE_WAIT."},
	{Name: "abort_in_fin_wait_2", Play: abortInFinWait2, Point: "client", About: "The active closer aborts in FIN_WAIT_2."},
	{Name: "crossing_aborts", Play: crossingAborts, Half: 20 * time.Millisecond, About: "Both ends abort at once; the RSTs cross."},
	{Name: "close_with_unread_data", Play: closeWithUnreadData, Point: "server", About: "close() with data unread in the queue sends RST instead of FIN."},
	{Name: "data_after_close", Play: dataAfterClose, Point: "server", About: "Data reaches a server that has closed: its FIN was acknowledged, its RST answers the data."},
	{Name: "rst_lost", Play: rstLost, About: "The client's RST is lost behind the tap: the server lives on until its own data is answered by another RST."},
	{Name: "blind_rst_exact", Play: blindRstExact, Point: "server", About: "A forged RST at exactly RCV.NXT resets the server; the client learns of it from the answer to its next data."},
	{Name: "blind_rst_in_window", Play: blindRstInWindow, Point: "server", About: "A forged RST within the window draws a challenge ACK and no change (RFC 5961)."},
	{Name: "blind_rst_outside", Play: blindRstOutside, Point: "server", About: "A forged RST below the window is ignored."},
	{Name: "blind_syn", Play: blindSyn, Point: "server", About: "A forged SYN into an established connection draws a challenge ACK and no change."},
	{
		Name: "half_open_recovery", Play: halfOpenRecovery,
		About: "The client crashes unheard and dials again from the same port: its SYN meets an established server, is challenged, the RST clears the way (RFC 9293 3.5.1).",
	},
	{
		Name: "client_vanishes", Play: clientVanishes, Point: "server", Set: map[string]string{"ipv4/tcp_retries2": "3"},
		About: "The client's cable is cut; the server retransmits in vain and gives up.",
	},
	{
		Name: "keepalive_unanswered", Play: keepaliveUnanswered, Point: "server",
		About: "Keep-alive probes of an idle connection are never answered: the server resets it.",
	},
}

// talk opens a connection with a little data both ways.
func talk(n *Net) (c, s *Socket) {
	c, s = n.Pair(80)
	c.Send(300)
	s.Recv(300)
	s.Send(500)
	c.Recv(500)
	n.Pause()
	return c, s
}

func abort(n *Net) {
	c, s := talk(n)
	c.Abort()
	n.expect(s.TryRecvEOF(), unix.ECONNRESET)
	s.Close()
	n.Pause()
}

func abortInCloseWait(n *Net) {
	c, s := talk(n)
	c.Shutdown()
	s.RecvEOF()
	n.Pause()
	s.Abort()
	n.expect(c.TryRecvEOF(), unix.ECONNRESET)
	c.Close()
}

func abortInFinWait2(n *Net) {
	c, s := talk(n)
	c.Shutdown()
	s.RecvEOF()
	n.Pause()
	c.Abort()
	n.Pause()
	s.Close()
}

func crossingAborts(n *Net) {
	c, s := talk(n)
	atTheSameTime(c.Abort, s.Abort)
	n.Pause()
}

func closeWithUnreadData(n *Net) {
	c, s := talk(n)
	c.Send(2000)
	n.Pause()
	s.Close()
	n.expect(c.TryRecvEOF(), unix.ECONNRESET)
	c.Close()
	n.Pause()
}

func dataAfterClose(n *Net) {
	c, s := talk(n)
	s.Close()
	c.RecvEOF()
	n.Pause()
	c.Send(2000)
	n.Pause()
	c.Close()
	n.Pause()
}

func rstLost(n *Net) {
	c, s := talk(n)
	n.Wire.Rule(first(1, behindTap(n.Client, isRst), lost))
	c.Abort()
	n.Pause()
	s.Send(400)
	n.Pause()
	n.expect(s.TryRecvEOF(), unix.ECONNRESET)
	s.Close()
}

// forge puts a segment on the wire that seems to come from the client; offset is
// counted from what the server expects next.
func forge(n *Net, client, server netip.AddrPort, offset uint32, control flags) {
	last := n.Last(server, client)
	n.Wire.inject(forged{
		src: client, dst: server, seq: last.ack + offset, ack: last.seq + uint32(last.payload),
		flags: control, window: 1000,
	}, n.Client, n.Server)
	n.Pause()
}

func blindRstExact(n *Net) {
	c, s := talk(n)
	forge(n, c.Addr(), s.Addr(), 0, rst)
	n.expect(s.TryRecvEOF(), unix.ECONNRESET)
	s.Close()
	c.Send(100)
	n.Pause()
	n.expect(c.TryRecvEOF(), unix.ECONNRESET)
	c.Close()
}

func blindRstInWindow(n *Net) {
	c, s := talk(n)
	forge(n, c.Addr(), s.Addr(), 1000, rst)
	exchange(n, c, s)
}

func blindRstOutside(n *Net) {
	c, s := talk(n)
	forge(n, c.Addr(), s.Addr(), ^uint32(99), rst)
	exchange(n, c, s)
}

func blindSyn(n *Net) {
	c, s := talk(n)
	forge(n, c.Addr(), s.Addr(), 50_000, syn)
	exchange(n, c, s)
}

func halfOpenRecovery(n *Net) {
	l := n.Listen(n.Server, 80, 16)
	open := func() (c, s *Socket) {
		c = n.Dial(n.Client, n.Server.At(80), From(4000))
		return c, l.Accept()
	}
	c, s := open()
	c.Send(300)
	s.Recv(300)
	n.Pause()
	n.Wire.Rule(all(beforeTap(n.Client, anyPacket), lost))
	c.Abort() // nobody hears of it
	time.Sleep(50 * time.Millisecond)
	n.Wire.Clear()
	again, other := open()
	n.expect(s.TryRecvEOF(), unix.ECONNRESET)
	s.Close()
	exchange(n, again, other)
}

func clientVanishes(n *Net) {
	c, s := talk(n)
	n.Wire.Rule(all(func(p *Packet) bool { return p.Half == Far && p.To == n.Client }, lost))
	s.Send(500)
	n.expect(s.TryRecvEOF(), unix.ETIMEDOUT)
	n.Pause()
	n.CaptureEnds()
	s.Close()
	c.Close()
}

func keepaliveUnanswered(n *Net) {
	c, s := talk(n)
	n.Wire.Rule(all(behindTap(n.Server, anyPacket), lost))
	s.Set(func(fd int) error {
		return errors.Join(
			unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 1),
			unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 1),
			unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 2),
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1))
	})
	n.expect(s.TryRecvEOF(), unix.ETIMEDOUT)
	n.Pause()
	s.Close()
	n.CaptureEnds()
	c.Close()
}
