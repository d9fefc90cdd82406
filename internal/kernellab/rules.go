//go:build linux

package kernellab

import (
	"math/rand/v2"
	"time"
)

// match picks packets.
type match func(p *Packet) bool

// lost is the fate of a packet the wire drops.
var lost = Fate{Drop: true}

// first gives the first n packets which match a fate.
func first(n int, m match, fate Fate) Rule {
	return func(p *Packet) Fate {
		if n == 0 || !m(p) {
			return Fate{}
		}
		n--
		return fate
	}
}

// all gives every packet which matches a fate.
func all(m match, fate Fate) Rule { return first(-1, m, fate) }

// behindTap picks packets of a host that the tap has seen and the peer has not.
func behindTap(from *Host, m match) match {
	return func(p *Packet) bool { return p.Half == Far && p.From == from && m(p) }
}

// beforeTap picks packets of a host that the tap has not seen yet.
func beforeTap(from *Host, m match) match {
	return func(p *Packet) bool { return p.Half == Near && p.From == from && m(p) }
}

func anyPacket(*Packet) bool   { return true }
func isSyn(p *Packet) bool     { return p.opens() }
func isSynAck(p *Packet) bool  { return p.flags.has(syn | ack) }
func isFin(p *Packet) bool     { return p.flags.has(fin) }
func isRst(p *Packet) bool     { return p.flags.has(rst) }
func isData(p *Packet) bool    { return p.payload > 0 && !p.flags.has(fin) }
func isBareAck(p *Packet) bool { return p.flags == ack && p.payload == 0 }

// Trouble is a wire's bad luck on each half, as shares of its packets.
type Trouble struct{ Loss, Reorder, Duplicate, Corrupt float64 }

// rule draws the fates from a seed.
func (t Trouble) rule(seed uint64) Rule {
	random := rand.New(rand.NewPCG(seed, 0x74637061))
	return func(*Packet) (fate Fate) {
		fate.Drop = random.Float64() < t.Loss
		fate.Corrupt = random.Float64() < t.Corrupt
		if random.Float64() < t.Reorder {
			fate.Delay = time.Duration(5+random.IntN(10)) * time.Millisecond
		}
		if random.Float64() < t.Duplicate {
			fate.Copies = 1
		}
		return fate
	}
}
