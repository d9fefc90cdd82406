// Package anomaly is the catalogue of what can be wrong, or worth knowing, about
// the life of a TCP connection: one literal per kind carries its public name, its
// text and the judge that recognises it.
//
// A judge is a pure function of what the tracker recorded. It sees no packets,
// keeps nothing, and never calls the begin or the end of the trace, or what the
// capture lost, an anomaly of the network: false alarms are worse than silence.
package anomaly

import (
	"slices"
	"strings"

	"github.com/tcplife/tcplife/tracker"
)

// Severity says how much a finding matters to the people on both ends.
type Severity uint8

// The severities, worst first; Quality is about the capture, not the network.
const (
	Error   Severity = iota // the user lost data or service
	Warn                    // abnormal, worth a look
	Note                    // explains behaviour, normal on many networks
	Quality                 // about the capture
)

func (s Severity) String() string { return [...]string{"error", "warn", "note", "quality"}[s] }

// Confidence says how sure a finding is: the rule's own certainty, lowered by
// what the capture missed of the connection.
type Confidence uint8

// The confidences, best first.
const (
	High Confidence = iota
	Medium
	Low
)

func (c Confidence) String() string { return [...]string{"high", "medium", "low"}[c] }

// Family groups the kinds by the part of a connection's life they belong to.
type Family uint8

// The families, in catalogue order.
const (
	Handshake Family = iota
	Data
	Teardown
	Reset
	TimeWait
	CaptureQuality
	numFamilies = iota
)

func (f Family) String() string {
	return [...]string{"handshake", "data", "close", "reset", "time_wait", "quality"}[f]
}

// Kind is one entry of the catalogue.
type Kind struct {
	Slug        string // public name: never changed, never given to another kind
	Family      Family
	Severity    Severity // a single finding may be milder than its kind
	Since       string   // first version that reports it
	Reference   string   // the rule or the kernel's behaviour it rests on
	Summary     string   // what was seen, one line
	Explanation string   // what it may mean: usual causes, when harmless, what to look at next
	Withdrawn   bool     // no longer reported; the slug stays taken

	cause    cause                              // its place in the ranking of a connection's findings
	replaces []*Kind                            // more general kinds it makes redundant in the same connection
	when     traits                             // a connection without any of them has none
	judge    func(c *conn) []Finding            // over one connection
	trace    func(t *trace, s source) []Finding // over the whole trace
}

// LowersTrust reports whether what the capture has of a connection is not all that its packets said, of which k tells.
func (k *Kind) LowersTrust() bool { return k.cause == aboutCapture && k != midstream && k != openAtEOF }

// Finding is one kind recognised in one connection, or in the trace as a whole.
type Finding struct {
	Kind       *Kind
	Severity   Severity
	Confidence Confidence
	At         int64 // nanoseconds since 1970 UTC; 0 when it belongs to no moment
	HasRole    bool
	Role       tracker.Role // the endpoint it is about, valid if HasRole
	Packets    []uint64     // the packets that show it, in order
	Evidence   string       // the numbers compared
	Detail     bool         // beside another finding that is the root cause of its connection
}

// Clone returns a copy that shares nothing with the Judge that found it.
func (f *Finding) Clone() Finding {
	c := *f
	c.Packets = slices.Clone(f.Packets)
	c.Evidence = strings.Clone(f.Evidence)
	return c
}
