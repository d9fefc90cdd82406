package main

import (
	"strings"

	"github.com/tcplife/tcplife/internal/segment"
)

// pathKey is the flag --key: by which parts of their paths connections are kept apart.
type pathKey struct{ parts segment.PathKey }

var pathKeys = map[string]segment.PathKey{"vlan": segment.KeyVLAN, "tunnel": segment.KeyTunnel}

func pathKeyNames() []string { return []string{"vlan", "tunnel"} }

func (k *pathKey) String() string {
	var names []string
	for _, name := range pathKeyNames() {
		if k.parts&pathKeys[name] != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// Type is the placeholder in the help.
func (k *pathKey) Type() string { return "parts" }

// Set takes names with commas between.
func (k *pathKey) Set(s string) error {
	var parts segment.PathKey
	for name := range strings.SplitSeq(s, ",") {
		part, ok := pathKeys[strings.TrimSpace(name)]
		if !ok {
			return notOneOf(name, pathKeyNames())
		}
		parts |= part
	}
	k.parts = parts
	return nil
}
