package anomaly

import "github.com/tcplife/tcplife/tracker"

// What is odd about single headers.

var optionMalformed = &Kind{
	Slug: "option-malformed", Family: Data, Severity: Warn, Since: "0.1", cause: explains,
	Reference: "RFC 9293 3.1, MUST-5 to MUST-7, MUST-68",
	Summary:   "A segment has a TCP option of impossible length.",
	Explanation: "A length below two, beyond the header, or not one that the option can have. The segment counts all the same, the option does not. Usual causes: a middlebox that rewrites " +
		"options, a home-made stack, a scanner that looks at how stacks answer, damage that the checksum did not show. If the segment belongs to a connection that " +
		"should be ordinary, compare captures on both sides to see who writes it.",
	when: fact(tracker.FactOptionMalformed),
	judge: func(c *conn) []Finding {
		return c.each(tracker.FactOptionMalformed, func(fs []*tracker.Fact) string {
			return "the options of " + ref(fs[0].Mark) + " do not add up" + more(len(fs))
		})
	},
}

var urgentUsed = &Kind{
	Slug: "urgent-used", Family: Data, Severity: Note, Since: "0.1", cause: explains,
	Reference: "RFC 9293 3.8.5, SHLD-13, MUST-62; RFC 6093",
	Summary:   "A side sent urgent data.",
	Explanation: "Telnet, rlogin and FTP's ABOR use it; new applications should not. Middleboxes clear the flag, and stacks differ about which octet is urgent, which is also why it is used to " +
		"slip past inspection.",
	when: fact(tracker.FactUrgent),
	judge: func(c *conn) []Finding {
		return c.each(tracker.FactUrgent, func(fs []*tracker.Fact) string {
			return "urgent pointer " + grouped(fs[0].Bytes) + " in " + ref(fs[0].Mark)
		})
	},
}
