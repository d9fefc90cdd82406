// Package truth holds what two hosts really did, as their kernels told it, and
// scores what was inferred from a capture against it. It knows nothing of how
// either came about: it reads documents and compares paths of states.
package truth

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// Version of the document's format.
const Version = 1

// Document is the truth about one scenario and its captures.
type Document struct {
	Version      int    `json:"version"`
	Scenario     string `json:"scenario"`
	Seed         uint64 `json:"seed"`
	About        string `json:"about"`
	Capture      string `json:"capture"`       // file of the primary capture
	CapturePoint string `json:"capture_point"` // client, mid or server
	// CaptureWindow is when the primary capture ran, PointsWindow when the
	// captures of all points did; unix seconds.
	CaptureWindow [2]float64        `json:"capture_window"`
	Captures      map[string]string `json:"captures"` // point -> file; the primary one, if it is complete
	PointsWindow  [2]float64        `json:"points_window"`
	Notes         []string          `json:"notes,omitempty"`
	Connections   []Connection      `json:"connections"`
}

// Connection is one incarnation of a 4-tuple. Client and Server are spelled
// "10.77.0.1:4242" or "[fd77::1]:4242".
type Connection struct {
	Client      string       `json:"client"`
	Server      string       `json:"server"`
	Start       float64      `json:"start"`
	Transitions []Transition `json:"transitions"`
	// Forged lists the ends ("client", "server") whose packets were injected: there
	// is no socket behind them whose states could be compared.
	Forged []string `json:"forged"`
}

// Transition is one step of one endpoint.
type Transition struct {
	At       float64 `json:"t"` // unix seconds
	Endpoint string  `json:"endpoint"`
	From     string  `json:"from"`
	To       string  `json:"to"`
	Cause    string  `json:"cause,omitempty"`
	// Silent: no packet goes with it (a timeout, a close() behind queued data), so
	// no capture can show it.
	Silent bool `json:"silent,omitempty"`
	// Unsent: a silent close() whose FIN never left, because a reset came first. The
	// wire shows one step from the state before to CLOSED, and that is right as well.
	Unsent bool `json:"unsent,omitempty"`
	// Virtual: the kernel keeps no such state (SYN cookies); it has no time.
	Virtual bool    `json:"virtual,omitempty"`
	Packet  *Packet `json:"packet,omitempty"`
}

// Packet is the segment behind a transition, at the endpoint's own interface.
type Packet struct {
	Direction string `json:"direction"` // in or out
	Flags     string `json:"flags"`
	Seq       uint32 `json:"seq"`
	Ack       uint32 `json:"ack"`
	Len       int    `json:"len"`
	DeltaUS   int64  `json:"dt_us"` // the transition's time minus the packet's
}

// Read reads a document.
func Read(name string) (*Document, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	d := &Document{}
	if err := json.Unmarshal(text, d); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if d.Version != Version {
		return nil, fmt.Errorf("read %s: format %d, want %d", name, d.Version, Version)
	}
	return d, nil
}

// Write writes a document, a transition a line so that people can read it.
func (d *Document) Write(name string) error {
	var b strings.Builder
	head := *d
	head.Connections = nil
	text, err := json.Marshal(&head)
	if err != nil {
		return err
	}
	b.WriteString(strings.TrimSuffix(string(text), "null}"))
	b.WriteString("[")
	for i := range d.Connections {
		c := d.Connections[i]
		steps := c.Transitions
		c.Transitions = nil
		text, err := json.Marshal(&c)
		if err != nil {
			return err
		}
		before, after, _ := strings.Cut(string(text), "null")
		separator(&b, i, "\n ")
		b.WriteString(before + "[")
		for j := range steps {
			step, err := json.Marshal(&steps[j])
			if err != nil {
				return err
			}
			separator(&b, j, "\n  ")
			b.Write(step)
		}
		b.WriteString("]" + after)
	}
	b.WriteString("]}\n")
	return os.WriteFile(name, []byte(b.String()), 0o644)
}

func separator(b *strings.Builder, i int, indent string) {
	if i > 0 {
		b.WriteByte(',')
	}
	b.WriteString(indent)
}

// Addresses returns the addresses of one end ("client" or "server") of the
// scenario's connections.
func (d *Document) Addresses(end string) map[string]bool {
	out := map[string]bool{}
	for _, c := range d.Connections {
		if end == "client" {
			out[c.Client] = true
		} else {
			out[c.Server] = true
		}
	}
	return out
}

// Only returns the document with the transitions of one end: what a capture at
// that host must show best.
func (d *Document) Only(end string) *Document {
	own := *d
	own.Connections = nil
	for _, c := range d.Connections {
		steps := c.Transitions
		c.Transitions = nil
		for _, t := range steps {
			if t.Endpoint == end {
				c.Transitions = append(c.Transitions, t)
			}
		}
		own.Connections = append(own.Connections, c)
	}
	return &own
}

// OnlyEndpoints returns the outputs with the transitions of some addresses.
func OnlyEndpoints(outputs []Output, addresses map[string]bool) []Output {
	var own []Output
	for _, o := range outputs {
		steps := o.Transitions
		o.Transitions = nil
		for _, t := range steps {
			address := o.Server
			if t.Client {
				address = o.Client
			}
			if addresses[address] {
				o.Transitions = append(o.Transitions, t)
			}
		}
		own = append(own, o)
	}
	return own
}
