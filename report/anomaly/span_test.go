package anomaly

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"time"
)

// TestSpan holds that spans have the digits strconv gives the floating-point number.
func TestSpan(t *testing.T) {
	want := func(d time.Duration) string {
		three := func(v float64, unit string) string { return strconv.FormatFloat(v, 'g', 3, 64) + " " + unit }
		switch {
		case d < 999500*time.Nanosecond:
			return three(float64(d)/1e3, "µs")
		case d < 999500*time.Microsecond:
			return three(float64(d)/1e6, "ms")
		default:
			return three(d.Seconds(), "s")
		}
	}
	check := func(d time.Duration) {
		if d < 59950*time.Millisecond && span(d) != want(d) {
			t.Fatalf("%d: %q, want %q", d, span(d), want(d))
		}
	}
	for d := time.Duration(1); d < 100_000; d++ {
		check(d)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 50_000 {
		d := time.Duration(random.Int64N(59950 * int64(time.Millisecond)))
		for digit := time.Duration(10); d > digit; digit *= 10 {
			for _, edge := range []time.Duration{-1, 0, 1} {
				check(d/digit*digit + digit/2 + edge)
			}
		}
		check(d)
	}
	for d, want := range map[time.Duration]string{
		-1: "0 s", 0: "0 s", time.Minute: "1m00s", 65 * time.Second: "1m05s", 59950 * time.Millisecond: "1m00s",
		3*time.Hour + 5*time.Minute: "3h05m", 124 * time.Hour: "5d04h",
	} {
		if got := span(d); got != want {
			t.Errorf("%d: %q, want %q", d, got, want)
		}
	}
	for n, want := range map[int]string{0: "0", 999: "999", -1000: "-1,000", 1002003: "1,002,003"} {
		if got := grouped(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
