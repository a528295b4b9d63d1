package problem

import (
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"fbpinn-mpi/solver/expr"
	"fbpinn-mpi/solver/region"
)

var update = flag.Bool("update", false, "rewrite the golden file from what the code does now")

// Every fault of a job's mathematics is refused with exactly the message of testdata/errors.txt.
func TestErrors(t *testing.T) {
	condition := func(c ConditionSpec) func(*Spec) {
		if c.Residual == nil {
			c.Residual = []string{"u"}
		}
		if c.Weight == 0 {
			c.Weight = 1
		}
		return func(s *Spec) { s.Conditions = append(s.Conditions, c) }
	}
	on := func(place string) func(*Spec) {
		return condition(ConditionSpec{On: place, Points: PointSpec{Sampler: "uniform", Count: 3}})
	}
	remove := func(x0, x1, t0, t1 float64) func(*Spec) {
		return func(s *Spec) {
			s.Removed = append(s.Removed, region.Box{Lo: []float64{x0, t0}, Hi: []float64{x1, t1}})
		}
	}
	equation := func(e string) func(*Spec) { return func(s *Spec) { s.Equations = []string{e} } }
	var b strings.Builder
	for _, c := range []struct {
		name string
		bad  func(*Spec)
	}{
		{"no coordinate", func(s *Spec) { s.Axes = nil }},
		{"five coordinates", func(s *Spec) {
			for _, n := range []string{"y", "z", "w"} {
				s.Axes = append(s.Axes, Axis{Name: n, Hi: 1})
			}
		}},
		{"empty range", func(s *Spec) { s.Axes[0].Lo = 1 }},
		{"range upside down", func(s *Spec) { s.Axes[1].Lo = 3 }},
		{"infinite range", func(s *Spec) { s.Axes[1].Hi = math.Inf(1) }},
		{"unresolved range", func(s *Spec) { s.Axes[1].Hi = math.NaN() }},
		{"coordinate with underscore", func(s *Spec) { s.Axes[0].Name = "x_1" }},
		{"coordinate called like a constant", func(s *Spec) { s.Axes[0].Name = "e" }},
		{"parameter called like a constant", func(s *Spec) { s.Parameters[0].Name = "pi" }},
		{"parameter called like a coordinate", func(s *Spec) { s.Parameters[0].Name = "x" }},
		{"parameter called like a derivative", func(s *Spec) { s.Parameters[0].Name = "u_x" }},
		{"unknown called like a function", func(s *Spec) { s.Unknowns[0] = "sin" }},
		{"function called like a function", func(s *Spec) { s.Functions = []Function{{"exp", []string{"z"}, "z"}} }},
		{"parameter used before its definition", func(s *Spec) { s.Parameters = []Named{{"nu", "2*mu"}, {"mu", "1"}} }},
		{"parameter of a coordinate", func(s *Spec) { s.Parameters[0].Text = "2*x" }},
		{"parameter divided by zero", func(s *Spec) { s.Parameters[0].Text = "1/0" }},
		{"parameter is no number", func(s *Spec) { s.Parameters[0].Text = "log(-1)" }},
		{"parameter overflows", func(s *Spec) { s.Parameters[0].Text = "10^400" }},
		{"no equation", func(s *Spec) { s.Equations = nil }},
		{"no unknown", func(s *Spec) { s.Unknowns = nil }},
		{"equation without unknown", equation("x + t = 0")},
		{"equation that cancels", equation("u - u = 0")},
		{"equation without equals", equation("u_t - u_xx")},
		{"equation misspelt", equation("u_t - nuu*u_xx = 0")},
		{"equation with unknown coordinate", equation("u_t - u_zz = 0")},
		{"equation of fifth order", equation("u_t = u_xxxxx")},
		{"equation in two parts", equation("u_t = u_xx = 0")},
		{"equation unbalanced", equation("u_t = (u_xx")},
		{"equation with text", equation("u_t = u_xx $")},
		{"equation with implicit product", equation("u_t = 2u_xx")},
		{"equation divided by zero", equation("u_t = u_xx/0")},
		{"equation with function of two arguments", equation("u_t = sin(x, t)")},
		{"equation with fault in a function", func(s *Spec) {
			s.Functions = []Function{{"g", []string{"z"}, "z + q"}}
			s.Equations = []string{"u_t = g(u)"}
		}},
		{"recursive function", func(s *Spec) {
			s.Functions = []Function{{"g", []string{"z"}, "g(z) + 1"}}
			s.Equations = []string{"u_t = g(u)"}
		}},
		{"derivative of external function", func(s *Spec) {
			s.External = map[string]expr.External{"table": {Arity: 1, Eval: func(a []float64) float64 { return a[0] }}}
			s.Equations = []string{"u_t = d(table(x), x)"}
		}},
		{"singular coefficient", equation("u_t = u_xx/x")},
		{"singular source", equation("u_t = u_xx + log(t)")},
		{"unknown without equation", func(s *Spec) { s.Unknowns = append(s.Unknowns, "v") }},
		{"weights", func(s *Spec) { s.Weights = []float64{1, 2} }},
		{"zero weight", func(s *Spec) { s.Weights = []float64{0} }},
		{"ansatz without its unknown", func(s *Spec) { s.Ansatz = []Named{{"u", "sin(pi*x)"}} }},
		{"ansatz in which the unknown cancels", func(s *Spec) { s.Ansatz = []Named{{"u", "x + 0*u"}} }},
		{"ansatz of a stranger", func(s *Spec) { s.Ansatz = []Named{{"w", "x*w"}} }},
		{"ansatz misspelt", func(s *Spec) { s.Ansatz = []Named{{"u", "x*tahn(t)*u"}} }},
		{"ansatz as equation", func(s *Spec) { s.Ansatz = []Named{{"u", "u = x*u"}} }},
		{"ansatz that raises the order", func(s *Spec) { s.Ansatz = []Named{{"u", "u_xxx"}} }},
		{"singular ansatz", func(s *Spec) { s.Ansatz = []Named{{"u", "u/x"}} }},
		{"exact with unknown", func(s *Spec) { s.Exact = []Named{{"u", "2*u"}} }},
		{"exact of a stranger", func(s *Spec) { s.Exact = []Named{{"w", "x"}} }},
		{"exact misspelt", func(s *Spec) { s.Exact = []Named{{"u", "sin(pi*X)"}} }},
		{"exact with function that is not there", func(s *Spec) { s.Exact = []Named{{"u", "cole_hpf(x, t, nu)"}} }},
		{"condition outside", on("x = 2")},
		{"condition outside after all", on("t = 0, x = [0, 1.5]")},
		{"condition nowhere", on("left")},
		{"condition on nothing", on("")},
		{"condition on a stranger", on("t = 0, y = 0")},
		{"condition with bad number", on("t = 0, x = 2*nuu")},
		{"condition with half a number", on("x = 1/")},
		{"condition on a range with one end", on("x = [0]")},
		{"condition on an empty range", on("x = [0.5, 1/2]")},
		{"condition upside down", on("x = [1, 0]")},
		{"condition given twice", on("x = 0, x = 1")},
		{"condition with inequality", on("x < 0")},
		{"condition at a place given by an unknown", on("x = u")},
		{"box outside", condition(ConditionSpec{Box: []Place{{"x", 0, 7}}, Points: PointSpec{Count: 3, Sampler: "sobol"}})},
		{"box on a stranger", condition(ConditionSpec{Box: []Place{{"y", 0, 0}}})},
		{"condition without points", condition(ConditionSpec{On: "x = 0"})},
		{"condition with too many numbers of points", condition(ConditionSpec{On: "x = 0", Points: PointSpec{Shape: []int{3, 4}}})},
		{"grid with a total", condition(ConditionSpec{On: "interior", Points: PointSpec{Count: 12}})},
		{"cells without subdomains on a grid", condition(ConditionSpec{On: "interior", Points: PointSpec{Sampler: "cells", Shape: []int{3, 3}}})},
		{"cells with a total", func(s *Spec) {
			s.Cells = [][]float64{{0, 1}, {0, 3}}
			s.Interior = PointSpec{Sampler: "cells", Count: 12}
		}},
		{"too many points in all cells", func(s *Spec) {
			s.Cells = [][]float64{{0, 0.5, 1}, {0, 1, 3}}
			s.Interior = PointSpec{Sampler: "cells", Shape: []int{30000, 30000}}
		}},
		{"removed upside down", remove(0.5, 0.2, 0, 1)},
		{"removed outside", remove(0.5, 1, 0, 5)},
		{"removed not finite", remove(0.5, math.NaN(), 0, 1)},
		{"removed everything", remove(0, 1, 0, 1)},
		{"removed all points", func(s *Spec) {
			remove(0.5, 1, 0, 1)(s)
			condition(ConditionSpec{On: "x = [0.6, 1]", Points: PointSpec{Shape: []int{3, 3}}})(s)
		}},
		{"removed a point", func(s *Spec) {
			remove(0.5, 1, 0.5, 1)(s)
			condition(ConditionSpec{On: "x = 0.75, t = 1"})(s)
		}},
		{"several points at a point", condition(ConditionSpec{On: "x = 0, t = 0", Points: PointSpec{Count: 12}})},
		{"condition without unknown", condition(ConditionSpec{On: "x = 0", Residual: []string{"u", "x - t"}, Points: grid1(3)})},
		{"condition that the ansatz fulfils", func(s *Spec) {
			s.Unknowns = []string{"u", "v"}
			s.Ansatz = []Named{{"u", "x*(u + v)"}, {"v", "x*(v + u)"}}
			s.Conditions = []ConditionSpec{{On: "x = 0", Residual: []string{"u - v"}, Weight: 1, Points: grid1(3)}}
		}},
		{"condition with infinite weight", condition(ConditionSpec{On: "x = 0", Weight: math.Inf(1), Points: grid1(3)})},
		{"singular condition", condition(ConditionSpec{On: "x = 0", Residual: []string{"u_t", "u - sin(x)/x"}, Points: grid1(3)})},
		{"wrong sampler", func(s *Spec) { s.Interior.Sampler = "random" }},
		{"wrong shape", func(s *Spec) { s.Interior.Shape = []int{3} }},
		{"no points", func(s *Spec) { s.Interior.Shape = []int{3, 0} }},
	} {
		s := Spec{
			Axes: []Axis{{"x", 0, 1, false}, {"t", 0, 1, false}}, Parameters: []Named{{"nu", "0.01/pi"}}, Unknowns: []string{"u"},
			Equations: []string{"u_t = nu*u_xx"}, Interior: grid2(4, 4),
		}
		c.bad(&s)
		_, err := Build(s)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: accepted, or no position: %v", c.name, err)
			continue
		}
		fmt.Fprintf(&b, "%s\n    %s\n", c.name, strings.ReplaceAll(e.Error(), "\n", "\n    "))
	}
	const path = "testdata/errors.txt"
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("messages differ from %s; now\n%s", path, b.String())
	}
}

// FuzzBuild: whatever the strings, the answer is a problem or an *Error with a key; no crash, no hang.
func FuzzBuild(f *testing.F) {
	f.Add("u_t + u*u_x = nu*u_xx", "x*u", "t = 0", "u - sin(pi*x)")
	f.Add("d(u, x, t) = sum(i=1..3, u^i)", "tanh(t)*u_x + u", "t = [0, 1/2], x = 1", "u_xt = 0")
	f.Add("min(u, 1)*abs(u_xxxx) = step(x)", "u/(1+x)", "interior", "sqrt(u)")
	f.Fuzz(func(t *testing.T, equation, ansatz, on, residual string) {
		p, err := Build(Spec{
			Axes: []Axis{{"x", 0, 1, true}, {"t", 0, 1, false}}, Parameters: []Named{{"nu", "1"}}, Unknowns: []string{"u"},
			Equations: []string{equation}, Interior: grid2(3, 3), Ansatz: []Named{{"u", ansatz}},
			Conditions: []ConditionSpec{{On: on, Residual: []string{residual}, Weight: 1, Points: PointSpec{Sampler: "sobol", Count: 3}}},
		})
		if err == nil {
			if n := len(p.Terms[1].Sample(1)[0]); n != p.Terms[1].N() || len(p.Terms[0].Program.Value.Outputs) != 1 {
				t.Fatal("problem is incomplete")
			}
			return
		}
		var e *Error
		if !errors.As(err, &e) || e.Key == "" || e.Msg == "" || e.Col < 0 {
			t.Fatalf("error without place: %#v", err)
		}
	})
}
