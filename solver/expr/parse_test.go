package expr

import (
	"math"
	"testing"
)

// burgers are the symbols that most tests use.
func burgers() Symbols {
	return Symbols{
		Coords:   []string{"x", "t"},
		Unknowns: []string{"u", "v"},
		Params:   map[string]float64{"nu": 0.01 / math.Pi, "n": 3, "omega0": 20},
		Funcs: map[string]Func{
			"ramp":   {Args: []string{"s", "width"}, Body: "tanh(s/width)"},
			"flux":   {Args: []string{"w"}, Body: "w*w_x"},
			"slope":  {Args: []string{"w", "s"}, Body: "d(w, s)"},
			"hat":    {Args: []string{"s"}, Body: "max(0, 1 - abs(s))"},
			"loop":   {Args: []string{"s"}, Body: "pool(s)"},
			"pool":   {Args: []string{"s"}, Body: "1 + loop(s)"},
			"typo":   {Args: []string{"s"}, Body: "2*ss + 1"},
			"hidden": {Args: []string{"s"}, Body: "s + y"},
		},
		External: map[string]External{"cole_hopf": {Arity: 3, Eval: func(a []float64) float64 { return a[0] + 10*a[1] + 100*a[2] }}},
		Data:     []string{"obs", "sigma"},
	}
}

// evaluate is Eval of what cannot fail.
func evaluate(t testing.TB, ns []*Node, coords [][]float64, leaf func(*Node) []float64, n int) [][]float64 {
	t.Helper()
	v, err := Eval(ns, coords, leaf, n)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// at evaluates src at x = 0.3, t = 0.7.
func at(t *testing.T, g *Graph, src string) float64 {
	t.Helper()
	n, err := g.Parse(src)
	if err != nil {
		t.Fatalf("%s:\n%v", src, err)
	}
	return evaluate(t, []*Node{n}, [][]float64{{0.3}, {0.7}}, nil, 1)[0][0]
}

// rounding is what reordering a handful of float64 operations may change, relative.
const rounding = 4e-15

func near(a, b, tol float64) bool {
	return math.Abs(a-b) <= tol*math.Max(1, math.Max(math.Abs(a), math.Abs(b)))
}

func TestValues(t *testing.T) {
	x, tt := 0.3, 0.7
	for src, want := range map[string]float64{
		"1 + 2*3":                            7,
		"2^3^2":                              512,
		"2**3**2":                            512,
		"-x^2":                               -x * x,
		"(-x)^2":                             x * x,
		"2^-1":                               0.5,
		"2^-x^2":                             math.Pow(2, -x*x),
		"-2^2":                               -4,
		"1 - 2 - 3":                          -4,
		"x - t - x":                          -tt,
		"8/4/2":                              1,
		"8/4*2":                              4,
		"x/t*t":                              x,
		"x/(t*x)":                            1 / tt,
		"+x - -t":                            x + tt,
		"--x":                                x,
		"2*-x":                               -2 * x,
		".5 + 1. + 1e-3 + 2.5E+1":            26.501,
		"pi*e":                               math.Pi * math.E,
		"0.01/pi":                            0.01 / math.Pi,
		"e^x":                                math.Exp(x),
		"x^t":                                math.Pow(x, tt),
		"x^2.5":                              math.Pow(x, 2.5),
		"x^-3":                               1 / (x * x * x),
		"1/sqrt(x)":                          1 / math.Sqrt(x),
		"sin(x) + cos(x) + tan(x)":           math.Sin(x) + math.Cos(x) + math.Tan(x),
		"asin(x) + acos(x) + atan(x)":        math.Asin(x) + math.Acos(x) + math.Atan(x),
		"sinh(x) + cosh(x) + tanh(x)":        math.Sinh(x) + math.Cosh(x) + math.Tanh(x),
		"exp(x) + log(x) + sqrt(x)":          math.Exp(x) + math.Log(x) + math.Sqrt(x),
		"abs(-x) + sign(-x) + sign(x-x)":     x - 1,
		"step(x-t) + 10*step(t-x) + step(0)": 11,
		"min(x, t) + 10*max(x, t)":           x + 10*tt,
		"sigmoid(x)":                         1 / (1 + math.Exp(-x)),
		"tanh(-x) + tanh(x)":                 0,
		"cos(-x) - cos(x)":                   0,
		"sum(i=1..6, 2^i*sin(2^i*x))": func() (s float64) {
			for i := 1; i <= 6; i++ {
				s += math.Pow(2, float64(i)) * math.Sin(math.Pow(2, float64(i))*x)
			}
			return
		}(),
		"sum(i=1..n, sum(j=i..n, i*j*x))": 25 * x,
		"sum(i=-1..n-2, i*x + 1)":         3,
		"prod(i=1..5, i)*x":               120 * x,
		"prod(k=1..2, x + k)":             (x + 1) * (x + 2),
		"ramp(x, 0.1)":                    math.Tanh(x / 0.1),
		"hat(t) + hat(2)":                 1 - tt,
		"flux(x^2)":                       x * x * 2 * x,
		"slope(x*t, t)":                   x,
		"cole_hopf(x, t, nu)":             x + 10*tt + 100*0.01/math.Pi,
		"d(x^3*t, x, x)":                  6 * x * tt,
		"d(sin(x*t), x, t)":               math.Cos(x*tt) - x*tt*math.Sin(x*tt),
		"(x + 1) - 1":                     x,
		"sqrt(x^2)":                       x,
		"(x^2)^0.5 + sqrt((-x)^2)":        2 * x,
		"x\n + \tt":                       x + tt,
		"omega0*nu":                       20 * 0.01 / math.Pi,
	} {
		if got := at(t, NewGraph(burgers()), src); !near(got, want, rounding) {
			t.Errorf("%s = %v, want %v", src, got, want)
		}
	}
}

// Equal expressions must be one node, whatever the way they are written.
func TestSimplify(t *testing.T) {
	g := NewGraph(burgers())
	for _, c := range [][2]string{
		{"x + 0", "x"}, {"x*1", "x"}, {"0*u_x", "0"}, {"-(-x)", "x"}, {"x^1", "x"}, {"x^0", "1"}, {"x*x", "x^2"},
		{"x + x", "2*x"}, {"x + t", "t + x"}, {"u*v", "v*u"}, {"3*x - x - 2*x", "0"}, {"x/x", "1"}, {"x*x^2/x^3", "1"},
		{"2*(3*x)", "6*x"}, {"(2*x)*(3*t)", "6*x*t"}, {"-(x - t)", "t - x"}, {"x - (t - x)", "2*x - t"}, {"(x*t)^2", "x^2*t^2"},
		{"sqrt(x)", "x^0.5"}, {"sqrt(x)*sqrt(x)", "x"}, {"e^x", "exp(x)"}, {"sin(-2*x)", "-sin(2*x)"}, {"cosh(-x)", "cosh(x)"},
		{"max(x, t)", "max(t, x)"}, {"min(x, x)", "x"}, {"u_xt", "d(u_t, x)"}, {"u_tx", "u_xt"}, {"d(u*v, x)", "u_x*v + u*v_x"},
		{"x**2", "x^2"}, {"d(exp(2*x), x)", "2*exp(2*x)"}, {"d(t, x)", "0"}, {"d(nu*u_xx, x, x)", "nu*u_xxxx"},
		{"2*x/4", "x/2"}, {"1/(2*x)", "0.5/x"}, {"(u + v)*2 - 2*(v + u)", "0"},
	} {
		a, err1 := g.Parse(c[0])
		b, err2 := g.Parse(c[1])
		if err1 != nil || err2 != nil {
			t.Fatalf("%v: %v %v", c, err1, err2)
		}
		if a != b {
			t.Errorf("%s is %v, but %s is %v", c[0], a, c[1], b)
		}
	}
	// Not simplified, on purpose: each would change the value somewhere.
	for _, c := range [][2]string{{"sqrt(x^2)", "x"}, {"(x^3)^(1/3)", "x"}, {"log(exp(x))", "exp(log(x))"}} {
		a, _ := g.Parse(c[0])
		b, _ := g.Parse(c[1])
		if a == b || a == nil || b == nil {
			t.Errorf("%s and %s are both %v", c[0], c[1], a)
		}
	}
}

// A factor must not be distributed over (x - c): the ansatz would no longer vanish on the boundary.
func TestExactZeroOnBoundary(t *testing.T) {
	g := NewGraph(burgers())
	n, err := g.Parse("tanh((x - 0.7)/0.3)*(1 - x)/0.1")
	if err != nil {
		t.Fatal(err)
	}
	got := evaluate(t, []*Node{n}, [][]float64{{0.7, 1}, {0, 0}}, nil, 2)[0]
	if got[0] != 0 || got[1] != 0 {
		t.Errorf("on the boundary the ansatz is %v, not exactly 0", got)
	}
}

func TestPrint(t *testing.T) {
	g := NewGraph(burgers())
	for _, c := range [][2]string{
		{"u_t + u*u_x - nu*u_xx", "u_t + u*u_x - 0.0031830988618379067*u_xx"},
		{"-sin(pi*x)", "-sin(pi*x)"},
		{"2*x/t^2 + 1", "2*x/t^2 + 1"},
		{"1/x", "1/x"},
		{"1/sqrt(x+t)", "1/sqrt(x + t)"},
		{"(x+t)*(x-t)", "(x + t)*(x - t)"},
		{"3*(x+t)", "3*(x + t)"},
		{"2^x", "2^x"},
		{"(-2)^x*(x*t)^t", "(-2)^x*(x*t)^t"},
		{"x^(2*pi) + 8*pi^2*u", "78.95683520871486*u + x^(2*pi)"},
		{"sqrt(u)^3", "u^1.5"},
		{"exp(-x)/(2*t)", "0.5*exp(-x)/t"},
		{"data.obs - u", "data.obs - u"},
		{"cole_hopf(x, 2*t, 1)", "cole_hopf(x, 2*t, 1)"},
		{"sin(pi/4*x)*v_xt", "sin(pi/4*x)*v_xt"},
		{"-u_xx - 1", "-u_xx - 1"},
		{"-((x+1)*(x+2))", "-((x + 1)*(x + 2))"}, // without the outer parentheses the sign would go into the first sum
		{"-((x+1)/t)", "-((x + 1)/t)"},
		{"-(x+1)^2", "-(x + 1)^2"},
		{"-((x+1)*(x+2)) - (x+1)*(t+2)", "-((x + 1)*(x + 2)) - (x + 1)*(t + 2)"},
		{"min(x, -1)", "min(x, -1)"},
	} {
		n, err := g.Parse(c[0])
		if err != nil {
			t.Fatal(err)
		}
		if s := n.String(); s != c[1] {
			t.Errorf("%s is printed %s, want %s", c[0], s, c[1])
		}
		if again, err := g.Parse(n.String()); again != n {
			t.Errorf("%s reads back as %v (%v)", n, again, err)
		}
	}
	long := NewGraph(Symbols{Coords: []string{"x", "xx"}, Unknowns: []string{"u"}})
	n, err := long.Parse("d(u, x, x)")
	if err != nil || n.String() != "d(u, x, x)" {
		t.Errorf("ambiguous subscript printed as %v (%v)", n, err)
	}
	const want = "u_xx can be read in two ways\n    u_xx\n    ^~~~\n    write d(u, ...) with the coordinates one by one"
	if _, err := long.Parse("u_xx"); err == nil || err.Error() != want {
		t.Errorf("ambiguous subscript: %v", err)
	}
}

func TestEquation(t *testing.T) {
	g := NewGraph(burgers())
	r, err := g.ParseEquation("u_t + flux(u) = nu*u_xx")
	want, _ := g.Parse("u_t + u*u_x - nu*u_xx")
	if err != nil || r != want {
		t.Errorf("residual %v (%v), want %v", r, err, want)
	}
	if v, err := g.ParseNumber("n*omega0 + sum(i=1..4, i)"); err != nil || v != 70 {
		t.Errorf("ParseNumber: %v, %v", v, err)
	}
}

func TestManyCoordinatesAndLongNames(t *testing.T) {
	g := NewGraph(Symbols{Coords: []string{"lon", "lat", "z", "θ"}, Unknowns: []string{"h_1", "φ"}})
	for src, want := range map[string]string{"h_1_lonlatz": "h_1_lonlatz", "φ_θθ": "φ_θθ", "φ_latlon": "φ_lonlat"} {
		n, err := g.Parse(src)
		if err != nil || n.String() != want || n.Op != OpJet {
			t.Errorf("%s: %v, %v", src, n, err)
		}
	}
}
