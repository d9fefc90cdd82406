package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.pcap")
	for _, c := range []struct {
		name         string
		args         string
		code         int
		out, message string
	}{
		{"list", "-list", 0, "manyflows ", ""},
		{"to a file", "-packets 500 -o " + file + " mix", 0, "", "mix: 500 packets"},
		{"sized by hand", "-packets 500 -connections 3 -syns 100 -snaplen 60 -seed 9 -o " + file + " flood", 0, "", "100 lone SYNs"},
		{"no preset", "", 2, "", "which preset?"},
		{"unknown preset", "all", 2, "", "no preset all"},
		{"no such folder", "-packets 500 -o " + file + "/x mix", 2, "", "not a directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out, message bytes.Buffer
			if code := run(strings.Fields(c.args), &out, &message); code != c.code {
				t.Errorf("exit code %d, want %d: %s", code, c.code, &message)
			}
			if !strings.Contains(out.String(), c.out) || !strings.Contains(message.String(), c.message) {
				t.Errorf("got %q and %q, want %q and %q in them", &out, &message, c.out, c.message)
			}
		})
	}
	if info, err := os.Stat(file); err != nil || info.Size() == 0 {
		t.Errorf("no capture was written: %v", err)
	}
}
