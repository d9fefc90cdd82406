package report

import (
	"fmt"
	"strings"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/report/anomaly"
	"github.com/tcplife/tcplife/tracker"
)

// Worst returns the finding that says most about the connection: of the gravest,
// the surest, of those the one the catalogue ranked first. What concerns only the capture
// and what is a detail of another finding is no candidate. nil without any.
func (r *Record) Worst() *anomaly.Finding {
	var worst *anomaly.Finding
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Detail || f.Severity >= anomaly.Quality {
			continue
		}
		if worst == nil || f.Severity < worst.Severity ||
			f.Severity == worst.Severity && f.Confidence < worst.Confidence {
			worst = f
		}
	}
	return worst
}

// Verdict says in one sentence how the connection ended, by whom, and why:
// "aborted by the server while closing: rst-late-data (high confidence)".
func Verdict(r *Record) string {
	s := ending(r, sentence)
	if since := opening(r); since != "" {
		s += ", " + since
	}
	if t := waiting(r); t != "" {
		s += "; " + t
	}
	if f := r.Worst(); f != nil && f.Severity < anomaly.Note {
		s += fmt.Sprintf(": %s (%s confidence)", f.Kind.Slug, f.Confidence)
	}
	return s
}

// opening is what must be said of the opening beside the ending.
func opening(r *Record) string {
	switch r.Open {
	case tracker.OpenMidstream:
		return "opened before the capture"
	case tracker.OpenSimultaneous:
		return "opened by both ends at once"
	case tracker.OpenFastOpen:
		return "opened with data in the SYN"
	case tracker.OpenHalf:
		if r.Close != tracker.CloseNone && r.Close != tracker.CloseOpenAtEnd {
			return "the handshake was never completed"
		}
	case tracker.OpenNone, tracker.OpenFull, tracker.OpenRefused:
	}
	return ""
}

// wording is how many words there is room for.
type wording uint8

const (
	brief    wording = iota // a narrow cell of a table
	cell                    // a cell
	sentence                // with articles and figures
)

// ending says how the connection ended.
func ending(r *Record, as wording) string {
	the := ""
	if as == sentence {
		the = "the "
	}
	by := closer(r.ClosedBy, the)
	switch r.Close {
	case tracker.CloseNone:
		return unopened(r, as)
	case tracker.CloseRefused:
		return join("refused", by)
	case tracker.CloseAborted:
		return join("aborted", by) + during(r.Phase, as)
	case tracker.CloseOrderly:
		switch as {
		case brief:
			return join("orderly", by)
		default:
			return "closed orderly" + first(r.ClosedBy)
		}
	case tracker.CloseOrderlyUnacked:
		switch as {
		case brief:
			return "last FIN unacked"
		case cell:
			return "closed" + first(r.ClosedBy) + ", last FIN unacked"
		case sentence:
		}
		return "closed by both ends" + first(r.ClosedBy) + "; the last FIN was never seen acknowledged"
	case tracker.CloseHalfClosed:
		if role, ok := uncaptured(r); ok {
			switch closed := role.Peer().String() + " closed"; as {
			case brief:
				return closed
			case cell:
				return closed + ", " + role.String() + " not captured"
			case sentence:
				return closed + "; the " + role.String() + "'s direction was not captured"
			}
		}
		if as == brief {
			return "half closed"
		}
		s := join("half closed", by)
		if role, ok := unclosed(r); ok && as == sentence {
			s += fmt.Sprintf("; the %s has not closed", role)
			if silent := r.TraceEnd - r.Last.At; silent > 0 {
				s += ", silent for " + roughSpan(silent)
			}
		}
		return s
	case tracker.CloseTimedOut:
		if as == sentence && (r.ClosedBy == tracker.ByClient || r.ClosedBy == tracker.ByServer) {
			return "timed out: " + the + r.ClosedBy.String() + " gave up on a silent peer"
		}
		return join("timed out", by)
	case tracker.CloseReplaced:
		switch as {
		case brief:
			return "replaced"
		case cell:
			return "replaced by a new one"
		case sentence:
		}
		return "replaced: a new connection took the same addresses and ports while this one was open"
	case tracker.CloseOpenAtEnd:
		switch {
		case as != sentence:
			return "open at the end"
		case r.Open == tracker.OpenNone:
			return "not answered yet when the capture ended"
		default:
			return "still open when the capture ended"
		}
	}
	return r.Close.String()
}

// unopened is the ending of what never opened.
func unopened(r *Record, as wording) string {
	client, server := &r.Endpoints[tracker.Client], &r.Endpoints[tracker.Server]
	half := r.Open == tracker.OpenHalf
	switch {
	case half && as == brief:
		return "half open"
	case half && as == cell:
		return "half open, then silence"
	case stray(r) && as == sentence:
		return "no SYN seen: " + counted(client.Packets+server.Packets, "packet") + " of no known connection"
	case stray(r):
		return "no SYN seen"
	case as != sentence:
		return "never answered"
	}
	within := ""
	if d := lasted(r.Connection); d > 0 {
		within = " in " + roughSpan(d)
	}
	if half {
		return "half open: " + counted(server.Syn, "SYN-ACK") + within + ", and the handshake was never completed"
	}
	return "never answered: " + counted(client.Syn, "SYN") + within
}

// stray reports whether the record is of segments that belong to no connection: nobody even asked for one.
func stray(r *Record) bool {
	return r.Open == tracker.OpenNone && r.Endpoints[tracker.Client].Syn+r.Endpoints[tracker.Server].Syn == 0
}

func join(what, by string) string {
	if by == "" {
		return what
	}
	return what + " " + by
}

// closer is "by the server" and the like; "" if nobody is to be named.
func closer(by tracker.Closer, the string) string {
	switch by {
	case tracker.ByClient, tracker.ByServer:
		return "by " + the + by.String()
	case tracker.ByBoth:
		return "by both"
	case tracker.ByNetwork:
		return "by " + the + "network"
	case tracker.NoCloser, tracker.ByUnknown:
	}
	return ""
}

// first says which end's FIN came first.
func first(by tracker.Closer) string {
	switch by {
	case tracker.ByClient, tracker.ByServer:
		return ", " + by.String() + " first"
	case tracker.ByBoth:
		return ", both at once"
	case tracker.NoCloser, tracker.ByNetwork, tracker.ByUnknown:
	}
	return ""
}

// during says how far the conversation had come.
func during(p tracker.Phase, as wording) string {
	s := phaseName(p)
	switch {
	case s == "" || as == brief:
		return ""
	case as == cell:
		return ", " + s
	default:
		return " " + s
	}
}

func phaseName(p tracker.Phase) string {
	switch p {
	case tracker.PhasePostSyn:
		return "during the handshake"
	case tracker.PhasePostAck:
		return "before any data"
	case tracker.PhasePostPsh:
		return "after the first data"
	case tracker.PhaseLater:
		return "while open"
	case tracker.PhaseClosing:
		return "while closing"
	case tracker.PhaseTimeWait:
		return "in TIME_WAIT"
	case tracker.NoPhase:
	}
	return ""
}

// unclosed returns the end that was told "no more data" and has not closed.
func unclosed(r *Record) (tracker.Role, bool) {
	for role := tracker.Client; role <= tracker.Server; role++ {
		if lingers(&r.Endpoints[role]) {
			return role, true
		}
	}
	return 0, false
}

// lingers reports whether an end was left in CLOSE_WAIT. Of one whose direction was not captured nobody knows.
func lingers(e *tracker.Endpoint) bool { return e.State == tracker.CloseWait && e.Packets > 0 }

// uncaptured returns the end that did not close as far as was seen, where nothing of it was.
func uncaptured(r *Record) (tracker.Role, bool) {
	for role := tracker.Client; role <= tracker.Server; role++ {
		if r.Endpoints[role].Packets == 0 && r.Endpoints[role.Peer()].FinSent.Seen() {
			return role, true
		}
	}
	return 0, false
}

// waiting says who holds TIME_WAIT until when.
func waiting(r *Record) string {
	cl, sv := &r.Endpoints[tracker.Client].TimeWait, &r.Endpoints[tracker.Server].TimeWait
	switch {
	case cl.Held && sv.Held:
		return "both hold TIME_WAIT" + until(cl, sv)
	case cl.Held:
		return "client holds TIME_WAIT" + until(cl)
	case sv.Held:
		return "server holds TIME_WAIT" + until(sv)
	}
	return ""
}

func until(stays ...*tracker.TimeWaitRecord) string {
	last := stays[0]
	for _, s := range stays {
		if s.Until > last.Until {
			last = s
		}
	}
	s := " until " + clock(last.Until, "15:04:05Z")
	switch last.EndedBy {
	case tracker.TimeWaitReuse:
		s += ", when a new connection took its place"
	case tracker.TimeWaitReset:
		s += ", when a RST ended it"
	case tracker.TimeWaitExpiry, tracker.TimeWaitCaptureEnd:
	}
	return s
}

// shortName is an endpoint as a table shows it within the width: of a long IPv6
// address the beginning, always the whole port.
func shortName(e segment.Endpoint, width int) string {
	s := e.String()
	if cells(s) <= width {
		return s
	}
	port := s[strings.LastIndexByte(s, ':'):]
	if cells(port)+4 >= width {
		return clip(s, width)
	}
	return clipMiddle(strings.TrimSuffix(s, port), width-cells(port)) + port
}
