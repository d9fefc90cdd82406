package tracker

import (
	"time"

	"github.com/tcplife/tcplife/internal/segment"
)

const (
	// clockStep is the least silence of an end after which its own clock is compared with the capture's.
	clockStep = int64(time.Hour)
	// clockBack is the same for a capture's clock that went back: less may be the disorder of a card's queues.
	clockBack = int64(time.Second)
	// longSilence of a connection is worth a fact if octets are missing behind it: a busy capture that
	// has no packet for so long may have paused.
	longSilence = int64(time.Second)
)

// isClockJump reports whether so much time, between two segments of one end, calls for a look at its timestamps.
func isClockJump(passed int64) bool { return uint64(passed+clockBack) > uint64(clockStep+clockBack) }

// afterSilence notes what the first segment after a silence tells of the capture: what passed in the meantime
// uncaptured, and how much time its sender says has passed.
func (c *connection) afterSilence(t *Tracker, s *segment.Segment, r *reading, x, y *endpoint, heard Mark) {
	if heard.Seen() && s.Time-heard.At >= longSilence {
		const most = 1 << 30 // no window is larger (RFC 7323 2.3)
		skipped := r.pos - x.sndNxt
		if s.Flags.Has(segment.ACK) {
			skipped = max(skipped, r.ack-y.sndNxt)
		}
		if skipped > 0 && skipped < most {
			c.note(t, s.Dir, Fact{Kind: FactSkipped, Mark: r.mark, Cause: heard, Bytes: skipped})
		}
	}
	passed := s.Time - x.fresh.At
	if !x.fresh.Seen() || !isClockJump(passed) || !x.tsSeen || r.stale || s.Options.Has&segment.OptTimestamps == 0 {
		return
	}
	ticks := int64(s.Options.TSVal - x.tsLast) // r would be stale if they had gone back
	if passed < 0 && (ticks == 0 || r.pos != x.sndNxt) {
		return // out of order, whatever the reason
	}
	c.note(t, s.Dir, Fact{Kind: FactClockJump, Mark: r.mark, Cause: x.fresh, Bytes: ticks, Gap: passed})
}
