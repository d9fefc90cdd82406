package capture

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/tcplife/tcplife/internal/samples"
	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/internal/seq"
)

// viaGopacket decodes an Ethernet frame, captured whole, as gopacket alone
// does. ok is false where gopacket finds no TCP, or is known to be wrong.
func viaGopacket(frame []byte, paths *segment.Paths) (s segment.Segment, ok bool) {
	p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default)
	var src, dst netip.Addr
	var length int
	var path segment.Path
	for _, l := range p.Layers() {
		switch l := l.(type) {
		case *layers.Dot1Q:
			// An id of 0 is none.
			if l.VLANIdentifier != 0 {
				path.Add(segment.WrapVLAN, uint32(l.VLANIdentifier))
			}
		case *layers.IPv4:
			// Encapsulated, refused (then without contents), or of a length that
			// only the frame tells; and gopacket does not look at the version.
			if src.IsValid() || len(l.Contents) < 20 || binary.BigEndian.Uint16(l.Contents[2:]) == 0 || l.Version != 4 {
				return s, false
			}
			src, _ = netip.AddrFromSlice(l.SrcIP.To4())
			dst, _ = netip.AddrFromSlice(l.DstIP.To4())
			s.TTL, s.IPID, s.HasIPID, s.IPLen = l.TTL, l.Id, l.Id != 0, uint32(l.Length)
			length = int(l.Length) - int(l.IHL)*4
		case *layers.IPv6:
			if src.IsValid() || l.Length == 0 || l.NextHeader != layers.IPProtocolTCP || l.Version != 6 {
				return s, false
			}
			src, _ = netip.AddrFromSlice(l.SrcIP)
			dst, _ = netip.AddrFromSlice(l.DstIP)
			s.TTL, s.IPLen = l.HopLimit, uint32(l.Length)+40
			length = int(l.Length)
		case *layers.TCP:
			from := segment.Endpoint{IP: segment.IPOf(src), Port: uint16(l.SrcPort)}
			to := segment.Endpoint{IP: segment.IPOf(dst), Port: uint16(l.DstPort)}
			s.Flow, s.Dir = segment.FlowOf(from, to)
			s.Seq, s.Ack, s.Window = seq.Num(l.Seq), seq.Num(l.Ack), l.Window
			for i, set := range []bool{l.FIN, l.SYN, l.RST, l.PSH, l.ACK, l.URG, l.ECE, l.CWR, l.NS} {
				if set {
					s.Flags |= 1 << i
				}
			}
			header := int(l.DataOffset) * 4
			if header < 20 || header > length { // gopacket adds the layer, and an error
				return s, false
			}
			s.PayloadLen = uint32(length - header)
			s.Captured = uint32(len(l.Payload))
			s.Urgent, s.Path = l.Urgent, paths.ID(path)
			return s, true
		}
	}
	return s, false
}

func agree(t *testing.T, frame []byte) {
	t.Helper()
	paths := new(segment.Paths)
	want, ok := viaGopacket(frame, paths)
	if !ok {
		return
	}
	d := newDecoder(false, paths)
	var got segment.Segment
	why := d.decode(1, frame, uint32(len(frame)), &got)
	got.Options = segment.Options{} // TestOptions and FuzzOptions look at them
	if why != isSegment || got != want {
		t.Errorf("frame %x\nby hand  %v %+v\ngopacket %+v", frame, why, got, want)
	}
}

func agreeSeeds() [][]byte {
	v4, v6 := ip4(protoTCP, syn), ip6(protoTCP, tcpHeader(0x18, timestamps, []byte("hello")))
	return [][]byte{
		plainFrame(20), plainFrame(0), append(plainFrame(1), 0, 0, 0, 0),
		ether(etherIPv6, v6), ether(etherVLAN, vlan(5, etherIPv4, v4)), ether(etherQinQ, vlan(5, etherVLAN, vlan(6, etherIPv6, v6))),
		ether(etherIPv4, ip4(protoTCP, tcpHeader(0x11, timestamps, nil))),
	}
}

func TestDecodersAgree(t *testing.T) {
	for _, frame := range agreeSeeds() {
		if _, ok := viaGopacket(frame, new(segment.Paths)); !ok {
			t.Errorf("gopacket finds no TCP in %x", frame)
		}
		agree(t, frame)
		// Every single byte changed: what one refuses and the other takes shows.
		for i := range frame {
			for _, flip := range []byte{1, 0x10, 0x80, 0xff} {
				frame[i] ^= flip
				agree(t, frame)
				frame[i] ^= flip
			}
		}
	}
}

// plainAgrees holds the shortcut for plain frames against decode.
func plainAgrees(t *testing.T, frame []byte, wire uint32) (taken bool) {
	t.Helper()
	d := newDecoder(true, new(segment.Paths))
	var want segment.Segment
	got := segment.Segment{Number: 1, Path: 77, Checksum: segment.ChecksumBad} // of a batch used before
	if !d.plain(frame, &got) {
		return false
	}
	if why := d.decode(linkEthernet, frame, wire, &want); why != isSegment || got != want {
		t.Errorf("frame %x, %d on the wire\nplain  %+v\ndecode %v %+v", frame, wire, got, why, want)
	}
	return true
}

func TestPlainAgreesWithDecode(t *testing.T) {
	taken := 0
	for _, frame := range agreeSeeds() {
		for n := range len(frame) + 1 {
			if plainAgrees(t, frame[:n:n], uint32(len(frame))) && n == len(frame) {
				taken++
			}
		}
		for i := range frame {
			for flip := 1; flip < 256; flip++ {
				frame[i] ^= byte(flip)
				plainAgrees(t, frame, uint32(len(frame)))
				frame[i] ^= byte(flip)
			}
		}
	}
	if taken < 5 {
		t.Errorf("only %d of the seeds are taken for plain", taken)
	}
}

func FuzzPlainAgrees(f *testing.F) {
	for _, frame := range agreeSeeds() {
		f.Add(frame, uint32(0))
		f.Add(frame[:len(frame)-1], uint32(1))
	}
	f.Fuzz(func(t *testing.T, frame []byte, missing uint32) {
		rec := record{data: frame}
		rec.setWire(uint32(len(frame)) + missing)
		plainAgrees(t, frame, rec.wire)
	})
}

func FuzzDecodersAgree(f *testing.F) {
	for _, frame := range agreeSeeds() {
		f.Add(frame)
	}
	f.Fuzz(agree)
}

// FuzzDecode holds what must be true of any segment, whatever the bytes.
func FuzzDecode(f *testing.F) {
	for _, frame := range agreeSeeds() {
		f.Add(uint16(1), frame, uint32(len(frame)))
		f.Add(uint16(101), frame[14:], uint32(9000))
	}
	f.Add(uint16(276), join(u16(etherMPLS), make([]byte, 18), []byte{0, 1, 0x31, 64}, ip4(protoGRE, []byte{0, 0, 8, 0})), uint32(60))
	f.Add(uint16(0), join([]byte{30, 0, 0, 0}, ip6(protoHopByHop, []byte{6, 0, 0xc2, 4, 0, 1, 0, 0})), uint32(70000))
	for _, s := range samples.Of("tunnel") {
		for _, frame := range sampleFrames(f, strings.TrimSuffix(s.Name, ".pcap"))[:4] {
			f.Add(uint16(linkEthernet), frame, uint32(len(frame)))
		}
	}
	for _, rec := range linkSamples(f) {
		f.Add(rec.link, rec.data, rec.wire)
	}
	f.Fuzz(func(t *testing.T, link uint16, frame []byte, wire uint32) {
		rec := record{data: frame}
		rec.setWire(wire)
		d := newDecoder(true, new(segment.Paths))
		var s segment.Segment
		if d.decode(link, frame, rec.wire, &s) != isSegment {
			return
		}
		if s.Captured > s.PayloadLen || int(s.Captured) > len(frame) {
			t.Errorf("%d of %d payload bytes captured in a frame of %d", s.Captured, s.PayloadLen, len(frame))
		}
		if s.IPLen < s.PayloadLen+40 {
			t.Errorf("%d bytes of payload in an IP packet of %d", s.PayloadLen, s.IPLen)
		}
		if s.Checksum != segment.ChecksumUnknown && s.Captured != s.PayloadLen {
			t.Error("a checksum was computed over less than the segment")
		}
	})
}
