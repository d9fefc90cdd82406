//go:build linux

// Command kernellab makes captures of real kernels, root only:
//
//	go run ./internal/kernellab/cmd/kernellab demo -o testdata/pcap/demo.pcapng
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"

	"github.com/tcplife/tcplife/internal/kernellab"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "kernellab:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("what to do is missing: demo")
	}
	set := flag.NewFlagSet(args[0], flag.ContinueOnError)
	switch args[0] {
	case "demo":
		out := set.String("o", "testdata/pcap/demo.pcapng", "file to write")
		seed := set.Uint64("seed", 1, "seed of the programs' pauses")
		if err := set.Parse(args[1:]); err != nil {
			return err
		}
		var capture bytes.Buffer
		if err := kernellab.Demo(&capture, *seed); err != nil {
			return err
		}
		return os.WriteFile(*out, capture.Bytes(), 0o644)
	default:
		return fmt.Errorf("unknown command %q", args[0])
	}
}
