package solver

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/mpi"
	"fbpinn-mpi/solver/model"
	"fbpinn-mpi/solver/problem"
	"fbpinn-mpi/solver/schwarz"
	"fbpinn-mpi/solver/timeline"
)

// linearisation shows a run to a linear solver as the least-squares problem
//
//	min_d ½ ‖r + J d‖²,   row (e, i): √(q_i/2) √λ r_e(x_i),   ½ ‖r‖² · 2 = loss
//
// of the rows of this rank's points, at the parameters in hand. Its columns are grouped by subdomain: block j holds the derivatives
// by the trained parameters of subdomain j (output weights, or all). Rows are numbered e·n + i, e < E residuals a point, i < n own
// points; a term with fewer residuals leaves its other rows zero.
type linearisation struct {
	r       *Run[float64]
	problem *problem.Problem // of the step: r.Problem, or one on the way to it
	columns kernels.Columns
	shares  []model.Share
	n, e    int
	terms   []linearTerm
	rows    []float64   // residuals [E][n] as rows, host memory
	ubar    [][]float64 // [E] planes like Cloud.U, memory of the backend: ∂row/∂U
	affine  bool        // the residuals are affine in U: J does not depend on the parameters
	first   []int       // number of the first block of each level, and their total
	buffer  []float64   // of fetch, memory of the backend
	trouble error       // of fetch
}

// linearTerm is a term of the loss: which rows it owns, and its programs.
type linearTerm struct {
	value    kernels.Task
	adjoint  []kernels.Task // one for each residual: ∂row/∂U of it alone
	residual [][]float64    // [residuals of the term][its points], memory of the backend
	lo, n    int
	weight   []float64 // √(q/2) of its points, host memory
	seed     []float64 // the same in memory of the backend
	none     []float64 // zeros there
}

func newLinearisation(r *Run[float64], p *problem.Problem, columns kernels.Columns) (*linearisation, error) {
	c, b := r.Cloud, r.backend
	l := &linearisation{r: r, problem: p, columns: columns, shares: c.Shares(), n: len(c.Points), first: []int{0}}
	slices.SortFunc(l.shares, func(a, b model.Share) int { return cmp.Or(a.Level-b.Level, a.Sub-b.Sub) }) // as blocks are numbered
	for _, level := range r.Model.Dec.Levels {
		l.first = append(l.first, l.first[len(l.first)-1]+level.Len())
	}
	for _, t := range p.Terms {
		l.e = max(l.e, len(t.Raw))
	}
	l.rows = make([]float64, l.e*l.n)
	for range l.e {
		plane, err := b.Make(len(c.U))
		if err != nil {
			return nil, fmt.Errorf("solver: derivatives of the residuals: %w", err)
		}
		l.ubar = append(l.ubar, plane)
	}
	for k := range r.step.stage.terms {
		t, err := l.term(&r.step.stage.terms[k])
		if err != nil {
			return nil, fmt.Errorf("solver: term %s: %w", r.step.stage.terms[k].term.Name, err)
		}
		l.terms = append(l.terms, t)
	}
	return l, l.probe()
}

func (l *linearisation) term(s *stageTerm[float64]) (t linearTerm, err error) {
	b, program := l.r.backend, s.term.Program
	t.lo, t.n = s.lo, s.n
	t.weight = make([]float64, s.n)
	if err := b.Read(t.weight, s.q); err != nil {
		return t, err
	}
	for i, q := range t.weight {
		t.weight[i] = math.Sqrt(q / 2)
	}
	if t.seed, err = upload(b, t.weight); err != nil {
		return t, err
	}
	if t.none, err = b.Make(s.n); err != nil {
		return t, err
	}
	for range s.term.Raw {
		plane, err := b.Make(s.n)
		if err != nil {
			return t, err
		}
		t.residual = append(t.residual, plane)
	}
	if t.value, err = b.OpenProgram(&program.Value, s.inputs, t.residual, s.n); err != nil {
		return t, err
	}
	for e := range s.term.Raw {
		in := append([][]float64(nil), s.inputs...)
		for k := range s.term.Raw {
			if k == e {
				in = append(in, t.seed)
			} else {
				in = append(in, t.none)
			}
		}
		var out [][]float64
		for _, plane := range planes(l.problem.Jets, program.Jets) {
			out = append(out, l.ubar[e][plane*l.n+s.lo:plane*l.n+s.lo+s.n])
		}
		task, err := b.OpenProgram(&program.Adjoint, in, out, s.n)
		if err != nil {
			return t, err
		}
		t.adjoint = append(t.adjoint, task)
	}
	return t, nil
}

// probe finds out whether the problem is affine: then the derivatives are the same bits whatever U is, because nothing but columns
// goes into them.
func (l *linearisation) probe() error {
	u := make([]float64, len(l.r.Cloud.U))
	var before, after []float64
	for _, at := range []*[]float64{&before, &after} {
		if err := l.r.backend.Write(l.r.Cloud.U, u); err != nil {
			return err
		}
		l.derive()
		for _, plane := range l.ubar {
			v := make([]float64, len(plane))
			if err := l.r.backend.Read(v, plane); err != nil {
				return err
			}
			*at = append(*at, v...)
		}
		for i := range u {
			u[i] = 0.5 + 1/float64(2+i%97)
		}
	}
	differ := []int32{0}
	for i := range before {
		if math.Float64bits(before[i]) != math.Float64bits(after[i]) {
			differ[0] = 1
			break
		}
	}
	if err := mpi.Allreduce(l.r.comm, differ, mpi.Max); err != nil {
		return err
	}
	// With all columns J depends on the parameters through the networks.
	l.affine = differ[0] == 0 && l.columns == kernels.OutputColumns
	return nil
}

// derive computes ∂row/∂U at the jets in hand.
func (l *linearisation) derive() {
	defer l.r.during(timeline.Solver, "derivatives")()
	for _, t := range l.terms {
		for _, a := range t.adjoint {
			a.Run()
		}
	}
}

// evaluate computes the rows at the parameters in Cloud.Theta, and the loss over all ranks, ‖r‖². Collective.
func (l *linearisation) evaluate() (loss float64, err error) {
	defer l.r.during(timeline.Solver, "residuals")()
	if err := l.r.Cloud.Forward(); err != nil {
		return 0, err
	}
	for _, t := range l.terms {
		t.value.Run()
		for e, plane := range t.residual {
			row := l.rows[e*l.n+t.lo:][:t.n]
			if err := l.r.backend.Read(row, plane); err != nil {
				return 0, err
			}
			for i, w := range t.weight {
				row[i] *= w
			}
		}
	}
	sum := []float64{0}
	for _, x := range l.rows {
		sum[0] += x * x
	}
	if err := l.r.sum.Sum(sum); err != nil {
		return 0, err
	}
	return sum[0], nil
}

// losses splits the loss of the last evaluation at this rank's points into its terms, in the order of Run.TermNames.
func (l *linearisation) losses() (sums []float64) {
	for _, t := range l.terms {
		for e := range t.residual {
			sum := 0.0
			for _, x := range l.rows[e*l.n+t.lo:][:t.n] {
				sum += x * x
			}
			sums = append(sums, sum)
		}
	}
	return sums
}

// blame finds the first residual that is not finite at this rank's points; nil if there is none.
func (l *linearisation) blame() *Blame {
	for k, t := range l.terms {
		for e := range t.residual {
			for i, x := range l.rows[e*l.n+t.lo:][:t.n] {
				if x-x == 0 {
					continue
				}
				term := l.problem.Terms[k]
				b := &Blame{Step: l.r.done, Term: term.Name, Residual: term.Echo[e], Rank: l.r.comm.Rank()}
				for a := range l.r.points {
					b.Point = append(b.Point, l.r.points[a][t.lo+i])
				}
				return b
			}
		}
	}
	return nil
}

func (l *linearisation) close() {
	b := l.r.backend
	b.Free(l.buffer)
	for _, plane := range l.ubar {
		b.Free(plane)
	}
	for _, t := range l.terms {
		t.value.Close()
		for _, a := range t.adjoint {
			a.Close()
		}
		for _, r := range t.residual {
			b.Free(r)
		}
		b.Free(t.seed)
		b.Free(t.none)
	}
}

// describe shows the blocks to a linear solver.
func (l *linearisation) describe() *schwarz.System {
	r := l.r
	s := &schwarz.System{Rows: l.e * l.n, Fill: l.fill, Centre: make([][]float64, len(r.Problem.Axes))}
	for k, level := range r.Model.Dec.Levels {
		s.Owner = append(s.Owner, level.Owners(r.Part)...)
		for j := 0; j < level.Len(); j++ {
			s.Columns = append(s.Columns, r.Model.Nets[k].Columns(l.columns))
			if l.columns == kernels.AllColumns { // the output layer is solved for
				s.Damped = append(s.Damped, r.Model.Nets[k].Columns(l.columns)-r.Model.Nets[k].Columns(kernels.OutputColumns))
			}
			centre := level.Centre(j)
			for a := range s.Centre {
				s.Centre[a] = append(s.Centre[a], centre[a])
			}
		}
	}
	for _, share := range l.shares {
		t := schwarz.Touch{Block: l.first[share.Level] + share.Sub, LD: l.e * kernels.Pad(share.N)}
		for e := 0; e < l.e; e++ {
			for _, run := range share.Runs {
				t.Runs = append(t.Runs, kernels.Run{Tile: run.Tile + int32(e*kernels.Pad(share.N)), Point: run.Point + int32(e*l.n), N: run.N})
			}
		}
		s.Touch = append(s.Touch, t)
	}
	return s
}

// fill writes the dense block of share t.
func (l *linearisation) fill(t int, a []float64) {
	s := l.shares[t]
	if !l.r.backend.Host() {
		l.fetch(s, a)
		return
	}
	pad := kernels.Pad(s.N)
	for e := 0; e < l.e && s.N > 0; e++ {
		l.r.Cloud.Block(s, l.columns, l.ubar[e], a[e*pad:], l.e*pad)
	}
}

// fetch is fill where the backend computes in memory of its own, by way of a buffer there, for one block at a time. What goes wrong is
// kept for failed, and makes the block not a number.
func (l *linearisation) fetch(s model.Share, a []float64) {
	b, pad := l.r.backend, kernels.Pad(s.N)
	n := l.e * pad * l.r.Model.Nets[s.Level].Columns(l.columns)
	if n == 0 {
		return
	}
	if len(l.buffer) < n {
		b.Free(l.buffer)
		if l.buffer, l.trouble = b.Make(n); l.trouble != nil {
			a[0] = math.NaN()
			return
		}
	}
	for e := range l.e {
		l.r.Cloud.Block(s, l.columns, l.ubar[e], l.buffer[e*pad:n], l.e*pad)
	}
	if err := b.Read(a, l.buffer[:n]); err != nil {
		l.trouble, a[0] = err, math.NaN()
	}
}

// failed prefers what went wrong while blocks were filled.
func (l *linearisation) failed(err error) error {
	if l.trouble != nil {
		return fmt.Errorf("solver: block of a subdomain: %w", l.trouble)
	}
	return err
}

// move adds alpha·d to the parameters of the owned subdomains in theta, which has the layout of Cloud.Theta; d[t] belongs to share t.
func (l *linearisation) move(theta []float64, alpha float64, d [][]float64) {
	l.owned(func(t, at int) {
		for i, x := range d[t] {
			theta[at+i] += alpha * x
		}
	})
}
