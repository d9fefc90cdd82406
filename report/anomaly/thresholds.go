package anomaly

import "time"

// Thresholds are all numbers the judges compare with.
type Thresholds struct {
	// CopyGap is the least time between a segment and the sender's copy of it; below it a
	// copy is the capture's own or a burst, not a retransmission timer (Linux: 200 ms).
	CopyGap time.Duration
	// MinRTO is the least retransmission timeout assumed of a host (RFC 6298 2.4: 1 s).
	MinRTO time.Duration
	// RTOs is how many retransmission timeouts of trace must follow a segment before its
	// missing answer means something: two copies would have been sent by then.
	RTOs int
	// AttemptGrace is how much trace must follow the last SYN or SYN-ACK before it counts as
	// unanswered: longer than a retry (1 s) and a satellite's round trip together.
	AttemptGrace time.Duration
	// AttemptTimeout is how long a SYN-ACK without any retry (a SYN cookie) must stay alone
	// to count as unanswered: the time of Linux's five retries.
	AttemptTimeout time.Duration
	// LinearSyns is how many intervals between SYNs may be equal before they must grow:
	// Linux since 6.5 and macOS send 1, 1, 1, 1, 1, 2, 4 … seconds apart.
	LinearSyns int
	// LinearSynGap is the longest interval that counts as one of those.
	LinearSynGap time.Duration
	// MaxBackoff is the interval from which on retries need not grow (RFC 6298 5.5: the
	// upper bound of the timeout may be 60 s).
	MaxBackoff time.Duration
	// GiveUpCopies is how many transmissions of one segment without an acknowledgment show
	// that it is not a matter of chance (3 is RFC 9293's R1).
	GiveUpCopies uint64
	// BlackholeCopies is how many transmissions of one full-sized segment without an acknowledgment show that segments of
	// that size do not get through: the first and R1's three.
	BlackholeCopies uint64
	// KeepaliveProbes is how many probes without an answer mean a dead peer.
	KeepaliveProbes uint64
	// PeerFinWait is how long an endpoint may stay silent after the peer's FIN before its
	// missing FIN is reported.
	PeerFinWait time.Duration
	// CloseWait is how long until the application is suspected of having forgotten the
	// connection: Linux's own FIN_WAIT_2 limit, after which the peer is gone.
	CloseWait time.Duration
	// LeakedSockets is how many of those one service must hold at one time to call it a leak.
	LeakedSockets int
	// FinWait2 is the least age of a half-closed connection whose closer answers data with a
	// RST to suspect its FIN_WAIT_2 timer (Linux: tcp_fin_timeout, 60 s by default, often lowered);
	// earlier, the closer only refuses data. A FIN is not refused by a socket that is still there, so
	// FinWait2Fin is enough when the peer said no more than that.
	FinWait2, FinWait2Fin time.Duration
	// VanishedIdle is how long an open connection may be idle: a NAT must keep it for
	// 2 h 4 min (RFC 5382 REQ-5), because keep-alives come every 2 h.
	VanishedIdle time.Duration
	// TwoCaptures is a silence so long that it is the gap between two merged captures.
	TwoCaptures time.Duration
	// ClockStep is how far the capture's clock must jump ahead to be called wrong, if the hosts' clocks deny it.
	ClockStep time.Duration
	// GapPackets is how many packets must have been due in a time without any to say that the capture paused, and
	// GapConnections how many connections must miss octets across it, each heard of within GapWithin on both sides.
	GapPackets     float64
	GapConnections uint64
	GapWithin      time.Duration
	// LossShare is the share of octets lost by the network, of LossPackets segments at least, from which on it is
	// said of the whole trace: a thousandth halves what a long path carries.
	LossShare   float64
	LossPackets uint64
	// HostsNamed and JumpsNamed bound what one finding about the trace lists.
	HostsNamed, JumpsNamed int
	// UnreadWithin is how soon after the peer's data a RST counts as its answer.
	UnreadWithin time.Duration
	// UnreadAnswer is the same for a RST that follows an answer not acknowledged yet, where
	// the round trip is shorter: a server that closes at once, its scheduling included.
	UnreadAnswer time.Duration
	// BurstResets RSTs of one side within BurstWithin make a burst.
	BurstResets int
	BurstWithin time.Duration
	// LostShare is the share of acknowledged octets that were never captured from which on
	// the whole capture is called lossy.
	LostShare float64
	// PoorShare is the same for a capture of which nothing about the end of a connection is sure.
	PoorShare float64
	// OneWayShare is the share of connections with one direction only from which on the
	// whole capture is called one-way.
	OneWayShare float64
	// OffloadShare of a host's checksums must be bad to blame offload, and OffloadPackets
	// packets at least must have been seen.
	OffloadShare   float64
	OffloadPackets uint64
	// DuplicateShare is the share of segments captured twice from which on it is a property of
	// the capture (a SPAN port with both directions, "any" on a bridge).
	DuplicateShare float64
	// DuplicateWays is from how many copies on it is one anyway, if they differ in TTL, path or file from their first captures: then
	// there are two capture points.
	DuplicateWays uint64
	// MaxTwins bounds the connections that are compared to find both sides of an address translator, see twins.
	MaxTwins int
	// MaxKeys bounds each of the trace-wide tables; what does not fit is not judged.
	MaxKeys int
	// MaxSuspects bounds the connections kept to find leaked sockets, of all services together.
	MaxSuspects int
}

// DefaultThresholds returns the values the program uses.
func DefaultThresholds() Thresholds {
	return Thresholds{
		CopyGap:         150 * time.Millisecond,
		MinRTO:          time.Second,
		RTOs:            3,
		AttemptGrace:    3 * time.Second,
		AttemptTimeout:  63 * time.Second,
		LinearSyns:      5,
		LinearSynGap:    1300 * time.Millisecond,
		MaxBackoff:      60 * time.Second,
		GiveUpCopies:    5,
		BlackholeCopies: 4,
		KeepaliveProbes: 3,
		PeerFinWait:     30 * time.Second,
		CloseWait:       60 * time.Second,
		LeakedSockets:   10,
		FinWait2:        30 * time.Second,
		FinWait2Fin:     2 * time.Second,
		VanishedIdle:    2*time.Hour + 4*time.Minute,
		TwoCaptures:     30 * 24 * time.Hour,
		ClockStep:       time.Hour,
		GapPackets:      100,
		GapConnections:  5,
		GapWithin:       10 * time.Second,
		LossShare:       0.001,
		LossPackets:     10,
		HostsNamed:      3,
		JumpsNamed:      4,
		UnreadWithin:    time.Second,
		UnreadAnswer:    100 * time.Millisecond,
		BurstResets:     3,
		BurstWithin:     time.Second,
		LostShare:       0.001,
		PoorShare:       0.02,
		OneWayShare:     0.8,
		OffloadShare:    0.9,
		OffloadPackets:  5,
		DuplicateShare:  0.05,
		DuplicateWays:   20,
		MaxTwins:        1 << 14,
		MaxKeys:         1 << 16,
		MaxSuspects:     1 << 18,
	}
}
