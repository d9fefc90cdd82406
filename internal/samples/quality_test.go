package samples_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/internal/samples"
	"github.com/tcplife/tcplife/report/anomaly"
	"github.com/tcplife/tcplife/tracker"
)

// TestQuality says what is found in each capture of its directory: of its connections and of the whole, beside what
// tells that they are short.
func TestQuality(t *testing.T) {
	const eachTwice = "duplicate-packets 5 copies of the client's 5 segments, 3 of the server's 3"
	want := map[string][]string{
		"network-loss.pcap":        {"network-loss of the server's 350 bytes 14% lost behind the tap (1 segment), 14% lost before the tap (1 segment); 1 segment sent again in vain"},
		"offload-superframes.pcap": {"trace: offload-superframes 10.0.0.2 (1 connection) sends segments of up to 16 kB, though their peers take no more than 1,460 in one packet (MSS)"},
		"clock-step.pcap": {
			"clock-step the capture's clock went on 1h00m between packet 4 and packet 6, the client's by 218 ticks, the server's by 218 ticks",
			"trace: clock-step the clock went on 1h00m at 2026-01-01 00:00:00.042; by the hosts' own, in 1 connection across it, no such time passed",
		},
		"idle-night.pcap": nil,
		"mid-file-gap.pcap": {
			"capture-loss 500 bytes of the server were acknowledged but never captured",
			"trace: capture-loss 3,000 bytes of 6,000 acknowledged bytes were never captured (50%)",
			"trace: mid-file-gap no packet for 5.1 s from 2026-01-01 00:00:03.021, after 125 a second; 6 connections went on that had meanwhile exchanged 3,000 bytes",
		},
		"outage.pcap": nil,
		"vlan-split.pcap": {
			"trace: vlan-split 1 connection: VLAN 10 one way and VLAN 20 the other",
			"vlan-split the client's segments on VLAN 10, the server's on VLAN 20",
		},
		"duplicate-span.pcap":   {eachTwice, "trace: duplicate-packets 8 segments of 16 are copies (50%), within 10 µs"},
		"duplicate-routed.pcap": {eachTwice, "trace: duplicate-packets 8 segments of 16 are copies (50%), met again one hop further (TTL 1 lower), on vlan:10 and vlan:20, within 100 µs"},
		"duplicate-ipv6.pcap":   {eachTwice, "trace: duplicate-packets 8 segments of 16 are copies (50%), met again one hop further (TTL 1 lower), on vlan:10 and vlan:20, within 100 µs"},
		"duplicate-any.pcap": {
			"duplicate-packets 10 copies of the client's 5 segments, 6 of the server's 3",
			"trace: duplicate-packets 16 segments of 24 are copies (67%), met again one hop further (TTL 1 lower), within 10 µs",
		},
		"duplicate-vxlan.pcap": {eachTwice, "trace: duplicate-packets 8 segments of 16 are copies (50%), on plain and vxlan:42, within 100 µs"},
		"duplicate-far.pcap":   {eachTwice, "trace: duplicate-packets 8 segments of 16 are copies (50%), met again 5 hops further (TTL 5 lower), within 10 ms"},
		"nat-twice.pcap": {
			"closed-by-server-first the server's FIN (packet 13) came first",
			"trace: nat-twice 10.0.0.7:40000 to 203.0.113.9:443 and 192.0.2.1:61000 to 203.0.113.9:443 are one connection on two sides of an address translator: " +
				"the client 10.0.0.7 becomes 192.0.2.1, initial sequence numbers equal in 1 pair; the server's FIN of packet 13 did not come through",
		},
		"snaplen-40.pcap": nil,
		"snaplen-54.pcap": {
			"snaplen-truncated the TCP options of 1 segment of the client were cut",
			"snaplen-truncated the TCP options of 1 segment of the server were cut",
			"trace: snaplen-truncated the TCP options of 2 segments were cut at a snapshot length of 54 bytes",
		},
	}
	for _, s := range samples.Of("quality") {
		t.Run(s.Name, func(t *testing.T) {
			got, stats := judged(t, s.Bytes(0))
			expected, ok := want[s.Name]
			if !ok || !slices.Equal(got, expected) {
				t.Errorf("found\n %s\nwant\n %s", strings.Join(got, "\n "), strings.Join(expected, "\n "))
			}
			if n := stats.Skipped["truncated tcp header"]; s.Name == "snaplen-40.pcap" && n != stats.Packets {
				t.Errorf("%d of %d packets are counted as cut: %v", n, stats.Packets, stats.Skipped)
			}
		})
	}
}

// judged returns all that is found in a capture, but how it ends.
func judged(t *testing.T, file []byte) (findings []string, stats capture.Stats) {
	segs, paths, stats := read(t, file)
	tr := tracker.New(tracker.DefaultConfig())
	for i := range segs {
		tr.Advance(segs[i].Time)
		tr.Observe(&segs[i])
	}
	for !tr.Flush() {
	}
	judge := anomaly.New(anomaly.DefaultThresholds())
	judge.Paths = paths
	note := func(of string, fs []anomaly.Finding) {
		for _, f := range fs {
			switch f.Kind.Slug {
			case "open-at-eof", "time-wait":
			default:
				findings = append(findings, of+f.Kind.Slug+" "+f.Evidence)
			}
		}
	}
	for _, r := range tracker.Collect(tr.Take()) {
		note("", judge.Connection(r))
	}
	known := anomaly.Capture{Packets: stats.Packets, TCP: stats.TCP, SnapLen: stats.SnapLen, CutPackets: stats.CutPackets, First: stats.First, Last: stats.Last}
	for _, p := range stats.Pauses {
		known.Pauses = append(known.Pauses, anomaly.Pause{From: p.From, To: p.To, Packets: p.Packets, Since: p.Since})
	}
	note("trace: ", judge.Finish(tr.Summary(), known))
	slices.Sort(findings)
	return slices.Compact(findings), stats
}
