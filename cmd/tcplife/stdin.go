package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"golang.org/x/term"
)

// pipedStdin is what capture may read from standard input, nil if paths do not
// ask for it.
func pipedStdin(ctx context.Context, std streams, paths []string) (io.Reader, error) {
	if !slices.Contains(paths, stdinName) {
		return nil, nil
	}
	if f, ok := std.in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return nil, errors.New("standard input is a terminal; - reads a capture from a pipe: tcpdump -w - | tcplife -")
	}
	return interruptible(ctx, std.in), nil
}

// interruptible returns in as a reader that ends with ctx: a read that waits for a pipe
// which stays open cannot be called off otherwise, and the report of what was
// read would never come.
func interruptible(ctx context.Context, in io.Reader) io.Reader {
	r, w := io.Pipe()
	context.AfterFunc(ctx, func() { w.CloseWithError(ctx.Err()) })
	go func() {
		_, err := io.Copy(w, in)
		w.CloseWithError(err) // nil is io.EOF to the reader
	}()
	return r
}

// spool keeps standard input in a temporary file, so that it can be read twice. drop
// gives the file back.
func spool(ctx context.Context, in io.Reader) (f *os.File, drop func(), err error) {
	f, err = os.CreateTemp("", "tcplife-*.stdin")
	if err != nil {
		return nil, nil, fmt.Errorf("keep standard input for a second pass: %w", err)
	}
	drop = func() {
		_ = f.Close() // it was only read since
		_ = os.Remove(f.Name())
	}
	if _, err := io.Copy(f, in); err != nil && ctx.Err() == nil {
		drop()
		return nil, nil, fmt.Errorf("keep standard input for a second pass: %w", err)
	}
	return f, drop, nil
}
