package report

import (
	"crypto/sha1" // Community ID v1 is defined with SHA-1; nothing here is secret
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"

	"github.com/tcplife/tcplife/internal/segment"
)

// protocolTCP is TCP's number in IP headers, part of a Community ID.
const protocolTCP = 6

// idLen is the length of an ID: 64 bits in hexadecimal. Among a million
// connections two share one with a probability of 3 in 100 million.
const idLen = 16

// ID names the connection: the first 64 bits, in hexadecimal, of the SHA-256 over
// its 4-tuple in canonical order, the time of its first packet and its
// incarnation. It does not depend on packet numbers, so it survives filtering,
// merging, the order of files and the number of cores. Where connections are kept apart by their paths, that
// goes into it too.
func (r *Record) ID() string {
	var id [idLen]byte
	r.appendID(id[:0])
	return string(id[:])
}

func (r *Record) appendID(b []byte) []byte {
	return appendID(b, &r.Flow, r.First.At, r.Incarnation, r.Via)
}

func appendID(b []byte, f *segment.Flow, first int64, incarnation int, via uint64) []byte {
	var key [60]byte
	n := putEndpoint(key[:], &f.A)
	n += putEndpoint(key[n:], &f.B)
	binary.BigEndian.PutUint64(key[n:], uint64(first))
	binary.BigEndian.PutUint64(key[n+8:], uint64(incarnation))
	n += 16
	if via != 0 {
		binary.BigEndian.PutUint64(key[n:], via)
		n += 8
	}
	sum := sha256.Sum256(key[:n])
	for _, v := range sum[:idLen/2] {
		b = append(b, hexDigits[v>>4], hexDigits[v&15])
	}
	return b
}

func putEndpoint(b []byte, e *segment.Endpoint) int {
	n := copy(b, e.IP[:])
	binary.BigEndian.PutUint16(b[n:], e.Port)
	return n + 2
}

// CommunityID returns the Community ID v1 of the 4-tuple with seed 0, by which
// other tools (Zeek, Suricata, Wireshark) name the same flow. All incarnations
// of a 4-tuple share it.
func (r *Record) CommunityID() string { return string(r.appendCommunityID(nil)) }

func (r *Record) appendCommunityID(b []byte) []byte {
	var buf [40]byte // seed, two addresses, protocol, padding, two ports
	k := buf[:2]
	a, z := &r.Flow.A, &r.Flow.B // canonical order is the order the standard asks for
	k = appendWireIP(k, &a.IP)
	k = appendWireIP(k, &z.IP)
	k = append(k, protocolTCP, 0)
	k = binary.BigEndian.AppendUint16(k, a.Port)
	k = binary.BigEndian.AppendUint16(k, z.Port)
	sum := sha1.Sum(k)
	b = append(b, "1:"...)
	return base64.StdEncoding.AppendEncode(b, sum[:])
}

// appendWireIP appends the address as it stands in packets: 4 bytes or 16.
func appendWireIP(b []byte, ip *segment.IP) []byte {
	if isIPv4(ip) {
		return append(b, ip[12:]...)
	}
	return append(b, ip[:]...)
}

// ends returns the client and the server without copying them.
func (r *Record) ends() (client, server *segment.Endpoint) {
	if r.ClientIs == segment.AtoB {
		return &r.Flow.A, &r.Flow.B
	}
	return &r.Flow.B, &r.Flow.A
}
