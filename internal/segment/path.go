package segment

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"
	"sync/atomic"
)

// Wrap is what one layer around an IP packet was: a tag, a label or a tunnel.
type Wrap uint8

// The layers. Those without an identifier of their own have ID 0.
const (
	WrapNone       Wrap = iota
	WrapVLAN            // IEEE 802.1Q or 802.1ad: VLAN id
	WrapMPLS            // RFC 3032: label
	WrapPPPoE           // RFC 2516: session
	WrapIP              // IPv4 or IPv6 in IP (RFC 2003, 2473, 4213)
	WrapGRE             // RFC 2784, 2890: key
	WrapNVGRE           // RFC 7637: virtual subnet
	WrapEoIP            // MikroTik's Ethernet in GRE: tunnel
	WrapERSPAN          // draft-foschiano-erspan: session
	WrapEtherIP         // RFC 3378
	WrapVXLAN           // RFC 7348, and GPE: network identifier
	WrapGeneve          // RFC 8926: network identifier
	WrapNSH             // RFC 8300: service path
	WrapGTP             // 3GPP TS 29.281: tunnel endpoint identifier; version 0: flow label
	WrapTeredo          // RFC 4380
	WrapAYIYA           // draft-massar-v6ops-ayiya
	WrapGUE             // draft-ietf-intarea-gue
	WrapLISP            // RFC 9300: instance
	WrapL2TP            // RFC 2661: tunnel in the upper half, session in the lower
	WrapL2TPv3          // RFC 3931: session
	WrapPPTP            // RFC 2637: call id
	WrapCAPWAP          // RFC 5415, data
	WrapTZSP            // TaZmen sniffer protocol
	WrapAH              // RFC 4302: security parameters index
	WrapESP             // RFC 4303 with NULL encryption: security parameters index
	WrapPBB             // IEEE 802.1ah: service instance
	WrapVNTag           // Cisco VN-Tag: destination interface in the upper half, source interface in the lower
	WrapETag            // IEEE 802.1BR: E-CID in the upper half, ingress E-CID in the lower
	WrapFabricPath      // Cisco FabricPath: forwarding tag
	WrapTRILL           // RFC 6325: egress nickname in the upper half, ingress nickname in the lower
	numWraps       = iota
)

// idForm is how the identifiers of a kind of layer are written.
type idForm uint8

const (
	noID        idForm = iota
	decimal            // as operators type them and other tools print them
	optional           // the same, and 0 is none
	hexadecimal        // for identifiers of 32 random bits, as Wireshark prints them
	pair               // two of 16 bits: upper half, dot, lower half
)

var wraps = [numWraps]struct {
	name string
	id   idForm
}{
	WrapVLAN: {"vlan", decimal}, WrapMPLS: {"mpls", decimal}, WrapPPPoE: {"pppoe", decimal}, WrapIP: {"ip", noID},
	WrapGRE: {"gre", optional}, WrapNVGRE: {"nvgre", decimal}, WrapEoIP: {"eoip", decimal}, WrapERSPAN: {"erspan", optional},
	WrapEtherIP: {"etherip", noID}, WrapVXLAN: {"vxlan", decimal}, WrapGeneve: {"geneve", decimal}, WrapNSH: {"nsh", decimal},
	WrapGTP: {"gtp", hexadecimal}, WrapTeredo: {"teredo", noID}, WrapAYIYA: {"ayiya", noID}, WrapGUE: {"gue", noID},
	WrapLISP: {"lisp", optional}, WrapL2TP: {"l2tp", pair}, WrapL2TPv3: {"l2tpv3", decimal}, WrapPPTP: {"pptp", decimal},
	WrapCAPWAP: {"capwap", noID}, WrapTZSP: {"tzsp", noID}, WrapAH: {"ah", hexadecimal}, WrapESP: {"esp", hexadecimal},
	WrapPBB: {"pbb", decimal}, WrapVNTag: {"vntag", pair}, WrapETag: {"etag", pair}, WrapFabricPath: {"fabricpath", decimal},
	WrapTRILL: {"trill", pair},
}

func (w Wrap) String() string { return wraps[w].name }

// Layer is one layer around an IP packet.
type Layer struct {
	Kind Wrap
	ID   uint32
}

// maxLayers is how many layers of a path are kept; those further in are left out.
const maxLayers = 8

// Path is the way by which a segment was met: what stood around its IP packet, outermost first. The zero value is
// plain traffic. Paths can be compared.
type Path struct {
	layers [maxLayers]Layer
	n      uint8
}

// Add appends a layer further in. What has no room is left out.
func (p *Path) Add(kind Wrap, id uint32) {
	if int(p.n) < len(p.layers) {
		p.layers[p.n] = Layer{kind, id}
		p.n++
	}
}

// Layers returns what stands around the packet, outermost first.
func (p *Path) Layers() []Layer { return p.layers[:p.n] }

// IsPlain reports whether nothing does.
func (p *Path) IsPlain() bool { return p.n == 0 }

// VLANs returns the VLAN ids, outermost first.
func (p *Path) VLANs() (ids []uint16) {
	for _, l := range p.Layers() {
		if l.Kind == WrapVLAN {
			ids = append(ids, uint16(l.ID))
		}
	}
	return ids
}

// Tunnel names all that is no VLAN: "vxlan:42", or outermost first with a slash between: "gre/ip". Identifiers are decimal,
// but for those that are random 32 bits, "gtp:0x0000abcd", and those that are two numbers, "l2tp:7.12". It is "" if
// there is no tunnel.
func (p *Path) Tunnel() string { return p.text(func(l Layer) bool { return l.Kind != WrapVLAN }) }

// String names all layers, as Tunnel does; "plain" if there is none.
func (p *Path) String() string {
	if p.IsPlain() {
		return "plain"
	}
	return p.text(func(Layer) bool { return true })
}

func (p *Path) text(with func(Layer) bool) string {
	var b []byte
	for _, l := range p.Layers() {
		if !with(l) {
			continue
		}
		if len(b) > 0 {
			b = append(b, '/')
		}
		b = l.append(b)
	}
	return string(b)
}

func (l Layer) append(b []byte) []byte {
	b = append(b, l.Kind.String()...)
	switch form := wraps[l.Kind].id; {
	case form == noID, form == optional && l.ID == 0:
		return b
	case form == hexadecimal:
		return fmt.Appendf(b, ":0x%08x", l.ID)
	case form == pair:
		return fmt.Appendf(b, ":%d.%d", l.ID>>16, l.ID&0xffff)
	}
	return strconv.AppendUint(append(b, ':'), uint64(l.ID), 10)
}

// PathKey says by which parts of their paths connections of the same addresses and ports are kept apart.
type PathKey uint8

// The parts; none by default, for both directions of a connection often differ in them.
const (
	KeyVLAN PathKey = 1 << iota
	KeyTunnel
)

// of returns eight octets of the SHA-256 of the part of p that k names, 0 for none: the same in each run.
func (k PathKey) of(p *Path) uint64 {
	var text []byte
	for _, l := range p.Layers() {
		if l.Kind == WrapVLAN && k&KeyVLAN != 0 || l.Kind != WrapVLAN && k&KeyTunnel != 0 {
			text = binary.BigEndian.AppendUint32(append(text, byte(l.Kind)), l.ID)
		}
	}
	if len(text) == 0 {
		return 0
	}
	sum := sha256.Sum256(text)
	return binary.BigEndian.Uint64(sum[:])
}

// Paths gives each path of a trace a number, so that a Segment can carry it. One goroutine adds; any number may ask at the
// same time.
type Paths struct {
	// By is what Key tells paths apart by. It must not change once there is a path.
	By PathKey
	// Most is how many paths are told apart; 0: 2^18.
	Most int

	known atomic.Pointer[[]knownPath] // by number
	ids   map[Path]uint32
	last  Path
	id    uint32 // of last
	full  uint64
}

type knownPath struct {
	path Path
	key  uint64
}

// PlainPath is the number of plain traffic.
const PlainPath = 0

// maxPaths bounds the paths that are told apart: mobile networks have a tunnel for each subscriber and direction.
const maxPaths = 1 << 18

// ID returns the number of a path, a new one if it was not met before. Beyond Most paths it is that of plain
// traffic, and counted (Overflow).
func (t *Paths) ID(p Path) uint32 {
	switch {
	case p.n == 0:
		return PlainPath
	case p == t.last:
		return t.id
	}
	id, known := t.ids[p]
	if !known {
		all := t.all()
		if len(all) >= t.most() {
			t.full++
			return PlainPath
		}
		if len(all) == 0 {
			t.ids = make(map[Path]uint32)
			all = make([]knownPath, 1, 16)
		}
		id = uint32(len(all))
		all = append(all, knownPath{p, t.By.of(&p)}) // who reads knows a shorter slice, and never looks behind its end
		t.ids[p] = id
		t.known.Store(&all)
	}
	t.last, t.id = p, id
	return id
}

func (t *Paths) most() int {
	if t.Most > 0 {
		return min(t.Most, maxPaths)
	}
	return maxPaths
}

func (t *Paths) all() []knownPath {
	if all := t.known.Load(); all != nil {
		return *all
	}
	return nil
}

// Path returns the path with a number that ID returned.
func (t *Paths) Path(id uint32) Path {
	if all := t.all(); int(id) < len(all) {
		return all[id].path
	}
	return Path{}
}

// Key returns what tells connections apart that have the same addresses and ports: paths with different keys differ in
// the parts that By names.
func (t *Paths) Key(id uint32) uint64 {
	if all := t.all(); int(id) < len(all) {
		return all[id].key
	}
	return 0
}

// Overflow is how many packets had a path that did not fit. It is for the goroutine that adds.
func (t *Paths) Overflow() uint64 { return t.full }
