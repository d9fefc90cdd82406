// Package traffic makes captures for benchmarks: many TCP connections between
// simulated hosts, as a tap between clients and servers sees them.
//
// It promises valid TCP (checksums, options, acknowledgements of what was sent
// and nothing else), packets in the order of time, and the same bytes for the
// same Spec on every machine: all arithmetic is of integers, for a compiler may
// round a sum of floats as its processor likes. It has no idea of what an
// analyser makes of it.
package traffic

// Spec says what to make.
type Spec struct {
	Name  string
	About string

	// Packets ends the capture after so many; connections are then still open. 0 = when all are over.
	Packets int
	// Connections is how many are open at a time: when one is over, another begins.
	Connections int
	// Total is how many connections begin in all; 0 = as many as Packets has room for.
	// Those of a Crowd and the one of OneBulk are never followed by others.
	Total int
	// Syns are lone SYNs from sources that never come back, spread evenly among the other packets.
	Syns int
	// Snaplen is how much of a frame the capture holds.
	Snaplen int
	// Seed makes one capture differ from the next.
	Seed uint64

	// Loss is how many segments of a thousand do not pass once and in order: lost before or
	// behind the tap, overtaken, or sent again without need.
	Loss int
	// Window is how many segments a sender has under way at most.
	Window int
	// Plot is what kind of lives the connections have.
	Plot Plot
}

// Plot is what kind of lives the connections of a capture have.
type Plot uint8

// The plots.
const (
	Everyday Plot = iota // requests and responses, closes, resets, refusals, silence
	Crowd                // all open at once, eight packets each, none closed
	OneBulk              // one transfer without an end
)

const (
	wholeSnap = 262144 // what tcpdump takes for everything
	headSnap  = 96     // Ethernet, IPv4 and TCP with room for options; an IPv6 SYN loses the last of its own

	crowdPackets = 8  // of each connection of a Crowd
	fewPackets   = 50 // that everyday connections have on average, and some more
)

// Presets are the captures that the project measures itself by.
func Presets() []Spec {
	return []Spec{
		{
			Name: "mix", About: "everyday connections with their payload, about 700 bytes a packet",
			Packets: 2_000_000, Connections: 4_000, Snaplen: wholeSnap, Seed: 1, Loss: 10, Window: 64,
		},
		{
			Name: "headers", About: "everyday connections cut to their headers, more of them",
			Packets: 10_000_000, Connections: 20_000, Snaplen: headSnap, Seed: 1, Loss: 10, Window: 64,
		},
		{
			Name: "manyflows", About: "connections all open at once, 8 packets each, in random order",
			Packets: 8_000_000, Connections: 1_000_000, Snaplen: headSnap, Seed: 1, Plot: Crowd,
		},
		{
			Name: "flood", About: "SYNs that nobody answers, half of all packets, among everyday connections",
			Packets: 6_200_000, Connections: 20_000, Syns: 3_100_000, Snaplen: headSnap, Seed: 1, Loss: 10, Window: 64,
		},
		{
			Name: "elephant", About: "one transfer with losses and SACK",
			Packets: 5_000_000, Connections: 1, Snaplen: headSnap, Seed: 1, Loss: 2, Window: 512, Plot: OneBulk,
		},
	}
}

// Preset returns the preset of that name.
func Preset(name string) (Spec, bool) {
	for _, s := range Presets() {
		if s.Name == name {
			return s, true
		}
	}
	return Spec{}, false
}

// Sized returns the same traffic in another size: as large a share of SYNs, and
// no more connections at a time than come to their end within it.
func (s Spec) Sized(packets int) Spec {
	s.Syns = int(int64(s.Syns) * int64(packets) / int64(s.Packets))
	s.Packets = packets
	switch s.Plot {
	case Everyday:
		s.Connections = max(1, min(s.Connections, packets/(2*fewPackets)))
	case Crowd:
		s.Connections = max(1, packets/crowdPackets)
	case OneBulk:
	}
	return s
}

// Story is the life of one connection.
type Story uint8

// The stories.
const (
	Orderly    Story = iota // both ends close, in one of the usual orders
	Aborted                 // one end resets it after an exchange
	RefusedFin              // one end closes, the other answers with a RST
	Silent                  // it falls silent while open
	Midstream               // it was there before the capture, and closes
	Shell                   // an interactive one: small segments both ways, then a close
	Unanswered              // a SYN and its retransmissions, no answer
	Refused                 // a SYN answered by a RST
	HalfOpen                // SYN and SYN-ACKs, never the third packet
	NumStories
)

func (s Story) String() string {
	return [...]string{
		"orderly", "aborted", "refused-fin", "silent", "midstream", "shell", "unanswered", "refused", "half-open",
	}[s]
}

// shares are the stories of everyday connections, of a thousand.
var shares = [NumStories]int{
	Orderly: 700, Aborted: 50, RefusedFin: 40, Silent: 20, Midstream: 15, Shell: 60, Unanswered: 60, Refused: 45, HalfOpen: 10,
}
