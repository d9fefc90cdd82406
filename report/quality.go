package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tcplife/tcplife/report/anomaly"
)

// Grade says how far a capture can be trusted.
type Grade uint8

// The grades. Good: what is missing would not change a verdict. Fair: single
// verdicts may be wrong. Poor: look at the capture before the network.
const (
	Good Grade = iota
	Fair
	Poor
	Unknown // nothing was read to judge by
)

func (g Grade) String() string { return [...]string{"good", "fair", "poor", "unknown"}[g] }

// The limits between the grades, of octets acknowledged but never captured and
// of packets reported dropped. A thousandth is where teardown segments begin to be
// missed in captures of thousands of connections; at one in fifty most long
// connections have a hole.
const (
	fairLoss = 0.001
	poorLoss = 0.02
	// backwardsStep is how far back one time stamp must lie to make a capture fair: longer than queues of one host
	// hold packets.
	backwardsStep = int64(time.Second)
)

// Quality grades a capture of which only some connections are shown. It is for one goroutine.
type Quality struct{ totals totals }

// Add counts a connection.
func (q *Quality) Add(r *Record) { q.totals.add(r) }

// Sentence tells the grade and why, as at the head of every report.
func (q *Quality) Sentence(t *Trace) (Grade, string) { return judgeQuality(t, &q.totals) }

// maxQuality is how many characters the sentence has at most: two lines of 80 columns behind the label.
const maxQuality = 2*(80-labelWidth) - len("poor: ")

// shorten leaves out the last of the parts that do not fit.
func shorten(parts []string) string {
	s := parts[0]
	for i, p := range parts[1:] {
		left := fmt.Sprintf(" (%d more)", len(parts)-1-i)
		if last := i == len(parts)-2; last {
			left = ""
		}
		if cells(s)+len(", ")+cells(p)+len(left) > maxQuality {
			return s + fmt.Sprintf(" (%d more)", len(parts)-1-i)
		}
		s += ", " + p
	}
	return s
}

// cutWithin is the kind of packets that are no segments for want of captured octets.
const cutWithin = "truncated tcp header"

// judgeQuality grades the capture and says why in one sentence, the worst first.
func judgeQuality(t *Trace, n *totals) (Grade, string) {
	grade := Good
	var bad [Poor + 1][]string // by what they make of the capture
	var fine []string
	worse := func(g Grade, format string, args ...any) {
		grade = max(grade, g)
		bad[g] = append(bad[g], fmt.Sprintf(format, args...))
	}
	loss := func(part, whole uint64) Grade {
		switch p := float64(part) / float64(max(whole, 1)); {
		case p >= poorLoss:
			return Poor
		case p >= fairLoss:
			return Fair
		}
		return Good
	}

	switch lost := t.Drops.Kernel + t.Drops.Interface; {
	case lost > 0:
		worse(max(loss(lost, lost+t.Packets), Fair), "%s reported dropped (%s)", counted(lost, "packet"), share(lost, lost+t.Packets))
	case t.Drops.Known:
		fine = append(fine, "no drops reported")
	}
	switch {
	case n.lost > 0 && loss(n.lost, n.acked) > Good:
		worse(loss(n.lost, n.acked), "%s of the bytes were acknowledged but never captured", share(n.lost, n.acked))
	case n.lost > 0:
		fine = append(fine, share(n.lost, n.acked)+" of bytes acknowledged but never captured")
	case n.acked > 0:
		fine = append(fine, "every acknowledged byte was captured")
	}
	if gaps := found(t, anomaly.MidFileGap); gaps > 0 {
		worse(Poor, "the capture paused %s", times(gaps))
	}
	if steps := found(t, anomaly.ClockStep); steps > 0 {
		worse(Poor, "its clock jumped %s", times(steps))
	}
	for i := range t.Files {
		if f := &t.Files[i]; f.Damaged {
			worse(Fair, "%s is damaged or cut short", fileName(f))
		}
	}
	switch oneWay := n.found.of(anomaly.OneWayCapture); {
	case oneWay*2 > n.connections:
		worse(Poor, "%s in one direction only", counted(oneWay, "connection"))
	case found(t, anomaly.OneWayCapture) > 0:
		worse(Fair, "%s in one direction only", counted(oneWay, "connection"))
	case oneWay > 0:
		fine = append(fine, counted(oneWay, "connection")+" in one direction only")
	}
	if c := t.Summary.TruncatedHeader; c > 0 {
		worse(Fair, "headers of %s cut by the snapshot length", counted(c, "packet"))
	}
	if c := t.Skipped[cutWithin]; c > 0 {
		worse(most(c, t.TCP), "%s cut within the TCP header", counted(c, "packet"))
	}
	if c := broken(t.Skipped); c*100 >= t.Packets && c > 0 {
		worse(most(c, t.TCP), "headers of %s broken or cut short", counted(c, "packet"))
	}
	if c := t.Backwards; c > 0 {
		text := fmt.Sprintf("%s stamped earlier than the one before, by up to %s", counted(c, "packet"), roughSpan(t.BackwardsMost))
		if t.BackwardsMost >= backwardsStep || float64(c) >= fairLoss*float64(t.Packets) {
			worse(Fair, "%s", text)
		} else {
			fine = append(fine, text)
		}
	}
	if c := t.Summary.Evicted; c > 0 {
		worse(Fair, "%s left early, for %s was reached", counted(c, "connection"), anomaly.EvictedFor(&t.Summary))
	}
	if found(t, anomaly.OffloadSuperframes) > 0 {
		fine = append(fine, "segments of several packets in one (TSO or GRO)")
	}
	if found(t, anomaly.VLANSplit) > 0 {
		fine = append(fine, "directions on different VLANs")
	}
	if c := t.Summary.Duplicates; c > 0 {
		where := "captured twice (counted once)"
		if elsewhere := anomaly.CopiesElsewhere(&t.Summary.Copies); elsewhere != "" {
			where = "captured twice, " + elsewhere + " (counted once)"
		}
		fine = append(fine, counted(c, "packet")+" "+where)
	}
	if n := uint64(len(t.Pairs)); n > 0 {
		least := ""
		if t.PairsOneIn > 1 {
			least = "at least "
		}
		fine = append(fine, least+counted(n, "connection")+" on both sides of an address translator (counted twice)")
	}
	if hosts := found(t, anomaly.ChecksumOffload); hosts > 0 { // one finding per host
		fine = append(fine, "checksum offload on "+counted(hosts, "host")+" (checksums ignored)")
	} else if c := t.Summary.ChecksumBad; c > 0 {
		fine = append(fine, counted(c, "packet")+" with a bad checksum")
	}
	if t.TCP == 0 && grade == Good {
		return Unknown, "no TCP segment was read from it"
	}
	parts := slices.Concat(bad[Poor], bad[Fair], fine)
	if len(parts) == 0 {
		parts = []string{"no sign of loss, but no data to judge by"}
	}
	return grade, strings.ReplaceAll(shorten(parts), nbsp, " ")
}

// most grades what hides segments: more of them hidden than read make a capture poor.
func most(hidden, read uint64) Grade {
	if hidden > read {
		return Poor
	}
	return Fair
}

// broken counts the packets whose headers cannot be: damaged, cut short, or put together wrongly.
func broken(skipped map[string]uint64) (n uint64) {
	for kind, count := range skipped {
		if kind != cutWithin && (strings.HasPrefix(kind, "malformed") || strings.HasPrefix(kind, "truncated")) {
			n += count
		}
	}
	return n
}

func times(n uint64) string {
	if n == 1 {
		return "once"
	}
	return counted(n, "time")
}

// found counts the findings of a kind over the whole trace.
func found(t *Trace, k *anomaly.Kind) uint64 {
	var n uint64
	for i := range t.Findings {
		if t.Findings[i].Kind == k {
			n++
		}
	}
	return n
}
