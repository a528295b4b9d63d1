package jobs

import (
	"errors"
	"math"
	"path/filepath"
	"testing"

	"fbpinn-mpi/io/jobfile"
	"fbpinn-mpi/solver/problem"
	"fbpinn-mpi/solver/reference"
	"fbpinn-mpi/solver/region"
)

// load reads a job and builds its problem, as cmd/fbpinn-mpi does.
func load(path string) (*jobfile.Job, *problem.Problem, error) {
	job, err := jobfile.Load(path, nil)
	if err != nil {
		return nil, nil, err
	}
	number, err := problem.Numbers(spec(job))
	if err != nil {
		return nil, nil, err
	}
	err = job.Resolve(func(text string) (float64, *jobfile.Fault) {
		v, bad := number(text)
		if bad != nil {
			return 0, &jobfile.Fault{Col: bad.Col, Msg: bad.Msg, Hint: bad.Hint}
		}
		return v, nil
	})
	if err != nil {
		return nil, nil, err
	}
	p, err := problem.Build(spec(job))
	var bad *problem.Error
	if errors.As(err, &bad) {
		e := job.Locate(bad.Key, bad.Col)
		e.Msg, e.Remedy = bad.Msg, bad.Hint
		err = e
	}
	return job, p, err
}

func spec(job *jobfile.Job) problem.Spec {
	s := problem.Spec{Unknowns: job.Problem.Unknowns, Equations: job.Problem.Equations, Weights: job.Problem.Weights,
		Interior: problem.PointSpec{Sampler: job.Points.Interior.Sampler, Shape: job.Points.Interior.Shape, Count: job.Points.Interior.Count, Equal: job.Points.Interior.Weights == "equal"}, External: reference.External()}
	for _, a := range job.Domain {
		s.Axes = append(s.Axes, problem.Axis(a))
		s.Cells = append(s.Cells, []float64{a.Lo, a.Hi}) // those of one subdomain: no decomposition is made here
	}
	for _, places := range job.Geometry.Remove {
		var b region.Box
		for _, a := range job.Domain {
			lo, hi := a.Lo, a.Hi
			for _, p := range places {
				if p.Coord == a.Name {
					lo, hi = p.Lo, p.Hi
				}
			}
			b.Lo, b.Hi = append(b.Lo, lo), append(b.Hi, hi)
		}
		s.Removed = append(s.Removed, b)
	}
	for _, f := range job.Functions {
		s.Functions = append(s.Functions, problem.Function(f))
	}
	for _, list := range []struct {
		from []jobfile.Named
		to   *[]problem.Named
	}{{job.Parameters, &s.Parameters}, {job.Problem.Ansatz, &s.Ansatz}, {job.Problem.Exact, &s.Exact}} {
		for _, n := range list.from {
			*list.to = append(*list.to, problem.Named(n))
		}
	}
	if w := job.Train.Windows; w != nil { // the whole axis as one window: what does not depend on their number
		s.Slab = &problem.Slab{Axis: w.Axis}
		for _, a := range job.Domain {
			if a.Name == w.Axis {
				s.Slab.Lo, s.Slab.Hi = a.Lo, a.Hi
			}
		}
		for _, n := range w.Start {
			s.Slab.Start = append(s.Slab.Start, problem.Named(n))
		}
	}
	for _, c := range job.Problem.Conditions {
		condition := problem.ConditionSpec{Name: c.Name, On: c.On, Residual: c.Residual, Weight: c.Weight,
			Points: problem.PointSpec{Sampler: c.Sampler, Shape: c.Points.Shape, Count: c.Points.Count}}
		for _, b := range c.Box {
			condition.Box = append(condition.Box, problem.Place{Coord: b.Coord, Lo: b.Lo, Hi: b.Hi})
		}
		s.Conditions = append(s.Conditions, condition)
	}
	return s
}

// names lists the jobs: the folders with a job.toml.
func names(t *testing.T) []string {
	files, err := filepath.Glob("*/job.toml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no jobs: %v", err)
	}
	var list []string
	for _, f := range files {
		list = append(list, filepath.Dir(f))
	}
	return list
}

func deviation(u []float64) float64 {
	n, mean, squares := float64(len(u)), 0.0, 0.0
	for _, v := range u {
		mean += v / n
	}
	for _, v := range u {
		squares += (v - mean) * (v - mean)
	}
	return math.Sqrt(squares / n)
}

func meanAbs(u []float64) float64 {
	sum := 0.0
	for _, v := range u {
		sum += math.Abs(v)
	}
	return sum / float64(len(u))
}
