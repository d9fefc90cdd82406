package samples

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
)

// Damage is what is wrong with a capture, and what must come of it.
type Damage struct {
	Sample
	Error   string            // part of the error that reading it ends in; "" = none
	Packets uint64            // read before it
	TCP     uint64            // segments among them
	Skipped map[string]uint64 // what the others are counted as
}

// Damages are captures that are cut short, corrupt, or nonsense. What was read before the damage counts.
var Damages = []Damage{
	damaged("cut-in-packet.pcap", "cut short within the last packet", whole()[:len(whole())-7], "cut short in packet 8 at offset", 7),
	damaged("cut-in-record.pcap", "cut short within a record's header", whole()[:recordsUpTo(5)+9], "cut short in packet 6 at offset", 5),
	damaged("cut-in-file-header.pcap", "cut short within the file's header", whole()[:10], "cut short in the file header, after 10 of 24 bytes", 0),
	damaged("header-only.pcap", "a file's header, and no packet", whole()[:fileHeader], "", 0),
	damaged("empty.pcap", "nothing at all", nil, "empty", 0),
	damaged("text.pcap", "text under the name of a capture", []byte("Meeting at noon, bring the captures.\n"), "not a capture", 0),
	damaged("version-1.pcap", "a version nobody has written", patch(whole(), 4, 1, 0), "pcap of version 1.4", 0),
	damaged("packet-of-4-gigabytes.pcap", "a record promises 4 GB", patch(whole(), recordsUpTo(4)+8, 0xff, 0xff, 0xff, 0xff), "record promises 4294967295 bytes", 4),
	damaged("noise-behind.pcap", "noise behind the last packet", join(whole(), bytes.Repeat([]byte{0xa5}, 40)), "record promises 2779096485 bytes", 8),
	damaged("longer-than-on-the-wire.pcap", "records that hold more than they say was on the wire", lengthsOnTheWire(whole(), 1), "", 8),
	damaged("cut-in-block.pcapng", "cut short within a block", wholeNG()[:len(wholeNG())-5], "cut short in packet 8 at offset", 7),
	damaged("lengths-differ.pcapng", "a block ends with another length than it begins with", patch(wholeNG(), len(wholeNG())-4, 0x10), "begins with length 88 and ends with length 16", 7),
	damaged("block-of-4-gigabytes.pcapng", "a packet's block promises 4 GB", join(wholeNG(), ngHeader(6, 0xfffffffc), make([]byte, 8)), "promises a length of 4294967292", 8),
	damaged("no-interface.pcapng", "packets of an interface that was not described", join(ngSection(), ngPackets()), "packet of interface 0, but the section has described 0", 0),
	damaged("no-byte-order.pcapng", "a section without byte-order magic", patch(wholeNG(), 8, 0, 0, 0, 0), "section with byte-order magic 0x00000000", 0),
	damaged("blocks-nobody-knows.pcapng", "blocks of kinds nobody knows, among packets", join(ngSection(), ngBlock(0x0bad, []byte("????")), ngInterface(), ngBlock(0x40000bad, nil), ngPackets()), "", 8),
	damaged("option-beyond-block.pcapng", "an interface with an option longer than its block", join(ngSection(), ngBlock(1, join([]byte{1, 0, 0, 0, 0, 0, 0, 0}, []byte{9, 0, 0xff, 0x7f, 6, 0, 0, 0})), ngPackets()), "", 8),
	damaged("cut.pcap.gz", "compressed, and cut short", zipped(whole())[:len(zipped(whole()))/2], "cut short in packet 4", 3),
	damaged("wrong-sum.pcap.gz", "compressed, and its checksum is wrong", flip(zipped(whole()), len(zipped(whole()))-6), "checksum", 8),
	{
		Sample:  damage("nothing-in-them.pcap", "records without an octet", Pcap(linkEthernet, 0, append(frames(Short, plainEthernet), Frame{Time: 1}, Frame{Time: 2}))),
		Packets: 10, TCP: 8, Skipped: map[string]uint64{"truncated frame": 2},
	},
	{
		Sample: damage("broken-headers.pcap", "IP and TCP headers that cannot be, among good ones", Pcap(linkEthernet, 0, brokenHeaders())), Packets: 16, TCP: 8,
		Skipped: map[string]uint64{"malformed ipv4": 2, "malformed tcp": 4, "truncated ipv4 header": 1, "not ip": 0, "malformed ipv6": 1},
	},
	{
		Sample: damage("cut-in-tcp-header.pcap", "a snapshot length of 48: no TCP header is whole", Pcap(linkEthernet, 48, frames(Short, plainEthernet))), Packets: 8,
		Skipped: map[string]uint64{"truncated tcp header": 8},
	},
	{
		Sample: damage("cut-behind-tcp-header.pcap", "a snapshot length of 54: headers without options", Pcap(linkEthernet, 54, frames(Short, plainEthernet))), Packets: 8, TCP: 8,
	},
}

// damages are the samples of Damages.
var damages = func() (all []Sample) {
	for i := range Damages {
		all = append(all, Damages[i].Sample)
	}
	return all
}()

func damage(name, what string, file []byte) Sample {
	return Sample{Dir: "damage", Name: name, What: what, Apart: true, Bytes: func(int) []byte { return file }}
}

// damaged is a file of which all that is read is TCP.
func damaged(name, what string, file []byte, err string, packets uint64) Damage {
	return Damage{Sample: damage(name, what, file), Error: err, Packets: packets, TCP: packets}
}

const fileHeader = 24

// whole is the conversation in a pcap file, nothing wrong with it.
func whole() []byte { return Pcap(linkEthernet, 0, frames(Short, plainEthernet)) }

// recordsUpTo is where record n+1 of whole begins.
func recordsUpTo(n int) int {
	at, file := fileHeader, whole()
	for range n {
		at += 16 + int(binary.LittleEndian.Uint32(file[at+8:]))
	}
	return at
}

// patch puts other octets in a file.
func patch(file []byte, at int, octets ...byte) []byte {
	copy(file[at:], octets)
	return file
}

func flip(file []byte, at int) []byte {
	file[at] ^= 1
	return file
}

// lengthsOnTheWire overwrites what the records of a file say was on the wire.
func lengthsOnTheWire(file []byte, n uint32) []byte {
	for at := fileHeader; at < len(file); at += 16 + int(binary.LittleEndian.Uint32(file[at+8:])) {
		binary.LittleEndian.PutUint32(file[at+12:], n)
	}
	return file
}

// brokenHeaders are the frames of the conversation, each behind one that is broken in another way.
func brokenHeaders() []Frame {
	good := frames(Short, plainEthernet)
	const ip, tcp = 14, 14 + 20
	breaks := []func(f []byte) []byte{
		func(f []byte) []byte { return patch(f, ip, 0x44) },                // a header of four words
		func(f []byte) []byte { return patch(f, ip+2, 0, 19) },             // a packet shorter than its header
		func(f []byte) []byte { return patch(f, tcp+12, 0x40) },            // a TCP header of four words
		func(f []byte) []byte { return patch(f, tcp+12, 0xf0) },            // one longer than the packet
		func(f []byte) []byte { return patch(f, ip+2, 0, 39) },             // no room for one
		func(f []byte) []byte { return patch(f, ip+2, 0, 21) },             // the same
		func(f []byte) []byte { return f[:ip+19] },                         // cut within the IP header
		func(f []byte) []byte { return patch(f, 12, 0x86, 0xdd, 0x45, 0) }, // IPv4 that is called IPv6
	}
	var all []Frame
	for i, f := range good {
		broken := Frame{Time: f.Time - 1000, Data: breaks[i](bytes.Clone(f.Data))}
		all = append(all, broken, f)
	}
	return all
}

func zipped(file []byte) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.NoCompression) // whose octets no version of the library changes
	if err == nil {
		_, err = w.Write(file)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(err) // nothing fails on a Buffer
	}
	return b.Bytes()
}

// Blocks of pcapng (draft-ietf-opsawg-pcapng), little endian.

func ngHeader(kind, length uint32) []byte {
	return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, kind), length)
}

func ngBlock(kind uint32, body []byte) []byte {
	body = join(body, make([]byte, -len(body)&3))
	length := uint32(12 + len(body))
	return binary.LittleEndian.AppendUint32(join(ngHeader(kind, length), body), length)
}

func ngSection() []byte {
	return ngBlock(0x0a0d0d0a, join([]byte{0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0}, bytes.Repeat([]byte{0xff}, 8)))
}

func ngInterface() []byte { return ngBlock(1, []byte{linkEthernet, 0, 0, 0, 0, 0, 4, 0}) }

func ngPackets() (b []byte) {
	for _, f := range frames(Short, plainEthernet) {
		le := binary.LittleEndian
		at := uint64(f.Time / 1000)
		body := le.AppendUint32(nil, 0)
		body = le.AppendUint32(le.AppendUint32(body, uint32(at>>32)), uint32(at))
		body = le.AppendUint32(le.AppendUint32(body, uint32(len(f.Data))), uint32(f.wire()))
		b = append(b, ngBlock(6, join(body, f.Data))...)
	}
	return b
}

func wholeNG() []byte { return join(ngSection(), ngInterface(), ngPackets()) }
