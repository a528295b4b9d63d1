// Package reference holds what a job is compared with: exact solutions that need more than a formula, and classical solvers on
// the same number of points. They are honest textbook methods, one file each; their own errors are measured like ours.
package reference

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"fbpinn-mpi/solver/expr"
	"fbpinn-mpi/solver/problem"
)

// Resolution of the numerical references, chosen so that halving the step and doubling the modes change them by 2e-11 and
// 7e-11 at most (TestAllenCahnConverged, TestKdVConverged).
const (
	phaseModes, phaseStep     = 4097, 1e-3
	solitonModes, solitonStep = 257, 5e-5
)

// External are the exact solutions that job files may call by name.
func External() map[string]expr.External {
	series, waves := map[[2]float64]*HelmholtzSeries{}, map[float64]*WaveSeries{}
	phases, solitons := allenCahn(phaseModes, phaseStep), kortewegDeVries(solitonModes, solitonStep)
	return map[string]expr.External{
		"cole_hopf": {Arity: 3, Eval: func(a []float64) float64 { return ColeHopf(a[0], a[1], a[2]) }},
		"helmholtz_series": {Arity: 4, Eval: func(a []float64) float64 {
			key := [2]float64{a[2], a[3]}
			if series[key] == nil {
				series[key] = NewHelmholtzSeries(a[2], a[3])
			}
			return series[key].At(a[0], a[1])
		}},
		"wave_series": {Arity: 4, Eval: func(a []float64) float64 {
			if waves[a[3]] == nil {
				waves[a[3]] = NewWaveSeries(a[3])
			}
			return waves[a[3]].At(a[0], a[1], a[2])
		}},
		"allen_cahn": {Arity: 2, Eval: func(a []float64) float64 { return phases.u(a[0], a[1]) }},
		"kdv":        {Arity: 2, Eval: func(a []float64) float64 { return solitons.u(a[0], a[1]) }},
	}
}

// Result is the solution of a classical solver on its own tensor grid.
type Result struct {
	Method  string      // in words
	Axes    [][]float64 // coordinates of the grid, per axis
	U       [][]float64 // per unknown, row-major over the axes
	Seconds float64
}

// Points lists the grid points [d][n], row-major.
func (r *Result) Points() [][]float64 {
	n := 1
	for _, a := range r.Axes {
		n *= len(a)
	}
	points := make([][]float64, len(r.Axes))
	block := n
	for a, axis := range r.Axes {
		block /= len(axis)
		points[a] = make([]float64, n)
		for i := range points[a] {
			points[a][i] = axis[i/block%len(axis)]
		}
	}
	return points
}

// solvers by the name that a job gives.
var solvers = map[string]func(c *call) (*Result, error){
	"finite-difference": finiteDifference,
	"trapezoid":         trapezoid,
	"characteristics":   characteristics,
	"runge-kutta":       rungeKutta,
	"burgers":           burgers,
	"chebyshev":         chebyshev,
	"exponential":       exponential,
	"leapfrog":          leapfrog,
}

// Names lists the classical solvers.
func Names() []string {
	var names []string
	for name := range solvers {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// call is one use of a solver.
type call struct {
	p       *problem.Problem
	options map[string]float64
	used    map[string]bool
	shape   []int // grid points per axis
}

// option returns a number of the job, or its default.
func (c *call) option(name string, otherwise float64) float64 {
	c.used[name] = true
	if v, ok := c.options[name]; ok {
		return v
	}
	return otherwise
}

// Solve runs the named solver for a problem on a grid of the given shape, unless option n says otherwise.
func Solve(p *problem.Problem, name string, options map[string]float64, shape []int) (*Result, error) {
	solve, ok := solvers[name]
	if !ok {
		return nil, fmt.Errorf("no classical solver %q; there are %s", name, strings.Join(Names(), ", "))
	}
	if len(p.Removed) > 0 {
		return nil, fmt.Errorf("classical solver %s: takes no domain with removed parts", name)
	}
	c := &call{p: p, options: options, used: map[string]bool{}, shape: append([]int(nil), shape...)}
	if n := int(c.option("n", 0)); n > 0 {
		for a := range c.shape {
			c.shape[a] = n
		}
	}
	began := time.Now()
	r, err := solve(c)
	if err != nil {
		return nil, fmt.Errorf("classical solver %s: %w", name, err)
	}
	for option := range options {
		if !c.used[option] {
			return nil, fmt.Errorf("classical solver %s has no option %q", name, option)
		}
	}
	r.Seconds = time.Since(began).Seconds()
	return r, nil
}

// linspace returns n equally spaced numbers from lo to hi inclusive.
func linspace(lo, hi float64, n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = lo + (hi-lo)*float64(i)/float64(n-1)
	}
	return x
}

// axes are the grid lines of the call.
func (c *call) axes() ([][]float64, error) {
	var axes [][]float64
	for a, axis := range c.p.Axes {
		if c.shape[a] < 3 {
			return nil, fmt.Errorf("needs at least 3 points along %s", axis.Name)
		}
		axes = append(axes, linspace(axis.Lo, axis.Hi, c.shape[a]))
	}
	return axes, nil
}
