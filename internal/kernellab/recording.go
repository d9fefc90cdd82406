package kernellab

import (
	"bufio"
	"encoding/binary"
	"io"
	"slices"
	"sync"
)

// captured is one frame at one point of the lab.
type captured struct {
	at   int64 // nanoseconds since 1970 UTC
	out  bool  // sent by the host at whose interface it was captured
	data []byte
}

// recording is a capture in memory.
type recording struct {
	mu     sync.Mutex
	frames []captured
	drops  uint64
}

func (r *recording) add(c captured) {
	r.mu.Lock()
	r.frames = append(r.frames, c)
	r.mu.Unlock()
}

// sorted returns the TCP frames by time, as a capture tool with the filter
// "tcp" would have written them.
func (r *recording) sorted() []captured {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []captured
	for _, c := range r.frames {
		if _, ok := parseTCP(c.data); ok {
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b captured) int { return int(a.at - b.at) })
	return out
}

// until is sorted without what was captured after a time.
func (r *recording) until(at int64) []captured {
	all := r.sorted()
	return slices.DeleteFunc(all, func(c captured) bool { return c.at > at })
}

// refused reports whether an ICMP message arrived that says "unreachable", over
// IPv4 or IPv6.
func (r *recording) refused(etherType uint16) bool {
	const icmp, unreachable4, icmp6, unreachable6 = 1, 3, 58, 1
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.frames, func(c captured) bool {
		if c.out || len(c.data) < etherLen+ipv6Len+1 || binary.BigEndian.Uint16(c.data[12:]) != etherType {
			return false
		}
		ip := c.data[etherLen:]
		if etherType == etherIPv4 {
			return ip[9] == icmp && ip[20] == unreachable4
		}
		return ip[6] == icmp6 && ip[ipv6Len] == unreachable6
	})
}

const linkEthernet = 1

// writePcap writes frames as a pcap file with nanosecond stamps.
func writePcap(to io.Writer, frames []captured, snaplen int) error {
	w := bufio.NewWriter(to)
	le := binary.LittleEndian
	head := le.AppendUint32(nil, 0xa1b23c4d)
	head = le.AppendUint16(head, 2)
	head = le.AppendUint16(head, 4)
	head = append(head, make([]byte, 8)...) // UTC, accuracy unknown
	head = le.AppendUint32(head, uint32(snaplen))
	head = le.AppendUint32(head, linkEthernet)
	w.Write(head)
	for _, c := range frames {
		data := c.data[:min(len(c.data), snaplen)]
		record := le.AppendUint32(nil, uint32(c.at/1e9))
		record = le.AppendUint32(record, uint32(c.at%1e9))
		record = le.AppendUint32(record, uint32(len(data)))
		record = le.AppendUint32(record, uint32(len(c.data)))
		w.Write(record)
		w.Write(data)
	}
	return w.Flush()
}

// writePcapng writes frames as one pcapng section with one interface,
// nanosecond stamps, and the interface's statistics at the end.
func writePcapng(to io.Writer, frames []captured, snaplen int, drops uint64, application string) error {
	w := bufio.NewWriter(to)
	le := binary.LittleEndian
	section := le.AppendUint32(nil, 0x1a2b3c4d)
	section = le.AppendUint16(section, 1)
	section = le.AppendUint16(section, 0)
	section = le.AppendUint64(section, 0xffffffffffffffff) // section length not stated
	section = appendOption(section, 4, []byte(application))
	writeBlock(w, 0x0a0d0d0a, endOptions(section))

	device := le.AppendUint16(nil, linkEthernet)
	device = le.AppendUint16(device, 0)
	device = le.AppendUint32(device, uint32(snaplen))
	device = appendOption(device, 2, []byte("wire"))
	device = appendOption(device, 9, []byte{9}) // if_tsresol: nanoseconds
	device = appendOption(device, 11, append([]byte{0}, "tcp"...))
	writeBlock(w, 1, endOptions(device))

	for _, c := range frames {
		data := c.data[:min(len(c.data), snaplen)]
		packet := appendStamp(le.AppendUint32(nil, 0), c.at)
		packet = le.AppendUint32(packet, uint32(len(data)))
		packet = le.AppendUint32(packet, uint32(len(c.data)))
		writeBlock(w, 6, pad4(append(packet, data...)))
	}
	if len(frames) > 0 {
		last := frames[len(frames)-1].at
		stats := appendStamp(le.AppendUint32(nil, 0), last)
		stats = appendOption(stats, 2, appendStamp(nil, frames[0].at))
		stats = appendOption(stats, 3, appendStamp(nil, last))
		stats = appendOption(stats, 4, le.AppendUint64(nil, uint64(len(frames))+drops))
		stats = appendOption(stats, 5, le.AppendUint64(nil, drops))
		writeBlock(w, 5, endOptions(stats))
	}
	return w.Flush()
}

// appendStamp appends a pcapng timestamp: the upper half comes first.
func appendStamp(b []byte, at int64) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(at>>32))
	return binary.LittleEndian.AppendUint32(b, uint32(at))
}

func appendOption(b []byte, code uint16, value []byte) []byte {
	b = binary.LittleEndian.AppendUint16(b, code)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(value)))
	return pad4(append(b, value...))
}

func endOptions(b []byte) []byte { return append(b, 0, 0, 0, 0) }

func pad4(b []byte) []byte { return append(b, make([]byte, -len(b)&3)...) }

func writeBlock(w *bufio.Writer, kind uint32, body []byte) {
	total := uint32(len(body) + 12)
	b := binary.LittleEndian.AppendUint32(nil, kind)
	b = binary.LittleEndian.AppendUint32(b, total)
	b = append(b, body...)
	w.Write(binary.LittleEndian.AppendUint32(b, total))
}
