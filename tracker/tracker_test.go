package tracker_test

import (
	"testing"

	"github.com/tcplife/tcplife/internal/script"
	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/tracker"
)

// opened is a connection whose handshake is done, in a tracker of its own.
func opened(tb testing.TB) (*tracker.Tracker, []segment.Segment) {
	tb.Helper()
	return openedOn(tb, tracker.New(tracker.DefaultConfig()))
}

func openedOn(tb testing.TB, t *tracker.Tracker) (*tracker.Tracker, []segment.Segment) {
	tb.Helper()
	c, err := script.Parse("bulk", `A handshake and the first data of both.
0     > S  0:0(0) win 65535 <mss 1460,wscale 7>
+.020 < S. 0:0(0) ack 1 win 65535 <mss 1460,wscale 7>
+.001 > .  1:1(0) ack 1 win 65535
+.001 > P. 1:1001(1000) ack 1 win 65535
+.020 < .  1:1(0) ack 1001 win 65535
`)
	if err != nil {
		tb.Fatal(err)
	}
	s := c.Segments()
	for i := range s {
		t.Observe(&s[i])
	}
	return t, s
}

// bulk sends n more segments of 1000 octets and their acknowledgements, in order.
func bulk(t *tracker.Tracker, s []segment.Segment, n int) {
	data, ack := &s[3], &s[4]
	for range n {
		data.Seq = data.Seq.Add(1000)
		ack.Ack = ack.Ack.Add(1000)
		for _, x := range []*segment.Segment{data, ack} {
			x.Number += 2
			x.Time += 1_000_000
			x.IPID++
			t.Advance(x.Time)
			t.Observe(x)
		}
	}
}

func TestOrdinarySegmentsAllocateNothing(t *testing.T) {
	tr, s := opened(t)
	if n := testing.AllocsPerRun(1000, func() { bulk(tr, s, 1) }); n != 0 {
		t.Errorf("%v allocations for a data segment and its ACK, want none", n)
	}
}

// TestResetAcknowledges: a RST with an ACK tells like any ACK that what it covers arrived (R10, R2).
func TestResetAcknowledges(t *testing.T) {
	c, err := script.Parse("closing", `The server's last words look damaged, but the client's RST knows of them.
0     > S  0:0(0)
+.02  < S. 0:0(0) ack 1
+.02  > .  1:1(0) ack 1
+.02  > P. 1:101(100) ack 1
+.02  < .  1:1(0) ack 101
+.02  < P. 1:33(32) ack 101 bad-checksum
+.001 > R. 101:101(0) ack 33
`)
	if err != nil {
		t.Fatal(err)
	}
	tr := tracker.New(tracker.DefaultConfig())
	segs := c.Segments()
	for i := range segs {
		tr.Observe(&segs[i])
	}
	for !tr.Flush() {
		continue
	}
	if got := tracker.Collect(tr.Take())[0].Endpoints[tracker.Server].PayloadBytes; got != 32 {
		t.Errorf("%d octets of the server, want the 32 that were acknowledged", got)
	}
}

// TestFinAgain counts a FIN that its sender sent again, be it long before a retransmission timer (RFC 8985 7.3); not one
// that the network copied, nor one in the ACK of the peer's FIN, as BSD repeats it.
func TestFinAgain(t *testing.T) {
	for again, want := range map[string]uint64{
		"F. 101:101(0) ack 1 <TS val 136 ecr 512>": 1, // a tail loss probe
		"F. 101:101(0) ack 1 <TS val 122 ecr 512>": 0, // a copy
		"F. 101:101(0) ack 2 <TS val 136 ecr 523>": 0, // BSD
	} {
		c, err := script.Parse("again", `A FIN, and again after 14 ms.
0     > S  0:0(0) <mss 1460,sackOK,TS val 100 ecr 0>
+.005 < S. 0:0(0) ack 1 <mss 1460,sackOK,TS val 500 ecr 100>
+.001 > .  1:1(0) ack 1 <TS val 106 ecr 500>
+.001 > P. 1:101(100) ack 1 <TS val 107 ecr 500>
+.005 < .  1:1(0) ack 101 <TS val 512 ecr 107>
+.010 > F. 101:101(0) ack 1 <TS val 122 ecr 512>
+.001 < F. 1:1(0) ack 101 <TS val 523 ecr 107>
+.014 > `+again+`
`)
		if err != nil {
			t.Fatal(err)
		}
		tr := tracker.New(tracker.DefaultConfig())
		segs := c.Segments()
		for i := range segs {
			tr.Observe(&segs[i])
		}
		for !tr.Flush() {
			continue
		}
		if got := tracker.Collect(tr.Take())[0].Endpoints[tracker.Client].RetransmittedPackets; got != want {
			t.Errorf("%s: %d segments sent again, want %d", again, got, want)
		}
	}
}

func TestMoreThanFourGigabytes(t *testing.T) {
	tr, s := opened(t)
	s[3].PayloadLen = 1 << 20 // an offload's superframe, so that the sequence numbers wrap soon
	data, ack := &s[3], &s[4]
	data.Seq = data.Seq.Add(1000)
	const segments = 5 << 10
	for i := range segments {
		data.Number, data.Time, data.IPID = data.Number+2, data.Time+1_000_000, uint16(i)
		tr.Observe(data)
		data.Seq = data.Seq.Add(1 << 20)
		ack.Ack = data.Seq
		ack.Number, ack.Time = ack.Number+2, ack.Time+1_000_000
		tr.Observe(ack)
	}
	for !tr.Flush() {
		continue
	}
	c := tracker.Collect(tr.Take())[0]
	if got, want := c.Endpoints[tracker.Client].StreamBytes, uint64(1000+segments<<20); got != want {
		t.Errorf("%d octets of the stream, want %d", got, want)
	}
	if e := c.Endpoints[tracker.Client]; e.RetransmittedPackets+e.OutOfOrderPackets+e.MissingBytes != 0 {
		t.Errorf("in order, and yet %+v", e)
	}
}

func TestTheTableIsBounded(t *testing.T) {
	cfg := tracker.DefaultConfig()
	cfg.MaxConnections = 100
	tr := tracker.New(cfg)
	_, s := opened(t)
	records := 0
	for i := range 1000 {
		for j := range s[:3] { // handshakes that stay open
			x := s[j]
			x.Flow.B.IP[15], x.Flow.B.IP[14] = byte(i), byte(i>>8)
			x.Number += uint64(5 * i)
			x.Time += int64(i) * 1_000_000_000
			tr.Observe(&x)
		}
		records += len(tracker.Collect(tr.Take()))
	}
	if records != 900 || tr.Summary().Evicted != 900 {
		t.Errorf("%d records before the end, %d counted as evicted; want 900 of 1000", records, tr.Summary().Evicted)
	}
}

func TestAThirdConnectionOfATupleIsTheThird(t *testing.T) {
	c, err := script.Parse("refused", `Refused.
0     > S  0:0(0)
+.020 < R. 0:0(0) ack 1 win 0
`)
	if err != nil {
		t.Fatal(err)
	}
	s := c.Segments()
	tr := tracker.New(tracker.DefaultConfig())
	var got []int
	for i := range 3 {
		for j := range s {
			x := s[j]
			x.Number += uint64(2 * i)
			x.Time += int64(i) * 3_600_000_000_000 // the table forgot the one before
			if x.Dir == s[0].Dir {
				x.Seq = x.Seq.Add(uint32(i) * 100_000)
			} else {
				x.Ack = x.Ack.Add(uint32(i) * 100_000)
			}
			tr.Advance(x.Time)
			tr.Observe(&x)
		}
	}
	for !tr.Flush() {
		continue
	}
	for _, c := range tr.Take() {
		got = append(got, c.Incarnation)
	}
	if len(got) != 3 || got[0] != 1 || got[1] != 2 || got[2] != 3 {
		t.Errorf("incarnations %v, want 1 2 3", got)
	}
}

// BenchmarkInOrder is a data segment and its ACK, in each of the forms that an open connection takes.
func BenchmarkInOrder(b *testing.B) {
	for _, form := range []struct {
		name string
		of   func(tracker.Config) *tracker.Tracker
	}{{"plain", tracker.New}, {"full", tracker.NewWithoutSmallForms}} {
		b.Run(form.name, func(b *testing.B) {
			tr, s := openedOn(b, form.of(tracker.DefaultConfig()))
			b.ReportAllocs()
			for b.Loop() {
				bulk(tr, s, 1)
			}
		})
	}
}

func TestAnEndpointThatTalksToItself(t *testing.T) {
	self := segment.Endpoint{IP: segment.IP{15: 1}, Port: 40000}
	flow, dir := segment.FlowOf(self, self)
	tr := tracker.New(tracker.DefaultConfig())
	const isn = 1000
	for i, s := range []segment.Segment{ // RFC 9293 figure 7 with one socket: SYN, SYN-ACK, data, ACK
		{Flags: segment.SYN, Seq: isn},
		{Flags: segment.SYN | segment.ACK, Seq: isn, Ack: isn + 1},
		{Flags: segment.ACK, Seq: isn + 1, Ack: isn + 1, PayloadLen: 100},
		{Flags: segment.ACK, Seq: isn + 101, Ack: isn + 101},
	} {
		s.Flow, s.Dir, s.Window = flow, dir, 65535
		s.Number, s.Time = uint64(i+1), int64(i+1)*1_000_000
		tr.Observe(&s)
	}
	for !tr.Flush() {
		continue
	}
	records := tracker.Collect(tr.Take())
	if len(records) != 1 {
		t.Fatalf("%d connections, want one", len(records))
	}
	c := records[0]
	if c.Open != tracker.OpenSimultaneous || c.Endpoints[0].State != tracker.Established || c.Endpoints[1].State != tracker.Established {
		t.Errorf("open %v, in %v and %v; want simultaneous, and both established", c.Open, c.Endpoints[0].State, c.Endpoints[1].State)
	}
}
