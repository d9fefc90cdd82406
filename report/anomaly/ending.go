package anomaly

import (
	"slices"

	"github.com/tcplife/tcplife/tracker"
)

// ending finds the RST that ended the connection: the first that closed its
// receiver. If its sender had aborted before and that RST was only lost on the way, the
// first one counts: the later ones are answers of a host that has closed.
func (c *conn) ending() *tracker.Fact {
	var closed *tracker.Fact
	for f := range c.all(tracker.FactRst) {
		if f.Reset.Effect == tracker.EffectClosed {
			closed = f
			break
		}
	}
	if closed == nil {
		return nil
	}
	for f := range c.all(tracker.FactRst) {
		if f.Packet < closed.Packet && f.Role == closed.Role && lostOnTheWay(f) {
			return f
		}
	}
	return closed
}

// lostOnTheWay reports whether the receiver of rst went on although its sender did not:
// it was sent, and never arrived.
func lostOnTheWay(rst *tracker.Fact) bool {
	return rst.Reset.Effect == tracker.EffectRefuted && !rst.Reset.SenderGoesOn && rst.Reset.Receiver.Synchronized()
}

// abort returns the RST that ended an established connection, nil without one. Those
// that belong to the handshake, or come after both FINs, are judged there.
func (c *conn) abort() *tracker.Fact {
	f := c.closing
	switch {
	case f == nil, f.Reset.Phase <= tracker.PhasePostSyn, f.Reset.Phase == tracker.PhaseTimeWait, f.Reset.Sender == tracker.SynRcvd:
		return nil
	case f.Packet == c.First.Packet:
		return nil // rst-stray
	case c.replacedBefore(f):
		return nil // half-open-recovery, told with the new connection
	}
	return f
}

// replacedBefore reports whether the sender of rst had left for a new connection on the
// same ports: the RST only tells its peer.
func (c *conn) replacedBefore(rst *tracker.Fact) bool {
	return slices.ContainsFunc(c.Transitions, func(tn tracker.Transition) bool {
		return tn.Role == rst.Role && tn.Event == tracker.Replace && tn.Packet < rst.Packet
	})
}

// noFin reports whether neither side had sent a FIN before m.
func (c *conn) noFin(m tracker.Mark) bool {
	return !c.finBefore(tracker.Client, m) && !c.finBefore(tracker.Server, m)
}

// bothFins reports whether both sides had sent their FIN before m.
func (c *conn) bothFins(m tracker.Mark) bool {
	return c.finBefore(tracker.Client, m) && c.finBefore(tracker.Server, m)
}

// stage says in words how far the connection had come.
func stage(p tracker.Phase) string {
	switch p {
	case tracker.PhasePostSyn:
		return "during the handshake"
	case tracker.PhasePostAck:
		return "after the handshake, before any data"
	case tracker.PhasePostPsh:
		return "right after the first data"
	case tracker.PhaseLater:
		return "while data was being exchanged"
	case tracker.PhaseClosing:
		return "while closing"
	case tracker.PhaseTimeWait:
		return "after the close"
	case tracker.NoPhase:
	}
	return "at an unknown stage"
}
