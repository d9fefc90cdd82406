package samples

import (
	"encoding/binary"
	"slices"
)

// cutUp is what the sender's data of a conversation look like behind a link they do not fit.
const cutUp = `isn 1000 5000
0     > S  0:0(0) <mss 1460,sackOK,nop,wscale 7>
+.010 < S. 0:0(0) ack 1 <mss 1460,sackOK,nop,wscale 7>
+.010 > .  1:1(0) ack 1
+.001 > P. 1:81(80) ack 1 fragments 3
+.020 < P. 1:31(30) ack 81
+2    > P. 81:161(80) ack 31 fragments 2
+.020 < .  31:31(0) ack 161
+2    > F. 161:161(0) ack 31
+.010 < F. 31:31(0) ack 162
+.010 > .  162:162(0) ack 32
`

const (
	fragmented  = "Data in IP fragments.\nclient 10.0.0.1:40000\nserver 10.0.0.2:80\n" + cutUp
	fragmented6 = "Data in IP fragments, over IPv6.\nclient [fd00::1]:40000\nserver [fd00::2]:80\n" + cutUp
)

// fragments hold a conversation some of whose segments came in IP fragments.
var fragments = []Sample{
	inFragments("ipv4.pcap", "IPv4 fragments", fragmented, nil),
	inFragments("ipv6.pcap", "IPv6 fragments", fragmented6, nil),
	inFragments("ipv4-reversed.pcap", "IPv4 fragments, the last one first", fragmented, eachMoment(slices.Reverse[[]Frame])),
	inFragments("ipv6-reversed.pcap", "IPv6 fragments, the last one first", fragmented6, eachMoment(slices.Reverse[[]Frame])),
	inFragments("only-first.pcap", "what a filter on ports leaves: no later fragments", fragmented, onlyFirst).apart(),
	inFragments("overlap.pcap", "fragments of which one comes again with other octets", fragmented, withOverlap).apart(),
}

// inFragments changes the frames of a conversation over Ethernet.
func inFragments(name, what, talk string, change func([]Frame) []Frame) Sample {
	s := Sample{Dir: "fragment", Name: name, What: what, Talk: talk, Within: "fragment of a tcp segment"}
	s.Bytes = func(snap int) []byte {
		fs := frames(talk, plainEthernet)
		if change != nil {
			fs = change(fs)
		}
		return Pcap(linkEthernet, snap, fs)
	}
	return s
}

// eachMoment changes the order of frames of one time: those of one line.
func eachMoment(order func([]Frame)) func([]Frame) []Frame {
	return func(fs []Frame) []Frame {
		for from := 0; from < len(fs); {
			to := from + 1
			for to < len(fs) && fs[to].Time == fs[from].Time {
				to++
			}
			order(fs[from:to])
			from = to
		}
		return fs
	}
}

// fragmentAt is where flags and offset stand in a frame of plain Ethernet with IPv4.
const fragmentAt = 14 + 6

func onlyFirst(fs []Frame) []Frame {
	return slices.DeleteFunc(fs, func(f Frame) bool { return binary.BigEndian.Uint16(f.Data[fragmentAt:])&0x1fff != 0 })
}

// withOverlap repeats the first later fragment with another octet.
func withOverlap(fs []Frame) []Frame {
	at := slices.IndexFunc(fs, func(f Frame) bool { return binary.BigEndian.Uint16(f.Data[fragmentAt:])&0x1fff != 0 })
	again := fs[at]
	again.Data = slices.Clone(again.Data)
	again.Data[14+20] ^= 0xff
	return slices.Insert(fs, at+1, again)
}
