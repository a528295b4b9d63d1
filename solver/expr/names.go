package expr

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"fbpinn-mpi/kernels"
)

// name resolves a variable: the innermost meaning first.
func (p *parser) name(t token) (*Node, error) {
	if n := p.variable(t.text); n != nil {
		return n, nil
	}
	if i := strings.LastIndexByte(t.text, '_'); i > 0 {
		if base := p.differentiable(t.text[:i]); base != nil {
			return p.derivative(t, base, i+1)
		}
	}
	if p.isFunction(t.text) {
		return nil, p.fail(t, t.text+" is a function", "write "+t.text+"(...)")
	}
	return nil, p.unknown(t)
}

// variable returns what a name stands for by itself, or nil.
func (p *parser) variable(name string) *Node {
	if n := p.locals[name]; n != nil {
		return n
	}
	if a := slices.Index(p.g.sym.Coords, name); a >= 0 {
		return p.g.Coord(a)
	}
	if k := slices.Index(p.g.sym.Unknowns, name); k >= 0 {
		return p.g.Jet(k, kernels.MultiIndex{})
	}
	if v, ok := p.g.sym.Params[name]; ok {
		return p.g.Const(v)
	}
	if p.g.sym.Field[name] != nil {
		return p.g.Field(name, kernels.MultiIndex{})
	}
	switch name {
	case "pi":
		return p.g.Const(math.Pi)
	case "e":
		return p.g.Const(math.E)
	}
	return nil
}

// differentiable returns the unknown, the field or the argument of a helper function with this name.
func (p *parser) differentiable(name string) *Node {
	if n := p.locals[name]; n != nil {
		return n
	}
	if k := slices.Index(p.g.sym.Unknowns, name); k >= 0 {
		return p.g.Jet(k, kernels.MultiIndex{})
	}
	if p.g.sym.Field[name] != nil {
		return p.g.Field(name, kernels.MultiIndex{})
	}
	return nil
}

// derivative reads the subscript of t, which begins at byte from.
func (p *parser) derivative(t token, base *Node, from int) (*Node, error) {
	u, sub := t.text[:from-1], t.text[from:]
	readings, understood := p.g.subscript(sub)
	at := token{at: t.at + from + understood, text: sub[understood:]}
	switch {
	case len(readings) == 0 && sub == "":
		return nil, p.fail(t, "the coordinate is missing after "+t.text, "write "+u+"_"+p.g.sym.Coords[0])
	case len(readings) == 0:
		if near := nearest(t.text, p.variables()); near != "" && strings.HasPrefix(near, u+"_") {
			return nil, p.fail(t, "unknown name "+t.text, "did you mean "+near+"?")
		}
		return nil, p.fail(at, at.text+" is not a coordinate, so "+t.text+" is no derivative of "+u,
			"the coordinates are "+strings.Join(p.g.sym.Coords, ", "))
	case slices.ContainsFunc(readings, func(m kernels.MultiIndex) bool { return m.Order() > kernels.MaxOrder }):
		return nil, p.fail(t, t.text+" is above order "+fmt.Sprint(kernels.MaxOrder)+", the highest available", "")
	case len(readings) > 1:
		return nil, p.fail(t, t.text+" can be read in two ways", "write d("+u+", ...) with the coordinates one by one")
	}
	if base.Op == OpField && p.locals[u] == nil { // zero would hide a slip
		for a, k := range readings[0] {
			if k > 0 && !p.g.sym.Field[u].Along[a] {
				return nil, p.fail(t, u+" does not depend on "+p.g.sym.Coords[a], "")
			}
		}
	}
	n, err := p.g.Derivative(base, readings[0])
	if err != nil {
		return nil, p.asError(t, err)
	}
	return n, p.check(t, n)
}

// data reads the rest of data.NAME.
func (p *parser) data(t token) (*Node, error) {
	names := p.g.sym.Data
	if len(names) == 0 {
		return nil, p.fail(t, "there is no data here", "data.NAME belongs in conditions with a data file")
	}
	if p.peek().text != "." || p.toks[p.at+1].kind != tokenName {
		return nil, p.fail(t, "data needs the name of a column", "write data."+names[0])
	}
	p.next()
	c := p.next()
	if !slices.Contains(names, c.text) {
		hint := "the columns are " + strings.Join(names, ", ")
		if near := nearest(c.text, slices.Clone(names)); near != "" {
			hint = "did you mean data." + near + "?"
		}
		return nil, p.fail(c, "the data has no column "+c.text, hint)
	}
	return p.g.Data(c.text), nil
}

// unknown reports a name that means nothing, with the most likely correction.
func (p *parser) unknown(t token) error {
	for k, u := range p.g.sym.Unknowns { // ux for u_x
		if rest, ok := strings.CutPrefix(t.text, u); ok {
			if r, _ := p.g.subscript(rest); len(r) > 0 {
				return p.fail(t, "unknown name "+t.text, "did you mean "+p.g.sym.Unknowns[k]+"_"+rest+"?")
			}
		}
	}
	hint := ""
	if near := nearest(t.text, p.variables()); near != "" {
		hint = "did you mean " + near + "?"
	} else if low := strings.ToLower(t.text); low == "nan" || low == "inf" || low == "infinity" {
		hint = "numbers must be finite"
	} else if near := nearest(t.text, p.functions()); near != "" {
		hint = "did you mean " + near + "(...)?"
	} else if known := p.variables(); len(known) <= 16 {
		slices.Sort(known)
		hint = "the names known here are " + strings.Join(slices.Compact(known), ", ")
	}
	return p.fail(t, "unknown name "+t.text, hint)
}

func (p *parser) variables() []string {
	s := slices.Concat(p.g.sym.Coords, p.g.sym.Unknowns, slices.Collect(maps.Keys(p.g.sym.Params)),
		slices.Collect(maps.Keys(p.g.sym.Field)), slices.Collect(maps.Keys(p.locals)), []string{"pi", "e"})
	for _, c := range p.g.sym.Data {
		s = append(s, "data."+c)
	}
	return s
}

func (p *parser) functions() []string {
	return slices.Concat(slices.Collect(maps.Keys(builtins)), slices.Collect(maps.Keys(p.g.sym.Funcs)),
		slices.Collect(maps.Keys(p.g.sym.External)), []string{"sum", "prod", "d"})
}

func (p *parser) isFunction(name string) bool { return slices.Contains(p.functions(), name) }
