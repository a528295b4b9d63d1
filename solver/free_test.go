package solver

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/kernels/cpu"
	"fbpinn-mpi/kernels/device"
	"fbpinn-mpi/kernels/emu"
	"fbpinn-mpi/kernels/host"
	"fbpinn-mpi/mpi"
	"fbpinn-mpi/solver/decomp"
	"fbpinn-mpi/solver/schwarz"
)

// productTolerance bounds the difference of products with and without blocks, relative to the largest entry: the same sums of some
// hundred terms, whose sizes differ by a hundred, in another order; 1e-16 each.
const productTolerance = 1e-12

func TestProducts_n1(t *testing.T) { world.Run(t, 1, func(c mpi.Comm) { multiply(t, c) }) }
func TestProducts_n2(t *testing.T) { world.Run(t, 2, func(c mpi.Comm) { multiply(t, c) }) }
func TestProducts_n4(t *testing.T) { world.Run(t, 4, func(c mpi.Comm) { multiply(t, c) }) }
func TestProducts_n8(t *testing.T) { world.Run(t, 8, func(c mpi.Comm) { multiply(t, c) }) }

// multiply compares J d and Jᵀ w with products of the blocks; on 8 ranks some own no subdomain and some no point.
func multiply(t *testing.T, c mpi.Comm) {
	for i, s := range []small{laplace(), system(), pair(), few()} {
		for _, method := range []string{"least-squares 1", "gauss-newton 1"} {
			name := fmt.Sprintf("%s, %s", []string{"laplace", "system", "pair", "few"}[i], method)
			r := s.build(t, c, second(t, method), nil)
			l, err := newLinearisation(r, r.Problem, r.Settings.Stages[0].columns())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := l.evaluate(); err != nil {
				t.Fatal(err)
			}
			l.derive()
			p, err := newProducts(l)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second time with what the first one left behind
				compareProducts(t, c, name, l, p)
			}
			p.close()
			l.close()
			r.Close()
		}
	}
}

func compareProducts(t *testing.T, c mpi.Comm, name string, l *linearisation, p *products) {
	t.Helper()
	sys := l.describe()
	start := make([]int, len(sys.Columns)+1) // first column of each block
	for j, n := range sys.Columns {
		start[j+1] = start[j] + n
	}
	w := make([]float64, sys.Rows)
	for i := range w {
		w[i] = math.Cos(float64(3 * i))
	}
	rows, columns := make([]float64, sys.Rows), make([]float64, start[len(sys.Columns)])
	d := make([][]float64, len(sys.Touch))
	for k, v := range sys.Touch {
		n := sys.Columns[v.Block]
		a, x := make([]float64, v.LD*n), make([]float64, n)
		l.fill(k, a)
		for q := range x {
			x[q] = math.Sin(float64(start[v.Block] + q))
		}
		for _, run := range v.Runs {
			for i := range int(run.N) {
				for q := range x {
					entry := a[q*v.LD+int(run.Tile)+i]
					rows[int(run.Point)+i] += entry * x[q]
					columns[start[v.Block]+q] += entry * w[int(run.Point)+i]
				}
			}
		}
		if l.shares[k].Owned {
			d[k] = x
		}
	}
	if err := mpi.Allreduce(c, columns, mpi.Sum); err != nil {
		t.Fatal(err)
	}
	got := make([]float64, sys.Rows)
	if err := p.apply(d, got); err != nil {
		t.Fatal(err)
	}
	near(t, name+": J d", rows, got)
	if err := p.transpose(w, d); err != nil {
		t.Fatal(err)
	}
	for k, v := range sys.Touch {
		if d[k] != nil {
			near(t, name+": Jᵀ w", columns[start[v.Block]:start[v.Block+1]], d[k])
		}
	}
}

func near(t *testing.T, what string, want, got []float64) {
	t.Helper()
	most := 0.0
	for _, x := range want {
		most = math.Max(most, math.Abs(x))
	}
	for i, x := range want {
		if !(math.Abs(x-got[i]) <= productTolerance*most) {
			t.Errorf("%s: entry %d is %.17g, with blocks %.17g", what, i, got[i], x)
			return
		}
	}
}

// freeTolerance bounds the relative difference of losses with and without blocks. The iteration ends when a quarter of it took less than
// 1e-14 of the loss, 1e-8 in a nonlinear problem, where the next step has another go; singular values down to those that the filter
// keeps, 1e-4, leave a tail that decays slowly, and a hundred quarters of it are 1e-6.
const freeTolerance = 1e-6

func TestFree_n1(t *testing.T) { world.Run(t, 1, func(c mpi.Comm) { freely(t, c) }) }
func TestFree_n2(t *testing.T) { world.Run(t, 2, func(c mpi.Comm) { freely(t, c) }) }
func TestFree_n4(t *testing.T) { world.Run(t, 4, func(c mpi.Comm) { freely(t, c) }) }

// freely solves with and without blocks: to the end, and one damped step.
func freely(t *testing.T, c mpi.Comm) {
	for i, s := range []small{plate(), pair(), few(), bent(1), bent(1)} {
		method := []string{"least-squares 30", "least-squares 30", "least-squares 30", "least-squares 30", "gauss-newton 1"}[i]
		name := []string{"plate", "pair", "few", "bent", "bent"}[i] + ", " + method
		var losses []float64
		for _, matrix := range []string{"blocks", "free"} {
			set := second(t, method)
			set.Newton.Matrix = matrix
			set.Newton.Linear.Tau = 1e-4
			want := Converged
			if method == "gauss-newton 1" {
				set.Newton.Damping, want = 1e-2, StepLimit
			}
			o := &record{}
			var observer Observer[float64]
			if c.Rank() == 0 {
				observer = o
			}
			r := buildOn(t, c, s, set, cpu.New[float64](), cpu.New[float64](), observer)
			status, err := r.Train()
			if err != nil {
				t.Fatal(err)
			}
			needs, err := r.Needs()
			if err != nil {
				t.Fatal(err)
			}
			if needs[0].Blocks != (matrix == "blocks") {
				t.Errorf("%s: %s was asked for, %v", name, matrix, needs[0])
			}
			if status != want {
				t.Errorf("%s, %s: %v", name, matrix, status)
			}
			if c.Rank() == 0 {
				losses = append(losses, o.loss())
			}
			for _, v := range o.reports {
				t.Logf("%s, %s: loss %.10g after %g iterations, %g unknowns, condition %.3g", name, matrix, v.Loss, v.Linear.Iterations,
					v.Linear.Unknowns, v.Linear.Condition)
			}
			r.Close()
		}
		if c.Rank() == 0 && !(math.Abs(losses[1]-losses[0]) <= freeTolerance*losses[0]) {
			t.Errorf("%s: loss %.12g with blocks, %.12g without", name, losses[0], losses[1])
		}
	}
}

// TestAuto: where blocks fit they are taken, else products; what is foreseen is an upper bound of what blocks and factor then take, and
// the filter leaves no more unknowns than foreseen.
func TestAuto_n1(t *testing.T) { world.Run(t, 1, func(c mpi.Comm) { auto(t, c) }) }
func TestAuto_n2(t *testing.T) { world.Run(t, 2, func(c mpi.Comm) { auto(t, c) }) }
func TestAuto_n4(t *testing.T) { world.Run(t, 4, func(c mpi.Comm) { auto(t, c) }) }

func auto(t *testing.T, c mpi.Comm) {
	for i, s := range []small{plate(), pair(), few()} {
		name := []string{"plate", "pair", "few"}[i]
		set := second(t, "adam 1", "gauss-newton 1")
		r := s.build(t, c, set, nil)
		needs, err := r.Needs()
		if err != nil {
			t.Fatal(err)
		}
		n := needs[1]
		if needs[0] != nil || !n.Blocks {
			t.Fatalf("%s: adam needs %v, gauss-newton %v", name, needs[0], n)
		}
		l, err := newLinearisation(r, r.Problem, kernels.AllColumns)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.evaluate(); err != nil {
			t.Fatal(err)
		}
		l.derive()
		solver := schwarz.New(c, set.Newton.Library, schwarz.Settings{})
		if err := solver.Factor(l.describe(), 0); err != nil {
			t.Fatal(err)
		}
		v := solver.Report()
		if v.BlockBytes > n.BlockBytes || v.MatrixBytes > n.MatrixBytes || v.FactorBytes > n.FactorBytes || v.FactorEntries > n.FactorEntries ||
			v.Unknowns > n.Unknowns {
			t.Errorf("%s: foreseen %+v, used %d for blocks, %d for the matrix, %d for the factor of %d entries, %d unknowns", name, n,
				v.BlockBytes, v.MatrixBytes, v.FactorBytes, v.FactorEntries, v.Unknowns)
		}
		solver.Close()
		l.close()
		r.Close()

		set.Newton.Memory = float64(n.Bytes() - 1)
		r = s.build(t, c, set, nil)
		if needs, err = r.Needs(); err != nil || needs[1].Blocks {
			t.Errorf("%s: blocks although they do not fit: %v, %v", name, needs[1], err)
		}
		r.Close()
	}
}

// cardTolerance bounds the relative difference of losses on a card and on the processor: another order of sums, 1e-16 each, and
// residuals that cancel to a hundredth. Without blocks five iterations are compared: conjugate gradients amplify rounding later on.
const cardTolerance = 1e-11

// TestNewtonCard: a step on an emulated card is that of the processor, with blocks, which go through a buffer, and without.
func TestNewtonCard_n1(t *testing.T) { world.Run(t, 1, func(c mpi.Comm) { newtonCard(t, c) }) }
func TestNewtonCard_n2(t *testing.T) { world.Run(t, 2, func(c mpi.Comm) { newtonCard(t, c) }) }

func newtonCard(t *testing.T, c mpi.Comm) {
	for _, matrix := range []string{"blocks", "free"} {
		set := second(t, "least-squares 1")
		set.Newton.Matrix, set.Newton.Linear.Tau, set.Newton.Linear.MaxIterations = matrix, 1e-4, 5
		set.Newton.Linear.Workers = 2
		train := func(b kernels.Backend[float64]) float64 {
			o := &record{}
			var observer Observer[float64]
			if c.Rank() == 0 {
				observer = o
			}
			r := buildOn(t, c, pair(), set, b, b, observer)
			defer r.Close()
			if _, err := r.Train(); err != nil {
				t.Fatal(err)
			}
			if c.Rank() > 0 {
				return 0
			}
			return o.loss()
		}
		want := train(host.New())
		driver := emu.New()
		b := device.New[float64](driver)
		got := train(b)
		b.Close()
		driver.Close()
		if c.Rank() == 0 && !(math.Abs(got-want) <= cardTolerance*want) {
			t.Errorf("%s: loss %.15g on a card, %.15g on the processor", matrix, got, want)
		}
	}
}

// BenchmarkInner times the two products of an iteration without blocks, and whole iterations with the filter, against a step of Adam on
// the same tiles, in turns: 16 x 16 subdomains and two coarser levels of 2-16-1 networks, 160 x 160 points, as in the multi-scale Laplace job.
func BenchmarkInner(b *testing.B) {
	world.Run(&testing.T{}, 0, func(c mpi.Comm) { // on the thread of MPI
		if c.Size() == 1 {
			inner(b, c)
		}
	})
}

func inner(b *testing.B, c mpi.Comm) {
	s := laplace()
	s.spec.Interior.Shape = []int{160, 160}
	s.levels = nil
	for _, n := range []int{1, 4, 16} {
		s.levels = append(s.levels, decomp.LevelSpec{Counts: []int{n, n}, Overlap: []float64{1.9, 1.9}})
	}
	s.net.Hidden = []int{16}
	set := second(&testing.T{}, "least-squares 1")
	r := buildFast[float64](&testing.T{}, c, s, set)
	defer r.Close()
	l, err := newLinearisation(r, r.Problem, kernels.OutputColumns)
	if err != nil {
		b.Fatal(err)
	}
	defer l.close()
	if _, err := l.evaluate(); err != nil {
		b.Fatal(err)
	}
	l.derive()
	sys := l.describe()
	p, err := newProducts(l)
	if err != nil {
		b.Fatal(err)
	}
	defer p.close()
	d, rows := make([][]float64, len(sys.Touch)), make([]float64, sys.Rows)
	for t, v := range sys.Touch {
		d[t] = make([]float64, sys.Columns[v.Block])
		for i := range d[t] {
			d[t][i] = math.Sin(float64(t + i))
		}
	}
	const iterations = 10
	sys.Apply, sys.Transpose = p.apply, p.transpose
	f := schwarz.NewFree(c, set.Newton.Library, schwarz.Settings{MaxIterations: iterations})
	defer f.Close()
	if err := f.Factor(sys, 0); err != nil {
		b.Fatal(err)
	}
	var times [3][]float64
	for b.Loop() {
		for k, f := range []func() error{
			func() error { return r.step.adam(r.adam) },
			func() error { return errors.Join(p.apply(d, rows), p.transpose(rows, d)) },
			func() error { _, err := f.Solve(l.rows, d); return err }, // one more of each product than iterations
		} {
			began := time.Now()
			if err := f(); err != nil {
				b.Fatal(err)
			}
			times[k] = append(times[k], time.Since(began).Seconds())
		}
	}
	for k := range times {
		slices.Sort(times[k])
	}
	middle := len(times[0]) / 2
	b.ReportMetric(times[0][middle]*1e3, "ms/adam")
	b.ReportMetric(times[1][middle]*1e3, "ms/inner")
	b.ReportMetric(times[1][middle]/times[0][middle], "inner/adam")
	b.ReportMetric(times[2][middle]/(iterations+1)/times[0][middle], "iteration/adam")
}
