//go:build amd64

package cpu

import (
	"fmt"
	"math"
	"testing"

	"fbpinn-mpi/kernels"
)

// TestOnePassGradient holds the gradient of the one-pass kernel to central differences of its loss in every parameter,
// at numbers of points that fill no, one and several chunks, and float32 to float64.
func TestOnePassGradient(t *testing.T) {
	for _, isa := range Available() {
		for _, c := range []struct{ w, layers, points int }{{16, 2, 1}, {16, 2, 37}, {5, 3, 100}, {32, 2, 64}, {20, 2, 17}} {
			t.Run(fmt.Sprintf("%s/w%d/L%d/n%d", isa, c.w, c.layers, c.points), func(t *testing.T) {
				b, err := NewISA[float64](isa)
				if err != nil {
					t.Fatal(err)
				}
				o := newOnePass(b, c.w, c.layers, c.points)
				defer o.close()
				o.run()
				grad, largest := holdToDifferences(t, o)

				single, err := NewISA[float32](isa)
				if err != nil {
					t.Fatal(err)
				}
				s := newOnePass(single, c.w, c.layers, c.points)
				defer s.close()
				s.run()
				const rounding = 1e-4 // a few hundred float32 roundings: C·w products a neuron, n·C a weight
				for i, g := range s.plan.Grad {
					if e := math.Abs(float64(g) - grad[i]); !(e <= rounding*largest) {
						t.Errorf("parameter %d: float32 gradient %g, float64 %g", i, g, grad[i])
					}
				}
			})
		}
	}
}

// holdToDifferences checks o's gradient and returns it with its largest entry; later runs have added to o's own.
func holdToDifferences(t *testing.T, o *onePass[float64]) ([]float64, float64) {
	t.Helper()
	const step = 1e-5      // balances truncation (step²) and cancellation (1e-16/step)
	const tolerance = 1e-8 // of the largest entry: some hundred times that balance, 1e-10
	grad := append([]float64{}, o.plan.Grad...)
	largest := 0.0
	for _, g := range grad {
		largest = max(largest, math.Abs(g))
	}
	if !(largest > 1e-6) {
		t.Fatalf("the gradient vanishes: largest entry %g", largest)
	}
	for i, x := range o.plan.Theta {
		o.plan.Theta[i] = x + step
		up := o.run()
		o.plan.Theta[i] = x - step
		down := o.run()
		o.plan.Theta[i] = x
		if fd := (up - down) / (2 * step); !(math.Abs(fd-grad[i]) <= tolerance*max(largest, 1)) {
			t.Errorf("parameter %d: gradient %g, difference quotient %g", i, grad[i], fd)
		}
	}
	return grad, largest
}

// BenchmarkOnePass reports the benchmark of record on every instruction set but the baseline: ns a pair, and useful FLOPs
// in percent of the multiply-add peak measured beside it.
func BenchmarkOnePass(b *testing.B) {
	for _, isa := range Available()[1:] {
		for _, w := range []int{16, 32, 64, 128} {
			b.Run(fmt.Sprintf("%s/float32/w%d", isa, w), func(b *testing.B) { benchmarkOnePass[float32](b, isa, w) })
		}
		b.Run(isa+"/float64/w32", func(b *testing.B) { benchmarkOnePass[float64](b, isa, 32) })
	}
}

func benchmarkOnePass[T kernels.Real](b *testing.B, isa string, w int) {
	const points = 4096
	backend, err := NewISA[T](isa)
	if err != nil {
		b.Fatal(err)
	}
	o := newOnePass(backend, w, 2, points)
	defer o.close()
	for b.Loop() {
		o.run()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/points, "ns/pair")
	b.ReportMetric(100*backend.OnePassShare(w, 2, points), "%peak")
}
