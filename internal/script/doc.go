// Package script turns conversations written as text into segments and into
// capture files. It promises that whatever is written reaches the reader of
// the capture exactly so, sense or nonsense; it refuses to know what TCP would
// answer, and what the tracker makes of it.
//
// A conversation is a title, one line for each segment in packetdrill's shape,
// and, after //, what is expected of that segment:
//
//	The responder closes first.
//	0     > S  0:0(0) win 65535 <mss 1460>       // SYN_SENT | SYN_RCVD
//	+.020 < S. 0:0(0) ack 1 win 65535 <mss 1460> // ESTABLISHED |
//	+.001 > .  1:1(0) ack 1                      // | ESTABLISHED
//	+.010 < F. 1:1(0) ack 1                      // CLOSE_WAIT | FIN_WAIT_1; want closed-by-server-first
//	record 1: open full, close half_closed
//
// # Segments
//
//	TIME DIRECTION FLAGS SEQ:END(LEN) [ack N] [win N] [<OPTIONS>] [EXTRAS] [// EXPECTATIONS]
//
// TIME is in seconds: 1.5 since the beginning, or +.020 since the line before.
//
// DIRECTION is > from the initiator, < from the responder.
//
// FLAGS are S (SYN), F (FIN), R (RST), P (PSH), . (ACK), U (URG), E (ECE),
// W (CWR), A (AE), in any order; - is a segment without any.
//
// SEQ and ack count from the initial sequence number of the side they belong
// to: a SYN stands at 0, the first octet of data at 1. END is SEQ plus the
// payload LEN; SYN and FIN are not counted in it, as in packetdrill. Numbers
// may be negative, for what is older than the connection. A segment has
// "ack" if and only if it has the flag. win is 65535 unless written.
//
// OPTIONS, separated by commas: mss N, wscale N, sackOK, TS val N ecr N,
// sack A:B [A:B ...] (numbers of the peer's side, like ack), nop, eol,
// fastopen [COOKIE in hex], mptcp [HEX], md5, malformed (an option of impossible
// length). They are padded with nop to a multiple of four octets.
//
// EXTRAS:
//
//	lost          sent, but the tap did not see it: has no packet number
//	bad-checksum  the TCP checksum is wrong
//	partial-checksum  it is left to the network card: the sum of the pseudo header
//	ttl N         time to live or hop limit; 64 unless written
//	id N          IPv4 identification; unless written each side counts from 1,
//	              so equal numbers mark a packet captured twice. 0 is none
//	vlan N[,N]    802.1Q tags, outermost first
//	fragments N   it came in so many IP fragments, each a packet of its own; the last of
//	              them, which completes the segment, is the packet of this line
//	icmp T/C      no segment: an ICMP error of this type and code quotes the one that is
//	              described; [from ADDRESS] reports it, else the segment's receiver;
//	              [mtu N] of the next hop
//	cut N         the capture ends after N octets of the TCP options
//	of N          the numbers count from the N-th incarnation's ISNs, see below
//
// # Incarnations
//
//	--- isn 5000 9000
//	--- isn +70000 +70000
//
// From here on, numbers count from new initial sequence numbers: initiator's,
// responder's; with a sign, so far after (before) those in force until here.
// A segment with old numbers among the new ones says which ones: "of 1".
//
// # Settings
//
// Each on a line of its own; those about numbers and addresses stand before the
// first segment.
//
//	client 10.0.0.1:40000   the initiator
//	server [fd00::2]:80     the responder
//	ipv6                    the default addresses, but IPv6
//	isn 100 300             initial sequence numbers: initiator's, responder's
//	end 60s                 the trace goes on for so long after the last line
//	allow SLUG ...          findings that may be reported, but need not
//	near SLUG ...           a near miss of these findings, which must not be reported
//
// A line that begins with # is a remark.
//
// # Expectations
//
// Behind //, separated by semicolons; a # begins a remark.
//
//	STATE | STATE           the initiator's and the responder's state once this
//	                        segment has passed the tap. Once written, a state holds
//	                        on every following line until another is written, so a
//	                        side left empty is unchanged; * stops the claim.
//	want SLUG [by ROLE] ["PART OF THE EVIDENCE"]
//	                        a finding that names this packet; ROLE is client or server
//
// Each finding must be wanted (or allowed), and each wanted one found. At the end
// of the conversation:
//
//	record 1: open full, close orderly, closed_by client, phase later, time_wait client
//	trace want SLUG ["PART OF THE EVIDENCE"]
//
// There is one record for each connection, in order of their first packets. A
// conversation without record lines expects one record for each incarnation.
// The fields are open, close, closed_by, phase (all spelled as in the record,
// "-" for absent), time_wait (client, server, both, none), time_wait_ended
// (expiry, reuse, rst, capture_end), direction (syn, syn_ack, port,
// first_packet), client and server (their last states).
package script
