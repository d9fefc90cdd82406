package tracker

import "github.com/tcplife/tcplife/internal/segment"

// quote takes an ICMP error that quotes a segment. It is no segment of the connection but news of one: a fact, if the quote can be
// of what is under way (RFC 5927 4), and the end of an attempt that has no answer yet.
func (t *Tracker) quote(s *segment.Segment, hash uint64) Verdict {
	t.sum.Quotes++
	r := t.find(hash, &s.Flow, s.Path)
	switch r.form() {
	case nowhere:
		t.sum.QuotesUnmatched++
		return Verdict{}
	case lone:
		e := t.embryos.slab.at(r.place())
		other := e.seq != uint32(s.Seq) || e.bits.dir() != s.Dir
		if other && s.Time <= e.at.time()+t.cfg.Attempt.Nanoseconds() { // forged ones must not make it grow
			t.sum.QuotesUnmatched++
			return Verdict{Connection: e.number(), Note: NoteIgnored}
		}
		t.hatch(r, hash)
	case plain:
		t.expand(r, hash)
	case settled:
		t.unsettle(r, hash)
	case full:
	}
	c := t.current(s, hash)
	v := Verdict{Note: NoteIgnored}
	for old := c; ; old = old.previous {
		if old == nil {
			t.sum.QuotesUnmatched++
			break
		}
		v.Connection = old.first.Packet
		if old.mayQuote(s) {
			old.onQuote(t, s)
			v.Note = 0
			c = old
			break
		}
	}
	if c == nil {
		return v
	}
	t.weigh(c)
	switch {
	case c.calm:
		t.sleep(c, hash)
	case !t.settle(c, hash):
		t.schedule(c)
	}
	return v
}

// mayQuote reports whether s quotes what its sender may have sent and the peer not acknowledged: anything else is old or
// forged (RFC 5927 4.1). An ICMP error may come a round trip after what it quotes.
func (c *connection) mayQuote(s *segment.Segment) bool {
	x := &c.ends[s.Dir]
	if !x.based || x.stats.Packets == 0 {
		return false
	}
	at := x.position(s.Seq)
	low := x.sndUna - int64(max(c.ends[s.Dir.Reverse()].maxWnd, 65535))
	return at >= max(0, low) && at < max(x.sndNxt, 1)
}

// onQuote takes an ICMP error about what the end that sends in s.Dir sent.
func (c *connection) onQuote(t *Tracker, s *segment.Segment) {
	x, y := &c.ends[s.Dir], &c.ends[s.Dir.Reverse()]
	m := markOf(s)
	f := Fact{Kind: FactICMPError, Mark: m, ICMP: s.ICMP, Bytes: int64(s.IPLen)}
	if syn := x.lastOpening(); syn.Seen() && x.position(s.Seq) == 0 {
		f.Cause = syn
	}
	c.note(t, s.Dir, f)
	if x.position(s.Seq) != 0 || !endsAttempt(&s.ICMP) {
		return
	}
	switch {
	case c.inSynSent(x, y) && y.stats.Packets == 0:
		c.refusedBy, c.refuser = m, ByNetwork
		if s.ICMP.From == c.flow.Sender(s.Dir.Reverse()).IP {
			c.refuser = CloserOf(c.role(s.Dir.Reverse()))
		}
	case x.synAck.n > 0 && y.syn.n > 0 && !x.has(RcvAckSyn):
	default:
		return
	}
	c.beginTeardown()
	if got := x.at(RcvICMP); !got.happened() {
		got.set(m, provisional)
	}
}

// lastOpening is the end's last SYN or SYN-ACK.
func (e *endpoint) lastOpening() Mark {
	if last := e.synAck.last(); last != nil {
		return last.mark
	}
	return e.lastSyn
}

// endsAttempt reports whether hosts give an attempt up when they are told so: the destination is not reached, whoever is to
// blame. In an open connection the same is no reason to (RFC 9293 3.9.2.2, RFC 5927 5.2).
func endsAttempt(e *segment.ICMPError) bool { return e.Unreachable() || e.TimeExceeded() }

// goesOnTrying takes a SYN or SYN-ACK that comes again after an ICMP error: its sender did not give up.
func (c *connection) goesOnTrying(m Mark, x *endpoint) {
	if x.teardown == nil {
		return
	}
	got := x.at(RcvICMP)
	if !got.happened() || m.At-got.mark.At < minResend {
		return
	}
	if c.refuser != NoCloser && c.refusedBy == got.mark {
		c.refusedBy, c.refuser = Mark{}, NoCloser
	}
	got.withdraw()
}
