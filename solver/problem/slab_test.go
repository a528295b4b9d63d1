package problem

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/solver/expr"
)

// slabbed is Burgers' equation on a window of t, whose ansatz continues the state at its start.
func slabbed(lo, hi float64) Spec {
	s := burgers()
	s.Ansatz = []Named{{"u", "(t - t_start)*sin(pi*x)*u + start_u"}}
	s.Slab = &Slab{Axis: "t", Lo: lo, Hi: hi, Start: []Named{{"u", "-sin(pi*x)"}}}
	return s
}

// The names of a slab stand for what they say: the problem is the one with numbers and start written out.
func TestSlabLikeWrittenOut(t *testing.T) {
	written := burgers()
	written.Axes[1].Lo, written.Axes[1].Hi = 0.25, 0.5
	written.Ansatz = []Named{{"u", "(t - 0.25)*sin(pi*x)*u - sin(pi*x)"}}
	p, q := build(t, slabbed(0.25, 0.5)), build(t, written)
	points := p.Terms[0].Sample(0)
	if first, last := points[1][0], points[1][len(points[1])-1]; first != 0.25 || last != 0.5 {
		t.Errorf("points from %v to %v", first, last)
	}
	compare(t, "Burgers", residuals(t, p, p.Terms[0], points, wave(points, 2, 1))[0], residuals(t, q, q.Terms[0], points, wave(points, 2, 1))[0])
	if grid := p.TestGrid([]int{3, 3}); grid[1][0] != 0.25 || grid[1][8] != 0.5 {
		t.Errorf("test grid %v", grid[1])
	}
	if p.Params["t_start"] != 0.25 || p.Params["t_end"] != 0.5 || p.Params["sd"] != 0.1 {
		t.Errorf("parameters %v", p.Params)
	}
	if len(p.States) != 1 || p.States[0].Name != "u" || !slices.Equal(p.States[0].Needs, []kernels.MultiIndex{{}, {1}, {2}}) {
		t.Errorf("states %+v", p.States)
	}
}

// exponential is the field exp(ax).
func exponential(a float64) *expr.Field {
	return &expr.Field{Eval: func(m kernels.MultiIndex, points [][]float64) ([]float64, error) {
		v := make([]float64, len(points[0]))
		for i, x := range points[0] {
			v[i] = math.Pow(a, float64(m[0])) * math.Exp(a*x)
		}
		return v, nil
	}}
}

// A field whose numbers arrive after Build takes the place of the written start.
func TestSlabFieldAfterBuild(t *testing.T) {
	s := slabbed(0.25, 0.5)
	late := &expr.Field{}
	s.Slab.Fields = map[string]*expr.Field{"u": late}
	p := build(t, s)
	written := burgers()
	written.Axes[1].Lo, written.Axes[1].Hi = 0.25, 0.5
	points := p.Terms[0].Sample(0)
	for _, c := range []struct {
		eval  func(kernels.MultiIndex, [][]float64) ([]float64, error)
		start string
	}{{nil, "- sin(pi*x)"}, {exponential(0.5).Eval, "+ exp(x/2)"}} {
		late.Eval = c.eval
		written.Ansatz = []Named{{"u", "(t - 0.25)*sin(pi*x)*u " + c.start}}
		q := build(t, written)
		compare(t, c.start, residuals(t, p, p.Terms[0], points, wave(points, 2, 1))[0], residuals(t, q, q.Terms[0], points, wave(points, 2, 1))[0])
	}
	late.Eval = func(kernels.MultiIndex, [][]float64) ([]float64, error) { return nil, errors.New("no numbers") }
	if _, err := p.Columns(p.Terms[0].Program.Columns, points); err == nil || !strings.Contains(err.Error(), "start_u") || !strings.Contains(err.Error(), "no numbers") {
		t.Errorf("error is %v", err)
	}
	if _, err := Build(s); err == nil || !strings.Contains(err.Error(), "no numbers") {
		t.Errorf("error of Build is %v", err)
	}
}

// An equation of second order starts from the unknown and its slope.
func TestSlabOfSecondOrder(t *testing.T) {
	s := Spec{
		Axes: []Axis{{"x", 0, 1, false}, {"t", 0, 2, false}}, Unknowns: []string{"u"}, Equations: []string{"u_tt = u_xx"}, Interior: grid2(7, 5),
		Ansatz: []Named{{"u", "start_u + (t - t_start)*start_u_t + (t - t_start)^2*u"}},
		Slab:   &Slab{Axis: "t", Lo: 1, Hi: 2, Start: []Named{{"u", "sin(x)"}, {"u_t", "cos(2*x)"}}},
	}
	p := build(t, s)
	points := p.Terms[0].Sample(0)
	got := residuals(t, p, p.Terms[0], points, wave(points, 2, 3))[0]
	want := make([]float64, len(got))
	for i, x := range points[0] {
		w := points[1][i] - 1
		u := math.Exp(2*x + 3*points[1][i])
		want[i] = (2+4*w*3+w*w*9)*u - (-math.Sin(x) - 4*w*math.Cos(2*x) + w*w*4*u)
	}
	compare(t, "wave", got, want)
	if len(p.States) != 2 || p.States[1].Name != "u_t" || p.States[1].Unknown != 0 || p.States[1].Index != (kernels.MultiIndex{0, 1}) ||
		!slices.Equal(p.States[1].Needs, []kernels.MultiIndex{{}, {2}}) {
		t.Errorf("states %+v", p.States)
	}
	// The solution at the start of the slab is the given state, and so is its slope.
	at := [][]float64{{0.3, 0.8}, {1, 1}}
	for k, want := range [][]float64{{math.Sin(0.3), math.Sin(0.8)}, {math.Cos(0.6), math.Cos(1.6)}} {
		compare(t, "start", derivative(t, p, kernels.MultiIndex{0, uint8(k)}, at, wave(at, 2, 3)), want)
	}
}

// derivative runs the program of Derivatives for one derivative of the first unknown.
func derivative(t *testing.T, p *Problem, m kernels.MultiIndex, points [][]float64, jet func(k int, m kernels.MultiIndex, i int) float64) []float64 {
	t.Helper()
	s, err := p.Derivatives(0, []kernels.MultiIndex{{}, m})
	if err != nil {
		t.Fatal(err)
	}
	n := len(points[0])
	var in [][]float64
	for _, j := range s.Jets {
		plane := make([]float64, n)
		for i := range plane {
			plane[i] = jet(j.Unknown, j.Index, i)
		}
		in = append(in, plane)
	}
	columns, err := p.Columns(s.Columns, points)
	if err != nil {
		t.Fatal(err)
	}
	return execute(t, &s.Program, append(in, columns...), n)[1]
}

// The end of one slab as the start of the next, by numbers, against the two ansatzes nested symbolically: same solution, same
// derivatives, same residual.
func TestSlabChain(t *testing.T) {
	spec := slabbed(0, 0.5)
	spec.Exact = nil
	first := build(t, spec)
	field := &expr.Field{Eval: func(m kernels.MultiIndex, points [][]float64) ([]float64, error) {
		at := [][]float64{points[0], slices.Repeat([]float64{0.5}, len(points[0]))}
		return derivative(t, first, m, at, wave(at, 2, 1)), nil // the networks of the first slab are exp(2x + t)
	}}
	spec.Slab = &Slab{Axis: "t", Lo: 0.5, Hi: 1, Start: spec.Slab.Start, Fields: map[string]*expr.Field{"u": field}}
	second := build(t, spec)

	nested := burgers()
	nested.Exact = nil
	nested.Axes[1].Lo, nested.Axes[1].Hi = 0.5, 1
	nested.Ansatz = []Named{{"u", "(t - 0.5)*sin(pi*x)*u + 0.5*sin(pi*x)*exp(2*x + 0.5) - sin(pi*x)"}}
	whole := build(t, nested)
	points := second.Terms[0].Sample(0)
	jet := wave(points, 1, 3)
	compare(t, "residual", residuals(t, second, second.Terms[0], points, jet)[0], residuals(t, whole, whole.Terms[0], points, jet)[0])
	for _, m := range []kernels.MultiIndex{{}, {1}, {2}, {1, 1}} {
		compare(t, "derivative", derivative(t, second, m, points, jet), derivative(t, whole, m, points, jet))
	}
	// What the slab before must deliver is what the columns ask for, and it can.
	if _, err := first.Derivatives(0, second.States[0].Needs); err != nil {
		t.Error(err)
	}
}

// Derivatives of the constrained solution up to third order, against the product rule by hand.
func TestDerivatives(t *testing.T) {
	s := Spec{Axes: []Axis{{"x", 0, 1, false}, {"t", 0, 1, false}}, Unknowns: []string{"u"}, Equations: []string{"u_t = u_xx"}, Interior: grid2(5, 5),
		Ansatz: []Named{{"u", "exp(x)*u + x^4"}}}
	p := build(t, s)
	points := [][]float64{{0.2, 0.7, 0.9}, {0.1, 0.5, 0.3}}
	jet := wave(points, 2, 3) // C[U] = exp(3x + 3t) + x⁴
	for _, c := range []struct {
		m    kernels.MultiIndex
		poly func(x float64) float64
	}{
		{kernels.MultiIndex{}, func(x float64) float64 { return x * x * x * x }},
		{kernels.MultiIndex{1}, func(x float64) float64 { return 4 * x * x * x }},
		{kernels.MultiIndex{3}, func(x float64) float64 { return 24 * x }},
		{kernels.MultiIndex{1, 2}, func(x float64) float64 { return 0 }},
	} {
		want := make([]float64, 3)
		for i, x := range points[0] {
			want[i] = math.Pow(3, float64(c.m.Order()))*math.Exp(3*x+3*points[1][i]) + c.poly(x)
		}
		compare(t, "derivative", derivative(t, p, c.m, points, jet), want)
	}
	if _, err := p.Derivatives(0, []kernels.MultiIndex{{5}}); err == nil || !strings.Contains(err.Error(), "above order 4") {
		t.Errorf("fifth derivative: %v", err)
	}
	s.Ansatz = nil
	p = build(t, s)
	compare(t, "without ansatz", derivative(t, p, kernels.MultiIndex{2}, points, jet), []float64{4 * jet(0, kernels.MultiIndex{}, 0), 4 * jet(0, kernels.MultiIndex{}, 1), 4 * jet(0, kernels.MultiIndex{}, 2)})
}

// Conditions hold in the windows that they touch.
func TestSlabConditions(t *testing.T) {
	s := slabbed(0, 0.5)
	s.Exact = nil
	s.Conditions = []ConditionSpec{
		{Name: "begin", On: "t = 0", Residual: []string{"u_x"}, Weight: 1, Points: grid1(5)},
		{Name: "end", On: "t = 1", Residual: []string{"u_x"}, Weight: 1, Points: grid1(5)},
		{Name: "wall", On: "x = 1", Residual: []string{"u_x"}, Weight: 1, Points: grid1(5)},
		{Name: "middle", On: "x = 1, t = [0.4, 0.7]", Residual: []string{"u_x"}, Weight: 1, Points: grid1(5)},
		{Name: "first half", On: "x = 1, t = [0, 0.5]", Residual: []string{"u_x"}, Weight: 1, Points: grid1(5)},
		{Name: "start", On: "t = t_start", Residual: []string{"u_x - start_u_x"}, Weight: 1, Points: grid1(5)},
	}
	for _, c := range []struct {
		lo, hi float64
		want   string
	}{{0, 0.5, "begin[0,0] wall[0,0.5] middle[0.4,0.5] first half[0,0.5] start[0,0]"}, {0.5, 1, "end[1,1] wall[0.5,1] middle[0.5,0.7] start[0.5,0.5]"}} {
		s.Slab.Lo, s.Slab.Hi = c.lo, c.hi
		var got []string
		for _, term := range build(t, s).Terms[1:] {
			got = append(got, term.Name+fmt.Sprintf("[%g,%g]", term.Box[1].Lo, term.Box[1].Hi))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("conditions of [%g, %g]: %s", c.lo, c.hi, strings.Join(got, " "))
		}
	}
	s.Conditions = []ConditionSpec{{On: "t = 2", Residual: []string{"u_x"}, Weight: 1, Points: grid1(5)}}
	if _, err := Build(s); err == nil || !strings.Contains(err.Error(), "t runs from 0 to 1") {
		t.Errorf("a condition outside of the domain: %v", err)
	}
}

func TestSlabErrors(t *testing.T) {
	for _, c := range []struct {
		change         func(s *Spec)
		key, msg, hint string
	}{
		{func(s *Spec) { s.Slab.Axis = "z" }, "train.windows.axis", "z is no coordinate", "coordinates: x, t"},
		{func(s *Spec) { s.Axes[1].Periodic = true }, "train.windows.axis", "t is periodic: it has no first window", "choose another coordinate"},
		{func(s *Spec) { s.Slab.Hi = 1.5 }, "train.windows", "the window from 0.25 to 1.5 does not lie in the range of t", "t runs from 0 to 1"},
		{func(s *Spec) { s.Slab.Start[0].Name = "v" }, "train.windows.start.v", "v is neither an unknown nor a derivative of one in t", "unknowns: u"},
		{func(s *Spec) { s.Slab.Start[0].Name = "u_x" }, "train.windows.start.u_x", "u_x is neither an unknown nor a derivative of one in t", "unknowns: u"},
		{func(s *Spec) { s.Slab.Start[0].Text = "-sin(pi*x)*t" }, "train.windows.start.u", "the state at the start of a window cannot depend on t", "write 0 for t"},
		{func(s *Spec) { s.Slab.Start[0].Text = "2*u" }, "train.windows.start.u", "unknown name u", ""},
		{func(s *Spec) { s.Slab.Start[0].Text = "1/(x + 1)" }, "problem.equations[0]", "equations: ", "points of this term must avoid the place"},
		{func(s *Spec) { s.Slab.Start[0].Text = "cole_hopf(x, 0, nu)" }, "problem.equations", "cole_hopf is known by its values only", ""},
		{func(s *Spec) { s.Slab.Start = nil }, "problem.ansatz.u", "unknown name start_u", ""},
		{func(s *Spec) { s.Parameters = append(s.Parameters, Named{"t_end", "1"}) }, "parameters.t_end", "t_end is the name of an end of the time window", "choose another name"},
		{func(s *Spec) { s.Parameters[1].Text = "t_end/10" }, "parameters.sd", "unknown name t_end", ""},
		{func(s *Spec) { s.Functions = []Function{{"start_u", []string{"x"}, "x"}} }, "functions.start_u", "start_u is the name of a field and of a function", "choose another name"},
		{func(s *Spec) { s.Slab = nil }, "problem.ansatz.u", "unknown name t_start", ""},
	} {
		s := slabbed(0.25, 0.5)
		c.change(&s)
		_, err := Build(s)
		var e *Error
		if !errors.As(err, &e) || e.Key != c.key || !strings.Contains(e.Msg, c.msg) || !strings.Contains(e.Hint, c.hint) {
			t.Errorf("%v, want %s: %s (%s)", err, c.key, c.msg, c.hint)
		}
	}
}

func TestEdges(t *testing.T) {
	a := Axis{Name: "t", Lo: -1, Hi: 3}
	for _, c := range []struct {
		count int
		at    []float64
		want  []float64
	}{{4, nil, []float64{-1, 0, 1, 2, 3}}, {1, nil, []float64{-1, 3}}, {0, []float64{0.5, 2}, []float64{-1, 0.5, 2, 3}}} {
		if got, err := Edges(a, c.count, c.at); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%d windows, %v: %v, want %v (%v)", c.count, c.at, got, c.want, err)
		}
	}
	for _, at := range [][]float64{{-1}, {3}, {1, 1}, {2, 1}, {math.NaN()}} {
		var e *Error
		if _, err := Edges(a, 0, at); !errors.As(err, &e) || e.Key != "train.windows.at" {
			t.Errorf("at %v: %v", at, err)
		}
	}
}
