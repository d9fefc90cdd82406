package anomaly

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/tracker"
)

// Capture is what the reader of the capture knows of it.
type Capture struct {
	Packets, TCP                uint64 // frames read, and those among them that carried TCP
	DropsKernel, DropsInterface uint64 // lost before the capture, by the capturing host's own counters
	DropsKnown                  bool   // the capture holds those counters
	CutPackets                  uint64 // frames shorter in the file than on the wire
	SnapLen                     uint32 // the snapshot length they were cut to, 0 if unknown
	PathsDropped                uint64 // segments whose path did not fit (segment.Paths)
	Backwards                   uint64 // frames stamped earlier than the one before them
	BackwardsMost               int64  // by how much at most, nanoseconds
	Fragments                   Fragments
	Pauses                      []Pause // the longest times without any packet, and steps back of its clock
	First, Last                 int64   // capture time of the first and last frame, nanoseconds since 1970 UTC
}

// Fragments is what the reader knows of datagrams that came in IP fragments and gave no segment, although they may have carried one.
type Fragments struct {
	Incomplete  uint64 // fragments are not in the capture
	OnlyFirst   uint64 // of those: of which it has the first fragment and nothing else
	Overlapping uint64 // fragments contradict each other
	GivenUp     uint64 // did not fit our own limits
}

// source is what trace-wide judges know beside the aggregates.
type source struct {
	sum   tracker.Summary
	cap   Capture
	t     *Thresholds
	paths *segment.Paths // may be nil
}

// trace holds the aggregates over all connections. Everything in it is a sum or a
// bounded selection that does not depend on the order of connections, so that
// shards can be merged.
type trace struct {
	twoWay, oneWay  uint64 // connections with segments of both sides, or of one although both spoke
	stream, missing uint64 // octets captured, and octets acknowledged but never captured
	hosts           keyed[segment.IP, checksums]
	leaks           keyed[service, suspects]
	lost            [2]tracker.Losses // by the role of the sender
	payload         [2]uint64         // octets sent, copies included
	sizes           keyed[segment.IP, sizes]
	silences        keyed[silence, sights]
	vlans           keyed[vlanPair, uint64]
	suspects        int    // kept in leaks,
	mostSuspects    int    // and how many may be
	overflow        uint64 // connections of hosts and services that did not fit
	twins           twins
	pairs           []Pair // of twins, once the trace has ended
}

func newTrace() trace {
	return trace{
		hosts: newKeyed[segment.IP, checksums](compareIP), leaks: newKeyed[service, suspects](compareServices),
		sizes: newKeyed[segment.IP, sizes](compareIP), silences: newKeyed[silence, sights](compareSilences), vlans: newKeyed[vlanPair, uint64](compareVLANs),
	}
}

// checksums are one host's, over its connections that have a bad one.
type checksums struct {
	connections       uint64
	bad, good         uint64 // sent by it
	peerBad, peerGood uint64 // received from its peers
}

// service is a listening endpoint, and the host that holds sockets in CLOSE_WAIT:
// itself, or a client of it.
type service struct {
	holder segment.IP
	server segment.Endpoint
}

// suspects are the connections one holder forgot, the earliest first.
type suspects struct {
	total int
	kept  []suspect // at most maxSuspects
}

type suspect struct {
	since, until int64  // in CLOSE_WAIT, nanoseconds since 1970 UTC
	fin          uint64 // the packet that brought it there
}

// maxSuspects bounds what is remembered of one service.
const maxSuspects = 64

func (s *suspects) add(total int, more ...suspect) {
	s.total += total
	s.kept = append(s.kept, more...)
	slices.SortFunc(s.kept, func(a, b suspect) int {
		return cmp.Or(cmp.Compare(a.since, b.since), cmp.Compare(a.fin, b.fin))
	})
	s.kept = s.kept[:min(len(s.kept), maxSuspects)]
}

// most returns the greatest number of connections held at one time, among those kept.
func (s *suspects) most() int {
	most := 0
	for _, a := range s.kept {
		n := 0
		for _, b := range s.kept {
			if b.since <= a.since && a.since < b.until {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

// Judge applies the catalogue to connections and gathers what is judged over the
// whole trace. It is for one goroutine; several that shared the connections are
// merged before Finish.
type Judge struct {
	// Paths names those of the segments; nil: nothing is said of them.
	Paths *segment.Paths

	thresholds Thresholds
	limit      Limit
	trace      trace
	conn       conn
}

// New returns a Judge with the given thresholds.
func New(t Thresholds) *Judge {
	j := &Judge{thresholds: t, trace: newTrace()}
	j.trace.mostSuspects = t.MaxSuspects
	j.conn.t = &j.thresholds
	return j
}

// Connection returns the findings of one connection, root cause first, and counts
// it for the trace. The findings, with their packets and evidence, are valid until
// the next connection is judged: see Finding.Clone.
func (j *Judge) Connection(r *tracker.Connection) []Finding {
	c := &j.conn
	c.paths = j.Paths
	c.look(r)
	for half, set := range c.traits.asked() {
		for ; set != 0; set &= set - 1 {
			k := catalogue[64*half+bits.TrailingZeros64(set)]
			fs := k.judge(c)
			for i := range fs {
				f := &fs[i]
				f.Kind = k
				f.Severity = max(f.Severity, k.Severity)
				c.limit(f)
				c.found = append(c.found, *f)
			}
		}
	}
	c.found = rank(c.found)
	j.trace.count(c, c.found, j.thresholds.MaxKeys)
	j.trace.twins.add(c, j.thresholds.MaxTwins)
	return c.found
}

// Finish returns the findings about the trace: the capture's quality first.
func (j *Judge) Finish(sum tracker.Summary, capture Capture) []Finding {
	j.trace.trim(j.thresholds.MaxKeys)
	var fs []Finding
	s := source{sum: sum, cap: capture, t: &j.thresholds, paths: j.Paths}
	j.trace.pairs = j.trace.twins.pairs()
	for _, k := range catalogue {
		if k.trace == nil || k.Withdrawn {
			continue
		}
		for _, f := range k.trace(&j.trace, s) {
			f.Kind = k
			f.Severity = max(f.Severity, k.Severity)
			fs = append(fs, f)
		}
	}
	j.limit = limitOf(&j.trace, s, fs)
	for i := range fs {
		fs[i].Confidence = j.limit.Of(&fs[i])
	}
	slices.SortStableFunc(fs, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(b.Kind.cause/aboutCapture, a.Kind.cause/aboutCapture),
			cmp.Compare(a.Severity, b.Severity),
		)
	})
	return fs
}

// Merge adds what another Judge gathered. The findings about the trace are the same
// however the connections were shared among judges.
func (j *Judge) Merge(other *Judge) {
	t, o := &j.trace, &other.trace
	t.twoWay += o.twoWay
	t.oneWay += o.oneWay
	t.stream += o.stream
	t.missing += o.missing
	t.overflow += o.overflow
	t.twins.merge(&o.twins, j.thresholds.MaxTwins)
	for ip, c := range o.hosts.values {
		t.host(ip, *c, j.thresholds.MaxKeys)
	}
	for key, s := range o.leaks.values {
		t.leak(key, s.total, j.thresholds.MaxKeys, s.kept...)
	}
	for r := range t.lost {
		t.lost[r].Add(&o.lost[r])
		t.payload[r] += o.payload[r]
	}
	for ip, s := range o.sizes.values {
		t.size(ip, *s, j.thresholds.MaxKeys)
	}
	for k, s := range o.silences.values {
		t.saw(k, *s, j.thresholds.MaxKeys)
	}
	for k, n := range o.vlans.values {
		t.split(k, *n, j.thresholds.MaxKeys)
	}
}

// count adds one connection to the aggregates.
func (t *trace) count(c *conn, fs []Finding, maxKeys int) {
	if c.half {
		t.oneWay++
	} else if c.end(tracker.Client).Packets > 0 && c.end(tracker.Server).Packets > 0 {
		t.twoWay++
	}
	for _, r := range both {
		e, p := c.end(r), c.end(r.Peer())
		if !c.half { // its unseen half is no loss of the capture
			t.stream += e.StreamBytes
			t.missing += e.MissingBytes
		}
		if e.ChecksumBad > 0 {
			t.host(c.End(r).IP, checksums{1, e.ChecksumBad, e.ChecksumGood, p.ChecksumBad, p.ChecksumGood}, maxKeys)
		}
		t.payload[r] += e.PayloadBytes
		if c.traits&lossy != 0 {
			t.lost[r].Add(&e.Lost)
		}
		if e.Largest != tracker.SegmentFits {
			t.size(c.End(r).IP, sizes{1, e.Largest, p.MSS}, maxKeys)
		}
	}
	if c.traits&(fact(tracker.FactClockJump)|fact(tracker.FactSkipped)) != 0 {
		t.pass(c, maxKeys)
	}
	if pair, ok := c.vlans(); ok {
		t.split(pair, 1, maxKeys)
	}
	for i := range fs {
		if fs[i].Kind == CloseWaitSuspect {
			fin := c.end(fs[i].Role.Peer()).FinSent
			key := service{c.End(fs[i].Role).IP, c.Server()}
			t.leak(key, 1, maxKeys, suspect{fin.At, c.TraceEnd, fin.Packet})
		}
	}
}

func (t *trace) host(ip segment.IP, add checksums, maxKeys int) {
	c := t.hosts.at(ip)
	if c == nil {
		t.overflow += add.connections
		return
	}
	c.connections += add.connections
	c.bad += add.bad
	c.good += add.good
	c.peerBad += add.peerBad
	c.peerGood += add.peerGood
	t.trimHosts(maxKeys, 2*maxKeys)
}

func (t *trace) leak(key service, total, maxKeys int, more ...suspect) {
	s := t.leaks.at(key)
	if s == nil {
		t.overflow += uint64(total)
		return
	}
	t.suspects -= len(s.kept)
	s.add(total, more...)
	t.suspects += len(s.kept)
	t.trimLeaks(maxKeys, 2*maxKeys)
}

func (t *trace) size(ip segment.IP, more sizes, maxKeys int) {
	s := t.sizes.at(ip)
	if s == nil {
		t.overflow += more.connections
		return
	}
	s.add(more)
	t.sizes.trim(maxKeys, 2*maxKeys, func(s *sizes) { t.overflow += s.connections })
}

func (t *trace) saw(k silence, more sights, maxKeys int) {
	s := t.silences.at(k)
	if s == nil {
		t.overflow += more.connections()
		return
	}
	s.add(more)
	t.silences.trim(maxKeys, 2*maxKeys, func(s *sights) { t.overflow += s.connections() })
}

func (t *trace) split(k vlanPair, more uint64, maxKeys int) {
	n := t.vlans.at(k)
	if n == nil {
		t.overflow += more
		return
	}
	*n += more
	t.vlans.trim(maxKeys, 2*maxKeys, func(n *uint64) { t.overflow += *n })
}

// trimHosts and trimLeaks give up the last keys of more than slack.
func (t *trace) trimHosts(maxKeys, slack int) {
	t.hosts.trim(maxKeys, slack, func(c *checksums) { t.overflow += c.connections })
}

func (t *trace) trimLeaks(maxKeys, slack int) {
	drop := func(s *suspects) {
		t.overflow += uint64(s.total)
		t.suspects -= len(s.kept)
	}
	t.leaks.trim(maxKeys, slack, drop)
	if t.suspects > slack/maxKeys*t.mostSuspects {
		t.leaks.trimTo(t.mostSuspects, func(s *suspects) int { return len(s.kept) }, drop)
	}
}

// trim gives up what no table has room for.
func (t *trace) trim(maxKeys int) {
	t.trimHosts(maxKeys, maxKeys)
	t.trimLeaks(maxKeys, maxKeys)
	t.sizes.trim(maxKeys, maxKeys, func(s *sizes) { t.overflow += s.connections })
	t.silences.trim(maxKeys, maxKeys, func(s *sights) { t.overflow += s.connections() })
	t.vlans.trim(maxKeys, maxKeys, func(n *uint64) { t.overflow += *n })
}
