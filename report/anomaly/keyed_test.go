package anomaly_test

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/report/anomaly"
	"github.com/tcplife/tcplife/tracker"
)

// TestMergeBeyondLimit holds that which hosts and services are judged, when there are too many, depends
// neither on the order of the connections nor on which judge has them.
func TestMergeBeyondLimit(t *testing.T) {
	t.Run("of keys", func(t *testing.T) {
		limits := anomaly.DefaultThresholds()
		limits.MaxKeys, limits.LeakedSockets = 3, 2
		mergeBeyond(t, limits, 7)
	})
	t.Run("of suspects", func(t *testing.T) {
		limits := anomaly.DefaultThresholds()
		limits.MaxSuspects, limits.LeakedSockets = 7, 2
		mergeBeyond(t, limits, 23)
	})
}

func mergeBeyond(t *testing.T, limits anomaly.Thresholds, fewest int) {
	t.Helper()
	var records []*record
	for i := range 60 {
		r := forgotten(uint16(1000+i), float64(i%3))
		server := segment.Endpoint{IP: segment.IP{10: 0xff, 11: 0xff, 12: 10, 14: 7, 15: byte(i % 20)}, Port: 80}
		r.Flow, r.ClientIs = segment.FlowOf(r.Client(), server)
		r.end(tracker.Server).ChecksumBad, r.end(tracker.Server).ChecksumGood = 6, 0
		records = append(records, r)
	}
	var want []anomaly.Finding
	random := rand.New(rand.NewPCG(5, 6))
	for _, judges := range []int{1, 2, 3, 8} {
		for range 10 {
			var js []*anomaly.Judge
			for range judges {
				js = append(js, anomaly.New(limits))
			}
			random.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
			for _, r := range records {
				js[random.IntN(judges)].Connection(&r.Connection)
			}
			for _, j := range js[1:] {
				js[0].Merge(j)
			}
			got := js[0].Finish(tracker.Summary{}, anomaly.Capture{})
			if want == nil {
				want = got
			}
			if len(got) < fewest || !reflect.DeepEqual(got, want) {
				t.Fatalf("%d judges:\n%+v\nwant\n%+v", judges, got, want)
			}
		}
	}
}
