package anomaly

import (
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/tracker"
)

// conn is a connection as the judges see it: the record, the thresholds, what
// several judges ask of them, and room for what they say (BenchmarkJudge).
type conn struct {
	*tracker.Connection
	t       *Thresholds
	traits  traits
	closing *tracker.Fact // the RST that ended the connection, nil without one; see ending
	silent  tracker.Role  // the role nothing was captured of, valid if half; see oneWay
	half    bool
	stepped bool           // the capture's clock jumped while it lived: see clockStep
	paths   *segment.Paths // of segments; nil: not known
	room
}

// both are the two roles, in the order findings about both are given.
var both = [2]tracker.Role{tracker.Client, tracker.Server}

// look turns to the next connection. What was said of the one before is overwritten.
func (c *conn) look(r *tracker.Connection) {
	c.Connection = r
	c.room.clear()
	c.silent, c.half = c.oneWay()
	c.traits = c.traitsOf()
	c.closing = nil
	if c.has(tracker.FactRst) {
		c.closing = c.ending()
	}
	f, _ := c.clockStep()
	c.stepped = f != nil
}

// all yields the facts of one kind in order.
func (c *conn) all(k tracker.FactKind) iter.Seq[*tracker.Fact] {
	return func(yield func(*tracker.Fact) bool) {
		if !c.has(k) {
			return
		}
		for i := range c.Facts {
			if c.Facts[i].Kind == k && !yield(&c.Facts[i]) {
				return
			}
		}
	}
}

// by returns the facts of one kind whose role is r.
func (c *conn) by(r tracker.Role, k tracker.FactKind) []*tracker.Fact {
	if !c.has(k) {
		return nil
	}
	start := len(c.picked)
	for i := range c.Facts {
		if f := &c.Facts[i]; f.Kind == k && f.Role == r {
			c.picked = append(c.picked, f)
		}
	}
	return c.picked[start:len(c.picked):len(c.picked)]
}

// each returns one finding per role that has facts of kind k, made by phrase from
// all of them.
func (c *conn) each(k tracker.FactKind, phrase func(fs []*tracker.Fact) string) []Finding {
	return c.facts(k, func(*tracker.Fact) bool { return true }, phrase)
}

// facts is each for those facts of kind k that fit.
func (c *conn) facts(k tracker.FactKind, fits func(f *tracker.Fact) bool, phrase func(fs []*tracker.Fact) string) []Finding {
	if !c.has(k) {
		return nil
	}
	out := c.none()
	for _, r := range both {
		fs := slices.DeleteFunc(c.by(r, k), func(f *tracker.Fact) bool { return !fits(f) })
		if len(fs) > 0 {
			out = append(out, c.from(fs, "%s", phrase(fs)))
		}
	}
	return out
}

// from makes a finding about the role of fs, dated by the first and showing its
// first packets, each after the segment it is compared with.
func (c *conn) from(fs []*tracker.Fact, format string, args ...any) Finding {
	var marks [2 * maxPackets]tracker.Mark
	n := 0
	for _, f := range fs[:min(len(fs), maxPackets)] {
		marks[n], marks[n+1] = f.Cause, f.Mark
		n += 2
	}
	return c.about(fs[0].Role, fs[0].At, marks[:n], High, format, args...)
}

// maxPackets is how many segments of a kind a finding names.
const maxPackets = 4

// about makes a finding about role r.
func (c *conn) about(r tracker.Role, at int64, marks []tracker.Mark, conf Confidence, format string, args ...any) Finding {
	t := c.phrase()
	t.b = fmt.Appendf(t.b, format, args...)
	return c.said(r, at, marks, conf, t)
}

// said is about with a phrase that was put together by hand, for what many connections of any
// network have: it makes no garbage.
func (c *conn) said(r tracker.Role, at int64, marks []tracker.Mark, conf Confidence, t *phrase) Finding {
	return Finding{HasRole: true, Role: r, At: at, Packets: c.packets(marks), Confidence: conf, Evidence: t.evidence()}
}

// whole makes a finding about the connection as a whole.
func (c *conn) whole(at int64, marks []tracker.Mark, format string, args ...any) Finding {
	return ofAll(c.about(tracker.Client, at, marks, High, format, args...))
}

// ofAll turns a finding into one about the connection as a whole.
func ofAll(f Finding) Finding {
	f.HasRole = false
	return f
}

// end returns the endpoint of role r.
func (c *conn) end(r tracker.Role) *tracker.Endpoint { return &c.Endpoints[r] }

// since is how much of the trace followed m, 0 if m was not seen.
func (c *conn) since(m tracker.Mark) time.Duration {
	if !m.Seen() {
		return 0
	}
	return max(0, time.Duration(c.TraceEnd-m.At))
}

// rtt is the whole round trip, as far as the capture shows it; never 0.
func (c *conn) rtt() time.Duration {
	if c.RTT > 0 {
		return c.RTT
	}
	s, okS := c.Handshake.RTTServer()
	k, okC := c.Handshake.RTTClient()
	if okS && okC && s+k > 0 {
		return s + k
	}
	return c.t.CopyGap
}

// patience is how long an answer may take before it is missing: the round trip and
// RTOs timeouts, within which a host would have sent its segment again.
func (c *conn) patience() time.Duration {
	return time.Duration(c.t.RTOs) * (c.t.MinRTO + c.rtt())
}

// finBefore reports whether r had sent its FIN before m.
func (c *conn) finBefore(r tracker.Role, m tracker.Mark) bool {
	f := c.end(r).FinSent
	return f.Seen() && f.Packet < m.Packet
}

// oneWay returns the role nothing was captured of although the other one spoke with it: its
// segments acknowledge or carry on what only an answer can have started. Judges read silent and half.
func (c *conn) oneWay() (silent tracker.Role, ok bool) {
	for _, r := range both {
		silent, other := c.end(r), c.end(r.Peer())
		if silent.Packets == 0 && (silent.UnseenAcks > 0 || silent.MissingBytes > 0 || other.Packets > other.Syn+other.Rst+1) {
			return r, true
		}
	}
	return 0, false
}

// lostAtEnd reports whether the capture missed octets within the last round trip: what
// ended the connection may then be among what it missed.
func (c *conn) lostAtEnd() bool {
	for f := range c.all(tracker.FactAckOfUnseen) {
		if time.Duration(c.Last.At-f.At) <= c.rtt() {
			return true
		}
	}
	return c.FactsDropped > 0 && c.end(tracker.Client).MissingBytes+c.end(tracker.Server).MissingBytes > 0
}

// copies returns r's facts of a retransmission kind whose copy came late enough
// to have been sent by a timer.
func (c *conn) copies(r tracker.Role, k tracker.FactKind) []*tracker.Fact {
	return slices.DeleteFunc(c.by(r, k), func(f *tracker.Fact) bool { return time.Duration(f.Gap) < c.t.CopyGap })
}

// sentAgain is the judge of a control segment that an end sent more than once.
func sentAgain(k tracker.FactKind, noun string) func(*conn) []Finding {
	return func(c *conn) []Finding {
		out := c.none()
		for _, r := range both {
			if fs := c.copies(r, k); len(fs) > 0 {
				out = append(out, c.from(fs, "%s", resent(fs, noun)))
			}
		}
		return out
	}
}
