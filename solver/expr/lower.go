package expr

import (
	"fmt"
	"slices"

	"fbpinn-mpi/kernels"
)

// opcodes of the functions.
var opcodes = map[Op]kernels.Opcode{
	OpExp: kernels.Exp, OpLog: kernels.Log, OpSin: kernels.SinOp, OpCos: kernels.CosOp, OpTan: kernels.TanOp,
	OpTanh: kernels.TanhOp, OpSinh: kernels.SinhOp, OpCosh: kernels.CoshOp, OpAtan: kernels.AtanOp, OpAsin: kernels.AsinOp,
	OpAcos: kernels.AcosOp, OpAbs: kernels.AbsOp, OpSign: kernels.SignOp, OpStep: kernels.StepOp, OpMin: kernels.MinOp,
	OpMax: kernels.MaxOp, OpPow: kernels.Pow,
}

// opOf is the function of an opcode; the square root is evaluated as a power.
func opOf(c kernels.Opcode) Op {
	for op, oc := range opcodes {
		if oc == c {
			return op
		}
	}
	panic("expr: opcode is no function")
}

// lowering writes nodes onto a tape. What depends on the point alone is never computed there if it can be a column: products
// are split into a coefficient c(x) and the rest, and sums collected into
//
//	n = c_0(x) + Σ_k c_k(x) core_k
//
// in which the cores are jets or non-linear terms. A residual that is affine in the jets so costs one multiply-add per jet.
type lowering struct {
	g       *Graph
	t       *tape
	at      map[*Node]value
	given   map[*Node]bool // inputs of the program
	collect bool           // make columns of what depends on the point alone
	columns []*Node        // those found
}

func newLowering(g *Graph, inputs []*Node) (l *lowering, vs []value) {
	l = &lowering{g: g, t: newTape(), at: map[*Node]value{}, given: map[*Node]bool{}}
	for _, n := range inputs {
		v := l.t.input()
		l.at[n], l.given[n] = v, true
		vs = append(vs, v)
	}
	return l, vs
}

// node returns the value of n.
func (l *lowering) node(n *Node) (value, error) {
	if v, ok := l.at[n]; ok {
		return v, nil
	}
	if l.g.full() {
		return none, errWork
	}
	v, err := l.lower(n)
	if err == nil {
		l.at[n] = v
	}
	return v, err
}

func (l *lowering) lower(n *Node) (value, error) {
	switch {
	case n.Op == OpConst && n.broken:
		return none, fmt.Errorf("a coefficient of the equations becomes infinite or not a number")
	case n.Op == OpConst:
		return l.t.constant(n.Value), nil
	case n.point && l.collect:
		if n.broken {
			return none, fmt.Errorf("%s contains a number that is infinite or not a number", n)
		}
		l.columns = append(l.columns, n)
		return l.t.input(), nil
	}
	switch n.Op {
	case OpCoord, OpJet, OpData, OpField, OpSeed, OpExternal:
		return none, fmt.Errorf("%s is not among the inputs of the program", n)
	case OpSum:
		return l.linear(n)
	case OpProduct:
		if !n.point && slices.ContainsFunc(n.Args, func(a *Node) bool { return a.point }) {
			return l.linear(n)
		}
		v := l.t.constant(1)
		for _, a := range n.Args {
			f, err := l.node(a)
			if err != nil {
				return none, err
			}
			v = l.t.mul(v, f)
		}
		return v, nil
	}
	args := []value{none, none}
	for i, a := range n.Args {
		v, err := l.node(a)
		if err != nil {
			return none, err
		}
		args[i] = v
	}
	if n.Op == OpPow {
		if e := n.Args[1]; e.Op == OpConst {
			return l.t.power(args[0], e.Value), nil
		}
	}
	return l.t.call(opcodes[n.Op], args[0], args[1]), nil
}

// linear lowers a sum, or a product with a coefficient c(x).
func (l *lowering) linear(n *Node) (value, error) {
	f := form{l: l, terms: map[*Node][]*Node{}}
	if n.point { // not a column here, so its parts are inputs: no coefficients to collect
		f.constant = append(f.constant, l.g.Const(n.Value))
		for i, a := range n.Args {
			f.put(a, l.g.Const(n.Coef[i]))
		}
	} else {
		f.expand(l.g.one, n)
	}
	if l.g.full() {
		return none, errWork
	}
	acc, err := l.node(l.g.Add(f.constant...))
	if err != nil {
		return none, err
	}
	slices.SortFunc(f.cores, older)
	for _, core := range f.cores {
		c, err := l.node(l.g.Add(f.terms[core]...))
		if err != nil {
			return none, err
		}
		if l.t.is(c, 0) {
			continue
		}
		v, err := l.node(core)
		if err != nil {
			return none, err
		}
		acc = l.t.add(acc, l.t.mul(c, v))
	}
	return acc, nil
}

// form is a sum while it is being collected: constant + Σ terms[core]·core, everything but the cores x-only.
type form struct {
	l        *lowering
	constant []*Node
	cores    []*Node
	terms    map[*Node][]*Node
}

func (f *form) put(core, c *Node) {
	if f.terms[core] == nil {
		f.cores = append(f.cores, core)
	}
	f.terms[core] = append(f.terms[core], c)
}

// expand adds c·n.
func (f *form) expand(c, n *Node) {
	g := f.l.g
	switch {
	case g.full(): // node reports it
	case n.point:
		f.constant = append(f.constant, g.Mul(c, n))
	case f.l.given[n]:
		f.put(n, c)
	case n.Op == OpSum:
		f.constant = append(f.constant, g.Mul(c, g.Const(n.Value)))
		for i, a := range n.Args {
			f.expand(g.Mul(c, g.Const(n.Coef[i])), a)
		}
	case n.Op == OpProduct:
		coef, rest := []*Node{c}, []*Node(nil)
		for _, a := range n.Args {
			if a.point {
				coef = append(coef, a)
			} else {
				rest = append(rest, a)
			}
		}
		switch {
		case len(rest) == 1:
			f.expand(g.Mul(coef...), rest[0])
		default:
			f.put(g.Mul(rest...), g.Mul(coef...))
		}
	default:
		f.put(n, c)
	}
}

// Columns lists the x-only parts of the outputs that are worth computing once per point: exactly the inputs, besides jets,
// seeds and the nodes of keep, with which Compile can write a program for the same outputs.
func (g *Graph) Columns(outputs []*Node, keep ...*Node) []*Node {
	var leaves []*Node
	walk(outputs, func(n *Node) {
		if n.Op == OpJet || n.Op == OpSeed {
			leaves = append(leaves, n)
		}
	})
	l, _ := newLowering(g, append(leaves, keep...))
	l.collect = true
	for _, o := range outputs {
		if _, err := l.node(o); err != nil {
			break // Compile of the same outputs stops at the same place and says why
		}
	}
	return l.columns
}

// Compile writes a program that computes outputs from inputs: jets, columns and seeds, in this order its input planes.
func (g *Graph) Compile(outputs, inputs []*Node) (kernels.Program, error) {
	l, ins := newLowering(g, inputs)
	var outs []value
	for _, o := range outputs {
		v, err := l.node(o)
		if err != nil {
			return kernels.Program{}, fmt.Errorf("compile %s: %w", brief(o), err)
		}
		outs = append(outs, v)
	}
	return l.t.program(ins, outs), nil
}

// brief is the beginning of a long expression.
func brief(n *Node) string {
	s := []rune(n.String())
	if len(s) > 80 {
		s = append(s[:77], '.', '.', '.')
	}
	return string(s)
}
