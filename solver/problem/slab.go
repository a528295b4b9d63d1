package problem

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/solver/expr"
)

// Slab restricts an evolution problem to a window of its marching axis, usually t. Expressions may use, with t for the axis
//
//	t_start, t_end   the ends of the window, numbers
//	start_u          unknown u at t = t_start, a function of the other coordinates
//	start_u_t        its derivative in t there, for equations of second order; start_u_t_x is d(start_u_t, x)
//
// so that one ansatz, "start_u + (t - t_start)*u", serves every window. Start gives the state as expressions, which is how the
// first window begins; Fields gives it by numbers, which is how the others do. The programs of a problem do not depend on
// which of them is used.
type Slab struct {
	Axis   string
	Lo, Hi float64 // within the range of the axis

	// Start has an expression in the other coordinates for every unknown and derivative along the axis ("u", "u_t") that
	// expressions use.
	Start []Named
	// Fields, by the same names, take the place of Start once their Eval is set, which may happen after Build. Their Along
	// does not count.
	Fields map[string]*expr.Field
}

// State is a part of the state at the start of a slab.
type State struct {
	Name    string             // "u", "u_t": expressions call it start_<Name>
	Unknown int                // k
	Index   kernels.MultiIndex // derivatives along the marching axis; zero for the unknown itself
	// Needs are the derivatives along the other axes for which columns of the problem ask, in the order of kernels.Jets.
	Needs []kernels.MultiIndex
}

// Edges returns the ends of the windows of an axis, one more than there are windows: count of equal length, or those that end
// at the given places.
func Edges(a Axis, count int, at []float64) ([]float64, error) {
	if len(at) == 0 {
		return line(Range{a.Lo, a.Hi}, false, count+1), nil
	}
	edges := slices.Concat([]float64{a.Lo}, at, []float64{a.Hi})
	for i := 1; i < len(edges); i++ {
		if !(edges[i-1] < edges[i]) {
			return nil, &Error{Key: "train.windows.at", Msg: fmt.Sprintf("a window would run from %g to %g", edges[i-1], edges[i]),
				Hint: fmt.Sprintf("numbers that ascend between %g and %g, the ends of %s", a.Lo, a.Hi, a.Name)}
		}
	}
	return edges, nil
}

// slab narrows the marching axis and checks the state at the start.
func (p *Problem) slab() error {
	s := p.Slab
	if s == nil {
		return nil
	}
	const key = "train.windows"
	a := p.axis(s.Axis)
	if a < 0 {
		return &Error{Key: key + ".axis", Msg: s.Axis + " is no coordinate", Hint: "coordinates: " + strings.Join(p.coords(), ", ")}
	}
	p.whole = p.Axes[a]
	switch {
	case p.whole.Periodic:
		return &Error{Key: key + ".axis", Msg: s.Axis + " is periodic: it has no first window", Hint: "choose another coordinate"}
	case !(p.whole.Lo <= s.Lo && s.Lo < s.Hi && s.Hi <= p.whole.Hi):
		return &Error{Key: key, Msg: fmt.Sprintf("the window from %g to %g does not lie in the range of %s", s.Lo, s.Hi, s.Axis),
			Hint: fmt.Sprintf("%s runs from %g to %g", s.Axis, p.whole.Lo, p.whole.Hi)}
	}
	p.Axes = slices.Clone(p.Axes) // the caller's stay as they are
	p.Axes[a].Lo, p.Axes[a].Hi = s.Lo, s.Hi
	for _, n := range s.Start {
		key := key + ".start." + n.Name
		u, err := p.Graph.Parse(n.Name)
		if err != nil || u.Op != expr.OpJet || u.Index.Order() != int(u.Index[a]) {
			return &Error{Key: key, Msg: fmt.Sprintf("%s is neither an unknown nor a derivative of one in %s", n.Name, s.Axis), Hint: "unknowns: " + strings.Join(p.Unknowns, ", ")}
		}
		p.States = append(p.States, State{Name: n.Name, Unknown: u.Unknown, Index: u.Index})
		w := written{spec: p.Spec, params: p.Params, text: n.Text}
		if err := w.open(); err != nil {
			return explain(key, err)
		}
		if w.graph.DependsOn(w.value, a) {
			return &Error{Key: key, Msg: "the state at the start of a window cannot depend on " + s.Axis, Hint: fmt.Sprintf("write %g for %s", p.whole.Lo, s.Axis)}
		}
	}
	for name := range s.Fields {
		if !slices.ContainsFunc(s.Start, func(n Named) bool { return n.Name == name }) {
			panic("problem: field of a slab without an expression in Start")
		}
	}
	return nil
}

// bounds are the numbers that a slab adds to the parameters.
func (s *Slab) bounds() map[string]float64 {
	if s == nil {
		return nil
	}
	return map[string]float64{s.Axis + "_start": s.Lo, s.Axis + "_end": s.Hi}
}

// fields are the symbols that a slab adds: the state at its start, by numbers where they are given, else as written.
func (s *Slab) fields(spec Spec, params map[string]float64) map[string]*expr.Field {
	if s == nil {
		return nil
	}
	all := map[string]*expr.Field{}
	for _, n := range s.Start {
		w, given := &written{spec: spec, params: params, text: n.Text}, s.Fields[n.Name]
		f := &expr.Field{Eval: func(m kernels.MultiIndex, points [][]float64) ([]float64, error) {
			if given != nil && given.Eval != nil {
				return given.Eval(m, points)
			}
			return w.eval(m, points)
		}}
		for a, x := range spec.Axes {
			f.Along[a] = x.Name != s.Axis
		}
		all["start_"+n.Name] = f
	}
	return all
}

// written is an expression of Start with the derivatives that were asked for. It has a graph of its own, because the graph of
// the problem is only read while columns are evaluated.
type written struct {
	spec   Spec
	params map[string]float64
	text   string

	lock  sync.Mutex
	graph *expr.Graph
	value *expr.Node
}

// open parses the expression: it may use coordinates, parameters, functions and exact solutions.
func (w *written) open() (err error) {
	spec := w.spec
	spec.Slab, spec.Unknowns = nil, nil
	w.graph = expr.NewGraph(symbols(spec, w.params))
	w.value, err = w.graph.Parse(w.text)
	return err
}

func (w *written) eval(m kernels.MultiIndex, points [][]float64) ([]float64, error) {
	w.lock.Lock()
	defer w.lock.Unlock()
	if w.graph == nil {
		if err := w.open(); err != nil {
			return nil, err
		}
	}
	d, err := w.graph.Derivative(w.value, m)
	if err != nil {
		return nil, err
	}
	v, err := expr.Eval([]*expr.Node{d}, points, nil, len(points[0]))
	if err != nil {
		return nil, err
	}
	return v[0], nil
}

// needsOfStates collects which derivatives of the state the columns of the programs ask for.
func (p *Problem) needsOfStates() {
	columns := slices.Clone(p.Solution.Columns)
	for _, t := range p.Terms {
		columns = append(columns, t.Program.Columns...)
	}
	for i := range p.States {
		s := &p.States[i]
		found := expr.FieldDerivatives("start_"+s.Name, columns...)
		for _, m := range kernels.NewJets(len(p.Axes), found...).Index { // sorted
			if slices.Contains(found, m) {
				s.Needs = append(s.Needs, m)
			}
		}
	}
}

// Derivatives makes the program of derivatives ms of the constrained unknown k: the state in which a slab ends, and what
// post-processing asks for. Its outputs are in the order of ms.
func (p *Problem) Derivatives(k int, ms []kernels.MultiIndex) (*Solution, error) {
	u := p.Ansatz[k]
	if u == nil {
		u = p.Graph.Jet(k, kernels.MultiIndex{})
	}
	outputs := make([]*expr.Node, len(ms))
	for i, m := range ms {
		var err error
		if outputs[i], err = p.Graph.Derivative(u, m); err != nil {
			return nil, fmt.Errorf("problem: derivative of %s: %w", p.Unknowns[k], err)
		}
	}
	s, err := p.solution(outputs)
	if err != nil {
		return nil, fmt.Errorf("problem: derivatives of %s: %w", p.Unknowns[k], err)
	}
	return s, nil
}
