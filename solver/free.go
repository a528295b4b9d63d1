package solver

import (
	"fmt"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/solver/schwarz"
)

// linearSolver solves the linear least-squares problems of a descent: *schwarz.Solver, which keeps blocks and a factor, or free. Methods
// are collective.
type linearSolver interface {
	Factor(sys *schwarz.System, damping float64) error
	Damp(damping float64) error
	Refresh() error // after the matrix has changed, with what Factor found
	Tolerate(tolerance float64)
	Solve(b []float64, d [][]float64) (schwarz.Outcome, error)
	Report() schwarz.Report
	Close()
}

// solve opens the solver that the need of the stage asks for.
func (l *linearisation) solve(system *schwarz.System) (linearSolver, error) {
	r := l.r
	set := r.Settings.Newton
	if !r.backend.Host() { // a card takes questions for blocks from this thread only
		set.Linear.Workers = 1
	}
	needs, err := r.Needs()
	if err != nil {
		return nil, err
	}
	if needs[r.stage].Blocks {
		return schwarz.New(r.comm, set.Library, set.Linear), nil
	}
	p, err := newProducts(l)
	if err != nil {
		return nil, err
	}
	system.Apply, system.Transpose = p.apply, p.transpose
	return &free{Free: schwarz.NewFree(r.comm, set.Library, set.Linear), products: p}, nil
}

// free solves by products alone. A nonlinear problem is solved to forcing in every step, with a new filter or an old one: there is no
// factor that would make the last digits cheap, and what is missed is below what a descent counts as settled.
type free struct {
	*schwarz.Free
	*products
}

func (f *free) Tolerate(tolerance float64) {
	if !f.l.affine {
		tolerance = max(tolerance, forcing)
	}
	f.Free.Tolerate(tolerance)
}

func (f *free) Close() {
	f.Free.Close()
	f.products.close()
}

// products multiplies with J of a linearisation and with its transpose. The derivatives of the rows, linearisation.ubar, are there
// already for every residual, weights folded in, so that
//
//	J v:   U̇ = Cloud.Tangent(v),               row (e, i) = Σ_kc ubar_e[kc][i] U̇[kc][i]
//	Jᵀ w:  Ū[kc][i] = Σ_e ubar_e[kc][i] w_(e,i),  Cloud.Adjoint
//
// and the jets U of the linearisation, which Tangent overwrites, need not be kept.
type products struct {
	l       *linearisation
	dir     []float64 // direction, layout of Cloud.Theta, memory of the backend
	here    []float64 // the same in host memory, then the gradient
	rows    []float64 // [E][n], memory of the backend
	tangent []kernels.Task
	adjoint []kernels.Task
}

func newProducts(l *linearisation) (p *products, err error) {
	c, b := l.r.Cloud, l.r.backend
	p = &products{l: l, here: make([]float64, len(c.Theta))}
	defer func() {
		if err != nil {
			p.close()
			p, err = nil, fmt.Errorf("solver: products without blocks: %w", err)
		}
	}()
	if p.dir, err = b.Make(len(c.Theta)); err != nil {
		return p, err
	}
	if p.rows, err = b.Make(l.e * l.n); err != nil {
		return p, err
	}
	planes := l.r.Problem.Jets.N() * len(l.r.Problem.Unknowns)
	cut := func(v []float64, k int) []float64 { return v[k*l.n:][:l.n] }
	open := func(to *[]kernels.Task, a, b [][]float64, out []float64) error {
		task, err := l.r.backend.OpenProgram(sumOfProducts(len(a)), append(a, b...), [][]float64{out}, l.n)
		if err == nil {
			*to = append(*to, task)
		}
		return err
	}
	for e := range l.e {
		var g, u [][]float64
		for k := range planes {
			g, u = append(g, cut(l.ubar[e], k)), append(u, cut(c.U, k))
		}
		if err := open(&p.tangent, g, u, cut(p.rows, e)); err != nil {
			return p, err
		}
	}
	for k := range planes {
		var g, w [][]float64
		for e := range l.e {
			g, w = append(g, cut(l.ubar[e], k)), append(w, cut(p.rows, e))
		}
		if err := open(&p.adjoint, g, w, cut(c.UBar, k)); err != nil {
			return p, err
		}
	}
	return p, nil
}

// sumOfProducts is the program Σ_k a_k b_k of planes a_0 .. a_n-1, b_0 .. b_n-1.
func sumOfProducts(n int) *kernels.Program {
	p := &kernels.Program{Inputs: 2 * n, Registers: 2*n + 2}
	last := int32(0)
	for k := range int32(n) {
		to := int32(2*n) + k%2
		i := kernels.Instr{Op: kernels.MulAdd, Dst: to, A: k, B: int32(n) + k, C: last}
		if k == 0 {
			i.Op = kernels.Mul
		}
		p.Code = append(p.Code, i)
		last = to
	}
	p.Outputs = []int32{last}
	return p
}

// apply writes rows = J d; d belongs to the owned shares.
func (p *products) apply(d [][]float64, rows []float64) error {
	b, c := p.l.r.backend, p.l.r.Cloud
	to := p.here
	if b.Host() {
		to = p.dir
	}
	// Only the columns of owned shares are ever written, and ghosts by the exchange: the rest stays zero.
	p.l.owned(func(t, at int) { copy(to[at:], d[t]) })
	if !b.Host() {
		if err := b.Write(p.dir, p.here); err != nil {
			return err
		}
	}
	if err := c.Tangent(p.dir); err != nil {
		return err
	}
	for _, task := range p.tangent {
		task.Run()
	}
	return b.Read(rows, p.rows)
}

// transpose writes d = Jᵀ rows for the owned shares.
func (p *products) transpose(rows []float64, d [][]float64) error {
	b, c := p.l.r.backend, p.l.r.Cloud
	if err := b.Write(p.rows, rows); err != nil {
		return err
	}
	for _, task := range p.adjoint {
		task.Run()
	}
	if err := c.Adjoint(); err != nil {
		return err
	}
	from := c.Grad
	if !b.Host() {
		from = make([]float64, len(c.Grad))
		if err := b.Read(from, c.Grad); err != nil {
			return err
		}
	}
	p.l.owned(func(t, at int) { copy(d[t], from[at:]) })
	return nil
}

// owned visits the owned shares with the place of their first column in Cloud.Theta.
func (l *linearisation) owned(visit func(t, at int)) {
	for t, s := range l.shares {
		if s.Owned {
			v := &l.r.Cloud.Levels[s.Level]
			visit(t, v.At+s.Slot*v.P+l.r.Model.Nets[s.Level].FirstColumn(l.columns))
		}
	}
}

func (p *products) close() {
	for _, list := range [][]kernels.Task{p.tangent, p.adjoint} {
		for _, task := range list {
			task.Close()
		}
	}
	p.l.r.backend.Free(p.dir)
	p.l.r.backend.Free(p.rows)
}
