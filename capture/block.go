package capture

import (
	"errors"
	"fmt"
	"io"
)

const (
	// blockSize is how much is asked of the kernel at once. 256 KiB fits the
	// second-level cache, which measured best between 64 KiB and 4 MiB.
	blockSize = 256 << 10
	// maxRecord bounds what one record may hold. libpcap stops at 256 KiB for
	// all link types that carry IP; the slack is for writers that do not.
	maxRecord = 16 << 20
)

// blockReader hands out the bytes of a stream as slices of its own buffer.
// The buffer grows only as bytes arrive, never because a length promises them.
type blockReader struct {
	src    io.Reader
	buf    []byte
	lo, hi int   // buf[lo:hi] was read and not yet consumed
	base   int64 // the stream's offset of buf[0]
	err    error // why src gives no more; sticky
	// account is where a buffer that grows is on; nil: nowhere.
	account *account
}

func newBlockReader(src io.Reader, buf []byte) *blockReader {
	return &blockReader{src: src, buf: buf}
}

// offset is the position in the stream of the next byte.
func (b *blockReader) offset() int64 { return b.base + int64(b.lo) }

// peek returns the next n bytes without consuming them. With an error it
// returns the fewer that are left. They are valid until the next peek or skip.
func (b *blockReader) peek(n int) ([]byte, error) {
	if b.hi-b.lo >= n {
		return b.buf[b.lo : b.lo+n], nil
	}
	return b.fill(n)
}

// consume moves past n bytes that were peeked at.
func (b *blockReader) consume(n int) { b.lo += n }

// held returns all that was read and not consumed, for those who would else
// peek and consume many times.
func (b *blockReader) held() []byte { return b.buf[b.lo:b.hi] }

// keep consumes all that is held except for its last n bytes.
func (b *blockReader) keep(n int) { b.lo = b.hi - n }

func (b *blockReader) fill(n int) ([]byte, error) {
	for b.hi-b.lo < n {
		if err := b.read(); err != nil {
			return b.buf[b.lo:b.hi], err
		}
	}
	return b.buf[b.lo : b.lo+n], nil
}

// read makes room and reads once, so that a slow pipe is not waited for beyond need.
func (b *blockReader) read() error {
	if b.err != nil {
		return b.err
	}
	if b.lo > 0 {
		copy(b.buf, b.buf[b.lo:b.hi])
		b.base += int64(b.lo)
		b.hi -= b.lo
		b.lo = 0
	}
	if b.hi == len(b.buf) {
		if err := b.grow(); err != nil {
			return err
		}
	}
	const maxEmptyReads = 100
	for range maxEmptyReads {
		n, err := b.src.Read(b.buf[b.hi:])
		b.hi += n
		b.err = err
		if n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	b.err = io.ErrNoProgress
	return b.err
}

// grow doubles the buffer. For a moment there are both.
func (b *blockReader) grow() error {
	old := len(b.buf)
	if b.account != nil && !b.account.take(2*int64(old)) {
		return fmt.Errorf("needs %w", ErrMemory)
	}
	grown := make([]byte, 2*old)
	copy(grown, b.buf)
	b.buf = grown
	if b.account != nil {
		b.account.give(int64(old))
	}
	return nil
}

// skip moves past n bytes without holding them.
func (b *blockReader) skip(n int64) error {
	for n > int64(b.hi-b.lo) {
		n -= int64(b.hi - b.lo)
		b.lo = b.hi
		if err := b.read(); err != nil {
			return err
		}
	}
	b.lo += int(n)
	return nil
}

// Read makes the reader the input of a decompressor.
func (b *blockReader) Read(p []byte) (int, error) {
	if b.lo == b.hi {
		if err := b.read(); err != nil {
			return 0, err
		}
	}
	n := copy(p, b.buf[b.lo:b.hi])
	b.lo += n
	return n, nil
}

// ReadByte spares decompressors a buffer of their own.
func (b *blockReader) ReadByte() (byte, error) {
	if b.lo == b.hi {
		if err := b.read(); err != nil {
			return 0, err
		}
	}
	c := b.buf[b.lo]
	b.lo++
	return c, nil
}

// damageError is a record that cannot be read.
type damageError struct {
	offset  int64 // where the record begins
	between bool  // it is no packet's record
	err     error
}

func (e *damageError) Error() string { return fmt.Sprintf("offset %d: %v", e.offset, e.err) }
func (e *damageError) Unwrap() error { return e.err }

// ended turns the error of a peek for a record at offset into what it means:
// io.EOF between two records is the end, everything else is damage.
func ended(offset int64, got int, err error) error {
	switch {
	case errors.Is(err, io.EOF) && got == 0:
		return io.EOF
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &damageError{offset: offset, err: ErrCutShort}
	}
	return &damageError{offset: offset, err: err}
}
