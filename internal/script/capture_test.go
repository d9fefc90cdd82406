package script_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/internal/script"
	"github.com/tcplife/tcplife/internal/segment"
)

// TestCaptureReadsBack holds that the two ways out of a conversation are one: what
// capture reads from its file are its segments.
func TestCaptureReadsBack(t *testing.T) {
	for name, text := range conversations(t) {
		c, err := script.Parse(name, text)
		if err != nil {
			t.Error(err)
			continue
		}
		want, got := c.Segments(), readBack(t, c)
		if len(got) != len(want) {
			t.Errorf("%s: %d segments in the file, want %d", name, len(got), len(want))
			continue
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%s: segment %d\n read %+v\n want %+v", name, i+1, got[i], want[i])
			}
		}
	}
}

// conversations are all cases, and one with everything that a line can say.
func conversations(t *testing.T) map[string]string {
	t.Helper()
	const everything = `
0  > SEW 0:0(0) win 1000 <mss 1460,sackOK,TS val 7 ecr 0,nop,wscale 7,fastopen 01020304,mptcp> ttl 3 vlan 12,7
1  < S.A 0:0(0) ack 1 id 77 vlan 12 <mss 1460,eol>
2  > . 1:1(0) ack 1 lost
3  > FPU. 1:11(10) ack 11 <sack 21:31 41:51> bad-checksum
4  < - 1:1(0) <md5,malformed,mss 1> partial-checksum
5  > S 0:0(0) <mss 1460,nop,wscale 7> cut 5
6  > P. 1:1461(1460) ack 1 cut 0 id 0
7  > S 0:0(0) <mss 1460> icmp 3/1
8  < P. 1:101(100) ack 1 icmp 4/0 vlan 12
6  > P. 1:1461(1460) ack 1 fragments 3 vlan 8
7  > .  1461:2922(1461) ack 1 fragments 64 id 9
7  < .  11:12(1) ack 1 fragments 3 bad-checksum
--- isn +1000 +1000
5  > R 0:0(0)
6  > . -5:-4(1) ack 5 of 1
end 10s
`
	all := map[string]string{
		"everything over IPv4": "Everything.\n" + everything,
		"everything over IPv6": "Everything.\nipv6\n" + everything,
	}
	err := filepath.WalkDir("../../testdata/cases", func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".txtar" {
			return err
		}
		data, err := os.ReadFile(path)
		for _, f := range txtar.Parse(data).Files {
			all[path+"/"+f.Name] = string(f.Data)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func readBack(t *testing.T, c *script.Conversation) []segment.Segment {
	t.Helper()
	path := filepath.Join(t.TempDir(), "case.pcap")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(script.WritePcap(f, c), f.Close()); err != nil {
		t.Fatal(err)
	}
	src, err := capture.Open(context.Background(), []string{path}, capture.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	segs := make([]segment.Segment, len(c.Lines)+1)
	n, err := src.Next(segs)
	if err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return segs[:n]
}
