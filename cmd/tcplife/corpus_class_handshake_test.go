//go:build unix

package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/tracker"
)

// classesOfHandshake are about the round trip. tshark takes the time from the last
// SYN to the first segment with an ACK behind it (tsharkHandshake); each rule but the
// first two has checked that this is what it gives.
var classesOfHandshake = []class{
	{
		name: "a time of 0", whose: theirFault, questions: []string{askRTT},
		why: "tshark takes a time stamp of 0 for none, and likewise a round trip of 0. It then has no round trip, or " +
			"measures to a later packet.",
		rule: func(d *difference) uint64 {
			for _, h := range d.heard() {
				if h.Flags.Has(segment.SYN) && h.Time == 0 {
					return h.Number
				}
			}
			return d.zeroRoundTrip()
		},
	},
	{
		name: "time stamps of more than a second's parts", whose: oddPacket, questions: []string{askRTT},
		why: "The file's time stamps have fractions of more than a second. tshark prints them as they stand; here they " +
			"are carried into the seconds.",
		rule: func(d *difference) uint64 {
			whole, part, _ := strings.Cut(d.theirs, ".")
			ns, err := strconv.ParseInt(part, 10, 64)
			s, err2 := strconv.ParseInt(whole, 10, 64)
			if err != nil || err2 != nil || ns < 1e9 || fmt.Sprintf("%d.%09d", s+ns/1e9, ns%1e9) != d.ours {
				return 0
			}
			return d.record.First.Number
		},
	},
	{
		name: "refused, measured to the RST", whose: definition, questions: []string{askRTT},
		why: "There is no SYN-ACK. tshark measures from the SYN to the RST; here a round trip is that of a handshake.",
		rule: measured(func(d *difference, _, end *heard) bool {
			return end.Flags.Has(segment.RST) && d.verdict.SynAck.sum() == 0
		}),
	},
	{
		name: twiceName, whose: definition, questions: []string{askRTT},
		rule: measured(func(_ *difference, syn, _ *heard) bool { return syn.Note&tracker.NoteDuplicate != 0 }),
	},
	{
		name: "no SYN-ACK in the file", whose: definition, questions: []string{askRTT},
		why: "The SYN-ACK was not captured. tshark measures from SYN to ACK all the same; a record has the round trip to the server and " +
			"that to the client, both of which take the SYN-ACK.",
		rule: measured(func(d *difference, syn, end *heard) bool { return d.verdict.SynAck.sum() == 0 && syn.Dir == end.Dir }),
	},
	{
		name: "measured to a segment of the server's own", whose: theirFault, questions: []string{askRTT},
		why: "tshark ends its measurement at the first segment with an ACK, whoever sends it: a RST, the answer of an old " +
			"connection, or data that the server sends behind its SYN-ACK. Here the client's ACK of the SYN-ACK ends it, if it was captured.",
		rule: measured(func(_ *difference, syn, end *heard) bool { return syn.Dir != end.Dir }),
	},
	{
		name: "measured to an ACK of something else", whose: theirFault, questions: []string{askRTT},
		why: "The first ACK behind the SYN-ACK does not acknowledge it: its numbers are far off, or it is a reset. " +
			"tshark measures to it; the server does not take it for the end of a handshake.",
		rule: measured(func(d *difference, _, end *heard) bool {
			for _, h := range d.heard() {
				if h.Number < end.Number && h.Dir != end.Dir && h.Flags.Has(segment.SYN) && h.Seq.Add(1) == end.Ack {
					return !end.fits(d)
				}
			}
			return true
		}),
	},
	{
		name: "SYN or SYN-ACK sent again", whose: definition, questions: []string{askRTT},
		why: "tshark measures from the last SYN to the ACK. Here the copies that belong together are taken, by their " +
			"time stamps where they have them, and the time the server or the client let pass between copies is left out.",
		rule: measured(func(d *difference, _, _ *heard) bool { return d.verdict.Syn.sum() > 1 || d.verdict.SynAck.sum() > 1 }),
	},
	{
		name: "a clock that goes back", whose: oddPacket, questions: []string{askRTT},
		why: "Between SYN, SYN-ACK and ACK the capture's clock goes back or jumps by years, or the SYN-ACK was captured before the SYN. " +
			"tshark looks at the first and the last of the three only; a round trip with a part below zero is none here.",
		rule: measured(func(d *difference, _, end *heard) bool {
			hs := d.heard()
			for i := 1; i < len(hs) && hs[i].Number <= end.Number; i++ {
				if hs[i].Time < hs[i-1].Time || hs[i].Flags.Has(segment.SYN) && !hs[i].Flags.Has(segment.ACK) {
					return true
				}
			}
			return false
		}),
	},
}

// measured makes a rule of what is to be seen of the two segments between which tshark measures.
func measured(is func(d *difference, syn, end *heard) bool) func(d *difference) uint64 {
	return func(d *difference) uint64 {
		const tolerance = 1.5e-6
		syn, end := tsharkHandshake(d.heard())
		theirs, err := strconv.ParseFloat(d.theirs, 64)
		if end == nil || err != nil || math.Abs(float64(end.Time-syn.Time)/1e9-theirs) > tolerance || !is(d, syn, end) {
			return 0
		}
		return end.Number
	}
}

// zeroRoundTrip returns the ACK of a handshake in which no time passed.
func (d *difference) zeroRoundTrip() uint64 {
	r := d.record.Handshake
	if r.RTTServer == nil || r.RTTClient == nil || *r.RTTServer+*r.RTTClient != 0 {
		return 0
	}
	return d.record.First.Number
}

// fits reports whether a segment of the handshake's sender stands right behind its SYN.
func (h *heard) fits(d *difference) bool {
	for _, o := range d.heard() {
		if o.Dir == h.Dir && o.Flags.Has(segment.SYN) && o.End() == h.Seq {
			return true
		}
	}
	return false
}
