package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/internal/seq"
	"github.com/tcplife/tcplife/report/anomaly"
	"github.com/tcplife/tcplife/tracker"
)

// talk writes the segments of a record, numbers relative to the ISNs of the fixture.
type talk struct {
	r    *Record
	rows []LadderRow
}

func (t *talk) say(packet uint64, when time.Duration, from tracker.Role, flags segment.Flags, pos, ack uint32, n int, note tracker.Note) {
	s := segment.Segment{
		Number: packet, Time: at(when), Flow: t.r.Flow, Dir: t.r.ClientIs, Flags: flags, PayloadLen: uint32(n),
		Seq: seq.Num(t.r.Endpoints[from].ISN).Add(pos),
	}
	if from == tracker.Server {
		s.Dir = s.Dir.Reverse()
	}
	if flags.Has(segment.ACK) {
		s.Ack = seq.Num(t.r.Endpoints[from.Peer()].ISN).Add(ack)
	}
	t.rows = append(t.rows, LadderRow{Segment: s, Verdict: tracker.Verdict{Connection: t.r.First.Packet, Note: note}})
}

func (t *talk) handshake() {
	p, begin := t.r.First.Packet, time.Duration(t.r.First.At-start)
	t.say(p, begin, tracker.Client, segment.SYN, 0, 0, 0, 0)
	t.say(p+1, begin+19210*time.Microsecond, tracker.Server, segment.SYN|segment.ACK, 0, 1, 0, 0)
	t.say(p+2, begin+19402*time.Microsecond, tracker.Client, segment.ACK, 1, 1, 0, 0)
}

const ackPsh = segment.ACK | segment.PSH

// orderlyTalk is a small request and answer, closed by the client.
func orderlyTalk() *talk {
	t := &talk{r: opened("10.0.0.7:40112", "10.0.1.5:8080", 1, 0).moved(412, 1200).closedOrderly(9, 900*time.Millisecond)}
	ms := time.Millisecond
	t.handshake()
	t.say(4, 20*ms, tracker.Client, ackPsh, 1, 1, 412, 0)
	t.say(5, 40*ms, tracker.Server, ackPsh, 1, 413, 1200, 0)
	t.say(6, 41*ms, tracker.Client, segment.ACK, 413, 1201, 0, 0)
	t.say(9, 900*ms, tracker.Client, segment.FIN|segment.ACK, 413, 1201, 0, 0)
	t.say(10, 920*ms, tracker.Server, segment.FIN|segment.ACK, 1201, 414, 0, 0)
	t.say(11, 921*ms, tracker.Client, segment.ACK, 414, 1202, 0, 0)
	return t
}

// abortedTalk is an upload the server cuts off.
func abortedTalk() *talk {
	t := &talk{r: opened("10.0.0.7:41000", "10.0.1.5:8080", 801, 0).moved(310_000, 412).aborted(1112, 1180*time.Millisecond)}
	ms := time.Millisecond
	t.handshake()
	pos := uint32(1)
	for i := range uint64(214) {
		var note tracker.Note
		if i == 100 || i == 101 {
			note = tracker.NoteRetransmission
		}
		t.say(804+i, 20*ms+time.Duration(i)*5*ms, tracker.Client, ackPsh, pos, 1, 1448, note)
		pos += 1448
		if i%4 == 3 {
			t.say(1030+i/4, 21*ms+time.Duration(i)*5*ms, tracker.Server, segment.ACK, 1, pos, 0, 0)
		}
	}
	t.say(1112, 1180*ms, tracker.Server, segment.FIN|segment.ACK, 1, pos, 0, 0)
	t.say(1113, 1181*ms, tracker.Client, segment.ACK, pos, 2, 0, 0)
	t.say(1114, 1182*ms, tracker.Client, ackPsh, pos, 2, 1460, 0)
	t.say(1115, 1200*ms, tracker.Server, segment.RST, 2, 0, 0, 0)
	t.r.Facts = []tracker.Fact{
		{Kind: tracker.FactHalfCloseData, Role: tracker.Client, Mark: mark(1114, 1182*ms), Cause: mark(1112, 1180*ms), Bytes: 1460},
		{Kind: tracker.FactRst, Role: tracker.Server, Mark: mark(1115, 1200*ms), Reset: tracker.Reset{
			Class: tracker.ResetExact, Form: tracker.FormReply, Effect: tracker.EffectClosed,
		}},
	}
	return t
}

// lossyTalk has everything that is remarked on a line.
func lossyTalk() *talk {
	t := &talk{r: opened("[2001:db8:85a3:1234:5678:8a2e:370:7334]:55555", "[2001:db8::1]:443", 1, 0).moved(3000, 0)}
	ms := time.Millisecond
	t.r.Close, t.r.Last = tracker.CloseOpenAtEnd, mark(20, 130*time.Second)
	t.r.Incarnation = 2
	t.handshake()
	t.say(4, 20*ms, tracker.Client, ackPsh, 1, 1, 1000, 0)
	t.say(5, 220*ms, tracker.Client, ackPsh, 1, 1, 1000, tracker.NoteRetransmission)
	t.say(6, 220*ms+20*time.Microsecond, tracker.Client, ackPsh, 1, 1, 1000, tracker.NoteDuplicate)
	t.say(7, 300*ms, tracker.Server, segment.ACK, 1, 1001, 0, tracker.NoteZeroWindow)
	t.say(8, 500*ms, tracker.Server, segment.ACK, 1, 1001, 0, 0)
	t.say(9, 501*ms, tracker.Client, ackPsh, 2001, 1, 1000, 0)
	t.say(10, 502*ms, tracker.Client, ackPsh, 1001, 1, 1000, tracker.NoteOutOfOrder)
	t.say(11, 503*ms, tracker.Client, segment.RST, 900, 0, 0, tracker.NoteIgnored)
	t.say(12, 504*ms, tracker.Server, segment.ACK, 1, 3001, 0, tracker.NoteChallengeAck)
	t.say(13, 505*ms, tracker.Server, segment.ACK, 1, 9001, 0, tracker.NoteUnseenAck)
	t.say(20, 130*time.Second, tracker.Client, segment.ACK, 3000, 1, 0, tracker.NoteKeepalive)
	t.r.Facts = []tracker.Fact{
		{Kind: tracker.FactRetransmission, Role: tracker.Client, Mark: mark(5, 220*ms), Bytes: 1000, Gap: int64(200 * ms)},
		{Kind: tracker.FactWindowOpened, Role: tracker.Server, Mark: mark(8, 500*ms), Gap: int64(200 * ms)},
		{Kind: tracker.FactRst, Role: tracker.Client, Mark: mark(11, 503*ms), Reset: tracker.Reset{Class: tracker.ResetBelow}},
		{Kind: tracker.FactChallengeAck, Role: tracker.Server, Mark: mark(12, 504*ms), Cause: mark(11, 503*ms)},
	}
	return t
}

func TestLadder(t *testing.T) {
	for name, talk := range map[string]*talk{"orderly": orderlyTalk(), "aborted": abortedTalk(), "lossy": lossyTalk()} {
		for _, width := range []int{60, 80, 120} {
			t.Run(fmt.Sprint(name, width), func(t *testing.T) {
				var out bytes.Buffer
				if err := Ladder(&out, LadderInput{Record: talk.r, Rows: talk.rows}, LadderOptions{Width: width}); err != nil {
					t.Fatal(err)
				}
				golden(t, fmt.Sprintf("ladder_%s%d.txt", name, width), out.Bytes())
				for _, line := range strings.Split(out.String(), "\n") {
					if cells(line) > width && !strings.Contains(line, "2001:db8") { // an address is not cut
						t.Errorf("%d columns in a terminal of %d: %s", cells(line), width, line)
					}
				}
			})
		}
	}
}

// The states of an end are read downward: CLOSING by a FIN that passed the tap before
// the own one stands below FIN_WAIT_1 all the same.
func TestStatesStandInTheirOrder(t *testing.T) {
	c := &talk{r: opened("10.0.0.7:40112", "10.0.1.5:8080", 1, 0)}
	ms := time.Millisecond
	c.r.Transitions = append(c.r.Transitions,
		step(tracker.Client, tracker.Established, tracker.FinWait1, tracker.SndFin, tracker.Observed, 4, 50*ms),
		step(tracker.Server, tracker.Established, tracker.FinWait1, tracker.SndFin, tracker.Observed, 5, 60*ms),
		step(tracker.Server, tracker.FinWait1, tracker.Closing, tracker.RcvFin, tracker.Assumed, 4, 50*ms),
	)
	c.handshake()
	c.say(4, 50*ms, tracker.Client, segment.FIN|segment.ACK, 1, 1, 0, 0)
	c.say(5, 60*ms, tracker.Server, segment.FIN|segment.ACK, 1, 1, 0, 0)
	var out bytes.Buffer
	if err := Ladder(&out, LadderInput{Record: c.r, Rows: c.rows}, LadderOptions{Width: 100}); err != nil {
		t.Fatal(err)
	}
	if wait, closing := strings.LastIndex(out.String(), "FIN_WAIT_1"), strings.Index(out.String(), "CLOSING"); closing < wait || wait < 0 {
		t.Errorf("CLOSING above FIN_WAIT_1:\n%s", out.String())
	}
}

func TestColouredLadderIsThePlainOne(t *testing.T) {
	talk := abortedTalk()
	var plain, colour bytes.Buffer
	for out, on := range map[*bytes.Buffer]bool{&plain: false, &colour: true} {
		if err := Ladder(out, LadderInput{Record: talk.r, Rows: talk.rows}, LadderOptions{Width: 120, Color: on}); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(colour.String(), "\x1b[1;31m") {
		t.Error("an error is not red")
	}
	got := strings.Split(sgr.ReplaceAllString(colour.String(), ""), "\n")
	for i, want := range strings.Split(plain.String(), "\n") {
		if strings.TrimRight(got[i], " ") != want {
			t.Errorf("line %d: %q, want %q", i, got[i], want)
		}
	}
}

func TestAllFoldsNothing(t *testing.T) {
	talk := abortedTalk()
	if got := len(fold(LadderInput{Record: talk.r, Rows: talk.rows}, true)); got != len(talk.rows) {
		t.Errorf("%d lines for %d segments", got, len(talk.rows))
	}
	if got := len(fold(LadderInput{Record: talk.r, Rows: talk.rows}, false)); got != 8 {
		t.Errorf("%d lines folded, want 8", got)
	}
}

// No segment may get lost in a fold, and a finding's segment is never in one.
func TestFoldKeepsEverySegment(t *testing.T) {
	r := opened("10.0.0.1:1000", "10.0.0.2:80", 1, 0)
	talk := &talk{r: r}
	talk.handshake()
	for i := range uint64(500) {
		from := tracker.Role(i / 3 % 2)
		talk.say(4+i, time.Duration(100+i)*time.Millisecond, from, ackPsh, uint32(i), uint32(i), 10, 0)
	}
	r.Findings = []anomaly.Finding{{Kind: kind("rst-late-data"), Packets: []uint64{250}}}
	segments, shown := 0, false
	items := fold(LadderInput{Record: r, Rows: talk.rows}, false)
	for i := range items {
		segments += max(items[i].run.segments, 1)
		if items[i].first == 250 && items[i].last == 250 && len(items[i].findings) == 1 {
			shown = true
		}
	}
	if segments != len(talk.rows) || !shown || len(items) > 30 {
		t.Errorf("%d of %d segments in %d lines, finding shown: %t", segments, len(talk.rows), len(items), shown)
	}
}

// Twenty equal RSTs are one line; what differs or was found stands on its own.
func TestFoldVolleys(t *testing.T) {
	c := &talk{r: opened("10.0.0.7:40112", "10.0.1.5:8080", 1, 0)}
	c.handshake()
	for i := range uint64(20) {
		c.say(4+i, 50*time.Millisecond, tracker.Server, segment.RST, 1, 0, 0, 0)
	}
	c.say(24, 50*time.Millisecond, tracker.Server, segment.RST, 9, 0, 0, 0)
	c.r.Findings = []anomaly.Finding{{Kind: kind("tw-reuse"), Packets: []uint64{8}}}
	for all, want := range map[bool][]string{
		false: {"4…7", "4 × RST 1", "8 ", "RST 1", "9…23", "15 × RST 1", "24", "RST 9"},
		true:  {"4 ", "RST 1", "5 ", "23", "RST 1", "24", "RST 9"},
	} {
		var out bytes.Buffer
		if err := Ladder(&out, LadderInput{Record: c.r, Rows: c.rows}, LadderOptions{Width: 100, All: all}); err != nil {
			t.Fatal(err)
		}
		rest := out.String()
		for _, w := range want {
			_, after, ok := strings.Cut(rest, w)
			if !ok {
				t.Fatalf("all %t: %q is missing, or not in its place, in\n%s", all, w, out.String())
			}
			rest = after
		}
	}
}

func TestPositionsGoBeyondFourGigabytes(t *testing.T) {
	r := opened("10.0.0.1:1000", "10.0.0.2:80", 1, 0)
	n := newNumbering(LadderInput{Record: r})
	isn := seq.Num(r.Endpoints[tracker.Client].ISN)
	var want int64
	for range 10 {
		want += 1 << 30
		if got := n.position(tracker.Client, isn.Add(uint32(want))); got != want {
			t.Fatalf("position %d, want %d", got, want)
		}
		n.near[tracker.Client] = want
	}
}

// The header says by which way the connection was met, and the way back if it is another.
func TestLadderTellsThePath(t *testing.T) {
	var tagged, back segment.Path
	tagged.Add(segment.WrapVLAN, 10)
	tagged.Add(segment.WrapVXLAN, 42)
	back.Add(segment.WrapVLAN, 20)
	there := paths.ID(tagged)
	for _, c := range []struct {
		server uint32
		want   string
	}{
		{there, "path vlan:10/vxlan:42 ·"},
		{paths.ID(back), "path vlan:10/vxlan:42, back vlan:20 ·"},
		{segment.PlainPath, "path vlan:10/vxlan:42, back plain ·"},
	} {
		talk := orderlyTalk()
		talk.r.DirectionBy = tracker.DirectionByPort // so that something follows
		talk.r.Endpoints[tracker.Client].Path, talk.r.Endpoints[tracker.Server].Path = there, c.server
		var out bytes.Buffer
		if err := Ladder(&out, LadderInput{Record: talk.r, Rows: talk.rows, Paths: &paths}, LadderOptions{Width: 300}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(strings.ReplaceAll(out.String(), nbsp, " "), c.want) {
			t.Errorf("want %q in\n%s", c.want, out.String())
		}
	}
}
