package tracker

import (
	"math"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/reassembly"
)

// Tracker follows all connections of a trace. One goroutine owns it.
//
// A connection takes one of four forms, so that a million of them fit into memory and the ordinary segment
// touches little of it: a SYN alone is an embryo (embryo.go), a connection in whose life all was ordinary
// a plainConn (plain.go), one that has more to tell a connection (connection.go), and one that closed as usual
// a settledConn (settled.go).
type Tracker struct {
	cfg      Config
	fullOnly bool // no small forms, for tests

	table    flowTable // the latest incarnation of each 4-tuple
	embryos  embryos
	plains   slab[plainConn]
	half     line // of plains that wait for the handshake\'s ACK
	settleds slab[settledConn]
	settled  line // of settleds
	stories  []*story
	told     []uint32 // places among the stories that are free
	fulls    []*connection
	unused   []*connection // of fulls
	vacant   []uint32      // places among the fulls without a connection
	journals journals
	past     history

	queue deadlines // full connections that leave by themselves, soonest first
	due   int64     // nobody leaves by themselves before
	live  int       // connections in the table, earlier incarnations included
	// hands are where the search for idle ones goes on.
	hands struct {
		plain uint32
		full  int
	}
	asleep int64 // full connections for which a plainConn stands in

	begun bool
	start int64 // when the trace began
	now   int64 // the latest capture time seen
	sum   Summary

	ended    []leaving // records not taken yet
	flushing bool
	rest     []slot // what Flush has still to let go, by first packet
	out      Connection
	bound    bound
	spare    connection
	scratch  scratch
	touched  uint32 // what touch read
}

// touchAhead is how many connections are brought into the cache at a time.
const touchAhead = 32

// New returns an empty tracker.
func New(cfg Config) *Tracker {
	t := &Tracker{cfg: cfg, table: newFlowTable(), journals: newJournals(), due: math.MaxInt64}
	if cfg.MaxMemory > 0 {
		t.keepWithin(max(cfg.MaxMemory, leastMemory))
	}
	return t
}

// Observe replays one segment. Segments come in the order of the merged trace.
func (t *Tracker) Observe(s *segment.Segment) Verdict { return t.observe(s, t.Hash(s)) }

// ObserveThese replays those segments of a batch that picks names, in its order. hashes are those of the flows of the
// whole batch. The time of each segment of the batch passes with it (see Advance), up to the last of those.
func (t *Tracker) ObserveThese(batch []segment.Segment, hashes []uint64, picks []uint16) {
	if len(picks) == 0 {
		return
	}
	last := picks[len(picks)-1]
	for len(picks) > 0 {
		n := min(len(picks), touchAhead)
		t.touch(hashes, picks[:n])
		for _, i := range picks[:n] {
			// With each segment, whoever's it is, not once a batch: neither where batches end nor who shares them
			// must show in a record.
			if i > 0 {
				t.Advance(batch[i-1].Time)
			}
			t.observe(&batch[i], hashes[i])
		}
		picks = picks[n:]
	}
	t.Advance(batch[last].Time)
}

func (t *Tracker) observe(s *segment.Segment, hash uint64) Verdict {
	if t.bound.unlooked--; t.bound.unlooked < 0 {
		t.look()
	}
	if s.IsQuote {
		t.Advance(s.Time)
		return t.quote(s, hash)
	}
	t.sum.Segments++
	m := markOf(s)
	if !t.sum.First.Seen() {
		t.sum.First = m
	}
	t.begin(s.Time)
	if s.Time < t.now {
		t.sum.Backwards++
		t.journals.near.disordered, t.journals.far.disordered = true, true
	}
	t.now = max(t.now, s.Time)
	t.sum.Last = m
	if s.Options.Has&segment.OptCut != 0 {
		t.sum.TruncatedHeader++
	}
	v := t.assign(s, hash)
	if s.Flow.A == s.Flow.B {
		// An endpoint that talks to itself (RFC 9293 3.9.1) is both ends: what it sends, its peer sends too.
		mirrored := *s
		mirrored.Dir = s.Dir.Reverse()
		t.assign(&mirrored, hash)
	}
	return v
}

// assign gives s to its connection.
func (t *Tracker) assign(s *segment.Segment, hash uint64) Verdict {
	r, print := t.find(hash, &s.Flow, s.Path), fingerprintOf(s, hash)
	switch r.form() {
	case nowhere:
		if !t.fullOnly && t.setAside(s, hash) {
			return Verdict{Connection: s.Number}
		}
	case lone:
		packet := t.embryos.slab.at(r.place()).number()
		if t.answer(r, s, hash, print) {
			return Verdict{Connection: packet}
		}
		if t.synAgain(r, s, hash, print) {
			return Verdict{Connection: packet, Note: NoteDuplicate}
		}
		if c := t.hatch(r, hash); s.Time > c.deadline && !c.answers(s) {
			t.release(c, EndAttempt, c.deadline)
			if t.setAside(s, hash) {
				return Verdict{Connection: s.Number}
			}
		}
	case plain:
		p := t.plains.at(r.place())
		if t.take(p, r.place(), s, print) {
			return Verdict{Connection: p.number()}
		}
		if (p.bits&established != 0 || s.Time <= p.heardAt()+t.cfg.Attempt.Nanoseconds()) && t.again(p, s, print) {
			return Verdict{Connection: p.number(), Note: NoteDuplicate}
		}
		t.expand(r, hash)
	case settled:
		q := t.settleds.at(r.place())
		if s.Time <= q.last().At+t.cfg.stragglers() && t.again(&q.plainConn, s, print) {
			return Verdict{Connection: q.number(), Note: NoteDuplicate}
		}
		t.unsettle(r, hash)
	case full:
	}
	if c := t.copied(s, hash, print); c != nil {
		return Verdict{Connection: c.first.Packet, Note: NoteDuplicate}
	}
	c := t.incarnationFor(s, hash)
	c.heard = true
	v := Verdict{Connection: c.first.Packet, Note: t.apply(c, s, print)}
	if t.weigh(c); c.previous != nil {
		t.weigh(c.previous)
	}
	switch control := s.Flags & (segment.SYN | segment.FIN | segment.RST); {
	case c.calm && control == 0:
		if v.Note == 0 {
			t.sleep(c, hash)
		}
	case !t.settle(c, hash):
		t.schedule(c)
	}
	return v
}

// begin fixes when the trace began, once.
func (t *Tracker) begin(at int64) {
	if !t.begun {
		t.begun, t.start, t.now = true, at, at
	}
}

// Summary returns what is known of the whole trace so far.
func (t *Tracker) Summary() Summary { return t.sum }

// find returns the latest connection of a flow. The path of the segment matters only with Config.Key, here and below.
func (t *Tracker) find(hash uint64, f *segment.Flow, path uint32) ref {
	mask, want := t.table.mask(), uint32(hash)
	for i := want & mask; ; i = (i + 1) & mask {
		s := t.table.slots[i]
		if s.ref == 0 || s.hash == want && t.isOf(s.ref, f) && (t.cfg.Key == nil || t.via(path) == t.via(t.pathOf(s.ref))) {
			return s.ref
		}
	}
}

// isOf reports whether r is of flow f.
func (t *Tracker) isOf(r ref, f *segment.Flow) bool {
	switch place := r.place(); r.form() {
	case lone:
		return t.embryos.is(t.embryos.slab.at(place), f)
	case plain:
		return same(&t.plains.at(place).flow, f)
	case settled:
		return same(&t.settleds.at(place).flow, f)
	default:
		return same(&t.fulls[place].flow, f)
	}
}

// pathOf returns a path of r.
func (t *Tracker) pathOf(r ref) uint32 {
	switch place := r.place(); r.form() {
	case lone:
		return uint32(t.embryos.slab.at(place).path)
	case plain:
		return t.plains.at(place).anyPath()
	case settled:
		return t.settleds.at(place).anyPath()
	default:
		return t.fulls[place].path
	}
}

// via is what a path tells connections apart by.
func (t *Tracker) via(path uint32) uint64 {
	if t.cfg.Key == nil {
		return 0
	}
	return t.cfg.Key(path)
}

// latest returns the latest connection of a segment's flow if it has the full form, else nil.
func (t *Tracker) latest(hash uint64, s *segment.Segment) *connection {
	if r := t.find(hash, &s.Flow, s.Path); r.form() == full {
		return t.fulls[r.place()]
	}
	return nil
}

// touch brings the slots and then the connections of some segments into the cache, all misses under way together, before
// the first is needed: with a million connections open that halves the time (BenchmarkManyConnections).
func (t *Tracker) touch(hashes []uint64, picks []uint16) {
	mask := t.table.mask()
	var refs [touchAhead]ref
	read := uint32(0) // so that the compiler lets it read
	for _, i := range picks {
		read += t.table.slots[uint32(hashes[i])&mask].hash
	}
	for k, i := range picks {
		refs[k] = t.table.likely(uint32(hashes[i]))
	}
	for _, r := range refs[:len(picks)] {
		switch place := r.place(); r.form() {
		case lone:
			e := t.embryos.slab.at(place)
			read += e.a + uint32(e.path)
		case plain:
			p := t.plains.at(place)
			read += uint32(p.flow.A.IP[0]) + p.ack.time + p.ends[0].lowAt[1] + p.ends[1].packetsAt[0] + uint32(p.bits) // 64 octets apart
		case settled:
			read += t.settleds.at(place).firstAt[0]
		case full:
			c := t.fulls[place]
			read += uint32(c.first.Packet)
			for d := range c.ends { // a word of each of the lines that it will need
				e := &c.ends[d]
				read += uint32(e.base) + uint32(e.stream.Max()) + uint32(e.rcvNxtAt.At) + uint32(e.ahead) + uint32(e.ackedBefore) +
					uint32(e.oldestSent) + uint32(e.lastAt) + uint32(e.stats.PayloadBytes) + uint32(e.stats.Last.At)
			}
		case nowhere:
		}
	}
	t.touched = read
}

// open makes a new incarnation the latest of its 4-tuple.
func (t *Tracker) open(s *segment.Segment, previous *connection, hash uint64) *connection {
	t.makeRoom(previous)
	if previous != nil && previous.gone {
		previous = t.latest(hash, s)
	}
	c := t.newConnection()
	c.flow, c.previous, c.path = s.Flow, previous, s.Path
	c.first, c.firstFile = markOf(s), s.File
	if previous != nil {
		c.incarnation = previous.incarnation + 1
		if before := previous.previous; before != nil { // two at a time are enough for stragglers
			t.release(before, EndReplaced, t.now)
		}
		t.table.replace(uint32(hash), previous.ref, c.ref)
	} else {
		c.incarnation = 1 + t.past.before(hash)
		t.table.add(uint32(hash), c.ref)
	}
	t.live++
	return c
}

// newConnection returns an empty connection with a place among the full ones.
func (t *Tracker) newConnection() *connection {
	if n := len(t.unused); n > 0 {
		c := t.unused[n-1]
		t.unused = t.unused[:n-1]
		t.bound.unused -= c.bulk()
		c.reset()
		return c
	}
	if n := len(t.vacant); n > 0 {
		place := t.vacant[n-1]
		t.vacant = t.vacant[:n-1]
		t.fulls[place] = &connection{ref: refTo(full, place)}
		return t.fulls[place]
	}
	c := &connection{ref: refTo(full, uint32(len(t.fulls)))}
	t.fulls = append(t.fulls, c)
	return c
}

// free gives the place of a full connection back.
func (t *Tracker) free(c *connection) {
	c.gone = true
	c.life++
	t.bound.facts -= c.weighed
	c.weighed = 0
	if t.flushing { // nobody comes after it
		t.fulls[c.ref.place()] = nil
		return
	}
	for d := range c.ends { // what it had in memory of its own; the next keeps only the room for facts and for closing
		c.ends[d].stream, c.ends[d].doubtful = reassembly.Assembler{}, nil
	}
	t.bound.unused += c.bulk()
	t.unused = append(t.unused, c)
}
