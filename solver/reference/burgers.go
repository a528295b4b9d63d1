package reference

import (
	"errors"
	"math"
	"slices"

	"fbpinn-mpi/kernels"
)

// burgers solves u_t + (u²/2)_x = ν u_xx with the ansatz's u at the lower end of t and u = 0 at both ends of x: central
// differences in x, the trapezoidal rule (Crank-Nicolson) in t, Newton's method on the tridiagonal system of each step.
// Parameter nu is the job's.
func burgers(c *call) (*Result, error) {
	axes, err := c.axes()
	if err != nil {
		return nil, err
	}
	nu, ok := c.p.Params["nu"]
	if !ok || len(axes) != 2 {
		return nil, errors.New("needs coordinates x, t and a parameter nu")
	}
	if err := c.isBurgers(nu); err != nil {
		return nil, err
	}
	x, t := axes[0], axes[1]
	n, h := len(x), x[1]-x[0]
	u, next := make([]float64, n), make([]float64, n)
	begin, err := c.start([][]float64{x, slices.Repeat(t[:1], n)})
	if err != nil {
		return nil, err
	}
	copy(u, begin)
	if err := c.zeroOnFaces(0); err != nil {
		return nil, err
	}
	rate := func(u []float64, i int) float64 {
		return -(u[i+1]*u[i+1]-u[i-1]*u[i-1])/(4*h) + nu*(u[i+1]-2*u[i]+u[i-1])/(h*h)
	}
	whole := make([]float64, n*len(t))
	store := func(k int) {
		for i, v := range u {
			whole[i*len(t)+k] = v
		}
	}
	store(0)
	g, lower, diagonal, upper := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	for k := 1; k < len(t); k++ {
		dt := t[k] - t[k-1]
		copy(next, u)
		for iteration := 0; ; iteration++ {
			largest := 0.0
			for i := 1; i < n-1; i++ {
				g[i] = next[i] - u[i] - dt/2*(rate(next, i)+rate(u, i))
				lower[i] = -dt / 2 * (next[i-1]/(2*h) + nu/(h*h))
				diagonal[i] = 1 + dt*nu/(h*h)
				upper[i] = -dt / 2 * (-next[i+1]/(2*h) + nu/(h*h))
				largest = math.Max(largest, math.Abs(g[i]))
			}
			if largest < 1e-12 { // far below the truncation error
				break
			}
			if iteration == 50 || math.IsNaN(largest) {
				return nil, errors.New("Newton's method did not converge; take more points in t")
			}
			for i := 2; i < n-1; i++ { // Thomas algorithm
				w := lower[i] / diagonal[i-1]
				diagonal[i] -= w * upper[i-1]
				g[i] -= w * g[i-1]
			}
			for i := n - 2; i >= 1; i-- {
				if i < n-2 {
					g[i] -= upper[i] * g[i+1]
				}
				g[i] /= diagonal[i]
				next[i] -= g[i]
			}
		}
		u, next = next, u
		store(k)
	}
	return &Result{Method: "central differences and Crank-Nicolson", Axes: axes, U: [][]float64{whole}}, nil
}

// isBurgers compares the job's equation with u_t + u u_x - ν u_xx at a few made-up jets.
func (c *call) isBurgers(nu float64) error {
	x, t, xx := kernels.MultiIndex{1}, kernels.MultiIndex{0, 1}, kernels.MultiIndex{2}
	jets := map[kernels.MultiIndex][]float64{value: {0.3, -0.7, 1.1}, x: {0.9, 0.4, -1.3}, t: {-0.2, 0.8, 0.6}, xx: {1.7, -2.1, 0.5}}
	points := [][]float64{{0.1, -0.4, 0.7}, {0.2, 0.5, 0.9}}
	if len(c.p.Unknowns) != 1 || len(c.p.Terms[0].Constrained) != 1 {
		return errors.New("needs one equation for one unknown")
	}
	const tolerance = 1e-12 // rounding of three terms of size 1
	residual, err := c.jets(c.p.Terms[0].Constrained[0], points, jets)
	if err != nil {
		return err
	}
	for i, r := range residual {
		if want := jets[t][i] + jets[value][i]*jets[x][i] - nu*jets[xx][i]; math.Abs(r-want) > tolerance {
			return errors.New("takes u_t + u*u_x - nu*u_xx = 0 only")
		}
	}
	return nil
}
