package tracker

import (
	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/internal/seq"
)

// expand gives a plainConn the full form: something happened to it.
func (t *Tracker) expand(r ref, hash uint64) {
	p := t.plains.at(r.place())
	if p.standsIn() {
		t.wake(r, hash)
		return
	}
	c := t.newConnection()
	p.fill(c)
	t.table.replace(uint32(hash), r, c.ref)
	if p.bits&established == 0 {
		stepOut(&t.half, &t.plains, r.place())
		c.deadline = p.heardAt() + t.cfg.Attempt.Nanoseconds()
		t.enqueue(c)
	} else {
		c.calm = true
	}
	p.bits = 0
	t.plains.give(r.place())
}

// fill makes c, which is empty, what the rules would have made of the segments of p.
func (p *plainConn) fill(c *connection) {
	opener := p.opener()
	client, server := &c.ends[opener], &c.ends[opener.Reverse()]
	syn := Mark{Packet: p.number(), At: p.firstAt.time()}
	synAck := Mark{Packet: syn.Packet + uint64(p.synAck.packets), At: syn.At + int64(p.synAck.time)}

	c.flow, c.incarnation, c.path = p.flow, int(p.incarnation), uint32(p.paths[opener])
	c.opener, c.openerKnown, c.directionBy, c.sawStart = opener, true, DirectionBySyn, true
	c.first, c.firstFile, c.lastFile = syn, uint32(p.firstFile), uint32(p.lastFile)
	c.heard, c.twoWays = p.bits&heard != 0, p.bits&twoWays != 0
	c.handshake.Syn, c.handshake.SynAck = syn, synAck
	switch {
	case p.bits&moreData != 0:
		c.dataCount = 2
	case p.bits&oneData != 0:
		c.dataCount = 1
	}
	for d := range p.ends {
		p.fillEnd(&c.ends[d], &p.ends[d], &p.ends[1-d])
		s := &c.ends[d].stats
		s.Path, s.DuplicatePackets = uint32(p.paths[d]), uint64(p.copies[d])
		c.ends[d].path = s.Path
	}
	c.last = client.stats.Last
	if server.stats.Last.Packet > c.last.Packet {
		c.last = server.stats.Last
	}

	client.at(SndSyn).set(syn, observed)
	client.syn.add(p.transmission(opener, syn))
	client.lastSyn = syn
	client.stats.First = syn
	server.at(RcvSyn).set(syn, confirmed)
	server.synAck.add(p.transmission(opener.Reverse(), synAck))
	server.stats.First = synAck
	server.acked = true
	if p.bits&established == 0 {
		return
	}
	ack := Mark{Packet: syn.Packet + uint64(p.ack.packets), At: syn.At + int64(p.ack.time)}
	c.handshake.Ack, c.handshake.SynAckTaken = ack, synAck
	c.rtt = ack.At - syn.At
	client.acked = true
	client.at(RcvSynAck).set(synAck, confirmed)
	server.at(RcvAckSyn).set(ack, provisional)
	if p.bits&taken != 0 {
		server.at(RcvAckSyn).grade = confirmed
		c.openingOver = true
	}
	c.fillOldest()
}

// fillOldest dates the oldest octet outstanding: since the peer last acknowledged something. The client's SYN
// does not count, for nothing else was outstanding with it.
func (c *connection) fillOldest() {
	for d := range c.ends {
		if e := &c.ends[d]; e.sndUna > 1 || segment.Direction(d) != c.opener {
			e.oldestSent, e.oldestAt = 1, c.ends[1-d].rcvNxtAt.At
		}
	}
}

// fillEnd takes what e sent, with its peer's view of it.
func (p *plainConn) fillEnd(to *endpoint, e, peer *plainEnd) {
	to.begin(seq.Num(e.isn), true)
	to.sndNxt = e.nxt()
	to.sndUna = to.sndNxt - int64(e.unacked)
	to.stream.BeginAt(1, to.sndNxt)
	to.rcvNxt = peer.nxt() - int64(peer.unacked)
	to.wnd, to.maxWnd = WindowBytes(e.window), WindowBytes(e.maxWnd)
	if e.packets > 1 {
		to.wnd = WindowBytes(e.scale(e.window, peer))
	}
	to.turnaround = int64(e.turnaround)
	if acked := e.at(atAck); acked != (later{}) {
		to.rcvNxtAt = p.mark(acked)
		to.ackedBefore = to.rcvNxt - int64(e.ackedBefore)
	} else {
		to.rcvNxt = 0 // it acknowledged nothing yet
	}
	if e.bits&sentTimestamp != 0 {
		to.tsSeen, to.tsLast = true, e.tsVal
	}
	last := p.mark(e.at(atLast))
	to.lastAt = last.At
	if e.packets > 1 {
		to.fresh = last
	}
	if e.hasData() {
		to.newDataAt, to.dataEnd = p.mark(e.at(atData)), to.sndNxt
	}
	data := uint64(to.sndNxt - 1)
	s := &to.stats
	s.Packets, s.Bytes, s.PayloadBytes, s.StreamBytes = uint64(e.packets), uint64(e.headers)+data, data, data
	s.ChecksumGood, s.TruncatedPackets, s.Syn = uint64(e.good), uint64(e.cut), 1
	s.Last, s.TTL = last, e.ttl
	s.ISNKnown, s.ISN = true, e.isn
	s.HasMSS, s.MSS = e.bits&hasMSS != 0, e.mss
	s.HasWindowScale, s.WindowScale = e.bits&hasWindowScale != 0, e.shift()
	s.Largest = e.size()
	s.SACKPermitted, s.Timestamps = e.bits&sackPermitted != 0, e.bits&timestamps != 0
	s.ECN, s.MPTCP, s.FastOpen = e.bits&ecn != 0, e.bits&mptcp != 0, e.bits&fastOpen != 0
}

// transmission is a SYN or SYN-ACK. Its timestamp is kept until the handshake's ACK, which may echo it, has passed.
func (p *plainConn) transmission(d segment.Direction, m Mark) transmission {
	e := &p.ends[d]
	if p.bits&established != 0 || e.bits&timestamps == 0 {
		return transmission{mark: m}
	}
	return transmission{mark: m, tsVal: e.tsVal, hasTS: true}
}
