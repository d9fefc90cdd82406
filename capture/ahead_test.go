package capture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"testing"
	"testing/iotest"
	"time"

	"github.com/tcplife/tcplife/internal/segment"
)

// leaksNothing calls f and waits until the goroutines it began have ended.
func leaksNothing(t *testing.T, f func()) {
	t.Helper()
	before := runtime.NumGoroutine()
	f()
	for range 1000 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}

func TestAheadGivesWhatIsThere(t *testing.T) {
	data := make([]byte, 5*aheadPiece+77)
	for i := range data {
		data[i] = byte(i * 7 >> 3)
	}
	broken := errors.New("broken")
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"whole":           func(r io.Reader) io.Reader { return r },
		"octet by octet":  iotest.OneByteReader,
		"error with data": iotest.DataErrReader,
		"broken":          func(r io.Reader) io.Reader { return io.MultiReader(r, iotest.ErrReader(broken)) },
	} {
		for _, n := range []int{0, 1, aheadPiece, len(data)} {
			want := error(nil)
			if name == "broken" {
				want = broken
			}
			leaksNothing(t, func() {
				a := newAhead(wrap(bytes.NewReader(data[:n])))
				defer a.close()
				got, err := io.ReadAll(a)
				if !bytes.Equal(got, data[:n]) || !errors.Is(err, want) {
					t.Errorf("%s: %d octets of %d, error %v", name, len(got), n, err)
				}
				if _, again := a.Read(make([]byte, 1)); n > 0 && err != nil && !errors.Is(again, want) {
					t.Errorf("%s: the error %v is not kept: %v", name, err, again)
				}
			})
		}
	}
}

// endless gives zeros and now and then nothing.
type endless struct{ calls int }

func (e *endless) Read(p []byte) (int, error) {
	if e.calls++; e.calls%3 == 0 {
		return 0, nil
	}
	clear(p)
	return len(p), nil
}

func TestAheadStopsAtAnyTime(t *testing.T) {
	for _, read := range []int{0, 1, aheadPiece, 3*aheadPiece + 5} {
		leaksNothing(t, func() {
			a := newAhead(&endless{})
			if _, err := io.CopyN(io.Discard, a, int64(read)); err != nil {
				t.Error(err)
			}
			a.close()
		})
	}
}

// TestCompressedSourcesEndWhole leaves sources of compressed captures at any
// point: before the first packet, in the middle, at damage, at the end.
func TestCompressedSourcesEndWhole(t *testing.T) {
	dir := t.TempDir()
	frames := mixedFrames(12, 1500)
	whole := gzipped(t, plainPcap(frames...))
	writeFile(t, dir, "a.gz", whole)
	writeFile(t, dir, "b.zst", zstded(t, plainPcap(frames...)))
	writeFile(t, dir, "c.lz4", lz4ed(t, plainPcap(frames...)))
	writeFile(t, dir, "d.gz.gz", gzipped(t, whole))
	cut := writeFile(t, dir, "e.cut", whole[:len(whole)/2])
	for _, paths := range [][]string{{dir}, {cut}} {
		for _, batches := range []int{0, 1, 5, 1000} {
			leaksNothing(t, func() {
				ctx, cancel := context.WithCancel(t.Context())
				src, err := Open(ctx, paths, DefaultOptions())
				if err != nil {
					t.Fatal(err)
				}
				defer src.Close()
				batch := make([]segment.Segment, 100)
				for i := 0; i < batches && err == nil; i++ {
					_, err = src.Next(batch)
				}
				cancel()
				for err == nil {
					_, err = src.Next(batch)
				}
				if done, total := src.Progress(); errors.Is(err, io.EOF) && done != total {
					t.Errorf("at the end, %d octets of %d were read", done, total)
				}
			})
		}
	}
}

// TestRunsAgreeOnDamagedCompression cuts and changes compressed captures.
func TestRunsAgreeOnDamagedCompression(t *testing.T) {
	const variants = 25
	dir := t.TempDir()
	plain := plainPcap(mixedFrames(13, 400)...)
	for name, whole := range map[string][]byte{"gzip": gzipped(t, plain), "zstd": zstded(t, plain), "lz4": lz4ed(t, plain)} {
		r := rand.New(rand.NewPCG(uint64(len(whole)), 13))
		damaged := 0
		for i := range variants {
			b := bytes.Clone(whole)
			if i%2 == 0 {
				b = b[:r.IntN(len(b))]
			} else {
				b[len(b)/4+r.IntN(len(b)/4*3)] ^= byte(1 + r.IntN(255))
			}
			path := writeFile(t, dir, name, b)
			if st := runsAgree(t, fmt.Sprintf("%s, variant %d", name, i), DefaultOptions(), []int{64}, path); st.Files[0].Damaged {
				damaged++
			}
		}
		if damaged < variants/3 {
			t.Errorf("%s: only %d of %d captures were found damaged", name, damaged, variants)
		}
	}
}
