package samples_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/tcplife/tcplife/internal/samples"
)

// TestDamage holds that what was read before the damage counts, as it is in the conversation, and that the error says
// what is wrong and where.
func TestDamage(t *testing.T) {
	for _, d := range samples.Damages {
		t.Run(d.Name, func(t *testing.T) {
			got, _, stats := read(t, d.Bytes(0))
			err := stats.Files[0].Err
			switch {
			case d.Error == "" && err != nil:
				t.Errorf("error %v, want none", err)
			case d.Error != "" && (err == nil || !strings.Contains(err.Error(), d.Error)):
				t.Errorf("error %v, want %q in it", err, d.Error)
			}
			maps.DeleteFunc(d.Skipped, func(_ string, n uint64) bool { return n == 0 })
			if stats.Packets != d.Packets || stats.TCP != d.TCP || !maps.Equal(stats.Skipped, d.Skipped) {
				t.Errorf("%d packets, %d TCP, skipped %v; want %d, %d, %v", stats.Packets, stats.TCP, stats.Skipped, d.Packets, d.TCP, d.Skipped)
			}
			want := d.Conversation().Segments()
			for i := range got {
				if w := want[i]; got[i].Seq != w.Seq || got[i].Flags != w.Flags || got[i].PayloadLen != w.PayloadLen || got[i].Flow != w.Flow || got[i].Time != w.Time {
					t.Errorf("segment %d is %+v, want %+v", i+1, got[i], w)
				}
			}
		})
	}
}
