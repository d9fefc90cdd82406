// Command gen makes the captures that benchmarks run over.
//
//	go run ./bench/gen -list
//	go run ./bench/gen -o mix.pcap mix
//	go run ./bench/gen -packets 100000 -seed 7 -o small.pcap headers
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/tcplife/tcplife/bench/traffic"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	err := generate(args, stdout, stderr)
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return 0
	}
	fmt.Fprintf(stderr, "gen: %v\n", err)
	return 2
}

func generate(args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("gen", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprintln(stderr, "usage: gen [flags] PRESET")
		flags.PrintDefaults()
	}
	var (
		list        = flags.Bool("list", false, "list the presets")
		out         = flags.String("o", "-", "the capture's `file`; - is standard output")
		packets     = flags.Int("packets", 0, "how many packets; connections and SYNs shrink or grow with them")
		connections = flags.Int("connections", 0, "how many connections are open at a time")
		syns        = flags.Int("syns", 0, "how many of the packets are lone SYNs")
		snaplen     = flags.Int("snaplen", 0, "how much of a packet is captured")
		seed        = flags.Uint64("seed", 1, "the same seed gives the same bytes")
	)
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *list {
		for _, s := range traffic.Presets() {
			fmt.Fprintf(stdout, "%-10s %10d packets, snaplen %6d: %s\n", s.Name, s.Packets, s.Snaplen, s.About)
		}
		return nil
	}
	if flags.NArg() != 1 {
		return errors.New("which preset? gen -list names them")
	}
	spec, ok := traffic.Preset(flags.Arg(0))
	if !ok {
		return fmt.Errorf("no preset %s; gen -list names them", flags.Arg(0))
	}
	if *packets > 0 {
		spec = spec.Sized(*packets)
	}
	for _, f := range []struct {
		to *int
		n  int
	}{{&spec.Connections, *connections}, {&spec.Syns, *syns}, {&spec.Snaplen, *snaplen}} {
		if f.n > 0 {
			*f.to = f.n
		}
	}
	spec.Seed = *seed
	return write(spec, *out, stdout, stderr)
}

func write(spec traffic.Spec, path string, stdout, stderr io.Writer) (err error) {
	if path != "-" {
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		// What the disk has no room for may show only now.
		defer func() { err = errors.Join(err, f.Close()) }()
		stdout = f
	}
	n, err := traffic.Write(stdout, spec)
	if err != nil {
		return err
	}
	fmt.Fprintf(stderr, "%s: %d packets of %d bytes on average, %d connections (%d open at the end), %d lone SYNs\n",
		spec.Name, n.Packets, n.Octets/int64(max(n.Packets, 1)), n.Connections, n.Open, n.Syns)
	return nil
}
