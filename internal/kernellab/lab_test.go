//go:build linux

package kernellab_test

import (
	"os"
	"testing"

	"github.com/tcplife/tcplife/internal/kernellab"
)

// TestLab lets real kernels play every scenario and scores what the tracker makes
// of the captures. It takes a bit over a minute, so it runs when asked for: make
// kernel-test sets the variable.
func TestLab(t *testing.T) {
	if os.Getenv("TCPLIFE_KERNEL_LAB") == "" {
		t.Skip("not asked for: make kernel-test runs it")
	}
	if err := kernellab.Ready(); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	results, err := kernellab.Run(kernellab.Scenarios, kernellab.Options{Seed: 7, Snaplen: 1 << 16, Connections: 120})
	if err != nil {
		t.Fatal(err)
	}
	if err := kernellab.Write(dir, results); err != nil {
		t.Fatal(err)
	}
	// Every run plays other connections, and some of them hide more than others.
	const luck = 2
	hold(t, scoreFolder(t, dir), luck)
}
