package tracker

// unknowable is what no tap can know, as docs/STATES.md tells it: by name, with what the
// endpoint did, what the capture shows of it, and what the record says.
var unknowable = []struct{ name, truth, shows, says string }{
	{
		"close with data queued", "FIN_WAIT_1 at close(), before the FIN can be sent",
		"data, and a FIN at their end; if the peer's FIN came meanwhile, a passive close",
		"FIN_WAIT_1 at the FIN; CLOSE_WAIT and LAST_ACK as `assumed` where the peer's FIN acknowledged the data that held ours back",
	},
	{
		"first FIN lost before the tap", "FIN_WAIT_1, CLOSING", "the second FIN, which carries the ACK of the peer's",
		"FIN_WAIT_1 and CLOSING if the ACK of the peer's FIN stood behind our FIN already; else CLOSE_WAIT and LAST_ACK, `assumed` if the FIN may be a second copy",
	},
	{
		"FIN or RST lost before the tap, and silence", "FIN_WAIT_1, LAST_ACK or CLOSED", "nothing", "the state before it: silence is not a state change",
	},
	{"RST lost behind the tap, and silence", "as before the RST", "an exact RST", "CLOSED, `assumed`"},
	{
		"FIN and ACK exchanged behind the tap", "FIN_WAIT_2, TIME_WAIT", "FINs that cross, and the ACK behind the peer's FIN",
		"CLOSING, TIME_WAIT, `assumed` while both lie within a round trip; TIME_WAIT is right either way",
	},
	{
		"ACK of the FIN overtaken by a RST behind the tap", "FIN_WAIT_1, CLOSED", "the ACK, then the RST", "FIN_WAIT_2, CLOSED, `assumed`",
	},
	{
		"several copies of the peer's FIN, the ACK of the first lost before the tap", "CLOSING before the second copy",
		"an ACK that echoes the second", "the receipt at the second copy, `assumed`",
	},
	{"FIN_WAIT_2 ends by its timeout", "CLOSED", "nothing until the peer speaks", "FIN_WAIT_2 until a bare RST shows that it is over"},
	{
		"an attempt, a handshake, a FIN given up", "CLOSED", "retransmissions that stop",
		"the state before it; the record's close is `timed_out` if the trace goes on long enough",
	},
	{
		"CLOSE in SYN_RCVD (RFC 9293 3.10.4)", "SYN_RCVD, FIN_WAIT_1", "the handshake's ACK, and a FIN right behind it",
		"FIN_WAIT_1 from SYN_RCVD where the FIN's timestamp echoes the SYN; else from ESTABLISHED, `assumed` in a simultaneous or Fast Open, `inferred` for a listener, whose user accepts before it closes",
	},
	{"simultaneous open, the first SYN lost before the tap", "SYN_SENT, SYN_RCVD", "a passive open", "LISTEN, SYN_RCVD"},
	{
		"SYN captured nowhere", "LISTEN, SYN_RCVD", "a SYN-ACK near the beginning of the trace",
		"SYN_RCVD from UNKNOWN; from LISTEN if the trace had begun 3 s before",
	},
	{"one direction captured", "both paths", "the sender's own steps, and those its ACKs prove", "those; a FIN of the other side as `assumed`"},
	{"TIME_WAIT ended by a RST or a SYN the tap did not see", "CLOSED", "nothing", "TIME_WAIT until its profile's time, then CLOSED, `assumed`"},
	{
		"SYN_RCVD ended by an ICMP error about the SYN-ACK, and the SYN again", "CLOSED, then LISTEN, SYN_RCVD anew",
		"a second SYN-ACK with another ISN", "the second SYN_RCVD: to the client it is one connection",
	},
	{"SYN cookies", "no state until the ACK", "SYN, SYN-ACK", "SYN_RCVD"},
	{"packets that never reach the tap", "a whole connection", "nothing", "nothing"},
}
