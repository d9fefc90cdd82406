package anomaly

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tcplife/tcplife/tracker"
)

// VLANSplit is about connections whose directions carry different tags.
var VLANSplit = &Kind{
	Slug: "vlan-split", Family: CaptureQuality, Severity: Quality, Since: "0.1", cause: aboutCapture,
	Reference: "IEEE 802.1Q",
	Summary:   "The two directions of a connection are on different VLANs.",
	Explanation: "Usual at a mirror port beside a router or firewall, which takes a packet in from one VLAN and sends it out to another, or where the port tags only what it sends. The directions " +
		"are taken for one connection all the same. If connections of different customers share addresses, keep them apart by --key vlan, which then splits such ones in two.",
	when: pathsDiffer,
	judge: func(c *conn) []Finding {
		p, ok := c.vlans()
		if !ok {
			return nil
		}
		cl, sv := c.end(tracker.Client), c.end(tracker.Server)
		return c.one(c.whole(c.First.At, []tracker.Mark{cl.First, sv.First}, "the client's segments on %s, the server's on %s", p.client, p.server))
	},
	trace: func(t *trace, s source) []Finding {
		var n uint64
		pairs := slices.SortedFunc(maps.Keys(t.vlans.values), func(a, b vlanPair) int {
			return cmp.Or(cmp.Compare(*t.vlans.values[b], *t.vlans.values[a]), compareVLANs(a, b))
		})
		var named []string
		for i, p := range pairs {
			n += *t.vlans.values[p]
			if i < s.t.HostsNamed {
				named = append(named, fmt.Sprintf("%s one way and %s the other", p.client, p.server))
			}
		}
		if n == 0 {
			return nil
		}
		more := ""
		if len(pairs) > len(named) {
			more = fmt.Sprintf(" and %s", count(len(pairs)-len(named), "other pair"))
		}
		of := ""
		if all := t.oneWay + t.twoWay; all > n {
			of = " of " + grouped(all)
		}
		return oneFinding("%s%s: %s%s", count(n, "connection"), of, strings.Join(named, ", "), more)
	},
}

// vlanPair are the tags of both directions as they are printed.
type vlanPair struct{ client, server string }

func compareVLANs(a, b vlanPair) int {
	return cmp.Or(cmp.Compare(a.client, b.client), cmp.Compare(a.server, b.server))
}

// vlans names the tags of both directions, if they differ. Where most segments were captured twice they differ in which of the captures was the first.
func (c *conn) vlans() (p vlanPair, ok bool) {
	if c.paths == nil || c.traits&pathsDiffer == 0 {
		return p, false
	}
	if cl, sv := c.end(tracker.Client), c.end(tracker.Server); 2*cl.DuplicatePackets >= cl.Packets && 2*sv.DuplicatePackets >= sv.Packets {
		return p, false
	}
	client, server := c.paths.Path(c.end(tracker.Client).Path), c.paths.Path(c.end(tracker.Server).Path)
	a, b := client.VLANs(), server.VLANs()
	if slices.Equal(a, b) {
		return p, false
	}
	return vlanPair{tags(a), tags(b)}, true
}

func tags(ids []uint16) string {
	if len(ids) == 0 {
		return "no VLAN"
	}
	s := "VLAN"
	for i, id := range ids {
		if i > 0 {
			s += " in"
		}
		s += fmt.Sprintf(" %d", id)
	}
	return s
}
