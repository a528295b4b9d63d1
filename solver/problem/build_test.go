package problem

import (
	"errors"
	"math"
	"strings"
	"testing"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/solver/expr"
)

// round is the agreement of two ways to compute the same residual in float64: some tens of roundings of terms that do not
// exceed 100 times the result.
const round = 1e-12

func grid1(n int) PointSpec    { return PointSpec{Sampler: "grid", Shape: []int{n}} }
func grid2(n, m int) PointSpec { return PointSpec{Sampler: "grid", Shape: []int{n, m}} }

func oscillator() Spec {
	return Spec{
		Axes:       []Axis{{"t", 0, 1, false}},
		Parameters: []Named{{"w0", "80"}, {"del", "2"}, {"w", "sqrt(w0^2 - del^2)"}, {"phi", "atan(-del/w)"}},
		Unknowns:   []string{"u"},
		Equations:  []string{"u_tt + 2*del*u_t + w0^2*u = 0"},
		Interior:   grid1(200),
		Exact:      []Named{{"u", "exp(-del*t)*cos(phi + w*t)/cos(phi)"}},
		Conditions: []ConditionSpec{
			{On: "t = 0", Residual: []string{"u - 1"}, Weight: 1e6},
			{On: "t = 0", Residual: []string{"u_t = 0"}, Weight: 1e2},
		},
	}
}

func burgers() Spec {
	return Spec{
		Axes:       []Axis{{"x", -1, 1, false}, {"t", 0, 1, false}},
		Parameters: []Named{{"nu", "0.01/pi"}, {"sd", "0.1"}},
		Unknowns:   []string{"u"},
		Equations:  []string{"u_t + u*u_x - nu*u_xx = 0"},
		Interior:   grid2(20, 10),
		Ansatz:     []Named{{"u", "tanh((x+1)/sd)*tanh((1-x)/sd)*tanh(t/sd)*u - sin(pi*x)"}},
		Exact:      []Named{{"u", "cole_hopf(x, t, nu)"}},
		External: map[string]expr.External{"cole_hopf": {Arity: 3, Eval: func(a []float64) float64 {
			return -math.Sin(math.Pi*a[0]) + a[1] + a[2]
		}}},
	}
}

func multiscale(n string) Spec {
	return Spec{
		Axes:       []Axis{{"x", 0, 1, false}, {"y", 0, 1, false}},
		Parameters: []Named{{"n", n}, {"s", "1/2^n"}},
		Functions:  []Function{{"wall", []string{"z"}, "tanh(z/s)*tanh((1-z)/s)"}},
		Unknowns:   []string{"u"},
		Equations:  []string{"u_xx + u_yy + (2/n)*sum(i=1..n, (2^i*pi)^2*sin(2^i*pi*x)*sin(2^i*pi*y)) = 0"},
		Interior:   grid2(20, 20),
		Ansatz:     []Named{{"u", "wall(x)*wall(y)*u"}},
		Exact:      []Named{{"u", "(1/n)*sum(i=1..n, sin(2^i*pi*x)*sin(2^i*pi*y))"}},
	}
}

func build(t *testing.T, s Spec) *Problem {
	t.Helper()
	p, err := Build(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// residuals runs the value program of a term at its points with given jets, jet(m, i) the derivative m at point i.
func residuals(t *testing.T, p *Problem, term *Term, points [][]float64, jet func(k int, m kernels.MultiIndex, i int) float64) [][]float64 {
	t.Helper()
	n := len(points[0])
	columns, err := p.Columns(term.Program.Columns, points)
	if err != nil {
		t.Fatal(err)
	}
	var in [][]float64
	for _, j := range term.Program.Jets {
		plane := make([]float64, n)
		for i := range plane {
			plane[i] = jet(j.Unknown, j.Index, i)
		}
		in = append(in, plane)
	}
	return execute(t, &term.Program.Value, append(in, columns...), n)
}

// execute interprets the opcodes that the tests' programs use.
func execute(t *testing.T, p *kernels.Program, in [][]float64, n int) [][]float64 {
	t.Helper()
	if len(in) != p.Inputs {
		t.Fatalf("program has %d inputs, not %d", p.Inputs, len(in))
	}
	reg := append([][]float64{}, in...)
	for _, c := range p.Constants {
		plane := make([]float64, n)
		for i := range plane {
			plane[i] = c
		}
		reg = append(reg, plane)
	}
	for len(reg) < p.Registers {
		reg = append(reg, make([]float64, n))
	}
	for _, c := range p.Code {
		d, a, b, e := reg[c.Dst], reg[c.A], reg[c.B], reg[c.C]
		for i := range d {
			switch c.Op {
			case kernels.Add:
				d[i] = a[i] + b[i]
			case kernels.Sub:
				d[i] = a[i] - b[i]
			case kernels.Mul:
				d[i] = a[i] * b[i]
			case kernels.Div:
				d[i] = a[i] / b[i]
			case kernels.Neg:
				d[i] = -a[i]
			case kernels.MulAdd:
				d[i] = a[i]*b[i] + e[i]
			default:
				t.Fatalf("opcode %d is not expected here", c.Op)
			}
		}
	}
	var out [][]float64
	for _, o := range p.Outputs {
		if o < 0 {
			out = append(out, make([]float64, n))
		} else {
			out = append(out, reg[o])
		}
	}
	return out
}

// wave gives a function with simple derivatives as jets: u = exp(ax + bt).
func wave(points [][]float64, a, b float64) func(k int, m kernels.MultiIndex, i int) float64 {
	return func(_ int, m kernels.MultiIndex, i int) float64 {
		v := a * points[0][i]
		if len(points) > 1 {
			v += b * points[1][i]
		}
		return math.Pow(a, float64(m[0])) * math.Pow(b, float64(m[1])) * math.Exp(v)
	}
}

func compare(t *testing.T, what string, got, want []float64) {
	t.Helper()
	scale := 0.0
	for _, w := range want {
		scale = math.Max(scale, math.Abs(w))
	}
	if len(got) != len(want) || scale == 0 {
		t.Fatalf("%s: nothing to compare", what)
	}
	for i := range got {
		if !(math.Abs(got[i]-want[i]) <= round*scale) {
			t.Fatalf("%s: point %d: %.15g, want %.15g", what, i, got[i], want[i])
		}
	}
}

func TestOscillator(t *testing.T) {
	p := build(t, oscillator())
	if len(p.Terms) != 3 || p.Terms[1].Name != "t = 0" || p.Terms[2].Name != "t = 0 (2)" {
		t.Fatalf("terms: %+v", p.Terms)
	}
	if p.Jets.N() != 3 || p.Jets.Order() != 2 {
		t.Errorf("jets are %v", p.Jets)
	}
	points := p.Terms[0].Sample(0)
	if len(points[0]) != 200 || points[0][199] != 1 {
		t.Fatalf("points: %v", points)
	}
	got := residuals(t, p, p.Terms[0], points, wave(points, 3, 1))[0]
	want := make([]float64, 200)
	for i, x := range points[0] {
		want[i] = (9 + 2*2*3 + 6400) * math.Exp(3*x)
	}
	compare(t, "oscillator", got, want)

	start := p.Terms[1].Sample(0)
	if len(start[0]) != 1 || start[0][0] != 0 {
		t.Fatalf("initial point: %v", start)
	}
	if r := residuals(t, p, p.Terms[1], start, func(int, kernels.MultiIndex, int) float64 { return 3 }); r[0][0] != 2*1000 { // √λ
		t.Errorf("u - 1 at u = 3 is %v", r)
	}
	if w := p.Terms[1].Weights[0]; w != 1e6 {
		t.Errorf("weight %v", w)
	}
	if len(p.Warnings) != 0 {
		t.Errorf("warnings: %v", p.Warnings)
	}
	if e, n := p.Terms[0].Echo[0], p.Terms[0].Needs[0]; e != "6400*u + 4*u_t + u_tt = 0" || n != "u, u_t, u_tt" {
		t.Errorf("echo is %q, needs %q", e, n)
	}
}

// The Burgers residual with the hard constraint, against the product rule by hand.
func TestBurgersConstrained(t *testing.T) {
	p := build(t, burgers())
	points := p.Terms[0].Sample(0)
	const a, b, sd = 1.3, -0.7, 0.1
	got := residuals(t, p, p.Terms[0], points, wave(points, a, b))[0]
	want := make([]float64, len(got))
	nu := 0.01 / math.Pi
	for i := range want {
		x, s := points[0][i], points[1][i]
		// f, f', f'' of tanh((x+1)/sd)·tanh((1-x)/sd) and of tanh(t/sd)
		l, r, c := math.Tanh((x+1)/sd), math.Tanh((1-x)/sd), math.Tanh(s/sd)
		l1, r1, c1 := (1-l*l)/sd, -(1-r*r)/sd, (1-c*c)/sd
		l2, r2 := -2*l*l1/sd, -2*r*(1-r*r)/sd/sd
		f, f1, f2 := l*r, l1*r+l*r1, l2*r+2*l1*r1+l*r2
		v := math.Exp(a*x + b*s)
		u := f*c*v - math.Sin(math.Pi*x)
		ux := c*v*(f1+f*a) - math.Pi*math.Cos(math.Pi*x)
		uxx := c*v*(f2+2*f1*a+f*a*a) + math.Pi*math.Pi*math.Sin(math.Pi*x)
		ut := f * v * (c1 + c*b)
		want[i] = ut + u*ux - nu*uxx
	}
	compare(t, "Burgers", got, want)

	if e, n := p.Terms[0].Echo[0], p.Terms[0].Needs[0]; e != "u_t + u*u_x - 0.003183099*u_xx = 0" || n != "u, u_x, u_t, u_xx" {
		t.Errorf("echo is %q, needs %q", e, n)
	}

	// The solution program returns the constrained unknown.
	columns, err := p.Columns(p.Solution.Columns, points)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Solution.Jets) != 1 {
		t.Fatalf("solution needs %v", p.Solution.Jets)
	}
	ones := make([]float64, len(want))
	for i := range ones {
		ones[i] = 1
		x, s := points[0][i], points[1][i]
		want[i] = math.Tanh((x+1)/sd)*math.Tanh((1-x)/sd)*math.Tanh(s/sd) - math.Sin(math.Pi*x)
	}
	compare(t, "solution", execute(t, &p.Solution.Program, append([][]float64{ones}, columns...), len(ones))[0], want)
}

// A system with couplings, several equations and their weights, and a condition on part of a face.
func TestSystem(t *testing.T) {
	p := build(t, Spec{
		Axes:      []Axis{{"x", 0, 2, true}, {"t", 0, 1, false}},
		Unknowns:  []string{"u", "v"},
		Equations: []string{"u_t = v_x", "v_t = u_x + u*v"},
		Weights:   []float64{1, 3},
		Interior:  grid2(4, 3),
		Conditions: []ConditionSpec{
			{Name: "start", On: "t = 0, x = [1/2, 2*1]", Residual: []string{"u - sin(pi*x)", "v = u_xt"}, Weight: 5, Points: PointSpec{Sampler: "sobol", Count: 6}},
			{On: "interior", Residual: []string{"u*v"}, Weight: 1, Points: PointSpec{Shape: []int{2, 2}}},
			{Box: []Place{{"x", 1, 1}, {"t", 0, 0.5}}, Residual: []string{"v"}, Weight: 1, Points: PointSpec{Shape: []int{3}}},
		},
	})
	points := p.Terms[0].Sample(0)
	if points[0][11] != 1.5 {
		t.Errorf("periodic grid ends at %v", points[0][11])
	}
	jet := func(k int, m kernels.MultiIndex, i int) float64 {
		return float64(1+k)*10 + float64(m[0]) + 5*float64(m[1])
	}
	got := residuals(t, p, p.Terms[0], points, jet)
	// u, u_x, u_t = 10, 11, 15; v = 20, 21, 25
	if got[0][5] != 15-21 || got[1][5] != (25-11-200)*math.Sqrt(3) { // programs hold √λ r
		t.Errorf("residuals %v, %v", got[0][5], got[1][5])
	}
	if w := p.Terms[0].Weights; w[0] != 1 || w[1] != 3 || p.Terms[0].Labels[1] != "equation 2" {
		t.Errorf("weights %v, labels %v", w, p.Terms[0].Labels)
	}
	s := p.Terms[1]
	if s.Box[0] != (Range{0.5, 2}) || s.Box[1] != (Range{0, 0}) || s.N() != 6 {
		t.Errorf("start is %+v", s)
	}
	if p.Terms[2].Points.Sampler != "grid" || p.Terms[2].N() != 4 || p.Terms[3].Name != "x = 1, t = [0, 0.5]" {
		t.Errorf("terms %+v, %+v", p.Terms[2], p.Terms[3])
	}
	// Jets of both unknowns together: u, u_x, u_t, u_xt.
	if p.Jets.N() != 4 {
		t.Errorf("jets %v", p.Jets)
	}
}

func TestWarnings(t *testing.T) {
	s := Spec{
		Axes: []Axis{{"x", 0, 1, false}, {"t", 0, 3e7, false}}, Unknowns: []string{"u"}, Equations: []string{"u_t = u_xx"}, Interior: grid2(3, 3),
		Conditions: []ConditionSpec{
			{On: "t = 0", Residual: []string{"u - cos(x)"}, Weight: 1, Points: grid1(5)},
			{On: "x = 0", Residual: []string{"2*u - 3"}, Weight: 1, Points: grid1(5)},
			{On: "x = 1", Residual: []string{"u - cos(1)*exp(-t)"}, Weight: 1, Points: grid1(5)},
			{On: "x = 1", Residual: []string{"u_x"}, Weight: 1, Points: grid1(5)},
		},
	}
	p := build(t, s)
	want := []string{
		"t has a range of size 3e+07: measure it in units of 1e+07, so that the domain is of size 1",
		`conditions "t = 0" and "x = 0" contradict each other at x = 0, t = 0: they want u = 1 and u = 1.5`,
	}
	if strings.Join(p.Warnings, "\n") != strings.Join(want, "\n") {
		t.Errorf("warnings:\n%s", strings.Join(p.Warnings, "\n"))
	}
}

func TestInfluence(t *testing.T) {
	s := burgers()
	s.Conditions = []ConditionSpec{
		{On: "x = 1", Residual: []string{"u - 2"}, Weight: 1, Points: grid1(5)},
		{On: "x = 1", Residual: []string{"u_x"}, Weight: 1, Points: grid1(5)},
	}
	w := build(t, s).Warnings
	if len(w) != 2 || w[0] != `condition "x = 1" is decided by the ansatz alone: its residual is at most 2 whatever is learnt` ||
		w[1] != `the exact solution does not fulfil "x = 1": its residual is -2 at x = 1, t = 0` {
		t.Errorf("warnings: %q", w)
	}
}

// Exact solutions that are none are reported; those of the papers pass.
func TestConsistency(t *testing.T) {
	for _, s := range []Spec{oscillator(), multiscale("6"), burgers()} {
		if w := build(t, s).Warnings; len(w) > 0 {
			t.Errorf("%s: %v", s.Equations[0], w)
		}
	}
	s := oscillator()
	s.Exact[0].Text = "exp(-del*t)*cos(phi - w*t)/cos(phi)"
	w := build(t, s).Warnings
	if len(w) != 1 || !strings.HasPrefix(w[0], `the exact solution does not fulfil "t = 0 (2)": its residual is -4 at t = 0`) {
		t.Errorf("warnings: %q", w)
	}
	s = multiscale("3")
	s.Equations[0] = strings.Replace(s.Equations[0], "u_yy + (2/n)", "u_yy - (2/n)", 1)
	if w := build(t, s).Warnings; len(w) != 1 {
		t.Errorf("warnings: %q", w)
	}
}

// goldenStd is the agreement with the published digits of anchor values, which have at least six.
const goldenStd = 1e-6

// std is the population standard deviation.
func std(v []float64) float64 {
	mean, s := 0.0, 0.0
	for _, x := range v {
		mean += x / float64(len(v))
	}
	for _, x := range v {
		s += (x - mean) * (x - mean) / float64(len(v))
	}
	return math.Sqrt(s)
}

// Spread of the exact solutions on the test grids of the papers, and the error of the zero solution.
func TestExactSpread(t *testing.T) {
	line := func(eq, exact string, lo, hi string) Spec {
		v := func(s string) float64 {
			x, err := expr.NewGraph(expr.Symbols{Coords: []string{"x"}}).ParseNumber(s)
			if err != nil {
				t.Fatal(err)
			}
			return x
		}
		return Spec{Axes: []Axis{{"x", v(lo), v(hi), false}}, Unknowns: []string{"u"}, Equations: []string{eq}, Interior: grid1(10), Exact: []Named{{"u", exact}}}
	}
	ho := func(w0 string) Spec {
		s := oscillator()
		s.Parameters[0].Text = w0
		return s
	}
	a2 := multiscale("1")
	a2.Exact[0].Text = "16*x*(1-x)*y*(1-y)"
	five := multiscale("1")
	for a := range five.Axes {
		five.Axes[a].Lo, five.Axes[a].Hi = -2*math.Pi, 2*math.Pi
	}
	five.Exact[0].Text = "(sin(15*x) + sin(15*y))/15"
	for _, c := range []struct {
		name     string
		spec     Spec
		shape    []int
		std, nl1 float64 // 0: not known
		digits   float64 // of the known values
	}{
		{"A1", line("u_xx + 8 = 0", "4*x*(1-x)", "0", "1"), []int{350}, .29984728, 2.2170, 1e-7},
		{"A2", a2, []int{350, 350}, .29587963, 1.4935, 1e-7},
		{"B1", multiscale("1"), []int{350, 350}, .498571, .808, goldenStd},
		{"B2", multiscale("2"), []int{350, 350}, .352543, .778, 2 * goldenStd},
		{"B3", multiscale("3"), []int{350, 350}, .287850, .770, 2 * goldenStd},
		{"B4", multiscale("4"), []int{350, 350}, .249286, .778, 2 * goldenStd},
		{"B5", multiscale("5"), []int{350, 350}, .222968, .781, 3 * goldenStd},
		{"B6", multiscale("6"), []int{350, 350}, .203541, .783, 3 * goldenStd},
		{"oscillator 20", ho("20"), []int{200}, .359825, .783, 2 * goldenStd},
		{"oscillator 60", ho("60"), []int{1000}, .351683, .785, 2 * goldenStd},
		{"oscillator 80", ho("80"), []int{500}, .351846, .785, 2 * goldenStd},
		{"2023 no. 1", line("u_x = cos(x)", "sin(x)", "-2*pi", "2*pi"), []int{1000}, .706753, .900, goldenStd},
		{"2023 no. 2", line("u_x = cos(15*x)", "sin(15*x)/15", "-2*pi", "2*pi"), []int{5000}, .0471357, .900, goldenStd},
		{"2023 no. 3", line("u_x = cos(x)", "sin(x) + sin(15*x)", "-2*pi", "2*pi"), []int{5000}, .99990, .811, 5e-6},
		{"2023 no. 4", line("u_xx = sin(x)", "-sin(15*x)/15^2", "-2*pi", "2*pi"), []int{5000}, .00314238, .900, 2 * goldenStd},
		{"2023 no. 5", five, []int{1000, 1000}, .0666333, .811, goldenStd},
	} {
		p := build(t, c.spec)
		u, err := p.Exact(p.TestGrid(c.shape))
		if err != nil {
			t.Fatal(err)
		}
		s, l1 := std(u[0]), 0.0
		for _, x := range u[0] {
			l1 += math.Abs(x) / float64(len(u[0]))
		}
		// The known values are rounded to their last digit.
		if math.Abs(s-c.std) > c.digits*c.std || math.Abs(l1/s-c.nl1) > 6e-4 {
			t.Errorf("%s: std %.9g (want %.9g), nL1 of zero %.5g (want %.4g)", c.name, s, c.std, l1/s, c.nl1)
		}
	}
}

func TestExactFaults(t *testing.T) {
	s := multiscale("1")
	s.Exact[0].Text = "1/(x - y)"
	p := build(t, s)
	_, err := p.Exact(p.TestGrid([]int{3, 4}))
	var e *Error
	if !errors.As(err, &e) || e.Key != "problem.exact.u" || !strings.Contains(e.Msg, "x = 0, y = 0") {
		t.Errorf("error is %v", err)
	}
}

func TestNumbers(t *testing.T) {
	eval, err := Numbers(Spec{Axes: []Axis{{Name: "x"}}, Parameters: []Named{{"L", "2"}, {"M", "3*L"}}})
	if err != nil {
		t.Fatal(err)
	}
	if v, e := eval("-M/2"); e != nil || v != -3 {
		t.Errorf("%v, %v", v, e)
	}
	if _, e := eval("2*é + Q"); e == nil || e.Col != 3 {
		t.Errorf("%+v", e)
	}
	if _, e := eval("2*π*Q"); e == nil {
		t.Errorf("%+v", e)
	}
	if _, e := eval("1/0"); e == nil {
		t.Error("1/0 is a number")
	}
}
