//go:build linux

package kernellab

import "slices"

// Scenarios are the lab's stories: how connections open, how they close, how they
// are reset or called unreachable, what happens to data on the way, and many at random.
var Scenarios = slices.Concat(opening, closing, resetting, unreached, carrying, random)
