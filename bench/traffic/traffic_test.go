package traffic_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/tcplife/tcplife/bench/traffic"
)

const (
	fileHeader   = 24
	recordHeader = 16
)

// small is a preset with so many packets.
func small(t *testing.T, name string, packets int) traffic.Spec {
	t.Helper()
	s, ok := traffic.Preset(name)
	if !ok {
		t.Fatalf("no preset %s", name)
	}
	return s.Sized(packets)
}

func write(t *testing.T, s traffic.Spec) ([]byte, traffic.Counts) {
	t.Helper()
	var b bytes.Buffer
	n, err := traffic.Write(&b, s)
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), n
}

func TestSameSeedSameBytes(t *testing.T) {
	for _, preset := range traffic.Presets() {
		t.Run(preset.Name, func(t *testing.T) {
			s := small(t, preset.Name, 4000)
			a, _ := write(t, s)
			if b, _ := write(t, s); !bytes.Equal(a, b) {
				t.Error("two runs differ")
			}
			s.Seed++
			if b, _ := write(t, s); bytes.Equal(a, b) {
				t.Error("another seed changes nothing")
			}
		})
	}
}

// TestRecords walks each capture: the number of packets asked for, whole, in the order of time, not
// beyond the snaplen, and with right checksums where all octets are there.
func TestRecords(t *testing.T) {
	for _, preset := range traffic.Presets() {
		for _, snaplen := range []int{96, 262144} {
			t.Run(preset.Name, func(t *testing.T) {
				s := small(t, preset.Name, 20_000)
				s.Snaplen = snaplen
				b, n := write(t, s)
				packets, checked := 0, 0
				le := binary.LittleEndian
				var last uint64
				for b = b[fileHeader:]; len(b) > 0; packets++ {
					at := uint64(le.Uint32(b))*1e9 + uint64(le.Uint32(b[4:]))
					captured, length := int(le.Uint32(b[8:])), int(le.Uint32(b[12:]))
					if at < last {
						t.Fatalf("packet %d goes back in time by %d ns", packets+1, last-at)
					}
					if captured > snaplen || captured > length || captured < min(length, snaplen) {
						t.Fatalf("packet %d: %d octets captured of %d, with a snaplen of %d", packets+1, captured, length, snaplen)
					}
					if captured == length {
						checked++
						if !sound(b[recordHeader:][:captured]) {
							t.Fatalf("packet %d: a checksum is wrong", packets+1)
						}
					}
					last, b = at, b[recordHeader+captured:]
				}
				if packets != n.Packets || packets != s.Packets {
					t.Errorf("%d packets, counted as %d, asked for %d", packets, n.Packets, s.Packets)
				}
				if checked < packets/10 {
					t.Errorf("only %d of %d packets are whole", checked, packets)
				}
			})
		}
	}
}

// layers takes a whole frame apart; header is that of IPv4, nil with IPv6.
func layers(b []byte) (header, addresses, tcp []byte) {
	be := binary.BigEndian
	kind, b := be.Uint16(b[12:]), b[14:]
	if kind == 0x8100 {
		kind, b = be.Uint16(b[2:]), b[4:]
	}
	if kind == 0x0800 {
		return b[:20], b[12:20], b[20:be.Uint16(b[2:])]
	}
	return nil, b[8:40], b[40:][:be.Uint16(b[4:])]
}

// sound verifies the checksums of a frame, word by word.
func sound(b []byte) bool {
	header, addresses, tcp := layers(b)
	if header != nil && words(header) != 0xffff {
		return false
	}
	pseudo := append(bytes.Clone(addresses), 0, 6)
	return words(append(binary.BigEndian.AppendUint16(pseudo, uint16(len(tcp))), tcp...)) == 0xffff
}

// TestSentAgain: what is sent again is what was sent before, octet by octet.
func TestSentAgain(t *testing.T) {
	s := small(t, "mix", 20_000)
	s.Loss = 100
	b, _ := write(t, s)
	sent := map[string][]byte{} // by addresses, ports and sequence number
	again := 0
	for b = b[fileHeader:]; len(b) > 0; {
		n := binary.LittleEndian.Uint32(b[8:])
		_, addresses, tcp := layers(b[recordHeader:][:n])
		payload := tcp[4*(tcp[12]>>4):]
		key := string(addresses) + string(tcp[:8])
		if before, ok := sent[key]; ok && len(before) == len(payload) && len(payload) > 0 {
			again++
			if !bytes.Equal(before, payload) {
				t.Fatal("other octets at the same place of a stream")
			}
		}
		if len(payload) > 0 {
			sent[key] = payload
		}
		b = b[recordHeader+n:]
	}
	if again < 100 {
		t.Errorf("only %d segments were sent again", again)
	}
}

func words(b []byte) uint16 {
	if len(b)%2 == 1 {
		b = append(bytes.Clone(b), 0)
	}
	s := uint32(0)
	for ; len(b) > 0; b = b[2:] {
		s += uint32(binary.BigEndian.Uint16(b))
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}

func TestMixIsOfMediumPackets(t *testing.T) {
	_, n := write(t, small(t, "mix", 100_000))
	if mean := n.Octets / int64(n.Packets); mean < 600 || mean > 800 {
		t.Errorf("packets are of %d bytes on average, want about 700", mean)
	}
}

func TestSpecWithoutAnEnd(t *testing.T) {
	for _, s := range []traffic.Spec{{}, {Connections: 1, Snaplen: 96}, {Packets: 10, Snaplen: 96}, {Packets: 10, Connections: 1}} {
		if _, err := traffic.Write(new(bytes.Buffer), s); err == nil {
			t.Errorf("%+v: no error", s)
		}
	}
}

func BenchmarkMix(b *testing.B) {
	s, _ := traffic.Preset("mix")
	s = s.Sized(50_000)
	var out bytes.Buffer
	for b.Loop() {
		out.Reset()
		if _, err := traffic.Write(&out, s); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*s.Packets), "ns/packet")
}
