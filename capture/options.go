package capture

import (
	"encoding/binary"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/internal/seq"
)

// TCP option kinds (IANA, "TCP Option Kind Numbers").
const (
	optEnd           = 0
	optNOP           = 1
	optMSS           = 2
	optWindowScale   = 3
	optSACKPermitted = 4
	optSACK          = 5
	optTimestamps    = 8
	optChecksum      = 14 // alternate checksum request, historic
	optMD5           = 19
	optUserTimeout   = 28
	optAO            = 29
	optMPTCP         = 30
	optFastOpen      = 34
	optAccECN0       = 172
	optAccECN1       = 174
	optExperiment1   = 253
	optExperiment2   = 254

	// onlyTimestamps is how the options begin of nearly every segment of a
	// connection with timestamps: two NOPs, kind, length. In a header of this
	// length nothing fits behind them.
	onlyTimestamps       = 0x0101080a
	onlyTimestampsHeader = 32

	// fastOpenExperiment is the identifier RFC 7413 used before it had a kind (RFC 6994).
	fastOpenExperiment = 0xf989
)

// parseOptions reads the options of a header. b is what was captured of them,
// length what the header's data offset promises. An option whose length is not
// one that its RFC gives it is passed over, as RFC 9293 3.1 asks for unknown ones, and told as malformed: the segment
// is still one.
//
// Nearly all hosts pad options to words of 32 bits. Those words are read whole
// (BenchmarkOptions); from the first that is anything else, walkOptions goes on.
func parseOptions(b []byte, length int, o *segment.Options) {
	const (
		mss           = optMSS<<8 | 4
		nopScale      = optNOP<<16 | optWindowScale<<8 | 3
		nopNopSACK    = optNOP<<24 | optNOP<<16 | optSACKPermitted<<8 | 2
		sackAndStamps = optSACKPermitted<<24 | 2<<16 | optTimestamps<<8 | 10
	)
	has := o.Has
words:
	for len(b) >= 4 {
		word := binary.BigEndian.Uint32(b)
		switch {
		case word>>16 == mss:
			has |= segment.OptMSS
			o.MSS = uint16(word)
		case word>>8 == nopScale:
			has |= segment.OptWindowScale
			o.WindowScale = uint8(word)
		case word == nopNopSACK:
			has |= segment.OptSACKPermitted
		case (word == onlyTimestamps || word == sackAndStamps) && len(b) >= 12:
			if word == sackAndStamps {
				has |= segment.OptSACKPermitted
			}
			has |= segment.OptTimestamps
			o.TSVal, o.TSEcr = binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:])
			b, length = b[8:], length-8
		default:
			break words
		}
		b, length = b[4:], length-4
	}
	o.Has = has
	if length > 0 {
		walkOptions(b, length, o)
	}
}

// walkOptions is parseOptions for any options.
func walkOptions(b []byte, length int, o *segment.Options) {
	if len(b) < length {
		o.Has |= segment.OptCut
	}
	for i := 0; i < len(b); {
		switch b[i] {
		case optEnd:
			// What follows is padding, of which nothing can be missed.
			o.Has &^= segment.OptCut
			return
		case optNOP:
			i++
			continue
		}
		if i+1 == length {
			o.Has |= segment.OptMalformed
			return
		}
		if i+1 == len(b) {
			return
		}
		n := int(b[i+1])
		if n < 2 || i+n > length {
			o.Has |= segment.OptMalformed
			return
		}
		if i+n > len(b) {
			return
		}
		parseOption(b[i], b[i+2:i+n], o)
		i += n
	}
}

// fits reports whether n octets, kind and length included, is a length that the option can have.
func fits(kind byte, n int) bool {
	switch kind {
	case optMSS, optUserTimeout:
		return n == 4
	case optWindowScale, optChecksum:
		return n == 3
	case optSACKPermitted:
		return n == 2
	case optSACK:
		return n > 2 && n <= 34 && (n-2)%8 == 0
	case optTimestamps:
		return n == 10
	case optMD5:
		return n == 18
	case optAO:
		return n >= 4
	case optMPTCP:
		return n >= 3
	case optFastOpen: // a request for a cookie, or one of 4 to 16 octets
		return n == 2 || n >= 6 && n <= 18 && n%2 == 0
	case optAccECN0, optAccECN1: // none to three counters of 24 bits
		return n <= 11 && (n-2)%3 == 0
	}
	return true
}

// parseOption reads the value of an option.
func parseOption(kind byte, v []byte, o *segment.Options) {
	if !fits(kind, 2+len(v)) {
		o.Has |= segment.OptMalformed
		return
	}
	switch kind {
	case optMSS:
		o.Has |= segment.OptMSS
		o.MSS = binary.BigEndian.Uint16(v)
	case optWindowScale:
		o.Has |= segment.OptWindowScale
		o.WindowScale = v[0]
	case optSACKPermitted:
		o.Has |= segment.OptSACKPermitted
	case optSACK:
		o.Has |= segment.OptSACK
		o.SACKs = uint8(len(v) / 8)
		for i := range o.SACK[:o.SACKs] {
			o.SACK[i].Left = seq.Num(binary.BigEndian.Uint32(v[8*i:]))
			o.SACK[i].Right = seq.Num(binary.BigEndian.Uint32(v[8*i+4:]))
		}
	case optTimestamps:
		o.Has |= segment.OptTimestamps
		o.TSVal = binary.BigEndian.Uint32(v)
		o.TSEcr = binary.BigEndian.Uint32(v[4:])
	case optMD5, optAO:
		o.Has |= segment.OptMD5
	case optMPTCP:
		o.Has |= segment.OptMPTCP
	case optFastOpen:
		o.Has |= segment.OptFastOpen
	case optAccECN0, optAccECN1:
		o.Has |= segment.OptAccECN
	case optUserTimeout:
		o.Has |= segment.OptUserTimeout
	case optExperiment1, optExperiment2:
		if len(v) >= 2 && binary.BigEndian.Uint16(v) == fastOpenExperiment {
			o.Has |= segment.OptFastOpen
			return
		}
		o.Has |= segment.OptOther
	default:
		o.Has |= segment.OptOther
	}
}
