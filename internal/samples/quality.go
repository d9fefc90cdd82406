package samples

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/tcplife/tcplife/internal/script"
)

// quality holds what can be wrong with a capture, or with the network, so far as the capture shows it. The test of each
// says what is to be found.
var quality = []Sample{
	ofTalks("network-loss.pcap", "one segment lost behind the tap, one before it, one sent again in vain, two only exchanged", lossTalk),
	ofTalks("offload-superframes.pcap", "a server's card cuts its segments behind the tap", superTalk),
	ofTalks("clock-step.pcap", "somebody set the clock of the capturing host an hour ahead", stepTalk),
	ofTalks("idle-night.pcap", "eight hours of silence: the hosts' own clocks agree", nightTalk),
	ofTalks("mid-file-gap.pcap", "six transfers, and five seconds of them missing", gapTalks(false)...),
	ofTalks("outage.pcap", "six transfers, and five seconds of an outage: they go on where they were", gapTalks(true)...),
	{
		Dir: "quality", Name: "vlan-split.pcap", What: "to the server on VLAN 10, back on VLAN 20", Apart: true,
		Bytes: func(snap int) []byte {
			return Pcap(linkEthernet, snap, frames(Short, func(p *script.Packet) []byte {
				return Ethernet(p.From, 0x8100, join(u16(10+10*uint16(p.From)), u16(etherType(p)), p.IP))
			}))
		},
	},
	{
		Dir: "quality", Name: "snaplen-40.pcap", What: "a snapshot length that ends within the TCP header", Apart: true,
		Bytes: func(int) []byte { return Pcap(linkEthernet, 40, frames(Short, plainEthernet)) },
	},
	{
		Dir: "quality", Name: "snaplen-54.pcap", What: "the shortest snapshot length that shows the TCP header: no options", Apart: true,
		Bytes: func(int) []byte { return Pcap(linkEthernet, 54, frames(Short, plainEthernet)) },
	},
}

// ofTalks is a sample of conversations side by side.
func ofTalks(name, what string, talks ...string) Sample {
	return Sample{Dir: "quality", Name: name, What: what, Apart: true, Bytes: func(snap int) []byte {
		var all []Frame
		for _, text := range talks {
			all = append(all, frames(text, plainEthernet)...)
		}
		slices.SortStableFunc(all, func(a, b Frame) int { return cmp.Compare(a.Time, b.Time) })
		return Pcap(linkEthernet, snap, all)
	}}
}

const lossTalk = `Losses, and what looks like them.
client 10.0.0.1:40000
server 10.0.0.2:80
isn 1000 5000
0     > S  0:0(0) <mss 1460,sackOK>
+.020 < S. 0:0(0) ack 1 <mss 1460,sackOK>
+.001 > .  1:1(0) ack 1
+.001 > P. 1:21(20) ack 1
+.020 < .  1:51(50) ack 21 lost
+.001 < .  51:101(50) ack 21
+.001 < .  101:151(50) ack 21
+.001 > .  21:21(0) ack 1 <sack 101:151>
+.022 < .  1:51(50) ack 21
+.001 > .  21:21(0) ack 51 <sack 101:151>
+.020 < .  51:101(50) ack 21
+.021 > .  21:21(0) ack 151
+.200 < .  101:151(50) ack 21
+.001 > .  21:21(0) ack 151 <sack 101:151>
+.100 < .  201:251(50) ack 21
+.001 < .  151:201(50) ack 21
+.001 > .  21:21(0) ack 251
+.010 > F. 21:21(0) ack 251
+.020 < F. 251:251(0) ack 22
+.001 > .  22:22(0) ack 252
`

const superTalk = `An answer of three packets in one segment.
client 10.0.0.1:40000
server 10.0.0.2:80
isn 1000 5000
0     > S  0:0(0) <mss 1460>
+.020 < S. 0:0(0) ack 1 <mss 1460>
+.001 > .  1:1(0) ack 1
+.001 > P. 1:21(20) ack 1
+.020 < P. 1:4381(4380) ack 21
+.001 > .  21:21(0) ack 4381
+.010 > F. 21:21(0) ack 4381
+.020 < F. 4381:4381(0) ack 22
+.001 > .  22:22(0) ack 4382
`

const clockTalk = `A connection across a jump of the clock.
client 10.0.0.1:40000
server 10.0.0.2:80
isn 1000 5000
0     > S  0:0(0) <TS val 1000 ecr 0>
+.020 < S. 0:0(0) ack 1 <TS val 5000 ecr 1000>
+.001 > .  1:1(0) ack 1 <TS val 1021 ecr 5000>
+.001 > P. 1:21(20) ack 1 <TS val 1022 ecr 5000>
+.020 < .  1:1(0) ack 21 <TS val 5042 ecr 1022>
`

const stepTalk = clockTalk + `+3601 > P. 21:41(20) ack 1 <TS val 1240 ecr 5042>
+.020 < .  1:1(0) ack 41 <TS val 5260 ecr 1240>
`

const nightTalk = clockTalk + `+28800 > P. 21:41(20) ack 1 <TS val 28801042 ecr 5042>
+.020  < .  1:1(0) ack 41 <TS val 28805062 ecr 28801042>
`

// gapTalks are six transfers of ten seconds, a segment of each server ten times a second; from 3 to 8 s nothing was
// captured, or nothing passed.
func gapTalks(outage bool) (talks []string) {
	for i := range 6 {
		var b strings.Builder
		fmt.Fprintf(&b, "A transfer.\nclient 10.0.0.1:%d\nserver 10.0.0.2:80\nisn %d %d\n", 40000+i, 1000*i, 5000+1000*i)
		b.WriteString("0     > S  0:0(0)\n+.020 < S. 0:0(0) ack 1\n+.001 > .  1:1(0) ack 1\n")
		at, missed := 1, ""
		for n := range 100 {
			after := 0.1
			if during := n >= 30 && n < 80; during && !outage {
				missed = " lost"
			} else if missed = ""; during {
				continue
			}
			if outage && n == 80 {
				after = 5.1
			}
			fmt.Fprintf(&b, "+%.3f < .  %d:%d(10) ack 1%s\n", after-.001, at, at+10, missed)
			at += 10
			fmt.Fprintf(&b, "+.001 > .  1:1(0) ack %d%s\n", at, missed)
		}
		talks = append(talks, b.String())
	}
	return talks
}
