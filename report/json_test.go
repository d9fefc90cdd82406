package report

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/tracker"
)

// The structs below are the public contract of a record, read as a user's program would
// read it. They know every field: one that is missing here fails to decode.
type (
	jsonEnd struct {
		IP   string `json:"ip"`
		Port uint16 `json:"port"`
	}
	jsonPacket struct {
		Number uint64 `json:"number"`
		At     string `json:"at"`
		File   string `json:"file"`
	}
	jsonStay struct {
		Since    string `json:"since"`
		Until    string `json:"until"`
		Restarts int    `json:"restarts"`
		EndedBy  string `json:"ended_by"`
	}
	jsonEndpoint struct {
		Packets       uint64  `json:"packets"`
		Bytes         uint64  `json:"bytes"`
		Payload       uint64  `json:"payload_bytes"`
		Stream        uint64  `json:"stream_bytes"`
		ResentPackets uint64  `json:"retransmitted_packets"`
		ResentBytes   uint64  `json:"retransmitted_bytes"`
		OutOfOrder    uint64  `json:"out_of_order_packets"`
		Duplicate     uint64  `json:"duplicate_packets"`
		Missing       uint64  `json:"missing_bytes"`
		UnseenAcks    uint64  `json:"unseen_acks"`
		Unacked       uint64  `json:"unacked_bytes"`
		ZeroWindows   uint64  `json:"zero_windows"`
		Keepalives    uint64  `json:"keepalives"`
		Syn           uint64  `json:"syn"`
		Fin           uint64  `json:"fin"`
		Rst           uint64  `json:"rst"`
		ChecksumBad   uint64  `json:"checksum_bad"`
		Truncated     uint64  `json:"truncated_packets"`
		FinAt         string  `json:"fin_at"`
		FinAcked      *bool   `json:"fin_acked"`
		WindowClosed  bool    `json:"window_closed"`
		FirstAt       string  `json:"first_at"`
		LastAt        string  `json:"last_at"`
		ISN           *uint32 `json:"isn"`
		MSS           *uint16 `json:"mss"`
		WindowScale   *uint8  `json:"window_scale"`
		SACK          *bool   `json:"sack"`
		Timestamps    *bool   `json:"timestamps"`
		TTL           *uint8  `json:"ttl"`
	}
	jsonFinding struct {
		Slug       string   `json:"slug"`
		Severity   string   `json:"severity"`
		Confidence string   `json:"confidence"`
		At         string   `json:"at"`
		Endpoint   string   `json:"endpoint"`
		Packets    []uint64 `json:"packets"`
		Evidence   string   `json:"evidence"`
		Detail     bool     `json:"detail"`
	}
	jsonPath struct {
		VLAN   []int  `json:"vlan"`
		Tunnel string `json:"tunnel"`
	}
	jsonRecord struct {
		Schema      string  `json:"schema"`
		ID          string  `json:"id"`
		CommunityID string  `json:"community_id"`
		Incarnation int     `json:"incarnation"`
		Client      jsonEnd `json:"client"`
		Server      jsonEnd `json:"server"`
		Direction   struct {
			By        string `json:"by"`
			Certainty string `json:"certainty"`
		} `json:"direction"`
		Path *struct {
			jsonPath
			Return *jsonPath `json:"return"`
		} `json:"path"`
		First     jsonPacket `json:"first_packet"`
		Last      jsonPacket `json:"last_packet"`
		OpenedAt  string     `json:"opened_at"`
		ClosedAt  string     `json:"closed_at"`
		Duration  float64    `json:"duration_s"`
		Open      string     `json:"open"`
		Close     string     `json:"close"`
		ClosedBy  string     `json:"closed_by"`
		Phase     string     `json:"phase"`
		EndReason string     `json:"end_reason"`
		RTT       float64    `json:"rtt_s"`
		States    struct {
			Client string `json:"client"`
			Server string `json:"server"`
		} `json:"states"`
		Transitions []struct {
			At        string `json:"at"`
			Packet    uint64 `json:"packet"`
			Endpoint  string `json:"endpoint"`
			From      string `json:"from"`
			To        string `json:"to"`
			Event     string `json:"event"`
			Certainty string `json:"certainty"`
		} `json:"transitions"`
		Handshake *struct {
			SynAt         string   `json:"syn_at"`
			SynAckAt      string   `json:"syn_ack_at"`
			AckAt         string   `json:"ack_at"`
			RTTServer     *float64 `json:"rtt_server_s"`
			RTTClient     *float64 `json:"rtt_client_s"`
			SynRetries    *int     `json:"syn_retries"`
			SynAckRetries *int     `json:"syn_ack_retries"`
		} `json:"handshake"`
		TimeWait *struct {
			Holder string `json:"holder"`
			jsonStay
			Endpoints map[string]jsonStay `json:"endpoints"`
		} `json:"time_wait"`
		Endpoints     map[string]jsonEndpoint `json:"endpoints"`
		FactsDropped  int                     `json:"facts_dropped"`
		RangesDropped int                     `json:"ranges_dropped"`
		Findings      []jsonFinding           `json:"findings"`
	}
)

// decode writes one record and reads it back, strictly.
func decode(t *testing.T, r *Record) (jsonRecord, string) {
	t.Helper()
	names := func(i uint32) string { return [...]string{"a.pcap", "b\"\x1b.pcap"}[i] }
	line := (&encoder{names: Names{File: names, Paths: &paths}}).record(nil, r)
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	var got jsonRecord
	if err := d.Decode(&got); err != nil {
		t.Fatalf("%v in\n%s", err, line)
	}
	return got, string(line)
}

// paths is what the tests' records call by number.
var paths segment.Paths

func TestRecordTellsItsPath(t *testing.T) {
	path := func(vlan uint16, tunnel segment.Wrap) uint32 {
		var p segment.Path
		if vlan != 0 {
			p.Add(segment.WrapVLAN, uint32(vlan))
		}
		if tunnel != segment.WrapNone {
			p.Add(tunnel, 42)
		}
		return paths.ID(p)
	}
	tagged, tunnelled, both := path(12, segment.WrapNone), path(0, segment.WrapVXLAN), path(12, segment.WrapVXLAN)
	for _, c := range []struct {
		client, server uint32
		want           string
	}{
		{tagged, tagged, `"path":{"vlan":[12]}`},
		{tunnelled, tunnelled, `"path":{"tunnel":"vxlan:42"}`},
		{both, tagged, `"path":{"vlan":[12],"tunnel":"vxlan:42","return":{"vlan":[12]}}`},
		{segment.PlainPath, tagged, `"path":{"return":{"vlan":[12]}}`},
		{tagged, segment.PlainPath, `"path":{"vlan":[12],"return":{}}`},
	} {
		r := abortedTalk().r
		r.Endpoints[tracker.Client].Path, r.Endpoints[tracker.Server].Path = c.client, c.server
		if _, line := decode(t, r); !strings.Contains(line, c.want) {
			t.Errorf("want %s in\n%s", c.want, line)
		}
	}
	r := abortedTalk().r // nothing of the client was captured
	r.Endpoints[tracker.Client] = tracker.Endpoint{}
	r.Endpoints[tracker.Server].Path = tagged
	if _, line := decode(t, r); !strings.Contains(line, `"path":{"vlan":[12]},`) {
		t.Errorf("the only path is not told: %s", line)
	}
}

func TestRecordKeepsItsPromises(t *testing.T) {
	talk := abortedTalk()
	r := talk.r
	r.LastFile = 1
	got, line := decode(t, r)
	if got.Schema != "tcplife/connection/1" || got.ID != r.ID() || len(got.ID) != 16 || got.CommunityID != r.CommunityID() {
		t.Errorf("names: %q %q %q", got.Schema, got.ID, got.CommunityID)
	}
	if got.Client != (jsonEnd{"10.0.0.7", 41000}) || got.Server != (jsonEnd{"10.0.1.5", 8080}) {
		t.Errorf("ends: %v %v", got.Client, got.Server)
	}
	if got.First != (jsonPacket{801, "2026-11-20T12:01:07.123456789Z", "a.pcap"}) || got.Last.File != "b\"\x1b.pcap" {
		t.Errorf("packets: %v %v", got.First, got.Last)
	}
	if got.Open != "full" || got.Close != "aborted" || got.ClosedBy != "server" || got.Phase != "closing" {
		t.Errorf("course: %s %s %s %s", got.Open, got.Close, got.ClosedBy, got.Phase)
	}
	if got.Duration != 1.2 || got.RTT != 0.019402 || *got.Handshake.RTTServer != 0.01921 || *got.Handshake.SynRetries != 0 {
		t.Errorf("durations: %v %v %v", got.Duration, got.RTT, *got.Handshake.RTTServer)
	}
	if got.Path != nil {
		t.Errorf("path of plain traffic: %v", got.Path)
	}
	if len(got.Transitions) != len(r.Transitions) || got.Transitions[8].To != "CLOSED" || got.Transitions[8].Certainty != "assumed" || got.Transitions[8].Event != "rcv RST" {
		t.Errorf("transitions: %v", got.Transitions)
	}
	sv := got.Endpoints["server"]
	if sv.Rst != 1 || sv.Fin != 1 || !*sv.FinAcked || *sv.ISN != 17 || *sv.MSS != 1460 || sv.WindowScale != nil || *sv.Timestamps || *sv.TTL != 57 {
		t.Errorf("server: %+v", sv)
	}
	f := got.Findings[0]
	if f.Slug != "rst-late-data" || f.Severity != "error" || f.Confidence != "high" || f.Endpoint != "server" || len(f.Packets) != 2 || f.Evidence != r.Findings[0].Evidence {
		t.Errorf("finding: %+v", f)
	}
	if strings.ContainsAny(line, "\n\x1b") {
		t.Error("a record is one line without control characters")
	}
}

func TestWhatIsNotKnownIsAbsent(t *testing.T) {
	r := unanswered("10.0.0.1:1", "10.0.0.2:2", 5, 0)
	r.Findings = nil
	_, line := decode(t, r)
	for _, field := range []string{
		"opened_at", "closed_at", "closed_by", "rtt_s", "syn_ack", "rtt_server_s", "time_wait", "path",
		"fin_at", "fin_acked", "checksum_bad", `""`,
	} {
		if strings.Contains(line, `"`+field) {
			t.Errorf("%s is not known, but written:\n%s", field, line)
		}
	}
	server := line[strings.LastIndex(line, `"server"`):]
	for _, field := range []string{"isn", "mss", "window_scale", "sack", "timestamps", "ttl", "first_at"} {
		if strings.Contains(server, `"`+field+`"`) {
			t.Errorf("%s of a silent server is not known, but written: %s", field, server)
		}
	}
	if !strings.Contains(line, `"findings":[]`) {
		t.Error("findings are known to be none: the list is there and empty")
	}
}

func TestTimeWaitAtBothEnds(t *testing.T) {
	r := orderlyTalk().r
	got, _ := decode(t, r)
	if w := got.TimeWait; w.Holder != "client" || w.Since != "2026-11-20T12:01:08.044456789Z" || w.EndedBy != "expiry" || w.Endpoints != nil {
		t.Errorf("one holder: %+v", w)
	}
	r.Endpoints[tracker.Server].TimeWait = tracker.TimeWaitRecord{
		Held: true, Since: mark(9, 800*time.Millisecond), Until: at(99 * time.Second), Restarts: 2, EndedBy: tracker.TimeWaitReuse,
	}
	got, _ = decode(t, r)
	w := got.TimeWait
	if w.Holder != "both" || w.Since != "2026-11-20T12:01:07.923456789Z" || w.Until != "2026-11-20T12:02:46.123456789Z" || w.Restarts != 2 || w.EndedBy != "reuse" {
		t.Errorf("both: %+v", w)
	}
	if len(w.Endpoints) != 2 || w.Endpoints["client"].EndedBy != "expiry" || w.Endpoints["server"].Restarts != 2 {
		t.Errorf("each: %+v", w.Endpoints)
	}
}

func TestJSONLines(t *testing.T) {
	var out bytes.Buffer
	rs, tr := incident()
	tr.Files[0].Err = "packet 148212 at offset 120233111: 66 bytes announced, 12 left"
	tr.Files[0].Damaged = true
	tr.Skipped["odd\x1b\xffkind"] = 1
	tr.Interrupted = true
	write(t, NewJSON(&out, Names{}), rs, tr)
	lines := bytes.Split(bytes.TrimSuffix(out.Bytes(), []byte("\n")), []byte("\n"))
	if len(lines) != len(rs)+1 {
		t.Fatalf("%d lines for %d records and a trace", len(lines), len(rs))
	}
	for i, line := range lines {
		if !json.Valid(line) {
			t.Errorf("line %d is not valid JSON: %s", i+1, line)
		}
	}
	golden(t, "records.jsonl", append(bytes.Join([][]byte{
		lines[0], lines[30], lines[39], lines[42], lines[43], lines[len(rs)], // one of each sort
	}, []byte("\n")), '\n'))
	var trace struct {
		Schema      string            `json:"schema"`
		Connections int               `json:"connections"`
		Close       map[string]int    `json:"close"`
		ClosedBy    map[string]int    `json:"closed_by"`
		BySlug      map[string]int    `json:"findings_by_slug"`
		Skipped     map[string]uint64 `json:"skipped"`
		Quality     struct {
			Grade string `json:"grade"`
		} `json:"quality"`
		TimeWait struct {
			Count   int `json:"count"`
			Holders []struct {
				Peak int `json:"peak"`
			} `json:"holders"`
		} `json:"time_wait"`
	}
	if err := json.Unmarshal(lines[len(rs)], &trace); err != nil {
		t.Fatal(err)
	}
	if trace.Schema != "tcplife/trace/1" || trace.Connections != 44 || trace.Close["aborted"] != 9 || trace.Close["orderly"] != 30 ||
		trace.ClosedBy["server"] != 9 || trace.ClosedBy["client"] != 31 || trace.BySlug["rst-late-data"] != 9 ||
		trace.Skipped["odd\x1b\ufffdkind"] != 1 || trace.Quality.Grade != "fair" || trace.TimeWait.Count != 30 || trace.TimeWait.Holders[0].Peak != 15 {
		t.Errorf("trace: %+v", trace)
	}
}

func TestStringsOfAnyBytesAreValidJSON(t *testing.T) {
	texts := []string{
		"", "plain", `quo"te\`, "\x00\x01\x1f\x7f", "tab\tline\nreturn\r", "\xff\xfe", "é → 日本 🎈", "\u2028\u2029\u0085\u009b",
		"ends in a broken rune \xe2\x82", "\ufffd",
	}
	for c := range 256 { // each byte at each place among plain ones
		for i := range 10 {
			texts = append(texts, strings.Repeat(" ", i)+string([]byte{byte(c)})+"~~~~~~~~~"[i:])
		}
	}
	for _, s := range texts {
		b := appendString(nil, s)
		var got string
		if err := json.Unmarshal(b, &got); err != nil {
			t.Errorf("%q: %v in %s", s, err, b)
		} else if want := string([]rune(s)); got != want { // every broken byte becomes U+FFFD
			t.Errorf("%q came back as %q", s, got)
		}
		if bytes.ContainsFunc(b, unicode.IsControl) {
			t.Errorf("%q: a control character in %q", s, b)
		}
	}
}

func TestTimesHaveNineDigits(t *testing.T) {
	for _, ns := range []int64{
		0, 1, -1, 999999999, -1e9, 1e9, 951782399999999999, 951782400000000000, 4107542399e9,
		1e18, math.MaxInt64, math.MinInt64, start, -62135596800,
	} {
		want := time.Unix(0, ns).UTC().Format("2006-01-02T15:04:05.000000000Z")
		if got := string(appendTime(nil, ns)); got != want {
			t.Errorf("%d: %s, want %s", ns, got, want)
		}
	}
	for day := range int64(150_000) { // 410 years, from 1760 on
		ns := (day - 76_000) * 86400e9
		if want, got := time.Unix(0, ns).UTC().Format("2006-01-02T15:04:05.000000000Z"), string(appendTime(nil, ns)); got != want {
			t.Fatalf("%d: %s, want %s", ns, got, want)
		}
	}
}

func TestSecondsAreExactNumbers(t *testing.T) {
	for ns, want := range map[int64]string{
		0: "0", 1: "0.000000001", 1e9: "1", 1.25e9: "1.25", -5e8: "-0.5", 60e9: "60",
		math.MaxInt64: "9223372036.854775807", math.MinInt64: "-9223372036.854775808",
	} {
		if got := string(appendSeconds(nil, ns)); got != want {
			t.Errorf("%d: %s, want %s", ns, got, want)
		}
	}
}
