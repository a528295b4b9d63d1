package reference

import (
	"errors"
)

// trapezoid integrates c u_x + f(x) = 0 by the trapezoidal rule, outwards from the point x = at, where u is given: options at
// and u, both 0 by default.
func trapezoid(c *call) (*Result, error) {
	axes, err := c.axes()
	if err != nil {
		return nil, err
	}
	if len(axes) != 1 {
		return nil, errors.New("takes one coordinate")
	}
	x := axes[0]
	start, u0 := c.option("at", 0), c.option("u", 0)
	slope := func(x []float64) ([]float64, error) {
		coefficient, f, err := c.linear([][]float64{x})
		if err != nil {
			return nil, err
		}
		if len(coefficient) != 1 || coefficient[first] == 0 {
			return nil, errors.New("takes c*u_x + f(x) = 0 only")
		}
		for i := range f {
			f[i] /= -coefficient[first]
		}
		return f, nil
	}
	f, err := slope(x)
	if err != nil {
		return nil, err
	}
	f0, err := slope([]float64{start})
	if err != nil {
		return nil, err
	}
	u := make([]float64, len(x))
	sweep := func(from, to, by int) {
		px, pf, pu := start, f0[0], u0
		for i := from; i != to; i += by {
			pu += (x[i] - px) * (f[i] + pf) / 2
			px, pf = x[i], f[i]
			u[i] = pu
		}
	}
	right := 0
	for right < len(x) && x[right] < start {
		right++
	}
	sweep(right, len(x), 1)
	sweep(right-1, -1, -1)
	return &Result{Method: "trapezoidal rule", Axes: axes, U: [][]float64{u}}, nil
}
