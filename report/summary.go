package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tcplife/tcplife/report/anomaly"
	"github.com/tcplife/tcplife/tracker"
)

// said is one labelled statement of the first screen.
type said struct {
	label string
	text  string
	alarm bool // something is wrong with the input itself
}

// summarize says what the whole capture holds, its quality first.
func summarize(t *Trace, n *totals, w *waits, l *lingering) []said {
	label, name := "file", ""
	switch files := readable(t.Files); len(files) {
	case 0:
		label = "input"
	case 1:
		name = fileName(&files[0]) + " · "
	default:
		label, name = "files", fileNames(files)+" · "
	}
	out := []said{{label: label, text: name + extent(t, n)}}
	for i := range t.Files {
		switch f := &t.Files[i]; {
		case f.Damaged:
			out = append(out, said{"damaged", fmt.Sprintf("%s after %s: %s", fileName(f), counted(f.Packets, "packet"), forTerminal(f.Err)), true})
		case f.Err != "":
			out = append(out, said{"not read", fileName(f) + ": " + forTerminal(f.Err), true})
		}
	}
	grade, why := judgeQuality(t, n)
	if n.connections > 0 || grade == Fair || grade == Poor {
		out = append(out, said{"capture", grade.String() + ": " + why, grade == Poor})
	}
	if s := skipped(t); s != "" && (n.connections == 0 || t.TCP*10 < t.Packets*9) {
		out = append(out, said{label: "skipped", text: s})
	}
	if s := limits(t); s != "" {
		out = append(out, said{"limits", s, true})
	}
	if n.connections == 0 {
		return out
	}
	out = append(out, said{label: "opened", text: openings(n)}, said{label: "closed", text: endings(n)})
	if s := waitings(w, l); s != "" {
		out = append(out, said{label: "waiting", text: s})
	}
	if n.abridged > 0 {
		out = append(out, said{label: "details", text: fmt.Sprintf("%s abridged: of a kind of segment seen often only the first and the latest are noted, %s are not",
			counted(n.abridged, "record"), grouped(t.Summary.FactsDropped))})
	}
	return out
}

// maxFilesNamed is how many files the first screen names.
const maxFilesNamed = 4

func fileNames(files []File) string {
	var names []string
	for i := range files[:min(len(files), maxFilesNamed)] {
		names = append(names, fileName(&files[i]))
	}
	s := strings.Join(names, ", ")
	if more := len(files) - maxFilesNamed; more > 0 {
		s += fmt.Sprintf(" and %s more", grouped(uint64(more)))
	}
	return s
}

// fileName is how the first screen names a file.
func fileName(f *File) string {
	if f.Path == "-" {
		return "standard input"
	}
	return forTerminal(f.Path)
}

// readable returns the files of which something was read.
func readable(files []File) []File {
	return slices.DeleteFunc(slices.Clone(files), func(f File) bool { return f.Err != "" && !f.Damaged })
}

func extent(t *Trace, n *totals) string {
	var parts []string
	if t.Packets > 0 {
		span := "at "
		if t.Last > t.First {
			span = roughSpan(t.Last-t.First) + " from "
		}
		parts = append(parts, span+clock(t.First, "2006-01-02 15:04:05Z"))
	}
	packets := counted(t.Packets, "packet")
	switch {
	case t.Packets > 0 && t.TCP == t.Packets:
		packets += ", all TCP"
	case t.Packets > 0:
		packets += ", " + grouped(t.TCP) + " TCP"
	}
	parts = append(parts, packets, counted(n.connections, "connection"))
	if t.Filter != "" {
		parts = append(parts, "filter "+forTerminal(t.Filter))
	}
	if t.Interrupted {
		parts = append(parts, "interrupted, so this is a part")
	}
	return strings.Join(parts, " · ")
}

// maxKindsNamed is how many kinds of other packets are named.
const maxKindsNamed = 5

// skipped says what there was instead of TCP, the most frequent first.
func skipped(t *Trace) string {
	kinds := slices.SortedFunc(maps.Keys(t.Skipped), func(a, b string) int {
		return cmp.Or(cmp.Compare(t.Skipped[b], t.Skipped[a]), cmp.Compare(a, b))
	})
	var parts []string
	var others uint64
	for i, k := range kinds {
		if i < maxKindsNamed {
			parts = append(parts, grouped(t.Skipped[k])+" "+forTerminal(k))
		} else {
			others += t.Skipped[k]
		}
	}
	if others > 0 {
		parts = append(parts, grouped(others)+" of other kinds")
	}
	return strings.Join(parts, " · ")
}

func limits(t *Trace) string {
	var parts []string
	s := &t.Summary
	if s.Evicted > 0 {
		parts = append(parts, fmt.Sprintf("%s left early (%s): more were open at once than %s allows",
			counted(s.Evicted, "connection"), anomaly.EvictedAs(s), anomaly.EvictedFor(s)))
	}
	if s.RangesDropped > 0 {
		parts = append(parts, counted(s.RangesDropped, "hole")+" in streams not kept: their connections had more than the limit")
	}
	if t.PathsDropped > 0 {
		parts = append(parts, counted(t.PathsDropped, "packet")+" counted as untagged: more VLANs and tunnels were met than the limit allows")
	}
	return strings.Join(parts, " · ")
}

func openings(n *totals) string {
	names := [numOpens]string{
		tracker.OpenFull: "in full", tracker.OpenFastOpen: "with data in the SYN",
		tracker.OpenSimultaneous: "by both at once", tracker.OpenHalf: "half (the handshake was not completed)",
		tracker.OpenNone: "never answered", tracker.OpenRefused: "refused",
		tracker.OpenMidstream: "before the capture",
	}
	var parts []string
	for _, o := range []tracker.Open{
		tracker.OpenFull, tracker.OpenFastOpen, tracker.OpenSimultaneous, tracker.OpenHalf,
		tracker.OpenNone, tracker.OpenRefused, tracker.OpenMidstream,
	} {
		count := n.opens[o]
		if o == tracker.OpenNone {
			count -= n.strays
		}
		if count > 0 {
			parts = append(parts, grouped(count)+" "+names[o])
		}
	}
	if n.strays > 0 {
		parts = append(parts, grouped(n.strays)+" stray (no SYN seen)")
	}
	return strings.Join(parts, " · ")
}

func endings(n *totals) string {
	var parts []string
	who := func(c tracker.Close, name, client, server, both string) {
		all := n.closes[c]
		if all == 0 {
			return
		}
		s := grouped(all) + " " + name
		var by []string
		for _, one := range []struct {
			by   tracker.Closer
			text string
		}{{tracker.ByClient, client}, {tracker.ByServer, server}, {tracker.ByBoth, both}, {tracker.ByNetwork, "by the network"}} {
			switch k := n.closers[c][one.by]; {
			case k == 0 || one.text == "":
			case k == all:
				by = append(by, one.text)
			default:
				by = append(by, one.text+" in "+grouped(k))
			}
		}
		if len(by) > 0 {
			s += ", " + strings.Join(by, ", ")
		}
		parts = append(parts, s)
	}
	who(tracker.CloseOrderly, "orderly", "client first", "server first", "both at once")
	who(tracker.CloseOrderlyUnacked, "with the last FIN unacked", "client first", "server first", "both at once")
	who(tracker.CloseAborted, "aborted", "by the client", "by the server", "by both")
	who(tracker.CloseHalfClosed, "half closed", "by the client", "by the server", "")
	who(tracker.CloseTimedOut, "timed out", "at the client", "at the server", "")
	who(tracker.CloseReplaced, "replaced by a new one", "", "", "")
	who(tracker.CloseOpenAtEnd, "open at the end", "", "", "")
	if len(parts) == 0 {
		return "none: no connection was established"
	}
	return strings.Join(parts, " · ")
}

// waitings says who holds ports in TIME_WAIT, and who has not closed.
func waitings(w *waits, l *lingering) string {
	var parts []string
	if w.count > 0 {
		parts = append(parts, timeWaits(w))
	}
	if l.count > 0 {
		ip, most := l.most()
		s := grouped(l.count) + " CLOSE_WAIT"
		if most.count < l.count {
			s += fmt.Sprintf(", %s of them", grouped(most.count))
		}
		s += " at " + ip.Addr().String()
		if most.silent > 0 {
			s += ", silent for "
			if most.count > 1 {
				s += "up to "
			}
			s += roughSpan(most.silent)
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, " · ")
}

// timeWaits says who holds most, for a host's ports towards one server are what runs out.
func timeWaits(w *waits) string {
	s := grouped(w.count) + " TIME_WAIT"
	if cl, sv := w.byRole[tracker.Client], w.byRole[tracker.Server]; cl > 0 && sv > 0 {
		s += fmt.Sprintf(" (%s at clients, %s at servers)", grouped(cl), grouped(sv))
	}
	top := w.list()[0]
	where := fmt.Sprintf(" at %s towards %s", top.ip.Addr(), top.server)
	if top.role == tracker.Server {
		where = " at the server " + top.server.String()
	}
	if top.count < w.count {
		where = fmt.Sprintf(", %s of them%s", grouped(top.count), where)
	}
	s += where
	switch {
	case top.count == 1:
	case top.peak == top.count && (top.role == tracker.Server || top.peak*1000 < EphemeralPorts):
		s += ", all at once"
	case top.role == tracker.Client && top.peak*1000 >= EphemeralPorts: // enough of them to be worth a thought
		s += fmt.Sprintf(", at most %s at once: %s of its ports", grouped(top.peak), share(top.peak, EphemeralPorts))
	default:
		s += fmt.Sprintf(", at most %s at once", grouped(top.peak))
	}
	return s
}
