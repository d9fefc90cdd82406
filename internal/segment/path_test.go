package segment_test

import (
	"testing"

	"github.com/tcplife/tcplife/internal/segment"
)

func pathOf(layers ...segment.Layer) (p segment.Path) {
	for _, l := range layers {
		p.Add(l.Kind, l.ID)
	}
	return p
}

func TestPathSpells(t *testing.T) {
	vlan, vxlan := segment.Layer{Kind: segment.WrapVLAN, ID: 12}, segment.Layer{Kind: segment.WrapVXLAN, ID: 42}
	for _, c := range []struct {
		path           segment.Path
		tunnel, string string
	}{
		{pathOf(), "", "plain"},
		{pathOf(vlan), "", "vlan:12"},
		{pathOf(vlan, vxlan, vlan), "vxlan:42", "vlan:12/vxlan:42/vlan:12"},
		{pathOf(segment.Layer{Kind: segment.WrapGRE}, segment.Layer{Kind: segment.WrapIP}), "gre/ip", "gre/ip"},
		{pathOf(segment.Layer{Kind: segment.WrapGRE, ID: 7}), "gre:7", "gre:7"},
		{pathOf(segment.Layer{Kind: segment.WrapMPLS, ID: 0}), "mpls:0", "mpls:0"},
		{pathOf(segment.Layer{Kind: segment.WrapGTP, ID: 0xabcd}), "gtp:0x0000abcd", "gtp:0x0000abcd"},
		{pathOf(segment.Layer{Kind: segment.WrapL2TP, ID: 7<<16 | 12}), "l2tp:7.12", "l2tp:7.12"},
	} {
		if c.path.Tunnel() != c.tunnel || c.path.String() != c.string {
			t.Errorf("%q and %q, want %q and %q", c.path.Tunnel(), c.path.String(), c.tunnel, c.string)
		}
	}
}

func TestPathKeepsTheOutermostLayers(t *testing.T) {
	var p segment.Path
	for i := range 100 {
		p.Add(segment.WrapMPLS, uint32(i))
	}
	if n := len(p.Layers()); n != 8 || p.Layers()[7].ID != 7 {
		t.Errorf("%d layers: %s", n, p.String())
	}
}

func TestPathsGiveEachPathOneNumber(t *testing.T) {
	var paths segment.Paths
	if paths.ID(segment.Path{}) != segment.PlainPath {
		t.Error("plain traffic has a number of its own")
	}
	seen := map[uint32]string{}
	for round := range 3 {
		for id := range 1000 {
			p := pathOf(segment.Layer{Kind: segment.WrapVLAN, ID: uint32(id % 10)}, segment.Layer{Kind: segment.WrapVXLAN, ID: uint32(id)})
			n := paths.ID(p)
			if was, known := seen[n]; known != (round > 0) || known && was != p.String() || paths.Path(n) != p {
				t.Fatalf("round %d: %s has number %d, as has %q", round, p.String(), n, was)
			}
			seen[n] = p.String()
		}
	}
	if p := paths.Path(1 << 30); !p.IsPlain() {
		t.Errorf("a number never given names %s", p.String())
	}
}

func TestPathsAreBounded(t *testing.T) {
	for _, c := range []struct{ most, bound int }{{0, 1 << 18}, {1 << 20, 1 << 18}, {1000, 1000}} {
		paths := segment.Paths{Most: c.most}
		for id := range uint32(c.bound + 100) {
			paths.ID(pathOf(segment.Layer{Kind: segment.WrapGTP, ID: id}))
		}
		// Number 0 is taken by plain traffic.
		if got := paths.Overflow(); got != 101 {
			t.Errorf("at most %d: %d paths did not fit, want 101", c.most, got)
		}
	}
}

// Connections are kept apart by the parts asked for, and by no others.
func TestPathKeys(t *testing.T) {
	vlan := func(id uint32) segment.Layer { return segment.Layer{Kind: segment.WrapVLAN, ID: id} }
	vxlan := func(id uint32) segment.Layer { return segment.Layer{Kind: segment.WrapVXLAN, ID: id} }
	for _, c := range []struct {
		name string
		by   segment.PathKey
		a, b segment.Path
		same bool
	}{
		{"by nothing", 0, pathOf(vlan(1)), pathOf(vlan(2)), true},
		{"by VLAN", segment.KeyVLAN, pathOf(vlan(1)), pathOf(vlan(2)), false},
		{"by VLAN, other tunnels", segment.KeyVLAN, pathOf(vlan(1), vxlan(1)), pathOf(vlan(1), vxlan(2)), true},
		{"by VLAN, one without", segment.KeyVLAN, pathOf(vlan(1)), pathOf(), false},
		{"by tunnel", segment.KeyTunnel, pathOf(vlan(1), vxlan(1)), pathOf(vlan(2), vxlan(1)), true},
		{"by tunnel, others", segment.KeyTunnel, pathOf(vxlan(1)), pathOf(vxlan(2)), false},
		{"by both", segment.KeyVLAN | segment.KeyTunnel, pathOf(vlan(1), vxlan(1)), pathOf(vlan(2), vxlan(1)), false},
	} {
		paths := segment.Paths{By: c.by}
		if same := paths.Key(paths.ID(c.a)) == paths.Key(paths.ID(c.b)); same != c.same {
			t.Errorf("%s: %s and %s are kept apart: %v", c.name, c.a.String(), c.b.String(), !same)
		}
	}
}

// Every kind of layer has a name of its own: it is in records, and tells paths apart there.
func TestLayersHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for kind := segment.WrapVLAN; kind <= segment.WrapTRILL; kind++ {
		if name := kind.String(); name == "" || seen[name] {
			t.Errorf("layer %d is named %q", kind, name)
		}
		seen[kind.String()] = true
	}
}
