package expr

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"fbpinn-mpi/kernels"
)

// phrase writes a random expression of the given depth that is finite and smooth for arguments of order one.
func phrase(rng *rand.Rand, depth int) string {
	if depth == 0 {
		leaves := []string{"x", "t", "u", "v", "u_x", "u_t", "v_xx", "u_xt", "2", "0.5", "nu", "pi"}
		return leaves[rng.IntN(len(leaves))]
	}
	a, b := phrase(rng, depth-1), phrase(rng, rng.IntN(depth))
	forms := []string{"(%s + %s)", "(%s - %s)", "%s*%s", "%s*sin(%s)", "%s/(2 + cos(%s))", "tanh(%s)*%s", "exp(-(%s)^2) + %s",
		"sqrt(1 + (%s)^2)*%s", "(%s)^2*%s", "(%s)^3 - %s", "atan(%s)/(3 + sin(%s))^2", "(1 + (%s)^2)^-1.5 + %s", "sigmoid(%s)*%s",
		"log(2 + sin(%s)) + %s", "(2 + sin(%s))^cos(%s)", "-(%s)*cosh(sin(%s))"}
	return fmt.Sprintf(forms[rng.IntN(len(forms))], a, b)
}

// regrouped is the relative difference that collecting, sharing and reordering may cause in expressions of a few hundred
// operations with mild cancellation.
const regrouped = 1e-10

func TestCompileAgreesWithEval(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for trial := range 200 {
		g := NewGraph(burgers())
		var outs []*Node
		for range 1 + rng.IntN(3) {
			n, err := g.Parse(phrase(rng, 1+rng.IntN(4)))
			if err != nil {
				t.Fatal(err)
			}
			outs = append(outs, n)
		}
		coords := [][]float64{{rng.Float64()}, {rng.Float64()}}
		jets := g.Jets(outs...)
		values := map[*Node][]float64{}
		for _, j := range jets {
			values[j] = []float64{rng.NormFloat64()}
		}
		leaf := func(n *Node) []float64 { return values[n] }
		want := evaluate(t, outs, coords, leaf, 1)
		for _, columns := range [][]*Node{g.Columns(outs), {g.Coord(0), g.Coord(1)}} {
			inputs := append(append([]*Node{}, jets...), columns...)
			p, err := g.Compile(outs, inputs)
			if err != nil {
				t.Fatalf("trial %d: %v", trial, err)
			}
			var in []float64
			for _, v := range evaluate(t, inputs, coords, leaf, 1) {
				in = append(in, v[0])
			}
			for o, got := range run(p, in) {
				if !near(got, want[o][0], regrouped) {
					t.Errorf("trial %d: %s = %v, compiled %v", trial, outs[o], want[o][0], got)
				}
			}
		}
	}
}

// compiled is a residual at one random point.
type compiled struct {
	*Residual
	g      *Graph
	coords [][]float64
	jets   []float64
	planes []float64 // jets, then columns
}

func compile(t *testing.T, g *Graph, rng *rand.Rand, rs []*Node) compiled {
	t.Helper()
	r, err := g.CompileResidual(rs)
	if err != nil {
		t.Fatal(err)
	}
	c := compiled{Residual: r, g: g}
	for range g.sym.Coords {
		c.coords = append(c.coords, []float64{0.1 + 0.8*rng.Float64()})
	}
	for range r.Jets {
		c.jets = append(c.jets, rng.NormFloat64())
	}
	c.planes = append(c.planes, c.jets...)
	for _, v := range evaluate(t, r.Columns, c.coords, nil, 1) {
		c.planes = append(c.planes, v[0])
	}
	return c
}

func (c compiled) value(jets []float64) []float64 {
	return run(c.Value, append(append([]float64{}, jets...), c.planes[len(jets):]...))
}

// check compares all four programs with each other, with Eval and with differences.
func (c compiled) check(t *testing.T, name string, rng *rand.Rand, rs []*Node) {
	t.Helper()
	with := func(more ...float64) []float64 { return append(append([]float64{}, c.planes...), more...) }
	random := func(n int) (v []float64) {
		for range n {
			v = append(v, rng.NormFloat64())
		}
		return v
	}
	place := map[*Node][]float64{}
	for k, j := range c.Jets {
		place[j] = c.jets[k : k+1]
	}
	res := c.value(c.jets)
	for e, want := range evaluate(t, rs, c.coords, func(n *Node) []float64 { return place[n] }, 1) {
		if !near(res[e], want[0], regrouped) {
			t.Errorf("%s: residual %d is %v, want %v", name, e, res[e], want[0])
		}
	}
	q, w, dU := rng.Float64(), random(len(rs)), random(len(c.Jets))
	gradient := run(c.Gradient, with(q))
	adjoint := run(c.Adjoint, with(w...))
	tangent := run(c.Tangent, with(dU...))
	left, right := 0.0, 0.0
	for e := range rs {
		if !near(gradient[e], res[e], 1e2*rounding) { // a reciprocal may be fused in one and shared in the other
			t.Errorf("%s: Gradient gives residual %d as %v, Value as %v", name, e, gradient[e], res[e])
		}
		left += w[e] * tangent[e]
	}
	for k := range c.Jets {
		right += adjoint[k] * dU[k]
		along := func(s float64) []float64 {
			jets := append([]float64{}, c.jets...)
			jets[k] = s
			return c.value(jets)
		}
		byLoss := slopeOf(func(s float64) (l float64) {
			for _, v := range along(s) {
				l += q * v * v / 2
			}
			return l
		}, c.jets[k])
		// Random phrases reach ninth derivatives far above those that stencil allows for.
		if !near(gradient[len(rs)+k], byLoss, 1000*stencil) {
			t.Errorf("%s: Ū of %s is %v, by differences %v", name, c.Jets[k], gradient[len(rs)+k], byLoss)
		}
	}
	if !near(left, right, regrouped) {
		t.Errorf("%s: <w, J dU> = %v, <Jᵀw, dU> = %v", name, left, right)
	}
}

func parseAll(t *testing.T, g *Graph, srcs ...string) (ns []*Node) {
	t.Helper()
	for _, s := range srcs {
		n, err := g.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		ns = append(ns, n)
	}
	return ns
}

func TestResidualPrograms(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for i, srcs := range [][]string{
		{"u_t + u*u_x - nu*u_xx"}, {"u_t - v", "v_t + sin(u) - u_xx + x"}, {"u^2 + v^2 - 1", "u*v*u_x - x*t"},
		{"u/(1 + v^2) - x", "0"}, {"exp(u)*u_x^3", "u_x"}, {"x - t"}, {"u"}, {"max(u, v) - min(u_x, x)"}, {"abs(u - 5)*sqrt(4 + v)"},
		{"u^2.5*0 + (3 + sin(u))^v"}, {"u_xxxx + 2*d(u, x, x, t, t) + u_tttt"}, {"asin(sin(u)/2) - acos(cos(v)/2)", "tan(u/4) + sinh(u) - cosh(v)"},
		{"log(2 + sin(u)) - 1/(2 + cos(v))^3"}, {"step(u)*u + sign(v)*v"},
	} {
		g := NewGraph(burgers())
		rs := parseAll(t, g, srcs...)
		compile(t, g, rng, rs).check(t, fmt.Sprint(i, srcs), rng, rs)
	}
	for range 60 {
		g := NewGraph(burgers())
		srcs := []string{phrase(rng, 2), phrase(rng, 3)}
		rs := parseAll(t, g, srcs...)
		compile(t, g, rng, rs).check(t, strings.Join(srcs, " ; "), rng, rs)
	}
}

// A linear equation with an ansatz must cost one multiply-add per jet: its coefficients are columns.
func TestAffineResidual(t *testing.T) {
	const b = "tanh(x/0.2)*tanh((1-x)/0.2)*tanh(y/0.2)*tanh((1-y)/0.2)"
	g := NewGraph(Symbols{Coords: []string{"x", "y"}, Unknowns: []string{"u"}})
	ns := parseAll(t, g, b+"*u", "-(u_xx + u_yy) - sum(i=1..6, 2^(2*i)*sin(2^i*pi*x)*sin(2^i*pi*y))")
	r, err := g.Constrain(ns[1], ns[:1])
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(7, 8))
	c := compile(t, g, rng, []*Node{r})
	c.check(t, "Poisson", rng, []*Node{r})
	t.Logf("Poisson with tanh ansatz: %d jets, %d columns; instructions: value %d, gradient %d, tangent %d, adjoint %d",
		len(c.Jets), len(c.Columns), len(c.Value.Code), len(c.Gradient.Code), len(c.Tangent.Code), len(c.Adjoint.Code))
	// u, u_x, u_y, u_xx, u_yy; their coefficients (that of u_xx and u_yy is one column) and the constant part.
	if len(c.Jets) != 5 || len(c.Columns) != 5 {
		t.Errorf("%d jets and %d columns, want 5 and 5", len(c.Jets), len(c.Columns))
	}
	if len(c.Value.Code) != 5 || len(c.Gradient.Code) != 10 || len(c.Adjoint.Code) != 4 || len(c.Tangent.Code) != 5 {
		t.Error("want 5 multiply-adds for the value; 5, q·r and 4 products for the gradient; 4 products for the adjoint; 5 for the tangent")
	}
	for _, in := range c.Value.Code {
		if in.Op != kernels.MulAdd {
			t.Errorf("opcode %d in the value of an affine residual", in.Op)
		}
	}
	if c.Value.Registers > c.Value.Inputs+2 {
		t.Errorf("%d registers for %d inputs: temporaries are not reused", c.Value.Registers, c.Value.Inputs)
	}
}

// Burgers' equation with its ansatz: the linear terms share multiply-adds, u u_x stays a product of two affine factors.
func TestNonlinearResidual(t *testing.T) {
	g := NewGraph(burgers())
	ns := parseAll(t, g, "tanh((x+1)/0.1)*tanh((1-x)/0.1)*tanh(t/0.1)*u - sin(pi*x)", "u_t + u*u_x - nu*u_xx")
	r, err := g.Constrain(ns[1], ns[:1])
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(9, 10))
	c := compile(t, g, rng, []*Node{r})
	c.check(t, "Burgers", rng, []*Node{r})
	t.Logf("Burgers with ansatz: %d jets, %d columns; instructions: value %d, gradient %d",
		len(c.Jets), len(c.Columns), len(c.Value.Code), len(c.Gradient.Code))
	// Columns: b, s, b_x, s_x and the five of the linear part. Value: 4 multiply-adds, 1 and 2 for the factors, 1 to join.
	if len(c.Columns) > 9 || len(c.Value.Code) > 8 || len(c.Gradient.Code) > 19 {
		t.Error("more columns or instructions than counted by hand: 9, 8 and 19")
	}
}

func TestCompileErrors(t *testing.T) {
	g := NewGraph(burgers())
	ns := parseAll(t, g, "u*data.obs", "u_x + x", "cole_hopf(x, t, 1)")
	for _, c := range []struct {
		out  *Node
		in   []*Node
		want string
	}{
		{ns[0], g.Jets(ns[0]), "data.obs is not among the inputs"},
		{ns[1], []*Node{g.Coord(0)}, "u_x is not among the inputs"},
		{ns[2], []*Node{g.Coord(0), g.Coord(1)}, "cole_hopf(x, t, 1) is not among the inputs"},
		{g.Mul(ns[1], g.Const(math.Inf(1))), ns[1:2], "infinite"},
	} {
		if _, err := g.Compile([]*Node{c.out}, c.in); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("compile %v: %v, want %q", c.out, err, c.want)
		}
	}
	if _, err := g.CompileResidual([]*Node{g.Div(ns[1], g.Const(0))}); err == nil {
		t.Error("a residual with an infinite coefficient compiled")
	}
	// Data, exact solutions and seeds are fine as inputs.
	r, err := g.CompileResidual([]*Node{g.Sub(ns[0], ns[2])})
	if err != nil || len(r.Columns) != 2 {
		t.Fatalf("columns %v, %v", r, err)
	}
	w := g.Seed("w")
	p, err := g.Compile([]*Node{g.Mul(w, ns[1])}, append(g.Jets(ns[1]), w, g.Coord(0)))
	if err != nil {
		t.Fatal(err)
	}
	if got := run(p, []float64{2, 3, 5}); got[0] != 3*(2+5) {
		t.Errorf("seed program gives %v", got)
	}
}

// Hopeless expressions must stop with an error, soon.
func TestWorkLimit(t *testing.T) {
	g := NewGraph(Symbols{Coords: []string{"x"}, Unknowns: []string{"u"},
		Funcs: map[string]Func{"f": {Args: []string{"s"}, Body: "prod(i=1..30, sin(i*s + s^i))"}}})
	n, err := g.Parse("f(f(f(x)))")
	for i := 0; err == nil && i < 20; i++ {
		n, err = g.Diff(n, 0)
	}
	if err == nil {
		t.Fatal("twenty derivatives of a product of ninety factors passed")
	}
	if _, err := g.Parse("x"); err == nil {
		t.Error("a full graph still parses")
	}
}

// Fixed exponents become multiplications, roots or calls; all of them are what math.Pow says.
func TestPower(t *testing.T) {
	for _, e := range []float64{-101, -65, -64.5, -64, -63, -8.5, -7.5, -1, -0.5, 0, 0.5, 1, 2, 7.5, 8.5, 31, 64, 64.5, 65, 101, 0.3, -0.3} {
		g := NewGraph(burgers())
		n, err := g.Parse(fmt.Sprintf("x^(%g)", e))
		if err != nil {
			t.Fatal(err)
		}
		const x = 1.0625
		p, err := g.Compile([]*Node{n}, []*Node{g.Coord(0)})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := run(p, []float64{x})[0], math.Pow(x, e); math.Abs(got-want) > 1e-14*want { // some ten roundings
			t.Errorf("x^%g = %v, want %v", e, got, want)
		}
	}
}
