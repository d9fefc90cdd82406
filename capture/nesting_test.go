package capture

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"runtime/debug"
	"testing"
)

// nesting is a way to put a packet, or a frame, into another of the same kind.
type nesting struct {
	name string
	link uint16
	core []byte // what is at the bottom
	wrap func(p []byte) []byte
	top  func(p []byte) []byte // nil: a frame of link as it is
	most int                   // how deep it can go; 0: without end
}

func nestings() []nesting {
	const rawIP = 101
	v4, v6 := ip4(protoTCP, syn), ip6(protoTCP, syn)
	udp := func(port uint16, p []byte) []byte {
		return ip4(protoUDP, join(u16(50000), u16(port), u16(uint16(8+len(p))), u16(0), p))
	}
	inEthernet := func(t uint16) func([]byte) []byte { return func(p []byte) []byte { return ether(t, p) } }
	const longestIP = 65535
	return []nesting{
		{"IP in IP", rawIP, v4, func(p []byte) []byte { return ip4(protoIPIP, p) }, nil, longestIP/20 - 3},
		{"IPv6 in IPv6", rawIP, v6, func(p []byte) []byte { return ip6(protoIPv6, p) }, nil, longestIP/40 - 3},
		{"6in4in6", rawIP, v6, func(p []byte) []byte { return ip6(protoIPIP, ip4(protoIPv6, p)) }, nil, longestIP/60 - 3},
		{"GRE", rawIP, v4, func(p []byte) []byte { return ip4(protoGRE, join([]byte{0, 0}, u16(etherIPv4), p)) }, nil, longestIP/24 - 3},
		{"GRE with Ethernet", rawIP, v4, func(p []byte) []byte {
			return ip4(protoGRE, join([]byte{0, 0}, u16(etherBridging), ether(etherIPv4, p)))
		}, nil, 1000},
		{"GRE in GRE", rawIP, v4, func(p []byte) []byte {
			return ip4(protoGRE, join([]byte{0, 0}, u16(etherIPv4), ip4(protoGRE, join([]byte{0, 0}, u16(etherIPv4), p))))
		}, nil, 1000},
		{"EtherIP", rawIP, v4, func(p []byte) []byte { return ip4(protoEtherIP, join([]byte{0x30, 0}, ether(etherIPv4, p))) }, nil, 1000},
		{"VXLAN", rawIP, v4, func(p []byte) []byte { return udp(4789, join([]byte{8, 0, 0, 0, 0, 0, 42, 0}, ether(etherIPv4, p))) }, nil, 1000},
		{"Geneve", rawIP, v4, func(p []byte) []byte {
			return udp(6081, join([]byte{0, 0}, u16(etherBridging), []byte{0, 0, 1, 0}, ether(etherIPv4, p)))
		}, nil, 1000},
		{"GTP-U", rawIP, v4, func(p []byte) []byte {
			return udp(2152, join([]byte{0x30, 255}, u16(uint16(len(p))), []byte{0, 0, 0, 1}, p))
		}, nil, 1000},
		{"MPLS in IP", rawIP, v4, func(p []byte) []byte { return ip4(protoMPLS, join([]byte{0, 1, 0x31, 64}, p)) }, nil, 1000},
		{"PPPoE in Ethernet in GRE", rawIP, v4, func(p []byte) []byte {
			session := join([]byte{0x11, 0, 0, 1}, u16(uint16(2+len(p))), u16(0x21), p)
			return ip4(protoGRE, join([]byte{0, 0}, u16(etherBridging), ether(etherPPPoE, session)))
		}, nil, 1000},
		{"authentication headers", rawIP, syn, nested(protoAH, protoTCP, func(next byte, p []byte) []byte {
			return join([]byte{next, 4}, make([]byte, 22), p)
		}), func(p []byte) []byte { return ip4(protoAH, p) }, 2000},
		{"IPv6 extension headers", rawIP, syn, nested(protoDestination, protoTCP, func(next byte, p []byte) []byte {
			return join([]byte{next, 0, 1, 4, 0, 0, 0, 0}, p)
		}), func(p []byte) []byte { return ip6(protoDestination, p) }, 8000},
		{"MPLS labels", 1, v4, nil, inEthernet(etherMPLS), 0},
		{"VLAN tags", 1, v4, nil, inEthernet(etherQinQ), 0},
		{"Cisco MetaData", 1, v4, nil, inEthernet(etherCiscoMeta), 0},
		{"Ethernet in Ethernet", 1, v4, nil, inEthernet(etherBridging), 0},
	}
}

// nested makes headers that name what follows: more of them, or the last.
func nested(own, last byte, header func(next byte, p []byte) []byte) func([]byte) []byte {
	bottom := true
	return func(p []byte) []byte {
		next := own
		if bottom {
			next, bottom = last, false
		}
		return header(next, p)
	}
}

// repeated are the nestings that are the same octets again and again, so that a million of them need no copy each.
var repeated = map[string][]byte{
	"MPLS labels":          {0, 1, 0x20, 64},
	"VLAN tags":            binary.BigEndian.AppendUint16([]byte{0, 5}, etherVLAN),
	"Cisco MetaData":       binary.BigEndian.AppendUint16([]byte{1, 1, 0, 1, 0, 2}, etherCiscoMeta),
	"Ethernet in Ethernet": ether(etherBridging, nil),
}

// deep builds a frame of depth nestings.
func (n *nesting) deep(depth int) []byte {
	p := n.core
	if piece, ok := repeated[n.name]; ok {
		p = append(bytes.Repeat(piece, depth), p...)
	} else {
		for range depth {
			p = n.wrap(p)
		}
	}
	if n.top != nil {
		p = n.top(p)
	}
	return p
}

// TestNestedTooDeep: a hundred tunnels, and as many as fit, are counted as what they are, without a stack that grows with them.
func TestNestedTooDeep(t *testing.T) {
	long(t)
	defer debug.SetMaxStack(debug.SetMaxStack(256 << 10)) // of any goroutine: more ends the process
	for _, depth := range []int{100, 1_000_000} {
		for _, n := range nestings() {
			levels := depth
			if n.most > 0 {
				levels = min(depth, n.most)
			}
			t.Run(fmt.Sprintf("%d of %s", levels, n.name), func(t *testing.T) {
				frame := n.deep(levels)
				if got := testing.AllocsPerRun(1, func() {
					if _, why := decodeFrame(n.link, frame, 0); why != skipTooDeep {
						t.Errorf("counted as %q, want %q", why, skipTooDeep)
					}
				}); got > 200 {
					t.Errorf("%v allocations", got)
				}
			})
		}
	}
}
