//go:build cgo

package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"github.com/google/gopacket"
	"github.com/google/gopacket/pcap"
)

// HaveLibpcap says whether this binary was built with libpcap, which filters
// and live capture need.
const HaveLibpcap = true

type bpf struct{ *pcap.BPF }

// compile asks libpcap. gopacket's own function for it takes the link type as
// a uint8, which Linux cooked v2 (276) is not, so libpcap is shown an empty
// capture of that link type. It is a file and no pipe because gopacket leaves
// a descriptor handed to libpcap to be closed twice.
func compile(link uint16, expr string) (program, error) {
	const snapLen = 262144
	header := make([]byte, pcapFileHeader)
	binary.LittleEndian.PutUint32(header, magicMicro)
	binary.LittleEndian.PutUint16(header[4:], 2)
	binary.LittleEndian.PutUint16(header[6:], 4)
	binary.LittleEndian.PutUint32(header[16:], snapLen)
	binary.LittleEndian.PutUint32(header[20:], uint32(link))
	f, err := os.CreateTemp("", "tcplife-*.pcap")
	if err != nil {
		return nil, fmt.Errorf("hand the link type to libpcap: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(header)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("hand the link type to libpcap: %w", err)
	}
	handle, err := pcap.OpenOffline(f.Name())
	if err != nil {
		return nil, err
	}
	defer handle.Close()
	p, err := handle.NewBPF(expr)
	if err != nil {
		return nil, err
	}
	return bpf{p}, nil
}

func (b bpf) matches(frame []byte, wire uint32) bool {
	if len(frame) == 0 {
		return false // gopacket takes the address of the first byte
	}
	return b.Matches(gopacket.CaptureInfo{CaptureLength: len(frame), Length: int(wire)}, frame)
}
