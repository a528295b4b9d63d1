//go:build amd64

package emu

import (
	"io/fs"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"fbpinn-mpi/kernels/src"
)

// Nothing happens before it is waited for, and copies read host memory when they run.
func TestWorkWaits(t *testing.T) {
	c := newCard(t, 32)
	x := c.values()
	x[0] = 1
	c.CopyIn(c.x, c.host, 128)
	c.launch("emu_increment", 1, 32, 0, faulty{x: c.x})
	c.CopyOut(c.host, c.x, 128)
	m := c.Mark()
	c.launch("emu_increment", 1, 32, 0, faulty{x: c.x})
	if x[0] != 1 || len(c.Launches()) != 0 {
		t.Fatal("work was done before anybody waited")
	}
	x[0] = 5
	if c.Passed(m) || x[0] != 5 {
		t.Fatal("passed when first asked")
	}
	if !c.Passed(m) || x[0] != 6 {
		t.Fatalf("asked again: got %g, want 6", x[0])
	}
	if n := c.Launches()["emu_increment"]; n != 1 {
		t.Fatalf("%d launches before the mark, want 1", n)
	}
	if err := c.Wait(m); err != nil {
		t.Fatal(err)
	}
	c.FreeMark(m)
	if got := c.fetch()[0]; got != 7 {
		t.Fatalf("after all: got %g, want 7", got)
	}
}

// Arguments are copied by the launch.
func TestArgumentsAreCopied(t *testing.T) {
	c := newCard(t, 32)
	f, _ := c.Function("emu_increment")
	a := faulty{x: c.x}
	c.Launch(f, 1, 32, 0, unsafe.Pointer(&a), int(unsafe.Sizeof(a)))
	a.x = nil
	if got := c.fetch()[31]; got != 1 {
		t.Fatalf("got %g, want 1", got)
	}
}

func TestGraph(t *testing.T) {
	c := newCard(t, 32)
	g, err := c.Record(func() {
		c.CopyIn(c.x, c.host, 128)
		c.launch("emu_increment", 1, 32, 0, faulty{x: c.x})
		c.launch("emu_increment", 1, 32, 0, faulty{x: c.x})
		c.CopyOut(c.host, c.x, 128)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Sync(); err != nil || len(c.Launches()) != 0 {
		t.Fatalf("a recording did its work (%v)", err)
	}
	for i := range 3 {
		c.values()[0] = float32(10 * i)
		c.Play(g)
		if err := c.Sync(); err != nil {
			t.Fatal(err)
		}
		if got, want := c.values()[0], float32(10*i+2); got != want {
			t.Errorf("replay %d: %g, want %g", i, got, want)
		}
	}
	live := c.Live()
	c.Play(g)
	c.FreeGraph(g)
	if n := c.Launches()["emu_increment"]; n != 8 {
		t.Errorf("%d launches, want 8", n)
	}
	if n := c.Live(); n != live-1 {
		t.Errorf("%d things live after the graph was freed, %d before", n, live)
	}
	wantPanic(t, "no such graph", func() { c.Play(g) })
	wantPanic(t, "no such graph", func() { c.FreeGraph(g) })
	wantPanic(t, "recording", func() { _, _ = c.Record(func() { _ = c.Sync() }) })
	if _, err := c.Record(func() {}); err != nil {
		t.Error("no recording after one that panicked")
	}
}

// touch reads a float, and says whether that was allowed.
func touch(p unsafe.Pointer) (ok bool, v float32) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { ok = recover() == nil }()
	v = *(*float32)(p)
	return true, v
}

// The host reaches pinned memory, and nothing of the card, neither before nor after its work.
func TestHostCannotTouchDevice(t *testing.T) {
	c := newCard(t, 32)
	if ok, v := touch(c.host); !ok || v != 0 {
		t.Fatal("pinned memory is out of reach")
	}
	if ok, _ := touch(unsafe.Add(c.host, 128)); ok {
		t.Error("read past the pinned memory")
	}
	if ok, _ := touch(c.x); ok {
		t.Error("read device memory before any work")
	}
	c.launch("emu_increment", 1, 32, 0, faulty{x: c.x})
	c.fetch()
	if ok, _ := touch(c.x); ok {
		t.Error("read device memory after work")
	}
}

func TestMemory(t *testing.T) {
	const size = 1 << 20
	d := New(WithMemory(size))
	defer d.Close()
	a := must1(d.Alloc(3 * size / 4))
	_, err := d.Alloc(size / 2)
	if err == nil || err.Error() != "emu: asked for 524288 bytes, 262144 of 1048576 are free" {
		t.Errorf("too much memory: %v", err)
	}
	d.Free(a)
	b := must1(d.Alloc(size / 2))
	if a == b {
		t.Error("an address was given out twice")
	}
	if uintptr(b)%alignment != 0 {
		t.Errorf("%p is not aligned", b)
	}
	if n := d.Live(); n != 1 {
		t.Errorf("%d allocations live, want 1", n)
	}
	d.Free(b)
	d.Free(nil)
	wantPanic(t, "not allocated", func() { d.Free(b) })
}

// Use after Free: the address stays out of reach, and the fault says what it was.
func TestFreedMemory(t *testing.T) {
	c := newCard(t, 32)
	p := must1(c.Alloc(128))
	g, err := c.Record(func() { c.launch("emu_increment", 1, 32, 0, faulty{x: p}) })
	if err != nil {
		t.Fatal(err)
	}
	c.Play(g)
	c.Free(p)
	if err := c.Sync(); err != nil || c.Launches()["emu_increment"] != 1 {
		t.Fatalf("Free did not wait for the queue (%v)", err)
	}
	c.Play(g)
	c.wantError("at byte 0 of an allocation of 128 bytes, freed")
}

// Damage beside an allocation is found by its Free too, and not lost by a driver that is closed without Sync.
func TestDamageIsReported(t *testing.T) {
	d := New()
	p := must1(d.Alloc(100))
	f, _ := d.Function("emu_write")
	a := faulty{p, 25}
	d.Launch(f, 1, 32, 0, unsafe.Pointer(&a), int(unsafe.Sizeof(a)))
	d.Free(p)
	wantPanic(t, "0 bytes past an allocation of 100 bytes", d.Close)
	d.Close()
	if err := d.Sync(); err == nil {
		t.Error("Sync of a closed card")
	}
}

func TestWrongCalls(t *testing.T) {
	c := newCard(t, 32)
	f, _ := c.Function("emu_increment")
	a := faulty{x: c.x}
	launch := func(threads int, shared int64, bytes int) func() {
		return func() { c.Launch(f, 1, threads, shared, unsafe.Pointer(&a), bytes) }
	}
	wantPanic(t, "argument of another size", launch(32, 0, 8))
	wantPanic(t, "blocks or threads", launch(33, 0, 16)) // beyond the launch bound
	wantPanic(t, "shared memory", launch(32, 1<<18, 16))
	wantPanic(t, "no such kernel", func() { c.Launch(1<<20, 1, 32, 0, nil, 0) })
	wantPanic(t, "outside of an allocation", func() { c.Zero(c.x, 132) })
	wantPanic(t, "outside of an allocation", func() { c.CopyIn(c.host, c.host, 4) })
	wantPanic(t, "not pinned", func() { c.CopyIn(c.x, c.x, 4) })
	wantPanic(t, "not pinned", func() { c.CopyOut(unsafe.Pointer(new(float32)), c.x, 4) })
	wantPanic(t, "not pinned", func() { c.CopyOut(c.host, c.x, 256) })
	wantPanic(t, "no such mark", func() { c.Passed(3) })
	if _, ok := c.Function("fb_nothing"); ok {
		t.Error("found a kernel that does not exist")
	}
	c.Launch(f, 0, 32, 0, unsafe.Pointer(&a), 16) // an empty list is no work
	if err := c.Sync(); err != nil || len(c.Launches()) != 0 {
		t.Errorf("a launch of no blocks ran (%v)", err)
	}
}

// A barrier should cost well below 0.1 µs a thread: the suite crosses some 1e8 of them.
func BenchmarkBarrier(b *testing.B) {
	const threads = 256
	d := New()
	defer d.Close()
	f, _ := d.Function("emu_barriers")
	a := faulty{n: int64(b.N/threads + 1)}
	d.Launch(f, 1, threads, 0, unsafe.Pointer(&a), int(unsafe.Sizeof(a)))
	if err := d.Sync(); err != nil {
		b.Fatal(err)
	}
}

// Every kernel source is compiled here; one that is forgotten would not be tested.
func TestEverySource(t *testing.T) {
	sources, err := fs.Glob(src.Files, "*.cu")
	if err != nil || len(sources) == 0 {
		t.Fatalf("no sources (%v)", err)
	}
	for _, name := range sources {
		wrapper := "engine/" + strings.TrimSuffix(name, ".cu") + ".cpp"
		if text, err := os.ReadFile(wrapper); err != nil || !strings.Contains(string(text), `"../../src/`+name+`"`) {
			t.Errorf("%s is not included by %s (%v)", name, wrapper, err)
		}
	}
}

// A name that two sources define would be found once only.
func TestKernelNames(t *testing.T) {
	names := Kernels()
	slices.Sort(names)
	if len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("a name occurs twice: %v", names)
	}
	for _, name := range names {
		if !strings.HasPrefix(name, "fb_") && !strings.HasPrefix(name, "emu_") {
			t.Errorf("kernel %s has the name of no family", name)
		}
	}
}
