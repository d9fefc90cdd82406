package capture

import "fmt"

// linkType is how frames of one link type are read; without decode they are
// only counted by their name.
type linkType struct {
	name   string
	decode func(d *decoder, frame []byte, cut int) skip
}

const linkEthernet = 1

// Link types that a snoop file may be of.
const (
	linkNull      = 0
	linkTokenRing = 6
	linkFDDI      = 10
	linkIPOverFC  = 122
	linkSunATM    = 123
	linkIPNET     = 226
	linkRawIPv4   = 228
	linkRawIPv6   = 229
)

// links is indexed by LINKTYPE_ value as in files (tcpdump.org/linktypes.html).
var links [303]linkType

// The table is filled in here because some link types hold frames of others.
func init() {
	links = [...]linkType{
		linkNull:      {"BSD loopback", (*decoder).loopback},
		linkEthernet:  {"Ethernet", (*decoder).ethernet},
		2:             {"3 Mb/s Ethernet", nil},
		3:             {"AX.25", nil},
		linkTokenRing: {"token ring", (*decoder).tokenRing},
		7:             {"ARCnet", (*decoder).arcnet},
		8:             {"SLIP", (*decoder).slip},
		9:             {"PPP", (*decoder).pppLink},
		linkFDDI:      {"FDDI", (*decoder).fddi},
		11:            {"ATM (RFC 1483)", (*decoder).atm},
		12:            {"raw IP", (*decoder).ip},
		13:            {"OpenBSD enc", (*decoder).enc},
		14:            {"raw IP", (*decoder).ip},
		16:            {"classical IP over ATM", (*decoder).classicalIP},
		18:            {"classical IP over ATM", (*decoder).classicalIP},
		19:            {"classical IP over ATM", (*decoder).classicalIP},
		50:            {"PPP over serial", (*decoder).pppLink},
		51:            {"PPPoE", (*decoder).pppoe},
		99:            {"Symantec firewall", (*decoder).symantec},
		100:           {"ATM (RFC 1483)", (*decoder).atm},
		101:           {"raw IP", (*decoder).ip},
		102:           {"BSD/OS SLIP", nil},
		103:           {"BSD/OS PPP", nil},
		104:           {"Cisco HDLC", (*decoder).ciscoHDLC},
		105:           {"802.11", (*decoder).wifi},
		106:           {"classical IP over ATM", (*decoder).classicalIP},
		107:           {"frame relay", (*decoder).frameRelay},
		108:           {"OpenBSD loopback", (*decoder).loopback},
		109:           {"OpenBSD enc", (*decoder).enc},
		110:           {"ATM LAN emulation", (*decoder).lane},
		111:           {"HIPPI", nil},
		112:           {"Cisco HDLC", (*decoder).ciscoHDLC},
		113:           {"Linux cooked v1", (*decoder).cooked},
		114:           {"LocalTalk", nil},
		115:           {"Acorn Econet", nil},
		116:           {"OpenBSD ipfilter", nil},
		117:           {"OpenBSD pflog", (*decoder).pflog},
		118:           {"Cisco IOS internal", nil},
		119:           {"802.11 with Prism header", (*decoder).prism},
		120:           {"Aironet 802.11", nil},
		121:           {"HiPath HDLC", nil},
		linkIPOverFC:  {"IP over Fibre Channel", (*decoder).ipOverFC},
		linkSunATM:    {"SunATM", (*decoder).sunATM},
		124:           {"RapidIO", nil},
		125:           {"PCI Express", nil},
		126:           {"Xilinx Aurora", nil},
		127:           {"802.11 with radiotap", (*decoder).radiotap},
		128:           {"TZSP", (*decoder).tzsp},
		129:           {"Linux ARCnet", (*decoder).linuxARCnet},
		130:           {"Juniper MLPPP", (*decoder).juniperMLPPP},
		131:           {"Juniper MLFR", (*decoder).juniperMLFR},
		132:           {"Juniper encryption services", (*decoder).juniperES},
		133:           {"Juniper GGSN", (*decoder).juniperServices},
		134:           {"Juniper MFR", (*decoder).juniperMFR},
		135:           {"Juniper ATM2", (*decoder).juniperATM2},
		136:           {"Juniper services", (*decoder).juniperServices},
		137:           {"Juniper ATM1", (*decoder).juniperATM1},
		138:           {"IP over IEEE 1394", (*decoder).firewire},
		139:           {"SS7 MTP2 with header", nil},
		140:           {"SS7 MTP2", nil},
		141:           {"SS7 MTP3", nil},
		142:           {"SS7 SCCP", nil},
		143:           {"DOCSIS", (*decoder).docsis},
		144:           {"Linux IrDA", nil},
		145:           {"IBM SP switch", nil},
		146:           {"IBM Next Federation switch", nil},
		147:           {"user 0", nil},
		148:           {"user 1", nil},
		149:           {"user 2", (*decoder).user2},
		150:           {"user 3", nil},
		151:           {"user 4", nil},
		152:           {"user 5", nil},
		153:           {"user 6", nil},
		154:           {"user 7", nil},
		155:           {"user 8", nil},
		156:           {"user 9", nil},
		157:           {"user 10", nil},
		158:           {"user 11", nil},
		159:           {"user 12", nil},
		160:           {"user 13", nil},
		161:           {"user 14", nil},
		162:           {"user 15", nil},
		163:           {"802.11 with AVS header", (*decoder).avs},
		164:           {"Juniper monitor", (*decoder).juniperServices},
		165:           {"BACnet MS/TP", nil},
		166:           {"PPP of pppd", (*decoder).pppd},
		167:           {"Juniper PPPoE", (*decoder).juniperEthernet},
		168:           {"Juniper PPPoE over ATM", (*decoder).juniperEtherType},
		169:           {"GPRS LLC", nil},
		170:           {"GFP-T", nil},
		171:           {"GFP-F", nil},
		172:           {"Gcom T1/E1", nil},
		173:           {"Gcom serial", nil},
		174:           {"Juniper PIC peer", nil},
		175:           {"Endace ERF of Ethernet", (*decoder).erf},
		176:           {"Endace ERF of POS", (*decoder).erf},
		177:           {"Linux vISDN LAPD", nil},
		178:           {"Juniper Ethernet", (*decoder).juniperEthernet},
		179:           {"Juniper PPP", (*decoder).juniperPPP},
		180:           {"Juniper frame relay", (*decoder).juniperFrameRelay},
		181:           {"Juniper Cisco HDLC", (*decoder).juniperHDLC},
		182:           {"multilink frame relay", (*decoder).multilinkFrameRelay},
		183:           {"Juniper voice", nil},
		184:           {"ARINC 429", nil},
		185:           {"ARINC 653", nil},
		186:           {"FreeBSD USB", nil},
		187:           {"Bluetooth HCI", nil},
		188:           {"802.16", nil},
		189:           {"Linux USB", nil},
		190:           {"CAN 2.0B", nil},
		191:           {"Linux 802.15.4", nil},
		192:           {"PPI", (*decoder).ppi},
		193:           {"802.16 with radio header", nil},
		194:           {"Juniper integrated services", nil},
		195:           {"802.15.4", nil},
		196:           {"SITA", nil},
		197:           {"Endace ERF", (*decoder).erf},
		198:           {"u10 Networks Ethernet", nil},
		199:           {"IPMB", nil},
		200:           {"Juniper secure tunnel", nil},
		201:           {"Bluetooth HCI with direction", nil},
		202:           {"AX.25 with KISS", nil},
		203:           {"LAPD", nil},
		204:           {"PPP with direction", behindDirection((*decoder).pppLink)},
		205:           {"Cisco HDLC with direction", behindDirection((*decoder).ciscoHDLC)},
		206:           {"frame relay with direction", behindDirection((*decoder).frameRelay)},
		207:           {"LAPB with direction", nil},
		209:           {"Linux IPMB", nil},
		210:           {"FlexRay", nil},
		211:           {"MOST", nil},
		212:           {"LIN", nil},
		213:           {"X2E serial", nil},
		214:           {"X2E Xoraya", nil},
		215:           {"802.15.4 non-ASK", nil},
		216:           {"Linux evdev", nil},
		217:           {"GSMTAP Um", nil},
		218:           {"GSMTAP Abis", nil},
		219:           {"MPLS", (*decoder).mpls},
		220:           {"Linux USB, memory-mapped", nil},
		221:           {"DECT", nil},
		222:           {"CCSDS AOS", nil},
		223:           {"WirelessHART", nil},
		224:           {"Fibre Channel", nil},
		225:           {"Fibre Channel with delimiters", nil},
		linkIPNET:     {"Solaris IPNET", (*decoder).ipnet},
		227:           {"Linux CAN", nil},
		linkRawIPv4:   {"raw IPv4", (*decoder).ipv4},
		linkRawIPv6:   {"raw IPv6", (*decoder).ipv6},
		230:           {"802.15.4 without checksum", nil},
		231:           {"D-Bus", nil},
		232:           {"Juniper virtual switch", nil},
		233:           {"Juniper SRX", nil},
		234:           {"Juniper Fibre Channel", nil},
		235:           {"DVB common interface", nil},
		236:           {"3GPP 27.010", nil},
		237:           {"STANAG 5066", nil},
		238:           {"Juniper ATM with header", nil},
		239:           {"NFLOG", (*decoder).nflog},
		240:           {"netANALYZER", (*decoder).netanalyzer},
		241:           {"netANALYZER, transparent", (*decoder).netanalyzerTransparent},
		242:           {"IP over InfiniBand", (*decoder).ipoib},
		243:           {"MPEG-2 transport stream", nil},
		244:           {"ng4T Iub/Iur", nil},
		245:           {"NFC", nil},
		246:           {"pfsync", nil},
		247:           {"InfiniBand", (*decoder).infiniband},
		248:           {"SCTP without IP", nil},
		249:           {"USBPcap", nil},
		250:           {"RTAC serial", nil},
		251:           {"Bluetooth Low Energy", nil},
		252:           {"exported PDU", (*decoder).exportedPDU},
		253:           {"Linux netlink", nil},
		254:           {"Bluetooth Linux monitor", nil},
		255:           {"Bluetooth baseband", nil},
		256:           {"Bluetooth Low Energy with header", nil},
		257:           {"PROFIBUS", nil},
		258:           {"Apple PKTAP", (*decoder).pktap},
		259:           {"EPON", (*decoder).epon},
		260:           {"IPMI trace", nil},
		261:           {"Z-Wave R1/R2", nil},
		262:           {"Z-Wave R3", nil},
		263:           {"Wattstopper DLM", nil},
		264:           {"ISO 14443", nil},
		265:           {"RDS", nil},
		266:           {"Darwin USB", nil},
		267:           {"OpenFlow without TCP", nil},
		268:           {"SDLC", nil},
		269:           {"TI LLN sniffer", nil},
		270:           {"LoRaTap", nil},
		271:           {"Linux vsock", nil},
		272:           {"Nordic BLE", nil},
		273:           {"DOCSIS with XRA-31 header", nil},
		274:           {"Ethernet mPackets", (*decoder).mpacket},
		275:           {"DisplayPort AUX", nil},
		276:           {"Linux cooked v2", (*decoder).cooked2},
		277:           {"Sercos monitor", nil},
		278:           {"OpenVizsla USB", nil},
		279:           {"Elektrobit EBHSCR", nil},
		280:           {"VPP dispatch trace", nil},
		281:           {"Ethernet with Broadcom tag", (*decoder).broadcomTag},
		282:           {"Ethernet behind Broadcom tag", (*decoder).broadcomPrepended},
		283:           {"802.15.4 with TAP header", nil},
		284:           {"Ethernet with DSA tag", (*decoder).dsa},
		285:           {"Ethernet with EDSA tag", (*decoder).edsa},
		286:           {"lawful interception ELEE", nil},
		287:           {"Z-Wave serial", nil},
		288:           {"USB 2.0", nil},
		289:           {"ATSC ALP", nil},
		290:           {"Windows event trace", nil},
		291:           {"netANALYZER NG", nil},
		292:           {"ZBOSS NCP", nil},
		293:           {"USB 2.0 low speed", nil},
		294:           {"USB 2.0 full speed", nil},
		295:           {"USB 2.0 high speed", nil},
		296:           {"Auerswald log", nil},
		297:           {"Z-Wave with TAP header", nil},
		298:           {"Silicon Labs debug channel", nil},
		299:           {"FiRa UCI", nil},
		300:           {"MDB", nil},
		301:           {"DECT NR+", nil},
		302:           {"EDK II", nil},
	}
}

// linkKnown returns the name of a link type, or "".
func linkKnown(link uint16) string {
	if int(link) < len(links) {
		return links[link].name
	}
	return ""
}

func linkName(link uint16) string {
	if name := linkKnown(link); name != "" {
		return name
	}
	return fmt.Sprintf("link type %d", link)
}

// linked reads a frame of a link type that another frame holds.
func (d *decoder) linked(link uint32, frame []byte, cut int) skip {
	switch {
	case !d.deeper():
		return skipTooDeep
	case link >= uint32(len(links)):
		return skipLinkType(uint16(min(link, 0xffff)))
	case links[link].decode == nil:
		return skipLinkType(uint16(link))
	}
	return links[link].decode(d, frame, cut)
}

// behindDirection reads frames before which an octet tells who sent them.
func behindDirection(read func(*decoder, []byte, int) skip) func(*decoder, []byte, int) skip {
	return func(d *decoder, p []byte, cut int) skip { return d.behind(1, read, p, cut) }
}

// behind reads what follows a header that has nothing of interest.
func (d *decoder) behind(header int, read func(*decoder, []byte, int) skip, p []byte, cut int) skip {
	if len(p) < header {
		return skipTruncatedFrame
	}
	return read(d, p[header:], cut)
}
