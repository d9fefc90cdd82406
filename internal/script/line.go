package script

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/tcplife/tcplife/internal/segment"
)

// flagLetters are packetdrill's letters.
var flagLetters = map[rune]segment.Flags{
	'S': segment.SYN, 'F': segment.FIN, 'R': segment.RST, 'P': segment.PSH, '.': segment.ACK,
	'U': segment.URG, 'E': segment.ECE, 'W': segment.CWR, 'A': segment.AE,
}

// segment reads one segment with its expectations.
func (p *parser) segment(text string) error {
	written, expected, hasExpected := strings.Cut(text, "//")
	l := Line{
		Number: p.number,
		Text:   strings.TrimSpace(written),
		Of:     p.of,
		Window: math.MaxUint16,
		TTL:    64,
		Cut:    -1,
	}
	head := strings.Fields(l.Text)
	if len(head) < 4 {
		return fmt.Errorf("segment %q is not complete, want \"TIME > FLAGS SEQ:END(LEN) ...\"", l.Text)
	}
	var err error
	if l.At, err = p.time(head[0]); err != nil {
		return err
	}
	switch head[1] {
	case ">":
	case "<":
		l.From = Responder
	default:
		return fmt.Errorf("direction %q, want > or <", head[1])
	}
	if l.Flags, err = parseFlags(head[2]); err != nil {
		return err
	}
	if l.Seq, l.Len, err = parseSeq(head[3]); err != nil {
		return err
	}
	p.ipid[l.From]++
	l.IPID = p.ipid[l.From]
	lost, err := p.rest(&l, text[strings.Index(text, head[3])+len(head[3]):len(written)])
	if err != nil {
		return err
	}
	if !lost {
		p.packets += uint64(max(1, l.Fragments))
		l.Packet = p.packets
	} else if hasExpected {
		return fmt.Errorf("expectations on a lost segment, want them on what the tap sees")
	}
	if err := p.expect(&l, expected); err != nil {
		return err
	}
	p.at = l.At
	p.conv.Lines = append(p.conv.Lines, l)
	return nil
}

// maxTime keeps times, the trace's going on included, well within 64 bits.
const maxTime = 10 * 365 * 24 * time.Hour

// time reads an absolute or relative time in seconds.
func (p *parser) time(word string) (time.Duration, error) {
	text, relative := strings.CutPrefix(word, "+")
	if strings.Trim(text, ".0123456789") != "" {
		return 0, fmt.Errorf("time %q, want seconds like 1.5 or +.020", word)
	}
	d, err := time.ParseDuration(text + "s")
	if relative {
		d += p.at
	}
	if err != nil || d < 0 || d > maxTime {
		return 0, fmt.Errorf("time %q, want seconds like 1.5 or +.020, less than ten years in all", word)
	}
	return d, nil
}

func parseFlags(word string) (segment.Flags, error) {
	var flags segment.Flags
	if word == "-" {
		return 0, nil
	}
	for _, letter := range word {
		f, ok := flagLetters[letter]
		if !ok {
			return 0, fmt.Errorf("flag %q in %q, want letters of SFRP.UEWA, or - for none", letter, word)
		}
		if flags.Has(f) {
			return 0, fmt.Errorf("flag %q twice in %q", letter, word)
		}
		flags |= f
	}
	return flags, nil
}

// parseSeq reads SEQ:END(LEN).
func parseSeq(word string) (from int64, length uint32, err error) {
	bad := func() (int64, uint32, error) {
		return 0, 0, fmt.Errorf("sequence numbers %q, want SEQ:END(LEN) like 1:11(10)", word)
	}
	first, rest, ok := strings.Cut(word, ":")
	if !ok {
		return bad()
	}
	second, rest, ok := strings.Cut(rest, "(")
	third, closed := strings.CutSuffix(rest, ")")
	if !ok || !closed {
		return bad()
	}
	from, err1 := parseNumber(first)
	end, err2 := parseNumber(second)
	n, err3 := strconv.ParseUint(third, 10, 32)
	if err1 != nil || err2 != nil || err3 != nil {
		return bad()
	}
	if end-from != int64(n) {
		return 0, 0, fmt.Errorf("sequence numbers %q: from %d to %d is %d octets, not %d (SYN and FIN are not counted)", word, from, end, end-from, n)
	}
	if n > maxPayload {
		return 0, 0, fmt.Errorf("a payload of %d octets, an IP packet has room for %d", n, maxPayload)
	}
	return from, uint32(n), nil
}

// rest reads what stands behind the sequence numbers.
func (p *parser) rest(l *Line, text string) (lost bool, err error) {
	before, options, found := strings.Cut(text, "<")
	after := ""
	if found {
		var closed bool
		if options, after, closed = strings.Cut(options, ">"); !closed {
			return false, fmt.Errorf("options <%s without their closing >", options)
		}
		if l.Options, err = parseOptions(options); err != nil {
			return false, err
		}
	}
	words := strings.Fields(before + " " + after)
	acked := false
	for i := 0; i < len(words); i++ {
		word := words[i]
		switch word {
		case "lost":
			lost = true
			continue
		case "bad-checksum":
			l.BadChecksum = true
			continue
		case "partial-checksum":
			l.Partial = true
			continue
		}
		if i+1 == len(words) {
			return false, fmt.Errorf("%q at the end, want ack, win, ttl, id, vlan, fragments, cut, of, icmp, from or mtu with its value, <options>, lost, bad-checksum or partial-checksum", word)
		}
		i++
		if err := p.extra(l, word, words[i]); err != nil {
			return false, err
		}
		acked = acked || word == "ack"
	}
	if !l.ICMP.IsSet && l.ICMP != (ICMPError{}) {
		return false, fmt.Errorf("from and mtu belong to icmp")
	}
	if l.Fragments > 0 {
		if octets := tcpHeaderLen + len(p.conv.optionBytes(l)) + int(l.Len); octets <= fragmentUnit*(l.Fragments-1) {
			return false, fmt.Errorf("%d fragments of %d octets, each but the last needs %d", l.Fragments, octets, fragmentUnit)
		}
		if l.Cut >= 0 || l.ICMP.IsSet {
			return false, fmt.Errorf("fragments with cut or icmp, want one of them")
		}
	}
	if acked != l.Flags.Has(segment.ACK) {
		if acked {
			return false, fmt.Errorf("ack without the flag, want a . among the flags")
		}
		return false, fmt.Errorf("the flag . without \"ack N\"")
	}
	return lost, nil
}

// extra reads one word with its number.
func (p *parser) extra(l *Line, word, value string) error {
	number := func(least, most uint64) (uint64, error) {
		n, err := strconv.ParseUint(value, 10, 64)
		if err != nil || n < least || n > most {
			return 0, fmt.Errorf("%s %q, want a number from %d to %d", word, value, least, most)
		}
		return n, nil
	}
	var (
		n   uint64
		err error
	)
	switch word {
	case "ack":
		if l.Ack, err = parseNumber(value); err != nil {
			return fmt.Errorf("ack %q, want a number", value)
		}
	case "win":
		n, err = number(0, math.MaxUint16)
		l.Window = uint16(n)
	case "ttl":
		n, err = number(0, math.MaxUint8)
		l.TTL = uint8(n)
	case "id":
		n, err = number(0, math.MaxUint16)
		l.IPID = uint16(n)
	case "cut":
		n, err = number(0, maxOptions)
		l.Cut = int(n)
	case "fragments":
		n, err = number(2, maxFragments)
		l.Fragments = int(n)
	case "of":
		n, err = number(1, uint64(len(p.conv.ISNs)))
		l.Of = int(n) - 1
	case "vlan":
		l.VLAN, err = parseVLAN(value)
	case "icmp":
		l.ICMP.IsSet = true
		l.ICMP.Type, l.ICMP.Code, err = parseICMP(value)
	case "from":
		l.ICMP.From, err = netip.ParseAddr(value)
		if err != nil || l.ICMP.From.Is6() != p.conv.ipv6() {
			return fmt.Errorf("from %q, want an address of the conversation's version", value)
		}
	case "mtu":
		n, err = number(0, math.MaxUint16)
		l.ICMP.MTU = uint32(n)
	default:
		return fmt.Errorf("unknown %q, want ack, win, ttl, id, vlan, fragments, cut, of, icmp, from, mtu, <options>, lost, bad-checksum or partial-checksum", word)
	}
	return err
}

// parseICMP reads TYPE/CODE.
func parseICMP(value string) (kind, code uint8, err error) {
	first, second, _ := strings.Cut(value, "/")
	t, err1 := strconv.ParseUint(first, 10, 8)
	c, err2 := strconv.ParseUint(second, 10, 8)
	if err1 != nil || err2 != nil {
		return 0, 0, fmt.Errorf("icmp %q, want type and code like 3/1", value)
	}
	return uint8(t), uint8(c), nil
}

func parseVLAN(value string) (tags [2]uint16, err error) {
	words := strings.Split(value, ",")
	if len(words) > len(tags) {
		return tags, fmt.Errorf("vlan %q, want one tag or two", value)
	}
	for i, word := range words {
		n, err := strconv.ParseUint(word, 10, 12)
		if err != nil || n == 0 {
			return tags, fmt.Errorf("vlan %q, want numbers from 1 to 4095", value)
		}
		tags[i] = uint16(n)
	}
	return tags, nil
}
