package report

import (
	"fmt"
	"slices"
)

// foldVolleys makes one item of equal segments in a row that change nothing and carry no
// finding: a closed host answers each of many segments with the same RST.
func foldVolleys(items []ladderItem) []ladderItem {
	var out []ladderItem
	for i := 0; i < len(items); {
		j := i + 1
		for j < len(items) && items[i].repeatedBy(&items[j]) {
			j++
		}
		if j-i < minFolded {
			out = append(out, items[i])
			i++
			continue
		}
		volley := items[i]
		volley.last = items[j-1].last
		volley.text = slices.Clone(volley.text)
		for k := range volley.text {
			volley.text[k] = fmt.Sprintf("%d × %s", j-i, volley.text[k])
		}
		out = append(out, volley)
		i = j
	}
	return out
}

// repeatedBy reports whether next tells the same again. Notes may run out: a record keeps a
// bounded number of them.
func (it *ladderItem) repeatedBy(next *ladderItem) bool {
	telling := func(it *ladderItem) bool {
		return len(it.findings)+len(it.states[0])+len(it.states[1]) > 0 || it.plain() || it.silent || it.first == 0
	}
	return !telling(it) && !telling(next) && it.from == next.from && it.void == next.void &&
		it.text[0] == next.text[0] && (len(next.notes) == 0 || slices.Equal(it.notes, next.notes))
}
