package solver

import (
	"fmt"
	"math"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/mpi"
	"fbpinn-mpi/solver/decomp"
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

// evaluation computes the solution on the test grid, always in float64, with the exchange of training.
type evaluation struct {
	comm      mpi.Comm
	cloud     *model.Cloud[float64]
	unknowns  []field
	residuals []field
	stride    int
	gathered  []int // rank 0: global index of every gathered value
	counts    []int // rank 0: own points by rank
	mine      []float64
	all       []float64
}

// field is a point program whose outputs are fields on the test grid.
type field struct {
	kernel  kernels.PointKernel[float64]
	in, out [][]float64
	scale   []float64 // factor of each output
}

// newEvaluation prepares the solution at points [d][n], and with residuals also the residuals of the equations there.
func newEvaluation(comm mpi.Comm, backend kernels.Backend[float64], m *model.Model, p *problem.Problem, part *decomp.Partition,
	points [][]float64, choice model.Choice, residuals bool) (*evaluation, error) {
	set := kernels.NewJets(len(points))
	if residuals {
		set = p.Jets
	}
	c, err := model.NewCloud(comm, backend, m, set, part, points, choice)
	if err != nil {
		return nil, fmt.Errorf("solver: test points: %w", err)
	}
	e := &evaluation{comm: comm, cloud: c, stride: len(c.Points)}
	x := make([][]float64, len(points))
	for a := range x {
		x[a] = make([]float64, e.stride)
		for i, k := range c.Points {
			x[a][i] = points[a][k]
		}
	}
	plane := func(k, c0 int) []float64 { return c.U[(k*set.N()+c0)*e.stride:][:e.stride] }
	values := make([][]float64, 0, len(p.Unknowns))
	for k := range p.Unknowns {
		values = append(values, plane(k, 0))
	}
	columns, err := p.SolutionColumns(x)
	if err != nil {
		return nil, err
	}
	if e.unknowns, err = e.open(backend, nil, &p.Solution.Program, values, columns, nil); err != nil {
		return nil, err
	}
	if residuals {
		term := p.Terms[0]
		var jets [][]float64
		for _, at := range p.Planes(set, term.Program.Jets) {
			jets = append(jets, c.U[at*e.stride:][:e.stride])
		}
		if columns, err = term.Columns(x); err != nil {
			return nil, err
		}
		if e.residuals, err = e.open(backend, nil, &term.Program.Value, jets, columns, term.Scales()); err != nil {
			return nil, err
		}
	}
	return e, e.index()
}

func (e *evaluation) open(backend kernels.Backend[float64], to []field, p *kernels.Program, jets, columns [][]float64,
	scale []float64) ([]field, error) {
	k, err := backend.OpenProgram(p)
	if err != nil {
		return nil, err
	}
	f := field{kernel: k, scale: scale}
	f.in = append(f.in, jets...)
	for _, c := range columns {
		f.in = append(f.in, kernels.From(c))
	}
	for range p.Outputs {
		f.out = append(f.out, kernels.Make[float64](e.stride)[:e.stride])
	}
	return append(to, f), nil
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

// load copies the parameters of a training cloud of the same ownership.
func load[T kernels.Real](e *evaluation, from *model.Cloud[T]) {
	for l := range from.Levels {
		a, b := &e.cloud.Levels[l], &from.Levels[l]
		to, source := e.cloud.Theta[a.At:a.At+a.Owned*a.P], from.Theta[b.At:b.At+b.Owned*b.P]
		for i, v := range source {
			to[i] = float64(v)
		}
	}
}

// fields evaluates and gathers on rank 0, in grid order: unknowns, then residuals if they were asked for. Other ranks get nil.
func (e *evaluation) fields() (unknowns, residuals [][]float64, err error) {
	if err := e.cloud.Forward(); err != nil {
		return nil, nil, err
	}
	gather := func(fs []field) (out [][]float64, err error) {
		for _, f := range fs {
			f.kernel.Run(f.in, f.out, e.stride)
			for o, v := range f.out {
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
		}
		return out, nil
	}
	if unknowns, err = gather(e.unknowns); err != nil {
		return nil, nil, err
	}
	residuals, err = gather(e.residuals)
	return unknowns, residuals, err
}
