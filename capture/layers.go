package capture

import (
	"slices"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/tcplife/tcplife/internal/segment"
)

// peel lets gopacket take encapsulations off data, beginning with first, until
// something is reached that the decoder reads itself. unknown is what to count
// when there is nothing of the kind inside.
func (d *decoder) peel(first gopacket.Decoder, data []byte, cut int, unknown skip) skip {
	if !d.deeper() {
		return skipTooDeep
	}
	w := &walker{d: d, next: first, cut: cut, result: unknown}
	// The walk is started by NewPacket because NewPacket is where gopacket
	// recovers from panics of its own decoders.
	// Some of its decoders slice by lengths from the packet: clipped, they panic
	// instead of reading on into the next record.
	p := gopacket.NewPacket(slices.Clip(data), gopacket.DecodeFunc(w.walk), gopacket.DecodeOptions{NoCopy: true})
	if p.ErrorLayer() != nil && w.result == unknown {
		return skipEncapsulation
	}
	return w.result
}

// walker is the gopacket.PacketBuilder that keeps no packet: it lets one layer
// decode itself and then decides who decodes the next.
type walker struct {
	d      *decoder
	next   gopacket.Decoder
	layer  gopacket.Layer
	cut    int
	result skip
}

// maxLayers bounds the layers that gopacket takes off at once.
const maxLayers = 16

func (w *walker) walk(data []byte, _ gopacket.PacketBuilder) error {
	for range maxLayers {
		if read := w.native(); read != nil {
			w.result = read(data)
			return nil
		}
		step := w.next
		w.next, w.layer = nil, nil
		if err := step.Decode(data, w); err != nil {
			return err
		}
		w.note()
		if w.layer == nil || w.next == nil {
			return nil
		}
		data = w.layer.LayerPayload()
		if len(data) == 0 {
			return nil
		}
	}
	w.result = skipTooDeep
	return nil
}

// note adds the layer that gopacket decoded to the path.
func (w *walker) note() {
	switch l := w.layer.(type) {
	case *layers.Dot1Q:
		w.d.addVLAN(l.VLANIdentifier)
	case *layers.EtherIP:
		w.d.path.Add(segment.WrapEtherIP, 0)
	case *layers.ERSPANII:
		w.d.path.Add(segment.WrapERSPAN, uint32(l.SessionID))
	}
}

// native returns how the decoder itself reads what comes next, or nil if that
// is for gopacket.
func (w *walker) native() func(p []byte) skip {
	d := w.d
	switch next := w.next.(type) {
	case layers.EthernetType:
		return func(p []byte) skip { return d.etherType(uint16(next), p, w.cut) }
	case layers.LinkType:
		if next == layers.LinkTypeEthernet {
			return func(p []byte) skip { return d.ethernet(p, w.cut) }
		}
	case layers.PPPType:
		return func(p []byte) skip { return d.pppCarries(uint16(next), p, w.cut, w.result) }
	case gopacket.LayerType:
		switch next {
		case layers.LayerTypeIPv4, layers.LayerTypeIPv6:
			return func(p []byte) skip { return d.ip(p, w.cut) }
		case layers.LayerTypeEthernet:
			return func(p []byte) skip { return d.ethernet(p, w.cut) }
		case layers.LayerTypeLLC:
			return func(p []byte) skip { return d.llc(p, w.cut) }
		}
	}
	return nil
}

// AddLayer is called by each layer that gopacket decoded.
func (w *walker) AddLayer(l gopacket.Layer) { w.layer = l }

// NextDecoder is called by a layer to say what follows it.
func (w *walker) NextDecoder(next gopacket.Decoder) error {
	w.next = next
	return nil
}

// The rest of gopacket.PacketBuilder does not matter here.

func (w *walker) SetLinkLayer(gopacket.LinkLayer)               {}
func (w *walker) SetNetworkLayer(gopacket.NetworkLayer)         {}
func (w *walker) SetTransportLayer(gopacket.TransportLayer)     {}
func (w *walker) SetApplicationLayer(gopacket.ApplicationLayer) {}
func (w *walker) SetErrorLayer(gopacket.ErrorLayer)             {}
func (w *walker) SetTruncated()                                 {}
func (w *walker) DumpPacketData()                               {}

// DecodeOptions says that layers need not copy what they are given.
func (w *walker) DecodeOptions() *gopacket.DecodeOptions {
	return &gopacket.DecodeOptions{NoCopy: true}
}
