package schwarz

import (
	"fmt"
	"math"
	"time"

	"fbpinn-mpi/kernels/dense"
	"fbpinn-mpi/mpi"
)

// Free solves the problem of a System with products alone, System.Apply and System.Transpose: of every block nothing stays but T_j, on
// the rank that owns it. The iteration is conjugate gradients for least squares (Björck 1996, Algorithm 7.4.1) on B = J T, as LSQR
// would do it in exact arithmetic, with the diagonal 1/(1 + νw) as preconditioner: what is left of N where blocks share no rows. Without
// a factor the iterations number hundreds or thousands. Methods are those of Solver, and as collective.
type Free struct {
	s        *Solver // filter, workers, sums
	d        [][]float64
	y, p, g  []float64 // unknowns of owned blocks
	r, q     []float64 // own rows
	decrease []float64 // of ‖r‖² + νΣwy², one an iteration
}

// freeIterations is the default of Settings.MaxIterations without blocks.
const freeIterations = 10000

// NewFree prepares a solver; Layers and CoarseVectors of the settings mean nothing to it.
func NewFree(comm mpi.Comm, lib *dense.Library, set Settings) *Free {
	if set.MaxIterations == 0 {
		set.MaxIterations = freeIterations
	}
	return &Free{s: New(comm, lib, set)}
}

// Factor filters the blocks. They are filled one after the other and dropped.
func (f *Free) Factor(sys *System, damping float64) error {
	s := f.s
	sys.check(s.comm.Rank(), s.comm.Size())
	s.sys, s.report = sys, Report{}
	began := time.Now()
	defer func() { s.report.Seconds.Total += time.Since(began).Seconds() }()
	var err error
	if s.pattern, err = sys.share(s.comm, newCover(sys)); err != nil {
		return err
	}
	for k := range s.workers {
		s.workers[k].filling = 0
	}
	done := s.clock("filter", &s.report.Seconds.Filter)
	if err := s.filterOwned(); err != nil {
		return err
	}
	done()
	s.apart()
	for k := range s.workers {
		s.workers[k].a = nil // a block is much larger than all that stays
	}
	s.at = make([]int, len(sys.Touch)+1)
	f.d = make([][]float64, len(sys.Touch))
	for t := range sys.Touch {
		s.at[t+1] = s.at[t] + s.blocks[t].t.Cols
		if s.owns(t) {
			f.d[t] = make([]float64, sys.Columns[sys.Touch[t].Block])
		}
	}
	unknowns := s.at[len(sys.Touch)]
	total := []int64{int64(unknowns)}
	if err := s.sumInts(total); err != nil {
		return fmt.Errorf("schwarz: count the unknowns: %w", err)
	}
	s.report.Unknowns = total[0]
	f.y, f.p, f.g = make([]float64, unknowns), make([]float64, unknowns), make([]float64, unknowns)
	f.r, f.q = make([]float64, sys.Rows), make([]float64, sys.Rows)
	return f.Damp(damping)
}

// Damp changes ν.
func (f *Free) Damp(damping float64) error {
	f.s.ready()
	if !(damping >= 0) {
		panic("schwarz: negative damping")
	}
	f.s.damping = damping
	return nil
}

// Refresh has nothing to do: the products follow their matrix by themselves, and T_j stays.
func (f *Free) Refresh() error {
	f.s.ready()
	return nil
}

// Tolerate is that of Solver.
func (f *Free) Tolerate(tolerance float64) { f.s.Tolerate(tolerance) }

// Report of this rank. BlockBytes are those of T.
func (f *Free) Report() Report {
	r := f.s.report
	for _, b := range f.s.blocks {
		r.BlockBytes += 8 * int64(len(b.t.Data))
	}
	return r
}

// Close forgets the filter; Factor may follow.
func (f *Free) Close() {
	*f = Free{s: f.s}
	f.s.sys, f.s.blocks = nil, nil
}

// filterOwned is filter without B: triangles of blocks to their owners, which keep T and w.
func (s *Solver) filterOwned() error {
	sys, rank := s.sys, int32(s.comm.Rank())
	s.blocks = make([]block, len(sys.Touch))
	mine := make([]Kept, len(sys.Touch))
	part := make([]dense.Matrix, len(sys.Touch))
	keep := func(w *worker, t int, parts []dense.Matrix) error {
		_, kept, err := s.decide(w, sys.Touch[t].Block, parts)
		v := &s.blocks[t]
		v.t, v.w, mine[t] = kept.t, kept.w, kept.Kept
		if err == nil && sys.Damped != nil {
			var z dense.Matrix
			if z, err = s.rotation(w, t); err == nil {
				v.t = s.turned(v.t, z)
			}
		}
		return err
	}
	err := s.each(len(sys.Touch), func(w *worker, t int) error {
		if err := s.reduce(w, t, &w.a); err != nil {
			return err
		}
		b := &s.blocks[t]
		r := triangle(b.qr)
		b.qr, b.panels = dense.Matrix{}, dense.Matrix{}
		if s.alone(sys.Touch[t].Block) {
			return keep(w, t, []dense.Matrix{r})
		}
		part[t] = r
		return nil
	})
	if err != nil {
		return err
	}
	var out, in []piece
	for t, v := range sys.Touch {
		if o := sys.Owner[v.Block]; o != rank && sys.touches(t) {
			out = append(out, piece{int(o), part[t].Data})
		}
	}
	owned := s.shared()
	stack := make([][]dense.Matrix, len(owned))
	for k, t := range owned {
		j := sys.Touch[t].Block
		for _, r := range s.pattern.who[j] {
			if r == rank {
				stack[k] = append(stack[k], part[t])
				continue
			}
			m := dense.NewMatrix(s.pattern.reflectors(int(r), j), sys.Columns[j])
			stack[k] = append(stack[k], m)
			in = append(in, piece{int(r), m.Data})
		}
	}
	if err := s.trade(out, in); err != nil {
		return fmt.Errorf("schwarz: triangles of blocks to their owners: %w", err)
	}
	err = s.each(len(owned), func(w *worker, k int) error { return keep(w, owned[k], stack[k]) })
	if err != nil {
		return err
	}
	for t := range sys.Touch {
		if s.owns(t) {
			s.report.Blocks = append(s.report.Blocks, mine[t])
		}
	}
	return nil
}

// apply sets q = J T p.
func (f *Free) apply(q, p []float64) error {
	s := f.s
	_ = s.each(len(s.blocks), func(_ *worker, t int) error {
		if s.owns(t) {
			s.lib.Gemv(dense.NoTrans, 1, s.blocks[t].t, p[s.at[t]:s.at[t+1]], 0, f.d[t])
		}
		return nil
	})
	return s.sys.Apply(f.d, q)
}

// gradient sets g = Tᵀ Jᵀ r - νwy.
func (f *Free) gradient() error {
	s := f.s
	if err := s.sys.Transpose(f.r, f.d); err != nil {
		return err
	}
	return s.each(len(s.blocks), func(_ *worker, t int) error {
		if !s.owns(t) {
			return nil
		}
		g := f.g[s.at[t]:s.at[t+1]]
		s.lib.Gemv(dense.Trans, 1, s.blocks[t].t, f.d[t], 0, g)
		for i, w := range s.blocks[t].w {
			g[i] -= s.damping * w * f.y[s.at[t]+i]
		}
		return nil
	})
}

// Solve is that of Solver, but fills d[t] only where the block is owned here. After is computed from the solution, not followed through
// the iteration: over thousands of steps the two drift apart.
func (f *Free) Solve(b []float64, d [][]float64) (Outcome, error) {
	s := f.s
	s.ready()
	if len(b) != s.sys.Rows || len(d) != len(s.sys.Touch) {
		panic("schwarz: right-hand side or solution of another system")
	}
	defer s.clock("iterations", &s.report.Seconds.Iterations)()
	copy(f.r, b)
	clear(f.y)
	out, err := f.iterate()
	if err != nil {
		return out, fmt.Errorf("schwarz: iterations: %w", err)
	}
	if err := f.apply(f.q, f.y); err != nil {
		return out, fmt.Errorf("schwarz: residual: %w", err)
	}
	for i := range f.r {
		f.r[i] = b[i] - f.q[i]
	}
	x := []float64{dot(f.r, f.r)}
	if err := s.sums(x); err != nil {
		return out, fmt.Errorf("schwarz: residual: %w", err)
	}
	out.After = x[0]
	for t := range d {
		if s.owns(t) {
			copy(d[t], f.d[t])
		}
	}
	return out, nil
}

func (f *Free) iterate() (Outcome, error) {
	s := f.s
	out := Outcome{Status: OutOfIterations}
	f.decrease = f.decrease[:0]
	clear(f.p)
	var lanczos tridiagonal
	alpha, before, reference := 0.0, 0.0, 0.0
	for ; ; out.Iterations++ {
		if err := f.gradient(); err != nil {
			return out, err
		}
		x := []float64{f.own(f.g, f.g), dot(f.r, f.r), s.damping * s.ownDot(f.y, f.y)}
		if err := s.sums(x); err != nil {
			return out, err
		}
		gu := x[0]
		if out.Iterations == 0 {
			out.Before, reference = x[1], gu
			if s.report.Unknowns == 0 {
				out.Status = Singular
				return out, nil
			}
		}
		out.Gradient = append(out.Gradient, math.Sqrt(max(gu, 0)))
		if st, over := f.judge(gu, x[1]+x[2], reference, out.Before); over {
			out.Status = st
			break
		}
		beta := 0.0
		if out.Iterations > 0 {
			beta = gu / before
		}
		f.follow(beta)
		if err := f.apply(f.q, f.p); err != nil {
			return out, err
		}
		qq := []float64{dot(f.q, f.q) + s.damping*s.ownDot(f.p, f.p)}
		if err := s.sums(qq); err != nil {
			return out, err
		}
		if !(qq[0] > 0) {
			out.Status = Stagnated
			break
		}
		last := alpha
		alpha, before = gu/qq[0], gu
		lanczos.add(last, beta, alpha)
		f.decrease = append(f.decrease, alpha*gu)
		for i, p := range f.p {
			f.y[i] += alpha * p
		}
		for i, q := range f.q {
			f.r[i] -= alpha * q
		}
	}
	if least, most := lanczos.extremes(); least > 0 && len(lanczos.diagonal) > 1 {
		out.Condition = most / least
	}
	return out, nil
}

// follow sets p = M g + βp.
func (f *Free) follow(beta float64) {
	s := f.s
	for t := range s.blocks {
		for i, w := range s.blocks[t].w {
			k := s.at[t] + i
			f.p[k] = f.g[k]/(1+s.damping*w) + beta*f.p[k]
		}
	}
}

// own is <a, M b> over the unknowns of this rank.
func (f *Free) own(a, b []float64) float64 {
	s := f.s
	if s.damping == 0 {
		return dot(a, b)
	}
	sum := 0.0
	for t := range s.blocks {
		for i, w := range s.blocks[t].w {
			k := s.at[t] + i
			sum += a[k] * b[k] / (1 + s.damping*w)
		}
	}
	return sum
}

// How the end is told, see judge.
const (
	freeShare = 4  // of the iterations so far, that part is looked back on
	freeLeast = 20 // iterations, at least
)

// judge decides when to stop. Every iteration takes αgᵀMg off ‖r‖² + νΣwy²; what lies between it and its minimum is at least what the
// next iterations will take, and what the last ones took says how much that may be (Hestenes & Stiefel 1952, Theorem 6:1; Strakoš &
// Tichý, ETNA 13 (2002) 56). The end has come when the last quarter of the iterations took less than Tolerance²·‖r‖²: the meaning that
// Tolerance has with a factor, up to the delay. The gradient, which the rule with a factor reads, says little here.
func (f *Free) judge(gu, rr, reference, before float64) (Status, bool) {
	n := len(f.decrease)
	switch {
	case !(gu >= 0) || math.IsInf(gu, 0):
		return Stagnated, true
	case gu <= rounding*rounding*reference:
		return Converged, true
	}
	if n >= freeLeast {
		recent := 0.0
		for _, x := range f.decrease[n-max(freeLeast, n/freeShare):] {
			recent += x
		}
		if tolerance := f.s.set.Tolerance; recent <= max(tolerance*tolerance*rr, rounding*rounding*before) {
			return Converged, true
		}
	}
	return OutOfIterations, n >= f.s.set.MaxIterations
}

// extremes finds the least and the largest eigenvalue by bisection (Golub & Van Loan 2013, section 8.4.1): there may be ten thousand.
func (t *tridiagonal) extremes() (least, most float64) {
	lo, hi := math.Inf(1), math.Inf(-1)
	at := func(i int) float64 {
		if i < 0 || i >= len(t.off) {
			return 0
		}
		return t.off[i]
	}
	for i, d := range t.diagonal { // Gershgorin
		radius := at(i-1) + at(i)
		lo, hi = min(lo, d-radius), max(hi, d+radius)
	}
	below := func(x float64) (n int) { // eigenvalues below x: negative pivots
		pivot := 1.0
		for i, d := range t.diagonal {
			off := at(i - 1)
			if pivot = d - x - off*off/pivot; pivot == 0 {
				pivot = math.SmallestNonzeroFloat64
			}
			if pivot < 0 {
				n++
			}
		}
		return n
	}
	find := func(n int) float64 { // where more than n lie below
		a, b := lo, hi
		for {
			mid := (a + b) / 2
			if !(a < mid && mid < b) {
				return b
			}
			if below(mid) > n {
				b = mid
			} else {
				a = mid
			}
		}
	}
	if len(t.diagonal) == 0 {
		return 0, 0
	}
	return find(0), find(len(t.diagonal) - 1)
}
