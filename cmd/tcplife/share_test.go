package main

import (
	"bytes"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// TestJobs: the output is the same, octet for octet, on any number of cores.
func TestJobs(t *testing.T) {
	of := func(t *testing.T, jobs int, args ...string) string {
		t.Helper()
		var out, msg bytes.Buffer
		args = append([]string{"--quiet", "--jobs", strconv.Itoa(jobs), "../../testdata/pcap/demo.pcapng", "../../testdata/pcap/kernel"}, args...)
		if code := run(t.Context(), args, strings.NewReader(""), &out, &msg); code != exitOK || msg.Len() > 0 {
			t.Fatalf("tcplife %q: exit code %d, %s", args, code, &msg)
		}
		return out.String()
	}
	for _, format := range []string{"json", "csv", "table", "markdown"} {
		t.Run(format, func(t *testing.T) {
			want := of(t, 1, "--format", format)
			for _, jobs := range []int{2, 3, 8} {
				if got := of(t, jobs, "--format", format); got != want {
					t.Errorf("other output with %d jobs than with one", jobs)
				}
			}
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
			for _, jobs := range []int{0, 3} {
				if got := of(t, jobs, "--format", format); got != want {
					t.Errorf("other output with %d jobs on one core", jobs)
				}
			}
		})
	}
}
