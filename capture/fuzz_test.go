package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
)

// drain reads a capture from memory and holds what must be true of any file:
// it ends, its records lie within what was there, and the buffer grew no
// further than the bytes that arrived.
func drain(t *testing.T, file []byte) {
	b := newBlockReader(bytes.NewReader(file), make([]byte, 512))
	r, err := newRecordReader(b)
	if err != nil {
		return
	}
	var rec record
	held := 0
	for {
		err := r.next(&rec)
		if err != nil {
			if d := (*damageError)(nil); !errors.Is(err, io.EOF) && !errors.As(err, &d) {
				t.Errorf("ended with %v", err)
			}
			break
		}
		held += len(rec.data) + 8
		if int(rec.wire) < len(rec.data) {
			t.Fatalf("%d bytes captured of %d on the wire", len(rec.data), rec.wire)
		}
		if held > len(file) {
			t.Fatalf("records of %d bytes in a file of %d", held, len(file))
		}
	}
	if len(b.buf) > 512+2*len(file) {
		t.Errorf("a buffer of %d bytes for a file of %d", len(b.buf), len(file))
	}
	r.lost()
}

func FuzzPcap(f *testing.F) {
	for _, o := range orders {
		for _, magic := range []uint32{magicMicro, magicNano, magicModified} {
			f.Add(pcapFile(o, magic, 1, at(1, 10), at(2, 600)))
		}
	}
	f.Add(append(plainPcap(at(1, 1)), bytes.Repeat([]byte{0xff}, 40)...))
	f.Fuzz(func(t *testing.T, file []byte) {
		if isPcap(file) {
			drain(t, file)
		}
	})
}

func FuzzPcapng(f *testing.F) {
	for _, o := range orders {
		w := &ngWriter{o: o}
		w.section()
		w.iface(1, 96, ngOption{optionIfTsresol, []byte{9}}, w.u64(optionIfTsoffset, 7))
		w.enhanced(0, someTime, at(0, 10), w.u64(optionEPBDrop, 3))
		w.oldPacket(1, someTime, at(0, 11))
		w.simple(at(0, 12))
		w.statistics(0, w.u64(optionISBIfDrop, 3))
		f.Add(w.b)
		w.section()
		w.iface(276, 0, ngOption{optionIfTsresol, []byte{0x8a}})
		w.enhanced(0, 1<<40, at(0, 700))
		f.Add(w.b)
	}
	var w ngWriter
	w.o = binary.LittleEndian
	w.section()
	f.Add(append(w.b, 6, 0, 0, 0, 0xfc, 0xff, 0xff, 0xff, 0, 0, 0, 0))
	f.Fuzz(func(t *testing.T, file []byte) {
		if isPcapng(file) {
			drain(t, file)
		}
	})
}
