package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// life is what the right answer says of one connection, judged from its packets by
// RFC 9293, not by what the program says. An empty closedBy, phase or waits means
// that the record must not have one.
type life struct {
	open, close, closedBy, phase string
	client, server               string // states at the end
	waits                        string // who holds TIME_WAIT
	must                         string // findings that must be there; all others but time-wait and open-at-eof must not
}

// lives are the rows of docs/MATRIX.md, by the names of the files.
var lives = map[string][]life{
	"01_syn":          {{"none", "none", "", "post_syn", "SYN_SENT", "UNKNOWN", "", ""}},
	"02_syn_x3":       {{"none", "none", "", "post_syn", "SYN_SENT", "UNKNOWN", "", "syn-retransmitted"}},
	"03_refused":      {{"refused", "refused", "server", "post_syn", "CLOSED", "CLOSED", "", "connection-refused"}},
	"04_syn_synack":   {{"half", "none", "", "post_syn", "SYN_SENT", "SYN_RCVD", "", ""}},
	"05_hs_only":      {stillOpen("full", "")},
	"06_hs_data_open": {stillOpen("full", "")},

	"07_fin_client_full": {closedByClient("full", "later", "")},
	"08_fin_server_full": {{"full", "orderly", "server", "later", "CLOSED", "TIME_WAIT", "server", "closed-by-server-first"}},
	"09_fin_3seg":        {closedByClient("full", "later", "")},
	// The trace ends with the second FIN: its ACK is not missing, it is not there yet.
	"10_fin_no_last_ack":   {{"full", "orderly_unacked", "client", "later", "TIME_WAIT", "LAST_ACK", "client", ""}},
	"11_half_close_client": {{"full", "half_closed", "client", "later", "FIN_WAIT_2", "CLOSE_WAIT", "", ""}},
	"12_half_close_server": {{"full", "half_closed", "server", "later", "CLOSE_WAIT", "FIN_WAIT_2", "", "closed-by-server-first"}},

	"13_rst_client":         {aborted("client", "later", "rst-linger0")},
	"14_rst_server":         {aborted("server", "later", "rst-linger0")},
	"15_rst_after_fin_same": {aborted("client", "closing", "rst-after-own-fin")},
	"16_fin_then_peer_rst":  {aborted("server", "closing", "rst-instead-of-fin-ack")},
	// Both had closed: the RST cuts TIME_WAIT short and takes nothing from anybody.
	"17_full_close_then_rst": {{"full", "orderly", "client", "later", "CLOSED", "CLOSED", "client", "rst-after-close"}},
	// Ten megabytes beyond a window of 64 kB, and both go on.
	"18_rst_out_of_window_ignored": {stillOpen("full", "rst-out-of-window")},
	"19_rst_inwindow_challenged":   {closedByClient("full", "later", "rst-challenged")},
	"20_both_rst_orig_first":       {aborted("client", "later", "rst-linger0")},
	"21_sim_close":                 {{"full", "orderly", "both", "later", "TIME_WAIT", "TIME_WAIT", "both", "simultaneous-close"}},
	"22_sim_open":                  {stillOpen("simultaneous", "simultaneous-open")},
	"23_midstream_fin":             {closedByClient("midstream", "later", "midstream")},
	"24_hs_ack_with_data":          {closedByClient("full", "later", "")},
	// Nothing shows that the FIN ever arrived.
	"25_fin_rexmit_7s": {{"full", "half_closed", "client", "later", "FIN_WAIT_1", "ESTABLISHED", "", "fin-retransmitted"}},
	"26_reuse_new_isn": {
		{"full", "orderly", "client", "later", "CLOSED", "CLOSED", "client", ""},
		closedByClient("full", "later", "tw-reuse"),
	},
	"27_idle_400s":    {closedByClient("full", "later", "")},
	"28_acked_unseen": {closedByClient("full", "later", "capture-loss")},
	"29_single_rst":   {{"none", "none", "", "", "UNKNOWN", "CLOSED", "", "rst-stray"}},
	"30_synack_only":  {{"half", "none", "", "post_syn", "SYN_SENT", "SYN_RCVD", "", ""}},
	// The client acknowledged one octet after the server's data, last of all and after its own FIN: the server's.
	"31_fin_from_one_side_only_cap": {closedByClient("full", "later", "one-way-capture")},
	"32_keepalive":                  {stillOpen("full", "keepalive")},
	// The first ACK and the RST belong to a connection from before, and the SYN after them is the same attempt.
	"33_syn_challenge_ack_rst_syn":     {stillOpen("full", "half-open-recovery")},
	"34_tfo_data_accepted":             {closedByClient("fast_open", "later", "")},
	"35_tfo_data_rejected":             {closedByClient("full", "later", "")},
	"36_keepalive_garbage_byte_nodata": {closedByClient("full", "post_ack", "keepalive")},
	"37_seq_wrap":                      {closedByClient("full", "later", "")},
	"38_every_packet_twice_span":       {closedByClient("full", "later", "duplicate-packets")},
	"39_tw_reuse_challenge_rst_resyn": {
		{"full", "orderly", "server", "later", "CLOSED", "CLOSED", "server", "closed-by-server-first"},
		closedByClient("full", "later", "tw-reuse-refused"),
	},
	"40_data_after_peer_fin_then_rst": {aborted("client", "closing", "rst-late-data")},
	// The RST's supposed sender goes on at that very number, and so does its receiver.
	"41_injected_exact_rst_conn_continues": {closedByClient("full", "later", "rst-not-effective")},
	"42_syn_retry_new_isn": {
		{"none", "none", "", "post_syn", "CLOSED", "UNKNOWN", "", ""},
		closedByClient("full", "later", "syn-new-isn-retry"),
	},
	"43_syn_scan_client_rst": {{"half", "aborted", "client", "post_syn", "CLOSED", "CLOSED", "", "handshake-abandoned"}},
	// The server never took the ACK: it kept sending its SYN-ACK, so it was never open there.
	"44_accept_queue_overflow":        {{"half", "aborted", "server", "post_psh", "CLOSED", "CLOSED", "", "accept-queue-overflow"}},
	"45_fin_reordered_before_data":    {closedByClient("full", "later", "fin-with-hole")},
	"46_synack_before_syn_in_file":    {closedByClient("full", "later", "")},
	"47_client_checksums_bad_offload": {closedByClient("full", "later", "")},
	// The server's FIN_WAIT_2 had run out: the client's FIN met no socket.
	"48_finwait2_timeout_rst":         {aborted("server", "closing", "closed-by-server-first finwait2-timeout")},
	"49_peer_vanished_rto_giveup_rst": {{"full", "timed_out", "client", "later", "CLOSED", "CLOSED", "", "rst-rto-giveup"}},
	"50_late_fin_in_time_wait":        {closedByClient("full", "later", "time-wait-restarted")},
	"51_sll2_any":                     {closedByClient("full", "later", "")},
}

// ofTrace are the files whose trace as a whole must have a finding, besides those of their connections.
var ofTrace = map[string]string{
	"28_acked_unseen":                 "capture-loss",
	"31_fin_from_one_side_only_cap":   "one-way-capture",
	"38_every_packet_twice_span":      "duplicate-packets",
	"47_client_checksums_bad_offload": "checksum-offload",
}

func stillOpen(open, must string) life {
	return life{open, "open_at_end", "", "", "ESTABLISHED", "ESTABLISHED", "", must}
}

func closedByClient(open, phase, must string) life {
	return life{open, "orderly", "client", phase, "TIME_WAIT", "CLOSED", "client", must}
}

func aborted(by, phase, must string) life {
	return life{"full", "aborted", by, phase, "CLOSED", "CLOSED", "", must}
}

// TestMatrix plays the lifecycles of docs/MATRIX.md, if their captures are there.
func TestMatrix(t *testing.T) {
	dir := os.Getenv("TCPLIFE_MATRIX")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "matrix")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.pcap"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skipf("no captures in %s; TCPLIFE_MATRIX names the directory", dir)
	}
	seen := map[string]bool{}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".pcap")
		seen[name] = true
		t.Run(name, func(t *testing.T) { checkLives(t, file, lives[name], ofTrace[name]) })
	}
	for name := range lives {
		if !seen[name] {
			t.Errorf("%s: no capture", name)
		}
	}
}

func checkLives(t *testing.T, file string, want []life, ofTrace string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"--format", "json", file}, strings.NewReader(""), &stdout, &stderr); code != exitOK {
		t.Fatalf("exit code %d: %s", code, stderr.String())
	}
	var got []matrixRecord
	for lines := bufio.NewScanner(&stdout); lines.Scan(); {
		var r matrixRecord
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			checkTrace(t, lines.Bytes(), ofTrace) // the last line: its "open" is not a word, but counts
			break
		}
		got = append(got, r)
	}
	slices.SortFunc(got, func(a, b matrixRecord) int { return a.FirstPacket.Number - b.FirstPacket.Number })
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d", len(got), len(want))
	}
	for i := range want {
		if problem := got[i].differs(&want[i]); problem != "" {
			t.Errorf("record %d: %s", i+1, problem)
		}
	}
}

func checkTrace(t *testing.T, line []byte, want string) {
	t.Helper()
	var trace struct {
		Schema   string
		Findings []struct{ Slug string }
	}
	if err := json.Unmarshal(line, &trace); err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, f := range trace.Findings {
		got += f.Slug
	}
	if trace.Schema != "tcplife/trace/1" || got != want {
		t.Errorf("%s with findings %q, want tcplife/trace/1 with %q", trace.Schema, got, want)
	}
}

// matrixRecord is what the test reads of a record.
type matrixRecord struct {
	Open, Close, Phase string
	ClosedBy           string               `json:"closed_by"`
	FirstPacket        struct{ Number int } `json:"first_packet"`
	States             struct{ Client, Server string }
	TimeWait           struct{ Holder string } `json:"time_wait"`
	Findings           []struct{ Slug string }
}

// differs says what of r is not as it should be, "" if nothing is.
func (r *matrixRecord) differs(want *life) string {
	got := life{r.Open, r.Close, r.ClosedBy, r.Phase, r.States.Client, r.States.Server, r.TimeWait.Holder, r.slugs()}
	if got != *want {
		return fmt.Sprintf("\n got %+v\nwant %+v", got, *want)
	}
	return ""
}

// slugs are the findings of r in alphabetical order, without those that merely say where an endpoint
// was left.
func (r *matrixRecord) slugs() string {
	var slugs []string
	for _, f := range r.Findings {
		if f.Slug != "time-wait" && f.Slug != "open-at-eof" {
			slugs = append(slugs, f.Slug)
		}
	}
	slices.Sort(slugs)
	return strings.Join(slices.Compact(slugs), " ")
}
