package plot

import (
	"math"
	"path/filepath"
	"reflect"
	"testing"

	"gonum.org/v1/plot"

	"fbpinn-mpi/io/snapshot"
)

// solved is a run of Adam and then Gauss-Newton: steps of one kind and of the other, four factorisations, seven solves.
func solved(levels int, coords ...snapshot.Coord) *snapshot.Snapshot {
	s := example(levels, coords...)
	n := len(s.History[0].Values)
	for name, value := range map[string]float64{"linear_iterations": 12, "linear_damping": 1e-4, "linear_condition": 30} {
		h := snapshot.Series{Name: name}
		for k := range n {
			v := value * math.Exp(-0.1*float64(k%9))
			if k < n/2 {
				v = math.NaN()
			}
			h.Values = append(h.Values, v)
		}
		s.History = append(s.History, h)
	}
	l := &snapshot.Linear{Factorisations: []snapshot.Series{{Name: "step", Values: []float64{101, 102, 103, 107}}}}
	for i := range s.Decomposition.Level {
		if i%7 == 3 {
			continue // without columns
		}
		keep := int32(20 - i%5)
		l.Subdomain, l.Columns, l.Kept = append(l.Subdomain, int32(i)), append(l.Columns, 20), append(l.Kept, keep)
		l.Largest, l.Smallest = append(l.Largest, 4), append(l.Smallest, 4e-9*float64(1+i%11))
	}
	for k, ph := range Phases {
		l.Factorisations = append(l.Factorisations, snapshot.Series{Name: ph.Column, Values: []float64{0.1 * float64(k), 0.2, 0.3, 0.1}})
	}
	for k := range 7 {
		var g []float64
		for i := range 3 + 4*k {
			g = append(g, math.Exp(-float64(k)-0.7*float64(i)))
		}
		l.Step, l.Gradient = append(l.Step, int32(101+k/2)), append(l.Gradient, g)
	}
	s.Linear = l
	return s
}

func TestLinearPicture(t *testing.T) {
	one := solved(1, linspace("x", 0, 1, 30)) // a single step of a linear problem, exact at once
	for k := range one.History {
		one.History[k].Values = one.History[k].Values[len(one.History[k].Values)-1:]
	}
	one.Linear.Step, one.Linear.Gradient = one.Linear.Step[:1], [][]float64{{1, 0}}
	bare := solved(2, linspace("x", 0, 1, 30)) // stopped before its first solve: nothing but a factorisation
	bare.Linear = &snapshot.Linear{Factorisations: bare.Linear.Factorisations}
	for name, s := range map[string]*snapshot.Snapshot{"many": solved(4, linspace("x", 0, 1, 30), linspace("y", 0, 1, 30)), "one": one, "bare": bare} {
		dir := t.TempDir()
		paths, err := All(dir, s)
		if err != nil {
			t.Fatal(name, err)
		}
		path := paths[len(paths)-1]
		if filepath.Base(path) != "linear.png" {
			t.Fatalf("%s: pictures %v", name, paths)
		}
		if colours, w, h := look(t, path); colours < 30 || w != 1900 || h != 1060 {
			t.Errorf("%s: %d colours, %d x %d pixels", name, colours, w, h)
		}
	}
}

// Only steps with a linear problem count, from the end of the step before: here 100 of 0.4 s.
func TestLinearSeconds(t *testing.T) {
	s := solved(1, linspace("x", 0, 1, 30))
	for k := range s.History[1].Values {
		s.History[1].Values[k] = 0.4 * float64(k)
	}
	const want, rounding = 101 * 0.4, 1e-12
	if got := LinearSeconds(s); math.Abs(got-want) > rounding*want {
		t.Errorf("%v s, want %v", got, want)
	}
}

func TestByLevel(t *testing.T) {
	s := &snapshot.Snapshot{Decomposition: &snapshot.Decomposition{Level: []int32{0, 1, 1, 2}}, Linear: &snapshot.Linear{Subdomain: []int32{1, 2, 3}}}
	if got, want := byLevel(s), [][]int{nil, {0, 1}, {2}}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// Frames hold whole decades around all positive values, whatever else is there.
func TestLogarithmicFrame(t *testing.T) {
	for _, c := range []struct {
		values  []float64
		lo, hi  float64
		entries int
	}{
		{[]float64{3e-9, math.NaN(), 0, 40}, 1e-9, 1e2, 0},
		{[]float64{1e-3}, 1e-3, 1e-2, 0},
		{nil, 0.1, 1, 0},
		{[]float64{1e-10, 1}, 1e-10, 1e2, 3}, // 18 % of ten decades for the legend
	} {
		p := plot.New()
		logarithmic(p, c.values, c.entries)
		const rounding = 1e-12
		if math.Abs(p.Y.Min/c.lo-1) > rounding || math.Abs(p.Y.Max/c.hi-1) > rounding {
			t.Errorf("%v: from %g to %g, want %g to %g", c.values, p.Y.Min, p.Y.Max, c.lo, c.hi)
		}
	}
}

func TestWorkPrecision(t *testing.T) {
	path := filepath.Join(t.TempDir(), "compare.png")
	err := WorkPrecision(path, "a problem: error", []Work{
		{Name: "adam", Seconds: []float64{1, 2, 4}, Error: []float64{1, 0.1, 0.05}, Whole: 5},
		{Name: "least squares", Seconds: []float64{0.1}, Error: []float64{1e-8}, Whole: 1},
		{Name: "exact", Seconds: []float64{0, 1}, Error: []float64{1, 0}}, // nothing that a logarithm can show
		{Name: "classical", Seconds: []float64{1e-4, 1e-2}, Error: []float64{1e-2, 1e-6}, Other: true}})
	if err != nil {
		t.Fatal(err)
	}
	if colours, w, h := look(t, path); colours < 30 || w != 1100 || h != 750 {
		t.Errorf("%d colours, %d x %d pixels", colours, w, h)
	}
	if err := WorkPrecision(path, "nothing", nil); err != nil {
		t.Error(err)
	}
}
