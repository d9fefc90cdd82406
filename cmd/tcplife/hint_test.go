package main

import "testing"

func TestNearest(t *testing.T) {
	names := []string{"format", "filter", "fail-on", "color", "no-color", "show", "all", "time-wait"}
	for typed, want := range map[string]string{
		"formt":      "format",
		"fromat":     "format", // neighbours swapped
		"fitler":     "filter",
		"colour":     "color",
		"shwo":       "show",
		"time":       "time-wait", // the beginning of just one
		"f":          "",          // of several
		"frobnicate": "",
		"":           "",
		"ring":       "",
	} {
		if got := nearest(typed, names); got != want {
			t.Errorf("nearest(%q) = %q, want %q", typed, got, want)
		}
	}
}

// TestNearestSlug: a mistyped finding is found in the whole catalogue.
func TestNearestSlug(t *testing.T) {
	for typed, want := range map[string]string{
		"rst-late-data":              "rst-late-data",
		"rst-late-dta":               "rst-late-data",
		"rst-latedata":               "rst-late-data",
		"syn-unansweredd":            "syn-unanswered",
		"tw-resue":                   "tw-reuse",
		"xyz":                        "",
		"completely-different-words": "",
	} {
		if got := nearest(typed, slugs()); got != want {
			t.Errorf("nearest(%q) = %q, want %q", typed, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "abc", 3},
		{"abc", "abc", 0},
		{"abc", "acb", 1},
		{"abc", "abcd", 1},
		{"abc", "xbc", 1},
		{"kitten", "sitting", 3},
	} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
		if got := distance(c.b, c.a); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.b, c.a, got, c.want)
		}
	}
}
