package kernellab

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// page builds a page of the kernel's trace buffer.
type page struct{ data []byte }

func (p *page) word(v uint32) *page {
	p.data = binary.NativeEndian.AppendUint32(p.data, v)
	return p
}

// event appends an event of whole words.
func (p *page) event(delta uint32, words ...uint32) *page {
	p.word(uint32(len(words)) | delta<<5)
	for _, w := range words {
		p.word(w)
	}
	return p
}

// bytes returns the page, which begins at time 100.
func (p *page) bytes(lengthFlags uint64) []byte {
	out := binary.NativeEndian.AppendUint64(nil, 100)
	out = binary.NativeEndian.AppendUint64(out, uint64(len(p.data))|lengthFlags)
	return append(out, p.data...)
}

func TestReadPage(t *testing.T) {
	long := make([]uint32, 40)
	for _, test := range []struct {
		name string
		page []byte
		want []string // time: words
		err  string
	}{
		{"two events", new(page).event(5, 7).event(3, 8, 9).bytes(0), []string{"105: 1", "108: 2"}, ""},
		{"nothing", new(page).bytes(0), nil, ""},
		{"a long event states its length", (&page{}).word(2 << 5).word(4 * 41).words(long).bytes(0), []string{"102: 40"}, ""},
		{"time extended", new(page).word(entryTimeExtend|1<<5).word(2).event(4, 7).bytes(0), []string{fmt.Sprintf("%d: 1", 100+1+2<<deltaBits+4)}, ""},
		{"time stamped", new(page).word(entryTimeStamp|9<<5).word(1).event(1, 7).bytes(0), []string{fmt.Sprintf("%d: 1", 9+1<<deltaBits+1)}, ""},
		{"padding inside", new(page).word(entryPadding|2<<5).word(8).word(0).event(1, 7).bytes(0), []string{"103: 1"}, ""},
		{"padding to the end", new(page).event(5, 7).word(entryPadding).word(0).word(1 | 1<<5).bytes(0), []string{"105: 1"}, ""},
		{"events were lost", new(page).event(5, 7).bytes(pageLost), nil, "lost"},
		{"a length beyond the page", binary.NativeEndian.AppendUint64(binary.NativeEndian.AppendUint64(nil, 1), 99), nil, "99 bytes"},
		{"an event beyond the page", new(page).word(3 | 1<<5).word(1).bytes(0), nil, "12 bytes"},
		{"no page", []byte{1, 2}, nil, "2 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			err := readPage(test.page, func(at uint64, event []byte) {
				got = append(got, fmt.Sprintf("%d: %d", at, len(event)/4))
			})
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Errorf("error %v, want %q", err, test.err)
			}
		})
	}
}

func (p *page) words(words []uint32) *page {
	for _, w := range words {
		p.word(w)
	}
	return p
}

func FuzzReadPage(f *testing.F) {
	f.Add(new(page).event(5, 7).event(3, 8, 9).bytes(0))
	f.Add(new(page).word(entryTimeExtend|1<<5).word(2).event(4, 7).bytes(0))
	f.Fuzz(func(t *testing.T, data []byte) {
		total := 0
		_ = readPage(data, func(_ uint64, event []byte) { total += len(event) })
		if total > len(data) {
			t.Errorf("%d bytes of events in a page of %d", total, len(data))
		}
	})
}
