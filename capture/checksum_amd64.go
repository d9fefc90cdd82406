package capture

import "golang.org/x/sys/cpu"

// haveWide says whether sumWide may be called.
var haveWide = cpu.X86.HasAVX2

// wideFrom is from how many octets on sumWide is faster than what Go compiles
// (BenchmarkChecksum).
const wideFrom = 160

// sumWide adds up the n octets at p, a multiple of 32, as little-endian words
// of 32 bits. 64 bits hold the sum of any slice that fits memory.
//
//go:noescape
func sumWide(p *byte, n int) uint64
