//go:build linux

package kernellab

import (
	"maps"
	"net/netip"
	"sync"
	"time"
)

// Net is hosts on a wire: what a scenario plays on.
type Net struct {
	Client, Server *Host
	Wire           *Wire

	hosts   []*Host
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
	if err != nil {
		n.shut()
		return nil, err
	}
	return n, nil
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

// failure returns the first thing that went wrong.
func (n *Net) failure() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.err
}
