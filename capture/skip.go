package capture

import "fmt"

// skip says why a frame gave no segment; the zero value says that it gave one.
// The upper half is the class, the lower half a value within it.
type skip uint32

const (
	classReason skip = iota << 16
	classProtocol
	classEtherType
	classLinkType
)

// The reasons with a name of their own.
const (
	isSegment skip = iota
	skipTruncatedFrame
	skipMalformedIPv4
	skipMalformedIPv6
	skipTruncatedIPv4
	skipTruncatedIPv6
	skipFragmentIPv4
	skipFragmentIPv6
	skipOverlap
	skipTruncatedTCP
	skipMalformedTCP
	skipLLC
	skipTooDeep
	skipEncapsulation
	skipNotIP
	skipMalformedLink
	skipLinkControl
	skipLinkFragment
	skipPPP
	skipCompressedTCP
	skipWifiManagement
	skipWifiControl
	skipWifiEmpty
	skipWifiEncrypted
	skipWifiDamaged
	skipEncryptedDOCSIS
	skipExportedPDU
	skipOtherKinds
	numReasons
)

var reasonNames = [numReasons]string{
	isSegment:           "tcp",
	skipTruncatedFrame:  "truncated frame",
	skipMalformedIPv4:   "malformed ipv4",
	skipMalformedIPv6:   "malformed ipv6",
	skipTruncatedIPv4:   "truncated ipv4 header",
	skipTruncatedIPv6:   "truncated ipv6 header",
	skipFragmentIPv4:    "ipv4 fragment",
	skipFragmentIPv6:    "ipv6 fragment",
	skipOverlap:         "overlapping ip fragment",
	skipTruncatedTCP:    "truncated tcp header",
	skipMalformedTCP:    "malformed tcp",
	skipLLC:             "llc",
	skipTooDeep:         "encapsulated too deep",
	skipEncapsulation:   "unreadable encapsulation",
	skipNotIP:           "not ip",
	skipMalformedLink:   "malformed link-layer header",
	skipLinkControl:     "link-layer control",
	skipLinkFragment:    "link-layer fragment",
	skipPPP:             "ppp without ip",
	skipCompressedTCP:   "compressed tcp header",
	skipWifiManagement:  "802.11 management",
	skipWifiControl:     "802.11 control",
	skipWifiEmpty:       "802.11 without data",
	skipWifiEncrypted:   "encrypted 802.11",
	skipWifiDamaged:     "802.11 with bad checksum",
	skipEncryptedDOCSIS: "encrypted docsis",
	skipExportedPDU:     "exported pdu without ip",
	skipOtherKinds:      "other kinds",
}

// furtherName is what else stood in frames that gave a segment.
const furtherName = "further packet of one frame"

// joinedName is the fragments of which segments were put together, but for the frame that completed each: that one is
// counted as the segment.
const joinedName = "fragment of a tcp segment"

// protocolNames are the IP protocols that are met often (IANA protocol numbers).
var protocolNames = map[uint8]string{
	1: "icmp", 2: "igmp", 17: "udp", 33: "dccp", 46: "rsvp", 47: "gre", 50: "esp", 51: "ah", 58: "icmpv6",
	59: "ipv6 no next header", 88: "eigrp", 89: "ospf", 97: "etherip", 103: "pim", 108: "ipcomp", 112: "vrrp", 115: "l2tp",
	132: "sctp", 136: "udplite",
}

// etherTypeNames are the Ethernet types that are met often (IEEE registry).
var etherTypeNames = map[uint16]string{
	etherARP: "arp", 0x8035: "rarp", 0x809b: "appletalk", 0x8137: "ipx", 0x8808: "ethernet flow control", 0x8809: "lacp",
	etherMPLS: "mpls", etherMPLSMulticast: "mpls", 0x8863: "pppoe discovery", etherPPPoE: "pppoe", 0x888e: "eapol",
	0x8892: "profinet", 0x88b8: "goose", 0x88cc: "lldp", 0x88e5: "macsec", 0x88f7: "ptp",
}

func reason(i int) skip           { return classReason | skip(i) }
func skipProtocol(p uint8) skip   { return classProtocol | skip(p) }
func skipEtherType(t uint16) skip { return classEtherType | skip(t) }
func skipLinkType(t uint16) skip  { return classLinkType | skip(t) }
func (s skip) class() skip        { return s &^ 0xffff }
func (s skip) value() uint16      { return uint16(s) }

// String names the kind as Stats.Skipped does.
func (s skip) String() string {
	switch s.class() {
	case classProtocol:
		if name, ok := protocolNames[uint8(s)]; ok {
			return name
		}
		return fmt.Sprintf("ip protocol %d", s.value())
	case classEtherType:
		if name, ok := etherTypeNames[s.value()]; ok {
			return name
		}
		return fmt.Sprintf("ethernet type 0x%04x", s.value())
	case classLinkType:
		if name := linkKnown(s.value()); name != "" {
			return fmt.Sprintf("unsupported link type %d (%s)", s.value(), name)
		}
		return fmt.Sprintf("unsupported link type %d", s.value())
	default:
		return reasonNames[s.value()]
	}
}
