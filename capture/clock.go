package capture

import (
	"math"
	"math/bits"
)

// ngClock turns an interface's time stamps into nanoseconds since 1970.
type ngClock struct {
	perSecond uint64
	scale     uint64 // nanoseconds a unit, for stamps below direct
	direct    uint64 // 0 if the unit is no whole number of nanoseconds, or there is an offset
	offset    int64  // seconds
}

// newClock reads if_tsresol: a negative power of ten, or with the high bit of two.
func newClock(resolution byte, offset int64) (ngClock, bool) {
	c := ngClock{perSecond: 1, offset: offset}
	exponent := int(resolution & 0x7f)
	if resolution&0x80 != 0 {
		if exponent > 63 {
			return c, false
		}
		c.perSecond = 1 << exponent
		return c, true
	}
	if exponent > 19 {
		return c, false
	}
	for range exponent {
		c.perSecond *= 10
	}
	if exponent <= 9 && offset == 0 {
		c.scale = 1_000_000_000 / c.perSecond
		c.direct = math.MaxInt64 / c.scale
	}
	return c, true
}

// maxSeconds is the last second whose nanoseconds an int64 can count: in 2262.
const maxSeconds = math.MaxInt64/1_000_000_000 - 1

func (c ngClock) nanoseconds(stamp uint64) int64 {
	// The ordinary clock is spared two divisions a packet.
	if stamp < c.direct {
		return int64(stamp * c.scale)
	}
	if before := -stamp; int64(stamp) < 0 && stamp/c.perSecond > maxSeconds && before/c.perSecond < maxSeconds {
		// Too late to be true: a writer's clock stood before 1970.
		c.offset = -c.offset
		return -c.since(before)
	}
	return c.since(stamp)
}

func (c ngClock) since(stamp uint64) int64 {
	seconds, fraction := stamp/c.perSecond, stamp%c.perSecond
	hi, lo := bits.Mul64(fraction, 1e9)
	nano, _ := bits.Div64(hi, lo, c.perSecond)
	// A stamp far outside is noise; it stays ordered after all others.
	if seconds > maxSeconds {
		seconds = maxSeconds
	}
	total := int64(seconds)
	switch {
	case c.offset > maxSeconds-total:
		total = maxSeconds
	case c.offset < -maxSeconds:
		total = -maxSeconds
	default:
		total += c.offset
	}
	return total*1e9 + int64(nano)
}
