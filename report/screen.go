package report

import (
	"bufio"
	"fmt"
	"slices"
	"strings"

	"github.com/tcplife/tcplife/report/anomaly"
)

// The groups shown on the first screen: what needs attention, and what explains.
const (
	maxAlarmsShown = 8
	maxNotesShown  = 4
)

// screen writes the parts of the first screen around the table. Write errors are
// kept by the bufio.Writer, whose Flush returns them.
type screen struct {
	w        *bufio.Writer
	style    style
	width    int
	markdown bool
}

func (s *screen) line(parts ...string) {
	for _, p := range parts {
		s.w.WriteString(p)
	}
	s.w.WriteByte('\n')
}

// labelWidth is the column the statements begin in.
const labelWidth = 9

func (s *screen) summary(facts []said) {
	for _, f := range facts {
		if s.markdown {
			s.line("- **", f.label, "**: ", forMarkdown(f.text))
			continue
		}
		for i, l := range wrap(f.text, s.width-labelWidth) {
			label := fill("", labelWidth)
			if i == 0 {
				label = fill(f.label, labelWidth)
				if f.alarm {
					label = s.style.paint(severityColor(anomaly.Error), label)
				} else {
					label = s.style.bold(label)
				}
			}
			s.line(label, l)
		}
	}
	s.line()
}

// findings writes what was found: of the whole trace first, as far as it concerns
// how much the rest can be trusted, then the causes in the connections.
func (s *screen) findings(t *Trace, list []group, idDigits int) {
	wrote := false
	for i := range t.Findings {
		if f := &t.Findings[i]; !f.Detail {
			s.traceFinding(f)
			wrote = true
		}
	}
	digits := 1
	for i := range list {
		digits = max(digits, cells(grouped(list[i].count)))
	}
	var alarms, notes, more int
	said := map[*anomaly.Kind]bool{}
	for i := range list {
		g := &list[i]
		if g.severity < anomaly.Note && alarms < maxAlarmsShown {
			alarms++
		} else if g.severity == anomaly.Note && notes < maxNotesShown {
			notes++
		} else {
			more++
			continue
		}
		if c := t.Limit.On(g.kind, g.confidence); c > g.confidence {
			g.confidence, g.limited = c, true
		}
		s.group(g, digits, idDigits, t.Files, !said[g.kind])
		said[g.kind] = true
		wrote = true
	}
	if more > 0 {
		s.line(s.style.dim(fmt.Sprintf("…  %s more not shown · --format json has all", counted(uint64(more), "group"))))
	}
	if wrote {
		s.line()
	}
}

func (s *screen) traceFinding(f *anomaly.Finding) {
	text := forTerminal(f.Evidence) // it says in numbers what the summary says
	if text == "" {
		text = f.Kind.Summary
	}
	if s.markdown {
		s.line("- **", severityLabel(f.Severity), "** ", f.Kind.Slug, " · ", forMarkdown(text))
		return
	}
	s.hanging(severityLabel(f.Severity), f.Severity, f.Kind.Slug, " · "+text, 8)
}

// hanging writes a label, a name in bold and text, wrapped with the given indent.
func (s *screen) hanging(label string, sev anomaly.Severity, name, text string, indent int) {
	for i, l := range wrap(name+text, s.width-indent) {
		if i > 0 {
			s.line(fill("", indent), l)
			continue
		}
		s.line(s.style.paint(severityColor(sev), fill(label, indent)), s.style.bold(name), strings.TrimPrefix(l, name))
	}
}

// group writes one cause; what its kind means only with the first of the kind.
func (s *screen) group(g *group, digits, idDigits int, files []File, meaning bool) {
	count := pad(grouped(g.count), digits, ' ')
	id := g.sample.id()[:idDigits]
	command := "tcplife show " + commandFiles(files) + " -c " + id
	what := " · " + strings.Join(g.where(), " · ")
	if s.markdown {
		s.line("- **", severityLabel(g.severity), "** ", grouped(g.count), " × **", g.kind.Slug, "**", forMarkdown(what), "  ")
		if meaning {
			s.line("  ", forMarkdown(g.kind.Summary), "  ")
		}
		s.line("  ", forMarkdown(g.example()), " · `", strings.ReplaceAll(command, "`", "'"), "`")
		return
	}
	label := fill(severityLabel(g.severity), 6) + count + " × "
	indent := cells(label)
	if g.severity == anomaly.Note {
		s.hanging(label, g.severity, g.kind.Slug, what+" · "+together("e.g. "+id), indent)
		return
	}
	s.hanging(label, g.severity, g.kind.Slug, what, indent)
	blank := fill("", indent)
	if meaning {
		for _, l := range wrap(g.kind.Summary, s.width-indent) {
			s.line(blank, l)
		}
	}
	for _, l := range wrap(g.example(), s.width-indent) {
		s.line(blank, s.style.dim(l))
	}
	s.line(blank, command)
}

// where says whom the group concerns: which server, who ended it and when, and
// which clients.
func (g *group) where() []string {
	var parts []string
	switch {
	case g.more && g.servers > 1:
		parts = append(parts, fmt.Sprintf("more than %s other servers or ports", grouped(uint64(g.servers))))
	case g.more:
		parts = append(parts, "other servers")
	case g.servers > 1:
		parts = append(parts, fmt.Sprintf("%s other servers or ports", grouped(uint64(g.servers))))
	default:
		parts = append(parts, g.server.String())
	}
	if ended := g.ended(); ended != "" {
		parts = append(parts, ended)
	}
	switch n := len(g.clients); {
	case n == 1 && g.count > 1:
		parts = append(parts, "from "+g.clients[0].Addr().String()+" only")
	case n == 1:
		parts = append(parts, "from "+g.clients[0].Addr().String())
	case n > maxGroupClients:
		parts = append(parts, fmt.Sprintf("from more than %d clients", maxGroupClients))
	case n > 1:
		parts = append(parts, fmt.Sprintf("from %d clients", n))
	}
	if g.limited {
		parts = append(parts, g.confidence.String()+" confidence")
	}
	return parts
}

// maxPacketsNamed is how many packets of a sample are named.
const maxPacketsNamed = 4

// example names the packets of the sample and what was compared in them.
func (g *group) example() string {
	s := "e.g. " + packetList(g.sample.packets)
	if len(g.sample.packets) == 0 {
		s = "e.g."
	}
	if evidence := string(g.sample.evidence); evidence != "" {
		s = strings.TrimSuffix(s, ".") + ": " + forTerminal(evidence)
	}
	return s
}

// packetList writes packet numbers as Wireshark users read them: "#812 #815".
func packetList(packets []uint64) string {
	var parts []string
	for i, n := range packets {
		if i == maxPacketsNamed {
			parts = append(parts, fmt.Sprintf("and %d more", len(packets)-i))
			break
		}
		parts = append(parts, fmt.Sprintf("#%d", n))
	}
	return strings.Join(parts, " ")
}

// commandFiles writes the files as arguments of a command; more than two, or
// standard input, as a placeholder.
func commandFiles(files []File) string {
	files = readable(files)
	if len(files) == 0 || len(files) > 2 || slices.ContainsFunc(files, func(f File) bool { return f.Path == "-" }) {
		return "FILE…"
	}
	var words []string
	for i := range files {
		words = append(words, forShell(files[i].Path))
	}
	return strings.Join(words, " ")
}

// nothing answers when there was no connection at all.
func (s *screen) nothing(t *Trace) {
	text := "No TCP connection in it."
	switch {
	case t.Packets == 0 && t.Filter != "":
		text = "No packet matched the filter; tagged or tunnelled ones need it said, as in (tcp or vlan and tcp)."
	case t.Packets == 0:
		text = "No packet in it."
	case t.TCP == 0 && t.Filter != "":
		text = "No TCP segment matched the filter."
	case t.TCP == 0:
		text = "No TCP segment was read from it."
		if t.Skipped[cutWithin] > 0 {
			text += " Capture at least 128 bytes of each packet: tcpdump -s 128."
		}
	}
	if s.markdown {
		text = forMarkdown(text)
	}
	s.line(text)
}

func (s *screen) footer(all, shown uint64, o TableOptions, slug string) {
	var parts []string
	if shown < all {
		how := o.Sort
		switch o.Sort {
		case SortWorst:
		case SortTime:
			how = "first"
		default:
			how = "first by " + o.Sort
		}
		parts = append(parts, fmt.Sprintf("… "+nbsp+"%s; %s %s shown", counted(all, "connection"), grouped(shown), how))
		if o.Most > 0 && shown >= uint64(o.Most) {
			parts = append(parts, "--max-memory has no room for more rows; --format csv writes all")
		} else {
			parts = append(parts, "--all")
		}
	}
	if slug != "" {
		parts = append(parts, together("tcplife explain "+slug))
	}
	if len(parts) == 0 {
		return
	}
	if s.markdown {
		s.line()
		s.line(forMarkdown(strings.Join(parts, " · ")))
		return
	}
	for _, l := range wrap(strings.Join(parts, " · "), s.width) {
		s.line(s.style.dim(l))
	}
}
