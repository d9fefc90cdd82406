package capture

import "fmt"

// filter decides which frames are looked at. The expression is compiled once
// for each link type, since the offsets in a frame depend on it.
type filter struct {
	expr     string
	programs map[uint16]program
	// The link type of the frame before, which is nearly always that of the next.
	last     uint16
	lastProg program
}

// program is a filter compiled for one link type.
type program interface {
	matches(frame []byte, wire uint32) bool
}

// nothing stands for a link type that the filter makes no sense for.
type nothing struct{}

func (nothing) matches([]byte, uint32) bool { return false }

func newFilter(expr string) *filter {
	return &filter{expr: expr, programs: make(map[uint16]program)}
}

// prepare compiles the filter for a link type, if it was not already.
func (f *filter) prepare(link uint16) error {
	if _, ok := f.programs[link]; ok {
		return nil
	}
	p, err := compile(link, f.expr)
	if err != nil {
		return fmt.Errorf("filter %q for %s: %w", f.expr, linkName(link), err)
	}
	f.programs[link] = p
	return nil
}

// matches reports whether a frame passes. A link type that was not prepared is
// compiled now; that it cannot be is an error, told once.
func (f *filter) matches(rec *record) (bool, error) {
	if f.lastProg == nil || f.last != rec.link {
		if err := f.prepare(rec.link); err != nil {
			f.programs[rec.link] = nothing{}
			return false, err
		}
		f.last, f.lastProg = rec.link, f.programs[rec.link]
	}
	return f.lastProg.matches(rec.data, rec.wire), nil
}
