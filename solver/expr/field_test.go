package expr

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"fbpinn-mpi/kernels"
)

// sines is the field -sin(πx), by numbers.
func sines() *Field {
	return &Field{Along: [kernels.MaxD]bool{true}, Eval: func(m kernels.MultiIndex, points [][]float64) ([]float64, error) {
		v := make([]float64, len(points[0]))
		for i, x := range points[0] {
			v[i] = -math.Pow(math.Pi, float64(m[0])) * math.Sin(math.Pi*x+float64(m[0])*math.Pi/2)
		}
		return v, nil
	}}
}

func withField(f *Field) Symbols {
	s := burgers()
	s.Field = map[string]*Field{"start_u": f}
	s.Params["t0"] = 0.25
	return s
}

// Burgers' equation on a time slab: the ansatz continues a state that is given by numbers. The programs must agree with those
// of the same state as an expression, in value and in every derivative.
func TestFieldLikeExpression(t *testing.T) {
	const equation = "u_t + u*u_x - nu*u_xx"
	var residual [2]compiled
	var nodes [2][]*Node
	for k, ansatz := range []string{"(t - t0)*u + start_u", "(t - t0)*u - sin(pi*x)"} {
		g := NewGraph(withField(sines()))
		ns := parseAll(t, g, ansatz, equation)
		r, err := g.Constrain(ns[1], ns[:1])
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(1, 2)) // the same point and jets for both
		nodes[k] = []*Node{r}
		residual[k] = compile(t, g, rng, nodes[k])
		residual[k].check(t, ansatz, rng, nodes[k])
	}
	a, b := residual[0], residual[1]
	if len(a.Jets) != len(b.Jets) || len(a.Columns) != len(b.Columns) || len(a.Value.Code) != len(b.Value.Code) {
		t.Errorf("%d jets, %d columns, %d instructions with the field; %d, %d, %d with the expression: it is not collected alike",
			len(a.Jets), len(a.Columns), len(a.Value.Code), len(b.Jets), len(b.Columns), len(b.Value.Code))
	}
	va, vb := a.value(a.jets)[0], b.value(b.jets)[0]
	if !near(va, vb, 1e2*rounding) { // π is raised to a power in one, multiplied in the other
		t.Errorf("residual %v with the field, %v with the expression", va, vb)
	}
	if vb == 0 {
		t.Error("nothing was compared")
	}
}

func TestFieldDerivatives(t *testing.T) {
	g := NewGraph(withField(sines()))
	for _, c := range []struct{ src, want string }{
		{"d(start_u, x)", "start_u_x"}, {"d(start_u_x, x, x)", "start_u_xxx"}, {"d(start_u, t)", "0"}, {"d(start_u_xxxx, t)", "0"},
		{"d(t*start_u, t)", "start_u"}, {"d(start_u^2, x)", "2*start_u*start_u_x"}, {"slope(start_u, x)", "start_u_x"},
		{"flux(start_u)", "start_u*start_u_x"},
	} {
		n, err := g.Parse(c.src)
		if err != nil {
			t.Fatal(err)
		}
		if want, err := g.Parse(c.want); err != nil || n != want {
			t.Errorf("%s is %s, want %s (%v)", c.src, n, c.want, err)
		}
		if again, err := g.Parse(n.String()); err != nil || again != n {
			t.Errorf("%s is printed %s, which reads %v (%v)", c.src, n, again, err)
		}
	}
	if got, want := at(t, g, "start_u_xx"), math.Pi*math.Pi*math.Sin(0.3*math.Pi); !near(got, want, rounding) {
		t.Errorf("start_u_xx is %v, want %v", got, want)
	}
	n := parseAll(t, g, "start_u*u")[0]
	if g.Partial(n, g.Jet(0, kernels.MultiIndex{})) != g.Field("start_u", kernels.MultiIndex{}) {
		t.Error("∂(start_u u)/∂u is not start_u")
	}
	if !g.XOnly(g.Field("start_u", kernels.MultiIndex{})) {
		t.Error("a field is no column")
	}
	if _, err := g.Compile([]*Node{n}, g.Jets(n)); err == nil || !strings.Contains(err.Error(), "start_u is not among the inputs") {
		t.Errorf("a field that is no input: %v", err)
	}
}

func TestFieldErrors(t *testing.T) {
	g := NewGraph(withField(sines()))
	for src, want := range map[string]string{
		"start_u_t":            "start_u does not depend on t",
		"start_u_xt":           "start_u does not depend on t",
		"start_u_y":            "y is not a coordinate, so start_u_y is no derivative of start_u",
		"start_u_xxxxx":        "start_u_xxxxx is above order 4",
		"d(start_u_xxxx, x)":   "the derivative of start_u_xxxx in x is above order 4, the highest available",
		"start_u_":             "the coordinate is missing after start_u_",
		"start_v":              "did you mean start_u?",
		"start_u(x, t)":        "write start_u alone, it is taken at the point",
		"sum(start_u=1..2, 1)": "the index start_u has a meaning already",
	} {
		_, err := g.Parse(src)
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", src, err, want)
		}
	}
	for _, c := range []struct {
		change func(s *Symbols)
		want   string
	}{
		{func(s *Symbols) { s.Params["start_u"] = 1 }, "start_u is the name of a parameter and of a field"},
		{func(s *Symbols) { s.Params["start_u_x"] = 1 }, "start_u_x is the name of a parameter, but reads as a derivative of start_u"},
		{func(s *Symbols) { s.Field["u_x"] = sines() }, "u_x is the name of a field, but reads as a derivative of u"},
		{func(s *Symbols) { s.Field["start_u_t"] = sines() }, ""}, // the slope at the start: start_u itself has none along t
	} {
		s := withField(sines())
		c.change(&s)
		if err := s.Check(); fmt.Sprint(err) != c.want && (err != nil || c.want != "") {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
	s := withField(sines())
	s.Field["start_u_t"] = sines()
	g = NewGraph(s)
	n := parseAll(t, g, "start_u_t_x - start_u_x")[0]
	if got := evaluate(t, []*Node{n}, [][]float64{{0.3}, {0}}, nil, 1)[0][0]; n.String() != "start_u_t_x - start_u_x" && n.String() != "-start_u_x + start_u_t_x" || got != 0 {
		t.Errorf("%s is %v, want 0", n, got)
	}
}

// Eval of a field is asked once for each of its derivatives, for all points together, in an order that the expressions alone
// decide: it may be a collective operation.
func TestFieldAskedOnce(t *testing.T) {
	for _, n := range []int{0, 1, 5000} {
		var asked []kernels.MultiIndex
		f := sines()
		inner := f.Eval
		f.Eval = func(m kernels.MultiIndex, points [][]float64) ([]float64, error) {
			if len(points[0]) != n {
				t.Errorf("%d points at once, want %d", len(points[0]), n)
			}
			asked = append(asked, m)
			return inner(m, points)
		}
		g := NewGraph(withField(f))
		ns := parseAll(t, g, "start_u_xx*start_u + start_u_xx", "sin(start_u) + x", "t")
		coords := [][]float64{make([]float64, n), make([]float64, n)}
		evaluate(t, ns, coords, nil, n)
		once := slices.Clone(asked)
		evaluate(t, ns, coords, nil, n)
		if len(once) != 2 || !slices.Equal(asked[2:], once) {
			t.Errorf("%d points: asked for %v", n, asked)
		}
	}
	f := sines()
	f.Eval = func(kernels.MultiIndex, [][]float64) ([]float64, error) {
		return nil, errors.New("the slab before is not solved")
	}
	g := NewGraph(withField(f))
	_, err := Eval(parseAll(t, g, "2*start_u_x"), [][]float64{{0}, {0}}, nil, 1)
	if err == nil || err.Error() != "start_u_x: the slab before is not solved" {
		t.Errorf("error is %v", err)
	}
}
