package expr

import "testing"

// BenchmarkEval reports the time per point of the columns of a Poisson problem with six scales and a tanh ansatz.
func BenchmarkEval(b *testing.B) {
	g := NewGraph(Symbols{Coords: []string{"x", "y"}, Unknowns: []string{"u"}})
	ansatz, err := g.Parse("tanh(x/0.2)*tanh((1-x)/0.2)*tanh(y/0.2)*tanh((1-y)/0.2)*u")
	if err != nil {
		b.Fatal(err)
	}
	r, err := g.ParseEquation("-(u_xx + u_yy) = sum(i=1..6, 2^(2*i)*sin(2^i*pi*x)*sin(2^i*pi*y))")
	if err != nil {
		b.Fatal(err)
	}
	if r, err = g.Constrain(r, []*Node{ansatz}); err != nil {
		b.Fatal(err)
	}
	c, err := g.CompileResidual([]*Node{r})
	if err != nil {
		b.Fatal(err)
	}
	const n = 4096
	coords := [][]float64{make([]float64, n), make([]float64, n)}
	for i := range n {
		coords[0][i], coords[1][i] = float64(i)/n, float64(i%64)/64
	}
	for b.Loop() {
		evaluate(b, c.Columns, coords, nil, n)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/point")
}

// BenchmarkCompile is the way from strings to programs of the same kind of problem.
func BenchmarkCompile(b *testing.B) {
	for b.Loop() {
		g := NewGraph(burgers())
		ansatz, _ := g.Parse("tanh((x+1)/0.1)*tanh((1-x)/0.1)*tanh(t/0.1)*u - sin(pi*x)")
		r, _ := g.ParseEquation("u_t + u*u_x = nu*u_xx")
		r, err := g.Constrain(r, []*Node{ansatz})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := g.CompileResidual([]*Node{r}); err != nil {
			b.Fatal(err)
		}
	}
}
