package report

import (
	"encoding/binary"
	"strconv"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/tracker"
)

// encoder writes values of records as text. It remembers how it wrote what comes again
// and again: the second of a time stamp, the name of a file, a step between two states. It is
// for one goroutine (BenchmarkJSON).
type encoder struct {
	names Names
	clock stamps
	file  struct {
		known bool
		index uint32
		text  []byte // as a JSON string; empty if the name is not known
	}
	steps [256]stepText
}

// stamps are times written as RFC 3339 in UTC with nine digits, those of the last seconds met: the
// times of one connection, and of connections that end together, share a few.
type stamps [16]struct {
	known  bool
	ns     int64
	second int64 // that of ns
	text   [len("2006-01-02T15:04:05.000000000Z")]byte
}

// at writes ns since 1970. The text is valid until the next call.
func (s *stamps) at(ns int64) []byte {
	second, nano := ns/1e9, ns%1e9
	if nano < 0 {
		second, nano = second-1, nano+1e9
	}
	one := &s[second&int64(len(s)-1)]
	switch {
	case one.known && one.ns == ns:
		return one.text[:]
	case one.known && one.second == second:
		putNano(one.text[len("2006-01-02T15:04:05."):], uint32(nano))
	default:
		appendTime(one.text[:0], ns)
		one.known, one.second = true, second
	}
	one.ns = ns
	return one.text[:]
}

// time appends ns since 1970.
func (e *encoder) time(b []byte, ns int64) []byte { return append(b, e.clock.at(ns)...) }

// path returns the name of a file as a JSON string, empty if it is not known.
func (e *encoder) path(index uint32) []byte {
	f := &e.file
	if !f.known || f.index != index {
		f.known, f.index, f.text = true, index, f.text[:0]
		if name := e.names.File.name(index); name != "" {
			f.text = appendString(f.text, name)
		}
	}
	return f.text
}

// stepText is the end of a transition's object, as it was written last for these values.
type stepText struct {
	key  uint32
	text []byte
}

// step returns the members of a transition's object behind its time and packet: of thousands that
// can be, a capture has a few dozen.
func (e *encoder) step(t *tracker.Transition) []byte {
	key := 1<<31 | uint32(t.Role) | uint32(t.From)<<4 | uint32(t.To)<<8 | uint32(t.Event)<<12 | uint32(t.Certainty)<<16
	s := &e.steps[key*0x9e3779b1>>24]
	if s.key != key {
		s.key = key
		b := append(s.text[:0], `,"endpoint":"`...)
		b = append(b, t.Role.String()...)
		b = append(b, `","from":"`...)
		b = append(b, t.From.String()...)
		b = append(b, `","to":"`...)
		b = append(b, t.To.String()...)
		b = append(b, `","event":"`...)
		b = append(b, t.Event.String()...)
		b = append(b, `","certainty":"`...)
		b = append(b, t.Certainty.String()...)
		s.text = append(b, `"},`...)
	}
	return s.text
}

// pairs are the numbers below 100 with two digits each.
const pairs = "00010203040506070809101112131415161718192021222324252627282930313233343536373839" +
	"40414243444546474849505152535455565758596061626364656667686970717273747576777879" +
	"8081828384858687888990919293949596979899"

// appendUint appends n in decimal, four digits at a time.
func appendUint(b []byte, n uint64) []byte {
	switch {
	case n < 10:
		return append(b, byte('0'+n))
	case n < 100:
		return append(b, pairs[2*n], pairs[2*n+1])
	case n < 1000:
		low := 2 * (n % 100)
		return append(b, byte('0'+n/100), pairs[low], pairs[low+1])
	}
	if n >= 10_000 {
		b = appendUint(b, n/10_000)
		n %= 10_000
	}
	high, low := 2*(n/100), 2*(n%100)
	return append(b, pairs[high], pairs[high+1], pairs[low], pairs[low+1])
}

// putNano writes n < 10^9 with nine digits. None of the divisions waits for another one.
func putNano(b []byte, n uint32) {
	b = b[:9]
	b[0] = byte('0' + n/1e8)
	copy(b[1:], pairs[2*(n/1e6%100):][:2])
	copy(b[3:], pairs[2*(n/1e4%100):][:2])
	copy(b[5:], pairs[2*(n/100%100):][:2])
	copy(b[7:], pairs[2*(n%100):][:2])
}

// appendIP appends the address as netip.Addr writes it, which costs several times as much.
func appendIP(b []byte, ip *segment.IP) []byte {
	if isIPv4(ip) {
		b = append(b, "255.255.255.255."...)
		i := len(b) - 16
		for _, v := range ip[12:] {
			o := &octets[v]
			copy(b[i:i+4], o.text[:])
			i += o.len
		}
		return b[:i-1]
	}
	from, to := 8, 8 // the longest run of zero groups, the first of equal ones, if longer than one
	for i := 0; i < 8; i++ {
		j := i
		for j < 8 && ip[2*j]|ip[2*j+1] == 0 {
			j++
		}
		if j-i > max(to-from, 1) {
			from, to = i, j
		}
		i = max(i, j-1)
	}
	for i := 0; i < 8; i++ {
		if i == from {
			b = append(b, ':', ':')
			if i = to; i == 8 {
				break
			}
		} else if i > 0 {
			b = append(b, ':')
		}
		high, low := ip[2*i], ip[2*i+1]
		switch {
		case high >= 0x10:
			b = append(b, hexDigits[high>>4], hexDigits[high&15], hexDigits[low>>4], hexDigits[low&15])
		case high > 0:
			b = append(b, hexDigits[high], hexDigits[low>>4], hexDigits[low&15])
		case low >= 0x10:
			b = append(b, hexDigits[low>>4], hexDigits[low&15])
		default:
			b = append(b, hexDigits[low])
		}
	}
	return b
}

func isIPv4(ip *segment.IP) bool {
	return binary.BigEndian.Uint64(ip[:8]) == 0 && binary.BigEndian.Uint32(ip[8:12]) == 0xffff
}

// octets are the numbers of an IPv4 address, each with the dot behind it.
var octets = func() (all [256]struct {
	text [4]byte
	len  int
},
) {
	for i := range all {
		all[i].len = copy(all[i].text[:], strconv.Itoa(i)+".")
	}
	return all
}()
