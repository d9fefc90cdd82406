package seq

import (
	"testing"
	"testing/quick"
)

func TestOrderAcrossTheWrap(t *testing.T) {
	const last = Num(0xffffffff)
	if !last.Less(0) || Num(0).Less(last) {
		t.Error("2^32-1 must lie before 0")
	}
	if got := Num(5).Sub(last - 4); got != 10 {
		t.Errorf("distance across the wrap: got %d, want 10", got)
	}
	if !Num(3).In(last-1, 6) || Num(4).In(last-1, 6) {
		t.Error("a window across the wrap holds its octets and no more")
	}
}

func TestUnwrapFindsEveryPositionNearby(t *testing.T) {
	check := func(base uint32, position uint32, distance int32) bool {
		near := int64(position) << 8 // far beyond 4 GB
		want := near + int64(distance)
		on := Num(base) + Num(uint32(want))
		return on.Unwrap(Num(base), near) == want
	}
	if err := quick.Check(check, nil); err != nil {
		t.Error(err)
	}
}
