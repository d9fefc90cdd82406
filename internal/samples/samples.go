// Package samples makes small captures: the same short conversation in every
// link type, encapsulation and container that a user may have it in. They lie
// in testdata/pcap, and its tests hold that tcplife makes of each what it makes
// of the conversation itself, however short the frames were cut.
//
// To add one, put a Sample into a slice in a file of its own and name the slice
// in All; go generate writes the file.
package samples

import (
	"bytes"
	"slices"

	"github.com/tcplife/tcplife/internal/script"
)

//go:generate go test -run ^TestFiles$ -update .

// Sample is one capture.
type Sample struct {
	Dir  string // below testdata/pcap
	Name string // of the file in it
	What string // for people: what is special about it
	Talk string // the conversation that is in it; "" = Short
	Path string // what stands around each packet, as segment.Path says it; "" = nothing
	// Counted is the name under which every frame is counted when none of them
	// can be read; "" = all are read.
	Counted string
	// Within is the name under which packets are counted that hold a part of a
	// segment; the segment comes with the last of them. "" = there are none.
	Within string
	// Apart says that what is read of it differs from the conversation: a test
	// of its own holds in what.
	Apart bool
	// Bytes returns the file with its frames cut after snap octets; 0 leaves
	// them whole.
	Bytes func(snap int) []byte
}

// All returns every sample.
func All() []Sample {
	return slices.Concat(containers, links, wifi, damages, tunnels, tenants, fragments, quality, copies)
}

// Of returns the samples of one directory.
func Of(dir string) []Sample {
	return slices.DeleteFunc(All(), func(s Sample) bool { return s.Dir != dir })
}

// Short is the conversation that nearly all samples hold: handshake, a request,
// its answer, an orderly close.
const Short = `A request and its answer.
client 10.0.0.1:40000
server 10.0.0.2:80
` + short

// Short6 is Short over IPv6.
const Short6 = `A request and its answer over IPv6.
client [fd00::1]:40000
server [fd00::2]:80
` + short

const short = `isn 1000 5000
0     > S  0:0(0) <mss 1460,sackOK,nop,wscale 7>
+.010 < S. 0:0(0) ack 1 <mss 1460,sackOK,nop,wscale 7>
+.010 > .  1:1(0) ack 1
+.001 > P. 1:21(20) ack 1
+.020 < P. 1:31(30) ack 21
+.010 > F. 21:21(0) ack 31
+.010 < F. 31:31(0) ack 22
+.010 > .  22:22(0) ack 32
`

// Conversation is what the sample holds.
func (s *Sample) Conversation() *script.Conversation {
	text := s.Talk
	if text == "" {
		text = Short
	}
	return parse(s.Name, text)
}

// parse reads a conversation of this package.
func parse(name, text string) *script.Conversation {
	c, err := script.Parse(name, text)
	if err != nil {
		panic(err) // it is text of ours, and every test reads it
	}
	return c
}

// Frame is a packet as a file holds it.
type Frame struct {
	Time int64 // nanoseconds since 1970 UTC
	Data []byte
	Wire int // length on the wire; 0 = that of Data
}

// wire is the frame's length on the wire.
func (f *Frame) wire() int { return max(f.Wire, len(f.Data)) }

// cut is what a snapshot length leaves of the frame.
func (f *Frame) cut(snap int) []byte {
	if snap > 0 && snap < len(f.Data) {
		return f.Data[:snap]
	}
	return f.Data
}

// frames puts something around each packet of a conversation.
func frames(text string, around func(p *script.Packet) []byte) []Frame {
	packets := parse("sample", text).Packets()
	fs := make([]Frame, len(packets))
	for i := range packets {
		fs[i] = Frame{Time: packets[i].Time, Data: around(&packets[i])}
	}
	return fs
}

// join puts parts one behind the other.
func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
