package samples

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/tcplife/tcplife/internal/script"
)

// copies are captures in which the same packets are met more than once.
var copies = []Sample{
	twice("duplicate-span.pcap", "a mirror port that copies what a switch takes in and what it gives out", linkEthernet, Short,
		place{around: plainEthernet}, place{after: 4_000, around: plainEthernet}),
	twice("duplicate-routed.pcap", "a mirror port before and behind a router: VLAN 10 and 20, the TTL one lower", linkEthernet, Short,
		place{around: tagged(0x8100, 10)}, place{after: 30_000, hops: 1, around: tagged(0x8100, 20)}),
	twice("duplicate-ipv6.pcap", "the same over IPv6, which has no identification", linkEthernet, Short6,
		place{around: tagged(0x8100, 10)}, place{after: 30_000, hops: 1, around: tagged(0x8100, 20)}),
	twice("duplicate-any.pcap", "\"any\" on a host with a container: the card, the bridge and the container's own", linkCooked, Short,
		place{around: cooked}, place{after: 8_000, hops: 1, around: cooked}, place{after: 9_000, hops: 1, around: cooked}),
	twice("duplicate-vxlan.pcap", "the packets in a VXLAN tunnel, and out of it", linkEthernet, Short,
		place{around: udp(50000, 4789, inner(vxlan(0x08, 0, 42), plainEthernet))}, place{after: 15_000, around: plainEthernet}),
	twice("duplicate-far.pcap", "two captures merged, one at each end of a long line: the copies come behind the answers", linkEthernet, Short,
		place{around: plainEthernet}, place{after: 9_000_000, hops: 5, around: plainEthernet}),
	{
		Dir: "quality", Name: "nat-twice.pcap", What: "before and behind an address translator, through which the server's FIN does not come", Apart: true,
		Bytes: func(snap int) []byte {
			before := frames(insideTalk, plainEthernet)
			behind := frames(outsideTalk, place{hops: 1, around: plainEthernet}.frame)
			for i := range behind {
				behind[i].Time += 40_000
			}
			return Pcap(linkEthernet, snap, inTime(before, behind))
		},
	},
}

const linkCooked = 113

// place is where packets are captured: how much later in nanoseconds and how many hops further than at the first one.
type place struct {
	after  int64
	hops   byte
	around builder
}

// frame is a packet as it is met there.
func (l place) frame(p *script.Packet) []byte {
	q := *p
	q.IP = slices.Clone(p.IP)
	if isIPv6(p) {
		q.IP[7] -= l.hops
	} else {
		q.IP[8] -= l.hops
		q.IP[10], q.IP[11] = 0, 0
		binary.BigEndian.PutUint16(q.IP[10:], headerSum(q.IP[:20]))
	}
	return l.around(&q)
}

// twice is a conversation captured in several places.
func twice(name, what string, linkType uint32, talk string, places ...place) Sample {
	return Sample{Dir: "quality", Name: name, What: what, Talk: talk, Apart: true, Bytes: func(snap int) []byte {
		var all [][]Frame
		for _, l := range places {
			fs := frames(talk, l.frame)
			for i := range fs {
				fs[i].Time += l.after
			}
			all = append(all, fs)
		}
		return Pcap(linkType, snap, inTime(all...))
	}}
}

// inTime merges captures.
func inTime(of ...[]Frame) []Frame {
	all := slices.Concat(of...)
	slices.SortStableFunc(all, func(a, b Frame) int { return cmp.Compare(a.Time, b.Time) })
	return all
}

const insideTalk = `A server closes, and its client is not told.
client 10.0.0.7:40000
server 203.0.113.9:443
isn 3100000000 2700000000
0     > S  0:0(0) <mss 1460,sackOK,nop,wscale 7>
+.010 < S. 0:0(0) ack 1 <mss 1460,sackOK,nop,wscale 7>
+.010 > .  1:1(0) ack 1
+.001 > P. 1:21(20) ack 1
+.020 < P. 1:31(30) ack 21
+.001 > .  21:21(0) ack 31
+5    > P. 21:41(20) ack 31
`

const outsideTalk = `A server closes, and nothing answers.
client 192.0.2.1:61000
server 203.0.113.9:443
isn 3100000000 2700000000
0     > S  0:0(0) <mss 1460,sackOK,nop,wscale 7>
+.010 < S. 0:0(0) ack 1 <mss 1460,sackOK,nop,wscale 7>
+.010 > .  1:1(0) ack 1
+.001 > P. 1:21(20) ack 1
+.020 < P. 1:31(30) ack 21
+.001 > .  21:21(0) ack 31
+1    < F. 31:31(0) ack 21
`
