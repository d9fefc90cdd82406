package anomaly

import (
	"math/bits"

	"github.com/tcplife/tcplife/tracker"
)

// traits are what a connection has, a bit each: the kinds of its facts, and what else
// calls a judge. Most connections have few, and a judge is asked only about
// those with a trait it names, so that sixty judges cost an ordinary connection
// nothing (BenchmarkJudge).
type traits uint64

// fact is the trait of having facts of a kind.
func fact(k tracker.FactKind) traits { return 1 << k }

// The traits beside the facts.
const (
	neverOpened    traits = 1 << (iota + 40) // nothing answered the SYN
	openedHalf                               // the SYN-ACK was not acknowledged
	openedAtOnce                             // both sent a SYN
	openedBefore                             // the beginning was not captured
	closedByServer                           // the server took the first step to the end
	closedByOneFin                           // one end sent a FIN and the other none
	closedByFins                             // both did
	holdsTimeWait                            // one end does
	openAtEnd                                // the capture ended first
	evicted                                  // the tracker's table was full
	idle                                     // for Thresholds.VanishedIdle
	resends                                  // one end, Thresholds.GiveUpCopies times
	hasHoles                                 // octets were acknowledged and never captured
	cutHeaders                               // options cut by the snapshot length
	halfCaptured                             // one direction only
	capturedTwice                            // some segments are copies of the capture's
	inFragments                              // segments came in IP fragments
	lossy                                    // the network lost data of one end
	pathsDiffer                              // the directions were met by different ways
)

// The facts must leave the other traits their bits.
var _ = [1]struct{}{}[uint64(fact(tracker.FactUrgent))/uint64(neverOpened)]

func (c *conn) has(k tracker.FactKind) bool { return c.traits&fact(k) != 0 }

// traitsOf collects the traits of the connection.
func (c *conn) traitsOf() traits {
	var t traits
	for i := range c.Facts {
		t |= fact(c.Facts[i].Kind)
	}
	set := func(trait traits, on bool) {
		if on {
			t |= trait
		}
	}
	switch c.Open {
	case tracker.OpenNone:
		t |= neverOpened
	case tracker.OpenHalf:
		t |= openedHalf
	case tracker.OpenSimultaneous:
		t |= openedAtOnce
	case tracker.OpenMidstream:
		t |= openedBefore
	case tracker.OpenFull, tracker.OpenFastOpen, tracker.OpenRefused:
	}
	cl, sv := c.end(tracker.Client), c.end(tracker.Server)
	set(closedByServer, c.ClosedBy == tracker.ByServer)
	set(closedByOneFin, cl.FinSent.Seen() != sv.FinSent.Seen())
	set(closedByFins, cl.FinSent.Seen() && sv.FinSent.Seen())
	set(holdsTimeWait, cl.TimeWait.Held || sv.TimeWait.Held)
	set(openAtEnd, c.Close == tracker.CloseOpenAtEnd)
	set(evicted, c.EndReason == tracker.EndEvicted)
	set(idle, c.since(c.Last) >= c.t.VanishedIdle)
	set(resends, max(cl.LastDataUnacked, sv.LastDataUnacked) >= c.t.GiveUpCopies)
	set(hasHoles, cl.MissingBytes|sv.MissingBytes != 0)
	set(cutHeaders, cl.TruncatedPackets|sv.TruncatedPackets != 0)
	set(halfCaptured, c.half)
	set(capturedTwice, cl.DuplicatePackets|sv.DuplicatePackets != 0)
	set(inFragments, cl.FragmentedPackets|sv.FragmentedPackets != 0)
	set(lossy, cl.Lost.Any() || sv.Lost.Any())
	set(pathsDiffer, cl.Path != sv.Path && cl.Packets > 0 && sv.Packets > 0)
	return t
}

// judges is a set of kinds, by their place in the catalogue.
type judges [2]uint64

// callers are the judges that each trait calls.
var callers = func() (by [64]judges) {
	for i, k := range catalogue {
		if k.judge == nil || k.Withdrawn {
			continue
		}
		for t := uint64(k.when); t != 0; t &= t - 1 {
			by[bits.TrailingZeros64(t)][i/64] |= 1 << (i % 64)
		}
	}
	return by
}()

// asked returns the judges that the connection calls.
func (t traits) asked() (j judges) {
	for t := uint64(t); t != 0; t &= t - 1 {
		by := &callers[bits.TrailingZeros64(t)]
		j[0] |= by[0]
		j[1] |= by[1]
	}
	return j
}
