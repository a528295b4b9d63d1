package main

import (
	"slices"

	"fbpinn-mpi/solver"
	"fbpinn-mpi/solver/reference"
)

// rehearse tries the classical solver before training, so that a wrong name or option shows at once and not after hours. In
// several dimensions a few points serve: the methods there solve linear systems or march stably. Along a line all points are
// cheap, and explicit methods may need them.
func (l *loaded) rehearse() error {
	most := 9
	if len(l.job.Domain) == 1 {
		most = 0
	}
	_, err := l.classical(most)
	if err == nil {
		return nil
	}
	key := "problem.reference"
	if !slices.Contains(reference.Names(), l.job.Problem.Reference.Solver) {
		key += ".solver"
	}
	return complain(l.job, key, err.Error(), "")
}

// classical runs the classical solver of the job, if it names one, on the grid that the job asks for or, where most is not 0,
// on at most so many points per axis.
func (l *loaded) classical(most int) (*reference.Result, error) {
	c := l.job.Problem.Reference
	if c.Solver == "" {
		return nil, nil
	}
	options := map[string]float64{}
	for _, s := range c.Options {
		options[s.Name] = s.Value
	}
	shape := l.job.Points.Interior.Shape
	if len(shape) == 0 {
		shape = l.job.Points.Test
	}
	if most > 0 {
		shape = append([]int(nil), shape...)
		for a := range shape {
			shape[a] = min(shape[a], most)
		}
		if n, ok := options["n"]; ok {
			options["n"] = min(n, float64(most))
		}
	}
	return reference.Solve(l.problem, c.Solver, options, shape)
}

// compare is the classical solution with its errors, per unknown that has an exact solution.
func (l *loaded) compare() (*reference.Result, []solver.Error, error) {
	r, err := l.classical(0)
	if r == nil || err != nil {
		return nil, nil, err
	}
	exact, err := l.problem.Exact(r.Points())
	if err != nil {
		return nil, nil, err
	}
	var errs []solver.Error
	for k := range r.U {
		if exact != nil && exact[k] != nil {
			errs = append(errs, solver.Compare(r.U[k], exact[k]))
		}
	}
	return r, errs, nil
}
