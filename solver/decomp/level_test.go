package decomp

import (
	"math"
	"strings"
	"testing"
)

// Subdomain centres and cores of the published rules, by hand: 3 subdomains on [0, 1], δ = 1.9, spacing 1/2.
func TestLevelGeometry(t *testing.T) {
	l := must(t, unitBox(2), LevelSpec{Counts: []int{3, 2}, Overlap: []float64{1.9}}).Levels[0]
	if l.Len() != 6 {
		t.Fatalf("%d subdomains, want 6", l.Len())
	}
	near := func(name string, got [MaxD]float64, x, y float64) {
		t.Helper()
		if math.Abs(got[0]-x) > 1e-15 || math.Abs(got[1]-y) > 1e-15 {
			t.Errorf("%s %v, want %g, %g", name, got, x, y)
		}
	}
	near("centre of 3 (row-major: 1, 1)", l.Centre(3), 0.5, 1)
	near("half width", l.Half(3), 0.475, 0.95)
	lo, hi := l.Core(3) // the Voronoi cell μ ± h/2; the last one sticks out
	near("core", lo, 0.25, 0.5)
	near("core", hi, 0.75, 1.5)

	round := must(t, []Axis{{Name: "x", Lo: 0, Hi: 1, Periodic: true}}, LevelSpec{Counts: []int{4}, Overlap: []float64{1.5}}).Levels[0]
	if c, h := round.Centre(0)[0], round.Half(0)[0]; c != 0.125 || h != 0.1875 {
		t.Errorf("periodic axis: centre %g and half width %g, want equal cells: 0.125, 0.1875", c, h)
	}

	old := must(t, unitBox(1), LevelSpec{Counts: []int{3}, Overlap: []float64{1.4}, Window: Core2023}).Levels[0]
	if c, h := old.Centre(1)[0], old.Half(1)[0]; math.Abs(c-0.5) > 1e-15 || math.Abs(h-0.25) > 1e-15 {
		t.Errorf("window2023: x̂ from centre %g and half %g, want those of the core, 0.5 and 0.25", c, h)
	}
}

func TestNewErrors(t *testing.T) {
	nan := math.NaN()
	line := []Axis{{Name: "x", Lo: 0, Hi: 1}}
	ring := []Axis{{Name: "x", Lo: 0, Hi: 1, Periodic: true}}
	one := func(n int, delta float64) LevelSpec { return LevelSpec{Counts: []int{n}, Overlap: []float64{delta}} }
	list := func(c, w []float64) LevelSpec { return LevelSpec{Centres: [][]float64{c}, Widths: [][]float64{w}} }
	free := func(w Window, b ...Box) LevelSpec { return LevelSpec{Free: b, Window: w} }
	for _, c := range []struct {
		axes []Axis
		spec LevelSpec
		want string
	}{
		{nil, one(1, 1), "0 axes"},
		{[]Axis{{Name: "x", Lo: 1, Hi: 1}}, one(1, 1), "axis x: empty domain [1, 1]"},
		{[]Axis{{Name: "x", Lo: nan, Hi: 1}}, one(1, 1), "empty domain"},
		{[]Axis{{Name: "x", Lo: 0, Hi: math.Inf(1)}}, one(1, 1), "empty domain"},
		{line, one(0, 1.9), "0 subdomains"},
		{line, one(3, 0.8), "do not cover (0.2, 0.3): use an overlap above 1"},
		{line, one(3, 1), "overlap 1 leaves gaps"},
		{line, one(1, 0.5), "a single subdomain needs 1 or more"},
		{line, one(2, nan), "overlap NaN"},
		{line, LevelSpec{Counts: []int{2, 2}, Overlap: []float64{1.9}}, "2 subdomain counts for 1 axes"},
		{line, LevelSpec{Counts: []int{2}}, "0 overlaps"},
		{line, list([]float64{0.1, 0.9}, []float64{0.4, 0.4}), "gap between subdomains 1 and 2: (0.3, 0.7)"},
		{line, list([]float64{0.3, 0.9}, []float64{0.4, 1.4}), "gap at the lower end: [0, 0.1)"},
		{line, list([]float64{0.1, 0.5}, []float64{1.2, 0.4}), "gap at the upper end: (0.7, 1]"},
		{line, list([]float64{0.25, 0.9}, []float64{0.5, 1}), "vanishes at 0"},
		{line, list([]float64{0.5}, []float64{0.5}), "does not cover [0, 1]"},
		{line, list([]float64{0.9, 0.1}, []float64{1, 1}), "ascending"},
		{line, list([]float64{0.1, 0.9}, []float64{1}), "as many widths"},
		{line, list([]float64{0.1, 0.9}, []float64{1, -1}), "positive width"},
		{ring, list([]float64{0.1, 0.5}, []float64{0.5, 0.5}), "gap between subdomains 2 and 1: (0.75, 0.85)"},
		{ring, list([]float64{0, 1}, []float64{1, 1}), "outside the period"},
		{line, LevelSpec{Centres: [][]float64{{0.1, 0.5, 0.9}}, Widths: [][]float64{{1, 0.2, 1}}, Window: Core2023}, "subdomain 2, [0.4, 0.6], has no core"},
		{line, free(Cosine, Box{[]float64{0.2}, []float64{0.6}}, Box{[]float64{0.9}, []float64{0.6}}), "do not cover x in [0.5, 0.6]"},
		{line, free(Cosine, Box{[]float64{0.2}, []float64{0.6}}, Box{[]float64{0.8}, []float64{0.6}}), "do not cover x in"},
		{line, free(Cosine, Box{[]float64{0.5}, []float64{0.6}}), "do not cover"},
		{line, free(Cosine, Box{[]float64{0.5, 1}, []float64{0.6}}), "free subdomain 1 has 2 centres"},
		{line, free(Cosine, Box{[]float64{0.5}, []float64{0}}), "positive width"},
		{line, free(Core2023, Box{[]float64{0.2}, []float64{1}}, Box{[]float64{0.8}, []float64{1}}), "window2023 needs neighbours"},
	} {
		_, err := New(c.axes, []LevelSpec{c.spec})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want one with %q", c.spec, err, c.want)
		}
	}
	if _, err := New(line, nil); err == nil {
		t.Error("no levels, no error")
	}
	// A hole in the middle of four boxes around it, in 2-D.
	ringOf := []Box{{[]float64{0.5, 0.1}, []float64{2, 0.5}}, {[]float64{0.5, 0.9}, []float64{2, 0.5}},
		{[]float64{0.1, 0.5}, []float64{0.5, 2}}, {[]float64{0.9, 0.5}, []float64{0.5, 2}}}
	if _, err := New(unitBox(2), []LevelSpec{{Free: ringOf, Window: Gaussian}}); err == nil || !strings.Contains(err.Error(), "x in [0.35") || !strings.Contains(err.Error(), "y in [0.35") {
		t.Errorf("hole in the middle: error %v", err)
	}
	whole := append(ringOf, Box{[]float64{0.5, 0.5}, []float64{0.4, 0.4}})
	if _, err := New(unitBox(2), []LevelSpec{{Free: whole}}); err != nil {
		t.Errorf("hole closed: %v", err)
	}
	// The plain PINN: one subdomain that is the domain itself.
	for _, a := range [][]Axis{line, ring, {{Name: "x", Lo: -0.1, Hi: 0.7}}} {
		if _, err := New(a, []LevelSpec{one(1, 1)}); err != nil {
			t.Errorf("plain PINN on %v: %v", a, err)
		}
	}
}
