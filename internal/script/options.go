package script

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/tcplife/tcplife/internal/segment"
)

// Kinds of TCP options (IANA, TCP Option Kind Numbers).
const (
	kindEOL           = 0
	kindNop           = 1
	kindMSS           = 2
	kindWindowScale   = 3
	kindSACKPermitted = 4
	kindSACK          = 5
	kindTimestamps    = 8
	kindMD5           = 19
	kindMPTCP         = 30
	kindFastOpen      = 34
	kindExperiment    = 253
)

// maxOptions is what the data offset field leaves for options (RFC 9293 3.1).
const maxOptions = 40

// Option is one option of a segment.
type Option struct {
	kind   uint8
	body   []byte     // everything behind the length octet, sequence numbers left out
	blocks [][2]int64 // of SACK, relative
	broken bool       // its length is impossible
}

// parseOptions reads the text between < and >.
func parseOptions(text string) ([]Option, error) {
	var opts []Option
	if strings.TrimSpace(text) == "" {
		return nil, fmt.Errorf("no option between < and >")
	}
	length := 0
	for part := range strings.SplitSeq(text, ",") {
		o, err := parseOption(strings.Fields(part))
		if err != nil {
			return nil, err
		}
		opts = append(opts, o)
		length += o.length()
	}
	if length > maxOptions {
		return nil, fmt.Errorf("the options take %d octets, a header has room for %d", length, maxOptions)
	}
	return opts, nil
}

// parseOption reads one option, given as words.
func parseOption(words []string) (Option, error) {
	if len(words) == 0 {
		return Option{}, fmt.Errorf("an empty option, want its name between the commas")
	}
	name, args := words[0], words[1:]
	switch name {
	case "nop", "eol", "sackOK", "md5", "malformed":
		if len(args) != 0 {
			return Option{}, fmt.Errorf("option %s takes no argument, got %q", name, strings.Join(args, " "))
		}
	}
	switch name {
	case "nop":
		return Option{kind: kindNop}, nil
	case "eol":
		return Option{kind: kindEOL}, nil
	case "sackOK":
		return Option{kind: kindSACKPermitted}, nil
	case "md5":
		return Option{kind: kindMD5, body: make([]byte, 16)}, nil
	case "malformed":
		return Option{kind: kindExperiment, broken: true}, nil
	case "mss":
		n, err := oneNumber(name, args, 16)
		return Option{kind: kindMSS, body: binary.BigEndian.AppendUint16(nil, uint16(n))}, err
	case "wscale":
		n, err := oneNumber(name, args, 8)
		return Option{kind: kindWindowScale, body: []byte{uint8(n)}}, err
	case "TS":
		return parseTimestamps(args)
	case "sack":
		return parseSACK(args)
	case "fastopen":
		body, err := hexArgument(name, args)
		return Option{kind: kindFastOpen, body: body}, err
	case "mptcp":
		body, err := hexArgument(name, args)
		if body == nil {
			body = []byte{0x01, 0x81} // MP_CAPABLE, version 1, as in a SYN (RFC 8684 3.1)
		}
		return Option{kind: kindMPTCP, body: body}, err
	}
	return Option{}, fmt.Errorf("unknown option %q, want mss, wscale, sackOK, TS, sack, nop, eol, fastopen, mptcp, md5 or malformed", name)
}

func oneNumber(name string, args []string, bits int) (uint64, error) {
	if len(args) != 1 {
		return 0, fmt.Errorf("option %s takes one number, got %q", name, strings.Join(args, " "))
	}
	n, err := strconv.ParseUint(args[0], 10, bits)
	if err != nil {
		return 0, fmt.Errorf("option %s: %q is not a number of %d bits", name, args[0], bits)
	}
	return n, nil
}

func hexArgument(name string, args []string) ([]byte, error) {
	switch len(args) {
	case 0:
		return nil, nil
	case 1:
		b, err := hex.DecodeString(args[0])
		if err != nil {
			return nil, fmt.Errorf("option %s: %q is not hexadecimal", name, args[0])
		}
		return b, nil
	}
	return nil, fmt.Errorf("option %s takes one hexadecimal string, got %q", name, strings.Join(args, " "))
}

func parseTimestamps(args []string) (Option, error) {
	if len(args) != 4 || args[0] != "val" || args[2] != "ecr" {
		return Option{}, fmt.Errorf("option TS: want \"TS val N ecr N\", got %q", "TS "+strings.Join(args, " "))
	}
	val, err := oneNumber("TS val", args[1:2], 32)
	if err != nil {
		return Option{}, err
	}
	ecr, err := oneNumber("TS ecr", args[3:4], 32)
	body := binary.BigEndian.AppendUint32(nil, uint32(val))
	return Option{kind: kindTimestamps, body: binary.BigEndian.AppendUint32(body, uint32(ecr))}, err
}

func parseSACK(args []string) (Option, error) {
	o := Option{kind: kindSACK}
	for _, arg := range args {
		left, right, ok := strings.Cut(arg, ":")
		a, errA := parseNumber(left)
		b, errB := parseNumber(right)
		if !ok || errA != nil || errB != nil {
			return Option{}, fmt.Errorf("option sack: want blocks like 1001:2001, got %q", arg)
		}
		o.blocks = append(o.blocks, [2]int64{a, b})
	}
	if len(o.blocks) == 0 || len(o.blocks) > 4 {
		return Option{}, fmt.Errorf("option sack takes one to four blocks, got %d", len(o.blocks))
	}
	return o, nil
}

// length is what the option takes in the header.
func (o *Option) length() int {
	if o.kind <= kindNop {
		return 1
	}
	return 2 + len(o.body) + 8*len(o.blocks)
}

// optionBytes encodes the line's options, padded to a multiple of four.
func (c *Conversation) optionBytes(l *Line) []byte {
	var b []byte
	for i := range l.Options {
		o := &l.Options[i]
		b = append(b, o.kind)
		switch {
		case o.kind <= kindNop:
			continue
		case o.broken:
			b = append(b, 1) // no option is shorter than its kind and length
		default:
			b = append(b, uint8(o.length()))
		}
		b = append(b, o.body...)
		for _, block := range o.blocks {
			b = binary.BigEndian.AppendUint32(b, uint32(c.ack(l, block[0])))
			b = binary.BigEndian.AppendUint32(b, uint32(c.ack(l, block[1])))
		}
	}
	pad := byte(kindNop)
	if n := len(l.Options); n > 0 && l.Options[n-1].kind == kindEOL {
		pad = 0 // padding behind the end of the list is zero (RFC 9293 3.1, MUST-69)
	}
	for len(b)%4 != 0 {
		b = append(b, pad)
	}
	return b
}

// options returns the line's options as capture would parse them.
func (c *Conversation) options(l *Line) segment.Options {
	var opts segment.Options
	cut := l.Cut >= 0 && l.Cut < len(c.optionBytes(l))
	at := 0
	for i := range l.Options {
		o := &l.Options[i]
		at += o.length()
		if cut && at > l.Cut || o.kind == kindEOL {
			break
		}
		if o.broken {
			opts.Has |= segment.OptMalformed
			break
		}
		c.setOption(&opts, l, o)
	}
	if cut {
		opts.Has |= segment.OptCut
	}
	return opts
}

func (c *Conversation) setOption(opts *segment.Options, l *Line, o *Option) {
	switch o.kind {
	case kindMSS:
		opts.Has |= segment.OptMSS
		opts.MSS = binary.BigEndian.Uint16(o.body)
	case kindWindowScale:
		opts.Has |= segment.OptWindowScale
		opts.WindowScale = o.body[0]
	case kindSACKPermitted:
		opts.Has |= segment.OptSACKPermitted
	case kindTimestamps:
		opts.Has |= segment.OptTimestamps
		opts.TSVal = binary.BigEndian.Uint32(o.body)
		opts.TSEcr = binary.BigEndian.Uint32(o.body[4:])
	case kindSACK:
		opts.Has |= segment.OptSACK
		for i, block := range o.blocks {
			opts.SACK[i] = segment.Block{Left: c.ack(l, block[0]), Right: c.ack(l, block[1])}
		}
		opts.SACKs = uint8(len(o.blocks))
	case kindFastOpen:
		opts.Has |= segment.OptFastOpen
	case kindMPTCP:
		opts.Has |= segment.OptMPTCP
	case kindMD5:
		opts.Has |= segment.OptMD5
	}
}
