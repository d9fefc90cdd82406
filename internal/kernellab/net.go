//go:build linux

package kernellab

import (
	"errors"
	"maps"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Net is hosts on a wire: what a scenario plays on.
type Net struct {
	Client, Server *Host
	Wire           *Wire
	Seed           uint64
	Connections    int // how many a random scenario makes

	hosts   []*Host
	primary primary
	mu      sync.Mutex
	err     error // the first thing that went wrong
	sockets map[*Socket]bool
}

// plainSysctls make a host's TCP plain and its timeouts short enough to be
// waited for. FIN_WAIT_2's differs from TIME_WAIT's 60 s, which is how the two
// are told apart in the trace.
var plainSysctls = map[string]string{
	"ipv4/tcp_fin_timeout":                   "20",
	"ipv4/tcp_syncookies":                    "0",
	"ipv4/tcp_congestion_control":            "reno",
	"ipv4/tcp_no_metrics_save":               "1",
	"ipv4/tcp_syn_retries":                   "2",
	"ipv4/tcp_syn_linear_timeouts":           "0",
	"ipv4/tcp_synack_retries":                "2",
	"ipv4/tcp_orphan_retries":                "3",
	"ipv4/tcp_retries2":                      "4",
	"ipv4/tcp_tw_reuse":                      "1",
	"ipv4/tcp_tw_reuse_delay":                "1",
	"ipv4/tcp_fastopen":                      "3",
	"ipv4/tcp_invalid_ratelimit":             "0",
	"ipv4/tcp_challenge_ack_limit":           "1000",
	"ipv4/tcp_rto_min_us":                    "200000",
	"ipv4/tcp_early_retrans":                 "3",
	"ipv6/conf/default/accept_ra":            "0",
	"ipv6/conf/default/router_solicitations": "0",
}

// newNet makes a wire with the hosts of subnet 10.77.subnet.0/24 and
// fd77:subnet::/64; the hosts are client and server, at .1 and .2.
func newNet(subnet byte, half time.Duration, sysctl map[string]string) (*Net, error) {
	n := &Net{Wire: newWire(half), sockets: map[*Socket]bool{}}
	var err error
	if n.Client, err = n.addHost("client", subnet, 1, sysctl); err == nil {
		n.Server, err = n.addHost("server", subnet, 2, sysctl)
	}
	if err == nil {
		err = n.introduce()
	}
	if err != nil {
		n.shut()
		return nil, err
	}
	return n, nil
}

// introduce lets the two hosts learn each other's hardware addresses, so that no
// first SYN has to wait for that. A datagram to a closed port draws an answer.
func (n *Net) introduce() error {
	const tries, wait = 20, 300 * time.Millisecond
	for range tries {
		if err := n.Client.do(func() error { return knock(n.Server.At(discardPort), n.Server.At6(discardPort)) }); err != nil {
			return err
		}
		for deadline := time.Now().Add(wait); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			if n.Client.seen.refused(etherIPv4) && n.Client.seen.refused(etherIPv6) {
				return nil
			}
		}
	}
	return errors.New("the two hosts do not reach each other")
}

const discardPort = 9 // nobody listens there

// knock sends a datagram to each address.
func knock(addresses ...netip.AddrPort) error {
	for _, to := range addresses {
		family := unix.AF_INET
		if to.Addr().Is6() {
			family = unix.AF_INET6
		}
		fd, err := unix.Socket(family, unix.SOCK_DGRAM, 0)
		if err != nil {
			return err
		}
		err = unix.Sendto(fd, []byte{0}, 0, sockaddr(to))
		unix.Close(fd)
		if err != nil {
			return err
		}
	}
	return nil
}

func (n *Net) addHost(name string, subnet, last byte, sysctl map[string]string) (*Host, error) {
	settings := maps.Clone(plainSysctls)
	maps.Copy(settings, sysctl)
	v4 := netip.AddrFrom4([4]byte{10, 77, subnet, last})
	v6 := netip.AddrFrom16([16]byte{0xfd, 0x77, 0, subnet, 15: last})
	h, err := newHost(name, v4, v6, settings)
	if err != nil {
		return nil, err
	}
	n.hosts = append(n.hosts, h)
	n.Wire.plug(h)
	return h, nil
}

// CaptureStarts says that the primary capture begins only now.
func (n *Net) CaptureStarts() { n.primary.from = time.Now().UnixNano() }

// CaptureEnds says that the primary capture ends now, whatever comes.
func (n *Net) CaptureEnds() { n.primary.till = time.Now().UnixNano() }

// CaptureKeeps says which packets the primary capture holds.
func (n *Net) CaptureKeeps(keep func(p *Packet) bool) { n.primary.keep = keep }

// Pause lets the packets of a moment ago arrive and be answered: a machine with
// other work may take its time over that.
func (n *Net) Pause() {
	time.Sleep(6*n.Wire.half + 20*time.Millisecond)
	for deadline := time.Now().Add(time.Second); time.Now().Before(deadline) && !n.Wire.quiet(2*n.Wire.half+10*time.Millisecond); {
		time.Sleep(5 * time.Millisecond)
	}
}

// Pair connects the client to a port of the server and returns both ends.
func (n *Net) Pair(port uint16, options ...Option) (c, s *Socket) {
	l := n.Listen(n.Server, port, 16)
	defer l.Close()
	c = n.Dial(n.Client, n.Server.At(port), options...)
	return c, l.Accept()
}

// Pair6 is Pair over IPv6.
func (n *Net) Pair6(port uint16, options ...Option) (c, s *Socket) {
	l := n.Listen(n.Server, port, 16)
	defer l.Close()
	c = n.Dial(n.Client, n.Server.At6(port), options...)
	return c, l.Accept()
}

// Last returns the newest segment the tap saw from one address to another.
func (n *Net) Last(from, to netip.AddrPort) (last tcpHeader) {
	for _, c := range n.Wire.mid.sorted() {
		if h, ok := parseTCP(c.data); ok && h.src == from && h.dst == to {
			last = h
		}
	}
	return last
}

// shut closes what is left of sockets, then hosts and wire.
func (n *Net) shut() {
	n.mu.Lock()
	left := n.sockets
	n.sockets = map[*Socket]bool{}
	n.mu.Unlock()
	for s := range left {
		s.Close()
	}
	for _, h := range n.hosts {
		h.close()
	}
	n.Wire.close()
}

func (n *Net) opened(s *Socket) {
	n.mu.Lock()
	n.sockets[s] = true
	n.mu.Unlock()
}

func (n *Net) closed(s *Socket) {
	n.mu.Lock()
	delete(n.sockets, s)
	n.mu.Unlock()
}

// expect checks that an attempt failed for the reason given.
func (n *Net) expect(err, want error) {
	switch {
	case err == nil:
		n.check(errors.New("no error"), "want %q", want)
	case !errors.Is(err, want):
		n.check(err, "want %q", want)
	}
}

// failure returns the first thing that went wrong.
func (n *Net) failure() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.err
}
