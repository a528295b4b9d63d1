package reference

import (
	"errors"
	"math"

	"fbpinn-mpi/kernels"
)

var (
	value  = kernels.MultiIndex{}
	first  = kernels.MultiIndex{1}
	second = kernels.MultiIndex{2}
)

// trapezoid integrates c u_x + f(x) = 0 by the trapezoidal rule, outwards from the point x = at, where u is given: options at
// and u, both 0 by default.
func trapezoid(c *call) (*Result, error) {
	axes, err := c.axes()
	if err != nil {
		return nil, err
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
	top := first
	for _, jet := range c.p.Graph.Jets(r) {
		if jet.Index.Order() > 2 {
			return nil, errors.New("takes equations up to second order")
		}
		if jet.Index == second {
			top = second
		}
	}
	order := top.Order()
	name := c.p.Unknowns[0]
	y := []float64{c.option(name, 0), c.option(name+"_"+c.p.Axes[0].Name, 0)}[:order]
	at := [][]float64{{0}}
	jets := map[kernels.MultiIndex][]float64{value: {0}, first: {0}, second: {0}}
	// The residual is affine in the highest derivative: r(y, s) = r(y, 0) + s·(r(y, 1) - r(y, 0)).
	rhs := func(x float64, y, dy []float64) {
		at[0][0] = x
		for k, m := range []kernels.MultiIndex{value, first}[:order] {
			jets[m][0] = y[k]
		}
		jets[top][0] = 0
		r0 := c.jets(r, at, jets)[0]
		jets[top][0] = 1
		r1 := c.jets(r, at, jets)[0]
		copy(dy, y[1:])
		dy[order-1] = -r0 / (r1 - r0)
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
		rhs(x[i-1], y, k[0])
		for s, part := range []float64{0.5, 0.5, 1} {
			for j := range y {
				trial[j] = y[j] + part*h*k[s][j]
			}
			rhs(x[i-1]+part*h, trial, k[s+1])
		}
		for j := range y {
			y[j] += h / 6 * (k[0][j] + 2*k[1][j] + 2*k[2][j] + k[3][j])
		}
		u = append(u, y[0])
	}
	return &Result{Method: "Runge-Kutta of fourth order", Axes: axes, U: [][]float64{u}}, nil
}

// characteristics integrates u_x + u_y + f = 0 along its characteristics y - x = const by the trapezoidal rule, from the line
// x = 0 where the ansatz gives u. Both axes have the same range and an odd number of points, so that x = 0 is a grid line.
func characteristics(c *call) (*Result, error) {
	n := c.shape[0]
	if n%2 == 0 {
		n++
	}
	c.shape = []int{n, n}
	axes, err := c.axes()
	if err != nil {
		return nil, err
	}
	if len(axes) != 2 || c.p.Axes[0].Lo != c.p.Axes[1].Lo || c.p.Axes[0].Hi != c.p.Axes[1].Hi || c.p.Axes[0].Lo != -c.p.Axes[0].Hi {
		return nil, errors.New("takes a square with its centre at 0")
	}
	x := axes[0]
	h := x[1] - x[0]
	// Characteristics through the square cross x = 0 beyond it: rows are extended by half a side at each end.
	m := n / 2
	wide := make([]float64, n+2*m)
	for j := range wide {
		wide[j] = x[0] + float64(j-m)*h
	}
	points := [][]float64{make([]float64, n*len(wide)), make([]float64, n*len(wide))}
	for i := range points[0] {
		points[0][i], points[1][i] = x[i/len(wide)], wide[i%len(wide)]
	}
	coefficient, f, err := c.linear(points)
	if err != nil {
		return nil, err
	}
	if len(coefficient) != 2 || coefficient[kernels.MultiIndex{1, 0}] != 1 || coefficient[kernels.MultiIndex{0, 1}] != 1 {
		return nil, errors.New("takes u_x + u_y = f(x, y) only")
	}
	start, err := c.startOn(make([]float64, len(wide)), wide)
	if err != nil {
		return nil, err
	}
	u := make([]float64, n*n)
	w := len(wide)
	for j := -m; j <= n-1+m; j++ { // a characteristic by its crossing of x = 0
		v := start[j+m]
		for _, by := range []int{1, -1} {
			v = start[j+m]
			if j >= 0 && j < n {
				u[m*n+j] = v
			}
			for i, k := m+by, j+by; i >= 0 && i < n && k >= -m && k < n+m; i, k = i+by, k+by {
				v -= float64(by) * h * (f[i*w+k+m] + f[(i-by)*w+k-by+m]) / 2
				if k >= 0 && k < n {
					u[i*n+k] = v
				}
			}
		}
	}
	return &Result{Method: "trapezoidal rule along characteristics", Axes: axes, U: [][]float64{u}}, nil
}

// startOn evaluates the ansatz where it fixes the unknown, whatever the network says.
func (c *call) startOn(x, y []float64) ([]float64, error) {
	if c.p.Ansatz[0] == nil {
		return nil, errors.New("needs an ansatz that fixes u on x = 0")
	}
	return c.jets(c.p.Ansatz[0], [][]float64{x, y}, nil), nil
}

// burgers solves u_t + (u²/2)_x = ν u_xx with u = -sin πx at t = 0 and u = 0 at both ends: central differences in x, the
// trapezoidal rule (Crank-Nicolson) in t, Newton's method on the tridiagonal system of each step. Parameter nu is the job's.
func burgers(c *call) (*Result, error) {
	axes, err := c.axes()
	if err != nil {
		return nil, err
	}
	nu, ok := c.p.Params["nu"]
	if !ok || len(axes) != 2 {
		return nil, errors.New("needs coordinates x, t and a parameter nu")
	}
	x, t := axes[0], axes[1]
	n, h := len(x), x[1]-x[0]
	u, next := make([]float64, n), make([]float64, n)
	for i := 1; i < n-1; i++ {
		u[i] = -math.Sin(math.Pi * x[i])
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
