package script

import (
	"net/netip"
	"time"

	"github.com/tcplife/tcplife/internal/segment"
)

// Side is one end of a conversation as it is written. It need not be the role
// that the tracker gives it: a capture that begins late may hide who called.
type Side uint8

// The sides: > and <.
const (
	Initiator Side = iota
	Responder
)

// Peer returns the other side.
func (s Side) Peer() Side { return s ^ 1 }

func (s Side) String() string { return [...]string{"initiator", "responder"}[s] }

// Epoch is the time 0 of every conversation, in nanoseconds since 1970 UTC:
// 2026-01-01 00:00:00.
const Epoch int64 = 1_767_225_600_000_000_000

// Conversation is one connection, or several of one 4-tuple, as written.
type Conversation struct {
	Name  string
	Title string
	Ends  [2]netip.AddrPort // by Side
	ISNs  [][2]uint32       // by incarnation, then by Side; at least one
	After time.Duration     // the trace goes on for so long after the last line
	Lines []Line

	Allow   []string // slugs that may be reported without being wanted
	Near    []string // slugs of which this is a near miss
	Records []Record // expected records, in order; empty: one for each of ISNs
	Trace   []Want   // findings about the whole trace

	Paths *segment.Paths // of the segments
}

// Line is one segment and what is expected of it.
type Line struct {
	Number int           // line of the text, from 1
	Text   string        // as written, expectations left out
	At     time.Duration // since Epoch
	Packet uint64        // number in the trace, from 1, of the last fragment if there are several; 0 if the tap did not see it
	From   Side
	Flags  segment.Flags
	// Seq and Ack count from the ISNs of incarnation Of (an index into ISNs).
	Seq, Ack int64
	Of       int
	Len      uint32 // payload octets
	Window   uint16
	Options  []Option

	TTL         uint8
	IPID        uint16 // 0: none
	VLAN        [2]uint16
	BadChecksum bool
	Partial     bool // in the checksum's place stands the sum of the pseudo header
	ICMP        ICMPError
	Fragments   int // 0: whole
	Cut         int // octets of options in the capture; -1: everything was captured

	// States are the states by Side that hold after this segment; "" = nothing is
	// claimed. What earlier lines claimed and this one does not change is filled in.
	States [2]string
	Wants  []Want
}

// ICMPError makes of a line an ICMP error that quotes the segment it describes.
type ICMPError struct {
	IsSet      bool
	Type, Code uint8
	From       netip.Addr // who reports it; not valid: the segment's receiver
	MTU        uint32
}

// Want is a finding that must be reported.
type Want struct {
	Number   int // line of the text
	Slug     string
	Role     string // client, server, or "" for either
	Evidence string // part of the finding's evidence, "" = any
}

// Record is what one record must hold.
type Record struct {
	Number int // line of the text
	Index  int // from 1
	Fields []Field
}

// Field is one expected field of a record.
type Field struct{ Key, Value string }

// Start and End are the times of the first line and of the trace's last packet,
// other traffic included, in nanoseconds since 1970 UTC.
func (c *Conversation) Start() int64 { return Epoch + int64(c.Lines[0].At) }

// End is documented with Start.
func (c *Conversation) End() int64 {
	return Epoch + int64(c.Lines[len(c.Lines)-1].At) + int64(c.After)
}

// Exchanged returns the conversation with the two addresses exchanged and the
// ports left with their owners, which turns the canonical order of the flow round.
func (c *Conversation) Exchanged() *Conversation {
	x := *c
	x.Ends = [2]netip.AddrPort{
		netip.AddrPortFrom(c.Ends[Responder].Addr(), c.Ends[Initiator].Port()),
		netip.AddrPortFrom(c.Ends[Initiator].Addr(), c.Ends[Responder].Port()),
	}
	return &x
}

// Wrapped returns the conversation with initial sequence numbers such that in
// both directions those of the first incarnation pass 2^32 half way through
// what is sent, and already with the SYN if there is nothing else. All
// incarnations move by the same distance, so that their order stays.
func (c *Conversation) Wrapped() *Conversation {
	x := *c
	var shift [2]uint32
	for side := Initiator; side <= Responder; side++ {
		shift[side] = -uint32(c.middle(side)) - c.ISNs[0][side]
	}
	x.ISNs = nil
	for _, isn := range c.ISNs {
		x.ISNs = append(x.ISNs, [2]uint32{isn[0] + shift[0], isn[1] + shift[1]})
	}
	return &x
}

// middle is the relative number half way through what side sends in the first
// incarnation, at least 1.
func (c *Conversation) middle(side Side) int64 {
	var lo, hi int64
	first := true
	for i := range c.Lines {
		l := &c.Lines[i]
		if l.From != side || l.Of != 0 || l.Flags.Has(segment.RST) {
			continue
		}
		end := l.Seq + int64(l.Len)
		if first {
			lo, hi, first = l.Seq, end, false
			continue
		}
		lo, hi = min(lo, l.Seq), max(hi, end)
	}
	return max(1, (lo+hi+1)/2)
}
