package anomaly

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/tcplife/tcplife/tracker"
)

// packets lists the numbers of the marks seen, in order and once each.
func packets(marks []tracker.Mark) []uint64 {
	out := make([]uint64, 0, len(marks))
	for _, m := range marks {
		if m.Seen() {
			out = append(out, m.Packet)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// span writes a duration with three significant digits: "0.8 ms", "1.02 s", "2m5s".
func span(d time.Duration) string {
	if d < 0 {
		return "-" + span(-d)
	}
	switch {
	case d < time.Millisecond:
		return strconv.FormatFloat(float64(d)/1e3, 'g', 3, 64) + " µs"
	case d < time.Second:
		return strconv.FormatFloat(float64(d)/1e6, 'g', 3, 64) + " ms"
	case d < time.Minute:
		return strconv.FormatFloat(d.Seconds(), 'g', 3, 64) + " s"
	default:
		return d.Round(time.Second).String()
	}
}

// between is the time from a to b.
func between(a, b tracker.Mark) time.Duration { return time.Duration(b.At - a.At) }

// count writes a number with its noun: "1 byte", "3 bytes".
func count[N int | int64 | uint64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// ref names a packet in a phrase.
func ref(m tracker.Mark) string { return fmt.Sprintf("packet %d", m.Packet) }

// more ends a phrase about the first of n things: ", and 2 more".
func more(n int) string {
	if n < 2 {
		return ""
	}
	return fmt.Sprintf(", and %d more", n-1)
}

// percent writes a share: "12.5 %".
func percent(part, whole uint64) string {
	if whole == 0 {
		return "0 %"
	}
	return strconv.FormatFloat(100*float64(part)/float64(whole), 'g', 3, 64) + " %"
}

// countOf writes a number with a noun of irregular plural.
func countOf(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
