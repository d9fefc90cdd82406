package samples

import "github.com/tcplife/tcplife/internal/script"

// links hold the conversation in every link type.
var links = []Sample{
	link("raw-12.pcap", "raw IP under the number of some systems", 12, raw),
	link6("raw-ipv6.pcap", "raw IPv6", 229, raw),
	link("user0.pcap", "a link type of the user's own", 147, raw).counted("unsupported link type 147"),
}

// link is a sample of a link type over IPv4.
func link(name, what string, linkType uint32, around func(p *script.Packet) []byte) Sample {
	return Sample{
		Dir: "link", Name: name, What: what,
		Bytes: func(snap int) []byte { return Pcap(linkType, snap, frames(Short, around)) },
	}
}

// link6 is link over IPv6.
func link6(name, what string, linkType uint32, around func(p *script.Packet) []byte) Sample {
	s := link(name, what, linkType, around)
	s.Talk = Short6
	s.Bytes = func(snap int) []byte { return Pcap(linkType, snap, frames(Short6, around)) }
	return s
}

// counted says that none of the frames can be read, and as what they are counted.
func (s Sample) counted(as string) Sample { s.Counted = as; return s }

// apart says that what is read differs from the conversation.
func (s Sample) apart() Sample { s.Apart = true; return s }

func raw(p *script.Packet) []byte { return p.IP }
