//go:build unix

package main

import "slices"

// whose says on whose account the two disagree.
type whose int

const (
	definition whose = iota // each is right by its own
	oddPacket               // the packet or its time stamp is none that a host would send or take
	theirFault
	ourLimit
)

// class is a kind of disagreement. What of it can be told of a case by its data
// alone is a rule; a case counts for the first class whose rule knows it.
type class struct {
	name      string // classes of one name are parts of one, and one of them has its why
	whose     whose
	questions []string
	why       string // for people: what each counts, and why ours
	// rule returns a packet at which the difference is to be seen, or 0 if the case
	// is of another class.
	rule func(d *difference) (packet uint64)
}

// classOf returns the class of a case, nil if no rule knows it.
func classOf(d *difference) (c *class, packet uint64) {
	for i := range classes {
		c = &classes[i]
		if slices.Contains(c.questions, d.question) {
			if packet = c.rule(d); packet != 0 {
				return c, packet
			}
		}
	}
	return nil, 0
}

var (
	countedThings = []string{askPackets, askPayload, askSyn, askFin, askRst}
	analysed      = []string{askMissing, askResent, askDisorder, askKeepAlive}
	everything    = questions
)

// The names of classes that have several parts.
const (
	twiceName   = "captured twice"
	refusedName = "a segment that its receiver must refuse"
	resetName   = "what a RST says"
	damagedName = "damaged on the way"
)

// classes are in the order in which they are asked: what explains a case best stands first.
var classes = slices.Concat(classesOfFrames, classesOfStreams, classesOfPayload, classesOfHandshake, classesOfData)
