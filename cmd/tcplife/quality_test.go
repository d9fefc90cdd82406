package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
)

// TestQualityHeadsEveryReport: one sentence says how far the capture can be trusted, in each form of the report, and
// what it touches is said with less confidence.
func TestQualityHeadsEveryReport(t *testing.T) {
	const dir = "../../testdata/pcap/quality/"
	output := func(args ...string) string {
		var out, errs bytes.Buffer
		if code := run(t.Context(), args, strings.NewReader(""), &out, &errs); code != exitOK {
			t.Fatalf("%v: %d: %s", args, code, errs.String())
		}
		return out.String()
	}
	for _, c := range []struct {
		args []string
		want string // of the whole output
	}{
		{[]string{dir + "mid-file-gap.pcap"}, `(?m)^capture +poor: 50% of the bytes were acknowledged but never captured, the capture paused once`},
		{[]string{"--format", "markdown", dir + "mid-file-gap.pcap"}, `(?m)^- \*\*capture\*\*: poor: 50%.* the capture paused once`},
		{[]string{"--format", "json", dir + "mid-file-gap.pcap"}, `"quality":\{"grade":"poor","summary":"[^"]*the capture paused once[^"]*","teardown_confidence_at_most":"low","confidence_at_most":"medium"`},
		{[]string{"show", "--worst", "1", dir + "mid-file-gap.pcap"}, `(?m)^capture poor: 50% .* the capture paused once`},
		{[]string{dir + "clock-step.pcap"}, `(?m)^capture +poor: its clock jumped once`},
		{[]string{"--format", "json", dir + "clock-step.pcap"}, `"teardown_confidence_at_most":"medium"`},
		{[]string{"show", "--worst", "1", dir + "clock-step.pcap"}, `(?m)^capture poor: its clock jumped once`},
		{[]string{dir + "idle-night.pcap"}, `(?m)^capture +good: every acknowledged byte was captured$`},
		{[]string{dir + "outage.pcap"}, `(?m)^capture +good: every acknowledged byte was captured$`},
		{[]string{dir + "offload-superframes.pcap"}, `(?m)^capture +good: every acknowledged byte was captured, segments of several packets in one`},
		{[]string{dir + "vlan-split.pcap"}, `(?m)^capture +good: .*directions on different VLANs`},
		{[]string{dir + "snaplen-40.pcap"}, `(?m)^capture +poor: 8 packets cut within the TCP header`},
		{[]string{dir + "snaplen-54.pcap"}, `(?m)^capture +fair: headers of 2 packets cut by the snapshot length`},
	} {
		if got := output(c.args...); !regexp.MustCompile(c.want).MatchString(got) {
			t.Errorf("%v: no %s in\n%s", c.args, c.want, got)
		}
	}
	if got := output("show", "--worst", "1", dir+"network-loss.pcap"); strings.Contains(got, "\ncapture ") {
		t.Errorf("a good capture's sentence stands over a connection that it does not touch:\n%s", got)
	}
}
