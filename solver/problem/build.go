package problem

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/solver/expr"
	"fbpinn-mpi/solver/region"
)

// Build understands a problem, or says in an *Error what is wrong with it.
func Build(spec Spec) (*Problem, error) {
	p := &Problem{Spec: spec}
	for _, stage := range []func() error{p.symbols, p.slab, p.domain, p.ansatzes, p.equations, p.conditions, p.mentioned, p.compile, p.exacts, p.finite} {
		if err := stage(); err != nil {
			return nil, err
		}
	}
	p.needsOfStates()
	for _, look := range []func() error{p.corners, p.influence, p.consistency} {
		if err := look(); err != nil {
			return nil, fmt.Errorf("problem: %w", err)
		}
	}
	return p, nil
}

// explain gives an error of the expression language its place in the job.
func explain(key string, err error) *Error {
	var e *expr.Error
	if !errors.As(err, &e) {
		return &Error{Key: key, Msg: err.Error()}
	}
	if e.In != "" { // the fault is in a helper function that the expression calls
		key = "functions." + e.In
	}
	return &Error{Key: key, Col: 1 + utf8.RuneCountInString(e.Src[:min(e.Col, len(e.Src))]), Msg: e.Msg, Hint: e.Hint}
}

// Ranges of coordinates outside these sizes are probably unscaled units; float32 jets of them lose their digits.
const (
	largeDomain = 1e6
	smallDomain = 1e-6
)

func (p *Problem) domain() error {
	for _, a := range p.Axes {
		key := "domain." + a.Name
		size := a.Hi - a.Lo
		switch {
		case math.IsNaN(size) || math.IsInf(size, 0):
			return &Error{Key: key, Msg: fmt.Sprintf("the range of %s is not finite", a.Name), Hint: "give finite numbers"}
		case size == 0:
			return &Error{Key: key, Msg: fmt.Sprintf("the range of %s is empty: both ends are %g", a.Name, a.Lo), Hint: "write [low, high] with low < high"}
		case size < 0:
			return &Error{Key: key, Msg: fmt.Sprintf("the range of %s runs from %g down to %g", a.Name, a.Lo, a.Hi), Hint: fmt.Sprintf("write [%g, %g]", a.Hi, a.Lo)}
		case size > largeDomain || size < smallDomain:
			p.Warnings = append(p.Warnings, fmt.Sprintf("%s has a range of size %.3g: measure it in units of %.0e, so that the domain is of size 1", a.Name, size, math.Pow(10, math.Round(math.Log10(size)))))
		}
	}
	return p.remove()
}

// remove checks the parts that do not belong to the domain.
func (p *Problem) remove() error {
	var lo, hi []float64
	var periodic []bool
	for _, a := range p.Axes {
		lo, hi, periodic = append(lo, a.Lo), append(hi, a.Hi), append(periodic, a.Periodic)
	}
	for i, b := range p.Removed {
		whole := true
		for a, axis := range p.Axes {
			key := fmt.Sprintf("geometry.remove[%d].%s", i, axis.Name)
			switch {
			case !(b.Lo[a] < b.Hi[a]):
				return &Error{Key: key, Msg: fmt.Sprintf("the removed range of %s runs from %g to %g", axis.Name, b.Lo[a], b.Hi[a]), Hint: "write [low, high] with low < high"}
			case b.Lo[a] < axis.Lo || b.Hi[a] > axis.Hi:
				return &Error{Key: key, Msg: fmt.Sprintf("%s = [%.10g, %.10g] lies outside the domain", axis.Name, b.Lo[a], b.Hi[a]), Hint: fmt.Sprintf("%s runs from %.10g to %.10g", axis.Name, axis.Lo, axis.Hi)}
			}
			whole = whole && b.Lo[a] == axis.Lo && b.Hi[a] == axis.Hi
		}
		if whole {
			return &Error{Key: fmt.Sprintf("geometry.remove[%d]", i), Msg: "this removes the whole domain", Hint: "give ranges of some coordinates; the others are removed from end to end"}
		}
	}
	p.region = region.New(lo, hi, periodic, p.Removed)
	return nil
}

// ansatzes parses the hard constraints.
func (p *Problem) ansatzes() error {
	p.Ansatz = make([]*expr.Node, len(p.Unknowns))
	for _, a := range p.Spec.Ansatz {
		key := "problem.ansatz." + a.Name
		k := p.unknown(a.Name)
		if k < 0 {
			return &Error{Key: key, Msg: a.Name + " is no unknown", Hint: "unknowns: " + strings.Join(p.Unknowns, ", ")}
		}
		n, err := p.Graph.Parse(a.Text)
		if err != nil {
			return explain(key, err)
		}
		if !mentions(p.Graph.Jets(n), k) {
			return &Error{Key: key, Msg: fmt.Sprintf("the ansatz of %s does not contain %s: it would be the same whatever is learnt", a.Name, a.Name),
				Hint: fmt.Sprintf("write an expression in %s, such as x*(1-x)*%s", a.Name, a.Name)}
		}
		p.Ansatz[k] = n
	}
	return nil
}

// coords are the names of the coordinates.
func (p *Problem) coords() []string {
	var names []string
	for _, a := range p.Axes {
		names = append(names, a.Name)
	}
	return names
}

func (p *Problem) unknown(name string) int {
	for k, u := range p.Unknowns {
		if u == name {
			return k
		}
	}
	return -1
}

// mentions tells whether a jet belongs to unknown k; k < 0: whether there is any.
func mentions(jets []*expr.Node, k int) bool {
	for _, j := range jets {
		if j.Unknown == k || k < 0 {
			return true
		}
	}
	return false
}

// equations makes the first term.
func (p *Problem) equations() error {
	if len(p.Unknowns) == 0 || len(p.Spec.Equations) == 0 {
		return &Error{Key: "problem", Msg: "a problem needs unknowns and equations"}
	}
	t := p.term("equations", "problem.equations")
	for i, text := range p.Spec.Equations {
		label := "equations"
		if len(p.Spec.Equations) > 1 {
			label = fmt.Sprintf("equation %d", i+1)
		}
		weight := 1.0
		if p.Weights != nil {
			if len(p.Weights) != len(p.Spec.Equations) {
				return &Error{Key: "problem.weights", Msg: fmt.Sprintf("%d weights for %d equations", len(p.Weights), len(p.Spec.Equations)), Hint: "one per equation"}
			}
			weight = p.Weights[i]
		}
		if err := p.residual(t, fmt.Sprintf("problem.equations[%d]", i), label, text, weight); err != nil {
			return err
		}
	}
	t.Points = p.Interior
	if err := t.checkPoints("points.interior"); err != nil {
		return err
	}
	p.Terms = append(p.Terms, t)
	return nil
}

// term starts a term over the whole domain.
func (p *Problem) term(name, key string) *Term {
	t := &Term{Name: name, Key: key, coords: p.coords(), stream: uint64(len(p.Terms)), cells: p.Cells, region: p.region}
	for _, a := range p.Axes {
		t.Box = append(t.Box, Range{a.Lo, a.Hi})
		t.periodic = append(t.periodic, a.Periodic)
	}
	return t
}

// residual parses an equation or expression and adds it to the term.
func (p *Problem) residual(t *Term, key, label, text string, weight float64) error {
	parse := p.Graph.ParseEquation
	if len(p.Terms) > 0 && !strings.Contains(text, "=") {
		parse = p.Graph.Parse // a condition may be a residual
	}
	n, err := parse(text)
	if err != nil {
		return explain(key, err)
	}
	if !mentions(p.Graph.Jets(n), -1) {
		return &Error{Key: key, Msg: "there is no unknown in this equation", Hint: "unknowns: " + strings.Join(p.Unknowns, ", ")}
	}
	if !(weight > 0) || math.IsInf(weight, 0) {
		return &Error{Key: key, Msg: fmt.Sprintf("its weight is %g", weight), Hint: "a weight is positive and finite"}
	}
	raw, err := p.Graph.Constrain(n, p.Ansatz)
	if err != nil {
		return explain(key, err)
	}
	if !mentions(p.Graph.Jets(raw), -1) {
		return &Error{Key: key, Msg: "with the ansatz put in, no unknown is left: it cannot be influenced", Hint: "the ansatz already decides it; delete it"}
	}
	t.keys = append(t.keys, key)
	t.Labels = append(t.Labels, label)
	t.Weights = append(t.Weights, weight)
	t.Constrained = append(t.Constrained, n)
	t.Raw = append(t.Raw, raw)
	t.Echo = append(t.Echo, shorten(n.String())+" = 0")
	return nil
}

// mentioned wants every unknown in some equation, directly or through the ansatz of another.
func (p *Problem) mentioned() error {
	raw := p.Graph.Jets(p.Terms[0].Raw...)
	for k, u := range p.Unknowns {
		if !mentions(raw, k) {
			return &Error{Key: fmt.Sprintf("problem.unknowns[%d]", k), Msg: fmt.Sprintf("no equation mentions %s", u), Hint: "add an equation for it, or delete it"}
		}
	}
	return nil
}

// compile makes the programs and collects the derivatives they need.
func (p *Problem) compile() error {
	var needs []kernels.MultiIndex
	collect := func(jets []*expr.Node) {
		for _, j := range jets {
			needs = append(needs, j.Index)
		}
	}
	for _, t := range p.Terms {
		// λ·mean r² is the mean of (√λ r)²: the weight goes into the program.
		weighted := make([]*expr.Node, len(t.Raw))
		for e, r := range t.Raw {
			weighted[e] = p.Graph.Mul(p.Graph.Const(math.Sqrt(t.Weights[e])), r)
		}
		r, err := p.Graph.CompileResidual(weighted)
		if err != nil {
			return explain(t.Key, err)
		}
		t.Program = r
		collect(r.Jets)
	}
	var outputs []*expr.Node
	for k, a := range p.Ansatz {
		value := p.Graph.Jet(k, kernels.MultiIndex{})
		if a == nil {
			a = value
		}
		outputs = append(outputs, a)
	}
	var err error
	if p.Solution, err = p.solution(outputs); err != nil {
		return explain("problem.ansatz", err)
	}
	collect(p.Solution.Jets)
	p.Jets = kernels.NewJets(len(p.Axes), needs...)
	for _, t := range p.Terms {
		for _, n := range t.Raw {
			t.Needs = append(t.Needs, p.needs(n))
		}
	}
	return nil
}

// solution compiles outputs that are expressions of raw unknowns.
func (p *Problem) solution(outputs []*expr.Node) (*Solution, error) {
	s := &Solution{Jets: p.Graph.Jets(outputs...), Columns: p.Graph.Columns(outputs)}
	var err error
	s.Program, err = p.Graph.Compile(outputs, slices.Concat(s.Jets, s.Columns))
	return s, err
}

// shorten writes the numbers of an expression with at most seven digits, for the eye.
func shorten(expression string) string {
	long := regexp.MustCompile(`[0-9]+\.[0-9]{7,}(e[-+]?[0-9]+)?`)
	return long.ReplaceAllStringFunc(expression, func(s string) string {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return s
		}
		return strconv.FormatFloat(v, 'g', 7, 64)
	})
}

// needs lists the jets of raw unknowns in an expression.
func (p *Problem) needs(n *expr.Node) string {
	var names []string
	for k := range p.Unknowns {
		var of []kernels.MultiIndex
		for _, j := range p.Graph.Jets(n) {
			if j.Unknown == k {
				of = append(of, j.Index)
			}
		}
		sort.Slice(of, func(a, b int) bool { return p.Jets.Find(of[a]) < p.Jets.Find(of[b]) })
		for _, m := range of {
			names = append(names, p.Jets.Name(p.Unknowns[k], p.Terms[0].coords, p.Jets.Find(m)))
		}
	}
	return strings.Join(names, ", ")
}

// exacts parses the exact solutions.
func (p *Problem) exacts() error {
	p.exact = make([]*expr.Node, len(p.Unknowns))
	for _, e := range p.Spec.Exact {
		key := "problem.exact." + e.Name
		k := p.unknown(e.Name)
		if k < 0 {
			return &Error{Key: key, Msg: e.Name + " is no unknown", Hint: "unknowns: " + strings.Join(p.Unknowns, ", ")}
		}
		n, err := p.Graph.Parse(e.Text)
		if err != nil {
			return explain(key, err)
		}
		if mentions(p.Graph.Jets(n), -1) {
			return &Error{Key: key, Msg: "an exact solution cannot contain unknowns", Hint: "write it in coordinates and parameters"}
		}
		p.exact[k] = n
	}
	return nil
}
