//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// record is what these tests read of a connection's record.
type record struct {
	Schema, ID   string
	Incarnation  int
	Client       address
	Server       address
	Path         json.RawMessage
	Direction    struct{ By, Certainty string }
	First        packet `json:"first_packet"`
	Last         packet `json:"last_packet"`
	Open, Close  string
	ClosedBy     string `json:"closed_by"`
	Phase        string
	States       map[string]string
	Transitions  []transition
	Endpoints    map[string]recordEnd
	Handshake    handshake
	Findings     []finding
	ClosedAt     *time.Time `json:"closed_at"`
	OpenedAt     *time.Time `json:"opened_at"`
	DurationSecs float64    `json:"duration_s"`
}

type address struct {
	IP   string
	Port uint16
}

type packet struct {
	Number uint64
	At     time.Time
	File   string
}

type transition struct {
	At                        time.Time
	Packet                    uint64
	Endpoint, From, To, Event string
	Certainty                 string
}

type recordEnd struct {
	Packets, Bytes uint64
	Payload        uint64 `json:"payload_bytes"`
	Retransmitted  uint64 `json:"retransmitted_packets"`
	Duplicates     uint64 `json:"duplicate_packets"`
	OutOfOrder     uint64 `json:"out_of_order_packets"`
	Missing        uint64 `json:"missing_bytes"`
	Keepalives     uint64
	Syn, Fin, Rst  uint64
}

type handshake struct {
	RTTServer *float64 `json:"rtt_server_s"`
	RTTClient *float64 `json:"rtt_client_s"`
}

type finding struct {
	Slug, Severity, Confidence string
	Evidence                   string
}

// The vocabularies of the contract.
var (
	stateWords = words("CLOSED LISTEN SYN_SENT SYN_RCVD ESTABLISHED FIN_WAIT_1 FIN_WAIT_2 CLOSE_WAIT CLOSING LAST_ACK TIME_WAIT UNKNOWN")
	openWords  = words("none half full simultaneous fast_open refused midstream")
	closeWords = words("none half_closed orderly orderly_unacked aborted refused timed_out replaced open_at_end")
	byWords    = words("client server both network unknown")
	phaseWords = words("post_syn post_ack post_psh later closing time_wait")
	sureWords  = words("observed inferred assumed")
)

func words(s string) []string { return strings.Fields(s) }

// readRecords reads JSON lines strictly: connections, and the trace as the last.
func readRecords(out []byte) ([]record, error) {
	if len(out) == 0 {
		return nil, nil // an error took its place, which is checked elsewhere
	}
	if !bytes.HasSuffix(out, []byte("\n")) {
		return nil, errors.New("the last line does not end")
	}
	lines := bytes.Split(bytes.TrimSuffix(out, []byte("\n")), []byte("\n"))
	var trace struct {
		Schema  string
		Quality struct {
			Backwards uint64 `json:"backwards_packets"`
		}
	}
	if err := json.Unmarshal(lines[len(lines)-1], &trace); err != nil || trace.Schema != "tcplife/trace/1" {
		return nil, fmt.Errorf("the last line is of schema %q, error %w", trace.Schema, err)
	}
	records := []record{}
	ids := make(map[string]bool)
	for i, line := range lines {
		if err := strict(line); err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		if i == len(lines)-1 {
			break
		}
		var r record
		if err := json.Unmarshal(line, &r); err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		if err := r.check(trace.Quality.Backwards == 0); err != nil {
			return nil, fmt.Errorf("line %d, connection %s: %w", i+1, r.ID, err)
		}
		if ids[r.ID] {
			return nil, fmt.Errorf("line %d: second connection %s", i+1, r.ID)
		}
		ids[r.ID] = true
		records = append(records, r)
	}
	return records, nil
}

// strict refuses what many parsers let pass: broken UTF-8, a key twice; and
// what stands for the unknown but should be absent: null and "".
func strict(line []byte) error {
	if !utf8.Valid(line) {
		return errors.New("no valid UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	if err := strictValue(d, ""); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one value")
	}
	return nil
}

func strictValue(d *json.Decoder, at string) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	switch v := token.(type) {
	case nil:
		return fmt.Errorf("%s is null", at)
	case string:
		if v == "" {
			return fmt.Errorf("%s is an empty string", at)
		}
	case json.Delim:
		keys := make(map[string]bool)
		for i := 0; d.More(); i++ {
			inner := fmt.Sprintf("%s[%d]", at, i)
			if v == '{' {
				key, err := d.Token()
				if err != nil {
					return err
				}
				name, ok := key.(string)
				if !ok || keys[name] {
					return fmt.Errorf("%s: key %v again", at, key)
				}
				keys[name] = true
				inner = at + "." + name
			}
			if err := strictValue(d, inner); err != nil {
				return err
			}
		}
		_, err := d.Token()
		return err
	}
	return nil
}

// check returns how a record breaks the contract. Times go forward only where
// the clock of the capture does.
func (r *record) check(forward bool) error {
	var problems []error
	in := func(what, word string, allowed []string) {
		if !slices.Contains(allowed, word) {
			problems = append(problems, fmt.Errorf("%s is %q", what, word))
		}
	}
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }

	in("schema", r.Schema, words("tcplife/connection/1"))
	in("open", r.Open, openWords)
	in("close", r.Close, closeWords)
	if r.Phase != "" {
		in("phase", r.Phase, phaseWords)
	}
	unclosed := r.Close == "none" || r.Close == "open_at_end"
	switch {
	case r.ClosedBy != "":
		in("closed_by", r.ClosedBy, byWords)
		if unclosed {
			wrong("closed_by %s, close %s", r.ClosedBy, r.Close)
		}
	case !unclosed:
		wrong("close %s without closed_by", r.Close)
	}
	if r.ID == "" || r.Incarnation < 1 || r.Direction.By == "" || r.First.Number == 0 || r.First.File == "" {
		wrong("no id, incarnation, direction or first packet")
	}
	in("direction.certainty", r.Direction.Certainty, sureWords)
	if r.Last.Number < r.First.Number {
		wrong("first packet %d, last %d", r.First.Number, r.Last.Number)
	}
	if r.DurationSecs < 0 {
		wrong("duration %v s", r.DurationSecs)
	}
	if forward && r.OpenedAt != nil && r.ClosedAt != nil && r.ClosedAt.Before(*r.OpenedAt) {
		wrong("closed at %v, opened at %v", r.ClosedAt, r.OpenedAt)
	}
	for _, end := range []string{"client", "server"} {
		in("states."+end, r.States[end], stateWords)
		if _, ok := r.Endpoints[end]; !ok {
			wrong("no endpoint %s", end)
		}
	}
	if len(r.States) != 2 || len(r.Endpoints) != 2 {
		wrong("%d states, %d endpoints", len(r.States), len(r.Endpoints))
	}
	r.checkTransitions(forward, in, wrong)
	for _, f := range r.Findings {
		if f.Slug == "" || f.Severity == "" || f.Confidence == "" || f.Evidence == "" {
			wrong("finding %+v lacks something", f)
		}
	}
	return errors.Join(problems...)
}

// checkTransitions holds each endpoint's rows together: `to` of one is `from`
// of the next, the last one's is the endpoint's state, and none goes back in time.
func (r *record) checkTransitions(forward bool, in func(what, word string, allowed []string), wrong func(string, ...any)) {
	state := make(map[string]string)
	for i, row := range r.Transitions {
		what := fmt.Sprintf("transition %d", i+1)
		in(what+": endpoint", row.Endpoint, words("client server"))
		in(what+": from", row.From, stateWords)
		in(what+": to", row.To, stateWords)
		in(what+": certainty", row.Certainty, sureWords)
		if row.Event == "" {
			wrong("%s: no event", what)
		}
		if forward && i > 0 && row.At.Before(r.Transitions[i-1].At) {
			wrong("%s is earlier than the one before", what)
		}
		if was, ok := state[row.Endpoint]; ok && was != row.From {
			wrong("%s: the %s goes from %s, but was in %s", what, row.Endpoint, row.From, was)
		}
		state[row.Endpoint] = row.To
	}
	for end, last := range state {
		if last != r.States[end] {
			wrong("the %s's last transition is to %s, its state %s", end, last, r.States[end])
		}
	}
}
