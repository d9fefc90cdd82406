package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/internal/script"
	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/tracker"
)

// needsOptions are conversations whose story is told by options, by a checksum, or by what an ICMP error quotes: with those cut
// off, it is another.
var needsOptions = map[string]string{
	"anomaly/checksum-offload/near-sporadic":              "a checksum: the damaged segment seems to be received",
	"anomaly/refused-icmp/shows":                          "what ICMP quotes",
	"anomaly/refused-icmp/by-the-host":                    "what ICMP quotes",
	"anomaly/refused-icmp/ipv6":                           "what ICMP quotes",
	"review/opening/fast-open-closed-before-the-ack-came": "timestamps: which of two segments is echoed",
	"review/opening/fast-open-closed-after-the-ack-came":  "timestamps: which of two segments is echoed",
}

// TestSnapLengths: of every conversation a capture cut to 54 octets and more of a packet, which is Ethernet, IPv4 and TCP
// without options, tells the same story as a whole one.
func TestSnapLengths(t *testing.T) {
	cases := os.DirFS("../../testdata/cases")
	n := 0
	err := fs.WalkDir(cases, ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".txtar" {
			return err
		}
		data, err := fs.ReadFile(cases, path)
		if err != nil {
			return err
		}
		for _, f := range txtar.Parse(data).Files {
			name := strings.TrimSuffix(path, ".txtar") + "/" + strings.TrimSuffix(f.Name, ".tcp")
			c, err := script.Parse(name, string(f.Data))
			if err != nil {
				return err
			}
			n += snapLengths(t, c)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n < 1000 {
		t.Errorf("only %d captures were cut", n)
	}
}

// snapLengths cuts one conversation and returns to how many lengths.
func snapLengths(t *testing.T, c *script.Conversation) (n int) {
	var file bytes.Buffer
	if err := script.WritePcap(&file, c); err != nil {
		t.Fatal(err)
	}
	headers := 54
	if c.Ends[0].Addr().Is6() {
		headers += 20
	}
	if slices.ContainsFunc(c.Lines, func(l script.Line) bool { return l.VLAN != [2]uint16{} }) {
		headers += 8
	}
	whole, _ := story(t, file.Bytes())
	differs := false
	for snap := headers; snap <= max(96, headers); snap += 6 {
		n++
		got, stats := story(t, cutTo(file.Bytes(), snap))
		if differs = differs || got != whole; got != whole && needsOptions[c.Name] == "" {
			t.Errorf("%s cut to %d:\n%swant\n%s", c.Name, snap, got, whole)
			return n
		}
		if cut := stats.Skipped["truncated tcp header"]; cut > 0 {
			t.Errorf("%s cut to %d: %d headers are said to be cut", c.Name, snap, cut)
		}
	}
	if !differs && needsOptions[c.Name] != "" {
		t.Errorf("%s does not need %s", c.Name, needsOptions[c.Name])
	}
	_, stats := story(t, cutTo(file.Bytes(), headers-18))
	if cut := stats.Skipped["truncated tcp header"]; cut+stats.Skipped["ipv4 fragment"] < stats.Packets/2 {
		t.Errorf("%s cut within the TCP header: %v of %d packets", c.Name, stats.Skipped, stats.Packets)
	}
	return n
}

// cutTo is a pcap file as it would be with a snapshot length.
func cutTo(file []byte, snap int) []byte {
	const head, record = 24, 16
	out := slices.Clone(file[:head])
	for rest := file[head:]; len(rest) > 0; {
		n := int(binary.LittleEndian.Uint32(rest[8:]))
		kept := min(n, snap)
		out = append(out, rest[:8]...)
		out = binary.LittleEndian.AppendUint32(out, uint32(kept))
		out = append(append(out, rest[12:record]...), rest[record:record+kept]...)
		rest = rest[record+n:]
	}
	return out
}

// story is what became of the connections of a capture.
func story(t *testing.T, file []byte) (string, capture.Stats) {
	t.Helper()
	opt := capture.DefaultOptions()
	opt.Stdin = bytes.NewReader(file)
	src, err := capture.Open(t.Context(), []string{"-"}, opt)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	tr := tracker.New(tracker.DefaultConfig())
	for batch := make([]segment.Segment, 64); ; {
		n, err := src.Next(batch)
		for i := range batch[:n] {
			tr.Observe(&batch[i])
		}
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	stats := src.Stats()
	tr.Advance(stats.Last)
	for !tr.Flush() {
	}
	var b strings.Builder
	for _, r := range tracker.Collect(tr.Take()) {
		fmt.Fprintf(&b, "#%d opened %s, closed %s by %s, %s\n", r.First.Packet, r.Open, r.Close, r.ClosedBy, r.Phase)
		for _, tn := range r.Transitions {
			fmt.Fprintf(&b, "  #%d %s: %s, %s to %s, %s\n", tn.Packet, tn.Role, tn.Event, tn.From, tn.To, tn.Certainty)
		}
		for role := range r.Endpoints {
			e := &r.Endpoints[role]
			fmt.Fprintf(&b, "  %s: %d packets, %d octets, %d of payload, %d of stream, sent again %d, out of order %d, twice %d, missing %d, windows closed %d\n",
				tracker.Role(role), e.Packets, e.Bytes, e.PayloadBytes, e.StreamBytes, e.RetransmittedBytes, e.OutOfOrderPackets, e.DuplicatePackets, e.MissingBytes, e.ZeroWindows)
		}
	}
	return b.String(), stats
}
