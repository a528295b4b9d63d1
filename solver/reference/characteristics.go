package reference

import (
	"errors"
	"fmt"

	"fbpinn-mpi/kernels"
)

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
	start, err := c.start([][]float64{make([]float64, len(wide)), wide})
	if err != nil {
		return nil, fmt.Errorf("on %s = 0: %w", c.p.Axes[0].Name, err)
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
