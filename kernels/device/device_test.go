//go:build amd64

package device_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/kernels/device"
	"fbpinn-mpi/kernels/emu"
	"fbpinn-mpi/kernels/ktest"
)

// card is an emulated card for the length of a test. All that was allocated on it must have been freed.
func card(t testing.TB, with ...emu.Option) *emu.Driver {
	d := emu.New(with...)
	t.Cleanup(func() {
		if err := d.Sync(); err != nil && !t.Failed() {
			t.Error(err)
		}
		if n := d.Live(); n > 0 && !t.Failed() {
			t.Errorf("%d allocations were not freed", n)
		}
		d.Close()
	})
	return d
}

// backend is one on a card of its own.
func backend[T kernels.Real](t testing.TB, d device.Driver, with ...device.Option) *device.Backend[T] {
	b := device.New[T](d, with...)
	t.Cleanup(b.Close)
	return b
}

func TestFloat32(t *testing.T) { ktest.Run(t, backend[float32](t, card(t))) }

func TestFloat64(t *testing.T) { ktest.Run(t, backend[float64](t, card(t))) }

func TestNames(t *testing.T) {
	if name := backend[float32](t, card(t)).Name(); name != "emulated float32" {
		t.Errorf("backend %q", name)
	}
	for want, net := range map[string]kernels.Net{
		"shallow w16 C5 emulated":   {D: 2, Hidden: []int{16}, Out: 1},
		"deep w32 L2 C5 emulated":   {D: 2, Hidden: []int{32, 32}, Out: 1},
		"generic w7 L2 C5 emulated": {D: 2, Hidden: []int{7, 5}, Out: 1},
	} {
		s := newStep[float64](t, card(t), net)
		if s.kernel.Name() != want {
			t.Errorf("kernel %q, want %q", s.kernel.Name(), want)
		}
	}
}

// Two runs of everything agree to the last bit, whatever the order in which blocks, warps and threads run.
func TestSameBitsInAnyOrder(t *testing.T) {
	for _, net := range networks() {
		t.Run(fmt.Sprint(net.Hidden), func(t *testing.T) {
			var want [2][]float32
			for i, order := range []emu.Order{emu.Ascending, emu.Descending, emu.Alternating} {
				s := newStep[float32](t, card(t, emu.WithOrder(order)), net)
				s.once()
				u, grad := s.read(s.u), s.read(s.grad)
				if i == 0 {
					want = [2][]float32{u, grad}
					continue
				}
				if !slices.Equal(u, want[0]) || !slices.Equal(grad, want[1]) {
					t.Errorf("order %v gives other bits than %v", order, emu.Ascending)
				}
			}
			for _, v := range want {
				if !slices.ContainsFunc(v, func(x float32) bool { return x != 0 }) || slices.ContainsFunc(v, func(x float32) bool { return x != x }) {
					t.Error("nothing was computed")
				}
			}
		})
	}
}

// A list that holds a tile twice counts it twice.
func TestTileTwice(t *testing.T) {
	for _, net := range networks() {
		s := newStep[float64](t, card(t), net)
		run := func(list ...int32) (u, grad []float64) {
			w, err := s.kernel.Select(list)
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			s.b.Clear(s.u)
			s.b.Clear(s.grad)
			w.Forward(nil)
			w.Adjoint(nil)
			return s.read(s.u), s.read(s.grad)
		}
		u, grad := run(0, 1, 2, 3)
		u2, grad2 := run(0, 1, 2, 3, 0, 1, 2, 3)
		const ulps = 16 // the few terms of a sum come in another order
		compare := func(what string, once, twice []float64) {
			for i := range once {
				if !(math.Abs(twice[i]-2*once[i]) <= ulps*0x1p-52*largest(once)) {
					t.Fatalf("%v: %s %d: %v once, %v twice", net.Hidden, what, i, once[i], twice[i])
				}
			}
		}
		compare("value", u, u2)
		compare("gradient", grad, grad2)
	}
}

func largest(v []float64) (m float64) {
	for _, x := range v {
		m = max(m, math.Abs(x))
	}
	return m
}

// An operation on networks is two launches; a step with its graph asks for the same.
func TestLaunches(t *testing.T) {
	for _, net := range networks() {
		d := card(t)
		s := newStep[float32](t, d, net)
		family, _, _ := strings.Cut(s.kernel.Name(), " ")
		count := func(f func()) map[string]int {
			if err := s.b.Sync(); err != nil {
				t.Fatal(err)
			}
			before := d.Launches()
			f()
			if err := s.b.Sync(); err != nil {
				t.Fatal(err)
			}
			more := map[string]int{}
			for name, n := range d.Launches() {
				if n -= before[name]; n > 0 {
					more[strings.Join(strings.Split(name, "_")[:3], "_")] += n
				}
			}
			return more
		}
		for _, c := range []struct {
			what string
			f    func()
			want map[string]int
		}{
			{"forward", func() { s.work.Forward(nil) }, map[string]int{"fb_" + family + "_forward": 1, "fb_gather_f32": 1}},
			{"adjoint", func() { s.work.Adjoint(nil) }, map[string]int{"fb_" + family + "_adjoint": 1, "fb_reduce_f32": 1}},
			{"squares", s.squares.Run, map[string]int{"fb_squares_f32": 1, "fb_squares_finish": 1}},
			{"program", s.program.Run, map[string]int{"fb_point_f32": 1}},
			{"adam", s.adam, map[string]int{"fb_adam_f32": 1}},
		} {
			got := count(c.f)
			if fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("%s: %v, want %v", c.what, got, c.want)
			}
		}
		tangent := count(func() { s.work.Tangent(s.theta) })
		if tangent["fb_gather_f32"] != 1 || len(tangent) != 2 {
			t.Errorf("tangent: %v", tangent)
		}
		play, err := s.b.Record(s.record)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(play.Close)
		direct, replayed := count(func() { _ = s.record() }), count(func() { _ = play.Play() })
		if fmt.Sprint(direct) != fmt.Sprint(replayed) || len(direct) < 6 {
			t.Errorf("a step is %v, replayed %v", direct, replayed)
		}
	}
}

// A replayed graph does what the step does, bit for bit, and marks its messages.
func TestGraph(t *testing.T) {
	for _, net := range networks() {
		var got [2][]float64
		for i := range got {
			s := newStep[float64](t, card(t), net)
			play := s.record
			if i == 1 {
				recorded, err := s.b.Record(s.record)
				if err != nil {
					t.Fatal(err)
				}
				if err := s.b.Sync(); err != nil || largest(s.read(s.u)) > 0 {
					t.Fatalf("recording had an effect (%v)", err)
				}
				t.Cleanup(recorded.Close)
				play = recorded.Play
			}
			var messages []float64
			for range 3 {
				if err := play(); err != nil {
					t.Fatal(err)
				}
				for !s.port.Packed() {
				}
				m, err := s.port.Message()
				if err != nil {
					t.Fatal(err)
				}
				messages = append(messages, m...)
				s.adam()
			}
			got[i] = append(append(messages, s.read(s.grad)...), s.read(s.theta)...)
		}
		if !slices.Equal(got[0], got[1]) || largest(got[0]) == 0 {
			t.Errorf("%v: a replayed step differs from a step", net.Hidden)
		}
	}
}

func TestRecordTrouble(t *testing.T) {
	b := backend[float32](t, card(t))
	v := made[float32](t, b, 40)
	trouble := errors.New("trouble")
	if play, err := b.Record(func() error { b.Clear(v); return trouble }); play != nil || !errors.Is(err, trouble) {
		t.Errorf("a failing recording gave %v", err)
	}
	if err := b.Write(v, slices.Repeat([]float32{3}, len(v))); err != nil {
		t.Fatalf("after a failing recording: %v", err)
	}
	calls := 0
	play, err := b.Record(func() error {
		inner, err := b.Record(func() error { calls++; b.Clear(v[:20]); return nil })
		if err != nil {
			return err
		}
		if err := inner.Play(); err != nil {
			return err
		}
		b.Clear(v[30:])
		return nil
	})
	if err != nil || calls != 1 {
		t.Fatalf("nested: %d calls, %v", calls, err)
	}
	if err := play.Play(); err != nil {
		t.Fatal(err)
	}
	play.Close()
	got := make([]float32, 40)
	if err := b.Read(got, v); err != nil {
		t.Fatal(err)
	}
	if got[0] != 0 || got[19] != 0 || got[20] != 3 || got[29] != 3 || got[30] != 0 {
		t.Errorf("nested: %v", got)
	}
	wantPanic(t, "device: wait inside a recording", func() { _, _ = b.Record(b.Sync) })
	if err := b.Sync(); err != nil {
		t.Errorf("after a recording that panicked: %v", err)
	}
}

// Errors of memory say for what, how much, and what to do.
func TestOutOfMemory(t *testing.T) {
	b := backend[float64](t, card(t, emu.WithMemory(1<<20)))
	_, err := b.Make(1 << 20)
	wantWords(t, err, "an array of 1048576 float64 (8.0 MiB)", "1048576 of 1048576 are free", "fewer points a rank, more ranks, or float32")

	net := kernels.Net{D: 2, Hidden: []int{16}, Out: 1}
	plan := newPlan[float64](net, 40_000)
	plan.Theta = made[float64](t, b, len(plan.Theta))
	if _, err := b.Open(&plan); err == nil {
		t.Error("opened a plan without room for its jets")
	} else {
		wantWords(t, err, "of a plan of 4 tiles with", "more ranks")
	}
	made[float64](t, b, 10_000) // what a failed Open took has been given back
}

// Memory longer than the staging buffer, of any length, at any place.
func TestReadWrite(t *testing.T) {
	b := backend[float64](t, card(t))
	for _, n := range []int{0, 1, 1 << 19, 1<<19 + 1, 3<<19 + 17} {
		v := made[float64](t, b, n)
		host := make([]float64, n)
		for i := range host {
			host[i] = float64(i + 1)
		}
		back := make([]float64, n)
		if err := errors.Join(b.Write(v, host), b.Read(back, v)); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(host, back) {
			t.Errorf("%d values came back different", n)
		}
		if n < 10 {
			continue
		}
		b.Clear(v[3:7])
		if err := b.Read(back[:5], v[2:7]); err != nil || !slices.Equal(back[:5], []float64{3, 0, 0, 0, 0}) {
			t.Errorf("a stretch of zeros reads %v (%v)", back[:5], err)
		}
	}
	if err := b.Sync(); err != nil {
		t.Fatal(err)
	}
}

// What the card did wrong is told by what waits next, with the name of the kernel.
func TestFaultIsReported(t *testing.T) {
	d := emu.New()
	b := device.New[float64](d)
	v, err := b.Make(100)
	if err != nil {
		t.Fatal(err)
	}
	theta := unsafe.Slice(unsafe.SliceData(v), 5000) // a lie about its length
	b.Adam(kernels.AdamStep{Rate: 1, Beta1: .9, Beta2: .999, Eps: 1e-8, Step: 1}, theta, theta, theta, theta)
	wantWords(t, b.Sync(), "emulated float64", "fb_adam_f64")
}

// Calls of a step allocate nothing: the driver below does nothing but hand out memory.
func TestStepAllocatesNothing(t *testing.T) {
	for _, net := range networks() {
		s := newStep[float32](t, mute{emu.New()}, net)
		step := func() {
			s.once()
			s.port.Unpack(s.u, true)
			s.adam()
			if !s.port.Packed() {
				t.Fatal("not packed")
			}
			_, _ = s.port.Message()
			_ = s.port.Buffer()
			s.port.Return(s.u)
		}
		if n := testing.AllocsPerRun(20, step); n > 0 {
			t.Errorf("%v: %v allocations a step", net.Hidden, n)
		}
	}
}

// mute is a driver that queues nothing.
type mute struct{ *emu.Driver }

func (mute) Zero(unsafe.Pointer, int64)                                   {}
func (mute) CopyIn(_, _ unsafe.Pointer, _ int64)                          {}
func (mute) CopyOut(_, _ unsafe.Pointer, _ int64)                         {}
func (mute) Launch(device.Function, int, int, int64, unsafe.Pointer, int) {}
func (mute) Mark() device.Mark                                            { return 1 }
func (mute) FreeMark(device.Mark)                                         {}
func (mute) Passed(device.Mark) bool                                      { return true }
func (mute) Wait(device.Mark) error                                       { return nil }

func wantWords(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want one with %q", words)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q is missing in: %v", w, err)
		}
	}
}

func wantPanic(t *testing.T, want string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if got := recover(); got != want {
			t.Errorf("panic %v, want %q", got, want)
		}
	}()
	f()
}
