// Package jobs stands between job files and the mathematics: it says what the keys of a job mean to package problem. Its folders hold the
// jobs of this project, its tests run them.
package jobs

import (
	"errors"

	"fbpinn-mpi/io/jobfile"
	"fbpinn-mpi/solver/problem"
	"fbpinn-mpi/solver/reference"
	"fbpinn-mpi/solver/region"
)

// Resolve computes the numbers that a job gives as expressions. A fault is a *jobfile.Error.
func Resolve(job *jobfile.Job) error {
	number, err := problem.Numbers(Spec(job))
	if err != nil {
		return Place(job, err)
	}
	return job.Resolve(func(text string) (float64, *jobfile.Fault) {
		v, bad := number(text)
		if bad != nil {
			return 0, &jobfile.Fault{Col: bad.Col, Msg: bad.Msg, Hint: bad.Hint}
		}
		return v, nil
	})
}

// Place turns an error of the mathematics into one of the job file, with line and caret.
func Place(job *jobfile.Job, err error) error {
	var bad *problem.Error
	if !errors.As(err, &bad) {
		return err
	}
	e := job.Locate(bad.Key, bad.Col)
	e.Msg, e.Remedy = bad.Msg, bad.Hint
	return e
}

// Spec hands the mathematics of a job to package problem: all but Cells, the grid of subdomains that its points may follow.
func Spec(job *jobfile.Job) problem.Spec {
	s := problem.Spec{Unknowns: job.Problem.Unknowns, Equations: job.Problem.Equations, Weights: job.Problem.Weights,
		External: reference.External()}
	for _, a := range job.Domain {
		s.Axes = append(s.Axes, problem.Axis(a))
	}
	for _, p := range job.Parameters {
		s.Parameters = append(s.Parameters, problem.Named(p))
	}
	for _, f := range job.Functions {
		s.Functions = append(s.Functions, problem.Function(f))
	}
	for _, n := range job.Problem.Ansatz {
		s.Ansatz = append(s.Ansatz, problem.Named(n))
	}
	for _, n := range job.Problem.Exact {
		s.Exact = append(s.Exact, problem.Named(n))
	}
	for _, n := range job.Problem.Nullspace {
		s.Nullspace = append(s.Nullspace, problem.Named(n))
	}
	s.Removed = Removed(job)
	i := job.Points.Interior
	s.Interior = problem.PointSpec{Sampler: i.Sampler, Shape: i.Shape, Count: i.Count, Equal: i.Weights == "equal"}
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

// Removed are the parts that do not belong to the domain, as boxes.
func Removed(job *jobfile.Job) (boxes []region.Box) {
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
		boxes = append(boxes, b)
	}
	return boxes
}
