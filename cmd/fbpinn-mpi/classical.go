package main

import (
	"fmt"
	"slices"
	"strings"

	"fbpinn-mpi/solver"
	"fbpinn-mpi/solver/reference"
)

// rehearse tries the classical solver before training, so that what is wrong with it shows at once and not after hours. A name
// that does not exist is a fault of the job; that a method does not suit the problem or diverges is only a warning. In several
// dimensions a few points serve, along a line all of them are cheap and explicit methods may need them.
func (l *loaded) rehearse() error {
	name := l.job.Problem.Reference.Solver
	if name != "" && !slices.Contains(reference.Names(), name) {
		return complain(l.job, "problem.reference.solver", fmt.Sprintf("no classical solver %q", name),
			"there are "+strings.Join(reference.Names(), ", "))
	}
	most := 9
	if len(l.job.Domain) == 1 {
		most = 0
	}
	if _, err := l.classical(most); err != nil {
		l.problem.Warnings = append(l.problem.Warnings, err.Error())
	}
	return nil
}

// classical runs the classical solver of the job, if it names one, on the grid that the job asks for or, where most is not 0,
// on at most so many points per axis.
func (l *loaded) classical(most int) (*reference.Result, error) {
	return l.classicalOn(func(n int) int {
		if most > 0 {
			return min(n, most)
		}
		return n
	}, false)
}

// classicalOn runs it on another grid: scale turns the points of an axis, and where steps is set the option of that name, into others.
func (l *loaded) classicalOn(scale func(n int) int, steps bool) (*reference.Result, error) {
	c := l.job.Problem.Reference
	if c.Solver == "" {
		return nil, nil
	}
	options := map[string]float64{}
	for _, s := range c.Options {
		options[s.Name] = s.Value
		if s.Name == "n" || s.Name == "steps" && steps {
			options[s.Name] = float64(scale(int(s.Value)))
		}
	}
	var shape []int
	for _, n := range l.classicalShape() {
		shape = append(shape, scale(n))
	}
	return reference.Solve(l.problem, c.Solver, options, shape)
}

// classicalShape is the grid of the classical solver, points per axis, unless an option n says otherwise.
func (l *loaded) classicalShape() []int {
	shape := l.job.Points.Interior.Shape
	if len(shape) == 0 || l.job.Points.Interior.Sampler == "cells" {
		shape = l.job.Points.Test
	}
	return shape
}

// compare is the classical solution with its errors, per unknown that has an exact solution.
func (l *loaded) compare() (*reference.Result, []solver.Error, error) {
	r, err := l.classical(0)
	if r == nil || err != nil {
		return nil, nil, err
	}
	errs, err := l.classicalErrors(r)
	return r, errs, err
}

// classicalErrors are the errors of a classical solution, per unknown that has an exact solution.
func (l *loaded) classicalErrors(r *reference.Result) ([]solver.Error, error) {
	exact, err := l.problem.Exact(r.Points())
	if err != nil {
		return nil, err
	}
	var errs []solver.Error
	for k := range r.U {
		if exact != nil && exact[k] != nil {
			errs = append(errs, solver.Compare(r.U[k], exact[k]))
		}
	}
	return errs, nil
}
