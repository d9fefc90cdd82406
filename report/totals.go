package report

import (
	"cmp"
	"slices"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/tracker"
)

// The sizes of arrays counted by a vocabulary of the tracker.
const (
	numOpens   = int(tracker.OpenMidstream) + 1
	numCloses  = int(tracker.CloseOpenAtEnd) + 1
	numClosers = int(tracker.ByUnknown) + 1
	maxHosts   = 64 // hosts told apart for CLOSE_WAIT
)

// totals counts what a summary says of all connections, in sums that can be added up. It
// takes bounded memory whatever the number of connections.
type totals struct {
	connections uint64
	opens       [numOpens]uint64
	closes      [numCloses]uint64
	closers     [numCloses][numClosers]uint64
	found       foundKinds // findings, details included
	closeWaits  uint64     // ends told "no more data" that never closed

	packets     uint64
	streamBytes uint64 // distinct octets seen, both directions
	missing     uint64 // octets acknowledged and never captured
	// Of connections with both directions: what was acknowledged, and how much of it is missing.
	acked, lost uint64
	truncated   uint64
	strays      uint64 // records without any SYN that opened nothing
	abridged    uint64 // connections with more notable segments of a kind than a record keeps
}

func (t *totals) add(r *Record) {
	c := r.Connection
	t.connections++
	t.opens[c.Open]++
	t.closes[c.Close]++
	t.closers[c.Close][c.ClosedBy]++
	for i := range r.Findings {
		t.found.add(r.Findings[i].Kind, 1)
	}
	for role := tracker.Client; role <= tracker.Server; role++ {
		e := &c.Endpoints[role]
		t.packets += e.Packets
		t.streamBytes += e.StreamBytes
		t.missing += e.MissingBytes
		if c.Endpoints[role.Peer()].Packets > 0 && e.Packets > 0 {
			t.lost += e.MissingBytes
			t.acked += e.MissingBytes + e.StreamBytes - min(e.StreamBytes, e.UnackedBytes)
		}
		t.truncated += e.TruncatedPackets
		if lingers(e) {
			t.closeWaits++
		}
	}
	if stray(r) {
		t.strays++
	}
	if c.FactsDropped > 0 {
		t.abridged++
	}
}

// merge adds the totals of other connections.
func (t *totals) merge(o *totals) {
	t.connections += o.connections
	for i, n := range o.opens {
		t.opens[i] += n
	}
	for i, n := range o.closes {
		t.closes[i] += n
	}
	for i := range o.closers {
		for by, n := range o.closers[i] {
			t.closers[i][by] += n
		}
	}
	for _, k := range o.found {
		t.found.add(k.kind, k.count)
	}
	t.closeWaits += o.closeWaits
	t.packets += o.packets
	t.streamBytes += o.streamBytes
	t.missing += o.missing
	t.acked += o.acked
	t.lost += o.lost
	t.truncated += o.truncated
	t.strays += o.strays
	t.abridged += o.abridged
}

// ranked lists the findings, the gravest and most frequent first.
func (t *totals) ranked() []kindCount {
	ks := slices.Clone(t.found)
	slices.SortFunc(ks, func(a, b kindCount) int {
		return cmp.Or(cmp.Compare(a.kind.Severity, b.kind.Severity), cmp.Compare(b.count, a.count), cmp.Compare(a.kind.Slug, b.kind.Slug))
	})
	return ks
}

// lingering is which hosts were left in CLOSE_WAIT at the end of their connections.
type lingering struct {
	count  uint64
	silent int64 // the longest silence in nanoseconds
	hosts  map[segment.IP]lingerers
}

type lingerers struct {
	count  uint64
	silent int64
}

func newLingering() lingering { return lingering{hosts: map[segment.IP]lingerers{}} }

func (l *lingering) add(ip segment.IP, silent int64) {
	l.count++
	l.silent = max(l.silent, silent)
	h, ok := l.hosts[ip]
	if !ok && len(l.hosts) >= maxHosts {
		return // counted above; not named
	}
	l.hosts[ip] = lingerers{h.count + 1, max(h.silent, silent)}
}

// most returns the host with the most ends in CLOSE_WAIT.
func (l *lingering) most() (segment.IP, lingerers) {
	var best segment.IP
	for ip, h := range l.hosts {
		if b := l.hosts[best]; h.count > b.count || h.count == b.count && slices.Compare(ip[:], best[:]) < 0 {
			best = ip
		}
	}
	return best, l.hosts[best]
}
