package report

import (
	"cmp"
	"slices"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/report/anomaly"
	"github.com/tcplife/tcplife/tracker"
)

const (
	maxGroups       = 1024 // causes of one slug kept apart; what comes later joins its rest
	maxGroupClients = 16   // clients told apart in one group
	maxPerSlug      = 3    // lines of one slug; the last of them sums up the others
)

// cause is what findings are grouped by: equal ones have, most likely, one root.
type cause struct {
	kind   *anomaly.Kind
	server segment.Endpoint
	end    tracker.Close // how the connections ended, as far as it matters; see causeEnd
	by     tracker.Closer
	phase  tracker.Phase
}

// group is the findings of one cause, with its clearest sample.
type group struct {
	cause
	severity   anomaly.Severity
	confidence anomaly.Confidence // the best of the group
	limited    bool               // it is that of the whole capture: anomaly.Limit
	count      uint64
	clients    []segment.IP // the first maxGroupClients + 1
	sample     sample
	servers    int  // servers in it; more than one in the rest of a slug
	more       bool // and some that were not told apart, beyond the most of a kind
}

// sample is the connection to look at.
type sample struct {
	flow     segment.Flow
	number   int // its incarnation
	via      uint64
	first    int64 // its First.At
	packets  []uint64
	evidence []byte
}

func (s *sample) id() string {
	var id [idLen]byte
	return string(appendID(id[:0], &s.flow, s.first, s.number, s.via))
}

// groups collects the findings of connections by cause.
type groups struct {
	by      map[cause]*group
	most    int                   // of one kind
	perKind map[*anomaly.Kind]int // so that a scan's thousands leave room for other kinds
}

func newGroups() groups {
	return groups{by: map[cause]*group{}, most: maxGroups, perKind: map[*anomaly.Kind]int{}}
}

// add takes one finding, in the order of the records.
func (g *groups) add(t *told) {
	c := t.cause
	one := g.by[c]
	beyond := one == nil && g.perKind[c.kind] >= g.most
	if beyond {
		c = cause{kind: c.kind} // the zero server stands for those that had no room
		one = g.by[c]
	}
	if one == nil {
		one = &group{cause: c, severity: t.severity, confidence: t.confidence, servers: 1, more: beyond}
		g.by[c] = one
		g.perKind[c.kind]++
	}
	one.take(t)
}

// causeEnd is c without the differences that do not tell one cause from another.
func causeEnd(c tracker.Close) tracker.Close {
	switch c {
	case tracker.CloseAborted, tracker.CloseRefused, tracker.CloseTimedOut:
		return c
	case tracker.CloseOrderly, tracker.CloseOrderlyUnacked, tracker.CloseHalfClosed:
		return tracker.CloseOrderly
	case tracker.CloseNone, tracker.CloseReplaced, tracker.CloseOpenAtEnd:
	}
	return tracker.CloseNone
}

// ended says how the connections of the cause ended and by whom; "" if that is not one thing.
func (c *cause) ended() string {
	by := closer(c.by, "the ")
	switch c.end {
	case tracker.CloseAborted:
		return join("aborted", by) + during(c.phase, sentence)
	case tracker.CloseRefused:
		return join("refused", by)
	case tracker.CloseTimedOut:
		return join("given up", by)
	case tracker.CloseOrderly:
		switch c.by {
		case tracker.ByClient, tracker.ByServer:
			return c.by.String() + " closed first"
		case tracker.ByBoth:
			return "both closed at once"
		case tracker.NoCloser, tracker.ByNetwork, tracker.ByUnknown:
		}
	case tracker.CloseNone, tracker.CloseHalfClosed, tracker.CloseOrderlyUnacked, tracker.CloseReplaced, tracker.CloseOpenAtEnd:
	}
	return ""
}

func (g *group) take(t *told) {
	g.count++
	better := g.count == 1 || t.confidence < g.confidence || t.confidence == g.confidence && t.first < g.sample.first
	g.severity = min(g.severity, t.severity)
	g.confidence = min(g.confidence, t.confidence)
	if len(g.clients) <= maxGroupClients {
		if ip := t.flow.Sender(t.clientIs).IP; !slices.Contains(g.clients, ip) {
			g.clients = append(g.clients, ip)
		}
	}
	if better {
		s := &g.sample
		*s = sample{flow: t.flow, number: t.number, via: t.via, first: t.first, packets: append(s.packets[:0], t.packets...), evidence: append(s.evidence[:0], t.evidence...)}
	}
}

// list returns the groups, the gravest and largest first; of a slug with many
// servers all but the largest as one group, so that a scan does not hide the rest.
func (g *groups) list() []group {
	all := make([]*group, 0, len(g.by))
	for _, one := range g.by {
		all = append(all, one)
	}
	slices.SortFunc(all, compareGroups)
	var out []*group
	seen := map[*anomaly.Kind]int{}
	rest := map[*anomaly.Kind]*group{}
	for _, one := range all {
		if !one.more {
			seen[one.kind]++
		}
		if !one.more && (seen[one.kind] < maxPerSlug || g.perKind[one.kind] <= maxPerSlug) {
			out = append(out, one)
			continue
		}
		sum := rest[one.kind]
		if sum == nil {
			sum = &group{cause: cause{kind: one.kind}, severity: one.severity, confidence: one.confidence, sample: one.sample}
			rest[one.kind] = sum
			out = append(out, sum)
		}
		sum.count += one.count
		sum.servers += one.servers
		sum.more = sum.more || one.more
		for _, ip := range one.clients {
			if len(sum.clients) <= maxGroupClients && !slices.Contains(sum.clients, ip) {
				sum.clients = append(sum.clients, ip)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b *group) int {
		return cmp.Or(cmp.Compare(a.severity, b.severity), cmp.Compare(b.count, a.count))
	})
	list := make([]group, len(out))
	for i, one := range out {
		list[i] = *one
	}
	return list
}

func compareGroups(a, b *group) int {
	return cmp.Or(cmp.Compare(a.severity, b.severity), cmp.Compare(b.count, a.count),
		cmp.Compare(a.kind.Slug, b.kind.Slug), a.server.Compare(b.server),
		cmp.Compare(a.end, b.end), cmp.Compare(a.by, b.by), cmp.Compare(a.phase, b.phase))
}
