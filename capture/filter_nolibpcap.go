//go:build !cgo

package capture

import "errors"

// HaveLibpcap says whether this binary was built with libpcap, which filters
// and live capture need.
const HaveLibpcap = false

func compile(uint16, string) (program, error) {
	return nil, errors.New("this binary was built without libpcap (CGO_ENABLED=0), which compiles filters")
}
