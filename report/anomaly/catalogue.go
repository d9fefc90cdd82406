package anomaly

import "slices"

//go:generate go test -run ^TestDocument$ -update .

// catalogue is every kind, family by family, in the order they are listed in.
var catalogue = slices.Concat(handshakeKinds, dataKinds, closeKinds, resetKinds, timeWaitKinds, qualityKinds)

var bySlug = func() map[string]*Kind {
	m := make(map[string]*Kind, len(catalogue))
	for _, k := range catalogue {
		m[k.Slug] = k
	}
	return m
}()

// Catalogue returns every kind in catalogue order, withdrawn ones included.
func Catalogue() []*Kind { return slices.Clone(catalogue) }

// Lookup returns the kind with the given slug.
func Lookup(slug string) (*Kind, bool) {
	k, ok := bySlug[slug]
	return k, ok
}
