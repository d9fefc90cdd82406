package anomaly

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tcplife/tcplife/tracker"
)

// span writes a duration of at least 0 with three significant digits, from a minute on as clocks do:
// "0.8 ms", "1.02 s", "2m05s", "3h05m", "5d04h".
func span(d time.Duration) string { return string(appendSpan(nil, d)) }

func appendSpan(b []byte, d time.Duration) []byte {
	switch {
	case d <= 0:
		return append(b, "0 s"...)
	case d < 999500*time.Nanosecond:
		return append(appendThree(b, d, time.Microsecond), " µs"...)
	case d < 999500*time.Microsecond:
		return append(appendThree(b, d, time.Millisecond), " ms"...)
	case d < 59950*time.Millisecond:
		return append(appendThree(b, d, time.Second), " s"...)
	}
	two := func(n int64) {
		b = append(b, byte('0'+n/10), byte('0'+n%10))
	}
	switch s := int64(d.Round(time.Second) / time.Second); {
	case s < 3600:
		b = append(strconv.AppendInt(b, s/60, 10), 'm')
		two(s % 60)
		return append(b, 's')
	case s < 86400:
		b = append(strconv.AppendInt(b, s/3600, 10), 'h')
		two(s / 60 % 60)
		return append(b, 'm')
	default:
		b = append(strconv.AppendInt(b, s/86400, 10), 'd')
		two(s / 3600 % 24)
		return append(b, 'h')
	}
}

// appendThree writes d in a unit with three significant digits and no trailing zeros, as strconv
// writes the floating-point number, at a fraction of its price (BenchmarkJudge).
func appendThree(b []byte, d, unit time.Duration) []byte {
	digit := time.Duration(1) // what the last of the three digits stands for
	for d/digit >= 1000 {
		digit *= 10
	}
	n, rest := d/digit, d%digit
	switch {
	case 2*rest == digit: // which way it goes depends on the binary fraction next to it
		return strconv.AppendFloat(b, inUnits(d, unit), 'g', 3, 64)
	case 2*rest > digit:
		n++
	}
	d = n * digit
	b = strconv.AppendInt(b, int64(d/unit), 10)
	d %= unit
	if d == 0 {
		return b
	}
	b = append(b, '.')
	for ; d != 0; d %= unit {
		unit /= 10
		b = append(b, byte('0'+d/unit))
	}
	return b
}

func inUnits(d, unit time.Duration) float64 {
	if unit == time.Second {
		return d.Seconds()
	}
	return float64(d) / float64(unit)
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

// appendCount is count for what is counted often.
func appendCount(b []byte, n uint64, noun string) []byte {
	b = append(append(appendGrouped(b, n), ' '), noun...)
	if n != 1 {
		b = append(b, 's')
	}
	return b
}

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
	return string(appendGrouped(nil, uint64(n)))
}

func appendGrouped(b []byte, n uint64) []byte {
	if n < 1000 {
		return strconv.AppendUint(b, n, 10)
	}
	b = append(appendGrouped(b, n/1000), ',')
	n %= 1000
	return append(b, byte('0'+n/100), byte('0'+n/10%10), byte('0'+n%10))
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
func ref(m tracker.Mark) string { return string(appendRef(nil, m)) }

func appendRef(b []byte, m tracker.Mark) []byte {
	if !m.Seen() {
		return append(b, "a packet not captured"...)
	}
	return strconv.AppendUint(append(b, "packet "...), m.Packet, 10)
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
