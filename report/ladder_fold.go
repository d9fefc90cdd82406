package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/internal/seq"
	"github.com/tcplife/tcplife/report/anomaly"
	"github.com/tcplife/tcplife/tracker"
)

const (
	minFolded = 4 // a run of fewer ordinary segments is shown one by one
	maxTurns  = 8 // of a dialogue of more runs only the ends are shown
	keptTurns = 3 // at either end
)

// ladderItem is one line of a ladder: a segment, a run of them, or a step that no
// segment shows.
type ladderItem struct {
	at          int64
	first, last uint64 // packets; 0 for a step that no packet shows
	from        tracker.Role
	both        bool     // a run with data of both ends
	data        bool     // carries data
	void        bool     // its receiver takes no notice of it
	silent      bool     // no arrow: a timeout, or a packet of another connection
	text        []string // the label, ever shorter ones to choose from
	notes       []string
	findings    []*anomaly.Finding
	states      [2][]tracker.Transition
	run         run
}

func (it *ladderItem) label() string {
	switch {
	case it.first == 0:
		return ""
	case it.first == it.last:
		return fmt.Sprint(it.first)
	default:
		return fmt.Sprintf("%d…%d", it.first, it.last)
	}
}

// plain reports whether the item is an ordinary segment that may be folded.
func (it *ladderItem) plain() bool { return it.run.segments > 0 }

// run counts what a folded line stands for.
type run struct {
	segments, acks, resent, disordered, twice, keepalives int
	bytes                                                 [2]uint64
}

func (r *run) add(o *run) {
	r.segments += o.segments
	r.acks += o.acks
	r.resent += o.resent
	r.disordered += o.disordered
	r.twice += o.twice
	r.keepalives += o.keepalives
	r.bytes[0] += o.bytes[0]
	r.bytes[1] += o.bytes[1]
}

// dataSegments are those with payload, copies of the capture left out.
func (r *run) dataSegments() int { return r.segments - r.acks - r.keepalives - r.twice }

// text says what the run was, in ever fewer words.
func (r *run) text() []string {
	short := humanSize(r.bytes[0] + r.bytes[1])
	var middle string
	switch n := r.dataSegments(); {
	case n > 0 && r.bytes[0] > 0 && r.bytes[1] > 0:
		middle = counted(uint64(n), "data segment") + ", " + humanSize(r.bytes[0]) + " → " + humanSize(r.bytes[1]) + " ←"
	case n > 0:
		middle = counted(uint64(n), "data segment") + ", " + short
	case r.acks > 0:
		middle = counted(uint64(r.acks), "ACK")
		short = middle
	default:
		middle = counted(uint64(r.keepalives), "keep-alive")
		short = middle
	}
	full := middle
	if extras := r.extras(); extras != "" {
		full += ", " + extras
	}
	return []string{full, middle, short}
}

// extras says what was not ordinary in the run.
func (r *run) extras() string {
	var parts []string
	for _, extra := range []struct {
		n    int
		what string
	}{{r.resent, "resent"}, {r.disordered, "out of order"}, {r.twice, "captured twice"}} {
		if extra.n > 0 {
			parts = append(parts, grouped(uint64(extra.n))+" "+extra.what)
		}
	}
	if r.keepalives > 0 && r.acks+r.dataSegments() > 0 {
		parts = append(parts, counted(uint64(r.keepalives), "keep-alive"))
	}
	return strings.Join(parts, ", ")
}

// fold turns the segments into lines: those that tell something one by one, long
// runs of ordinary data as one, and between them the steps that no segment shows.
func fold(in LadderInput, all bool) []ladderItem {
	items := lines(in)
	if !all {
		items = foldDialogues(foldRuns(foldVolleys(items)))
	}
	return items
}

// lines makes an item of each segment and of each transition no segment shows.
func lines(in LadderInput) []ladderItem {
	r := in.Record
	steps := map[uint64][]tracker.Transition{}
	var reached [2]uint64 // the packet of each endpoint's step before
	for _, t := range r.Transitions {
		// What crossed on the wire was dated by its passing the tap: CLOSING by the peer's FIN,
		// which may have passed before the own one. States are read downward all the same.
		packet := t.Packet
		if packet > 0 {
			packet = max(packet, reached[t.Role])
			reached[t.Role] = packet
		}
		steps[packet] = append(steps[packet], t)
	}
	found := findingsByPacket(in)
	facts := map[uint64][]*tracker.Fact{}
	for i := range r.Facts {
		f := &r.Facts[i]
		facts[f.Packet] = append(facts[f.Packet], f)
	}
	numbers := newNumbering(in)
	items := make([]ladderItem, 0, len(in.Rows))
	for i := range in.Rows {
		row := &in.Rows[i]
		it := numbers.item(row)
		for _, t := range steps[it.first] {
			it.states[t.Role] = append(it.states[t.Role], t)
		}
		delete(steps, it.first)
		it.findings = found[it.first]
		it.notes = remarks(r, row, it.from, facts[it.first])
		if len(it.findings) > 0 || len(it.states[0])+len(it.states[1]) > 0 || !ordinary(row) {
			it.run = run{}
		}
		items = append(items, it)
	}
	return withSilent(items, steps)
}

// withSilent puts the steps that no segment shows where their time is.
func withSilent(items []ladderItem, steps map[uint64][]tracker.Transition) []ladderItem {
	var silent []ladderItem
	for _, ts := range steps {
		for _, t := range ts {
			it := ladderItem{at: t.At, first: t.Packet, last: t.Packet, silent: true, text: []string{t.Event.String()}}
			it.states[t.Role] = []tracker.Transition{t}
			silent = append(silent, it)
		}
	}
	if len(silent) == 0 {
		return items
	}
	slices.SortStableFunc(silent, func(a, b ladderItem) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(len(b.states[tracker.Client]), len(a.states[tracker.Client])))
	})
	out := make([]ladderItem, 0, len(items)+len(silent))
	for _, it := range items {
		for len(silent) > 0 && silent[0].at < it.at {
			out, silent = append(out, silent[0]), silent[1:]
		}
		out = append(out, it)
	}
	return append(out, silent...)
}

// findingsByPacket puts each finding on the last of its packets that has a line.
func findingsByPacket(in LadderInput) map[uint64][]*anomaly.Finding {
	has := make(map[uint64]bool, len(in.Rows))
	for i := range in.Rows {
		has[in.Rows[i].Segment.Number] = true
	}
	found := map[uint64][]*anomaly.Finding{}
	for i := range in.Record.Findings {
		f := &in.Record.Findings[i]
		var last uint64
		for _, p := range f.Packets {
			if has[p] {
				last = max(last, p)
			}
		}
		if last != 0 {
			found[last] = append(found[last], f)
		}
	}
	return found
}

// ordinary reports whether a segment may vanish in a run: nothing but ACK and PSH,
// and no note that changes the story.
func ordinary(row *LadderRow) bool {
	if row.Segment.IsQuote {
		return false
	}
	const telling = tracker.NoteZeroWindow | tracker.NoteChallengeAck | tracker.NoteIgnored |
		tracker.NoteBadChecksum | tracker.NoteUnseenAck
	return row.Segment.Flags&^(segment.ACK|segment.PSH|segment.ECE|segment.CWR|segment.AE) == 0 &&
		row.Verdict.Note&telling == 0
}

// foldRuns makes one item of ordinary segments in a row that carry data one way, the
// ACKs between them included.
func foldRuns(items []ladderItem) []ladderItem {
	var out []ladderItem
	for i := 0; i < len(items); {
		j, data := i, -1
		for j < len(items) && items[j].plain() {
			if items[j].data {
				if data >= 0 && int(items[j].from) != data {
					break
				}
				data = int(items[j].from)
			}
			j++
		}
		switch {
		case j == i:
			out = append(out, items[i])
			i++
		case j-i < minFolded:
			out = append(out, items[i:j]...)
			i = j
		default:
			out = append(out, merge(items[i:j]))
			i = j
		}
	}
	return out
}

// foldDialogues makes one item of the middle of a long dialogue.
func foldDialogues(items []ladderItem) []ladderItem {
	var out []ladderItem
	for i := 0; i < len(items); {
		j := i
		for j < len(items) && items[j].plain() {
			j++
		}
		switch {
		case j == i:
			out = append(out, items[i])
			i++
		case j-i <= maxTurns:
			out = append(out, items[i:j]...)
			i = j
		default:
			out = append(out, items[i:i+keptTurns]...)
			out = append(out, merge(items[i+keptTurns:j-keptTurns]))
			out = append(out, items[j-keptTurns:j]...)
			i = j
		}
	}
	return out
}

func merge(items []ladderItem) ladderItem {
	it := items[0]
	it.notes, it.last = nil, items[len(items)-1].last
	it.run, it.data, it.void = run{}, false, false
	for i := range items {
		it.run.add(&items[i].run)
		if items[i].data && !it.data {
			it.data, it.from = true, items[i].from
		}
	}
	it.both = it.run.bytes[0] > 0 && it.run.bytes[1] > 0
	it.text = it.run.text()
	return it
}

// numbering turns sequence numbers into positions in each stream, the SYN at 0, in
// 64 bits: a stream beyond 4 GB goes on counting.
type numbering struct {
	record *Record
	base   [2]seq.Num
	near   [2]int64
	known  [2]bool
}

func newNumbering(in LadderInput) *numbering {
	n := &numbering{record: in.Record}
	for role := range n.base {
		if e := &in.Record.Endpoints[role]; e.ISNKnown {
			n.base[role], n.known[role] = seq.Num(e.ISN), true
		}
	}
	return n
}

// position returns where s stands in the stream of role. Of a stream whose SYN was
// not captured the first octet seen stands at 1.
func (n *numbering) position(role tracker.Role, s seq.Num) int64 {
	if !n.known[role] {
		n.base[role], n.known[role] = s.Add(^uint32(0)), true
	}
	return s.Unwrap(n.base[role], n.near[role])
}

func (n *numbering) item(row *LadderRow) ladderItem {
	s := &row.Segment
	if s.IsQuote {
		return n.quote(row)
	}
	from := tracker.Client
	if s.Dir != n.record.ClientIs {
		from = tracker.Server
	}
	it := ladderItem{
		at: s.Time, first: s.Number, last: s.Number, from: from,
		data: s.PayloadLen > 0,
		void: row.Verdict.Note&(tracker.NoteIgnored|tracker.NoteBadChecksum|tracker.NoteDuplicate) != 0,
	}
	pos := n.position(from, s.Seq)
	numbers := fmt.Sprint(pos)
	if s.Flags.Has(segment.ACK) {
		ack := n.position(from.Peer(), s.Ack)
		numbers += fmt.Sprintf("/%d", ack)
		if !it.void {
			n.near[from.Peer()] = max(n.near[from.Peer()], ack)
		}
	}
	if !it.void {
		n.near[from] = max(n.near[from], pos+int64(s.Len()))
	}
	name := flagName(s)
	size := ""
	if s.PayloadLen > 0 {
		size = fmt.Sprintf(" +%d", s.PayloadLen)
	}
	it.text = []string{name + " " + numbers + size, name + " " + fmt.Sprint(pos) + size, name + size, name}
	it.run = runOf(row, from)
	return it
}

// quote is the item of an ICMP error. It travels to whoever sent what it quotes, and is no segment of the peer.
func (n *numbering) quote(row *LadderRow) ladderItem {
	s := &row.Segment
	to := tracker.Client
	if s.Dir != n.record.ClientIs {
		to = tracker.Server
	}
	about := fmt.Sprintf(" about %d", n.position(to, s.Seq))
	name := "ICMP " + s.ICMP.String()
	return ladderItem{
		at: s.Time, first: s.Number, last: s.Number, from: to.Peer(), void: true,
		text: []string{name + about, name, "ICMP" + about, "ICMP"}, run: run{segments: 1},
	}
}

// flagName names the segment by the flags that make it what it is.
func flagName(s *segment.Segment) string {
	f := s.Flags &^ (segment.PSH | segment.ECE | segment.CWR | segment.AE)
	if f == segment.ACK && s.PayloadLen > 0 {
		return "data"
	}
	if f == 0 {
		return "no flags"
	}
	return strings.ReplaceAll(f.String(), ",", " ")
}

// runOf counts one segment; of one that was captured twice the copy counts as such only.
func runOf(row *LadderRow, from tracker.Role) run {
	r := run{segments: 1}
	switch note := row.Verdict.Note; {
	case note&tracker.NoteDuplicate != 0:
		r.twice = 1
		return r
	case note&tracker.NoteKeepalive != 0:
		r.keepalives = 1
		return r
	case note&tracker.NoteRetransmission != 0:
		r.resent = 1
	case note&tracker.NoteOutOfOrder != 0:
		r.disordered = 1
	}
	if row.Segment.PayloadLen == 0 {
		r.acks = 1
	} else {
		r.bytes[from] = uint64(row.Segment.PayloadLen)
	}
	return r
}
