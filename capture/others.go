package capture

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// otherFile is a kind of file that is no capture, or one that is not read.
type otherFile struct{ magic, what string }

const (
	convert     = ", convert it with editcap -F pcap"
	withoutTCP  = ", in which there is no TCP"
	unpackFirst = ", unpack it first"
)

// otherFiles are known by how they begin, the longer ones before the shorter.
var otherFiles = []otherFile{
	{"\xfd7zXZ\x00", "xz is not read, run unxz first"},
	{"PK\x03\x04", "a zip archive" + unpackFirst},
	{"7z\xbc\xaf\x27\x1c", "a 7z archive" + unpackFirst},
	{"iptrace 1.0", "an AIX iptrace file" + convert},
	{"iptrace 2.0", "an AIX iptrace file" + convert},
	{"TRSNIFF data", "a Sniffer file" + convert},
	{"XCP\x00", "a NetXray or Sniffer file" + convert},
	{"VL\x00\x00", "a NetXray file" + convert},
	{"RTSS", "a Network Monitor file" + convert},
	{"GMBU", "a Network Monitor file" + convert},
	{"\x00\x00\x02\x00\x12\x05\x00\x10", "a Tektronix K12 file" + convert},
	{"+---------+---", "a Tektronix K12 text file" + convert},
	{"\x7fver", "an EtherPeek or OmniPeek file" + convert},
	{"\x05VNF", "a Visual Networks file" + convert},
	{"\x54\x52\x00\x64\x00", "an HP-UX nettl file" + convert},
	{"\xaa\xaa\xaa\xaa", "an Accellent 5Views file" + convert},
	{"\x01\x10\x4c\x00", "a LANalyzer file" + convert},
	{"ObserverPkt", "a Network Instruments Observer file" + convert},
	{"btsnoop\x00", "a btsnoop file of Bluetooth" + withoutTCP},
	{"#!rtpplay", "a dump of rtpdump" + withoutTCP},
}

// notCapture says how a file begins that is none, and what it is if that is known.
func notCapture(h []byte) error {
	for _, o := range otherFiles {
		if bytes.HasPrefix(h, []byte(o.magic)) {
			return fmt.Errorf("%w: %s; expected %s", ErrNotCapture, o.what, expected)
		}
	}
	if isERF(h) {
		return fmt.Errorf("%w: looks like an Endace ERF file%s; expected %s", ErrNotCapture, convert, expected)
	}
	return fmt.Errorf("%w: begins with %q at offset 0; expected %s", ErrNotCapture, h[:min(len(h), 8)], expected)
}

// isERF reports whether a file begins as one of Endace's does, which has no
// magic: a time of this age, a known kind of record, lengths that fit.
func isERF(h []byte) bool {
	const (
		header   = 16
		earliest = 788918400 // 1995, when the first cards were built
		latest   = 4102444800
		kinds    = 27
		kindBits = 0x7f
	)
	if len(h) < header {
		return false
	}
	seconds, kind := binary.LittleEndian.Uint32(h[4:]), h[8]&kindBits
	size, wire := binary.BigEndian.Uint16(h[10:]), binary.BigEndian.Uint16(h[14:])
	return seconds >= earliest && seconds < latest && kind >= 1 && kind <= kinds && size > header && size%4 == 0 && wire > 0
}
