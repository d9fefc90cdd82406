package capture

import "io"

const (
	// aheadPieces of aheadPiece octets are what a decompressor may be ahead of
	// the decoder. Pieces of 64 KiB measured worse: waking the other side costs
	// more than passing so little.
	aheadPieces = 4
	aheadPiece  = 256 << 10
	// maxAhead bounds how many open files have a decompressor that works ahead;
	// with more files than cores, nothing is gained by it.
	maxAhead = 16
)

// ahead reads from a decompressor on a goroutine of its own, since inflating
// takes longer than all that is done with the result. What it gives is what
// the decompressor gives, errors included.
type ahead struct {
	full    chan piece
	free    chan []byte // buffers, or nil for one that was not needed yet
	stop    chan struct{}
	stopped chan struct{}
	now     piece  // the piece being read
	rest    []byte // of it
}

// piece is what was decompressed, and with what error that ended.
type piece struct {
	b   []byte
	err error
}

func newAhead(src io.Reader) *ahead {
	a := &ahead{
		full: make(chan piece, aheadPieces),
		free: make(chan []byte, aheadPieces),
		stop: make(chan struct{}), stopped: make(chan struct{}),
	}
	for range aheadPieces {
		a.free <- nil
	}
	go a.work(src)
	return a
}

// work fills pieces until src ends or nobody wants more. There are never more
// than full has room for, so that handing one over does not wait.
func (a *ahead) work(src io.Reader) {
	defer close(a.stopped)
	for {
		var buf []byte
		select {
		case <-a.stop:
			return
		case buf = <-a.free:
		}
		if buf == nil {
			buf = make([]byte, aheadPiece)
		}
		p := fillPiece(src, buf[:aheadPiece])
		a.full <- p
		if p.err != nil {
			return
		}
	}
}

// fillPiece reads until buf is full. A read that gives nothing ends the piece:
// how often that may happen is for the reader to say.
func fillPiece(src io.Reader, buf []byte) piece {
	n := 0
	for n < len(buf) {
		k, err := src.Read(buf[n:])
		n += k
		if err != nil || k == 0 {
			return piece{buf[:n], err}
		}
	}
	return piece{buf, nil}
}

// Read gives the next octets; it waits for them.
func (a *ahead) Read(p []byte) (int, error) {
	if len(a.rest) == 0 {
		if a.now.err != nil {
			return 0, a.now.err
		}
		if a.now.b != nil {
			a.free <- a.now.b
		}
		a.now = <-a.full
		a.rest = a.now.b
	}
	n := copy(p, a.rest)
	a.rest = a.rest[n:]
	return n, nil
}

// close ends the work and waits until src is no longer read.
func (a *ahead) close() {
	close(a.stop)
	<-a.stopped
}
