package expr

import (
	"slices"
	"strconv"
	"strings"
)

// call reads name(...), with ( next.
func (p *parser) call(t token) (*Node, error) {
	switch t.text {
	case "sum", "prod":
		return p.series(t)
	case "d":
		return p.differential(t)
	}
	if p.variable(t.text) != nil && !p.isFunction(t.text) {
		hint := "write " + t.text + "*(...) for a product"
		if slices.Contains(p.g.sym.Unknowns, t.text) || p.g.sym.Field[t.text] != nil {
			hint = "write " + t.text + " alone, it is taken at the point, or " + t.text + "*(...) for a product"
		}
		return nil, p.fail(t, t.text+" is not a function", hint)
	}
	if !p.isFunction(t.text) {
		hint := ""
		if near := nearest(t.text, p.functions()); near != "" {
			hint = "did you mean " + near + "(...)?"
		} else if t.text == "pow" {
			hint = "write a^b"
		}
		return nil, p.fail(t, "unknown function "+t.text, hint)
	}
	args, err := p.arguments()
	if err != nil {
		return nil, err
	}
	n, err := p.apply(t, args)
	if err != nil {
		return nil, err
	}
	return n, p.check(t, n)
}

// arguments reads ( expr, ... ).
func (p *parser) arguments() ([]*Node, error) {
	open := p.next()
	if p.peek().text == ")" {
		p.next()
		return nil, nil
	}
	var args []*Node
	for {
		n, err := p.sum()
		if err != nil {
			return nil, err
		}
		args = append(args, n)
		if p.peek().text != "," {
			return args, p.closing(open)
		}
		p.next()
	}
}

// apply calls a built-in, external or helper function.
func (p *parser) apply(t token, args []*Node) (*Node, error) {
	wrong := func(want int, usage string) error {
		return p.fail(t, t.text+" takes "+count(want, "argument")+", not "+strconv.Itoa(len(args)), "write "+t.text+"("+usage+")")
	}
	if op, ok := builtins[t.text]; ok {
		if want := arity(op, t.text); len(args) != want {
			return nil, wrong(want, strings.Join([]string{"a", "b"}[:want], ", "))
		}
		n, err := p.g.Call(t.text, args...)
		return n, p.asError(t, err)
	}
	if f, ok := p.g.sym.Funcs[t.text]; ok {
		if len(args) != len(f.Args) {
			return nil, wrong(len(f.Args), strings.Join(f.Args, ", "))
		}
		return p.expand(t, f, args)
	}
	e := p.g.sym.External[t.text]
	if len(args) != e.Arity {
		return nil, wrong(e.Arity, strings.Join([]string{"a", "b", "c", "d", "f", "g", "h", "i"}[:min(e.Arity, 8)], ", "))
	}
	for _, a := range args {
		if !a.point {
			return nil, p.fail(t, t.text+" is known by its values only: its arguments cannot depend on an unknown", "")
		}
	}
	return p.g.external(t.text, args), nil
}

// expand replaces the call of a helper function by its body.
func (p *parser) expand(t token, f Func, args []*Node) (*Node, error) {
	if i := slices.Index(p.calls, t.text); i >= 0 {
		return nil, p.fail(t, "the function "+t.text+" calls itself", strings.Join(append(slices.Clone(p.calls[i:]), t.text), " calls "))
	}
	p.calls = append(p.calls, t.text)
	defer func() { p.calls = p.calls[:len(p.calls)-1] }()
	body := &parser{session: p.session, src: f.Body, in: t.text, toks: lex(f.Body), locals: map[string]*Node{}}
	for i, a := range f.Args {
		body.locals[a] = args[i]
	}
	n, err := body.whole()
	if err != nil {
		return nil, err
	}
	if end := body.peek(); end.kind != tokenEnd {
		return nil, body.unexpected(end)
	}
	return n, nil
}

// differential reads d(expr, x, ...).
func (p *parser) differential(t token) (*Node, error) {
	open := p.next()
	n, err := p.sum()
	if err != nil {
		return nil, err
	}
	if p.peek().text != "," {
		if err := p.closing(open); err != nil {
			return nil, err
		}
		return nil, p.fail(t, "d needs a coordinate", "write d(expr, "+p.g.sym.Coords[0]+")")
	}
	for p.peek().text == "," {
		p.next()
		c := p.next()
		a := slices.Index(p.g.sym.Coords, c.text)
		if l := p.locals[c.text]; l != nil { // an argument of the helper function, bound to a coordinate
			a = -1
			if l.Op == OpCoord {
				a = l.Coord
			}
		}
		switch {
		case c.kind == tokenNumber:
			return nil, p.fail(c, "a coordinate is expected here", "for a higher derivative repeat it: d(expr, x, x)")
		case c.kind == tokenBad:
			p.at--
			return nil, p.unexpected(c)
		case c.kind != tokenName:
			return nil, p.fail(c, "a coordinate is expected here", "write d(expr, "+p.g.sym.Coords[0]+")")
		case a < 0:
			return nil, p.fail(c, c.text+" is not a coordinate", "the coordinates are "+strings.Join(p.g.sym.Coords, ", "))
		}
		if n, err = p.g.Diff(n, a); err != nil {
			return nil, p.asError(t, err)
		}
	}
	if err := p.closing(open); err != nil {
		return nil, err
	}
	return n, p.check(t, n)
}

// series reads sum(i=a..b, body) or prod(i=a..b, body) and expands it: the body is read once per term.
func (p *parser) series(t token) (*Node, error) {
	usage := "write " + t.text + "(i=1..n, ...)"
	open := p.next()
	index := p.next()
	if index.kind != tokenName || p.peek().text != "=" {
		return nil, p.fail(t, t.text+" needs an index and its range", usage)
	}
	if p.variable(index.text) != nil && p.locals[index.text] == nil || p.isFunction(index.text) {
		if index.text != "e" {
			return nil, p.fail(index, "the index "+index.text+" has a meaning already", "take another letter")
		}
	}
	p.next()
	from, err := p.integer()
	if err != nil {
		return nil, err
	}
	if p.peek().text != ".." {
		return nil, p.fail(t, t.text+" needs an index and its range", usage)
	}
	p.next()
	to, err := p.integer()
	if err != nil {
		return nil, err
	}
	switch {
	case p.peek().text != ",":
		return nil, p.fail(t, t.text+" needs an expression after the range", usage)
	case to < from:
		return nil, p.fail(index, t.text+" has no terms: "+index.text+" runs from "+strconv.Itoa(from)+" to "+strconv.Itoa(to), "")
	case to-from+1 > maxTerms:
		return nil, p.fail(index, t.text+" has "+strconv.Itoa(to-from+1)+" terms; the limit is "+strconv.Itoa(maxTerms), "")
	}
	p.next()
	outer, shadowed := p.locals[index.text]
	defer func() {
		delete(p.locals, index.text)
		if shadowed {
			p.locals[index.text] = outer
		}
	}()
	var terms []*Node
	body := p.at
	for i := from; i <= to; i++ {
		p.at = body
		p.locals[index.text] = p.g.Const(float64(i))
		n, err := p.sum()
		if err != nil {
			return nil, err
		}
		if p.g.full() || p.steps > maxSteps {
			return nil, p.fail(t, errWork.Error(), "")
		}
		terms = append(terms, n)
	}
	if err := p.closing(open); err != nil {
		return nil, err
	}
	n := p.g.one
	if t.text == "sum" {
		n = p.g.Add(terms...)
	} else {
		n = p.g.Mul(terms...)
	}
	return n, p.check(t, n)
}
