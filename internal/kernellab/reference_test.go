package kernellab_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestReference prints what the tracker makes of a folder of captures with their kernels' own account that
// lies elsewhere, a subfolder a set: how many transitions of each grade are wrong, and how well a host's own
// capture tells its own path. It judges nothing: those captures are not the project's.
func TestReference(t *testing.T) {
	dir := os.Getenv("TCPLIFE_KERNEL_TRUTH")
	if dir == "" {
		t.Skip("TCPLIFE_KERNEL_TRUTH names no folder of captures with truth")
	}
	sets, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, set := range sets {
		s := scoreFolder(t, filepath.Join(dir, set.Name()))
		for _, group := range slices.Sorted(maps.Keys(s.everywhere)) {
			t.Logf("%s, %s\n%v", set.Name(), group, s.everywhere[group])
		}
		t.Logf("%s: a host's own path in its own capture: %d of %d exact; time error median %.0f µs, p99 %.0f µs",
			set.Name(), s.own.Exact, s.own.Endpoints, s.own.TimeError(0.5)*1e6, s.own.TimeError(0.99)*1e6)
	}
}
