package anomaly_test

import (
	"math/rand/v2"
	"testing"

	"github.com/tcplife/tcplife/report/anomaly"
	"github.com/tcplife/tcplife/tracker"
)

// TestTraits holds that no judge would find anything in a connection without the traits that call it.
func TestTraits(t *testing.T) {
	j := anomaly.New(anomaly.DefaultThresholds())
	check := func(name string, r *tracker.Connection) {
		if missed := j.Unasked(r); len(missed) > 0 {
			t.Errorf("%s: not asked: %v", name, missed)
		}
	}
	for _, c := range readCases(t) {
		for _, v := range variations {
			for _, r := range play(v.apply(c)).records {
				check(c.Name+"/"+v.name, r)
			}
		}
	}
	random := rand.New(rand.NewPCG(3, 4))
	for _, c := range judgeTests {
		for range 20 {
			r := c.make()
			c.shows(r)
			check(c.slug, &r.Connection)
			for range random.IntN(4) {
				spoil(r, random)
			}
			check(c.slug+", spoiled", &r.Connection)
		}
	}
}
