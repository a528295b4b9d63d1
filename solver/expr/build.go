package expr

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
)

// errWork stops hostile or hopeless input, such as the tenth derivative of a product of forty factors.
var errWork = errors.New("the expression grows too large when it is expanded")

// full reports that the graph reached its limit of work; constructors then return zero and every caller that can fail does.
func (g *Graph) full() bool { return g.work > workLimit }

// intern returns the one node with the content of n, and settles its flags. It keeps n's slices.
func (g *Graph) intern(n Node) *Node {
	g.work += 1 + len(n.Args)
	k := append(g.key[:0], byte(n.Op), byte(n.Coord))
	k = append(k, n.Index[:]...)
	k = binary.LittleEndian.AppendUint64(k, math.Float64bits(n.Value))
	k = binary.AppendUvarint(k, uint64(n.Unknown))
	k = binary.AppendUvarint(k, uint64(len(n.Args)))
	for i, a := range n.Args {
		k = binary.LittleEndian.AppendUint32(k, uint32(a.id))
		if n.Coef != nil {
			k = binary.LittleEndian.AppendUint64(k, math.Float64bits(n.Coef[i]))
		}
	}
	k = append(k, n.Name...)
	g.key = k
	if old := g.nodes[string(k)]; old != nil {
		return old
	}
	n.id, n.graph = len(g.nodes), g
	n.point = n.Op != OpJet && n.Op != OpSeed
	for i, a := range n.Args {
		n.point = n.point && a.point
		n.broken = n.broken || a.broken || n.Coef != nil && !finite(n.Coef[i])
	}
	n.broken = n.broken || !finite(n.Value)
	p := &n
	g.nodes[string(k)] = p
	return p
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func older(a, b *Node) int { return a.id - b.id }

// Add is the sum of its arguments.
func (g *Graph) Add(ns ...*Node) *Node { return g.linear(0, nil, ns) }

// Sub is a - b.
func (g *Graph) Sub(a, b *Node) *Node { return g.linear(0, []float64{1, -1}, []*Node{a, b}) }

// Neg is -a.
func (g *Graph) Neg(a *Node) *Node { return g.scale(-1, a) }

func (g *Graph) scale(c float64, n *Node) *Node { return g.linear(0, []float64{c}, []*Node{n}) }

// scaled reports n = c·arg, the form in which products carry their numeric factor.
func (n *Node) scaled() (c float64, arg *Node, ok bool) {
	if n.Op == OpSum && len(n.Args) == 1 && n.Value == 0 {
		return n.Coef[0], n.Args[0], true
	}
	return 1, n, false
}

// linear builds constant + Σ coef_i n_i (nil coef: ones) with like terms collected. Sums are flattened only where the factor
// is ±1: distributing c over (x - a) would lose the exact zero at x = a.
func (g *Graph) linear(constant float64, coef []float64, ns []*Node) *Node {
	if g.full() {
		return g.zero
	}
	var (
		terms []*Node
		cs    []float64
		place = make(map[*Node]int, len(ns))
		put   func(c float64, n *Node)
	)
	put = func(c float64, n *Node) {
		g.work++
		_, _, one := n.scaled()
		switch {
		case n.Op == OpConst:
			constant += c * n.Value
		case n.Op == OpSum && (one || c == 1 || c == -1):
			constant += c * n.Value
			for i, a := range n.Args {
				put(c*n.Coef[i], a)
			}
		default:
			i, seen := place[n]
			if !seen {
				i = len(terms)
				place[n] = i
				terms, cs = append(terms, n), append(cs, 0)
			}
			cs[i] += c
		}
	}
	for i, n := range ns {
		c := 1.0
		if coef != nil {
			c = coef[i]
		}
		put(c, n)
	}
	again := false
	order := make([]int, 0, len(terms))
	for i, n := range terms {
		if cs[i] != 0 || n.broken {
			order = append(order, i)
			again = again || n.Op == OpSum && (cs[i] == 1 || cs[i] == -1)
		}
	}
	slices.SortFunc(order, func(i, j int) int { return older(terms[i], terms[j]) })
	args, coefs := make([]*Node, len(order)), make([]float64, len(order))
	for k, i := range order {
		args[k], coefs[k] = terms[i], cs[i]
	}
	switch {
	case again: // a collected factor became ±1: that sum can be flattened now
		return g.linear(constant, coefs, args)
	case len(args) == 0:
		return g.Const(constant)
	case len(args) == 1 && constant == 0 && coefs[0] == 1:
		return args[0]
	}
	if constant == 0 {
		constant = 0 // -0 is 0
	}
	return g.intern(Node{Op: OpSum, Value: constant, Coef: coefs, Args: args})
}

// Mul is the product of its arguments.
func (g *Graph) Mul(ns ...*Node) *Node { return g.product(ns, nil) }

// Div is a / b.
func (g *Graph) Div(a, b *Node) *Node {
	if b.Op == OpConst { // one division, not a product with a rounded reciprocal
		if a.Op == OpConst {
			return g.Const(a.Value / b.Value)
		}
		c, arg, _ := a.scaled()
		return g.scale(c/b.Value, arg)
	}
	return g.product([]*Node{a, b}, []float64{1, -1})
}

// product builds Π n_i^e_i (nil e: ones): numeric factors first, powers of one base merged.
func (g *Graph) product(ns []*Node, exps []float64) *Node {
	if g.full() {
		return g.zero
	}
	var (
		bases []*Node
		es    []float64
		place = make(map[*Node]int, len(ns))
		coef  = 1.0
		put   func(n *Node, e float64)
	)
	put = func(n *Node, e float64) {
		g.work++
		whole := e == math.Trunc(e)
		c, arg, isScaled := n.scaled()
		switch {
		case n.Op == OpConst:
			coef *= math.Pow(n.Value, e)
		case isScaled && (whole || c > 0):
			coef *= math.Pow(c, e)
			put(arg, e)
		case n.Op == OpProduct && whole:
			for _, a := range n.Args {
				put(a, e)
			}
		case n.Op == OpPow && n.Args[1].Op == OpConst && (whole || n.Args[1].Value != math.Trunc(n.Args[1].Value)):
			put(n.Args[0], e*n.Args[1].Value) // (x^2)^(1/2) = |x| stays
		default:
			i, seen := place[n]
			if !seen {
				i = len(bases)
				place[n] = i
				bases, es = append(bases, n), append(es, 0)
			}
			es[i] += e
		}
	}
	for i, n := range ns {
		e := 1.0
		if exps != nil {
			e = exps[i]
		}
		put(n, e)
	}
	if coef == 0 {
		for _, n := range bases {
			if n.broken {
				return g.Const(math.NaN())
			}
		}
		return g.zero
	}
	var args []*Node
	for i, n := range bases {
		switch es[i] {
		case 0:
		case 1:
			args = append(args, n)
		default:
			args = append(args, g.intern(Node{Op: OpPow, Args: []*Node{n, g.Const(es[i])}}))
		}
	}
	slices.SortFunc(args, older)
	switch len(args) {
	case 0:
		return g.Const(coef)
	case 1:
		return g.scale(coef, args[0])
	}
	p := g.intern(Node{Op: OpProduct, Args: args})
	if coef == 1 {
		return p
	}
	return g.scale(coef, p)
}

// Pow is a ^ b.
func (g *Graph) Pow(a, b *Node) *Node {
	switch {
	case a.Op == OpConst && b.Op == OpConst:
		return g.Const(math.Pow(a.Value, b.Value))
	case b.Op == OpConst:
		return g.product([]*Node{a}, []float64{b.Value})
	case a.Op == OpConst && a.Value == math.E:
		return g.function(OpExp, b)
	case a == g.one:
		return a
	}
	return g.intern(Node{Op: OpPow, Args: []*Node{a, b}})
}

// function applies one of OpExp..OpMax. Odd and even functions drop the sign of a scaled argument, so that tanh(-x) and
// tanh(x) are computed once.
func (g *Graph) function(op Op, args ...*Node) *Node {
	a := args[0]
	if a.Op == OpConst && (len(args) == 1 || args[1].Op == OpConst) {
		b := 0.0
		if len(args) == 2 {
			b = args[1].Value
		}
		return g.Const(apply(op, a.Value, b))
	}
	if c, arg, ok := a.scaled(); ok && c < 0 {
		switch op {
		case OpSin, OpTan, OpTanh, OpSinh, OpAtan, OpAsin, OpSign:
			return g.Neg(g.function(op, g.scale(-c, arg)))
		case OpCos, OpCosh, OpAbs:
			a = g.scale(-c, arg)
		}
	}
	if len(args) == 1 {
		return g.intern(Node{Op: op, Args: []*Node{a}})
	}
	if a == args[1] {
		return a // min(a, a)
	}
	both := []*Node{a, args[1]}
	slices.SortFunc(both, older)
	return g.intern(Node{Op: op, Args: both})
}

// apply evaluates a function of one or two (OpMin, OpMax, OpPow) numbers.
func apply(op Op, a, b float64) float64 {
	switch op {
	case OpPow:
		return math.Pow(a, b)
	case OpExp:
		return math.Exp(a)
	case OpLog:
		return math.Log(a)
	case OpSin:
		return math.Sin(a)
	case OpCos:
		return math.Cos(a)
	case OpTan:
		return math.Tan(a)
	case OpTanh:
		return math.Tanh(a)
	case OpSinh:
		return math.Sinh(a)
	case OpCosh:
		return math.Cosh(a)
	case OpAtan:
		return math.Atan(a)
	case OpAsin:
		return math.Asin(a)
	case OpAcos:
		return math.Acos(a)
	case OpAbs:
		return math.Abs(a)
	case OpSign:
		switch {
		case a > 0:
			return 1
		case a < 0:
			return -1
		}
		return a // 0 and NaN
	case OpStep:
		if a >= 0 {
			return 1
		}
		return 0
	case OpMin:
		return math.Min(a, b)
	case OpMax:
		return math.Max(a, b)
	}
	panic("expr: not a function")
}
