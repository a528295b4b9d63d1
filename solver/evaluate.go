package solver

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/mpi"
	"fbpinn-mpi/solver/decomp"
	"fbpinn-mpi/solver/expr"
	"fbpinn-mpi/solver/model"
	"fbpinn-mpi/solver/problem"
)

// Error compares a solution with the exact or reference one on the test grid, for one unknown (docs/theory.md, section 10).
type Error struct {
	NL1 float64 // mean |e| / std(u), population standard deviation: "normalised L1"
	L1  float64 // mean |e|
	L2  float64 // ‖e‖/‖u‖
	Max float64 // max |e|
}

// Compare returns the errors of u against the exact values.
func Compare(u, exact []float64) Error {
	n := float64(len(exact))
	var sum, squares, e1, e2, top float64
	for i, v := range exact {
		e := math.Abs(u[i] - v)
		sum += v
		squares += v * v
		e1 += e
		e2 += e * e
		if e > top || math.IsNaN(e) {
			top = e
		}
	}
	mean, deviation := sum/n, 0.0
	for _, v := range exact {
		deviation += (v - mean) * (v - mean)
	}
	return Error{NL1: e1 / n / math.Sqrt(deviation/n), L1: e1 / n, L2: math.Sqrt(e2 / squares), Max: top}
}

// Modulo takes the best fit of the functions off the error of u: what is left counts where a problem determines its solution only
// up to them. It returns u where there are none.
func Modulo(u, exact []float64, functions [][]float64) []float64 {
	if len(functions) == 0 {
		return u
	}
	a := mat.NewDense(len(u), len(functions), nil)
	e := mat.NewVecDense(len(u), nil)
	for i := range u {
		e.SetVec(i, u[i]-exact[i])
		for k, f := range functions {
			a.Set(i, k, f[i])
		}
	}
	var c, fit mat.VecDense
	if err := c.SolveVec(a, e); err != nil { // dependent functions: their fit is still a fit, if not the only one
		return u
	}
	fit.MulVec(a, &c)
	rest := make([]float64, len(u))
	for i := range rest {
		rest[i] = u[i] - fit.AtVec(i)
	}
	return rest
}

// evaluation computes the solution on the test grid, always in float64, with the exchange of training.
type evaluation struct {
	comm      mpi.Comm
	backend   kernels.Backend[float64]
	cloud     *model.Cloud[float64]
	set       kernels.Jets
	unknowns  field
	residuals field
	stride    int
	gathered  []int // rank 0: global index of every gathered value
	counts    []int // rank 0: own points by rank
	all       []float64
}

// field is a point program whose outputs are fields on the test grid.
type field struct {
	program kernels.Task
	columns [][]float64 // in memory of the backend
	out     [][]float64 // in memory of the backend
	scale   []float64   // factor of each output
}

// newEvaluation prepares the solution at points [d][n], and with residuals also the residuals of the equations there.
func newEvaluation(comm mpi.Comm, backend kernels.Backend[float64], m *model.Model, p *problem.Problem, part *decomp.Partition,
	points [][]float64, choice model.Choice, residuals bool) (*evaluation, error) {
	if !residuals {
		return newSolutionEvaluation(comm, backend, m, p, p.Solution, part, points, choice)
	}
	e, err := newEvaluationOf(comm, backend, m, p.Jets, part, points, choice)
	if err != nil {
		return nil, err
	}
	if e.unknowns, err = e.open(p, &p.Solution.Program, p.Solution.Jets, p.Solution.Columns, nil); err != nil {
		return nil, err
	}
	term := p.Terms[0]
	unweight := make([]float64, len(term.Weights))
	for k, w := range term.Weights {
		unweight[k] = 1 / math.Sqrt(w)
	}
	if e.residuals, err = e.open(p, &term.Program.Value, term.Program.Jets, term.Program.Columns, unweight); err != nil {
		return nil, err
	}
	return e, e.index()
}

// newSolutionEvaluation prepares the outputs of one program of raw unknowns at points [d][n].
func newSolutionEvaluation(comm mpi.Comm, backend kernels.Backend[float64], m *model.Model, p *problem.Problem, s *problem.Solution,
	part *decomp.Partition, points [][]float64, choice model.Choice) (*evaluation, error) {
	var needs []kernels.MultiIndex
	for _, j := range s.Jets {
		needs = append(needs, j.Index)
	}
	e, err := newEvaluationOf(comm, backend, m, kernels.NewJets(len(points), needs...), part, points, choice)
	if err != nil {
		return nil, err
	}
	if e.unknowns, err = e.open(p, &s.Program, s.Jets, s.Columns, nil); err != nil {
		return nil, err
	}
	return e, e.index()
}

func newEvaluationOf(comm mpi.Comm, backend kernels.Backend[float64], m *model.Model, set kernels.Jets, part *decomp.Partition,
	points [][]float64, choice model.Choice) (*evaluation, error) {
	c, err := model.NewCloud(comm, backend, m, set, part, decomp.Planes(points), choice)
	if err != nil {
		return nil, fmt.Errorf("solver: test points: %w", err)
	}
	return &evaluation{comm: comm, backend: backend, cloud: c, set: set, stride: len(c.Points)}, nil
}

// open prepares a program over the given jets and columns.
func (e *evaluation) open(p *problem.Problem, program *kernels.Program, jets, of []*expr.Node, scale []float64) (f field, err error) {
	f.scale = scale
	var in [][]float64
	for _, at := range planes(e.set, jets) {
		in = append(in, e.cloud.U[at*e.stride:][:e.stride])
	}
	if f.columns, err = columns(p, e.backend, of, e.cloud.X); err != nil {
		return f, err
	}
	in = append(in, f.columns...)
	for range program.Outputs {
		there, err := e.backend.Make(e.stride)
		if err != nil {
			return f, err
		}
		f.out = append(f.out, there)
	}
	f.program, err = e.backend.OpenProgram(program, in, f.out, e.stride)
	return f, err
}

// close frees what the evaluation made; nil is none.
func (e *evaluation) close() {
	if e == nil {
		return
	}
	for _, f := range []field{e.unknowns, e.residuals} {
		if f.program == nil {
			continue
		}
		f.program.Close()
		for _, v := range append(f.columns, f.out...) {
			e.backend.Free(v)
		}
	}
	if e.all != nil {
		kernels.Free(e.all)
	}
	e.cloud.Close()
}

// index tells rank 0 whose points the gathered values are.
func (e *evaluation) index() error {
	counts, err := mpi.Counted(e.comm, e.stride)
	if err != nil {
		return err
	}
	total := 0
	for _, n := range counts {
		total += n
	}
	mine, all := kernels.Make[int64](e.stride)[:e.stride], kernels.Make[int64](total)[:total]
	defer kernels.Free(mine)
	defer kernels.Free(all)
	for i, k := range e.cloud.Points {
		mine[i] = int64(k)
	}
	if err := mpi.Gatherv(e.comm, mine, all, counts, 0); err != nil {
		return err
	}
	e.counts = counts
	if e.comm.Rank() == 0 {
		for _, k := range all {
			e.gathered = append(e.gathered, int(k))
		}
		e.all = kernels.Make[float64](total)[:total]
	}
	return nil
}

// load copies the parameters of a training run to a cloud with the same replicated levels and the same partition.
func load[T kernels.Real](e *evaluation, from *Run[T]) error {
	source, to := make([]T, len(from.Cloud.Theta)), make([]float64, len(e.cloud.Theta))
	if err := from.backend.Read(source, from.Cloud.Theta); err != nil {
		return err
	}
	for l := range from.Cloud.Levels {
		a, b := &e.cloud.Levels[l], &from.Cloud.Levels[l]
		for i, v := range source[b.At : b.At+b.Owned*b.P] {
			to[a.At+i] = float64(v)
		}
	}
	return e.backend.Write(e.cloud.Theta, to)
}

// fields evaluates and gathers on rank 0, in grid order: unknowns, then residuals if they were asked for. Other ranks get nil.
func (e *evaluation) fields() (unknowns, residuals [][]float64, err error) {
	if err := e.cloud.Forward(); err != nil {
		return nil, nil, err
	}
	gather := func(f field) (out [][]float64, err error) {
		if f.program == nil {
			return nil, nil
		}
		f.program.Run()
		v := make([]float64, e.stride)
		for o := range f.out {
			if err := e.backend.Read(v, f.out[o]); err != nil {
				return nil, err
			}
			if f.scale != nil {
				for i := range v {
					v[i] *= f.scale[o]
				}
			}
			if err := mpi.Gatherv(e.comm, v, e.all, e.counts, 0); err != nil {
				return nil, err
			}
			if e.comm.Rank() == 0 {
				grid := make([]float64, len(e.all))
				for i, k := range e.gathered {
					grid[k] = e.all[i]
				}
				out = append(out, grid)
			}
		}
		return out, nil
	}
	if unknowns, err = gather(e.unknowns); err != nil {
		return nil, nil, err
	}
	residuals, err = gather(e.residuals)
	return unknowns, residuals, err
}

// Solve evaluates the trained solution and its residuals on a grid [d][n], gathered on rank 0. Collective.
func (r *Run[T]) Solve(double kernels.Backend[float64], points [][]float64) (unknowns, residuals [][]float64, err error) {
	e, err := newEvaluation(r.comm, double, r.Model, r.Problem, r.Part, points, r.like(), true)
	if err != nil {
		return nil, nil, err
	}
	defer e.close()
	if err := load(e, r); err != nil {
		return nil, nil, err
	}
	return e.fields()
}

// Traffic gathers what every rank computes and sends a step; the list is complete on all ranks. Collective.
func (r *Run[T]) Traffic() ([]model.Traffic, error) {
	n := r.comm.Size()
	flat := make([]int64, 5*n)
	t := r.Cloud.Traffic
	copy(flat[5*r.comm.Rank():], []int64{int64(t.Pairs), int64(t.Neighbours), t.Bytes, t.MinimumBytes, int64(t.ReducedValues)})
	if err := mpi.Allreduce(r.comm, flat, mpi.Sum); err != nil {
		return nil, err
	}
	list := make([]model.Traffic, n)
	for k := range list {
		v := flat[5*k:]
		list[k] = model.Traffic{Pairs: int(v[0]), Neighbours: int(v[1]), Bytes: v[2], MinimumBytes: v[3], ReducedValues: int(v[4])}
	}
	return list, nil
}

// like makes the clouds of evaluations own what the training cloud owns.
func (r *Run[T]) like() model.Choice {
	return model.Choice{Mode: r.Settings.Choice.Mode, Like: r.Cloud.Replicated()}
}
