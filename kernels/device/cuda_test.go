//go:build cuda

package device_test

import (
	"runtime"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/kernels/device"
	"fbpinn-mpi/kernels/ktest"
)

// physical is the first visible card for the length of a test. scripts/gpu.sh runs these tests, also under compute-sanitizer.
func physical(t testing.TB) device.Driver {
	d := &threaded{calls: make(chan func())}
	opened := make(chan error)
	go func() {
		runtime.LockOSThread()
		var err error
		d.Driver, err = device.OpenCUDA(0)
		opened <- err
		for f := range d.calls {
			f()
		}
	}()
	if err := <-opened; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Sync(); err != nil && !t.Failed() {
			t.Error(err)
		}
		d.Close()
		close(d.calls)
	})
	return d
}

// The same suite as under emulation (TestFloat32, TestFloat64), with the same names below.
func TestCardFloat32(t *testing.T) { ktest.Run(t, backend[float32](t, physical(t))) }

func TestCardFloat64(t *testing.T) { ktest.Run(t, backend[float64](t, physical(t))) }

// TestCardStep is a step of each family, small enough for a race check: every kernel and the recording, twice with the same bits.
func TestCardStep(t *testing.T) {
	d := physical(t)
	t.Run("float32", func(t *testing.T) { sameBits[float32](t, d) })
	t.Run("float64", func(t *testing.T) { sameBits[float64](t, d) })
}

func sameBits[T kernels.Real](t *testing.T, d device.Driver) {
	for _, net := range networks() {
		s := newStep[T](t, d, net)
		s.once()
		s.adam()
		u, grad, theta := s.read(s.u), s.read(s.grad), s.read(s.theta)
		if slices.ContainsFunc(u, func(x T) bool { return x != x }) || !slices.ContainsFunc(grad, func(x T) bool { return x != 0 }) {
			t.Errorf("%v: nothing was computed", net.Hidden)
		}
		again := newStep[T](t, d, net)
		play, err := again.b.Record(again.record)
		again.must(err)
		again.must(play.Play())
		defer play.Close()
		again.adam()
		if !slices.Equal(again.read(again.u), u) || !slices.Equal(again.read(again.grad), grad) || !slices.Equal(again.read(again.theta), theta) {
			t.Errorf("%v: the second run, from a recording, has other bits", net.Hidden)
		}
		sums, err := s.squares.Sums()
		s.must(err)
		other, err := again.squares.Sums()
		again.must(err)
		if !slices.Equal(sums, other) {
			t.Errorf("%v: sums %v, then %v", net.Hidden, sums, other)
		}
	}
}

func TestCardMemory(t *testing.T) {
	d := physical(t)
	info := d.Info()
	if info.Name == "" || !strings.HasPrefix(info.UUID, "GPU-") || info.Free <= 0 || info.Free > info.Memory || info.Processors <= 0 {
		t.Errorf("%+v", info)
	}
	if _, err := d.Alloc(2 * info.Memory); err == nil || !strings.Contains(err.Error(), info.UUID) {
		t.Errorf("twice the memory of the card: %v", err)
	}
	const bytes = 1 << 20
	p, err := d.Alloc(bytes)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Free(p)
	h, err := d.Pinned(2 * bytes)
	if err != nil {
		t.Fatal(err)
	}
	defer d.FreePinned(h)
	from, to := unsafe.Slice((*byte)(h), bytes), unsafe.Slice((*byte)(unsafe.Add(h, bytes)), bytes)
	for i := range from {
		from[i] = byte(i * 7)
		to[i] = 1
	}
	d.CopyOut(unsafe.Pointer(&to[0]), p, bytes)
	if err := d.Wait(mark(t, d)); err != nil || slices.ContainsFunc(to, func(b byte) bool { return b != 0 }) {
		t.Errorf("new memory is not zero (%v)", err)
	}
	d.CopyIn(p, h, bytes)
	d.Zero(p, 16)
	d.CopyOut(unsafe.Pointer(&to[0]), p, bytes)
	if err := d.Sync(); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(to[16:], from[16:]) || to[3] != 0 {
		t.Error("copied there and back: other bytes")
	}
}

// mark is a place in the queue; polling for it must end.
func mark(t *testing.T, d device.Driver) device.Mark {
	m := d.Mark()
	t.Cleanup(func() { d.FreeMark(m) })
	for !d.Passed(m) {
		runtime.Gosched()
	}
	return m
}

// A launch that the card refuses is told by the next Sync, with the kernel's name, and does no lasting harm.
func TestCardRefusesLaunch(t *testing.T) {
	d := physical(t)
	if _, ok := d.Function("fb_no_such_kernel"); ok {
		t.Error("a kernel that does not exist was found")
	}
	const name = "fb_copy"
	f, ok := d.Function(name)
	if !ok {
		t.Fatalf("no kernel %s", name)
	}
	var arguments [4096]byte // longer than any argument
	d.Launch(f, 1, 1<<20, 0, unsafe.Pointer(&arguments), len(arguments))
	if err := d.Sync(); err == nil || !strings.Contains(err.Error(), name) {
		t.Errorf("a million threads in a block: %v", err)
	}
	if err := d.Sync(); err != nil {
		t.Errorf("the error stays: %v", err)
	}
}

// threaded carries the calls of a test to one thread: a driver belongs to the thread that opened it, and subtests have their own.
type threaded struct {
	device.Driver
	calls  chan func()
	inside bool // the caller is on the thread already, in the function given to Record
}

func (d *threaded) do(f func()) {
	if d.inside {
		f()
		return
	}
	done := make(chan struct{})
	d.calls <- func() { f(); close(done) }
	<-done
}

func (d *threaded) Alloc(bytes int64) (p unsafe.Pointer, err error) {
	d.do(func() { p, err = d.Driver.Alloc(bytes) })
	return p, err
}

func (d *threaded) Pinned(bytes int64) (p unsafe.Pointer, err error) {
	d.do(func() { p, err = d.Driver.Pinned(bytes) })
	return p, err
}

func (d *threaded) Free(p unsafe.Pointer)              { d.do(func() { d.Driver.Free(p) }) }
func (d *threaded) FreePinned(p unsafe.Pointer)        { d.do(func() { d.Driver.FreePinned(p) }) }
func (d *threaded) Zero(p unsafe.Pointer, bytes int64) { d.do(func() { d.Driver.Zero(p, bytes) }) }

func (d *threaded) CopyIn(to, from unsafe.Pointer, bytes int64) {
	d.do(func() { d.Driver.CopyIn(to, from, bytes) })
}

func (d *threaded) CopyOut(to, from unsafe.Pointer, bytes int64) {
	d.do(func() { d.Driver.CopyOut(to, from, bytes) })
}

func (d *threaded) Launch(f device.Function, blocks, threads int, shared int64, arguments unsafe.Pointer, bytes int) {
	d.do(func() { d.Driver.Launch(f, blocks, threads, shared, arguments, bytes) })
}

func (d *threaded) Function(name string) (f device.Function, ok bool) {
	d.do(func() { f, ok = d.Driver.Function(name) })
	return f, ok
}

func (d *threaded) Mark() (m device.Mark) {
	d.do(func() { m = d.Driver.Mark() })
	return m
}

func (d *threaded) Passed(m device.Mark) (ok bool) {
	d.do(func() { ok = d.Driver.Passed(m) })
	return ok
}

func (d *threaded) Wait(m device.Mark) (err error) {
	d.do(func() { err = d.Driver.Wait(m) })
	return err
}

func (d *threaded) FreeMark(m device.Mark) { d.do(func() { d.Driver.FreeMark(m) }) }

func (d *threaded) Record(f func()) (g device.Graph, err error) {
	d.do(func() {
		g, err = d.Driver.Record(func() {
			d.inside = true
			f()
			d.inside = false
		})
	})
	return g, err
}

func (d *threaded) Play(g device.Graph) { d.do(func() { d.Driver.Play(g) }) }

func (d *threaded) FreeGraph(g device.Graph) { d.do(func() { d.Driver.FreeGraph(g) }) }

func (d *threaded) Sync() (err error) {
	d.do(func() { err = d.Driver.Sync() })
	return err
}

func (d *threaded) Close() { d.do(d.Driver.Close) }
