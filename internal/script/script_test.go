package script_test

import (
	"strings"
	"testing"

	"github.com/tcplife/tcplife/internal/script"
	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/internal/seq"
)

const lateData = `
The responder closes, then keeps sending.
0     > S  0:0(0) win 65535 <mss 1460>       // SYN_SENT |
+.020 < S. 0:0(0) ack 1 win 65535 <mss 1460> // | SYN_RCVD
+.001 > .  1:1(0) ack 1                      // ESTABLISHED | ESTABLISHED
+.010 < F. 1:1(0) ack 1                      // | FIN_WAIT_1
+.005 < P. 2:12(10) ack 1                    // want data-after-own-fin by server "10 bytes; # no end"; want second # a remark
record 1: open full, closed_by server
trace want checksum-offload
end 1s
`

func parse(t *testing.T, text string) *script.Conversation {
	t.Helper()
	c, err := script.Parse("case.tcp", text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestParse(t *testing.T) {
	c := parse(t, lateData)
	if c.Title != "The responder closes, then keeps sending." {
		t.Errorf("title %q", c.Title)
	}
	last := c.Lines[4]
	if last.Packet != 5 || last.From != script.Responder || last.Seq != 2 || last.Len != 10 || last.Ack != 1 {
		t.Errorf("last line read as %+v", last)
	}
	if want := [2]string{"ESTABLISHED", "FIN_WAIT_1"}; last.States != want {
		t.Errorf("states on the last line %q, want %q carried on", last.States, want)
	}
	if want := [2]string{"SYN_SENT", ""}; c.Lines[0].States != want {
		t.Errorf("states on the first line %q, want %q", c.Lines[0].States, want)
	}
	if len(last.Wants) != 2 || last.Wants[0].Slug != "data-after-own-fin" || last.Wants[0].Role != "server" ||
		last.Wants[0].Evidence != "10 bytes; # no end" || last.Wants[1].Slug != "second" {
		t.Errorf("wants %+v", last.Wants)
	}
	if len(c.Trace) != 1 || c.Trace[0].Slug != "checksum-offload" {
		t.Errorf("trace %+v", c.Trace)
	}
	if len(c.Records) != 1 || len(c.Records[0].Fields) != 2 {
		t.Errorf("records %+v", c.Records)
	}
	if got := c.End() - c.Start(); got != 1_036_000_000 {
		t.Errorf("the trace lasts %d ns, want the lines' 36 ms and a second", got)
	}
}

func TestSegments(t *testing.T) {
	c := parse(t, `Numbers, options and what the tap makes of them.
isn 100 4294967290
0 > S 0:0(0) win 1000 <mss 1460,sackOK,TS val 7 ecr 0,nop,wscale 7,fastopen 0102,mptcp> vlan 12,7 ttl 3
1 < S. 0:0(0) ack 1 id 77
2 > . 1:1(0) ack 1 lost
3 > FPUEW. 1:11(10) ack 11 <sack 21:31 41:51> bad-checksum
4 < - 1:1(0) <md5,malformed,mss 1>
5 > S 0:0(0) <mss 1460,nop,wscale 7> cut 5
`)
	segs := c.Segments()
	if len(segs) != 5 {
		t.Fatalf("%d segments, want 5: the lost one has none", len(segs))
	}
	syn := segs[0]
	way := c.Paths.Path(syn.Path)
	if syn.Number != 1 || syn.Seq != 100 || syn.Window != 1000 || syn.TTL != 3 || way.String() != "vlan:12/vlan:7" {
		t.Errorf("SYN %+v", syn)
	}
	wantHas := segment.OptMSS | segment.OptSACKPermitted | segment.OptTimestamps | segment.OptWindowScale | segment.OptFastOpen | segment.OptMPTCP
	if o := syn.Options; o.Has != wantHas || o.MSS != 1460 || o.WindowScale != 7 || o.TSVal != 7 {
		t.Errorf("SYN's options %+v", o)
	}
	if got := syn.IPLen; got != 20+20+28 {
		t.Errorf("SYN's packet has %d octets, want 28 of options padded", got)
	}
	if s := segs[1]; s.Ack != 101 || s.Seq != 4294967290 || !s.HasIPID || s.IPID != 77 || s.Dir == syn.Dir {
		t.Errorf("SYN-ACK %+v", s)
	}
	fin := segs[2]
	if fin.Number != 3 || fin.IPID != 3 || fin.Ack != 5 || fin.Checksum != segment.ChecksumBad || fin.PayloadLen != 10 {
		t.Errorf("FIN %+v", fin)
	}
	if want := (segment.Block{Left: 15, Right: 25}); fin.Options.SACKs != 2 || fin.Options.SACK[0] != want {
		t.Errorf("SACK %+v, want the first block %+v across the wrap", fin.Options, want)
	}
	if o := segs[3].Options; o.Has != segment.OptMD5|segment.OptMalformed || segs[3].Flags != 0 {
		t.Errorf("options behind a malformed one must not be read: %+v", o)
	}
	if s := segs[4]; s.Options.Has != segment.OptMSS|segment.OptCut || s.Checksum != segment.ChecksumUnknown {
		t.Errorf("cut after 5 octets: %+v", s)
	}
}

func TestIncarnations(t *testing.T) {
	c := parse(t, `The second connection, and a straggler of the first.
isn 100 200
0 > S 0:0(0)
--- isn +1000 4000
1 > S 0:0(0)
2 > . 1:1(0) ack 1 of 1
3 > . 1:1(0) ack 1
`)
	want := [][2]seq.Num{{100, 0}, {1100, 0}, {101, 201}, {1101, 4001}}
	for i, s := range c.Segments() {
		if got := [2]seq.Num{s.Seq, s.Ack}; got != want[i] {
			t.Errorf("segment %d has seq and ack %v, want %v", i+1, got, want[i])
		}
	}
}

func TestWrapped(t *testing.T) {
	c := parse(t, `One side sends data, the other nothing but its SYN.
0 > S 0:0(0)
1 < S. 0:0(0) ack 1
2 > . 1:1001(1000) ack 1
--- isn +5000 +6000
3 > S 0:0(0)
`)
	segs := c.Wrapped().Segments()
	if !segs[2].End().Less(segs[2].Seq.Add(1<<30)) || uint32(segs[2].End()) > uint32(segs[2].Seq) {
		t.Errorf("data from %d to %d do not pass 2^32", segs[2].Seq, segs[2].End())
	}
	if segs[1].Seq != 1<<32-1 || segs[2].Ack != 0 {
		t.Errorf("SYN-ACK %d and its ACK %d do not pass 2^32", segs[1].Seq, segs[2].Ack)
	}
	if got := segs[3].Seq.Sub(segs[0].Seq); got != 5000 {
		t.Errorf("the second ISN is %d after the first, want 5000", got)
	}
}

func TestExchanged(t *testing.T) {
	c := parse(t, "Anything.\n0 > S 0:0(0)\n")
	a, b := c.Segments()[0], c.Exchanged().Segments()[0]
	if a.Dir == b.Dir {
		t.Errorf("the canonical order did not turn round: both %d", a.Dir)
	}
	from := b.Flow.Sender(b.Dir).String()
	if from != "10.0.0.2:40000" {
		t.Errorf("the initiator is %s, want the other address with its own port", from)
	}
}

func TestErrors(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", "no segments"},
		{"0 > S 0:0(0)", "line 1: a segment, want the title"},
		{"Title\n0 > S 0:0(0)\nfoo bar", `line 3: unknown "foo"`},
		{"Title\n0 = S 0:0(0)", `line 2: direction "=", want > or <`},
		{"Title\n0 > X 0:0(0)", `line 2: flag 'X' in "X"`},
		{"Title\n0 > SS 0:0(0)", `flag 'S' twice`},
		{"Title\n0 > S 0:1(0)", "from 0 to 1 is 1 octets, not 0"},
		{"Title\n0 > S 0(0)", "want SEQ:END(LEN)"},
		{"Title\n0 > S 0:0(0) ack 1", "ack without the flag"},
		{"Title\n0 > . 0:0(0)", `the flag . without "ack N"`},
		{"Title\n0 > S 0:0(0) win 65536", `win "65536", want a number from 0 to 65535`},
		{"Title\n0 > S 0:0(0) fragments 1", `fragments "1", want a number from 2 to 64`},
		{"Title\n0 > S 0:0(0) fragments 4", "4 fragments of 20 octets, each but the last needs 8"},
		{"Title\n0 > S 0:0(0) <mss 1460> fragments 2 cut 2", "fragments with cut or icmp, want one of them"},
		{"Title\n0 > S 0:0(0) wim 1", `unknown "wim"`},
		{"Title\n0 > S 0:0(0) win", `"win" at the end`},
		{"Title\n0 > S 0:0(0) <mss 1460", "without their closing >"},
		{"Title\n0 > S 0:0(0) <msz 1460>", `unknown option "msz"`},
		{"Title\n0 > S 0:0(0) <TS 1>", `want "TS val N ecr N"`},
		{"Title\n0 > S 0:0(0) <md5,md5,md5>", "take 54 octets"},
		{"Title\n0 > S 0:0(0) of 2", `of "2", want a number from 1 to 1`},
		{"Title\n-1 > S 0:0(0)", `unknown "-1"`},
		{"Title\n1e9 > S 0:0(0)", `time "1e9"`},
		{"Title\n0 > S 0:0(0) // SYN_SEND |", `unknown state "SYN_SEND"`},
		{"Title\n0 > S 0:0(0) // wnat slug", `expectation "wnat slug"`},
		{"Title\n0 > S 0:0(0) // want slug by me", "by client|server"},
		{"Title\n0 > S 0:0(0) // want slug \"open", "one quoted part"},
		{"Title\n0 > S 0:0(0) lost // | LISTEN", "expectations on a lost segment"},
		{"Title\n0 > S 0:0(0)\nrecord 2: open full", "want the next one"},
		{"Title\n0 > S 0:0(0)\nrecord 1: opened full", `unknown field "opened"`},
		{"Title\n0 > S 0:0(0)\nrecord 1: open ful", `open "ful" of record 1, want one of none`},
		{"Title\n0 > S 0:0(0)\nrecord 1: open full\n1 > S 0:0(0)", "line 4: a segment behind the expected records"},
		{"Title\nclient [fd00::1]:1\n0 > S 0:0(0)", "different families"},
		{"Title\n0 > S 0:0(0)\nipv6", "ipv6 behind a segment"},
		{"Title\nisn 1\n0 > S 0:0(0)", "want two numbers"},
	} {
		_, err := script.Parse("case.tcp", tt.text)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "case.tcp: ") {
			t.Errorf("%q\n got error %v\nwant one with %q", tt.text, err, tt.want)
		}
	}
}

// FuzzParse holds that whatever parses has segments in both variations that
// agree in everything but numbers and addresses, and can be written.
func FuzzParse(f *testing.F) {
	f.Add(lateData)
	f.Add("T\nipv6\n0 > S 0:0(0) <sack 1:2,eol> vlan 1,2 cut 3\n--- isn +1 -1\n+1 < R. -5:-5(0) ack 1 of 1\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := script.Parse("fuzz", text)
		if err != nil {
			return
		}
		plain, wrapped := c.Segments(), c.Wrapped().Segments()
		for i := range plain {
			if plain[i].Len() != wrapped[i].Len() || plain[i].IPLen != wrapped[i].IPLen || plain[i].Number != uint64(i+1) {
				t.Fatalf("segment %d: %+v and wrapped %+v", i+1, plain[i], wrapped[i])
			}
		}
		var size counter
		if err := script.WritePcap(&size, c); err != nil {
			t.Fatal(err)
		}
		if int(size) < 24+len(plain)*(16+14) {
			t.Fatalf("%d octets for %d segments", size, len(plain))
		}
	})
}

type counter int

func (c *counter) Write(b []byte) (int, error) { *c += counter(len(b)); return len(b), nil }
