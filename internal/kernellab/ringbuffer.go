package kernellab

import (
	"encoding/binary"
	"fmt"
)

// The kernel's trace buffer, as trace_pipe_raw hands it out: pages of a 64-bit
// time, a 64-bit length of what follows (with flags above bit 27), and entries. An
// entry's first word holds its type in the low 5 bits and the time since the entry
// before in the others (Linux, events/header_event).
const (
	entryDataMax    = 28 // up to here the type is the length in words
	entryPadding    = 29
	entryTimeExtend = 30
	entryTimeStamp  = 31

	pageHeader  = 16
	pageLost    = 1 << 31 // events were overwritten before this page
	pageLenMask = 1<<27 - 1
	deltaBits   = 27
)

// readPage calls each with the time and the bytes of every event of a page.
func readPage(page []byte, each func(at uint64, event []byte)) error {
	if len(page) < pageHeader {
		return fmt.Errorf("a page of %d bytes", len(page))
	}
	ne := binary.NativeEndian
	at, commit := ne.Uint64(page), ne.Uint64(page[8:])
	if commit&pageLost != 0 {
		return fmt.Errorf("events were lost: the trace buffer is too small")
	}
	length := int(commit & pageLenMask)
	if length > len(page)-pageHeader {
		return fmt.Errorf("%d bytes of events in a page of %d", length, len(page))
	}
	data := page[pageHeader : pageHeader+length]
	for len(data) >= 4 {
		word := ne.Uint32(data)
		kind, delta := word&31, uint64(word>>5)
		data = data[4:]
		if (kind == 0 || kind > entryDataMax) && !(kind == entryPadding && delta == 0) && len(data) < 4 {
			return fmt.Errorf("an entry is cut off")
		}
		switch kind {
		case entryPadding:
			if delta == 0 {
				return nil // nothing more on this page
			}
			skip := int(ne.Uint32(data))
			at += delta
			if skip > len(data) {
				return fmt.Errorf("a padding of %d bytes", skip)
			}
			data = data[skip:]
		case entryTimeExtend:
			at += delta + uint64(ne.Uint32(data))<<deltaBits
			data = data[4:]
		case entryTimeStamp:
			// 59 bits are stored; the missing high ones are those of the time so far.
			at = at&^(1<<59-1) | delta | uint64(ne.Uint32(data))<<deltaBits
			data = data[4:]
		default:
			size := int(kind) * 4
			if kind == 0 {
				size = int(ne.Uint32(data)) - 4
				data = data[4:]
			}
			if size < 0 || size > len(data) {
				return fmt.Errorf("an event of %d bytes with %d left on the page", size, len(data))
			}
			at += delta
			each(at, data[:size])
			data = data[size:]
		}
	}
	return nil
}
