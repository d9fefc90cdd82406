//go:build linux

package kernellab

import (
	"container/heap"
	"sync"
	"time"
)

// Packet is a TCP segment on the wire, as a Rule sees it.
type Packet struct {
	tcpHeader
	From, To *Host
	Half     Half
	frame    []byte
}

// Half is one side of the wire: the tap in the middle divides it, so a packet
// lost on its Near half was never captured there and one lost on its Far half was.
type Half uint8

// The halves, as seen from the packet's sender.
const (
	Near Half = iota
	Far
)

// Fate is what the wire does to a packet on one half beside carrying it.
type Fate struct {
	Drop    bool
	Delay   time.Duration // in addition to the half's own
	Copies  int           // more copies, a moment later
	Corrupt bool          // flip a bit of the payload or the checksum
	Error   *icmpError    // tell the sender why it is dropped
}

// Rule decides the fate of a packet; the zero Fate is to be carried. The wire
// calls its rules one at a time.
type Rule func(p *Packet) Fate

// Wire connects hosts: it reads the frames their kernels send and delivers them
// after a while, or does not.
type Wire struct {
	half  time.Duration // delay of each half
	mid   *recording
	mu    sync.Mutex
	hosts []*Host
	rules []Rule
	queue deliveries
	moved time.Time // when a frame was last carried or delivered
	order uint64
	wake  chan struct{}
	stop  chan struct{}
	done  sync.WaitGroup
}

func newWire(half time.Duration) *Wire {
	w := &Wire{half: half, mid: &recording{}, wake: make(chan struct{}, 1), stop: make(chan struct{})}
	w.done.Add(1)
	go w.deliver()
	return w
}

// plug connects a host.
func (w *Wire) plug(h *Host) {
	w.mu.Lock()
	w.hosts = append(w.hosts, h)
	w.mu.Unlock()
	w.done.Add(1)
	go func() {
		defer w.done.Done()
		buffer := make([]byte, 1<<16)
		for {
			n, err := h.tap.Read(buffer)
			if err != nil {
				return // closed
			}
			w.send(h, append([]byte(nil), buffer[:n]...))
		}
	}()
}

// close stops the wire; its hosts must be closed first.
func (w *Wire) close() {
	close(w.stop)
	w.done.Wait()
}

// Rule adds a rule. Every rule sees every packet; their fates add up.
func (w *Wire) Rule(r Rule) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rules = append(w.rules, r)
}

// Clear takes all rules off.
func (w *Wire) Clear() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rules = nil
}

// send takes a frame a host has sent to every host it is addressed to.
func (w *Wire) send(from *Host, frame []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, to := range w.hosts {
		group := frame[0]&1 != 0
		if to != from && (group || [6]byte(frame[:6]) == to.mac) {
			w.carry(&delivery{from: from, to: to, frame: frame, half: Near})
		}
	}
}

// inject puts a segment on the wire at its sender's end, as an attacker or a
// middlebox would; it has no socket behind it.
func (w *Wire) inject(f forged, from, to *Host) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.carry(&delivery{from: from, to: to, frame: f.frame(from.mac, to.mac), half: Near, free: true})
}

// quiet reports whether nothing is under way and nothing was for some time.
func (w *Wire) quiet(since time.Duration) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.queue) == 0 && time.Since(w.moved) >= since
}

// carry schedules a frame's way over one half. The caller holds mu.
func (w *Wire) carry(d *delivery) {
	fate := Fate{Copies: 0}
	if h, ok := parseTCP(d.frame); ok && !d.free {
		p := &Packet{tcpHeader: h, From: d.from, To: d.to, Half: d.half, frame: d.frame}
		for _, r := range w.rules {
			f := r(p)
			fate.Drop = fate.Drop || f.Drop
			fate.Corrupt = fate.Corrupt || f.Corrupt
			fate.Delay += f.Delay
			fate.Copies += f.Copies
			if f.Error != nil {
				fate.Error = f.Error
			}
		}
		if fate.Corrupt {
			d.frame = append([]byte(nil), d.frame...)
			d.frame[len(d.frame)-1] ^= 0x10 // payload, or an option of a bare segment
			d.frame[h.offset+16] ^= 0x01    // and the checksum, so that no chance mends it
		}
	}
	if fate.Error != nil {
		w.carry(&delivery{from: d.to, to: d.from, frame: fate.Error.about(d.frame), half: Near, free: true})
	}
	if fate.Drop {
		return
	}
	now := time.Now()
	w.moved = now
	for i := range fate.Copies + 1 {
		one := *d
		one.due = now.Add(w.half + fate.Delay + time.Duration(i)*200*time.Microsecond)
		w.order++
		one.order = w.order
		heap.Push(&w.queue, &one)
	}
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// deliver carries what is due: from the near half past the tap to the far one,
// and from there into the receiving host.
func (w *Wire) deliver() {
	defer w.done.Done()
	timer := time.NewTimer(time.Hour)
	for {
		w.mu.Lock()
		wait := time.Hour
		var arrived []*delivery
		for len(w.queue) > 0 {
			d := w.queue[0]
			if wait = time.Until(d.due); wait > 0 {
				break
			}
			heap.Pop(&w.queue)
			if d.half == Near {
				w.mid.add(captured{at: time.Now().UnixNano(), data: d.frame})
				d.half = Far
				w.carry(d)
				continue
			}
			arrived = append(arrived, d)
		}
		if len(arrived) > 0 {
			w.moved = time.Now()
		}
		w.mu.Unlock()
		for _, d := range arrived {
			// A host that is closed already takes nothing; nobody waits for it.
			_, _ = d.to.tap.Write(d.frame)
		}
		if len(arrived) > 0 {
			continue
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-w.wake:
		case <-w.stop:
			return
		}
	}
}

// delivery is a frame on its way over one half of the wire.
type delivery struct {
	due      time.Time
	order    uint64 // of equals, first come first served
	from, to *Host
	frame    []byte
	half     Half
	free     bool // forged: subject to no rule
}

type deliveries []*delivery

func (q deliveries) Len() int { return len(q) }

func (q deliveries) Less(i, j int) bool {
	if !q[i].due.Equal(q[j].due) {
		return q[i].due.Before(q[j].due)
	}
	return q[i].order < q[j].order
}
func (q deliveries) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *deliveries) Push(x any)   { *q = append(*q, x.(*delivery)) }

func (q *deliveries) Pop() any {
	old := *q
	d := old[len(old)-1]
	*q = old[:len(old)-1]
	return d
}
