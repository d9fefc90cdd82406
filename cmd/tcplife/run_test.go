package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/tcplife/tcplife/internal/script"
)

// pcapOf returns a conversation as a capture.
func pcapOf(t *testing.T, conversation string) []byte {
	t.Helper()
	c, err := script.Parse(t.Name(), conversation)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := script.WritePcap(&b, c); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const refused = "Nobody listens.\n0 > S 0:0(0)\n+.020 < R. 0:0(0) ack 1 win 0\n"

// longTalk is a connection that is still open, with so many segments that no
// buffer on the way holds them all.
func longTalk() string {
	var b strings.Builder
	b.WriteString("A long talk.\n0 > S 0:0(0)\n+.01 < S. 0:0(0) ack 1\n+.01 > . 1:1(0) ack 1\n")
	for i := range 500 {
		fmt.Fprintf(&b, "+.001 > P. %d:%d(1000) ack 1\n", 1+i*1000, 1+(i+1)*1000)
	}
	return b.String()
}

// TestInterrupted: what was read so far is reported although the pipe stays open.
func TestInterrupted(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	stdin, w := io.Pipe()
	defer w.Close()
	go func() {
		_, err := w.Write(pcapOf(t, longTalk()))
		if err != nil {
			t.Error(err)
		}
		interrupt()
	}()
	var stdout, stderr bytes.Buffer
	profile := filepath.Join(t.TempDir(), "cpu.prof")
	if code := run(ctx, []string{"--format", "json", "-", "--cpuprofile", profile}, stdin, &stdout, &stderr); code != exitFailed {
		t.Errorf("exit code %d, want %d", code, exitFailed)
	}
	if info, err := os.Stat(profile); err != nil || info.Size() == 0 {
		t.Errorf("the interrupted run left no profile: %v", err)
	}
	if want := "tcplife: interrupted: this is what was read so far\n"; stderr.String() != want {
		t.Errorf("stderr %q, want %q", stderr.String(), want)
	}
	for _, want := range []string{`"open":"full"`, `"interrupted":true`} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("the report lacks %s:\n%s", want, stdout.String())
		}
	}
}

// TestInterruptedAtOnce: nothing was read, so nothing is reported.
func TestInterruptedAtOnce(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	path := filepath.Join(t.TempDir(), "a.pcap")
	if err := os.WriteFile(path, pcapOf(t, refused), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	if code := run(ctx, []string{path}, nil, &stdout, &stderr); code != exitFailed || stdout.Len() > 0 {
		t.Errorf("exit code %d, stdout %q; want %d and none", code, stdout.String(), exitFailed)
	}
	if !strings.Contains(stderr.String(), "interrupted before anything was read") {
		t.Errorf("stderr %q", stderr.String())
	}
}

// closedPipe is a standard output whose reader has gone.
type closedPipe struct{}

func (closedPipe) Write([]byte) (int, error) {
	return 0, &os.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.EPIPE}
}

// TestClosedPipe: | head is no error, in no format and no subcommand.
func TestClosedPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.pcap")
	if err := os.WriteFile(path, pcapOf(t, refused), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{path},
		{"--format", "json", path},
		{"--format", "csv", path},
		{"show", path, "--worst", "1"},
		{"bench", path, "--runs", "1"},
		{"explain", "--list"},
		{"explain", "connection-refused"},
		{"version"},
	} {
		var stderr bytes.Buffer
		if code := run(t.Context(), args, nil, closedPipe{}, &stderr); code != exitOK || stderr.Len() > 0 {
			t.Errorf("tcplife %s: exit code %d, stderr %q; want %d and none", strings.Join(args, " "), code, stderr.String(), exitOK)
		}
	}
}
