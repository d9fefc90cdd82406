//go:build !amd64

package capture

// Where there is no sumWide, sumOctets does with what Go compiles.
const (
	haveWide = false
	wideFrom = 0
)

func sumWide(*byte, int) uint64 { panic("no sumWide on this machine") }
