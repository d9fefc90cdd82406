//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Limits that hold for each run over one capture of the corpus.
const (
	corpusTime   = 10 * time.Second
	corpusMemory = 200 << 20 // bytes, peak of the process
)

// captures returns the paths of a corpus: a folder with INDEX.tsv, whose column
// path names captures below it.
func captures(t *testing.T) (root string, paths []string) {
	t.Helper()
	root = os.Getenv("TCPLIFE_CORPUS")
	if root == "" {
		t.Skip("TCPLIFE_CORPUS names no folder with captures and their INDEX.tsv")
	}
	f, err := os.Open(filepath.Join(root, "INDEX.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma, r.LazyQuotes, r.FieldsPerRecord = '\t', true, -1
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) < 2 || rows[0][0] != "path" {
		t.Fatalf("%s: expected a first column path and a row per capture", f.Name())
	}
	for _, row := range rows[1:] {
		paths = append(paths, row[0])
	}
	return root, paths
}

// finished is one run of the program as its user and the system see it.
type finished struct {
	stdout, stderr []byte
	code           int
	took           time.Duration
	memory         int64 // peak, in bytes
}

func runProgram(program string, args ...string) (finished, error) {
	ctx, cancel := context.WithTimeout(context.Background(), corpusTime)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	started := time.Now()
	err := cmd.Run()
	took := time.Since(started)
	if ctx.Err() != nil {
		return finished{}, fmt.Errorf("not done after %v", corpusTime)
	}
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return finished{}, err
	}
	f := finished{stdout: stdout.Bytes(), stderr: stderr.Bytes(), code: cmd.ProcessState.ExitCode(), took: took}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		f.memory = int64(usage.Maxrss) //nolint:unconvert // int32 on other systems
		if runtime.GOOS != "darwin" {  // which alone counts bytes
			f.memory <<= 10
		}
	}
	return f, nil
}

// told is how the program names a capture that it could not read to its end.
var told = regexp.MustCompile(`(?m)^tcplife: (.+)$`)

// check returns what is wrong with how a run ended.
func (f *finished) check(path string) error {
	switch {
	case f.code != exitOK && f.code != exitFailed:
		return fmt.Errorf("exit code %d\n%s", f.code, f.stderr)
	case bytes.Contains(f.stderr, []byte("goroutine ")):
		return fmt.Errorf("panic\n%s", f.stderr)
	case f.memory > corpusMemory:
		return fmt.Errorf("peak of %d MiB of memory", f.memory>>20)
	case f.code == exitOK && len(f.stdout) == 0:
		return errors.New("no report and no error")
	}
	if f.code == exitFailed {
		message := told.FindSubmatch(f.stderr)
		if message == nil || !strings.HasPrefix(string(message[1]), path+": ") && !strings.Contains(string(message[1]), "no connection") {
			return fmt.Errorf("an error that does not begin with the capture's name\n%s", f.stderr)
		}
	}
	return nil
}

// TestProgramOverCorpus runs the program over each capture of a corpus, as
// records, as a table and as the ladder of the worst connection. Each run ends
// in a report or in an error that names the file, within bounds of time and
// memory, and each record obeys the contract. Where the corpus says what tshark
// makes of its streams, the log ends in a table of agreement.
func TestProgramOverCorpus(t *testing.T) {
	root, paths := captures(t)
	program := filepath.Join(t.TempDir(), "tcplife")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	var (
		mu      sync.Mutex
		wg      sync.WaitGroup
		slowest time.Duration
		largest int64
		failed  int
		next    = make(chan string)
	)
	one := func(path string) {
		full := filepath.Join(root, path)
		for _, args := range [][]string{
			{"--format", "json", full},
			{full},
			{"show", full, "--worst", "1"},
		} {
			f, err := runProgram(program, args...)
			if err == nil {
				err = f.check(full)
			}
			if err == nil && args[0] == "--format" {
				_, err = readRecords(f.stdout)
			}
			mu.Lock()
			if err != nil {
				t.Errorf("tcplife %s: %v", strings.Join(args, " "), err)
			}
			slowest, largest = max(slowest, f.took), max(largest, f.memory)
			if args[0] == "--format" {
				if f.code == exitFailed {
					failed++
					t.Logf("%s", bytes.TrimSpace(f.stderr))
				}
			}
			mu.Unlock()
		}
	}
	for range runtime.NumCPU() {
		wg.Go(func() {
			for path := range next {
				one(path)
			}
		})
	}
	for _, path := range paths {
		next <- path
	}
	close(next)
	wg.Wait()
	t.Logf("%d captures, %d of them ended in an error; slowest run %v, largest %d MiB",
		len(paths), failed, slowest.Round(time.Millisecond), largest>>20)
}
