package anomaly

import "github.com/tcplife/tcplife/tracker"

// Unasked returns the kinds that would have been found in r had their judges been asked, and those
// that no trait calls at all.
func (j *Judge) Unasked(r *tracker.Connection) []string {
	c := &j.conn
	c.look(r)
	asked := c.traits.asked()
	var missed []string
	for i, k := range catalogue {
		if k.judge == nil || asked[i/64]>>(i%64)&1 != 0 {
			continue
		}
		if k.when == 0 || len(k.judge(c)) > 0 {
			missed = append(missed, k.Slug)
		}
	}
	return missed
}
