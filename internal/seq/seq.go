// Package seq is the arithmetic of TCP sequence numbers (RFC 9293 section 3.4):
// 32 bits, modulo 2^32, compared by the sign of their difference. No other
// package compares or subtracts sequence numbers.
package seq

// Num is a sequence number as it stands on the wire.
type Num uint32

// Add returns the number n octets after s.
func (s Num) Add(n uint32) Num { return s + Num(n) }

// Back returns the number n octets before s.
func (s Num) Back(n uint32) Num { return s - Num(n) }

// Sub returns the signed distance from t to s: positive when s lies after t.
// It is right as long as the two are less than 2^31 apart (RFC 9293 3.4).
func (s Num) Sub(t Num) int32 { return int32(s - t) }

// Less reports whether s lies before t.
func (s Num) Less(t Num) bool { return s.Sub(t) < 0 }

// LessEq reports whether s is t or lies before it.
func (s Num) LessEq(t Num) bool { return s.Sub(t) <= 0 }

// In reports whether s lies in the half-open window [lo, lo+size).
func (s Num) In(lo Num, size uint32) bool { return uint32(s-lo) < size }

// Unwrap returns the 64-bit position of s, given that base stands at position
// zero and that s is less than 2^31 away from the position near.
func (s Num) Unwrap(base Num, near int64) int64 {
	return near + int64(s.Sub(base+Num(uint32(near))))
}
