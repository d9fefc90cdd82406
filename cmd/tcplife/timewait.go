package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tcplife/tcplife/tracker"
)

// timeWait is the flag --time-wait: a profile's name or a duration.
type timeWait struct {
	text     string
	duration time.Duration
}

func timeWaitNames() []string { return slices.Sorted(maps.Keys(tracker.Profiles)) }

func (t *timeWait) String() string { return t.text }

// Type is the placeholder in the help.
func (t *timeWait) Type() string { return "time" }

// Set takes a profile's name, or a duration such as 90s.
func (t *timeWait) Set(s string) error {
	if d, ok := tracker.Profiles[s]; ok {
		t.text, t.duration = s, d
		return nil
	}
	d, err := time.ParseDuration(s)
	switch {
	case err != nil && nearest(s, timeWaitNames()) != "":
		return notOneOf(s, timeWaitNames())
	case err != nil:
		return fmt.Errorf("a duration such as 90s, or one of %s", strings.Join(timeWaitNames(), ", "))
	case d < 0:
		return errors.New("cannot be negative")
	}
	t.text, t.duration = s, d
	return nil
}
