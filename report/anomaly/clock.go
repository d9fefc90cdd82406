package anomaly

import (
	"cmp"
	"fmt"
	"time"

	"github.com/tcplife/tcplife/tracker"
)

// ClockStep is about a capture whose clock was set while it ran.
var ClockStep = &Kind{
	Slug: "clock-step", Family: CaptureQuality, Severity: Quality, Since: "0.1", cause: aboutCapture,
	Reference: "RFC 7323 5.4 (a timestamp clock ticks at least once a second)",
	Summary:   "The capture's clock jumped: the hosts' own clocks say that no such time passed.",
	Explanation: "Connections go on across the jump whose timestamps have hardly moved (or have gone on, where the capture's clock went back): somebody set the clock of the capturing " +
		"host, or NTP did at its start, or a virtual machine was resumed. All hosts suspended together with the capturing one look the same. Durations and timeouts " +
		"across the jump mean nothing, TIME_WAIT's end among them, so findings about the end of such connections have low confidence. A quiet night is no jump, and not reported. " +
		"editcap -t shifts the packets of a file.",
	when: fact(tracker.FactClockJump),
	judge: func(c *conn) []Finding {
		f, g := c.clockStep()
		if f == nil {
			return nil
		}
		t := c.phrase().str("the capture's clock ").str(jumped(time.Duration(f.Gap))).str(" between ").ref(f.Cause).str(" and ").ref(f.Mark)
		t.str(", the ").str(f.Role.String()).str("'s by ").count(uint64(f.Bytes), "tick")
		if g != nil {
			t.str(", the ").str(g.Role.String()).str("'s by ").count(uint64(g.Bytes), "tick")
		}
		return c.one(ofAll(c.said(f.Role, f.At, []tracker.Mark{f.Cause, f.Mark}, High, t)))
	},
	trace: func(t *trace, s source) []Finding {
		var out []Finding
		for i := range s.cap.Pauses {
			p := &s.cap.Pauses[i]
			if p.length() > 0 && p.length() < s.t.ClockStep {
				continue
			}
			seen := t.across(p, 0)
			if seen.stepped == 0 || seen.real > 0 {
				continue
			}
			f := oneFinding("the clock %s at %s; by the hosts' own, in %s across it, no such time passed",
				jumped(p.length()), moment(p.From), count(seen.stepped, "connection"))[0]
			f.At = p.From
			out = append(out, f)
		}
		return out[:min(len(out), s.t.JumpsNamed)]
	},
}

func jumped(d time.Duration) string {
	if d < 0 {
		return "went back " + span(-d)
	}
	return "went on " + span(d)
}

// moment writes a time of the trace.
func moment(at int64) string { return time.Unix(0, at).UTC().Format("2006-01-02 15:04:05.000") }

// slowTick is how far a host's clock advances in so much time at least, and briskTick what makes it sure that
// the time did pass: no clock in use is slower than the one, few are slower than the other.
func slowTick(d time.Duration) int64  { return int64(d / time.Second) }
func briskTick(d time.Duration) int64 { return 50 * slowTick(d) }

// clockStep returns the facts by which both ends of the connection deny that the capture's clock was right, or, where it
// went back, one of them: a host that slept would deny it too, and its peer not. Ends on one host prove nothing.
func (c *conn) clockStep() (f, g *tracker.Fact) {
	if !c.has(tracker.FactClockJump) {
		return nil, nil
	}
	if client := c.Client().IP.Addr(); client == c.Server().IP.Addr() || client.IsLoopback() {
		return nil, nil
	}
	denies := func(f *tracker.Fact) bool { return f.Gap < 0 || 4*f.Bytes < slowTick(time.Duration(f.Gap)) }
	for f := range c.all(tracker.FactClockJump) {
		if !denies(f) {
			continue
		}
		if f.Gap < 0 {
			return f, nil
		}
		for g := range c.all(tracker.FactClockJump) {
			if g.Role != f.Role && g.Packet > f.Packet && denies(g) && g.Gap > 0 && max(f.Cause.At, g.Cause.At) < min(f.At, g.At) {
				return f, g
			}
		}
	}
	return nil, nil
}

// pass counts what the connection tells of the times around its silences.
func (t *trace) pass(c *conn, maxKeys int) {
	if f, g := c.clockStep(); f != nil {
		from, to := f.Cause.At, f.At
		if g != nil {
			from, to = max(from, g.Cause.At), min(to, g.At)
		}
		t.saw(silenceOf(from, to), sights{stepped: 1}, maxKeys)
	}
	for f := range c.all(tracker.FactClockJump) {
		if f.Gap > 0 && f.Bytes >= briskTick(time.Duration(f.Gap)) {
			t.saw(silenceOf(f.Cause.At, f.At), sights{real: 1}, maxKeys)
			break
		}
	}
	if c.half || c.end(tracker.Client).MissingBytes+c.end(tracker.Server).MissingBytes == 0 {
		return
	}
	for f := range c.all(tracker.FactSkipped) {
		t.saw(silenceOf(f.Cause.At, f.At), sights{skipped: 1, bytes: uint64(f.Bytes)}, maxKeys)
	}
}

// silence is a time between two segments of a connection, by the seconds in which they passed.
type silence struct{ from, to int64 }

func silenceOf(from, to int64) silence { return silence{from / 1e9, to / 1e9} }

// sights are what connections tell of their silences.
type sights struct {
	stepped, real uint64 // the hosts' clocks deny that so much time passed, or say so
	skipped       uint64 // octets passed uncaptured
	bytes         uint64
}

func (s *sights) add(o sights) {
	s.stepped += o.stepped
	s.real += o.real
	s.skipped += o.skipped
	s.bytes += o.bytes
}

func (s *sights) connections() uint64 { return s.stepped + s.real + s.skipped }

func compareSilences(a, b silence) int {
	return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to))
}

// across adds up what the connections tell that were silent across p. With a limit, only of those count that spoke
// within it before and behind.
func (t *trace) across(p *Pause, within time.Duration) (all sights) {
	at := silenceOf(p.From, p.To)
	near := int64(within / time.Second)
	for k, v := range t.silences.values {
		if k.from > at.from || k.to < at.to || (k.to < k.from) != (p.To < p.From) {
			continue
		}
		if within > 0 && (at.from-k.from > near || k.to-at.to > near) {
			continue
		}
		all.add(*v)
	}
	return all
}

// Pause is a time without any packet in the whole capture; a step back of its clock if To is before From.
type Pause struct {
	From, To int64  // the packets around it, nanoseconds since 1970 UTC
	Packets  uint64 // met from Since until From, without another pause of more than a second
	Since    int64
	Files    [2]string // where From and To are of different files, their names
}

func (p *Pause) length() time.Duration { return time.Duration(p.To - p.From) }

// rate is how many packets came in a second, 0 if they came for less than one.
func (p *Pause) rate() float64 {
	d := time.Duration(p.From - p.Since)
	if d < time.Second {
		return 0
	}
	return float64(p.Packets) / d.Seconds()
}

// where names the files on both sides.
func (p *Pause) where() string {
	if p.Files[0] == p.Files[1] {
		return ""
	}
	return fmt.Sprintf(", from %s to %s", p.Files[0], p.Files[1])
}
