package schwarz

import (
	"math"
	"testing"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/kernels/dense"
	"fbpinn-mpi/mpi"
)

// BenchmarkFactor is filter, normal matrix and factor on one rank and one core, blocks of 1600×97 as in the six-frequency Laplace problem
// with K = 96: 12×12 subdomains that overlap as at δ = 1.9. Filling is a copy. The filter's share of the product rate counts 2mn² for
// QR and 4mnr for Q·M.
func BenchmarkFactor(b *testing.B) {
	world.Run(&testing.T{}, 0, func(c mpi.Comm) { // on the thread of MPI
		if c.Size() == 1 {
			benchmarkFactor(b, c)
		}
	})
}

func benchmarkFactor(b *testing.B, c mpi.Comm) {
	lib, err := dense.Open()
	if err != nil {
		b.Fatal(err)
	}
	const side, features, points = 12, 96, 22 // points between centres
	sys := &System{Centre: make([][]float64, 2)}
	grid := (side-1)*points + 1
	sys.Rows = grid * grid
	data := make([][]float64, side*side)
	m := newMade(2, side, 2, features+1, false)
	const reach = points * 19 / 20
	rowsOf := func(k int) (from, to int) { return max(0, k*points-reach), min(grid, k*points+reach+1) }
	for j := range side * side {
		x0, x1 := rowsOf(j / side)
		y0, y1 := rowsOf(j % side)
		t := Touch{Block: j, LD: (x1 - x0) * (y1 - y0)}
		w := m.weights(j)
		data[j] = make([]float64, t.LD*(features+1))
		for x := x0; x < x1; x++ {
			t.Runs = append(t.Runs, kernels.Run{Tile: int32((x - x0) * (y1 - y0)), Point: int32(x*grid + y0), N: int32(y1 - y0)})
			for y := y0; y < y1; y++ {
				z := [2]float64{float64(x-j/side*points) / reach, float64(y-j%side*points) / reach}
				at := (x-x0)*(y1-y0) + y - y0
				window := math.Pow(math.Cos(math.Pi/2*z[0])*math.Cos(math.Pi/2*z[1]), 4)
				for f, v := range w {
					data[j][f*t.LD+at] = window * math.Tanh(v[0]*z[0]+v[1]*z[1]+v[2])
				}
			}
		}
		sys.Owner, sys.Columns, sys.Touch = append(sys.Owner, 0), append(sys.Columns, features+1), append(sys.Touch, t)
		sys.Centre[0], sys.Centre[1] = append(sys.Centre[0], float64(j/side)), append(sys.Centre[1], float64(j%side))
	}
	sys.Fill = func(t int, a []float64) { copy(a, data[t]) }
	s := New(c, lib, Settings{})
	defer s.Close()
	var filter, normal, factor, rate float64
	for b.Loop() {
		rate += lib.Rate()
		if err := s.Factor(sys, 0); err != nil {
			b.Fatal(err)
		}
		r := s.Report()
		flops := 0.0
		products := 0.0
		for t, v := range s.blocks {
			flops += 2*float64(v.b.Rows*sys.Columns[t]*sys.Columns[t]) + 4*float64(v.b.Rows*sys.Columns[t]*v.b.Cols)
		}
		for _, p := range s.pattern.pairs[0] {
			n := 0
			common(sys.Touch[p.high].Runs, sys.Touch[p.low].Runs, func(_, _, k int32) { n += int(k) })
			products += 2 * float64(n) * float64(s.kept[p.high]*s.kept[p.low])
		}
		filter += flops / r.Seconds.Filter
		normal += products / r.Seconds.Normal
		factor += r.FactorFlops / r.Seconds.Factor
		b.ReportMetric(float64(r.Unknowns), "unknowns")
		b.ReportMetric(r.Seconds.Filter, "filter-s")
	}
	b.ReportMetric(100*filter/rate, "filter-%dgemm")
	b.ReportMetric(100*normal/rate, "normal-%dgemm")
	b.ReportMetric(100*factor/rate, "factor-%dgemm")
	b.ReportMetric(rate/float64(b.N)/1e9, "dgemm-GFLOP/s")
}
