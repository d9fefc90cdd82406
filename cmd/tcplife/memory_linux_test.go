package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/tcplife/tcplife/internal/segment"
)

// crowd writes a capture of many connections that pass the same steps, those at a time that fit into a batch.
type crowd struct {
	name  string
	n     int
	jobs  []string // on how many cores
	steps []crowdStep
}

type crowdStep struct {
	answer   bool // the server sends it
	flags    segment.Flags
	seq, ack uint32
	payload  uint16
}

var (
	opening = []crowdStep{{flags: segment.SYN}, {answer: true, flags: segment.SYN | segment.ACK, ack: 1}, {flags: segment.ACK, seq: 1, ack: 1}}
	finish  = []crowdStep{
		{flags: segment.FIN | segment.ACK, seq: 1, ack: 1}, {answer: true, flags: segment.FIN | segment.ACK, seq: 1, ack: 2}, {flags: segment.ACK, seq: 2, ack: 2},
	}
	// Every other octet is missing and none is acknowledged.
	holes = func() (steps []crowdStep) {
		for i := range uint32(16) {
			steps = append(steps, crowdStep{flags: segment.ACK, seq: 2 + 2*i, ack: 1, payload: 1})
		}
		return steps
	}()
	crowds = []crowd{
		{"attempts", 1_200_000, []string{"1", "2"}, opening[:1]},
		{"half open", 400_000, []string{"1"}, opening[:2]},
		{"open", 400_000, []string{"1", "2"}, opening},
		{"closed", 200_000, []string{"1"}, append(opening[:3:3], finish...)},
		{"reset", 100_000, []string{"1"}, append(opening[:3:3], crowdStep{answer: true, flags: segment.RST, seq: 1})},
		{"open with losses", 40_000, []string{"1"}, append(opening[:3:3], holes...)},
		{"joined late", 300_000, []string{"1", "2"}, []crowdStep{{flags: segment.ACK, seq: 1, ack: 1, payload: 10}}},
	}
)

func (c *crowd) writeTo(w io.Writer) error {
	const (
		together = 100
		link     = 101 // raw IP
		headers  = 40
	)
	le, be := binary.LittleEndian, binary.BigEndian
	header := []uint32{0xa1b2c3d4, 4<<16 | 2, 0, 0, 64, link}
	if err := binary.Write(w, le, header); err != nil {
		return err
	}
	at := uint64(1_700_000_000_000_000) // microseconds
	var b [16 + headers]byte
	for begin := 0; begin < c.n; begin += together {
		for _, s := range c.steps {
			for i := begin; i < begin+together; i++ {
				at++
				le.PutUint32(b[0:], uint32(at/1e6))
				le.PutUint32(b[4:], uint32(at%1e6))
				le.PutUint32(b[8:], headers)
				le.PutUint32(b[12:], headers+uint32(s.payload))
				p := b[16:]
				clear(p)
				p[0], p[8], p[9], p[4], p[5] = 0x45, 64, 6, byte(at>>8), byte(at)
				be.PutUint16(p[2:], headers+s.payload)
				client, server := p[12:16], p[16:20]
				from, to := p[20:22], p[22:24]
				if s.answer {
					client, server, from, to = server, client, to, from
				}
				be.PutUint32(client, 10<<24|uint32(i>>14))
				be.PutUint16(from, uint16(1024+i&(1<<14-1)))
				be.PutUint32(server, 10<<24|99<<16)
				be.PutUint16(to, 80)
				be.PutUint32(p[24:], s.seq)
				be.PutUint32(p[28:], s.ack)
				p[32], p[33], p[34] = 5<<4, byte(s.flags), 0xff
				be.PutUint16(p[36:], checksum(p))
				if _, err := w.Write(b[:]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// checksum is that of the TCP header behind an IPv4 header without options, and of no payload.
func checksum(p []byte) uint16 {
	sum := uint32(6 + 20) // protocol and length
	for i := 12; i < 40; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(p[i:]))
	}
	sum = sum>>16 + sum&0xffff
	return ^uint16(sum>>16 + sum)
}

// TestMaxMemoryHolds: what the kernel counts as resident of the process stays below the figure, whatever connections there are many of.
func TestMaxMemoryHolds(t *testing.T) {
	if testing.Short() || testing.CoverMode() != "" || isRace() {
		t.Skip("coverage and race detector take memory of their own")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	tcplife := filepath.Join(t.TempDir(), "tcplife") // by this name the test is the program, see TestMain
	if err := os.Symlink(self, tcplife); err != nil {
		t.Fatal(err)
	}
	const figure = 100_000_000
	for _, c := range crowds {
		for _, jobs := range c.jobs {
			t.Run(c.name+" on "+jobs, func(t *testing.T) {
				out, resident := watched(t, &c, exec.Command(tcplife, "-", "--max-memory", "100MB", "--jobs", jobs, "--limit", "3"))
				t.Logf("%d MB resident", resident/1e6)
				if resident > figure {
					t.Errorf("%d octets were resident, %d are allowed", resident, figure)
				}
				for _, want := range []string{"table-evicted", "left early", "--max-memory"} {
					if !strings.Contains(out, want) {
						t.Errorf("the output does not say %q:\n%s", want, out)
					}
				}
			})
		}
	}
}

// watched runs a command that reads a crowd, and returns what it printed and how much of it was resident at most. The kernel's own
// account of a child that ended begins with what its parent took.
func watched(t *testing.T, c *crowd, cmd *exec.Cmd) (out string, resident int64) {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var printed bytes.Buffer
	cmd.Stdout, cmd.Stderr = &printed, &printed
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		w := bufio.NewWriterSize(in, 1<<20)
		_ = c.writeTo(w) // whoever reads less says why
		_ = w.Flush()
		_ = in.Close()
	}()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	status := fmt.Sprintf("/proc/%d/status", cmd.Process.Pid)
	for {
		select {
		case err := <-ended:
			if err != nil {
				t.Fatalf("%v\n%s", err, &printed)
			}
			return printed.String(), resident
		case <-time.After(2 * time.Millisecond):
			text, _ := os.ReadFile(status) // it has gone when the process has
			_, peak, _ := strings.Cut(string(text), "VmHWM:")
			var kB int64
			if _, err := fmt.Sscanf(peak, "%d kB", &kB); err == nil {
				resident = max(resident, kB<<10)
			}
		}
	}
}

// isRace reports whether the race detector is built in.
func isRace() bool {
	info, _ := debug.ReadBuildInfo()
	for _, s := range info.Settings {
		if s.Key == "-race" && s.Value == "true" {
			return true
		}
	}
	return false
}
