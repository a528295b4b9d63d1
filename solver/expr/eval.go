package expr

import (
	"fmt"
	"math"
)

// external applies a numeric function; its value is found at evaluation.
func (g *Graph) external(name string, args []*Node) *Node {
	return g.intern(Node{Op: OpExternal, Name: name, Args: args})
}

// Eval computes ns at n points in float64 and returns one column each. coords holds the columns of the coordinates, [d][n].
// leaf gives the columns of jets, data and seeds; it may be nil where there are none. Only a Field can fail.
//
// It is the reference for the compiled programs and what fills the columns of a Residual.
func Eval(ns []*Node, coords [][]float64, leaf func(n *Node) []float64, n int) ([][]float64, error) {
	out := make([][]float64, len(ns))
	if len(ns) == 0 {
		return out, nil
	}
	var order []*Node
	walk(ns, func(m *Node) { order = append(order, m) })
	slot := make(map[*Node]int, len(order))
	for i, m := range order {
		slot[m] = i
	}
	args := make([][]int, len(order))
	for i, m := range order {
		for _, a := range m.Args {
			args[i] = append(args[i], slot[a])
		}
	}
	// A block of points at a time, so that the intermediate columns stay in cache (and in memory, for long expressions).
	block := max(16, min(512, (1<<20)/len(order)))
	planes := make([][]float64, len(order))
	fixed := make([][]float64, len(order)) // columns given from outside
	for i, m := range order {
		switch m.Op {
		case OpCoord:
			fixed[i] = coords[m.Coord]
		case OpJet, OpData, OpSeed:
			if leaf == nil {
				panic("expr: Eval of jets, data or seeds without their columns")
			}
			fixed[i] = leaf(m)
		case OpField:
			v, err := m.graph.sym.Field[m.Name].Eval(m.Index, coords)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", m, err)
			}
			if len(v) != n {
				panic("expr: a field returns one value a point")
			}
			fixed[i] = v
		default:
			planes[i] = make([]float64, block)
		}
	}
	for k := range ns {
		out[k] = make([]float64, n)
	}
	for from := 0; from < n; from += block {
		to := min(n, from+block)
		for i, m := range order {
			if fixed[i] != nil {
				planes[i] = fixed[i][from:to]
				continue
			}
			m.eval(planes[i][:to-from], planes, args[i])
		}
		for k, m := range ns {
			copy(out[k][from:to], planes[slot[m]])
		}
	}
	return out, nil
}

// eval computes one node at the points of a block.
func (n *Node) eval(y []float64, planes [][]float64, args []int) {
	switch n.Op {
	case OpConst:
		for i := range y {
			y[i] = n.Value
		}
	case OpSum:
		for i := range y {
			y[i] = n.Value
		}
		for k, a := range args {
			c, x := n.Coef[k], planes[a]
			for i := range y {
				y[i] += c * x[i]
			}
		}
	case OpProduct:
		copy(y, planes[args[0]][:len(y)])
		for _, a := range args[1:] {
			x := planes[a]
			for i := range y {
				y[i] *= x[i]
			}
		}
	case OpPow:
		a, b := planes[args[0]], planes[args[1]]
		for i := range y {
			y[i] = power64(a[i], b[i])
		}
	case OpExternal:
		e := n.graph.sym.External[n.Name]
		v := make([]float64, len(args))
		for i := range y {
			for k, a := range args {
				v[k] = planes[a][i]
			}
			y[i] = e.Eval(v)
		}
	default:
		a := planes[args[0]]
		b := a
		if len(args) == 2 {
			b = planes[args[1]]
		}
		for i := range y {
			y[i] = apply(n.Op, a[i], b[i])
		}
	}
}

// power64 spares the common exponents the general routine.
func power64(a, b float64) float64 {
	switch b {
	case 2:
		return a * a
	case -1:
		return 1 / a
	case 0.5:
		return math.Sqrt(a)
	}
	return math.Pow(a, b)
}
