package decomp

import (
	"math"
	"strings"
	"testing"

	"fbpinn-mpi/kernels"
)

// roundings of sinh and asinh in centres of size 1.
const gradedRounding = 4e-15

// Grading towards the middle of [-1, 1] is sinh(4ξ)/sinh(4), the published Burgers set-up; towards an end it is the half of it.
func TestGradedCentres(t *testing.T) {
	const n = 31
	axis := Axis{Name: "x", Lo: -1, Hi: 1}
	x, err := Grading{Towards: 0, Factor: 4}.centres(axis, n)
	if err != nil {
		t.Fatal(err)
	}
	half, err := Grading{Towards: 0, Factor: 4}.centres(Axis{Name: "x", Lo: 0, Hi: 1}, n/2+1)
	if err != nil {
		t.Fatal(err)
	}
	for i := range x {
		xi := -1 + 2*float64(i)/(n-1)
		if want := math.Sinh(4*xi) / math.Sinh(4); math.Abs(x[i]-want) > gradedRounding {
			t.Errorf("centre %d at %v, want %v", i, x[i], want)
		}
		if i >= n/2 && math.Abs(x[i]-half[i-n/2]) > gradedRounding {
			t.Errorf("towards an end: centre %d at %v, want %v", i-n/2, half[i-n/2], x[i])
		}
	}
}

// Wherever the centres are densest: ends are exact, the spacings fall towards the place and rise behind it by one smooth law
// (their neighbours add up to 2cosh(Δs) of them), and the largest is cosh(factor) times the smallest.
func TestGradedSpacing(t *testing.T) {
	const n = 4001
	// Differences of centres of size 1 that are as small as 1e-6, each with some roundings.
	const rounding = 1e-8
	axis := Axis{Name: "x", Lo: -1, Hi: 2}
	for _, towards := range []float64{-1, -0.7, 0.5, 1.9, 2} {
		for _, factor := range []float64{0.5, 3, 6} {
			x, err := Grading{Towards: towards, Factor: factor}.centres(axis, n)
			if err != nil {
				t.Fatal(err)
			}
			if x[0] != axis.Lo || x[n-1] != axis.Hi {
				t.Fatalf("ends %v, %v", x[0], x[n-1])
			}
			least, most, law := math.Inf(1), 0.0, 0.0
			for i := 1; i < n; i++ {
				h := x[i] - x[i-1]
				least, most = math.Min(least, h), math.Max(most, h)
				if i < 2 || i > n-2 {
					continue
				}
				r := (x[i-1] - x[i-2] + x[i+1] - x[i]) / (2 * h)
				if law == 0 {
					law = r
				}
				if math.Abs(r-law) > rounding {
					t.Fatalf("towards %g, factor %g: the law of the spacings changes at %g: %v, %v", towards, factor, x[i], r, law)
				}
			}
			// The outermost of n spacings is taken half a spacing inside the end: relative difference below factor·Δs.
			if want := math.Cosh(factor); math.Abs(most/least/want-1) > 2*factor*factor/n {
				t.Errorf("towards %g, factor %g: spacings differ by %g, want %g", towards, factor, most/least, want)
			}
		}
	}
}

// Widths follow the local spacing, and neighbours overlap by at least (δ-1) of their distance, for gradings and for lists.
func TestLocalWidths(t *testing.T) {
	const rounding = 1e-12 // of sums of a few numbers of size 1
	line, ring := Axis{Name: "x", Lo: 0, Hi: 1}, Axis{Name: "x", Lo: 0, Hi: 1, Periodic: true}
	lists := [][]float64{{0, 0.25, 0.5, 0.75}, {0.3, 0.31, 0.9}, {0.01, 0.02, 0.5, 0.51, 0.52, 0.99}, {0.2, 0.9}, {0.4}}
	for _, factor := range []float64{1, 4, 8} {
		for _, towards := range []float64{0, 0.3, 1} {
			x, err := Grading{Towards: towards, Factor: factor}.centres(line, 12)
			if err != nil {
				t.Fatal(err)
			}
			lists = append(lists, x)
		}
	}
	for _, x := range lists {
		for _, axis := range []Axis{line, ring} {
			if axis.Periodic && x[len(x)-1] == axis.Hi {
				continue // the same place twice
			}
			for _, delta := range []float64{1.05, 1.9, 2.9} {
				w, widened, err := localWidths(axis, x, delta)
				if err != nil {
					t.Fatal(err)
				}
				n, wide := len(x), 0
				for i := range x {
					left, right := max(i, 1), min(i+1, n-1) // the spacing on either side, mirrored at the ends
					if n > 1 && !axis.Periodic {
						plain := delta * (x[left] - x[left-1] + x[right] - x[right-1]) / 2
						if w[i] < plain-rounding {
							t.Errorf("%v, δ = %g: width %d is %g, less than δ times the spacing %g", x, delta, i, w[i], plain)
						}
						if w[i] > plain+rounding {
							wide++
						}
					}
					if i+1 < n {
						if h := x[i+1] - x[i]; (w[i]+w[i+1])/2-h < (delta-1)*h-rounding {
							t.Errorf("%v, δ = %g: %d and %d share %g of %g", x, delta, i, i+1, (w[i]+w[i+1])/2-h, h)
						}
					}
				}
				if !axis.Periodic && n > 1 && wide != widened {
					t.Errorf("%v, δ = %g: %d boxes are wider, %d counted", x, delta, wide, widened)
				}
				// The checks of New accept it, with a window that vanishes at its ends.
				dec := must(t, []Axis{axis}, LevelSpec{Centres: [][]float64{x}, Overlap: []float64{delta}})
				points := grid(dec.Axes, 999)
				for i, m := range dec.Levels[0].Covering(points) {
					if m == 0 {
						t.Fatalf("%v, δ = %g: %g is not covered", x, delta, points[0][i])
					}
				}
			}
		}
	}
	// Equal spacing in a list is the rule of counts.
	a := must(t, []Axis{line}, LevelSpec{Counts: []int{5}, Overlap: []float64{1.9}}).Levels[0]
	b := must(t, []Axis{line}, LevelSpec{Centres: [][]float64{{0, 0.25, 0.5, 0.75, 1}}, Overlap: []float64{1.9}}).Levels[0]
	for j := range 5 {
		if math.Abs(a.Half(j)[0]-b.Half(j)[0]) > rounding || a.Centre(j) != b.Centre(j) {
			t.Errorf("subdomain %d: %v, %v from counts, %v, %v from the list", j, a.Centre(j), a.Half(j), b.Centre(j), b.Half(j))
		}
	}
	if b.Widened(0) != 0 {
		t.Errorf("%d boxes of a regular list were widened", b.Widened(0))
	}
}

// A graded level is a partition of unity with all derivatives.
func TestGradedUnity(t *testing.T) {
	axes := []Axis{{Name: "x", Lo: -1, Hi: 1}, {Name: "t", Lo: 0, Hi: 1}}
	dec := must(t, axes, LevelSpec{Counts: []int{9, 4}, Overlap: []float64{2.2}, Graded: []Grading{{Towards: 0.2, Factor: 3}, {}}})
	l := dec.Levels[0]
	set := kernels.NewJets(2, kernels.MultiIndex{2, 0}, kernels.MultiIndex{0, 1})
	points := scatter(axes, 200, 4)
	one := make([]float64, set.N())
	for i := range points[0] {
		sum, scale := make([]float64, set.N()), make([]float64, set.N())
		for j := range l.Len() {
			if err := l.Jets(j, []float64{points[0][i], points[1][i]}, set, one); err != nil {
				t.Fatal(err)
			}
			for c, v := range one {
				sum[c] += v
				scale[c] += math.Abs(v)
			}
		}
		sum[0]--
		for c, v := range sum {
			const roundings = 1e-13 // of terms of size scale, each from some tens of operations
			if math.Abs(v) > roundings*math.Max(1, scale[c]) {
				t.Fatalf("component %d of the sum of the windows is off by %g of %g", c, v, scale[c])
			}
		}
	}
	if n := l.Centres(0); len(n) != 9 || n[0] != -1 || n[8] != 1 {
		t.Errorf("centres %v", n)
	}
}

func TestGradedErrors(t *testing.T) {
	line, ring := Axis{Name: "x", Lo: 0, Hi: 1}, Axis{Name: "x", Lo: 0, Hi: 1, Periodic: true}
	graded := func(to, factor, delta float64) LevelSpec {
		return LevelSpec{Counts: []int{5}, Overlap: []float64{delta}, Graded: []Grading{{Towards: to, Factor: factor}}}
	}
	for _, c := range []struct {
		axis Axis
		spec LevelSpec
		want string
	}{
		{line, graded(2, 4, 1.9), "axis x: graded towards 2, outside [0, 1]"},
		{line, graded(0, -1, 1.9), "grading factor -1"},
		{line, graded(0, 21, 1.9), "grading factor 21"},
		{line, graded(0, math.NaN(), 1.9), "grading factor NaN"},
		{line, graded(0, 4, 1), "overlap 1 leaves gaps"},
		{ring, graded(0, 4, 1.9), "periodic axis has no ends"},
		{line, LevelSpec{Centres: [][]float64{{0.1, 0.9}}}, "0 overlaps"},
		{line, LevelSpec{Centres: [][]float64{{0.9, 0.1}}, Overlap: []float64{1.9}}, "ascending"},
	} {
		if _, err := New([]Axis{c.axis}, []LevelSpec{c.spec}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want one with %q", c.spec, err, c.want)
		}
	}
}

// Cells are those of the nearest centre, from end to end of the domain; around a period they wrap.
func TestEdges(t *testing.T) {
	axes := []Axis{{Name: "x", Lo: 0, Hi: 1}, {Name: "y", Lo: 0, Hi: 1, Periodic: true}}
	for _, c := range []struct {
		x, y, wantX, wantY []float64
	}{
		{[]float64{0, 0.5, 1}, []float64{0.125, 0.375, 0.625, 0.875}, []float64{0, 0.25, 0.75, 1}, []float64{0, 0.25, 0.5, 0.75, 1}},
		{[]float64{-0.25, 0.125, 0.25, 1.5}, []float64{0.5, 0.75}, []float64{0, 0.1875, 0.875, 1}, []float64{0, 0.125, 0.625, 1}},
		{[]float64{0.5}, []float64{0.5}, []float64{0, 1}, []float64{0, 1}},
	} {
		l := must(t, axes, LevelSpec{Centres: [][]float64{c.x, c.y}, Overlap: []float64{3}}).Levels[0]
		for a, want := range [][]float64{c.wantX, c.wantY} {
			got := l.Edges(a)
			ok := len(got) == len(want)
			for i := range want {
				ok = ok && got[i] == want[i] // binary fractions: exact
			}
			if !ok {
				t.Errorf("axis %d: edges %v, want %v", a, got, want)
			}
		}
	}
}
