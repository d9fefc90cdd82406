//go:build linux

package kernellab

import (
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

var random = []Scenario{
	{Name: "chaos_clean", Play: chaos(0), Point: "client", About: "Random connections over a clean wire."},
	{Name: "chaos_loss1", Play: chaos(0.01), About: "Random connections over a wire that loses 1 %, reorders and duplicates."},
	{Name: "chaos_loss5", Play: chaos(0.05), Point: "server", About: "Random connections over a wire that loses 5 %, reorders and duplicates."},
}

// chaosAtOnce is how many random connections live at a time.
const chaosAtOnce = 6

// chaos plays connections whose two programs each do a few random things and go.
// The loss is that of the whole wire; half of it strikes before the tap.
func chaos(loss float64) func(n *Net) {
	return func(n *Net) {
		if loss > 0 {
			n.Wire.Rule(Trouble{Loss: loss / 2, Reorder: 0.02, Duplicate: 0.01}.rule(n.Seed))
		}
		l := n.Listen(n.Server, 80, 64, intOption(unix.SOL_SOCKET, unix.SO_REUSEADDR, 1))
		l.Set(func(fd int) error {
			poll := unix.NsecToTimeval(int64(100 * time.Millisecond))
			return unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &poll)
		})
		var servers, clients sync.WaitGroup
		done := make(chan struct{})
		servers.Add(1)
		go func() {
			defer servers.Done()
			for i := uint64(0); ; i++ {
				s, err := l.TryAccept()
				if err == nil {
					servers.Add(1)
					go func() { defer servers.Done(); improvise(s, rand.New(rand.NewPCG(n.Seed, i<<1))) }()
					continue
				}
				select {
				case <-done:
					return
				default:
				}
			}
		}()
		slots := make(chan struct{}, chaosAtOnce)
		for i := range uint64(n.Connections) {
			slots <- struct{}{}
			clients.Add(1)
			go func() {
				defer clients.Done()
				defer func() { <-slots }()
				draw := rand.New(rand.NewPCG(n.Seed, i<<1|1))
				to := n.Server.At(80)
				if draw.IntN(3) == 0 {
					to = n.Server.At6(80)
				}
				if draw.IntN(20) == 0 {
					to = n.Server.At(81) // nobody listens there
				}
				c, err := n.TryDial(n.Client, to)
				if err == nil {
					improvise(c, draw)
				}
				c.Close()
			}()
		}
		clients.Wait()
		close(done)
		servers.Wait()
		time.Sleep(2 * time.Second) // retransmissions of what is left
	}
}

// improvise does a few random things with a connection and ends it in a random
// way. Nothing here can be expected to succeed: the peer improvises as well.
func improvise(s *Socket, draw *rand.Rand) {
	limit := unix.NsecToTimeval(int64(time.Duration(50+draw.IntN(300)) * time.Millisecond))
	s.Set(func(fd int) error { return unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit) })
	shut := false
	for range draw.IntN(5) {
		switch draw.IntN(6) {
		case 0, 1, 2:
			_ = s.TrySend(1 + draw.IntN(6000))
		case 3:
			time.Sleep(time.Duration(draw.IntN(40)) * time.Millisecond)
		case 4:
			s.readSome()
		case 5:
			s.shutdownWhenSent()
			shut = true
		}
	}
	ending := draw.IntN(8)
	if ending == 0 && shut {
		ending = 1 // in CLOSING, Linux takes an abort without a word on the wire
	}
	switch ending {
	case 0:
		s.Abort()
	case 1, 2:
		s.shutdownWhenSent()
		s.Close() // perhaps with data unread
	default:
		s.shutdownWhenSent()
		_ = s.TryRecvEOF()
		s.Close()
	}
}

// shutdownWhenSent shuts down once the kernel has sent what it was given. A FIN
// behind data that waits for the window leaves later than the state that holds
// it begins, and when the peer's FIN comes between, no wire shows the truth; one
// scenario is about that, random ones are to be comparable.
func (s *Socket) shutdownWhenSent() {
	for range 50 {
		if unsent, err := unix.IoctlGetInt(s.fd, unix.SIOCOUTQNSD); err != nil || unsent == 0 {
			break
		}
		time.Sleep(4 * time.Millisecond)
	}
	_ = unix.Shutdown(s.fd, unix.SHUT_WR)
}
