package reference

import (
	"fmt"
	"strings"

	"github.com/tcplife/tcplife/internal/segment"
)

// Text writes what passed the tap as a conversation of internal/script, with what the
// tap could not see and the true states as remarks.
func (w *World) Text() string {
	var b strings.Builder
	opener := 0
	if len(w.Wire) > 0 {
		opener = w.Wire[0].From
	}
	fmt.Fprintf(&b, "%s, tap %.1f and %.1f ms from the ends\n", w.plan.Name, float64(w.plan.Way[opener])/1000, float64(w.plan.Way[1-opener])/1000)
	for i := range w.Wire {
		w.Wire[i].write(&b, opener)
	}
	for _, end := range []int{opener, 1 - opener} {
		fmt.Fprintf(&b, "# truth of %s:", [...]string{">", "<"}[end^opener])
		for _, s := range w.Ends[end].Path {
			fmt.Fprintf(&b, " %v %.4f", s.To, float64(s.At)/1e6)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func (t *Tapped) write(b *strings.Builder, opener int) {
	direction := ">"
	if t.From != opener {
		direction = "<"
	}
	seq, end := t.Seq, t.Seq+t.Len
	flags := ""
	for _, f := range []struct {
		bit    segment.Flags
		letter string
	}{{segment.SYN, "S"}, {segment.FIN, "F"}, {segment.RST, "R"}, {segment.PSH, "P"}, {segment.ACK, "."}} {
		if t.Flags.Has(f.bit) {
			flags += f.letter
		}
	}
	fmt.Fprintf(b, "%.4f %s %-2s %d:%d(%d)", float64(t.At)/1e6, direction, flags, seq, end, t.Len)
	if t.Flags.Has(segment.ACK) {
		fmt.Fprintf(b, " ack %d", t.Ack)
	}
	var options []string
	if t.TSVal != 0 {
		options = append(options, fmt.Sprintf("TS val %d ecr %d", t.TSVal, t.TSEcr))
	}
	if t.Twice[1] != 0 {
		options = append(options, fmt.Sprintf("sack %d:%d", t.Twice[0], t.Twice[1]))
	}
	if len(options) > 0 {
		fmt.Fprintf(b, " <%s>", strings.Join(options, ","))
	}
	if t.Unseen {
		b.WriteString(" lost")
	}
	b.WriteByte('\n')
	switch {
	case t.Unseen:
	case t.Fate == Lost:
		b.WriteString("# ^ lost behind the tap\n")
	case t.Fate == Late:
		b.WriteString("# ^ late behind the tap\n")
	case t.Fate == Doubled:
		b.WriteString("# ^ doubled behind the tap\n")
	}
}
