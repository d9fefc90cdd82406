// Package segment holds what capture hands to the tracker: one TCP segment as
// a value without payload and without pointers.
package segment

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/tcplife/tcplife/internal/seq"
)

// IP is an address in 16 bytes; an IPv4 address stands as its IPv4-mapped form.
type IP [16]byte

// IPOf turns an address into its 16-byte form.
func IPOf(a netip.Addr) IP { return a.As16() }

// Addr returns the address as people write it: IPv4 as IPv4.
func (ip IP) Addr() netip.Addr { return netip.AddrFrom16(ip).Unmap() }

// Endpoint is one end of a flow.
type Endpoint struct {
	IP   IP
	Port uint16
}

// String returns "10.0.0.1:80" or "[fd00::1]:80".
func (e Endpoint) String() string { return netip.AddrPortFrom(e.IP.Addr(), e.Port).String() }

// Compare orders endpoints by address, then port.
func (e Endpoint) Compare(o Endpoint) int {
	if c := slices.Compare(e.IP[:], o.IP[:]); c != 0 {
		return c
	}
	return cmp.Compare(e.Port, o.Port)
}

// Flow is a 4-tuple in canonical order: A <= B, so both directions share one key.
type Flow struct{ A, B Endpoint }

// Direction tells which end of a Flow sent a segment.
type Direction uint8

// The two directions of a flow.
const (
	AtoB Direction = iota
	BtoA
)

// Reverse returns the other direction.
func (d Direction) Reverse() Direction { return d ^ 1 }

// FlowOf returns the canonical flow of a segment from src to dst, and its direction.
// A segment from an endpoint to itself travels AtoB.
func FlowOf(src, dst Endpoint) (Flow, Direction) {
	if src.Compare(dst) <= 0 {
		return Flow{A: src, B: dst}, AtoB
	}
	return Flow{A: dst, B: src}, BtoA
}

// Sender returns the endpoint that sends in direction d.
func (f Flow) Sender(d Direction) Endpoint {
	if d == AtoB {
		return f.A
	}
	return f.B
}

// Flags are the control bits of RFC 9293 3.1 as they stand in octets 12 and 13
// of the header, AE (RFC 9768, once NS) included.
type Flags uint16

// The control bits.
const (
	FIN Flags = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
	AE
)

// Has reports whether all bits of want are set.
func (f Flags) Has(want Flags) bool { return f&want == want }

// String spells the flags as tcpdump users read them: "SYN,ACK"; "none" without any.
func (f Flags) String() string {
	names := [...]string{"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "AE"}
	order := [...]int{1, 0, 2, 3, 4, 5, 6, 7, 8} // SYN first
	var b []byte
	for _, i := range order {
		if f&(1<<i) != 0 {
			if len(b) > 0 {
				b = append(b, ',')
			}
			b = append(b, names[i]...)
		}
	}
	if len(b) == 0 {
		return "none"
	}
	return string(b)
}

// Checksum is what the capture knows of a segment's TCP checksum.
type Checksum uint8

// Verdicts on a checksum.
const (
	ChecksumUnknown Checksum = iota // not all bytes were captured, or not verified
	ChecksumGood
	ChecksumBad
	// ChecksumPartial is none: the field holds the sum of the pseudo header, which
	// a kernel leaves there when the network card is to complete it (Linux:
	// CHECKSUM_PARTIAL), or when it merged received segments into one (GRO, LRO).
	ChecksumPartial
)

// Wrong reports whether the field holds anything but the right checksum.
func (c Checksum) Wrong() bool { return c >= ChecksumBad }

// OptionSet says which options a segment carried.
type OptionSet uint16

// The options the tracker looks at.
const (
	OptMSS OptionSet = 1 << iota
	OptWindowScale
	OptSACKPermitted
	OptTimestamps
	OptSACK
	OptFastOpen  // RFC 7413, kind 34, or the experimental 254/0xF989
	OptMPTCP     // RFC 8684
	OptMD5       // RFC 2385 or TCP-AO (RFC 5925)
	OptMalformed // a length below 2 or past the end of the header
	OptCut       // the snapshot ends inside the options: more may have been there
	OptAccECN    // RFC 9768, kinds 172 and 174
	OptUserTimeout
	OptOther // any other kind
)

// Block is a SACK block: [Left, Right).
type Block struct{ Left, Right seq.Num }

// Options are the parsed options; a field is valid only if Has says so.
type Options struct {
	Has         OptionSet
	MSS         uint16
	WindowScale uint8 // the shift as sent; RFC 7323 2.3 caps its use at 14
	SACKs       uint8 // how many of SACK are valid
	TSVal       uint32
	TSEcr       uint32 // meaningful only with ACK set (RFC 7323 3.2)
	SACK        [4]Block
}

// Segment is one captured TCP segment.
type Segment struct {
	Number     uint64 // position in the merged trace, from 1; frames without TCP count too
	Time       int64  // capture time, nanoseconds since 1970 UTC
	Flow       Flow
	Dir        Direction
	Checksum   Checksum
	TTL        uint8 // or IPv6 hop limit
	HasIPID    bool  // IPv4 with a non-zero identification: only then IPID tells copies apart
	IPID       uint16
	Flags      Flags
	Window     uint16 // as on the wire, unscaled
	Seq, Ack   seq.Num
	PayloadLen uint32    // on the wire, from the IP header, never from the frame
	Captured   uint32    // how much of it the file holds
	IPLen      uint32    // the whole IP packet on the wire, headers included
	File       uint32    // index of the file it came from
	Path       uint32    // by which way it was met: its number among the trace's Paths
	Urgent     uint16    // the urgent pointer; valid with URG
	Fragments  uint8     // how many IP fragments it came in, 0 if it was whole; 255 stands for more
	IsQuote    bool      // no segment passed: an ICMP error quotes one, of which SEQ and what ICMP says are known
	ICMP       ICMPError // valid with IsQuote
	Options    Options
}

// Len is SEG.LEN of RFC 9293 3.3.1: payload octets, SYN and FIN counted.
func (s *Segment) Len() uint32 {
	n := s.PayloadLen
	if s.Flags.Has(SYN) {
		n++
	}
	if s.Flags.Has(FIN) {
		n++
	}
	return n
}

// End is the sequence number after the segment's last octet.
func (s *Segment) End() seq.Num { return s.Seq.Add(s.Len()) }
