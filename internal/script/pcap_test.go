package script_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/tcplife/tcplife/internal/script"
)

// packet is what the tests' own small reader finds in a capture.
type packet struct {
	at        uint64
	wire      int
	vlan      []uint16
	protocol  byte
	ip        []byte // header, then what the length field says
	transport []byte
}

// readPcap reads what WritePcap promises and nothing else.
func readPcap(t *testing.T, file []byte) []packet {
	t.Helper()
	le, be := binary.LittleEndian, binary.BigEndian
	if le.Uint32(file) != 0xa1b23c4d || le.Uint32(file[20:]) != 1 {
		t.Fatalf("header % x, want nanoseconds and Ethernet", file[:24])
	}
	var packets []packet
	for file = file[24:]; len(file) > 0; {
		p := packet{at: uint64(le.Uint32(file))*1e9 + uint64(le.Uint32(file[4:])), wire: int(le.Uint32(file[12:]))}
		captured := int(le.Uint32(file[8:]))
		frame := file[16 : 16+captured]
		file = file[16+captured:]
		kind := be.Uint16(frame[12:])
		for frame = frame[14:]; kind == 0x8100 || kind == 0x88a8; frame = frame[4:] {
			p.vlan = append(p.vlan, be.Uint16(frame))
			kind = be.Uint16(frame[2:])
		}
		if kind == 0x0800 {
			p.protocol, p.ip, p.transport = frame[9], frame[:20], frame[20:min(len(frame), int(be.Uint16(frame[2:])))]
		} else {
			p.protocol, p.ip, p.transport = frame[6], frame[:40], frame[40:min(len(frame), 40+int(be.Uint16(frame[4:])))]
		}
		packets = append(packets, p)
	}
	return packets
}

// ones adds up b as RFC 1071 says; a correct checksum makes the sum 0xffff.
func ones(parts ...[]byte) uint16 {
	var sum uint32
	for _, b := range parts {
		for len(b) > 1 {
			sum += uint32(binary.BigEndian.Uint16(b))
			b = b[2:]
		}
		if len(b) == 1 {
			sum += uint32(b[0]) << 8
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}

func transportSum(p packet) uint16 {
	addresses := p.ip[len(p.ip)-8:]
	if len(p.ip) == 40 {
		addresses = p.ip[8:]
	}
	return ones(addresses, []byte{0, p.protocol}, binary.BigEndian.AppendUint16(nil, uint16(len(p.transport))), p.transport)
}

func writePcap(t *testing.T, text string) []packet {
	t.Helper()
	var b bytes.Buffer
	if err := script.WritePcap(&b, parse(t, text)); err != nil {
		t.Fatal(err)
	}
	return readPcap(t, b.Bytes())
}

func TestWritePcap(t *testing.T) {
	const conversation = `
0     > SEW 0:0(0) win 1000 <mss 1460,sackOK,nop,nop> vlan 12
+.5   < S.  0:0(0) ack 1 lost
+.5   > P.  1:8(7) ack 1 ttl 3 vlan 12,7
+.25  < -   1:2(1) bad-checksum
end 60s
`
	for _, family := range []struct {
		name, text string
		ipLen      int
	}{
		{"IPv4", "Over IPv4.\nisn 100 200\n", 20},
		{"IPv6", "Over IPv6.\nisn 100 200\nipv6\n", 40},
	} {
		t.Run(family.name, func(t *testing.T) {
			ps := writePcap(t, family.text+conversation)
			if len(ps) != 4 {
				t.Fatalf("%d packets, want the three seen and one of other traffic", len(ps))
			}
			for i, p := range ps[:3] {
				if len(p.ip) != family.ipLen || p.protocol != 6 || p.wire < 60 {
					t.Errorf("packet %d: %+v", i+1, p)
				}
				if good := transportSum(p) == 0xffff; good != (i != 2) {
					t.Errorf("packet %d: checksum good is %v", i+1, good)
				}
				if family.ipLen == 20 && ones(p.ip) != 0xffff {
					t.Errorf("packet %d: bad IP checksum", i+1)
				}
			}
			syn, data := ps[0], ps[1]
			if len(syn.vlan) != 1 || syn.vlan[0] != 12 || len(data.vlan) != 2 || data.vlan[0] != 12 || data.vlan[1] != 7 {
				t.Errorf("VLANs %v and %v, want 12, and 12 with 7 inside", syn.vlan, data.vlan)
			}
			if got := data.at - syn.at; got != 1e9 {
				t.Errorf("data %d ns after the SYN, want a second: the lost one took its time", got)
			}
			// Flags are the low bits of octets 12 and 13; the offset counts 32-bit words.
			if got := binary.BigEndian.Uint16(syn.transport[12:]); got != 7<<12|0xc2 {
				t.Errorf("offset and flags of the SYN %#x, want 28 octets and CWR, ECE, SYN", got)
			}
			if got := string(data.transport[20:]); got != "bcdefgh" {
				t.Errorf("payload %q, want the letters of octets 1 to 8", got)
			}
			if got := binary.BigEndian.Uint32(data.transport[8:]); got != 201 {
				t.Errorf("ack %d, want 201", got)
			}
			if last := ps[3]; last.protocol != 17 || transportSum(last) != 0xffff || last.at-ps[2].at != 60e9 {
				t.Errorf("other traffic %+v, want a UDP datagram after 60 s", last)
			}
		})
	}
}

func TestWritePcapCut(t *testing.T) {
	ps := writePcap(t, "The capture keeps five octets of options.\n0 > S 0:100(100) <mss 1460,nop,wscale 7> cut 5\n")
	if got := len(ps[0].transport); got != 25 {
		t.Errorf("%d octets of TCP captured, want 25", got)
	}
	if want := 14 + 20 + 28 + 100; ps[0].wire != want {
		t.Errorf("%d octets on the wire, want %d", ps[0].wire, want)
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

var errFull = errors.New("disk full")

func TestWritePcapError(t *testing.T) {
	if err := script.WritePcap(fullDisk{}, parse(t, "T\n0 > S 0:0(0)\n")); !errors.Is(err, errFull) {
		t.Errorf("got %v, want the writer's error", err)
	}
}
