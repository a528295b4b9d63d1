//go:build amd64

package device_test

import (
	"math"
	"slices"
	"testing"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/kernels/device"
)

// counted is 1, 2, 3 ...
func counted(n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(i + 1)
	}
	return v
}

// A port carries its blocks out, back and in, through pinned memory or memory of the card.
func TestPort(t *testing.T) {
	const n = 3000
	many := []kernels.Block{{At: 7, N: 3}, {At: 2000, N: 1}, {At: 0, N: 0}, {At: 100, N: 900}, {At: 2001, N: 999}}
	for _, c := range []struct {
		name   string
		blocks []kernels.Block
		with   []device.Option
	}{
		{"none", nil, nil},
		{"one", []kernels.Block{{At: 5, N: 17}}, nil},
		{"many", many, nil},
		{"device", many, []device.Option{device.WithDeviceMessages()}},
		{"device none", nil, []device.Option{device.WithDeviceMessages()}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := backend[float32](t, card(t), c.with...)
			onCard := len(c.with) > 0
			host := counted(n)
			var index []int
			for _, k := range c.blocks {
				for i := range k.N {
					index = append(index, int(k.At+i))
				}
			}
			v, other := made[float32](t, b, n), made[float32](t, b, n)
			p, err := b.OpenPort(c.blocks, false)
			must(t, err)
			defer p.Close()
			must(t, b.Write(v, host))

			// get and put reach a message as MPI would.
			get := func(m []float32) []float32 {
				if !onCard {
					return slices.Clone(m)
				}
				got := make([]float32, len(m))
				must(t, b.Read(got, m))
				return got
			}
			put := func(m, x []float32) {
				if onCard {
					must(t, b.Write(m, x))
					return
				}
				copy(m, x)
			}
			check := func(what string, array []float32, want func(i int) float32, rest func(i int) float32) {
				t.Helper()
				got := make([]float32, n)
				must(t, b.Read(got, array))
				expected := make([]float32, n)
				for i := range expected {
					expected[i] = rest(i)
				}
				for k, i := range index {
					expected[i] = want(k)
				}
				if !slices.Equal(got, expected) {
					t.Errorf("%s: wrong values", what)
				}
			}
			was := func(i int) float32 { return host[i] }

			p.Pack(v)
			for asked := 0; !p.Packed(); asked++ {
				if asked > 10 {
					t.Fatal("never packed")
				}
			}
			m, err := p.Message()
			must(t, err)
			if len(m) != len(index) {
				t.Fatalf("a message of %d values from blocks of %d", len(m), len(index))
			}
			sent := get(m)
			for k, i := range index {
				if sent[k] != host[i] {
					t.Fatalf("value %d of the message is %v, want %v", k, sent[k], host[i])
				}
			}

			doubled := slices.Clone(sent)
			for k := range doubled {
				doubled[k] *= 2
			}
			put(m, doubled)
			p.Return(v)
			check("return", v, func(k int) float32 { return doubled[k] }, was)

			put(p.Buffer(), sent)
			p.Unpack(v, true)
			check("add", v, func(k int) float32 { return 3 * sent[k] }, was)
			p.Unpack(v, false)
			check("copy", v, func(k int) float32 { return sent[k] }, was)

			// The buffer may be filled anew as soon as Buffer returns, and the next message packed while this one waits.
			p.Unpack(other, true)
			if !onCard { // there MPI and the queue share the card's memory, and writing to it waits anyway
				next := p.Buffer()
				for k := range next {
					next[k] = -1
				}
			}
			check("first of two", other, func(k int) float32 { return sent[k] }, func(int) float32 { return 0 })
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Sums agree with a plain loop, do not depend on how often they are asked for, and the first run that fails is told.
func TestSquares(t *testing.T) {
	squares[float32](t)
	squares[float64](t)
}

func squares[T kernels.Real](t *testing.T) {
	t.Helper()
	b := backend[T](t, card(t))
	for _, n := range []int{0, 1, 31, 2048, 2049, 50_000} {
		q, r, zero := make([]T, n), make([]T, n), make([]T, n)
		want := 0.
		for i := range q {
			q[i], r[i] = T(1+i%7), T(math.Sin(float64(i)))
			want += float64(q[i]) * float64(r[i]) * float64(r[i]) / 2
		}
		there := map[string][]T{}
		for name, v := range map[string][]T{"q": q, "r": r, "zero": zero} {
			there[name] = made[T](t, b, n)
			must(t, b.Write(there[name], v))
		}
		s, err := b.OpenSquares(there["q"], [][]T{there["zero"], there["r"]})
		must(t, err)
		defer s.Close()
		for range 2 {
			s.Run()
			sums, err := s.Sums()
			must(t, err)
			const ulps = 64 // of float64: two orders of one sum of positive terms
			if len(sums) != 2 || sums[0] != 0 || !(math.Abs(sums[1]-want) <= ulps*0x1p-52*want) {
				t.Errorf("%d points: sums %v, want 0 and %v", n, sums, want)
			}
			run, _, _, err := s.NotFinite()
			if run != 0 || err != nil {
				t.Errorf("%d points: run %d is said to have failed (%v)", n, run, err)
			}
		}
		if n < 10 {
			continue
		}
		spoil := func(name string, i int, x float64) { must(t, b.Write(there[name][i:i+1], []T{T(x)})) }
		spoil("r", n-3, math.Inf(1))
		spoil("r", n/2, math.NaN())
		s.Run() // the third
		spoil("zero", 4, math.NaN())
		s.Run()
		spoil("r", n/2, 0)
		spoil("r", n-3, 0)
		if run, plane, point, err := s.NotFinite(); run != 3 || plane != 1 || point != n/2 || err != nil {
			t.Errorf("%d points: run %d, plane %d, point %d failed first (%v), want 3, 1, %d", n, run, plane, point, err, n/2)
		}
		s.Run()
		sums, err := s.Sums()
		must(t, err)
		if sums[0] == sums[0] || sums[1] != sums[1] {
			t.Errorf("%d points: sums %v, want NaN and a number", n, sums)
		}
	}
	if size := any(T(0)); size == any(float64(0)) {
		v := made[T](t, b, 10)
		big := 1e200
		must(t, b.Write(v, slices.Repeat([]T{T(big)}, 10)))
		s, err := b.OpenSquares(v, [][]T{v})
		must(t, err)
		defer s.Close()
		s.Run()
		if run, plane, point, err := s.NotFinite(); run != 1 || plane != 0 || point != 0 || err != nil {
			t.Errorf("a sum that overflows: run %d, plane %d, point %d (%v)", run, plane, point, err)
		}
	}
}
