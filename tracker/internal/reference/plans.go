package reference

// Stacks are ways to read the RFC: to the letter, as small stacks do, as most do, with all that large ones do.
var Stacks = map[string]Stack{
	"letter": {},
	"plain":  {SynAckAgain: true, CloseWaitsForOpen: true},
	"common": {Timestamps: true, AbortWithAck: true, SynAckAgain: true, CloseWaitsForOpen: true},
	"large": {
		Timestamps: true, AbortWithAck: true, SynAckAgain: true, CloseWaitsForOpen: true,
		ResetLateData: true, Collapse: true, Probe: true, DSACK: true,
	},
}

// Taps are places of the tap: the way to the first end and to the second.
var Taps = map[string][2]int64{"client": {100, 3900}, "middle": {2000, 2000}, "server": {3900, 100}}

// opened is when the handshake of an unhurried pair is over.
const opened = 12_500

// moments are the times from first to last, step by step, and more, all in milliseconds.
func moments(first, last, step int64, more ...int64) (at []int64) {
	for t := first; t <= last; t += step {
		at = append(at, t*1000)
	}
	return append(at, ms(more...)...)
}

// ms turns milliseconds into the unit of a Plan.
func ms(times ...int64) (at []int64) {
	for _, t := range times {
		at = append(at, t*1000)
	}
	return at
}

// Plans returns closed systems worth trying, smallest first. Stacks and taps are left open. A way takes 4 ms,
// so that segments of users who act within 4 ms of each other cross.
func Plans() []Plan {
	dial := Action{Open, ms(0)}
	around := moments(21, 37, 2, 140)
	listens := [2]bool{1: true}
	return []Plan{
		{Name: "close", Faults: 2, From: opened, Passive: listens, Actions: [2][]Action{
			{dial, {Close, ms(29)}}, {{Close, around}},
		}},
		{Name: "data", Faults: 1, From: opened, Passive: listens, Actions: [2][]Action{
			{dial, {Send, ms(21)}, {Close, around}}, {{Send, moments(21, 31, 2)}, {Close, around}},
		}},
		{Name: "half-close", Faults: 2, From: opened, Passive: listens, Actions: [2][]Action{
			{dial, {Close, ms(21)}}, {{Send, moments(19, 31, 4)}, {Close, ms(25, 31, 60)}},
		}},
		{Name: "open", Faults: 2, Passive: listens, Actions: [2][]Action{
			{dial, {Close, moments(1, 13, 4)}}, {{Close, moments(5, 21, 4)}},
		}},
		{Name: "open, data", Faults: 1, Passive: listens, Actions: [2][]Action{
			{dial, {Send, ms(1, 9, 13)}, {Close, moments(9, 21, 4, 300)}}, {{Send, ms(5, 13)}, {Close, moments(9, 21, 4, 300)}},
		}},
		{Name: "simultaneous open", Faults: 1, Actions: [2][]Action{
			{dial, {Send, ms(1, 9)}, {Close, moments(5, 21, 2)}}, {{Open, ms(0, 1, 3)}, {Close, moments(5, 21, 2)}},
		}},
		{Name: "abort", Faults: 1, Passive: listens, Actions: [2][]Action{
			{dial, {Send, ms(13, 21)}, {Abort, moments(1, 41, 2, 240)}}, {{Send, ms(13, 23)}, {Close, moments(21, 33, 4)}},
		}},
		{Name: "server aborts", Faults: 1, Passive: listens, Actions: [2][]Action{
			{dial, {Send, ms(13, 21)}, {Close, moments(21, 33, 4)}}, {{Send, ms(13, 23)}, {Abort, moments(5, 41, 2, 240)}},
		}},
		{Name: "both abort", Faults: 1, Passive: listens, Actions: [2][]Action{
			{dial, {Send, ms(21)}, {Abort, moments(21, 37, 2)}}, {{Abort, moments(21, 37, 2)}},
		}},
		{Name: "close, then abort", Faults: 1, Passive: listens, Actions: [2][]Action{
			{dial, {Close, moments(21, 29, 4)}, {Abort, moments(23, 41, 2)}}, {{Close, moments(21, 33, 4)}, {Abort, moments(21, 41, 4)}},
		}},
	}
}
