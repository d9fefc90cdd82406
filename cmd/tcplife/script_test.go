package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/internal/script"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"tcplife": main,
	})
}

// TestScripts runs testdata/script/*.txtar: the program as its users see it.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "../../testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("COLUMNS", "120")
			pcap, err := filepath.Abs("../../testdata/pcap")
			env.Setenv("PCAP", pcap)
			return err
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "root":
				return os.Geteuid() == 0, nil
			case "libpcap":
				return capture.HaveLibpcap, nil
			case "pty":
				f, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
				if err != nil {
					return false, nil // some containers have none
				}
				return true, f.Close()
			default:
				return false, errors.New("unknown condition")
			}
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"mkpcap": makePcap,
			"cut":    cutFile,
			"exits":  exits,
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

// makePcap is "mkpcap FILE.pcap CONVERSATION": writes a conversation, in the
// language of internal/script, as a capture.
func makePcap(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mkpcap FILE.pcap CONVERSATION")
	}
	c, err := script.Parse(args[1], ts.ReadFile(args[1]))
	ts.Check(err)
	var b bytes.Buffer
	ts.Check(script.WritePcap(&b, c))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b.Bytes(), 0o666))
}

// cutFile is "cut FILE N": keeps the first N octets of a file, or all but the last -N.
func cutFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: cut FILE OCTETS")
	}
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	path := ts.MkAbs(args[0])
	info, err := os.Stat(path)
	ts.Check(err)
	if n < 0 {
		n += info.Size()
	}
	ts.Check(os.Truncate(path, n))
}

// exits is "exits CODE COMMAND...": runs a command that must end with just that code. Its output is for stdout and stderr, as after exec.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}
