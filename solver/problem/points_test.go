package problem

import (
	"hash/fnv"
	"math"
	"reflect"
	"testing"

	"fbpinn-mpi/solver/region"
)

// drawDigest is the FNV-1a digest of the draws below, as first released.
const drawDigest = 0x12576076f084319a

// The random numbers of a seed must never change: checkpoints and published results depend on them.
func TestDrawIsFrozen(t *testing.T) {
	// SplitMix64 with state 0 starts with this number (Vigna's reference implementation, seed 0).
	if got := mix(golden); got != 0xe220a8397b1dcdaf {
		t.Errorf("mix gives %#x", got)
	}
	h := fnv.New64a()
	for i := range uint64(1000) {
		x := math.Float64bits(Draw(i%7, i%11, i))
		for k := range 8 {
			h.Write([]byte{byte(x >> (8 * k))})
		}
	}
	if got := h.Sum64(); got != drawDigest {
		t.Errorf("digest of draws is %#x", got)
	}
}

func TestDrawIsUniform(t *testing.T) {
	const n, bins = 100000, 100
	// 1000 a bin, standard deviation 32: 5 sigma is exceeded once in 2 million bins.
	const sigmas = 5 * 32
	for _, c := range []struct{ seed, stream uint64 }{{0, 0}, {0, 1}, {1, 0}, {12345, 6}} {
		count := make([]int, bins)
		lag := 0.0
		for i := range uint64(n) {
			x := Draw(c.seed, c.stream, i)
			if x < 0 || x >= 1 {
				t.Fatalf("draw %v outside [0,1)", x)
			}
			count[int(x*bins)]++
			// Neighbours in index, stream and seed must not be related.
			lag += (x - 0.5) * ((Draw(c.seed, c.stream, i+1) - 0.5) + (Draw(c.seed, c.stream+1, i) - 0.5) + (Draw(c.seed+1, c.stream, i) - 0.5))
		}
		for b, m := range count {
			if m < n/bins-sigmas || m > n/bins+sigmas {
				t.Errorf("seed %d stream %d: %d draws in bin %d", c.seed, c.stream, m, b)
			}
		}
		// Variance of a product of two uniform numbers is 1/144; three of them, n times; 5 sigma.
		if limit := 5 * math.Sqrt(3*n/144.0); math.Abs(lag) > limit {
			t.Errorf("seed %d stream %d: correlation %v above %v", c.seed, c.stream, lag, limit)
		}
	}
}

func TestSobolEqualsScipy(t *testing.T) {
	v := newSobol(6)
	for i, want := range scipySobol {
		for a, w := range want {
			if got := v.at(a, uint32(i)); got != w {
				t.Fatalf("point %d, axis %d: %v, scipy has %v", i, a, got, w)
			}
		}
	}
	h := fnv.New64a()
	for i := range uint32(10000) {
		for a := range 6 {
			x := math.Float64bits(v.at(a, i))
			for k := range 8 {
				h.Write([]byte{byte(x >> (8 * k))})
			}
		}
	}
	if got := h.Sum64(); got != scipySobolDigest {
		t.Errorf("digest of 10000 x 6 points is %#x, of scipy's %#x", got, uint64(scipySobolDigest))
	}
}

func TestHalton(t *testing.T) {
	for _, c := range []struct {
		base, i uint64
		want    float64
	}{{2, 1, 0.5}, {2, 6, 0.375}, {3, 5, 7.0 / 9}, {5, 7, 11.0 / 25}, {7, 0, 0}} {
		// A sum of few terms below 1: rounding of the last digit only.
		if got := radicalInverse(c.base, c.i); math.Abs(got-c.want) > 2e-16 {
			t.Errorf("base %d, %d: %v, want %v", c.base, c.i, got, c.want)
		}
	}
}

func plane(lo0, hi0, lo1, hi1 float64, p PointSpec) *Term {
	return &Term{Box: []Range{{lo0, hi0}, {lo1, hi1}}, periodic: []bool{false, false}, Points: p, stream: 3}
}

func TestGrid(t *testing.T) {
	got := plane(0, 1, -1, 1, PointSpec{Sampler: "grid", Shape: []int{2, 3}}).Sample(0)
	if want := [][]float64{{0, 0, 0, 1, 1, 1}, {-1, 0, 1, -1, 0, 1}}; !reflect.DeepEqual(got, want) {
		t.Errorf("grid is %v", got)
	}
	face := plane(0, 1, 0.5, 0.5, PointSpec{Sampler: "grid", Shape: []int{3}}).Sample(0)
	if want := [][]float64{{0, 0.5, 1}, {0.5, 0.5, 0.5}}; !reflect.DeepEqual(face, want) {
		t.Errorf("face is %v", face)
	}
	ring := plane(0, 1, 0, 1, PointSpec{Sampler: "grid", Shape: []int{4, 1}})
	ring.periodic[0] = true
	if got, want := ring.Sample(0), [][]float64{{0, 0.25, 0.5, 0.75}, {0.5, 0.5, 0.5, 0.5}}; !reflect.DeepEqual(got, want) {
		t.Errorf("ring is %v", got)
	}
	// The last point is the end itself, whatever rounding does to the steps.
	for n := 2; n < 400; n++ {
		x := line(Range{-math.Pi, 0.1}, false, n)
		if x[0] != -math.Pi || x[n-1] != 0.1 {
			t.Fatalf("%d points end at %v, %v", n, x[0], x[n-1])
		}
	}
}

// Blocks hands out the points of Sample, bit for bit, whatever the sampler: more of them than a block holds, and without those in
// removed parts.
func TestBlocks(t *testing.T) {
	const n = 2*block + 37
	hole := region.New([]float64{2, -1}, []float64{3, 1}, []bool{false, false}, []region.Box{{Lo: []float64{2.5, 0}, Hi: []float64{3, 1}}})
	for _, spec := range []PointSpec{{Sampler: "uniform", Count: n}, {Sampler: "sobol", Count: n}, {Sampler: "halton", Count: n},
		{Sampler: "grid", Shape: []int{97, 173}}, {Sampler: "cells", Shape: []int{7, 5}}} {
		for _, r := range []*region.Region{nil, hole} {
			term := plane(2, 3, -1, 1, spec)
			term.region = r
			term.cells = [][]float64{line(Range{2, 3}, false, 24), line(Range{-1, 1}, false, 23)}
			want := term.Sample(7)
			got, blocks := make([][]float64, 2), 0
			term.Blocks(7, func(x [][]float64) {
				blocks++
				for a := range x {
					got[a] = append(got[a], x[a]...)
				}
			})
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s, %v: blocks hold other points", spec.Sampler, r)
			}
			if blocks < 3 || term.Count(7) != len(want[0]) || r != nil && len(want[0]) >= term.N() {
				t.Errorf("%s, %v: %d blocks, %d points counted, %d there", spec.Sampler, r, blocks, term.Count(7), len(want[0]))
			}
		}
	}
}

func TestSamplers(t *testing.T) {
	const n = 512
	for _, sampler := range []string{"uniform", "sobol", "halton"} {
		term := plane(2, 3, -1, 1, PointSpec{Sampler: sampler, Count: n})
		a, again, other, redrawn := term.Sample(1), term.Sample(1), term.Sample(2), term.Resample(1, 1)
		if !reflect.DeepEqual(a, again) {
			t.Errorf("%s: same seed, other points", sampler)
		}
		if reflect.DeepEqual(a[0], other[0]) || reflect.DeepEqual(a[1], redrawn[1]) {
			t.Errorf("%s: seed or draw is ignored", sampler)
		}
		// Worst deviation of the empirical distribution of 8 x 8 boxes: 8 expected a box.
		count := map[[2]int]int{}
		for i := range n {
			x, y := a[0][i], a[1][i]
			if x < 2 || x > 3 || y < -1 || y > 1 {
				t.Fatalf("%s: point outside its box: %v, %v", sampler, x, y)
			}
			count[[2]int{int((x - 2) * 8), int((y + 1) * 4)}]++
		}
		limit := 4 // evenness of the sequences, shifted
		if sampler == "uniform" {
			limit = 15 // 5 sigma
		}
		if len(count) < 60 {
			t.Errorf("%s: only %d of 64 boxes hold points", sampler, len(count))
		}
		for b, m := range count {
			if m < 8-limit || m > 8+limit {
				t.Errorf("%s: %d points in box %v", sampler, m, b)
			}
		}
	}
}
