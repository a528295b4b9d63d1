//go:build amd64

package emu

import (
	"strings"
	"testing"
	"unsafe"
)

// faulty is the argument of the kernels of faulty.cpp.
type faulty struct {
	x unsafe.Pointer
	n int64
}

// card is a driver with an array of floats on it and as many in pinned memory.
type card struct {
	*Driver
	t       *testing.T
	x, host unsafe.Pointer
	n       int
}

func newCard(t *testing.T, n int, with ...Option) *card {
	t.Helper()
	d := New(with...)
	c := &card{Driver: d, t: t, n: n, x: must1(d.Alloc(int64(4 * n))), host: must1(d.Pinned(int64(4 * n)))}
	t.Cleanup(d.Close)
	return c
}

func must1(p unsafe.Pointer, err error) unsafe.Pointer {
	if err != nil {
		panic(err)
	}
	return p
}

func (c *card) values() []float32 { return unsafe.Slice((*float32)(c.host), c.n) }

func (c *card) launch(name string, blocks, threads int, shared int64, a faulty) {
	c.t.Helper()
	f, ok := c.Function(name)
	if !ok {
		c.t.Fatalf("no kernel %s", name)
	}
	c.Launch(f, blocks, threads, shared, unsafe.Pointer(&a), int(unsafe.Sizeof(a)))
}

// fetch copies the array out and waits.
func (c *card) fetch() []float32 {
	c.t.Helper()
	c.CopyOut(c.host, c.x, int64(4*c.n))
	if err := c.Sync(); err != nil {
		c.t.Fatal(err)
	}
	return c.values()
}

// wantError expects words in the error of the next Sync.
func (c *card) wantError(words ...string) {
	c.t.Helper()
	err := c.Sync()
	if err == nil {
		c.t.Fatalf("no error, want one with %q", words)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			c.t.Errorf("%q is missing in: %v", w, err)
		}
	}
}

func wantPanic(t *testing.T, want string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		got := recover()
		if text, _ := got.(string); !strings.Contains(text, want) {
			t.Errorf("panic %v, want %q", got, want)
		}
	}()
	f()
}

func orders() []Order { return []Order{Ascending, Descending} }
