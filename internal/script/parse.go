package script

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/tcplife/tcplife/internal/segment"
)

// maxPayload keeps a segment, IPv4 and TCP headers with all options included,
// within an IP packet.
const maxPayload = 65535 - 20 - tcpHeaderLen - maxOptions

// parser holds what one line of a conversation hands on to the next.
type parser struct {
	conv   *Conversation
	number int // of the current line, from 1
	titled bool
	ended  bool // record or trace lines began: no more segments

	at      time.Duration // of the segment before
	of      int           // incarnation in force
	packets uint64
	ipid    [2]uint16
	states  [2]string // claimed and not yet replaced
}

// Parse reads one conversation; name is what errors and reports call it. An
// error names the line and what was expected there.
func Parse(name, text string) (*Conversation, error) {
	p := parser{conv: &Conversation{
		Paths: new(segment.Paths),
		Name:  name,
		Ends: [2]netip.AddrPort{
			netip.MustParseAddrPort("10.0.0.1:40000"),
			netip.MustParseAddrPort("10.0.0.2:80"),
		},
		ISNs: [][2]uint32{{1_000_000, 5_000_000}},
	}}
	for line := range strings.Lines(text) {
		p.number++
		if err := p.line(strings.TrimSpace(strings.ReplaceAll(line, "\t", " "))); err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", name, p.number, err)
		}
	}
	if len(p.conv.Lines) == 0 {
		return nil, fmt.Errorf("%s: no segments, want a title and lines like \"0 > S 0:0(0)\"", name)
	}
	a, b := p.conv.Ends[Initiator], p.conv.Ends[Responder]
	if a.Addr().Is4() != b.Addr().Is4() {
		return nil, fmt.Errorf("%s: client %s and server %s are of different families, want both IPv4 or both IPv6", name, a, b)
	}
	return p.conv, nil
}

// line reads one line without its surrounding space.
func (p *parser) line(text string) error {
	word, rest, _ := strings.Cut(text, " ")
	rest = strings.TrimSpace(rest)
	switch {
	case text == "" || text[0] == '#':
		return nil
	case !p.titled:
		if startsSegment(text) {
			return fmt.Errorf("a segment, want the title of the conversation first")
		}
		p.titled, p.conv.Title = true, text
		return nil
	case word == "record":
		p.ended = true
		return p.record(rest)
	case word == "trace":
		p.ended = true
		return p.trace(rest)
	case startsSegment(text):
		if p.ended {
			return fmt.Errorf("a segment behind the expected records, want them at the end")
		}
		return p.segment(text)
	case word == "---":
		return p.rebase(rest)
	}
	return p.setting(word, rest)
}

// startsSegment reports whether the line begins with a time.
func startsSegment(text string) bool {
	return strings.IndexByte("+.0123456789", text[0]) >= 0
}

// setting reads one of the settings in the package documentation.
func (p *parser) setting(word, rest string) error {
	switch word {
	case "client", "server", "ipv6", "isn":
		if len(p.conv.Lines) > 0 {
			return fmt.Errorf("%s behind a segment, want it before the first one", word)
		}
	}
	var err error
	switch word {
	case "client":
		return p.address(Initiator, rest)
	case "server":
		return p.address(Responder, rest)
	case "ipv6":
		p.conv.Ends = [2]netip.AddrPort{
			netip.MustParseAddrPort("[fd00::1]:40000"),
			netip.MustParseAddrPort("[fd00::2]:80"),
		}
		return nil
	case "isn":
		p.conv.ISNs[0], err = parseISNs(rest, [2]uint32{})
		return err
	case "end":
		p.conv.After, err = time.ParseDuration(rest)
		if err != nil || p.conv.After < 0 {
			return fmt.Errorf("end %q, want how long the trace goes on, like \"end 60s\"", rest)
		}
		return nil
	case "allow", "near":
		slugs := strings.Fields(rest)
		if len(slugs) == 0 {
			return fmt.Errorf("%s without a slug", word)
		}
		if word == "allow" {
			p.conv.Allow = append(p.conv.Allow, slugs...)
		} else {
			p.conv.Near = append(p.conv.Near, slugs...)
		}
		return nil
	}
	return fmt.Errorf("unknown %q, want a segment (it begins with a time), a setting (client, server, ipv6, isn, end, allow, near), ---, record or trace", word)
}

func (p *parser) address(side Side, text string) error {
	addr, err := netip.ParseAddrPort(text)
	if err != nil {
		return fmt.Errorf("address %q of the %s, want one like 10.0.0.1:80 or [fd00::1]:80", text, side)
	}
	p.conv.Ends[side] = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	return nil
}

// rebase reads what stands behind ---.
func (p *parser) rebase(rest string) error {
	if p.ended {
		return fmt.Errorf("--- behind the expected records, want them at the end")
	}
	word, numbers, _ := strings.Cut(rest, " ")
	if word != "isn" {
		return fmt.Errorf("--- %s, want \"--- isn N N\"", rest)
	}
	isns, err := parseISNs(numbers, p.conv.ISNs[p.of])
	if err != nil {
		return err
	}
	p.conv.ISNs = append(p.conv.ISNs, isns)
	p.of++
	return nil
}

// parseISNs reads the initiator's and the responder's initial sequence number,
// either of which may be written as a signed distance from the one before.
func parseISNs(text string, before [2]uint32) (isns [2]uint32, err error) {
	words := strings.Fields(text)
	if len(words) != 2 {
		return isns, fmt.Errorf("isn %q, want two numbers: the initiator's and the responder's", text)
	}
	for i, word := range words {
		if word[0] == '+' || word[0] == '-' {
			n, err := strconv.ParseInt(word, 10, 33)
			if err != nil {
				return isns, fmt.Errorf("isn %q, want a distance within 32 bits", word)
			}
			isns[i] = before[i] + uint32(n)
			continue
		}
		n, err := strconv.ParseUint(word, 10, 32)
		if err != nil {
			return isns, fmt.Errorf("isn %q, want a number of 32 bits", word)
		}
		isns[i] = uint32(n)
	}
	return isns, nil
}

// parseNumber reads a relative sequence number.
func parseNumber(text string) (int64, error) { return strconv.ParseInt(text, 10, 64) }
