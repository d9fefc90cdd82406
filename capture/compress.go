package capture

import (
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// maxNesting is how often a capture may be compressed; a second time happens
// by accident, a third time only in archives made to exhaust their reader.
const maxNesting = 2

// maxWindow bounds the memory that a zstd stream may ask for. zstd itself uses
// 8 MiB unless told --long or --ultra.
const maxWindow = 64 << 20

// compression is one way a capture may be compressed.
type compression struct {
	name string
	is   func(h []byte) bool
	open func(b *blockReader) (io.Reader, func(), error)
	size int64 // of the decompressor, in bytes; that of zstd depends on the stream
}

func compressions() []compression {
	return []compression{
		{"gzip", func(h []byte) bool { return bytes.HasPrefix(h, []byte{0x1f, 0x8b}) }, openGzip, 128 << 10},
		{"zstd", isZstd, openZstd, 0},
		{"lz4", func(h []byte) bool { return bytes.HasPrefix(h, []byte{0x04, 0x22, 0x4d, 0x18}) }, openLz4, 2*4<<20 + 128<<10}, // two blocks
		{"bzip2", isBzip2, openBzip2, 4 << 20},
	}
}

// isZstd also takes the skippable frame with which parallel compressors begin.
func isZstd(h []byte) bool {
	return bytes.HasPrefix(h, []byte{0x28, 0xb5, 0x2f, 0xfd}) ||
		len(h) >= 4 && h[0]&0xf0 == 0x50 && bytes.Equal(h[1:4], []byte{0x2a, 0x4d, 0x18})
}

// isBzip2 asks for more than three letters, which may begin a text.
func isBzip2(h []byte) bool {
	return len(h) >= 8 && bytes.HasPrefix(h, []byte("BZh")) && h[3] >= '1' && h[3] <= '9' &&
		(bytes.Equal(h[4:8], []byte{0x31, 0x41, 0x59, 0x26}) || bytes.Equal(h[4:8], []byte{0x17, 0x72, 0x45, 0x38}))
}

func openGzip(b *blockReader) (io.Reader, func(), error) {
	r, err := gzip.NewReader(b)
	return r, func() {}, err
}

func openZstd(b *blockReader) (io.Reader, func(), error) {
	window, err := zstdWindow(b)
	if err != nil {
		return nil, nil, err
	}
	r, err := zstd.NewReader(b, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(window))
	if err != nil {
		return nil, nil, err
	}
	return r, r.Close, nil
}

// zstdWindow is the largest window that a stream may have, for which there is room then: that of its first frame, and
// what any decoder should take (RFC 8878 3.1.1.1.2), for others may follow.
func zstdWindow(b *blockReader) (uint64, error) {
	const (
		usual  = 8 << 20
		beside = 1 << 20 // what the decoder takes beside the window
	)
	if b.account == nil || b.account.room == nil {
		return maxWindow, nil
	}
	var first zstd.Header
	p, _ := b.peek(zstd.HeaderMaxSize)
	if err := first.Decode(p); err != nil || first.Skippable {
		first.WindowSize = usual
	}
	window := min(first.WindowSize, maxWindow) // a larger one is refused by the decoder, which says so
	for _, w := range []uint64{max(window, usual), max(window, zstd.MinWindowSize)} {
		if b.account.take(int64(w) + beside) {
			return w, nil
		}
	}
	return 0, fmt.Errorf("a window of %d bytes needs %w", window, ErrMemory)
}

func openLz4(b *blockReader) (io.Reader, func(), error) {
	return lz4.NewReader(b), func() {}, nil
}

func openBzip2(b *blockReader) (io.Reader, func(), error) {
	return bzip2.NewReader(b), func() {}, nil
}

// decompress looks at how a stream begins and takes off compression. names is
// what it found, outermost first. The returned function frees decompressors.
func decompress(b *blockReader) (plain *blockReader, names []string, release func(), err error) {
	release = func() {}
	for range maxNesting + 1 {
		h, _ := b.peek(8)
		c, ok := recognise(h)
		if !ok {
			return b, names, release, nil
		}
		if len(names) == maxNesting {
			return nil, names, release, fmt.Errorf("%w: compressed more than %d times", ErrNotCapture, maxNesting)
		}
		const buffer = 64 << 10
		if b.account != nil && !b.account.take(c.size+buffer) {
			return nil, names, release, fmt.Errorf("%s needs %w", c.name, ErrMemory)
		}
		r, free, err := c.open(b)
		if err != nil {
			return nil, names, release, fmt.Errorf("%s: %w", c.name, cutShort(err))
		}
		outer := release
		release = func() { free(); outer() }
		names = append(names, c.name)
		// Decompressors give little at a time; a small buffer grows as needed.
		inner := newBlockReader(&namedReader{c.name, r}, make([]byte, buffer))
		inner.account = b.account
		b = inner
	}
	return b, names, release, nil
}

func recognise(h []byte) (compression, bool) {
	for _, c := range compressions() {
		if c.is(h) {
			return c, true
		}
	}
	return compression{}, false
}

// namedReader puts the compression's name before errors that do not say it.
type namedReader struct {
	name string
	r    io.Reader
}

func (n *namedReader) Read(p []byte) (int, error) {
	k, err := n.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("%s data: %w", n.name, err)
	}
	return k, err
}

// cutShort names the end of a stream inside a header.
func cutShort(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrCutShort
	}
	return err
}
