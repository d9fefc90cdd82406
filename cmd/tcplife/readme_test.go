package main

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the README's blocks")

// TestREADME runs each command whose output the README shows ("$ tcplife ..." at
// the begin of a block) and compares. go test -update writes it anew.
func TestREADME(t *testing.T) {
	t.Chdir("../..")
	t.Setenv("COLUMNS", "110")
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	const fence, prompt = "```\n", "$ tcplife "
	parts := strings.Split(string(text), fence)
	shown := 0
	for i := 1; i < len(parts); i += 2 { // every second part is inside a block
		command, output, _ := strings.Cut(parts[i], "\n")
		args, ok := strings.CutPrefix(command, prompt)
		if !ok {
			continue
		}
		shown++
		var stdout, stderr bytes.Buffer
		run(t.Context(), strings.Fields(args), strings.NewReader(""), &stdout, &stderr)
		got := stdout.String() + stderr.String()
		if *update {
			parts[i] = command + "\n" + got
		} else if got != output {
			t.Errorf("%s: the README shows something else; go test ./cmd/tcplife -run README -update\ngot:\n%s", command, got)
		}
	}
	if shown < 3 {
		t.Errorf("the README shows the output of %d commands, want those of the demo, of show and of --help", shown)
	}
	if *update {
		if err := os.WriteFile("README.md", []byte(strings.Join(parts, fence)), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}
