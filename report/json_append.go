package report

import (
	"strconv"
	"unicode/utf8"

	"github.com/tcplife/tcplife/internal/segment"
)

// The appenders below write JSON into a byte slice without reflection and
// without allocating. Records, which leave a fast tracker by the million, are
// written by an encoder.

// object appends members to b.
type object struct {
	b     []byte
	empty bool
}

func begin(b []byte) object { return object{b: append(b, '{'), empty: true} }

func (o *object) end() []byte { return append(o.b, '}') }

// key appends the name of the next member. Names are ours and need no escaping.
func (o *object) key(name string) {
	if !o.empty {
		o.b = append(o.b, ',')
	}
	o.empty = false
	o.b = append(o.b, '"')
	o.b = append(o.b, name...)
	o.b = append(o.b, '"', ':')
}

// name appends the name of a member that others chose.
func (o *object) name(name string) {
	if !o.empty {
		o.b = append(o.b, ',')
	}
	o.empty = false
	o.b = append(appendString(o.b, name), ':')
}

func (o *object) str(name, value string) {
	o.key(name)
	o.b = appendString(o.b, value)
}

// word appends a member whose value is one of our own vocabularies, which needs
// no escaping.
func (o *object) word(name, value string) {
	o.key(name)
	o.b = append(o.b, '"')
	o.b = append(o.b, value...)
	o.b = append(o.b, '"')
}

func (o *object) uint(name string, n uint64) {
	o.key(name)
	o.b = appendUint(o.b, n)
}

// uintIf appends the member unless it is zero: for what rarely happens.
func (o *object) uintIf(name string, n uint64) {
	if n != 0 {
		o.uint(name, n)
	}
}

func (o *object) bool(name string, v bool) {
	o.key(name)
	o.b = strconv.AppendBool(o.b, v)
}

func (o *object) time(name string, ns int64) {
	o.key(name)
	o.b = append(o.b, '"')
	o.b = appendTime(o.b, ns)
	o.b = append(o.b, '"')
}

func (o *object) seconds(name string, ns int64) {
	o.key(name)
	o.b = appendSeconds(o.b, ns)
}

func (o *object) endpoint(name string, e segment.Endpoint) {
	o.key(name)
	in := begin(o.b)
	in.ip("ip", e.IP)
	in.uint("port", uint64(e.Port))
	o.b = in.end()
}

func (o *object) ip(name string, ip segment.IP) {
	o.key(name)
	o.b = append(o.b, '"')
	o.b = appendIP(o.b, &ip)
	o.b = append(o.b, '"')
}

// list appends elements to b.
type list struct {
	b     []byte
	empty bool
}

func beginList(b []byte) list { return list{b: append(b, '['), empty: true} }

func (l *list) end() []byte { return append(l.b, ']') }

// next returns b ready for the next element.
func (l *list) next() []byte {
	if !l.empty {
		l.b = append(l.b, ',')
	}
	l.empty = false
	return l.b
}

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string, valid whatever s holds: bytes that
// are no UTF-8 become U+FFFD. The separators U+2028 and U+2029 are escaped too,
// which some readers of lines take for line ends.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if len(s)-i >= 8 && plain8(s[i:i+8]) {
				i += 8
				continue
			}
			if c >= 0x20 && c != '"' && c != '\\' && c != 0x7f {
				i++
				continue
			}
			b = append(b, s[start:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\n':
				b = append(b, '\\', 'n')
			case '\t':
				b = append(b, '\\', 't')
			default:
				b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
			i++
			start = i
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			b = append(append(b, s[start:i]...), `\ufffd`...)
			start = i + n
		case r >= 0x80 && r < 0xa0: // C1 controls, which terminals obey
			b = append(append(b, s[start:i]...), '\\', 'u', '0', '0', hexDigits[r>>4], hexDigits[r&15])
			start = i + n
		case r == 0x2028 || r == 0x2029:
			b = append(append(b, s[start:i]...), '\\', 'u', '2', '0', '2', hexDigits[r&15])
			start = i + n
		}
		i += n
	}
	return append(append(b, s[start:]...), '"')
}

// plain8 reports whether none of the eight bytes of s needs a look: all are printable ASCII other than
// quotes and backslashes. It looks at all at once: where one is not plain, a byte of a sum or
// difference gets its high bit. A borrow from a byte below may set it without need, which costs a second look.
func plain8(s string) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	x := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
	control, del := x-0x20*ones, x+ones
	quote, backslash := (x^'"'*ones)-ones, (x^'\\'*ones)-ones
	return (x|control|quote|backslash|del)&high == 0
}

// appendTime appends ns since 1970 as RFC 3339 in UTC with nine digits. The date
// is computed from days (Howard Hinnant's civil_from_days), which takes a
// fraction of what time.Time.AppendFormat does.
func appendTime(b []byte, ns int64) []byte {
	sec, frac := ns/1e9, ns%1e9
	if frac < 0 {
		sec, frac = sec-1, frac+1e9
	}
	days, rest := sec/86400, sec%86400
	if rest < 0 {
		days, rest = days-1, rest+86400
	}
	z := days + 719468 // days since 0000-03-01; positive for every int64 of nanoseconds
	era := z / 146097
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	day := doy - (153*mp+2)/5 + 1
	month := mp + 3
	year := yoe + era*400
	if month > 12 {
		month, year = month-12, year+1
	}
	clock := uint32(rest)
	b = appendPair(b, uint32(year)/100)
	b = appendPair(b, uint32(year)%100)
	b = appendPair(append(b, '-'), uint32(month))
	b = appendPair(append(b, '-'), uint32(day))
	b = appendPair(append(b, 'T'), clock/3600)
	b = appendPair(append(b, ':'), clock/60%60)
	b = appendPair(append(b, ':'), clock%60)
	b = appendNano(append(b, '.'), uint32(frac))
	return append(b, 'Z')
}

// appendPair appends n < 100 with two digits.
func appendPair(b []byte, n uint32) []byte { return append(b, pairs[2*n], pairs[2*n+1]) }

// appendNano appends n < 10^9 with nine digits.
func appendNano(b []byte, n uint32) []byte {
	b = append(b, "000000000"...)
	putNano(b[len(b)-9:], n)
	return b
}

// appendSeconds appends a duration in nanoseconds as seconds: a JSON number,
// exact, without exponent and without trailing zeros.
func appendSeconds(b []byte, ns int64) []byte {
	n := uint64(ns)
	if ns < 0 {
		b = append(b, '-')
		n = -n
	}
	b = appendUint(b, n/1e9)
	frac := n % 1e9
	if frac == 0 {
		return b
	}
	b = appendNano(append(b, '.'), uint32(frac))
	for b[len(b)-1] == '0' {
		b = b[:len(b)-1]
	}
	return b
}
