package tracker

import (
	"unsafe"

	"github.com/tcplife/tcplife/internal/segment"
)

// NewWithoutSmallForms returns a tracker that gives each connection the full form from its first segment on.
func NewWithoutSmallForms(cfg Config) *Tracker {
	t := New(cfg)
	t.fullOnly = true
	return t
}

// SizeOfForms are the octets that an embryo and a plainConn take.
const (
	SizeOfEmbryo = unsafe.Sizeof(embryo{})
	SizeOfPlain  = unsafe.Sizeof(plainConn{})
)

// SizeOfFlow is the size of a flow in memory, and what its fields need.
const SizeOfFlow, OctetsOfFlow = unsafe.Sizeof(segment.Flow{}), 2 * (16 + 2)

// NewWithin returns a tracker that keeps within so many octets, be they fewer than Config.MaxMemory can ask for.
func NewWithin(cfg Config, octets int64) *Tracker {
	t := New(cfg)
	t.keepWithin(octets)
	return t
}

// Holds is how many octets the tracker believes that it has allocated.
func (t *Tracker) Holds() int64 { return t.holds() }
