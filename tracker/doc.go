// Package tracker replays the segments of a capture through the state machine
// of RFC 9293, for both endpoints of every connection, and says what most
// likely happened, with evidence and a grade of certainty.
//
// # The vantage point
//
// A tap is not an endpoint. It sees that a segment was sent; whether and when
// it arrived it learns only from what the receiver does next. A textbook
// machine fed packet by packet believes too early: what crossed on the wire, was
// lost behind the tap or was forged leads it astray. So the package separates
// two things:
//
//   - The law: RFC 9293 figure 5 as a table (figure5.go), and the arrows that a
//     tap needs beside it (resync.go).
//   - The evidence: for each endpoint the milestones of its life (milestone.go) –
//     SYN sent, SYN received, FIN acknowledged, … –, each with the packet that
//     brought it and a place in that endpoint's own order of events. Evidence that
//     arrives later may move, confirm or withdraw a milestone.
//
// The states are the table walked over the milestones (path.go). No state is
// stored while a connection lives.
//
// # One segment
//
// Observe finds the incarnation a segment belongs to (incarnation.go), states
// what the segment is without changing anything (classify.go), then lets these facts move
// variables and milestones (handshake.go, close.go, reset.go, apply.go). An
// ordinary segment, in order and acceptable, touches counters and nothing else.
//
// # Forms
//
// Most connections of a trace are ordinary at any moment, or closed and waiting for stragglers. They are
// kept in small forms (embryo.go, plain.go, settled.go, sleep.go) that know no rules of their own: each holds what
// the rules would have made of its segments, takes the next one if it is ordinary, and gives way to the full form
// (connection.go) if it is not.
//
// # Rules
//
// Comments cite the rules of inference by number:
//
//	R1  Sending is certain when the segment passes the tap.
//	R2  Receiving is certain once the receiver acknowledged it.
//	R3  Of several copies, the one whose timestamp the ACK echoes was effective;
//	    the first, if the ACK reports the copy as duplicate (DSACK); else the last.
//	R4  What an endpoint sent with an ACK below a segment's end it sent before it
//	    had that segment: the receipt is placed behind it.
//	R5  An ACK has arrived if what it acknowledges is not sent again later than
//	    a round trip after it.
//	R6  A RST closes its receiver if it is exact (RFC 5961), acknowledges the SYN in
//	    SYN_SENT, and the receiver falls silent.
//	R7  Who sends a RST is closed, unless it goes on.
//	R8  A SYN with a new ISN that is answered ends the old incarnation.
//	R9  A RST without ACK answers for a socket that is not there: it reveals silent ends.
//	R10 A bad checksum means not received, if the sender's other segments are good.
//
// Time is data: it comes from the segments and from Advance, never from a clock.
package tracker
