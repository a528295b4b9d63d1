package model

import (
	"fmt"
	"runtime"
	"testing"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/solver/decomp"
	"fbpinn-mpi/solver/exchange"
)

// cube is a model with one level of n^d subdomains on the unit cube, and k^d points on a grid for each: as many pairs a subdomain at
// any n, but for the ends.
func cube(t *testing.T, d, n, k int, delta float64, hidden int) (*Model, decomp.Points) {
	t.Helper()
	var axes []decomp.Axis
	var counts []int
	for range d {
		axes, counts = append(axes, decomp.Axis{Name: "x", Lo: 0, Hi: 1}), append(counts, n)
	}
	dec, err := decomp.New(axes, []decomp.LevelSpec{{Counts: counts, Overlap: []float64{delta}}})
	if err != nil {
		t.Fatal(err)
	}
	net := kernels.Net{D: d, Hidden: []int{hidden}, Out: 1}
	return &Model{Dec: dec, Nets: []kernels.Net{net}, Scale: []float64{1}, Shift: []float64{0}}, lattice{d, n * k}
}

// lattice has n points along each of d axes, in the middle of n equal cells. Like the points of a job it is never held.
type lattice struct{ d, n int }

func (g lattice) Blocks(visit func(first int, x [][]float64)) {
	const block = 1 << 8
	total := 1
	for range g.d {
		total *= g.n
	}
	x := make([][]float64, g.d)
	for first := 0; first < total; first += block {
		for a, repeat := g.d-1, 1; a >= 0; a, repeat = a-1, repeat*g.n {
			x[a] = x[a][:0]
			for i := first; i < min(first+block, total); i++ {
				x[a] = append(x[a], (float64(i/repeat%g.n)+0.5)/float64(g.n))
			}
		}
		visit(first, x)
	}
}

const (
	overMinimum = 1.1 // bytes over those with the cheaper mode for each pair of neighbours
	around      = 26  // neighbours of a box among equal boxes in three dimensions
)

// The messages of 64, 512 and 4096 ranks, from the exchange that each would build: what one sends is what the other expects, one
// message a neighbour each way, few neighbours, few bytes.
func TestLayout(t *testing.T) {
	for _, c := range []struct {
		d, n, k, hidden, ranks, every int
		delta                         float64
	}{
		{2, 192, 4, 16, 64, 1, 2.9}, // the modes cost nearly the same
		{2, 128, 2, 16, 512, 1, 2.9},
		{2, 192, 2, 16, 4096, 151, 2.9},
		{2, 192, 2, 4, 4096, 151, 1.9}, // small networks
		{3, 24, 2, 16, 64, 1, 1.9},
		{3, 24, 2, 16, 512, 1, 1.9},
		{3, 48, 1, 16, 4096, 401, 2.9},
	} {
		t.Run(fmt.Sprintf("d%d/np%d/w%d", c.d, c.ranks, c.hidden), func(t *testing.T) {
			m, points := cube(t, c.d, c.n, c.k, c.delta, c.hidden)
			held := hold(points)
			part := m.Dec.Partition(held, c.ranks)
			values := 1 + 2*c.d // u and two derivatives along each axis
			rank := map[int]*Layout{}
			layout := func(r int) *Layout {
				if rank[r] == nil {
					rank[r] = NewLayout(m, values, part, held, r, Choice{Mode: "auto", Replicate: 1})
				}
				return rank[r]
			}
			var all Cost
			for r := 0; r < c.ranks; r += c.every {
				cost := layout(r).Cost()
				all.Jets, all.Parameters, all.Minimum = all.Jets+cost.Jets, all.Parameters+cost.Parameters, all.Minimum+cost.Minimum
			}
			mode := Choice{Mode: "auto"}.Pick(all)
			var sent int64
			most := 0
			for r := 0; r < c.ranks; r += c.every {
				y := layout(r)
				most = max(most, len(y.Neighbours))
				links := y.Links(mode)
				volume := exchange.Volumes[float32](links)
				sent += volume.Bytes / 4
				if messages := int64(2 * len(y.Neighbours)); volume.Messages > messages {
					t.Errorf("rank %d sends %d messages to %d neighbours", r, volume.Messages, len(y.Neighbours))
				}
				if volume.Bytes != 4*y.Cost().Of(mode) {
					t.Errorf("rank %d: the exchange sends %d bytes, %d were counted", r, volume.Bytes, 4*y.Cost().Of(mode))
				}
				for _, l := range links {
					if err := exchange.Match(r, l, layout(l.Rank).Links(mode)); err != nil {
						t.Error(err)
					}
				}
			}
			over := float64(sent) / float64(all.Minimum)
			t.Logf("%s: up to %d neighbours, %.0f bytes a rank, %.3f of the minimum", mode, most, float64(4*sent)/float64((c.ranks+c.every-1)/c.every), over)
			if over > overMinimum || most > around || most == 0 || sent == 0 {
				t.Errorf("%.3f of the minimal bytes, %d neighbours", over, most)
			}
		})
	}
}

// hold keeps points where every rank is laid out.
func hold(points decomp.Points) decomp.Planes {
	var all decomp.Planes
	points.Blocks(func(_ int, x [][]float64) {
		if all == nil {
			all = make(decomp.Planes, len(x))
		}
		for a := range x {
			all[a] = append(all[a], x[a]...)
		}
	})
	return all
}

// A rank of 64 holds a 64th of what one alone would, and its rim: counted in bytes allocated, points drawn in blocks. The region of a
// rank has 16 x 16 of the 128 x 128 subdomains, which reach (16+1.9)²/16² = 1.25 times as far; the rim is listed with those who
// share it, and the blocks themselves count.
func TestLayoutHolds(t *testing.T) {
	const ranks, share = 64, 2.0
	m, points := cube(t, 2, 128, 4, 1.9, 16)
	allocated := func(np, rank int) float64 {
		part := m.Dec.Partition(points, np)
		return bytes(func() { NewLayout(m, 5, part, points, rank, Choice{Replicate: 1}) })
	}
	alone := allocated(1, 0)
	for _, r := range []int{0, 27, 63} {
		if got := allocated(ranks, r); got > share*alone/ranks {
			t.Errorf("rank %d allocates %.0f KiB, one alone %.0f KiB: %.2f times a 64th", r, got/1024, alone/1024, got*ranks/alone)
		} else {
			t.Logf("rank %d: %.2f times a 64th of %.0f KiB", r, got*ranks/alone, alone/1024)
		}
	}
}

// Four times the subdomains with the same points each take four times the bytes.
func TestLayoutLinear(t *testing.T) {
	const excess = 1.02
	last := 0.0
	for _, n := range []int{32, 64, 128} {
		m, points := cube(t, 2, n, 4, 2.9, 16)
		part := m.Dec.Partition(points, 1)
		got := bytes(func() { NewLayout(m, 5, part, points, 0, Choice{Replicate: 1}) })
		t.Logf("%d subdomains: %.0f KiB", n*n, got/1024)
		if last > 0 && got > 4*excess*last {
			t.Errorf("%d subdomains allocate %.3g times the bytes of a quarter", n*n, got/last)
		}
		last = got
	}
}

// bytes that f allocates, whether they are freed or not.
func bytes(f func()) float64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return float64(after.TotalAlloc - before.TotalAlloc)
}
