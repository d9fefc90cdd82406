package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tcplife/tcplife/bench/traffic"
)

// BenchmarkWhole is the program as users run it, but for its start: a capture read, followed, judged and
// written as JSON, on one core and on two.
func BenchmarkWhole(b *testing.B) {
	const packets = 200_000
	for _, spec := range traffic.Presets() {
		path := filepath.Join(b.TempDir(), spec.Name+".pcap")
		f, err := os.Create(path)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := traffic.Write(f, spec.Sized(packets)); err != nil {
			b.Fatal(err)
		}
		if err := f.Close(); err != nil {
			b.Fatal(err)
		}
		for _, jobs := range []string{"1", "2"} {
			b.Run(fmt.Sprintf("%s/jobs=%s", spec.Name, jobs), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if code := run(b.Context(), []string{"-q", "-j", jobs, "--format", "json", path}, strings.NewReader(""), io.Discard, os.Stderr); code != exitOK {
						b.Fatalf("exit code %d", code)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*packets), "ns/packet")
			})
		}
	}
}
