package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestStatic builds the program without cgo, as `make static` does, and runs it.
func TestStatic(t *testing.T) {
	dir := t.TempDir()
	exe := filepath.Join(dir, "tcplife.exe")
	build := exec.Command("go", "build", "-o", exe, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("CGO_ENABLED=0 go build: %v\n%s", err, out)
	}
	capture := filepath.Join(dir, "a.pcap")
	if err := os.WriteFile(capture, pcapOf(t, refused), 0o600); err != nil {
		t.Fatal(err)
	}

	out, err := exec.Command(exe, "--format", "json", capture).Output()
	if err != nil || !strings.Contains(string(out), `"close":"refused"`) {
		t.Errorf("on a capture: %v\n%s", err, out)
	}
	out, err = exec.Command(exe, "version").Output()
	if err != nil || !strings.Contains(string(out), "static, without libpcap") {
		t.Errorf("version: %v\n%s", err, out)
	}
	out, err = exec.Command(exe, "--filter", "port 80", capture).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "without libpcap") {
		t.Errorf("--filter: %v\n%s\nwant it to say that libpcap is missing", err, out)
	}
}
