package anomaly

import (
	"cmp"
	"slices"

	"github.com/tcplife/tcplife/tracker"
)

// cause is a kind's place among the findings of one connection: the first is the
// root cause of how it went, the others are details.
type cause uint8

// The places in order. What only explains behaviour comes after everything that
// decided the connection's fate, and the capture's quality last: it lowers the
// confidence of the others instead of competing with them.
const (
	failedHandshake cause = iota + 1
	resetByPeer
	gaveUp
	badClose
	badTimeWait
	explains
	aboutCapture
)

// teardown reports whether findings at this place rest on how the connection
// ended, which a capture that lost the end cannot show.
func (k *Kind) teardown() bool {
	return k.Family == Teardown || k.Family == Reset || k.Family == TimeWait || k.cause == gaveUp
}

// rank drops the findings that a more specific one replaces, orders the rest, root
// cause first, and marks the others as details.
func rank(fs []Finding) []Finding {
	if len(fs) > 1 {
		fs = slices.DeleteFunc(fs, func(f Finding) bool {
			return slices.ContainsFunc(fs, func(o Finding) bool { return slices.Contains(o.Kind.replaces, f.Kind) })
		})
	}
	slices.SortStableFunc(fs, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(a.Kind.cause, b.Kind.cause),
			cmp.Compare(a.Severity, b.Severity),
			cmp.Compare(a.Confidence, b.Confidence),
			cmp.Compare(a.At, b.At),
		)
	})
	for i := range fs {
		fs[i].Detail = i > 0 || fs[i].Kind.cause == aboutCapture
	}
	return fs
}

// inexact reports whether f rests on a RST that its receiver should have challenged instead of believed: the
// verdict holds only if data of its sender passed uncaptured (RFC 5961 3.2).
func (c *conn) inexact(f *Finding) bool {
	rst := c.closing
	judged := f.Kind.cause == resetByPeer || f.Kind.cause == gaveUp || f.Kind.cause == badClose
	return judged && rst != nil && rst.Reset.Class == tracker.ResetInWindow && slices.Contains(f.Packets, rst.Packet)
}

// limit lowers the confidence of f to what the capture of its connection supports.
func (c *conn) limit(f *Finding) {
	if f.Kind.cause == aboutCapture {
		return
	}
	switch {
	case f.Kind.teardown() && (c.half || c.stepped || c.lostAtEnd()):
		f.Confidence = Low
	case c.inexact(f):
		f.Confidence = Low
	case c.Open == tracker.OpenMidstream || c.EndReason == tracker.EndEvicted || c.traits&cutHeaders != 0:
		f.Confidence = max(f.Confidence, Medium)
	}
}

// Limit is how sure any finding of a trace can be, for what its capture is known to have missed. It is known at the
// end only, when most records have been written: so a record's findings tell what its own segments support, and whoever looks
// at the whole takes the limit too.
type Limit struct {
	Teardown Confidence // of findings about how a connection ended
	Other    Confidence // of all others that are not about the capture itself
}

// Limit returns what Finish learnt.
func (j *Judge) Limit() Limit { return j.limit }

// Of returns the confidence of a finding within the limit.
func (l Limit) Of(f *Finding) Confidence { return l.On(f.Kind, f.Confidence) }

// On is Of by kind.
func (l Limit) On(k *Kind, c Confidence) Confidence {
	switch {
	case k.cause == aboutCapture:
		return c
	case k.teardown():
		return max(c, l.Teardown)
	default:
		return max(c, l.Other)
	}
}

// limitOf judges the capture as a whole, by its findings and the octets it missed.
func limitOf(t *trace, s source, fs []Finding) (l Limit) {
	all := float64(t.stream + t.missing)
	for i := range fs {
		switch fs[i].Kind {
		case CaptureLoss, DropsReported:
			l.Teardown, l.Other = max(l.Teardown, Medium), max(l.Other, Medium)
		case ClockStep, MidFileGap:
			l.Teardown = max(l.Teardown, Medium)
		}
	}
	if t.missing > 0 && float64(t.missing) >= s.t.PoorShare*all {
		l.Teardown = Low
	}
	return l
}
