package main

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/pprof"

	"github.com/spf13/cobra"
)

// profiles are what go tool pprof can be shown of a run, for who finds it slow or large. They
// appear under their names at its end, whatever the end is: an interruption or an error too.
type profiles struct {
	cpuPath, memPath string
	cpu, mem         *output // nil = not asked for
}

// add gives the flags to every command below root.
func (p *profiles) add(root *cobra.Command) {
	f := root.PersistentFlags()
	f.SortFlags = false
	f.StringVar(&p.cpuPath, "cpuprofile", "", "write to this `file` where the time went, for go tool pprof")
	f.StringVar(&p.memPath, "memprofile", "", "write to this `file` where memory was allocated, for go tool pprof")
	root.PersistentPreRunE = func(*cobra.Command, []string) error { return p.start() }
}

// start opens the files, so that a wrong name is told before the work, and begins to measure.
func (p *profiles) start() error {
	err := p.open()
	if err == nil && p.cpu != nil {
		err = pprof.StartCPUProfile(p.cpu)
	}
	if err != nil {
		p.discard()
	}
	return err
}

func (p *profiles) open() (err error) {
	if p.cpuPath != "" && p.cpuPath == p.memPath {
		return fmt.Errorf("--cpuprofile and --memprofile: both are to write to %s", p.cpuPath)
	}
	if p.cpu, err = openProfile("--cpuprofile", p.cpuPath); err != nil {
		return err
	}
	p.mem, err = openProfile("--memprofile", p.memPath)
	return err
}

func (p *profiles) discard() {
	for _, out := range []*output{p.cpu, p.mem} {
		if out != nil {
			out.Discard()
		}
	}
	p.cpu, p.mem = nil, nil
}

func openProfile(flag, path string) (*output, error) {
	switch path {
	case "":
		return nil, nil
	case stdinName:
		return nil, fmt.Errorf("%s: a file, for standard output is for the results", flag)
	}
	out, err := openOutput(path, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	return out, nil
}

// stop ends the measurement and gives the files their names.
func (p *profiles) stop() error {
	var errs []error
	if p.cpu != nil {
		pprof.StopCPUProfile()
		errs = append(errs, p.cpu.Commit())
	}
	if p.mem != nil {
		runtime.GC() // what was allocated last shows only after it
		if err := pprof.Lookup("allocs").WriteTo(p.mem, 0); err != nil {
			p.mem.Discard()
			errs = append(errs, writeError(p.memPath, err))
		} else {
			errs = append(errs, p.mem.Commit())
		}
	}
	return errors.Join(errs...)
}
