package decomp

import (
	"math/rand/v2"
	"testing"
)

// grid returns the points of a tensor grid with inclusive ends, row-major.
func grid(axes []Axis, shape ...int) [][]float64 {
	n := 1
	for _, s := range shape {
		n *= s
	}
	points := make([][]float64, len(axes))
	stride := n
	for a, axis := range axes {
		stride /= shape[a]
		points[a] = make([]float64, n)
		for i := range points[a] {
			k := i / stride % shape[a]
			points[a][i] = axis.Lo + axis.Length()*float64(k)/float64(shape[a]-1)
		}
	}
	return points
}

// scatter returns n uniform points.
func scatter(axes []Axis, n int, seed uint64) [][]float64 {
	r := rand.New(rand.NewPCG(seed, 1))
	points := make([][]float64, len(axes))
	for a := range axes {
		points[a] = make([]float64, n)
	}
	for i := 0; i < n; i++ {
		for a, axis := range axes {
			points[a][i] = axis.Lo + axis.Length()*r.Float64()
		}
	}
	return points
}

func unitBox(d int) []Axis {
	names := []string{"x", "y", "z", "t"}
	axes := make([]Axis, d)
	for a := range axes {
		axes[a] = Axis{Name: names[a], Lo: 0, Hi: 1}
	}
	return axes
}

func repeat(n, d int) []int {
	c := make([]int, d)
	for a := range c {
		c[a] = n
	}
	return c
}

func must(t testing.TB, axes []Axis, specs ...LevelSpec) *Decomposition {
	t.Helper()
	dec, err := New(axes, specs)
	if err != nil {
		t.Fatal(err)
	}
	return dec
}

// ladder makes the levels of 1, 2, 4, ... subdomains per axis of Dolean et al. 2024.
func ladder(t testing.TB, levels, d int, delta float64) *Decomposition {
	var specs []LevelSpec
	for l := 0; l < levels; l++ {
		specs = append(specs, LevelSpec{Counts: repeat(1<<l, d), Overlap: []float64{delta}})
	}
	return must(t, unitBox(d), specs...)
}

// TestPairsGolden repeats the pair counts computed from the formula for the published 2-D runs of Dolean et al. 2024
// (δ = 1.9, levels 1..2^(L-1)).
func TestPairsGolden(t *testing.T) {
	subdomains := []int{5, 21, 85, 341, 1365, 5461}
	weak := []int64{424, 3288, 18928, 98816, 487680, 2320384}
	strong := []int64{472064, 841728, 1211392, 1581056, 1950720, 2320384}
	helmholtz := []int64{1844, 13152, 75712, 395264, 1950720}
	for k, n := range subdomains {
		levels := k + 2
		dec := ladder(t, levels, 2, 1.9)
		if got := dec.Subdomains(); got != n {
			t.Errorf("L=%d: %d subdomains, want %d", levels, got, n)
		}
		check := func(name string, side int, want int64) {
			points := grid(dec.Axes, side, side)
			if got := dec.Count(points); got != want {
				t.Errorf("L=%d %s: %d pairs, want %d", levels, name, got, want)
			}
			sum := int64(0)
			for _, l := range dec.Levels {
				sum += l.Pairs(points).Len()
			}
			if sum != want {
				t.Errorf("L=%d %s: lists hold %d pairs, want %d", levels, name, sum, want)
			}
		}
		check("weak", 5<<(levels-1), weak[k])
		check("320²", 320, strong[k])
		if k < len(helmholtz) {
			check("Helmholtz weak", 10<<(levels-1), helmholtz[k])
		}
	}
	mixed := must(t, unitBox(2), LevelSpec{Counts: []int{1, 1}, Overlap: []float64{1.9}},
		LevelSpec{Counts: []int{8, 8}, Overlap: []float64{1.9}}, LevelSpec{Counts: []int{64, 64}, Overlap: []float64{1.9}})
	if n, j := mixed.Count(grid(mixed.Axes, 320, 320)), mixed.Subdomains(); n != 841728 || j != 4161 {
		t.Errorf("[1,8,64]: %d pairs and %d subdomains, want 841728 and 4161", n, j)
	}
	if n := mixed.Levels[2].Count(grid(mixed.Axes, 320, 320)); n != 369664 {
		t.Errorf("[64]: %d pairs, want 369664", n)
	}
}

// brute tests all points against all boxes.
func brute(l *Level, points [][]float64) [][]int32 {
	in := make([][]int32, l.Len())
	for j := range in {
		lo, hi := l.Bounds(j)
		for i := range points[0] {
			inside := true
			for a := range l.axes {
				x := points[a][i]
				ok := x >= lo[a] && x <= hi[a]
				if p := l.axes[a].Length(); l.axes[a].Periodic {
					ok = ok || x-p >= lo[a] && x-p <= hi[a] || x+p >= lo[a] && x+p <= hi[a]
				}
				inside = inside && ok
			}
			if inside {
				in[j] = append(in[j], int32(i))
			}
		}
	}
	return in
}

func comparePairs(t *testing.T, name string, l *Level, points [][]float64) {
	t.Helper()
	want := brute(l, points)
	got := l.Pairs(points)
	total := int64(0)
	var odd []int
	for j := range want {
		total += int64(len(want[j]))
		equal(t, name, got.Of(j), want[j])
		equal(t, name+" Inside", l.Inside(j, points), want[j])
		if j%2 == 1 {
			odd = append([]int{j}, odd...) // descending: the order given is kept
		}
	}
	if total == 0 || got.Len() != total {
		t.Fatalf("%s: %d pairs, brute force finds %d", name, got.Len(), total)
	}
	some := l.PairsOf(odd, points)
	for k, j := range odd {
		equal(t, name+" PairsOf", some.Of(k), want[j])
	}
}

func equal(t *testing.T, name string, got, want []int32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d entries, want %d", name, len(got), len(want))
	}
	for k := range got {
		if got[k] != want[k] {
			t.Fatalf("%s: entry %d is %d, want %d", name, k, got[k], want[k])
		}
	}
}

func TestPairsBruteForce(t *testing.T) {
	burgers := []Axis{{Name: "x", Lo: -1, Hi: 1}, {Name: "t", Lo: 0, Hi: 1}}
	ex4 := must(t, burgers, LevelSpec{Counts: []int{20, 10}, Overlap: []float64{2.9}})
	comparePairs(t, "Burgers example 4", ex4.Levels[0], grid(burgers, 200, 100))

	round := []Axis{{Name: "x", Lo: -1, Hi: 1, Periodic: true}, {Name: "y", Lo: 0, Hi: 3}}
	for _, n := range []int{1, 2, 3, 5} { // 2.9 exceeds the number of subdomains: boxes as wide as the period
		dec := must(t, round, LevelSpec{Counts: []int{n, 4}, Overlap: []float64{2.9, 1.7}})
		comparePairs(t, "periodic", dec.Levels[0], grid(round, 41, 13))
		comparePairs(t, "periodic, scattered", dec.Levels[0], scatter(round, 300, 7))
	}
	for d := 1; d <= MaxD; d++ {
		dec := must(t, unitBox(d), LevelSpec{Counts: repeat(3, d), Overlap: []float64{1.9}})
		comparePairs(t, "scattered", dec.Levels[0], scatter(dec.Axes, 300, 3))
	}
	edges := must(t, unitBox(2), LevelSpec{Counts: []int{3, 3}, Overlap: []float64{2}}) // boxes [-½,½], [0,1], [½,3/2], exactly
	comparePairs(t, "points on the edges", edges.Levels[0], grid(edges.Axes, 5, 5))
	if n := edges.Levels[0].Covering([][]float64{{0.5, 0, 0.25}, {0.5, 0.5, 0.25}}); n[0] != 9 || n[1] != 6 || n[2] != 4 {
		t.Errorf("closed boxes around points on their edges: %v, want 9, 6, 4", n)
	}
	lists := must(t, unitBox(2), LevelSpec{Counts: []int{0, 2}, Overlap: []float64{1.5},
		Centres: [][]float64{{0.1, 0.3, 0.35, 0.9}, nil}, Widths: [][]float64{{0.5, 0.2, 0.9, 0.4}, nil}})
	comparePairs(t, "lists with a box inside another", lists.Levels[0], scatter(lists.Axes, 500, 5))
	cloud := must(t, round, LevelSpec{Free: []Box{
		{Centre: []float64{0.9, 1}, Width: []float64{1.5, 4.1}}, {Centre: []float64{-0.2, 2}, Width: []float64{1.5, 4.5}},
		{Centre: []float64{0, 0.5}, Width: []float64{9, 2}}}})
	comparePairs(t, "free, periodic", cloud.Levels[0], scatter(round, 500, 9))
}

// BenchmarkPairs is the plan of a large run: 316² subdomains and 1000² points.
func BenchmarkPairs(b *testing.B) {
	dec := must(b, unitBox(2), LevelSpec{Counts: []int{316, 316}, Overlap: []float64{1.9}})
	for _, c := range []struct {
		name   string
		points [][]float64
	}{{"grid", grid(dec.Axes, 1000, 1000)}, {"scattered", scatter(dec.Axes, 1000000, 1)}} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				p := dec.Levels[0].Pairs(c.points)
				b.ReportMetric(float64(p.Len()), "pairs")
			}
		})
	}
}
