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

// Nearest returns the slug that was probably meant by a mistyped one, "" if none
// is near: a third of the letters may be wrong.
func Nearest(slug string) string {
	best, limit := "", max(1, len(slug)/3)
	for _, k := range catalogue {
		if d := distance(slug, k.Slug); d <= limit {
			best, limit = k.Slug, d-1
		}
	}
	return best
}

// distance is the number of letters to insert, delete or replace to get from a to b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			above := row[j+1]
			row[j+1] = min(above+1, row[j]+1, diagonal+cost)
			diagonal = above
		}
	}
	return row[len(b)]
}
