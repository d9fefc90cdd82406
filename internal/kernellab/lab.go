//go:build linux

// Package kernellab lets real kernels talk TCP over a wire of its own and writes
// down what they did: captures at three points, and the state of both ends at
// every moment from the kernel's own tracepoints. It is what tcplife's answers
// are checked against. It needs root and Linux, and no other program.
package kernellab

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/tcplife/tcplife/internal/kernellab/truth"
)

// Scenario is one story played by two hosts.
type Scenario struct {
	Name  string
	About string            // what it shows, one sentence
	Point string            // where the primary capture is: client, mid or server; mid if empty
	Half  time.Duration     // delay of half the wire; 2 ms if zero
	Set   map[string]string // sysctls of both hosts, names under /proc/sys/net
	Whole bool              // its captures need the payload, whatever the snapshot length
	Play  func(n *Net)
}

// Points are the places of the captures.
var Points = []string{"client", "mid", "server"}

// Result is what a scenario left: its document and the captures it names.
type Result struct {
	Document *truth.Document
	Captures map[string][]byte // file name -> pcap
}

// atOnce is how many scenarios run side by side: they mostly wait.
const atOnce = 8

// settling is how long the kernel takes to act on the last packet.
const settling = 150 * time.Millisecond

// Options say how the scenarios are played.
type Options struct {
	Seed        uint64 // of everything that is drawn
	Snaplen     int    // octets kept of each packet
	Connections int    // random connections in each scenario of those
}

// Ready returns why the lab cannot run here, nil if it can.
func Ready() error {
	if os.Geteuid() != 0 {
		return errors.New("the kernel lab needs root for network namespaces and tracing")
	}
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		return fmt.Errorf("the kernel lab needs TAP devices: %w", err)
	}
	t, err := startTracer()
	if err != nil {
		return fmt.Errorf("the kernel lab needs tracefs: %w", err)
	}
	_, err = t.finish()
	return err
}

// Run plays the scenarios and returns a result for each, in their order.
func Run(scenarios []Scenario, o Options) ([]Result, error) {
	trace, err := startTracer()
	if err != nil {
		return nil, err
	}
	runs := make([]*run, len(scenarios))
	errs := make([]error, len(scenarios))
	slots := make(chan struct{}, atOnce)
	var wait sync.WaitGroup
	for i, s := range scenarios {
		wait.Add(1)
		slots <- struct{}{}
		go func() {
			defer wait.Done()
			defer func() { <-slots }()
			r, err := play(s, byte(i+1), o)
			if err != nil {
				errs[i] = fmt.Errorf("scenario %s: %w", s.Name, err)
			}
			runs[i] = r
		}()
	}
	wait.Wait()
	time.Sleep(settling)
	events, err := trace.finish()
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}

	packets := packetIndex{}
	for _, r := range runs {
		packets.add(r.points["client"])
		packets.add(r.points["server"])
	}
	lives, requests := testify(events)
	lives = append(lives, adopt(requests, lives, packets)...)
	bySubnet := map[byte][]*incarnation{}
	for _, c := range incarnations(lives) {
		if subnet, ok := subnetOf(c.client.Addr()); ok {
			bySubnet[subnet] = append(bySubnet[subnet], c)
		}
	}
	var results []Result
	for i, r := range runs {
		result, err := r.result(bySubnet[byte(i+1)], packets, o.Snaplen)
		if err != nil {
			return nil, fmt.Errorf("scenario %s: %w", r.scenario.Name, err)
		}
		results = append(results, result)
	}
	return results, nil
}

// subnetOf returns which scenario's network an address belongs to.
func subnetOf(a netip.Addr) (byte, bool) {
	if a.Is4() {
		b := a.As4()
		return b[2], b[0] == 10 && b[1] == 77
	}
	b := a.As16()
	return b[3], b[0] == 0xfd && b[1] == 0x77
}

// run is a scenario that was played.
type run struct {
	scenario   Scenario
	seed       uint64
	from, till int64 // when the captures ran
	points     map[string][]captured
	primary    primary
}

// primary is how the primary capture differs from the complete one of its point.
type primary struct {
	from, till int64                // 0: the whole time
	keep       func(p *Packet) bool // nil: every packet
}

func play(s Scenario, subnet byte, o Options) (*run, error) {
	half := s.Half
	if half == 0 {
		half = 2 * time.Millisecond
	}
	r := &run{scenario: s, seed: o.Seed, from: time.Now().UnixNano()}
	n, err := newNet(subnet, half, s.Set)
	if err != nil {
		return nil, err
	}
	n.Seed, n.Connections = o.Seed, o.Connections
	s.Play(n)
	time.Sleep(4*half + settling)
	r.till = time.Now().UnixNano()
	r.points = map[string][]captured{
		"client": n.Client.seen.until(r.till),
		"mid":    n.Wire.mid.until(r.till),
		"server": n.Server.seen.until(r.till),
	}
	r.primary = n.primary
	n.shut()
	if drops := n.Client.seen.drops + n.Server.seen.drops; drops > 0 {
		n.check(fmt.Errorf("%d packets", drops), "the capture at a host dropped")
	}
	return r, n.failure()
}

// result writes the captures and the document.
func (r *run) result(connections []*incarnation, packets packetIndex, snaplen int) (Result, error) {
	base := fmt.Sprintf("%s-%d", r.scenario.Name, r.seed)
	point := r.scenario.Point
	if point == "" {
		point = "mid"
	}
	d := &truth.Document{
		Version: truth.Version, Scenario: r.scenario.Name, Seed: r.seed, About: r.scenario.About,
		Capture: base + ".pcap", CapturePoint: point, Captures: map[string]string{},
		PointsWindow: [2]float64{seconds(r.from), seconds(r.till)},
	}
	if r.scenario.Whole {
		snaplen = 1 << 16
	}
	out := Result{Document: d, Captures: map[string][]byte{}}
	whole := r.primary.from == 0 && r.primary.till == 0 && r.primary.keep == nil
	for _, name := range Points {
		if whole && name == point {
			d.Captures[name] = d.Capture
			continue
		}
		file := filepath.Join("points", base+"@"+name+".pcap")
		d.Captures[name] = file
		var b bytes.Buffer
		if err := writePcap(&b, r.points[name], snaplen); err != nil {
			return out, err
		}
		out.Captures[file] = b.Bytes()
	}
	frames, window := r.primaryFrames(point)
	d.CaptureWindow = window
	var b bytes.Buffer
	if err := writePcap(&b, frames, snaplen); err != nil {
		return out, err
	}
	out.Captures[d.Capture] = b.Bytes()
	for _, c := range connections {
		d.Connections = append(d.Connections, c.connection(packets))
	}
	return out, nil
}

// primaryFrames returns what the primary capture saw, and when it ran.
func (r *run) primaryFrames(point string) ([]captured, [2]float64) {
	from, till := max(r.from, r.primary.from), r.till
	if r.primary.till != 0 {
		till = r.primary.till
	}
	var kept []captured
	for _, c := range r.points[point] {
		h, ok := parseTCP(c.data)
		if !ok || c.at < from || c.at > till {
			continue
		}
		if r.primary.keep == nil || r.primary.keep(&Packet{tcpHeader: h, frame: c.data}) {
			kept = append(kept, c)
		}
	}
	return kept, [2]float64{seconds(from), seconds(till)}
}

// Write writes results to a folder.
func Write(dir string, results []Result) error {
	if err := os.MkdirAll(filepath.Join(dir, "points"), 0o755); err != nil {
		return err
	}
	for _, r := range results {
		for _, name := range slices.Sorted(maps.Keys(r.Captures)) {
			if err := os.WriteFile(filepath.Join(dir, name), r.Captures[name], 0o644); err != nil {
				return err
			}
		}
		name := fmt.Sprintf("%s-%d.truth.json", r.Document.Scenario, r.Document.Seed)
		if err := r.Document.Write(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}
