//go:build linux

// Command kernellab plays stories between real kernels and writes captures of
// them. It needs root.
//
//	kernellab demo -o testdata/pcap/demo.pcapng     the capture of make demo
//	kernellab run -o DIR [-seed N] [-only a,b]      the scenarios, with the kernels' account
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/tcplife/tcplife/internal/kernellab"
)

func main() {
	err := run(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "kernellab:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return errors.New("what to do is missing: demo or run")
	}
	set := flag.NewFlagSet(args[0], flag.ContinueOnError)
	seed := set.Uint64("seed", 1, "seed of everything that is drawn")
	switch args[0] {
	case "demo":
		out := set.String("o", "testdata/pcap/demo.pcapng", "file to write")
		if err := set.Parse(args[1:]); err != nil {
			return err
		}
		var capture bytes.Buffer
		if err := kernellab.Demo(&capture, *seed); err != nil {
			return err
		}
		return os.WriteFile(*out, capture.Bytes(), 0o644)
	case "run":
		out := set.String("o", "", "folder to write")
		only := set.String("only", "", "names of scenarios, with commas between")
		snaplen := set.Int("snaplen", 1<<16, "octets kept of each packet")
		connections := set.Int("connections", 60, "random connections in each scenario of those")
		if err := set.Parse(args[1:]); err != nil {
			return err
		}
		if *out == "" {
			return errors.New("where to write is missing: -o DIR")
		}
		return scenarios(*out, *only, kernellab.Options{Seed: *seed, Snaplen: *snaplen, Connections: *connections})
	default:
		return fmt.Errorf("unknown command %q, want demo or run", args[0])
	}
}

func scenarios(dir, only string, o kernellab.Options) error {
	chosen := kernellab.Scenarios
	if only != "" {
		names := strings.Split(only, ",")
		chosen = nil
		for _, s := range kernellab.Scenarios {
			if i := slices.Index(names, s.Name); i >= 0 {
				chosen = append(chosen, s)
				names = slices.Delete(names, i, i+1)
			}
		}
		if len(names) > 0 {
			return fmt.Errorf("no scenario %s", strings.Join(names, ", "))
		}
	}
	results, err := kernellab.Run(chosen, o)
	if err != nil {
		return err
	}
	return kernellab.Write(dir, results)
}
