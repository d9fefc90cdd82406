package samples

import (
	"cmp"
	"slices"
)

// tenants are captures of two networks with the same addresses and ports at the same time: one connection each, which only
// the path tells apart.
var tenants = []Sample{
	tenancy("tenants-vlan", "two connections of the same addresses and ports in VLAN 10 and 20", tagged(0x8100, 10), tagged(0x8100, 20)),
	tenancy("tenants-vxlan", "two connections of the same addresses and ports in VXLAN 1 and 2",
		udp(50000, 4789, inner(vxlan(0x08, 0, 1), plainEthernet)), udp(50000, 4789, inner(vxlan(0x08, 0, 2), plainEthernet))),
}

// other is what the second tenant does while the first does Short.
const other = `A request that is answered by a reset.
client 10.0.0.1:40000
server 10.0.0.2:80
isn 700000000 2900000000
0.005 > S  0:0(0) <mss 1460,sackOK,nop,wscale 7>
+.010 < S. 0:0(0) ack 1 <mss 1460,sackOK,nop,wscale 7>
+.010 > .  1:1(0) ack 1
+.001 > P. 1:101(100) ack 1
+.020 < R. 1:1(0) ack 101 win 0
`

func tenancy(name, what string, first, second builder) Sample {
	return Sample{
		Dir: tunnelDir, Name: name + ".pcap", What: what, Apart: true,
		Bytes: func(snap int) []byte {
			fs := slices.Concat(frames(Short, first), frames(other, second))
			slices.SortStableFunc(fs, func(a, b Frame) int { return cmp.Compare(a.Time, b.Time) })
			return Pcap(linkEthernet, snap, fs)
		},
	}
}
