package expr

import (
	"fmt"

	"fbpinn-mpi/kernels"
)

// Diff is the total derivative of n in a coordinate: jets of the unknowns are raised, d/dx of u_xy is u_xxy.
func (g *Graph) Diff(n *Node, coord int) (*Node, error) {
	x := g.Coord(coord)
	return g.derive(n, g.diffs[coord], func(l *Node) (*Node, error) {
		switch l.Op {
		case OpCoord:
			if l == x {
				return g.one, nil
			}
			return g.zero, nil
		case OpJet:
			m := l.Index.Plus(coord)
			if m.Order() > kernels.MaxOrder {
				return nil, tooHigh(l, x)
			}
			return g.Jet(l.Unknown, m), nil
		case OpField:
			m := l.Index.Plus(coord)
			if m.Order() > kernels.MaxOrder && g.sym.Field[l.Name].has(m) {
				return nil, tooHigh(l, x)
			}
			return g.Field(l.Name, m), nil
		case OpData:
			return nil, fmt.Errorf("%s is a column of numbers: it has no derivative", l)
		}
		return nil, fmt.Errorf("%s has no derivative", l)
	})
}

func tooHigh(l, x *Node) error {
	return fmt.Errorf("the derivative of %s in %s is above order %d, the highest available", l, x, kernels.MaxOrder)
}

// Derivative is the total derivative of n with multi-index m.
func (g *Graph) Derivative(n *Node, m kernels.MultiIndex) (*Node, error) {
	for a := range m {
		for range m[a] {
			var err error
			if n, err = g.Diff(n, a); err != nil {
				return nil, err
			}
		}
	}
	return n, nil
}

// Partial is ∂n/∂jet with the coordinates and all other jets held fixed.
func (g *Graph) Partial(n, jet *Node) *Node {
	d, err := g.derive(n, map[*Node]*Node{}, func(l *Node) (*Node, error) {
		if l == jet {
			return g.one, nil
		}
		return g.zero, nil
	})
	if err != nil { // only the limit of work is left to fail; the caller's Compile reports it
		return g.zero
	}
	return d
}

// derive applies the chain rule; leaf gives the derivative of coordinates, jets, data, fields and seeds. Kinks take one side:
// abs' = sign, sign' = step' = 0, and min, max follow the argument that they return.
func (g *Graph) derive(n *Node, memo map[*Node]*Node, leaf func(*Node) (*Node, error)) (*Node, error) {
	if d := memo[n]; d != nil {
		return d, nil
	}
	if g.full() {
		return nil, errWork
	}
	switch n.Op {
	case OpConst:
		return g.zero, nil
	case OpCoord, OpJet, OpData, OpField, OpSeed:
		return leaf(n)
	}
	das := make([]*Node, len(n.Args))
	moving := false
	for i, a := range n.Args {
		d, err := g.derive(a, memo, leaf)
		if err != nil {
			return nil, err
		}
		das[i] = d
		moving = moving || d != g.zero
	}
	d := g.zero
	if moving {
		if n.Op == OpExternal {
			return nil, fmt.Errorf("%s is known by its values only: it has no derivative", n.Name)
		}
		d = g.chain(n, das)
	}
	if g.full() {
		return nil, errWork
	}
	memo[n] = d
	return d, nil
}

// chain is the derivative of n given those of its arguments.
func (g *Graph) chain(n *Node, das []*Node) *Node {
	switch n.Op {
	case OpSum:
		return g.linear(0, n.Coef, das)
	case OpProduct:
		var terms []*Node
		for i, d := range das {
			if d != g.zero {
				factors := append([]*Node{d}, n.Args[:i]...)
				terms = append(terms, g.Mul(append(factors, n.Args[i+1:]...)...))
			}
		}
		return g.Add(terms...)
	case OpPow:
		a, b := n.Args[0], n.Args[1]
		if b.Op == OpConst {
			return g.Mul(b, g.Pow(a, g.Const(b.Value-1)), das[0])
		}
		d := g.Mul(n, g.function(OpLog, a), das[1])
		if das[0] == g.zero {
			return d
		}
		return g.Add(d, g.Mul(b, g.Pow(a, g.linear(-1, nil, []*Node{b})), das[0]))
	case OpMin, OpMax:
		a, b := n.Args[0], n.Args[1]
		if n.Op == OpMin {
			a, b = b, a
		}
		s := g.function(OpStep, g.Sub(a, b)) // 1 where Args[0] is the result
		return g.Add(g.Mul(s, das[0]), g.Mul(g.linear(1, []float64{-1}, []*Node{s}), das[1]))
	}
	return g.Mul(g.slope(n), das[0])
}

// slope is f'(a) of a function n = f(a) of one argument.
func (g *Graph) slope(n *Node) *Node {
	a := n.Args[0]
	square := func(c, s float64, x *Node) *Node { return g.linear(c, []float64{s}, []*Node{g.Mul(x, x)}) } // c + s x²
	switch n.Op {
	case OpExp:
		return n
	case OpLog:
		return g.Div(g.one, a)
	case OpSin:
		return g.function(OpCos, a)
	case OpCos:
		return g.Neg(g.function(OpSin, a))
	case OpTan:
		return square(1, 1, n)
	case OpTanh:
		return square(1, -1, n)
	case OpSinh:
		return g.function(OpCosh, a)
	case OpCosh:
		return g.function(OpSinh, a)
	case OpAtan:
		return g.Div(g.one, square(1, 1, a))
	case OpAsin:
		return g.Pow(square(1, -1, a), g.Const(-0.5))
	case OpAcos:
		return g.Neg(g.Pow(square(1, -1, a), g.Const(-0.5)))
	case OpAbs:
		return g.function(OpSign, a)
	case OpSign, OpStep:
		return g.zero
	}
	panic("expr: no derivative rule")
}
