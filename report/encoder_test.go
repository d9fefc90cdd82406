package report

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/tcplife/tcplife/internal/segment"
)

// TestAddresses holds that addresses are written as netip writes them.
func TestAddresses(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		var ip segment.IP
		for i := range ip {
			if random.IntN(3) > 0 { // runs of zeros of all lengths and places
				ip[i] = byte(random.Uint32()) >> random.IntN(8)
			}
		}
		for i := 0; i < 8; i++ {
			if random.IntN(2) == 0 {
				ip[2*i], ip[2*i+1] = 0, 0
			}
		}
		if random.IntN(4) == 0 {
			copy(ip[:], []byte{10: 0xff, 11: 0xff})
		}
		if got, want := string(appendIP(nil, &ip)), ip.Addr().String(); got != want {
			t.Fatalf("%x: %s, want %s", ip, got, want)
		}
	}
}

func TestNumbers(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for n := range uint64(100_000) {
		for _, n := range []uint64{n, -n, random.Uint64() >> random.IntN(64)} {
			if got, want := string(appendUint(nil, n)), strconv.FormatUint(n, 10); got != want {
				t.Fatalf("%s, want %s", got, want)
			}
		}
	}
}

// TestStamps holds that remembered seconds are those that appendTime writes.
func TestStamps(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var s stamps
	ns := int64(0)
	for range 100_000 {
		switch random.IntN(5) {
		case 0:
			ns = random.Int64() - random.Int64()
		case 1:
			ns = -ns
		case 2:
			ns = ns / 1e9 * 1e9
		default:
			ns += random.Int64N(int64(2*time.Second)) - int64(time.Second)
		}
		if got, want := string(s.at(ns)), string(appendTime(nil, ns)); got != want {
			t.Fatalf("%d: %s, want %s", ns, got, want)
		}
	}
}
