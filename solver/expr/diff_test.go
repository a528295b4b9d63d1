package expr

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"fbpinn-mpi/kernels"
)

// stencil is the accuracy of the eighth-order central difference with step 1e-2 for functions that vary over O(1):
// truncation h^8/630·f⁽⁹⁾ ≈ 1e-18·f⁽⁹⁾, rounding 2e-16/h ≈ 2e-14; the margin covers ninth derivatives of 1e5 (tan, 1/x).
const stencil = 1e-9

// slopeOf differentiates f at x by the eighth-order central difference.
func slopeOf(f func(x float64) float64, x float64) float64 {
	const h = 1e-2
	d := func(k float64) float64 { return (f(x+k*h) - f(x-k*h)) / h }
	return 4./5*d(1) - 1./5*d(2) + 4./105*d(3) - 1./280*d(4)
}

func TestDerivativesOfFunctions(t *testing.T) {
	g := NewGraph(burgers())
	seen := map[string]bool{}
	for _, src := range []string{
		"sin(2*x)", "cos(x*t)", "tan(x)", "asin(x/2)", "acos(x/2)", "atan(3*x)", "sinh(x)", "cosh(x)", "tanh(2*x)", "exp(-x)",
		"log(1 + x)", "sqrt(x + t)", "sigmoid(4*x)", "abs(x - 1)", "abs(x)", "sign(x)*x", "step(x - 1)*x", "step(x)*x^2",
		"min(x, t)", "min(t - x, x^3)", "max(x^2, x)", "max(x, sin(3*x))", "x^3", "x^-2", "x^1.7", "2^x", "x^x", "x^t", "t^x", "(1 + x)^sin(x)",
		"x/(1 + x^2)", "1/(x + t)^3", "x*sin(x)*exp(x)*tanh(x)", "sum(i=1..3, sin(i*x)/i)", "prod(i=1..3, x + i)",
		"tanh((x + 1)/0.3)*tanh((1 - x)/0.3)", "exp(-(x - t)^2/2)/sqrt(2*pi)",
	} {
		for name := range builtins {
			seen[name] = seen[name] || strings.Contains(src, name+"(")
		}
		n, err := g.Parse(src)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range []float64{0.45, 0.61} {
			f := func(x float64) float64 { return evaluate(t, []*Node{n}, [][]float64{{x}, {1.3}}, nil, 1)[0][0] }
			d, err := g.Diff(n, 0)
			if err != nil {
				t.Fatal(err)
			}
			got := evaluate(t, []*Node{d}, [][]float64{{x}, {1.3}}, nil, 1)[0][0]
			if want := slopeOf(f, x); !near(got, want, stencil) {
				t.Errorf("d(%s, x) = %s = %v at x = %v, want %v", src, d, got, x, want)
			}
		}
	}
	for name := range builtins {
		if !seen[name] {
			t.Errorf("the derivative of %s is not tested", name)
		}
	}
}

// leafs gives every jet of u, v the value and derivatives of polynomials-times-exponentials, so that total derivatives can be
// compared with differences of the same expression along x.
func TestTotalDerivative(t *testing.T) {
	g := NewGraph(burgers())
	value := func(n *Node, x, tt float64) float64 { // u = exp(x + 2t), v = sin(3x - t)
		i, j := float64(n.Index[0]), float64(n.Index[1])
		if n.Unknown == 0 {
			return math.Pow(2, j) * math.Exp(x+2*tt)
		}
		return math.Pow(3, i) * math.Pow(-1, j) * math.Sin(3*x-tt+(i+j)*math.Pi/2)
	}
	for _, src := range []string{"u*v", "u_x^2/v_t", "sin(u*v_xt)*x", "exp(-u)*v_tt + max(u, v)", "log(u)*tanh(v)", "sqrt(u_x)*t"} {
		n, err := g.Parse(src)
		if err != nil {
			t.Fatal(err)
		}
		along := func(n *Node, x, tt float64) float64 {
			return evaluate(t, []*Node{n}, [][]float64{{x}, {tt}}, func(j *Node) []float64 { return []float64{value(j, x, tt)} }, 1)[0][0]
		}
		for a := range 2 {
			d, err := g.Diff(n, a)
			if err != nil {
				t.Fatal(err)
			}
			got := along(d, 0.2, 0.1)
			want := slopeOf(func(s float64) float64 {
				if a == 0 {
					return along(n, s, 0.1)
				}
				return along(n, 0.2, s)
			}, []float64{0.2, 0.1}[a])
			// v varies three times as fast as the estimate of stencil assumes: 3^9 times its truncation error.
			if !near(got, want, 100*stencil) {
				t.Errorf("total derivative %d of %s: %v, want %v", a, src, got, want)
			}
		}
	}
}

func TestPartial(t *testing.T) {
	g := NewGraph(burgers())
	for _, c := range [][3]string{
		{"u*u_x - u_xx", "u", "u_x"}, {"u*u_x - u_xx", "u_x", "u"}, {"sin(u_t)*x", "u_t", "x*cos(u_t)"}, {"u^3", "v", "0"},
		{"data.obs*u - cole_hopf(x, t, 1)", "u", "data.obs"},
	} {
		n, _ := g.Parse(c[0])
		jet, _ := g.Parse(c[1])
		want, err := g.Parse(c[2])
		if got := g.Partial(n, jet); err != nil || got != want {
			t.Errorf("∂(%s)/∂%s = %v, want %v", c[0], c[1], got, want)
		}
	}
}

// twoGroupings is the rounding difference between two groupings of some thirty terms of order one.
const twoGroupings = 1e-13

// Inserting must reach every kind of node: the same node results as from the text with the ansatz written out.
func TestSubstituteEverywhere(t *testing.T) {
	g := NewGraph(burgers())
	for _, src := range []string{"W^2.5 + x^W", "sin(W*v)/W", "max(W, v) - min(W, 0)", "abs(W)*W", "3*(W + 1)", "sqrt(W)*exp(W)", "cole_hopf(x, t, 1)*W"} {
		plain, err1 := g.Parse(strings.ReplaceAll(src, "W", "u"))
		ansatz, err2 := g.Parse("t*u + sin(x)")
		want, err3 := g.Parse(strings.ReplaceAll(src, "W", "(t*u + sin(x))"))
		if err1 != nil || err2 != nil || err3 != nil {
			t.Fatal(err1, err2, err3)
		}
		if got, err := g.Constrain(plain, []*Node{ansatz, nil}); err != nil || got != want {
			t.Errorf("%s with the ansatz is %v, want %v (%v)", src, got, want, err)
		}
	}
	one, _ := g.Parse("1/u")
	if _, err := g.Substitute(one, func(*Node) *Node { return g.Const(0) }); err == nil {
		t.Error("1/0 passed")
	}
}

// The ansatz u = b(x,y) U + s(x,y) in u_xx + u_yy and in u u_x, against the product rule by hand.
func TestConstrain(t *testing.T) {
	g := NewGraph(Symbols{Coords: []string{"x", "y"}, Unknowns: []string{"u"}})
	parse := func(src string) *Node {
		n, err := g.Parse(src)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	const b, s = "(sin(x)*exp(y*x))", "(x^3*y^2)"
	ansatz := parse(b + "*u + " + s)
	dx := func(e, coords string) string { return "d(" + e + ", " + coords + ")" }
	for src, hand := range map[string]string{
		"u_xx + u_yy": dx(b, "x, x") + "*u + 2*" + dx(b, "x") + "*u_x + " + b + "*u_xx + " + dx(b, "y, y") + "*u + 2*" +
			dx(b, "y") + "*u_y + " + b + "*u_yy + " + dx(s, "x, x") + " + " + dx(s, "y, y"),
		"u*u_x":      "(" + b + "*u + " + s + ")*(" + dx(b, "x") + "*u + " + b + "*u_x + " + dx(s, "x") + ")",
		"u_xy - 3*u": dx(b, "x, y") + "*u + " + dx(b, "x") + "*u_y + " + dx(b, "y") + "*u_x + " + b + "*u_xy + " + dx(s, "x, y") + " - 3*(" + b + "*u + " + s + ")",
	} {
		got, err := g.Constrain(parse(src), []*Node{ansatz})
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(1, 2))
		for range 5 {
			jets := map[*Node][]float64{}
			leaf := func(j *Node) []float64 {
				if jets[j] == nil {
					jets[j] = []float64{rng.NormFloat64()}
				}
				return jets[j]
			}
			v := evaluate(t, []*Node{got, parse(hand)}, [][]float64{{rng.Float64()}, {rng.Float64()}}, leaf, 1)
			if !near(v[0][0], v[1][0], twoGroupings) {
				t.Errorf("%s: %v, by hand %v", src, v[0][0], v[1][0])
			}
		}
	}
	if _, err := g.Constrain(parse("u_xxx"), []*Node{parse("x*u_xx")}); err == nil {
		t.Error("a fifth derivative passed")
	}
	if n, err := g.Constrain(parse("u_x"), nil); err != nil || n != g.Jet(0, kernels.MultiIndex{1}) {
		t.Errorf("without ansatz: %v, %v", n, err)
	}
}
