// Command tcplife reads packet captures and tells how each TCP connection in
// them lived and died.
package main

//go:generate go test -run ^TestREADME$ -update .

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// main is the process: its signals, its streams and its exit code. The program is run.
func main() {
	os.Exit(process())
}

func process() int {
	// A reader that went away (| head) is an error of the write, not the death of the process.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal asks for what was read so far; the second kills as ever.
	context.AfterFunc(ctx, stop)
	return run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
}
