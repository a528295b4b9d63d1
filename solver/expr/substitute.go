package expr

import (
	"fmt"
	"slices"

	"fbpinn-mpi/kernels"
)

// Substitute replaces the jets in n by what f returns for them (nil: the jet stays), and simplifies again.
func (g *Graph) Substitute(n *Node, f func(jet *Node) *Node) (*Node, error) {
	memo := map[*Node]*Node{}
	var visit func(n *Node) *Node
	visit = func(n *Node) *Node {
		if n.point || g.full() {
			return n
		}
		if m := memo[n]; m != nil {
			return m
		}
		m := n
		if n.Op == OpJet {
			if r := f(n); r != nil {
				m = r
			}
		} else if len(n.Args) > 0 {
			args := make([]*Node, len(n.Args))
			for i, a := range n.Args {
				args[i] = visit(a)
			}
			m = g.rebuild(n, args)
		}
		memo[n] = m
		return m
	}
	r := visit(n)
	switch {
	case g.full():
		return nil, errWork
	case r.broken:
		return nil, fmt.Errorf("%s becomes infinite or not a number", n)
	}
	return r, nil
}

// rebuild is n with other arguments.
func (g *Graph) rebuild(n *Node, args []*Node) *Node {
	switch n.Op {
	case OpSum:
		return g.linear(n.Value, n.Coef, args)
	case OpProduct:
		return g.Mul(args...)
	case OpPow:
		return g.Pow(args[0], args[1])
	case OpExternal:
		return g.external(n.Name, args)
	}
	return g.function(n.Op, args...)
}

// Constrain puts the ansatz u_k = ansatz[k](x, U) in (nil: u_k is the raw unknown): every jet of u_k becomes the total
// derivative of ansatz[k] (docs/theory.md, section 6, "constraint").
func (g *Graph) Constrain(n *Node, ansatz []*Node) (*Node, error) {
	var failed error
	r, err := g.Substitute(n, func(jet *Node) *Node {
		if jet.Unknown >= len(ansatz) || ansatz[jet.Unknown] == nil || failed != nil {
			return nil
		}
		d, err := g.Derivative(ansatz[jet.Unknown], jet.Index)
		if err != nil {
			failed = fmt.Errorf("%s of the ansatz: %w", jet, err)
			return nil
		}
		return d
	})
	if failed != nil {
		return nil, failed
	}
	return r, err
}

// Jets lists the jets that occur in ns, by unknown, then in the order of kernels.Jets.
func (g *Graph) Jets(ns ...*Node) []*Node {
	var jets []*Node
	walk(ns, func(n *Node) {
		if n.Op == OpJet {
			jets = append(jets, n)
		}
	})
	slices.SortFunc(jets, func(a, b *Node) int {
		if a.Unknown != b.Unknown {
			return a.Unknown - b.Unknown
		}
		if d := a.Index.Order() - b.Index.Order(); d != 0 {
			return d
		}
		return -slices.Compare(a.Index[:], b.Index[:])
	})
	return jets
}

// FieldDerivatives lists the derivatives of a field that occur in ns.
func FieldDerivatives(name string, ns ...*Node) []kernels.MultiIndex {
	var found []kernels.MultiIndex
	walk(ns, func(n *Node) {
		if n.Op == OpField && n.Name == name {
			found = append(found, n.Index)
		}
	})
	return found
}

// DependsOn reports that a coordinate occurs in n.
func (g *Graph) DependsOn(n *Node, coord int) bool {
	depends := false
	walk([]*Node{n}, func(m *Node) {
		depends = depends || m.Op == OpCoord && m.Coord == coord || m.Op == OpField && g.sym.Field[m.Name].Along[coord]
	})
	return depends
}

// XOnly reports that n depends on the point alone: coordinates, data columns and numbers.
func (g *Graph) XOnly(n *Node) bool { return n.point }

// walk visits every node below ns once, arguments before what uses them.
func walk(ns []*Node, visit func(*Node)) {
	seen := map[*Node]bool{}
	var down func(n *Node)
	down = func(n *Node) {
		if seen[n] {
			return
		}
		seen[n] = true
		for _, a := range n.Args {
			down(a)
		}
		visit(n)
	}
	for _, n := range ns {
		down(n)
	}
}
