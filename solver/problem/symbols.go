package problem

import (
	"fmt"
	"maps"
	"slices"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/solver/expr"
)

// symbols evaluates the parameters and opens the graph.
func (p *Problem) symbols() error {
	if err := checkNames(p.Spec); err != nil {
		return err
	}
	params, err := parameters(p.Spec)
	if err != nil {
		return err
	}
	maps.Copy(params, p.Slab.bounds())
	p.Params = params
	p.Graph = expr.NewGraph(symbols(p.Spec, params))
	return nil
}

// symbols are the names of a problem; parameters, with the ends of a slab, have the given values.
func symbols(spec Spec, params map[string]float64) expr.Symbols {
	s := expr.Symbols{Unknowns: spec.Unknowns, Params: params, Funcs: map[string]expr.Func{}, External: spec.External,
		Field: spec.Slab.fields(spec, params)}
	for _, a := range spec.Axes {
		s.Coords = append(s.Coords, a.Name)
	}
	for _, f := range spec.Functions {
		s.Funcs[f.Name] = expr.Func{Args: f.Args, Body: f.Body}
	}
	return s
}

// checkNames finds names that cannot be used or mean two things, and the key to blame: the first without which the rest is
// sound, coordinates last.
func checkNames(spec Spec) error {
	if n := len(spec.Axes); n < 1 || n > kernels.MaxD {
		return &Error{Key: "domain", Msg: fmt.Sprintf("%d coordinates", n), Hint: fmt.Sprintf("a domain has 1 to %d", kernels.MaxD)}
	}
	check := func(s Spec) error {
		params := map[string]float64{}
		for _, n := range s.Parameters {
			params[n.Name] = 0
		}
		maps.Copy(params, s.Slab.bounds())
		return symbols(s, params).Check()
	}
	for _, n := range spec.Parameters {
		if _, taken := spec.Slab.bounds()[n.Name]; taken {
			return &Error{Key: "parameters." + n.Name, Msg: n.Name + " is the name of an end of the time window", Hint: "choose another name"}
		}
	}
	err := check(spec)
	if err == nil {
		return nil
	}
	blame := func(key string, without Spec) error {
		if check(without) != nil {
			return nil
		}
		return &Error{Key: key, Msg: err.Error(), Hint: "choose another name"}
	}
	for i, n := range spec.Parameters {
		s := spec
		s.Parameters = slices.Delete(slices.Clone(spec.Parameters), i, i+1)
		if e := blame("parameters."+n.Name, s); e != nil {
			return e
		}
	}
	for i, f := range spec.Functions {
		s := spec
		s.Functions = slices.Delete(slices.Clone(spec.Functions), i, i+1)
		if e := blame("functions."+f.Name, s); e != nil {
			return e
		}
	}
	for i := range spec.Unknowns {
		s := spec
		s.Unknowns = slices.Delete(slices.Clone(spec.Unknowns), i, i+1)
		if e := blame(fmt.Sprintf("problem.unknowns[%d]", i), s); e != nil {
			return e
		}
	}
	for i, a := range spec.Axes {
		s := spec
		s.Axes = slices.Clone(spec.Axes)
		s.Axes[i].Name = "coordinate" // a domain needs at least one
		if e := blame("domain."+a.Name, s); e != nil {
			return e
		}
	}
	return &Error{Key: "problem", Msg: err.Error()}
}

// parameters evaluates named numbers in order: each may use those before it.
func parameters(spec Spec) (map[string]float64, error) {
	values := map[string]float64{}
	for i, n := range spec.Parameters {
		v, err := number(n.Text, spec, values)
		if err != nil {
			e := explain("parameters."+n.Name, err)
			for _, later := range spec.Parameters[i:] {
				if e.Msg == "unknown name "+later.Name {
					e.Hint = "a parameter may use only those before it; change their order"
				}
			}
			return nil, e
		}
		values[n.Name] = v
	}
	return values, nil
}

// number evaluates an expression of numbers and parameters.
func number(text string, spec Spec, params map[string]float64) (float64, error) {
	spec.Slab = nil
	s := symbols(spec, params)
	s.Unknowns, s.External = nil, nil
	return expr.NewGraph(s).ParseNumber(text)
}

// Numbers returns what evaluates the numbers that a job writes as expressions of its parameters. Of the spec only names,
// parameters and functions matter. Errors of the returned function have no Key, unless a helper function is to blame.
func Numbers(spec Spec) (func(text string) (float64, *Error), error) {
	if err := checkNames(spec); err != nil {
		return nil, err
	}
	values, err := parameters(spec)
	if err != nil {
		return nil, err
	}
	return func(text string) (float64, *Error) {
		v, err := number(text, spec, values)
		if err != nil {
			return 0, explain("", err)
		}
		return v, nil
	}, nil
}
