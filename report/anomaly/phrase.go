package anomaly

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
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

// span writes a duration of at least 0 with three significant digits, from a minute on as clocks do:
// "0.8 ms", "1.02 s", "2m05s", "3h05m", "5d04h".
func span(d time.Duration) string {
	three := func(v float64, unit string) string { return strconv.FormatFloat(v, 'g', 3, 64) + " " + unit }
	switch {
	case d <= 0:
		return "0 s"
	case d < 999500*time.Nanosecond:
		return three(float64(d)/1e3, "µs")
	case d < 999500*time.Microsecond:
		return three(float64(d)/1e6, "ms")
	case d < 59950*time.Millisecond:
		return three(d.Seconds(), "s")
	}
	switch s := int64(d.Round(time.Second) / time.Second); {
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
	default:
		return fmt.Sprintf("%dd%02dh", s/86400, s/3600%24)
	}
}

// between is the time from a to b, negative if b came first: for comparing only; see elapsed.
func between(a, b tracker.Mark) time.Duration { return time.Duration(b.At - a.At) }

// elapsed is the time from a to b; ok is false when there is none to tell: one of them was not
// seen, or the capture has them the other way round.
func elapsed(a, b tracker.Mark) (d time.Duration, ok bool) {
	d = between(a, b)
	return d, a.Seen() && b.Seen() && d >= 0
}

// timed is a part of a phrase that tells the time from a to b, which stands for the %s of format. It
// is empty when there is none to tell, or they have one time stamp.
func timed(format string, a, b tracker.Mark) string {
	d, ok := elapsed(a, b)
	if !ok || d == 0 {
		return ""
	}
	return fmt.Sprintf(format, span(d))
}

// after begins a phrase with the time d that had passed since what follows: "3 ms after".
func after(d time.Duration) string {
	if d <= 0 {
		return "right after"
	}
	return span(d) + " after"
}

// count writes a number with its noun: "1 byte", "3,000 bytes".
func count[N int | int64 | uint64](n N, noun string) string { return countOf(n, noun, noun+"s") }

// countOf writes a number with a noun of irregular plural.
func countOf[N int | int64 | uint64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return grouped(n) + " " + many
}

// grouped writes a number with a comma between thousands.
func grouped[N int | int64 | uint64](n N) string {
	if n < 0 {
		return "-" + grouped(-n)
	}
	s := strconv.FormatUint(uint64(n), 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// resent says how often a segment was sent again: "2 copies, the first 1 s after the SYN before it".
func resent(copies []*tracker.Fact, noun string) string {
	first := "the first "
	if len(copies) == 1 {
		first = ""
	}
	return fmt.Sprintf("%s, %s%s after the %s before it", countOf(len(copies), "copy", "copies"), first, span(time.Duration(copies[0].Gap)), noun)
}

// ref names a packet in a phrase.
func ref(m tracker.Mark) string {
	if !m.Seen() {
		return "a packet not captured"
	}
	return fmt.Sprintf("packet %d", m.Packet)
}

// more ends a phrase about the first of n things: ", and 2 more".
func more(n int) string {
	if n < 2 {
		return ""
	}
	return fmt.Sprintf(", and %s more", grouped(n-1))
}

// percent writes a share with the digits that matter: "0.02%", "12%".
func percent(part, whole uint64) string {
	if part == 0 || whole == 0 {
		return "0%"
	}
	p := 100 * float64(part) / float64(whole)
	decimals := 0
	switch {
	case p < 0.01:
		return "under 0.01%"
	case p < 0.1:
		decimals = 2
	case p < 9.95:
		decimals = 1
	}
	s := strconv.FormatFloat(p, 'f', decimals, 64)
	if decimals > 0 {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s + "%"
}

// behind says what stood behind a RST, as its shape tells.
func behind(f tracker.ResetForm) string {
	switch f {
	case tracker.FormActive:
		return "the RST of a live socket"
	case tracker.FormReply:
		return "the RST of a host without the socket"
	case tracker.FormRefusal:
		return "the RST that refuses a SYN"
	case tracker.FormOther:
	}
	return "its shape does not tell whether a socket was there"
}
