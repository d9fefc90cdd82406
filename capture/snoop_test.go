package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
)

// snoopFile writes a snoop file, with room behind each packet for padding.
func snoopFile(version, kind uint32, padding int, frames ...stamped) []byte {
	be := binary.BigEndian
	b := be.AppendUint32(be.AppendUint32([]byte(snoopMagic), version), kind)
	for i, f := range frames {
		for _, v := range []uint32{
			f.wireLen(), uint32(len(f.data)), uint32(snoopRecordHeader + len(f.data) + padding), uint32(3 * i),
			uint32(f.time / 1e9), uint32(f.time % 1e9 / 1000),
		} {
			b = be.AppendUint32(b, v)
		}
		b = append(append(b, f.data...), make([]byte, padding)...)
	}
	return b
}

func TestSnoop(t *testing.T) {
	const when = 1_700_000_000_123_456_000
	first := stamped{time: when, data: plainFrame(10)}
	cut := stamped{time: when + 1000, data: plainFrame(600)[:100], wire: len(plainFrame(600))}
	for name, c := range map[string]struct {
		file   []byte
		format string
	}{
		"whole":               {snoopFile(2, 4, 2, first, cut), "snoop"},
		"compressed":          {gzipped(t, snoopFile(2, 4, 2, first, cut)), "snoop, gzip"},
		"Surveyor":            {snoopFile(2, 12, 16, first, cut), "snoop (Surveyor)"},
		"Surveyor's hardware": {snoopFile(5, 10, 18, first, cut), "snoop (Surveyor)"},
		"last padding missing": {func() []byte {
			b := snoopFile(2, 4, 3, first, cut)
			return b[:len(b)-2]
		}(), "snoop"},
	} {
		segs, st := readBytes(t, c.file)
		f := st.Files[0]
		if f.Err != nil || f.Format != c.format || len(f.LinkTypes) != 1 || f.LinkTypes[0] != "Ethernet" {
			t.Errorf("%s: %s of %v, %v; want %s of Ethernet", name, f.Format, f.LinkTypes, f.Err, c.format)
		}
		if len(segs) != 2 || segs[0].Time != when || segs[1].Time != when+1000 || segs[1].PayloadLen != 600 || segs[1].Captured >= 100 {
			t.Errorf("%s: %+v", name, segs)
		}
		if !st.DropsKnown || st.Drops() != 3 || st.CutPackets != 1 || st.SnapLen != 100 {
			t.Errorf("%s: %d dropped (known: %v), %d cut to %d; want the 3 that the last record tells of, and 1 to 100",
				name, st.Drops(), st.DropsKnown, st.CutPackets, st.SnapLen)
		}
	}
}

func TestDamagedSnoop(t *testing.T) {
	good := snoopFile(2, 4, 2, at(1, 10), at(2, 10))
	record := (len(good) - snoopFileHeader) / 2
	with := func(at int, v uint32) []byte {
		b := bytes.Clone(good)
		binary.BigEndian.PutUint32(b[at:], v)
		return b
	}
	second := snoopFileHeader + record
	for name, c := range map[string]struct {
		file    []byte
		packets uint64
		want    string
	}{
		"cut in the file header":   {good[:12], 0, "cut short in the file header, after 12 of 16 bytes"},
		"version":                  {with(8, 1), 0, "snoop of version 1; expected 2 to 5"},
		"data link":                {with(12, 5), 0, "snoop of data link 0x5, which is not read"},
		"cut in a record":          {good[:second+30], 1, "cut short in packet 2"},
		"cut in a record's header": {good[:second+3], 1, "cut short in packet 2"},
		"more than there is room":  {with(second+4, 9999), 1, "packet 2 at offset"},
		"smaller than its header":  {with(second+8, 7), 1, "promises"},
		"promise":                  {with(second+8, 1<<31), 1, "expected at most 16777216"},
	} {
		_, st := readBytes(t, c.file)
		f := st.Files[0]
		if f.Packets != c.packets || f.Err == nil || !strings.Contains(f.Err.Error(), c.want) {
			t.Errorf("%s: %d packets, %v; want %d and %q", name, f.Packets, f.Err, c.packets, c.want)
		}
		if errors.Is(f.Err, ErrNotCapture) {
			t.Errorf("%s: called no capture", name)
		}
	}
}

func FuzzSnoop(f *testing.F) {
	f.Add(snoopFile(2, 4, 2, at(1, 10), at(2, 600)))
	f.Add(snoopFile(4, 10, 16, at(1, 10)))
	f.Add(snoopFile(2, 0x80000001, 0, at(1, 10))[:70])
	f.Fuzz(func(t *testing.T, file []byte) {
		if isSnoop(file) {
			drain(t, file)
		}
	})
}

// A file of another kind is called by its name, with what to do about it.
func TestOtherFiles(t *testing.T) {
	erf := join(make([]byte, 4), []byte{0, 0, 0x60, 0x69}, []byte{2, 4}, u16(96), u16(0), u16(78), make([]byte, 80))
	for begin, want := range map[string]string{
		"iptrace 1.0":                      "an AIX iptrace file, convert it with editcap",
		"TRSNIFF data    \x1a":             "a Sniffer file, convert it with editcap",
		"RTSS\x01\x01":                     "a Network Monitor file, convert it with editcap",
		"GMBU\x00\x02":                     "a Network Monitor file, convert it with editcap",
		"XCP\x00002.001":                   "a NetXray or Sniffer file, convert it with editcap",
		"btsnoop\x00\x00\x00\x00\x01":      "a btsnoop file of Bluetooth, in which there is no TCP",
		"+---------+---------------+-----": "a Tektronix K12 text file, convert it with editcap",
		"\x00\x00\x02\x00\x12\x05\x00\x10": "a Tektronix K12 file, convert it with editcap",
		string(erf):                        "looks like an Endace ERF file, convert it with editcap",
	} {
		_, st := readBytes(t, []byte(begin))
		if err := st.Files[0].Err; !errors.Is(err, ErrNotCapture) || !strings.Contains(err.Error(), "not a capture: "+want) {
			t.Errorf("%.12q: %v, want it called %q", begin, err, want)
		}
	}
}
