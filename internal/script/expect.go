package script

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// stateNames are the states as a record spells them (RFC 9293 3.3.2).
var stateNames = []string{
	"UNKNOWN", "CLOSED", "LISTEN", "SYN_SENT", "SYN_RCVD", "ESTABLISHED", "FIN_WAIT_1",
	"FIN_WAIT_2", "CLOSE_WAIT", "CLOSING", "LAST_ACK", "TIME_WAIT",
}

// recordFields are the fields a record line may name, and their values.
var recordFields = map[string][]string{
	"open":            {"none", "half", "full", "simultaneous", "fast_open", "refused", "midstream"},
	"close":           {"none", "half_closed", "orderly", "orderly_unacked", "aborted", "refused", "timed_out", "replaced", "open_at_end"},
	"closed_by":       {"-", "client", "server", "both", "network", "unknown"},
	"phase":           {"-", "post_syn", "post_ack", "post_psh", "later", "closing", "time_wait"},
	"time_wait":       {"none", "client", "server", "both"},
	"time_wait_ended": {"expiry", "reuse", "rst", "capture_end"},
	"direction":       {"syn", "syn_ack", "port", "first_packet"},
	"client":          stateNames,
	"server":          stateNames,
}

// expect reads what stands behind // and hands on the states that still hold.
func (p *parser) expect(l *Line, text string) error {
	for _, part := range splitOutsideQuotes(text) {
		word, rest, _ := strings.Cut(part, " ")
		switch {
		case word == "want":
			w, err := p.want(rest)
			if err != nil {
				return err
			}
			l.Wants = append(l.Wants, w)
		case strings.Contains(part, "|"):
			if err := p.setStates(part); err != nil {
				return err
			}
		default:
			return fmt.Errorf("expectation %q, want \"STATE | STATE\", \"want SLUG\" or a remark that begins with #", part)
		}
	}
	if l.Packet != 0 {
		l.States = p.states
	}
	return nil
}

// setStates reads STATE | STATE.
func (p *parser) setStates(text string) error {
	parts := strings.Split(text, "|")
	if len(parts) != 2 {
		return fmt.Errorf("states %q, want the initiator's and the responder's with one | between", text)
	}
	for i, name := range parts {
		switch name = strings.TrimSpace(name); {
		case name == "":
		case name == "*":
			p.states[i] = ""
		case slices.Contains(stateNames, name):
			p.states[i] = name
		default:
			return fmt.Errorf("unknown state %q, want one of %s, or *", name, strings.Join(stateNames, " "))
		}
	}
	return nil
}

// want reads SLUG [by ROLE] ["EVIDENCE"].
func (p *parser) want(text string) (Want, error) {
	w := Want{Number: p.number}
	text, quoted, found := strings.Cut(text, `"`)
	if found {
		evidence, rest, closed := strings.Cut(quoted, `"`)
		if !closed || strings.TrimSpace(rest) != "" {
			return w, fmt.Errorf("evidence \"%s, want one quoted part at the end", quoted)
		}
		w.Evidence = evidence
	}
	words := strings.Fields(text)
	if len(words) == 3 && words[1] == "by" && (words[2] == "client" || words[2] == "server") {
		w.Role, words = words[2], words[:1]
	}
	if len(words) != 1 {
		return w, fmt.Errorf("want %q, want SLUG [by client|server] [\"part of the evidence\"]", strings.TrimSpace(text))
	}
	w.Slug = words[0]
	return w, nil
}

// record reads "N: FIELD VALUE, FIELD VALUE".
func (p *parser) record(text string) error {
	index, fields, found := strings.Cut(text, ":")
	n := len(p.conv.Records) + 1
	if !found || strings.TrimSpace(index) != strconv.Itoa(n) {
		return fmt.Errorf("record %q, want the next one: \"record %d: open full, close orderly\"", text, n)
	}
	r := Record{Number: p.number, Index: n}
	for part := range strings.SplitSeq(fields, ",") {
		words := strings.Fields(part)
		if len(words) != 2 {
			return fmt.Errorf("field %q of record %d, want a name and a value", strings.TrimSpace(part), n)
		}
		values, ok := recordFields[words[0]]
		if !ok {
			return fmt.Errorf("unknown field %q of record %d, want one of %s", words[0], n, strings.Join(fieldNames(), " "))
		}
		if !slices.Contains(values, words[1]) {
			return fmt.Errorf("%s %q of record %d, want one of %s", words[0], words[1], n, strings.Join(values, " "))
		}
		r.Fields = append(r.Fields, Field{Key: words[0], Value: words[1]})
	}
	p.conv.Records = append(p.conv.Records, r)
	return nil
}

func fieldNames() []string {
	var names []string
	for name := range recordFields {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// trace reads "want ..." of the whole trace.
func (p *parser) trace(text string) error {
	word, rest, _ := strings.Cut(text, " ")
	if word != "want" {
		return fmt.Errorf("trace %q, want \"trace want SLUG\"", text)
	}
	w, err := p.want(rest)
	p.conv.Trace = append(p.conv.Trace, w)
	return err
}

// splitOutsideQuotes cuts text at semicolons and at the # of a remark, neither
// of which counts within quotes; empty parts are left out.
func splitOutsideQuotes(text string) []string {
	var parts []string
	quoted, begin, end := false, 0, len(text)
	add := func(to int) {
		if part := strings.TrimSpace(text[begin:to]); part != "" {
			parts = append(parts, part)
		}
		begin = to + 1
	}
scan:
	for i := range len(text) {
		switch {
		case text[i] == '"':
			quoted = !quoted
		case quoted:
		case text[i] == ';':
			add(i)
		case text[i] == '#':
			end = i
			break scan
		}
	}
	add(end)
	return parts
}
