package anomaly

import "fmt"

// MidFileGap is about a time in which nothing was captured.
var MidFileGap = &Kind{
	Slug: "mid-file-gap", Family: CaptureQuality, Severity: Quality, Since: "0.1", cause: aboutCapture,
	Reference: "RFC 9293 3.4 (an ACK covers what was received)",
	Summary:   "The capture paused: for some time it has no packet at all, though connections went on.",
	Explanation: "Packets came at a rate at which such a silence does not happen, and connections that were active on both sides of it had exchanged data meanwhile that are not in " +
		"the file. The capturing program or its disk was stalled, a file of a ring is missing, or the mirror session was interrupted. Nothing is known of that time: what " +
		"opened, closed or was lost in it is missing. An outage of the network looks otherwise: nothing is missing behind it.",
	trace: func(t *trace, s source) []Finding {
		var out []Finding
		for i := range s.cap.Pauses {
			p := &s.cap.Pauses[i]
			if p.length() <= 0 || p.rate()*p.length().Seconds() < s.t.GapPackets {
				continue
			}
			seen := t.across(p, s.t.GapWithin)
			if seen.skipped < s.t.GapConnections || t.across(p, 0).stepped > 0 {
				continue
			}
			f := oneFinding("no packet for %s from %s%s, after %s a second; %s went on that had meanwhile exchanged %s",
				span(p.length()), moment(p.From), p.where(), perSecond(p.rate()), count(seen.skipped, "connection"), count(seen.bytes, "byte"))[0]
			f.At = p.From
			out = append(out, f)
		}
		return out[:min(len(out), s.t.JumpsNamed)]
	},
}

func perSecond(rate float64) string {
	if rate < 10 {
		return fmt.Sprintf("%.1f", rate)
	}
	return grouped(uint64(rate))
}
