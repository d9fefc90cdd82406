package segment

// ICMPError is what an ICMP error says that quotes a segment (RFC 792, RFC 4443; what TCP makes of it: RFC 9293
// 3.9.2.2, RFC 5927). The zero value is none. Its version is that of the quoted flow.
type ICMPError struct {
	From       IP // who reports it
	Type, Code uint8
	// Quoted is how much of the TCP header it quotes: with 8 octets ports and SEQ are known, with 14 the flags too.
	Quoted uint8
	MTU    uint32 // of the next hop, if it says the packet was too big; 0 in old routers
	V6     bool
}

// ICMP error types.
const (
	icmpUnreachable  = 3
	icmpTimeExceeded = 11
	icmp6Unreachable = 1
	icmp6TooBig      = 2
	icmp6Time        = 3
)

// TooBig reports whether a packet did not fit through a link and may not be fragmented.
func (e *ICMPError) TooBig() bool {
	return e.V6 && e.Type == icmp6TooBig || !e.V6 && e.Type == icmpUnreachable && e.Code == 4
}

// Unreachable reports whether the destination was called unreachable, whatever the reason.
func (e *ICMPError) Unreachable() bool {
	return e.V6 && e.Type == icmp6Unreachable || !e.V6 && e.Type == icmpUnreachable && e.Code != 4
}

// TimeExceeded reports whether a packet was given up on the way: a loop, or a lost fragment.
func (e *ICMPError) TimeExceeded() bool {
	return e.V6 && e.Type == icmp6Time || !e.V6 && e.Type == icmpTimeExceeded
}

// Hard reports whether hosts should abort the connection at once (RFC 9293 SHLD-26; RFC 1122 4.2.3.9): protocol or port
// unreachable. IPv6 counts port unreachable and administratively prohibited, as Linux does.
func (e *ICMPError) Hard() bool {
	if e.V6 {
		return e.Type == icmp6Unreachable && (e.Code == 1 || e.Code == 4 || e.Code == 5 || e.Code == 6)
	}
	return e.Type == icmpUnreachable && (e.Code == 2 || e.Code == 3)
}

var unreachableNames = [...]string{
	"network unreachable", "host unreachable", "protocol unreachable", "port unreachable", "fragmentation needed", "source route failed",
	"network unknown", "host unknown", "source host isolated", "network prohibited", "host prohibited", "network unreachable for this service",
	"host unreachable for this service", "communication prohibited", "host precedence violation", "precedence cutoff",
}

var unreachable6Names = [...]string{
	"no route", "communication prohibited", "beyond scope of source address", "address unreachable", "port unreachable",
	"source address failed policy", "route rejected", "error in source routing header",
}

// String names the error in words.
func (e *ICMPError) String() string {
	name := func(names []string, other string) string {
		if int(e.Code) < len(names) {
			return names[e.Code]
		}
		return other
	}
	switch {
	case e.TooBig():
		return "packet too big"
	case e.V6 && e.Type == icmp6Unreachable:
		return name(unreachable6Names[:], "unreachable")
	case e.V6 && e.Type == icmp6Time, !e.V6 && e.Type == icmpTimeExceeded:
		if e.Code == 1 {
			return "fragment reassembly time exceeded"
		}
		return "time to live exceeded"
	case e.V6:
		return "parameter problem"
	case e.Type == icmpUnreachable:
		return name(unreachableNames[:], "unreachable")
	case e.Type == 4:
		return "source quench"
	}
	return "parameter problem"
}
