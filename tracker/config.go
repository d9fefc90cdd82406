package tracker

import "time"

// Config holds every number of the tracker that a person might argue with.
type Config struct {
	// TimeWait is how long TIME_WAIT lasts: 2 MSL. See Profiles.
	TimeWait time.Duration
	// Linger is how long a closed connection still takes its stragglers: a segment lives no longer than MSL, 2 minutes
	// (RFC 9293 3.4.2), and for about as long a peer sends its FIN again to a host that has forgotten.
	Linger time.Duration
	// Attempt is how long after its last SYN an unanswered attempt is given up:
	// R2 for SYN is at least 3 minutes (RFC 9293 MUST-23), and a bit.
	Attempt time.Duration
	// MaxConnections bounds the table. Over it the least useful connection leaves
	// early: closed ones first, then those not heard of for longest. Counted as Evicted.
	MaxConnections int
	// MaxMemory bounds what the tracker holds, in octets; 0: by MaxConnections alone. Over it connections leave early in the same order,
	// counted as well. Records that nobody has taken yet come on top. At least 4 MiB are allowed.
	MaxMemory int64
	// MaxFacts bounds the notable facts of one connection.
	MaxFacts int
	// Key keeps connections of the same addresses and ports apart whose paths (segment.Segment.Path) it tells apart; nil:
	// paths do not matter, for both directions often differ in them.
	Key func(path uint32) uint64
	// MaxRanges bounds the holes remembered per direction.
	MaxRanges int
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config {
	return Config{
		TimeWait:       Profiles["linux"],
		Linger:         2 * time.Minute,
		Attempt:        190 * time.Second,
		MaxConnections: 4_000_000,
		MaxFacts:       64,
		MaxRanges:      256,
	}
}

// stragglers is how long a closed connection stays, in nanoseconds.
func (c *Config) stragglers() int64 { return max(c.Linger, c.TimeWait).Nanoseconds() }

// Profiles are the lengths of TIME_WAIT by name: RFC 9293's 2 MSL of 2 minutes
// each, and what systems use (Linux TCP_TIMEWAIT_LEN; FreeBSD net.inet.tcp.msl
// of 30 s, twice; Windows TcpTimedWaitDelay's default since Vista).
var Profiles = map[string]time.Duration{
	"rfc":     4 * time.Minute,
	"linux":   time.Minute,
	"bsd":     time.Minute,
	"windows": 2 * time.Minute,
}

// CopiesWithin is how far apart two captures of one packet lie at most.
const CopiesWithin = 500 * time.Millisecond

const (
	// minKeepaliveIdle: a probe below SND.NXT sooner than this after the last segment
	// is a window probe or a retransmission; no stack sends keep-alives that often.
	minKeepaliveIdle = int64(time.Second)
	// otherWayWithin: two captures of one packet with the same IP identification or timestamps lie this close together, in
	// microseconds, if they were made in two places: the TTL, the path or the file is another. It covers the way once round the
	// earth and clocks that differ by as much again; no host sends the same identification to the same peer again so soon.
	otherWayWithin = int32(CopiesWithin / time.Microsecond)
	// nearbyWithin is for how long all segments are remembered: as far as the clocks of neighbouring taps differ.
	nearbyWithin = int32(10 * time.Millisecond / time.Microsecond)
	// resentWithin is the same for octets and controls that have neither, and for what was met in one place and has both: nothing is sent
	// again by a timer that soon.
	resentWithin = int32(minResend / 1000)
	// sameWayWithin is the same for packets with an identification that nothing but their time tells apart, and for those that
	// were met in two places and have neither octets nor an identification.
	sameWayWithin = int32(5 * time.Millisecond / time.Microsecond)
	// sameWayWithinNoID is the same where they have no identification: nothing is retransmitted that fast.
	sameWayWithinNoID = int32(time.Millisecond / time.Microsecond)
	// minResend: the same control segment again sooner than this is the network's copy, not
	// a retransmission; no retransmission timer in use is shorter (Linux's 200 ms minimum less its jitter).
	minResend = int64(150 * time.Millisecond)
	// firstResend: a FIN whose first copy was lost before the tap comes again after this, at a
	// sender with the shortest timers in use.
	firstResend = int64(250 * time.Millisecond)
	// startGrace: a connection that seems to begin at its SYN-ACK this long after the
	// trace began lost its SYN to the capture, not to the trace's beginning.
	startGrace = int64(3 * time.Second)
	// answerWithin: a FIN is acknowledged within this; delayed ACKs take at most 500 ms (RFC 9293 MUST-40).
	answerWithin = int64(time.Second)
)
