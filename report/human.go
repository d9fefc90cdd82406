package report

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// grouped writes n with a comma between thousands: "1,204".
func grouped(n uint64) string {
	s := strconv.FormatUint(n, 10)
	if len(s) <= 3 {
		return s
	}
	var b strings.Builder
	head := len(s) % 3
	b.WriteString(s[:head])
	for i := head; i < len(s); i += 3 {
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(s[i : i+3])
	}
	return b.String()
}

// counted is a number and its noun: "1 packet", "2 packets".
func counted(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return grouped(n) + " " + noun + "s"
}

// humanSize writes bytes with three digits at most: "412 B", "1.2 MB". Units are
// powers of 1000, as networks count.
func humanSize(n uint64) string {
	if n < 1000 {
		return strconv.FormatUint(n, 10) + " B"
	}
	units := [...]string{"kB", "MB", "GB", "TB", "PB", "EB"}
	v, u := float64(n)/1000, 0
	for v >= 999.5 && u < len(units)-1 {
		v, u = v/1000, u+1
	}
	digits := 0
	if v < 9.95 {
		digits = 1
	}
	return strconv.FormatFloat(v, 'f', digits, 64) + " " + units[u]
}

// humanSpan writes a duration in nanoseconds as people say it: "19.2ms",
// "1.204s", "2m14s", "3h05m", "2d04h".
func humanSpan(ns int64) string {
	if ns < 0 {
		return "-" + humanSpan(-max(ns, -1<<63+1))
	}
	d := time.Duration(ns)
	two := func(n int64) string { return pad(strconv.FormatInt(n, 10), 2, '0') }
	switch {
	case ns == 0:
		return "0s"
	case d < 999500*time.Nanosecond:
		return strconv.FormatInt((ns+500)/1000, 10) + "µs"
	case d < 99950*time.Microsecond:
		return trimmed(float64(ns)/1e6, 1) + "ms"
	case d < 999500*time.Microsecond:
		return strconv.FormatInt((ns+5e5)/1e6, 10) + "ms"
	case d < 9999500*time.Microsecond:
		return strconv.FormatFloat(float64(ns)/1e9, 'f', 3, 64) + "s"
	case d < 59950*time.Millisecond:
		return strconv.FormatFloat(float64(ns)/1e9, 'f', 1, 64) + "s"
	}
	s := (ns + 5e8) / 1e9
	switch {
	case s < 3600:
		return strconv.FormatInt(s/60, 10) + "m" + two(s%60) + "s"
	case s < 86400:
		return strconv.FormatInt(s/3600, 10) + "h" + two(s/60%60) + "m"
	default:
		return strconv.FormatInt(s/86400, 10) + "d" + two(s/3600%24) + "h"
	}
}

// roughSpan is humanSpan for prose, where three digits are enough, and a blank
// stands before the unit as in the findings' evidence: "19.2 ms".
func roughSpan(ns int64) string {
	s := humanSpan(ns)
	if ns >= 999_500_000 && ns < 59_950_000_000 {
		s = trimmed(float64(ns)/1e9, 1) + "s"
	}
	digits := strings.TrimRight(s, "µms")
	if strings.ContainsAny(digits, "mhd") { // 2m14s is no number with a unit
		return s
	}
	return digits + " " + s[len(digits):]
}

// share writes part of whole in per cent, with the digits that matter: "0.02%",
// "1.5%", "97%".
func share(part, whole uint64) string {
	if whole == 0 {
		return "0%"
	}
	p := 100 * float64(part) / float64(whole)
	switch {
	case part == 0:
		return "0%"
	case p < 0.01:
		return "under" + nbsp + "0.01%"
	case p < 0.1:
		return trimmed(p, 2) + "%"
	case p < 9.95:
		return trimmed(p, 1) + "%"
	default:
		return trimmed(p, 0) + "%"
	}
}

// trimmed writes v with at most the given decimals, without trailing zeros.
func trimmed(v float64, decimals int) string {
	s := strconv.FormatFloat(v, 'f', decimals, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// pad fills s with c on the left.
func pad(s string, width int, c byte) string {
	if n := width - len(s); n > 0 {
		return strings.Repeat(string(c), n) + s
	}
	return s
}

// cells is how many columns s takes on a terminal. What this package prints itself takes one
// column a rune; a wide glyph of a file name only makes its line break earlier.
func cells(s string) int { return utf8.RuneCountInString(s) }

// fill appends spaces up to the width.
func fill(s string, width int) string {
	if n := width - cells(s); n > 0 {
		return s + strings.Repeat(" ", n)
	}
	return s
}

// clip cuts s to width columns; what is missing is shown by "…".
func clip(s string, width int) string {
	if cells(s) <= width {
		return s
	}
	if width <= 0 {
		return ""
	}
	r := []rune(s)
	return string(r[:width-1]) + "…"
}

// clipMiddle keeps both ends of s: of an address the port, of a path the name.
func clipMiddle(s string, width int) string {
	if cells(s) <= width {
		return s
	}
	if width < 3 {
		return clip(s, width)
	}
	r := []rune(s)
	tail := (width - 1) / 2
	return string(r[:width-1-tail]) + "…" + string(r[len(r)-tail:])
}

// nbsp keeps two words on one line: wrap does not break there and prints a blank.
const nbsp = "\u00a0"

// together joins the words of s so that wrap keeps them on one line.
func together(s string) string { return strings.ReplaceAll(s, " ", nbsp) }

// wrap breaks text at blanks into lines of at most width columns. A word that is
// longer has a line of its own; it is not cut, so that it can be copied. A dot that
// separates statements ends a line rather than to begin one, and a number stays
// with its unit or what it counts.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	words := strings.FieldsFunc(strings.ReplaceAll(text, " ·", nbsp+"·"), func(r rune) bool { return r == ' ' || r == '\n' })
	for _, word := range glued(words) {
		switch {
		case line == "":
			line = word
		case cells(line)+1+cells(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	for i := range lines {
		lines[i] = strings.ReplaceAll(lines[i], nbsp, " ")
	}
	return lines
}

// glued joins a number and its unit ("30.7 s"), and what is numbered with its
// number ("packet 375", "RFC 9293").
func glued(words []string) []string {
	var out []string
	for _, w := range words {
		if n := len(out) - 1; n >= 0 && (unit(w) && endsInDigit(out[n]) || numbered(out[n]) && startsWithDigit(w)) {
			out[n] += nbsp + w
			continue
		}
		out = append(out, w)
	}
	return out
}

func unit(word string) bool {
	switch strings.TrimRight(word, ".,:;)"+nbsp+"·") {
	case "ns", "µs", "ms", "s", "B", "kB", "MB", "GB", "TB", "%":
		return true
	}
	return false
}

func numbered(word string) bool {
	switch strings.TrimLeft(word, "(") {
	case "packet", "RFC":
		return true
	}
	return false
}

func startsWithDigit(s string) bool { return s != "" && s[0] >= '0' && s[0] <= '9' }
func endsInDigit(s string) bool     { return s != "" && startsWithDigit(s[len(s)-1:]) }

// clock is a time of day in UTC with the given layout.
func clock(ns int64, layout string) string { return time.Unix(0, ns).UTC().Format(layout) }
