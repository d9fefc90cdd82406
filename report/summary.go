package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tcplife/tcplife/tracker"
)

// said is one labelled statement of the first screen.
type said struct {
	label string
	text  string
	alarm bool // something is wrong with the input itself
}

// summarize says what the whole capture holds, its quality first.
func summarize(t *Trace, n *totals) []said {
	label, name := "file", ""
	switch len(t.Files) {
	case 0:
		label = "input"
	case 1:
		name = forTerminal(t.Files[0].Path) + " · "
	default:
		label, name = "files", fileNames(t.Files)+" · "
	}
	out := []said{{label: label, text: name + extent(t, n)}}
	for i := range t.Files {
		if f := &t.Files[i]; f.Err != "" {
			out = append(out, said{"damaged", fmt.Sprintf("%s after %s: %s",
				forTerminal(f.Path), counted(f.Packets, "packet"), forTerminal(f.Err)), true})
		}
	}
	grade, why := judgeQuality(t, n)
	if n.connections > 0 || grade > Good {
		out = append(out, said{"capture", grade.String() + ": " + why, grade == Poor})
	}
	if s := skipped(t); s != "" && (n.connections == 0 || t.TCP*10 < t.Packets*9) {
		out = append(out, said{label: "not TCP", text: s})
	}
	if s := limits(&t.Summary); s != "" {
		out = append(out, said{"limits", s, true})
	}
	if n.connections == 0 {
		return out
	}
	out = append(out, said{label: "opened", text: openings(n)}, said{label: "closed", text: endings(n)})
	if s := waitings(n); s != "" {
		out = append(out, said{label: "waiting", text: s})
	}
	return out
}

// maxFilesNamed is how many files the first screen names.
const maxFilesNamed = 4

func fileNames(files []File) string {
	var names []string
	for i := range files[:min(len(files), maxFilesNamed)] {
		names = append(names, forTerminal(files[i].Path))
	}
	s := strings.Join(names, ", ")
	if more := len(files) - maxFilesNamed; more > 0 {
		s += fmt.Sprintf(" and %s more", grouped(uint64(more)))
	}
	return s
}

func extent(t *Trace, n *totals) string {
	var parts []string
	if t.Packets > 0 {
		parts = append(parts, roughSpan(max(t.Last-t.First, 0))+" from "+clock(t.First, "2006-01-02 15:04:05Z"))
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

func limits(s *tracker.Summary) string {
	var parts []string
	if s.Evicted > 0 {
		parts = append(parts, counted(s.Evicted, "connection")+" closed early: more were open at once than the limit allows")
	}
	if s.FactsDropped > 0 {
		parts = append(parts, counted(s.FactsDropped, "notable segment")+" not kept: their connections had more than the limit")
	}
	if s.RangesDropped > 0 {
		parts = append(parts, counted(s.RangesDropped, "hole")+" in streams not kept: their connections had more than the limit")
	}
	return strings.Join(parts, " · ")
}

func openings(n *totals) string {
	names := [numOpens]string{
		tracker.OpenFull: "in full", tracker.OpenFastOpen: "with data in the SYN",
		tracker.OpenSimultaneous: "by both at once", tracker.OpenHalf: "half",
		tracker.OpenNone: "never answered", tracker.OpenRefused: "refused",
		tracker.OpenMidstream: "before the capture",
	}
	var parts []string
	for _, o := range []tracker.Open{
		tracker.OpenFull, tracker.OpenFastOpen, tracker.OpenSimultaneous, tracker.OpenHalf,
		tracker.OpenNone, tracker.OpenRefused, tracker.OpenMidstream,
	} {
		if n.opens[o] > 0 {
			parts = append(parts, grouped(n.opens[o])+" "+names[o])
		}
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
		return "none: there was nothing to close"
	}
	return strings.Join(parts, " · ")
}

// waitings says who holds ports in TIME_WAIT, and who has not closed.
func waitings(n *totals) string {
	var parts []string
	if n.waits.count > 0 {
		s := grouped(n.waits.count) + " TIME_WAIT"
		holders := n.waits.list()
		top := holders[0]
		where := " at " + top.ip.Addr().String()
		if top.count < n.waits.count {
			where = fmt.Sprintf(", %s of them%s", grouped(top.count), where)
		}
		s += where + " (peak " + grouped(top.peak)
		switch {
		case top.role == tracker.Server:
			s += fmt.Sprintf(", the server on port %d itself)", top.server.Port)
		case top.peak*1000 >= EphemeralPorts: // enough of them to be worth a thought
			s += fmt.Sprintf(", %s of its ports to %s)", share(top.peak, EphemeralPorts), top.server)
		default:
			s += fmt.Sprintf(" to %s)", top.server)
		}
		parts = append(parts, s)
		if top.role == tracker.Client && n.waits.byRole[tracker.Server] > 0 {
			parts = append(parts, grouped(n.waits.byRole[tracker.Server])+" at servers")
		} else if top.role == tracker.Server && n.waits.byRole[tracker.Client] > 0 {
			parts = append(parts, grouped(n.waits.byRole[tracker.Client])+" at clients")
		}
	}
	if n.closeWait.count > 0 {
		ip, most := n.closeWait.most()
		s := grouped(n.closeWait.count) + " CLOSE_WAIT"
		if most.count < n.closeWait.count {
			s += fmt.Sprintf(", %s of them", grouped(most.count))
		}
		parts = append(parts, s+fmt.Sprintf(" at %s, silent for up to %s", ip.Addr(), roughSpan(max(most.silent, 0))))
	}
	return strings.Join(parts, " · ")
}
