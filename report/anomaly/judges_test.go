package anomaly_test

import (
	"testing"
	"time"

	"github.com/tcplife/tcplife/report/anomaly"
	"github.com/tcplife/tcplife/tracker"
)

const client, server = tracker.Client, tracker.Server

// judgeTests show each judge a record that has its anomaly, and the same record
// with one thing changed that must silence it.
var judgeTests = []struct {
	slug  string
	make  func() *record
	shows func(r *record)
	near  func(r *record) // after shows
}{
	{
		"network-loss", open,
		func(r *record) {
			r.end(server).Lost = tracker.Losses{Behind: tracker.Loss{Packets: 2, Bytes: 100}, First: mark(5, .042)}
		},
		func(r *record) { r.end(server).Lost.Behind = tracker.Loss{} },
	},
	{"clock-step", open, func(r *record) { r.jumps(7, .043, 7200, 200) }, func(r *record) { r.Facts[1].Bytes = 7_200_000 }},
	{"clock-step", open, func(r *record) { r.jumps(7, 20, -10, 200) }, func(r *record) { r.Flow.A.IP = r.Flow.B.IP }},
	{"syn-unanswered", attempt, func(r *record) { r.ends(3) }, func(r *record) { r.ends(2.9) }},
	{"syn-unanswered", attempt, func(r *record) { r.ends(3) }, func(r *record) { r.EndReason = tracker.EndEvicted }},
	{
		"syn-retransmitted", open,
		func(r *record) { r.copies(tracker.FactSynRetransmitted, client, 6, .05, 1, 2, 1) },
		func(r *record) { r.Facts[0].Gap = int64(time.Millisecond) },
	},
	{
		"syn-backoff-odd", attempt,
		func(r *record) { r.copies(tracker.FactSynRetransmitted, client, 1, 0, 2, 1, 3) },
		func(r *record) { r.Facts[2].Gap = 3 * int64(time.Second) },
	},
	{
		"syn-new-isn-retry", open,
		func(r *record) { r.fact(tracker.FactReplacedAttempt, client, 7, 1) },
		func(r *record) { r.Facts = nil },
	},
	{
		"connection-refused", attempt,
		func(r *record) {
			*r.rst(server, 2, .02, tracker.FormRefusal) = tracker.Reset{Effect: tracker.EffectClosed, Phase: tracker.PhasePostSyn, Receiver: tracker.SynSent}
			r.Open, r.Close = tracker.OpenRefused, tracker.CloseRefused
		},
		func(r *record) { r.Open, r.Facts[0].Reset.Effect = tracker.OpenNone, tracker.EffectNone },
	},
	{
		"refused-rst-bad-ack", attempt,
		func(r *record) {
			*r.rst(server, 2, .02, tracker.FormOther) = tracker.Reset{Phase: tracker.PhasePostSyn, Receiver: tracker.SynSent}
		},
		func(r *record) { r.Facts[0].Reset.Receiver = tracker.Closed },
	},
	{
		"refused-icmp", attempt,
		func(r *record) { r.icmp(client, 2, 3, 1).Cause = mark(1, 0) },
		func(r *record) { r.Facts[0].ICMP.Type = 4 },
	},
	{
		"option-malformed", open,
		func(r *record) { r.fact(tracker.FactOptionMalformed, client, 7, 1) },
		func(r *record) { r.Facts = nil },
	},
	{
		"urgent-used", open,
		func(r *record) { r.fact(tracker.FactUrgent, client, 7, 1).Bytes = 3 },
		func(r *record) { r.Facts = nil },
	},
	{
		"icmp-hard-error", open,
		func(r *record) { r.icmp(client, 7, 3, 3) },
		func(r *record) { r.Facts[0].ICMP.Code = 4 },
	},
	{
		"mtu-blackhole", open,
		blackhole,
		func(r *record) { r.last(client, 5, .042) }, // nothing is heard of it since
	},
	{
		"mtu-blackhole", open,
		blackhole,
		func(r *record) { r.end(server).StreamBytes = 1400 + 1400 }, // so large a segment got through before
	},
	{
		"synack-retransmitted", open,
		func(r *record) { r.copies(tracker.FactSynAckRetransmitted, server, 6, .05, 1, 2, 1) },
		func(r *record) { r.Facts[0].Gap = int64(time.Millisecond) },
	},
	{
		"synack-unanswered", halfOpen,
		func(r *record) {
			r.Handshake.SynAckRetries = 1
			r.copies(tracker.FactSynAckRetransmitted, server, 2, .02, 1, 2, 1)
			r.ends(5)
		},
		func(r *record) { r.ends(2) },
	},
	{"synack-unanswered", halfOpen, func(r *record) { r.ends(64) }, func(r *record) { r.ends(60) }},
	{
		"handshake-abandoned", halfOpen,
		func(r *record) { r.rst(client, 3, .03, tracker.FormOther).Phase = tracker.PhasePostSyn },
		func(r *record) { r.Handshake.Ack = mark(3, .021) },
	},
	{
		"accept-queue-overflow", open,
		func(r *record) {
			r.fact(tracker.FactAckIgnored, client, 7, 1).Cause = mark(3, .021)
			r.rst(server, 8, 3, tracker.FormReply).Sender = tracker.SynRcvd
		},
		func(r *record) { r.Facts[1].Reset.Sender = tracker.Established },
	},
	{
		"handshake-ack-lost", open,
		func(r *record) { r.fact(tracker.FactAckIgnored, client, 7, 1).Cause = mark(3, .021) },
		func(r *record) { r.fact(tracker.FactAckIgnored, client, 8, 3) }, // twice: accept-queue-overflow
	},
	{
		"synack-wrong-ack", open,
		func(r *record) { r.fact(tracker.FactSynAckWrongAck, server, 7, 1) },
		func(r *record) { r.Facts = nil },
	},
	{
		"synack-isn-changed", open,
		func(r *record) { r.fact(tracker.FactSynAckISNChanged, server, 7, 1); r.end(server).Syn = 2 },
		func(r *record) { r.Facts[0].Role = client }, // of the other end
	},
	{
		"half-open-recovery", open,
		func(r *record) { r.fact(tracker.FactHalfOpen, client, 7, 1) },
		func(r *record) { r.fact(tracker.FactTimeWaitRefused, client, 7, 1) }, // tw-reuse-refused
	},
	{
		"simultaneous-open", open,
		func(r *record) { r.Open = tracker.OpenSimultaneous },
		func(r *record) { r.Open = tracker.OpenFull },
	},
	{
		"syn-in-established", open,
		func(r *record) { r.fact(tracker.FactSynNewISN, client, 7, 1) },
		func(r *record) { r.Facts[0].Kind = tracker.FactSynRetransmitted },
	},
	{
		"challenge-ack", open,
		func(r *record) {
			r.fact(tracker.FactChallengeAck, server, 8, 1.02).Cause = mark(7, 1)
			r.last(client, 9, 2)
		},
		func(r *record) { r.fact(tracker.FactSynNewISN, client, 7, 1) }, // syn-in-established
	},
	{"rto-giveup", open, stuck(true), func(r *record) { r.ends(17) }},
	{"rto-giveup", open, stuck(true), func(r *record) { r.end(client).LastDataUnacked = 4 }},
	{"peer-vanished", open, stuck(false), func(r *record) { r.ends(10) }},
	{
		"peer-vanished", open,
		func(r *record) { stuck(false)(r); r.Facts, r.FactsDropped = nil, 5 }, // told by the silence alone
		func(r *record) { r.last(server, 14, 15); r.last(client, 15, 16.5) },
	},
	{"peer-vanished", open, stuck(false), func(r *record) { r.rst(client, 30, 50, tracker.FormActive) }},
	{
		"zero-window-death", open,
		func(r *record) {
			r.fact(tracker.FactZeroWindow, server, 7, 1)
			r.end(server).WindowZeroAtLast = true
			r.rst(client, 8, 10, tracker.FormActive)
		},
		func(r *record) { r.end(server).WindowZeroAtLast = false },
	},
	{
		"keepalive", open,
		func(r *record) { r.fact(tracker.FactKeepalive, client, 7, 60); r.last(server, 8, 60.02) },
		func(r *record) { r.Facts = nil },
	},
	{
		"keepalive-dead", open,
		func(r *record) {
			for i := range 3 {
				r.fact(tracker.FactKeepalive, client, 7+uint64(i), 7200+75*float64(i))
			}
			r.ends(7500)
		},
		func(r *record) { r.last(server, 10, 7351) },
	},
	{"fin-unacked", open, finAgain, func(r *record) { r.ends(3) }},
	{"fin-unacked", open, finAgain, func(r *record) { r.end(client).FinAcked = true }},
	{"fin-unacked", open, finAgain, func(r *record) { r.Facts = nil }}, // not sent again: the capture missed the ACK
	{
		"missing-final-ack", open,
		func(r *record) {
			finAgain(r)
			r.fin(server, 9, 1, true)
			r.Close = tracker.CloseOrderlyUnacked
			r.ends(5)
		},
		func(r *record) { r.end(client).FinAcked = true },
	},
	{
		"missing-peer-fin", open,
		func(r *record) { r.fin(client, 7, 1, true); r.last(server, 8, 1.02); r.ends(32) },
		func(r *record) { r.ends(30) },
	},
	{
		"close-wait-suspect", open,
		func(r *record) { r.fin(client, 7, 1, true); r.last(server, 8, 1.02); r.ends(62) },
		func(r *record) { r.last(server, 9, 30) },
	},
	{
		"half-close-data", open,
		func(r *record) { r.fact(tracker.FactHalfCloseData, server, 8, 2).Cause = mark(7, 1) },
		func(r *record) { r.Facts = nil },
	},
	{
		"finwait2-timeout", open,
		func(r *record) {
			r.fin(client, 7, 1, true)
			r.fin(server, 8, 62, false)
			r.rst(client, 9, 62.01, tracker.FormReply)
		},
		func(r *record) { r.end(client).FinSent.At = 61 * int64(time.Second) },
	},
	{
		"simultaneous-close", open,
		func(r *record) { r.fin(client, 7, 1, true); r.fin(server, 8, 1.001, true); r.ClosedBy = tracker.ByBoth },
		func(r *record) { r.ClosedBy = tracker.ByClient },
	},
	{
		"fin-retransmitted", open,
		func(r *record) {
			r.fin(client, 7, 1, true)
			r.copies(tracker.FactFinRetransmitted, client, 7, 1, .3, 2, 1)
		},
		func(r *record) { r.Facts[0].Gap = int64(time.Millisecond) },
	},
	{
		"fin-with-hole", open,
		func(r *record) { r.fact(tracker.FactFinWithHole, client, 7, 1).Bytes = 700 },
		func(r *record) { r.end(client).MissingBytes = 700 },
	},
	{
		"fin-moved", open,
		func(r *record) { r.fact(tracker.FactFinMoved, client, 8, 2).Bytes = 10 },
		func(r *record) { r.Facts = nil },
	},
	{
		"data-after-own-fin", open,
		func(r *record) {
			r.fin(client, 7, 1, true)
			r.fact(tracker.FactDataAfterOwnFin, client, 8, 2).Bytes = 10
		},
		func(r *record) { r.fact(tracker.FactFinMoved, client, 9, 3) }, // fin-injected-suspect
	},
	{
		"fin-injected-suspect", open,
		func(r *record) {
			r.fin(client, 7, 1, true)
			r.fact(tracker.FactDataAfterOwnFin, client, 8, 2).Bytes = 10
			r.fact(tracker.FactFinMoved, client, 9, 3)
		},
		func(r *record) { r.Facts[1].Role = server },
	},
	{
		"fin-out-of-window", open,
		func(r *record) { r.fact(tracker.FactFinOutOfWindow, client, 7, 1).Bytes = 90000 },
		func(r *record) { r.Facts = nil },
	},
	{"vanished", open, func(r *record) { r.ends(7500) }, func(r *record) { r.ends(7400) }},
	{"vanished", open, func(r *record) { r.ends(7500) }, func(r *record) { r.end(client).UnackedBytes = 1 }},
	{"vanished", open, func(r *record) { r.ends(7500) }, func(r *record) { r.ends(3e7) }}, // the clock was set
	{
		"segment-after-close", open,
		func(r *record) { r.fact(tracker.FactSegmentAfterClose, client, 9, 2); r.Closed = mark(8, 1) },
		func(r *record) { r.Closed = mark(10, 2.5) },
	},
	{
		"segment-after-close", open,
		func(r *record) { r.fact(tracker.FactSegmentAfterClose, client, 9, 2); r.Closed = mark(8, 1) },
		func(r *record) { r.Closed = tracker.Mark{} },
	},
	{
		"closed-by-server-first", open,
		func(r *record) { r.fin(server, 7, 1, true); r.ClosedBy = tracker.ByServer },
		func(r *record) { r.DirectionBy = tracker.DirectionByPort },
	},
	{
		"rst-abort", open,
		func(r *record) { r.rst(server, 7, 1, tracker.FormActive).PeerUnacked = 100 },
		func(r *record) { r.Facts[0].Reset.Effect = tracker.EffectNone },
	},
	{
		"rst-unread-data", open,
		func(r *record) {
			rst := r.rst(server, 7, 1, tracker.FormActive)
			rst.Unacked, rst.SinceData = 1460, int64(time.Millisecond)
		},
		func(r *record) { r.Facts[0].Reset.SinceData = 2 * int64(time.Second) },
	},
	{
		"rst-unread-data", open, // acknowledged by the kernel; the answer, sent too early, too
		func(r *record) { r.rst(server, 7, 1, tracker.FormActive).SinceData = int64(20 * time.Millisecond) },
		func(r *record) { r.Facts[0].Reset.SinceData = int64(21 * time.Millisecond) }, // a whole round trip: answered, then SO_LINGER 0
	},
	{
		"rst-unread-data", open, // right behind the answer
		func(r *record) {
			rst := r.rst(server, 7, 1, tracker.FormActive)
			rst.SinceData, rst.PeerUnacked = int64(90*time.Millisecond), 100
		},
		func(r *record) { r.Facts[0].Reset.SinceData = int64(110 * time.Millisecond) },
	},
	{
		"rst-unread-data", open,
		func(r *record) { r.rst(server, 7, 1, tracker.FormActive).SinceData = int64(20 * time.Millisecond) },
		func(r *record) { r.Facts[0].Role = client }, // it has its answer and goes
	},
	{"rst-late-data", open, lateData, func(r *record) { r.Facts[0].Packet = 6 }}, // before the FIN
	{"rst-late-data", open, lateData, func(r *record) { r.Facts[1].Reset.Effect = tracker.EffectRefuted }},
	{
		"rst-linger0", open,
		func(r *record) { r.rst(client, 7, 1, tracker.FormActive) },
		func(r *record) { r.Facts[0].Reset.PeerUnacked = 1 },
	},
	{
		"rst-instead-of-fin-ack", open,
		func(r *record) { r.fin(server, 7, 1, true); r.rst(client, 8, 1.01, tracker.FormActive) },
		func(r *record) { r.end(client).FinSent = mark(6, .9) },
	},
	{
		"rst-after-own-fin", open,
		func(r *record) { r.fin(client, 7, 1, true); r.rst(client, 8, 2, tracker.FormActive) },
		func(r *record) { r.end(server).FinSent = mark(6, .9) },
	},
	{
		"rst-after-close", open,
		func(r *record) {
			r.fin(client, 7, 1, true)
			r.fin(server, 8, 1.02, true)
			r.rst(client, 9, 1.03, tracker.FormActive)
		},
		func(r *record) { r.end(server).FinSent = tracker.Mark{} },
	},
	{
		"rst-no-socket", open,
		func(r *record) { r.rst(server, 7, 1, tracker.FormReply).SinceData = int64(20 * time.Millisecond) },
		func(r *record) { r.Facts[0].Reset.Form = tracker.FormActive },
	},
	{
		"rst-rto-giveup", open,
		func(r *record) { stuck(false)(r); r.rst(client, 30, 50, tracker.FormActive) },
		func(r *record) { r.end(client).LastDataUnacked = 2 },
	},
	{
		"rst-out-of-window", open,
		func(r *record) {
			rst := r.rst(client, 7, 1, tracker.FormOther)
			rst.Class, rst.Effect = tracker.ResetAbove, tracker.EffectNone
		},
		func(r *record) { r.Facts[0].Reset.Class = tracker.ResetExact },
	},
	{
		"rst-challenged", open,
		func(r *record) { r.rst(client, 7, 1, tracker.FormOther).Effect = tracker.EffectChallenged },
		func(r *record) { r.Facts[0].Reset.Effect = tracker.EffectClosed },
	},
	{
		"rst-not-effective", open,
		func(r *record) { r.rst(client, 7, 1, tracker.FormActive).Effect = tracker.EffectRefuted },
		func(r *record) { r.rst(client, 8, 2, tracker.FormReply) }, // lost, and told again
	},
	{
		"rst-injected-suspect", open,
		func(r *record) { r.rst(client, 7, 1, tracker.FormActive).SenderGoesOn = true },
		func(r *record) { r.Facts[0].Reset.SenderGoesOn = false },
	},
	{
		"rst-burst", open,
		func(r *record) {
			for i := range 3 {
				r.rst(server, 7+uint64(i), 1+.3*float64(i), tracker.FormReply)
			}
		},
		func(r *record) { r.Facts[2].At += int64(time.Second) },
	},
	{
		"rst-crossing", open,
		func(r *record) {
			r.rst(client, 7, 1, tracker.FormActive)
			r.rst(server, 8, 1.01, tracker.FormActive).Effect = tracker.EffectNone
		},
		func(r *record) { r.Facts[1].At += int64(time.Second) },
	},
	{
		"rst-stray", open,
		func(r *record) { r.rst(server, 7, 1, tracker.FormReply); r.First = mark(7, 1) },
		func(r *record) { r.First = mark(1, 0) },
	},
	{
		"time-wait", open,
		func(r *record) { r.end(client).TimeWait = tracker.TimeWaitRecord{Held: true, Since: mark(6, .043)} },
		func(r *record) { r.end(client).TimeWait.Held = false },
	},
	{
		"time-wait-restarted", open,
		func(r *record) { r.fact(tracker.FactTimeWaitRestarted, client, 9, 2) },
		func(r *record) { r.Facts[0].Kind = tracker.FactFinRetransmitted },
	},
	{
		"tw-reuse", open,
		func(r *record) { r.fact(tracker.FactTimeWaitReused, server, 9, 2) },
		func(r *record) { r.Facts[0].Kind = tracker.FactTimeWaitRefused },
	},
	{
		"tw-reuse-refused", open,
		func(r *record) { r.fact(tracker.FactTimeWaitRefused, client, 9, 2) },
		func(r *record) { r.Facts[0].Kind = tracker.FactTimeWaitReused },
	},
	{
		"tw-assassinated", open,
		func(r *record) {
			r.end(client).TimeWait = tracker.TimeWaitRecord{Held: true, Since: mark(7, 1)}
			r.fact(tracker.FactSegmentAfterClose, server, 8, 1.9)
			r.rst(server, 9, 2, tracker.FormReply).Phase = tracker.PhaseTimeWait
			r.fact(tracker.FactTimeWaitReset, client, 9, 2)
		},
		func(r *record) { r.Facts[1].Role = client }, // its holder's own RST
	},
	{
		"tw-assassinated", open,
		func(r *record) {
			r.end(client).TimeWait = tracker.TimeWaitRecord{Held: true, Since: mark(7, 1.89)}
			r.fact(tracker.FactTimeWaitRestarted, client, 8, 1.9)
			r.rst(server, 9, 2, tracker.FormReply).Phase = tracker.PhaseTimeWait
			r.fact(tracker.FactTimeWaitReset, client, 9, 2)
		},
		func(r *record) { r.Facts = r.Facts[1:] }, // nothing drew an answer: the peer just closes this way
	},
	{"capture-loss", open, func(r *record) { r.end(server).MissingBytes = 9 }, func(r *record) { r.end(server).MissingBytes = 0 }},
	{
		"one-way-capture", open,
		func(r *record) { *r.end(server) = tracker.Endpoint{} },
		func(r *record) { r.end(client).Packets = 1 },
	},
	{
		"checksum-bad", open,
		func(r *record) {
			r.fact(tracker.FactBadChecksum, client, 7, 1)
			r.last(client, 8, 1.3)
			r.end(client).ChecksumBad = 1
		},
		func(r *record) { r.last(client, 7, 1) }, // nothing follows: the segment may have been taken
	},
	{"snaplen-truncated", open, func(r *record) { r.end(client).TruncatedPackets = 1 }, func(r *record) { r.end(client).TruncatedPackets = 0 }},
	{
		"fragmented-tcp", open,
		func(r *record) {
			r.end(server).FragmentedPackets, r.end(server).Fragments, r.end(server).FragmentedAt = 2, 5, mark(5, .5)
		},
		func(r *record) { r.end(server).FragmentedPackets = 0 },
	},
	{"midstream", open, func(r *record) { r.Open = tracker.OpenMidstream }, func(r *record) { r.rst(client, 1, 0, tracker.FormReply) }},
	{"open-at-eof", open, func(*record) {}, func(r *record) { r.EndReason = tracker.EndSettled }},
	{"table-evicted", open, func(r *record) { r.EndReason = tracker.EndEvicted }, func(r *record) { r.EndReason = tracker.EndReplaced }},
}

// stuck has the client send one segment six times, the last at 18 s; with a peer that talks meanwhile
// or has been silent since the answer.
func stuck(peerTalks bool) func(r *record) {
	return func(r *record) {
		r.copies(tracker.FactRetransmission, client, 10, 1, .5, 2, 5)
		r.end(client).LastDataUnacked = 6
		if peerTalks {
			r.last(server, 14, 9)
			r.last(client, 15, 16.5)
		}
		r.ends(60)
	}
}

// blackhole has a full segment of the server's sent four times without an answer, while the client speaks on.
func blackhole(r *record) {
	r.copies(tracker.FactRetransmission, server, 6, .05, .3, 2, 3)
	for i := range r.Facts {
		r.Facts[i].Bytes = 1400
	}
	e := r.end(server)
	e.LastDataUnacked, e.UnackedBytes, e.StreamBytes = 4, 1400, 1400
	r.last(client, 10, 3)
	r.ends(3)
}

// finAgain has the client send its FIN twice, in vain.
func finAgain(r *record) {
	r.fin(client, 7, 1, false)
	r.copies(tracker.FactFinRetransmitted, client, 7, 1, .3, 2, 1)
	r.ends(5)
}

// lateData has the client's data meet a server that closed half a second before.
func lateData(r *record) {
	r.fin(server, 7, 1, true)
	late := r.fact(tracker.FactDataAfterPeerFin, client, 8, 1.5)
	late.Bytes, late.Cause = 1460, mark(7, 1)
	r.rst(server, 9, 1.52, tracker.FormReply)
}

// ofTheTrace are the kinds that no record alone can show, with the tests that show them.
var ofTheTrace = map[string]string{
	"checksum-offload":    "TestChecksumOffload",
	"duplicate-packets":   "TestDuplicateShare",
	"offload-superframes": "TestSuperframes",
	"vlan-split":          "TestVLANSplit",
}

func TestJudges(t *testing.T) {
	tested := map[string]bool{}
	for _, c := range judgeTests {
		tested[c.slug] = true
		t.Run(c.slug, func(t *testing.T) {
			r := c.make()
			c.shows(r)
			f := finding(t, judge(r), c.slug)
			if f == nil {
				t.Fatalf("not reported; got %v", slugs(judge(r)))
			}
			if f.Evidence == "" || len(f.Packets) == 0 && f.Kind.Severity != anomaly.Quality {
				t.Errorf("no evidence or no packets: %+v", f)
			}
			c.near(r)
			if f := finding(t, judge(r), c.slug); f != nil {
				t.Errorf("the near miss is reported: %s", f.Evidence)
			}
		})
	}
	for _, k := range anomaly.Catalogue() {
		if !tested[k.Slug] && notInAConversation[k.Slug] == "" && ofTheTrace[k.Slug] == "" {
			t.Errorf("no test of the judge of %s", k.Slug)
		}
	}
}

func slugs(fs []anomaly.Finding) []string {
	var out []string
	for _, f := range fs {
		out = append(out, f.Kind.Slug)
	}
	return out
}
