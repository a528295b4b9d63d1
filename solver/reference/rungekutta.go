package reference

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/solver/expr"
)

var (
	value  = kernels.MultiIndex{}
	first  = kernels.MultiIndex{1}
	second = kernels.MultiIndex{2}
)

// rungeKutta integrates the single ordinary equation of first or second order, solved for its highest derivative, by the
// classical method of fourth order from the lower end; options u and u_<coordinate> are the initial values, n the points.
func rungeKutta(c *call) (*Result, error) {
	axes, err := c.axes()
	if err != nil {
		return nil, err
	}
	if len(axes) != 1 || len(c.p.Unknowns) != 1 || len(c.p.Terms[0].Constrained) != 1 {
		return nil, errors.New("takes one ordinary equation for one unknown")
	}
	r := c.p.Terms[0].Constrained[0]
	top, highest := first, (*expr.Node)(nil)
	for _, jet := range c.p.Graph.Jets(r) {
		if jet.Index.Order() > 2 {
			return nil, errors.New("takes equations up to second order")
		}
		if jet.Index.Order() >= top.Order() {
			top, highest = jet.Index, jet
		}
	}
	if highest == nil || slices.Contains(c.p.Graph.Jets(c.p.Graph.Partial(r, highest)), highest) {
		return nil, errors.New("takes equations that are linear in their highest derivative")
	}
	order := top.Order()
	name := c.p.Unknowns[0]
	y := []float64{c.option(name, 0)}
	if order == 2 {
		y = append(y, c.option(name+"_"+c.p.Axes[0].Name, 0))
	}
	at := [][]float64{{0}}
	jets := map[kernels.MultiIndex][]float64{value: {0}, first: {0}, second: {0}}
	// The residual is affine in the highest derivative: r(y, s) = r(y, 0) + s·(r(y, 1) - r(y, 0)).
	rhs := func(x float64, y, dy []float64) error {
		at[0][0] = x
		for k, m := range []kernels.MultiIndex{value, first}[:order] {
			jets[m][0] = y[k]
		}
		var affine [2]float64
		for s := range affine {
			jets[top][0] = float64(s)
			v, err := c.jets(r, at, jets)
			if err != nil {
				return err
			}
			affine[s] = v[0]
		}
		copy(dy, y[1:])
		dy[order-1] = -affine[0] / (affine[1] - affine[0])
		return nil
	}
	x := axes[0]
	u := []float64{y[0]}
	k := make([][]float64, 4)
	for i := range k {
		k[i] = make([]float64, order)
	}
	trial := make([]float64, order)
	for i := 1; i < len(x); i++ {
		h := x[i] - x[i-1]
		if err := rhs(x[i-1], y, k[0]); err != nil {
			return nil, err
		}
		for s, part := range []float64{0.5, 0.5, 1} {
			for j := range y {
				trial[j] = y[j] + part*h*k[s][j]
			}
			if err := rhs(x[i-1]+part*h, trial, k[s+1]); err != nil {
				return nil, err
			}
		}
		for j := range y {
			y[j] += h / 6 * (k[0][j] + 2*k[1][j] + 2*k[2][j] + k[3][j])
		}
		if math.IsNaN(y[0]) || math.IsInf(y[0], 0) {
			return nil, fmt.Errorf("the solution is %v at %s = %g", y[0], c.p.Axes[0].Name, x[i])
		}
		u = append(u, y[0])
	}
	return &Result{Method: "Runge-Kutta of fourth order", Axes: axes, U: [][]float64{u}}, nil
}
