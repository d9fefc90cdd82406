package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
)

// The exit codes, part of the public contract.
const (
	exitOK       = 0 // done
	exitFindings = 1 // findings at or above the severity of --fail-on
	exitFailed   = 2 // the tool could not do (all of) its work
)

// streams are where a command reads and writes: results to out, all else to err.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// say writes one message as every message looks: the program's name, then lower
// case, without a full stop.
func (s streams) say(format string, args ...any) {
	// Nobody is left to be told if standard error is gone.
	_, _ = fmt.Fprintf(s.err, "tcplife: %s\n", fmt.Sprintf(format, args...))
}

// errFindings ends a run with exitFindings; the report has said what was found.
var errFindings = errors.New("findings at or above --fail-on")

// errReported ends a run with exitFailed when the messages were written already.
var errReported = errors.New("reported")

// run is the program: it returns the exit code of its process.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	std := streams{in: stdin, out: stdout, err: stderr}
	root := newRoot(std)
	var prof profiles
	prof.add(root)
	root.SetArgs(args)
	code := std.exitCode(ctx, root.ExecuteContext(ctx))
	if err := prof.stop(); err != nil {
		return std.exitCode(ctx, err)
	}
	return code
}

// exitCode says what there is to say of how a command ended.
func (s streams) exitCode(ctx context.Context, err error) int {
	switch {
	case err == nil, errors.Is(err, syscall.EPIPE):
		// Whoever closed the pipe has what they wanted.
		return exitOK
	case errors.Is(err, errFindings):
		return exitFindings
	case errors.Is(err, errReported):
		return exitFailed
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		s.say("interrupted before anything was read")
		return exitFailed
	default:
		for line := range strings.SplitSeq(err.Error(), "\n") {
			s.say("%s", line)
		}
		return exitFailed
	}
}
