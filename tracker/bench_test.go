package tracker_test

import (
	"encoding/binary"
	"testing"

	"github.com/tcplife/tcplife/internal/script"
	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/tracker"
)

// lives are everyday connections, by name.
var lives = map[string]string{
	"SYN": `A SYN that nobody answers.
0     > S  0:0(0) win 65535 <mss 1460,wscale 7,sackOK>
`,
	"orderly": `Opened, used, closed.
0     > S  0:0(0) win 65535 <mss 1460,wscale 7,sackOK>
+.020 < S. 0:0(0) ack 1 win 65535 <mss 1460,wscale 7,sackOK>
+.001 > .  1:1(0) ack 1 win 65535
+.001 > P. 1:101(100) ack 1 win 65535
+.020 < P. 1:1001(1000) ack 101 win 65535
+.001 > .  101:101(0) ack 1001 win 65535
+.010 > F. 101:101(0) ack 1001 win 65535
+.020 < F. 1001:1001(0) ack 102 win 65535
+.001 > .  102:102(0) ack 1002 win 65535
`,
	"reset": `Opened, used, reset.
0     > S  0:0(0) win 65535 <mss 1460,wscale 7,sackOK>
+.020 < S. 0:0(0) ack 1 win 65535 <mss 1460,wscale 7,sackOK>
+.001 > .  1:1(0) ack 1 win 65535
+.001 > P. 1:101(100) ack 1 win 65535
+.020 < R. 1:1(0) ack 101 win 0
`,
}

// BenchmarkLife is a whole connection, its record included, while a thousand others live the same life.
func BenchmarkLife(b *testing.B) {
	for name, text := range lives {
		b.Run(name, func(b *testing.B) {
			c, err := script.Parse(name, text)
			if err != nil {
				b.Fatal(err)
			}
			segments := c.Segments()
			cfg := tracker.DefaultConfig()
			cfg.Linger, cfg.TimeWait, cfg.Attempt = 1e9, 1e9, 1e9
			tr := tracker.New(cfg)
			var now int64
			var number, made uint64
			b.ReportAllocs()
			for b.Loop() {
				for i := range segments { // of a thousand connections, one step after the other
					s := segments[i]
					for k := range uint64(1000) {
						number++
						now += 1000
						s.Number, s.Time = number, now
						binary.BigEndian.PutUint64(s.Flow.B.IP[8:], made+k)
						tr.Observe(&s)
						tr.Advance(now)
					}
				}
				made += 1000
				now += 2e9
				tr.Advance(now)
				for _, c := range tr.Take() {
					_ = c
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(made), "ns/connection")
		})
	}
}

// BenchmarkManyConnections is an ordinary segment while a million connections are open, in no order: what it costs is to find
// them in memory.
func BenchmarkManyConnections(b *testing.B) {
	const n = 1 << 20
	tr, s := opened(b)
	open := func(k uint64, x *segment.Segment) {
		binary.BigEndian.PutUint64(x.Flow.B.IP[8:], k|1<<40)
	}
	now, number := s[4].Time, s[4].Number
	for k := range uint64(n) {
		for i := range s[:3] {
			x := s[i]
			number++
			now += 1000
			x.Number, x.Time = number, now
			open(k, &x)
			tr.Observe(&x)
		}
	}
	batch, hashes, picks := make([]segment.Segment, 512), make([]uint64, 512), make([]uint16, 512)
	k := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		for i := range batch {
			x := &batch[i]
			*x = s[3]
			x.PayloadLen = 0
			number++
			now += 1000
			k = k*6364136223846793005 + 1442695040888963407
			x.Number, x.Time = number, now
			open(k>>44, x)
			hashes[i], picks[i] = tr.Hash(x), uint16(i)
		}
		tr.ObserveThese(batch, hashes, picks)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(batch)), "ns/segment")
}
