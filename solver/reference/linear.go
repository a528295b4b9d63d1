package reference

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/dsp/fourier"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/solver/expr"
)

// jets evaluates an expression at points with given values of the unknown's derivatives (0 where none is given).
func (c *call) jets(n *expr.Node, points [][]float64, values map[kernels.MultiIndex][]float64) ([]float64, error) {
	zero := make([]float64, len(points[0]))
	v, err := expr.Eval([]*expr.Node{n}, points, func(jet *expr.Node) []float64 {
		if v, ok := values[jet.Index]; ok {
			return v
		}
		return zero
	}, len(points[0]))
	if err != nil {
		return nil, err
	}
	return v[0], nil
}

// linear returns the constant coefficient of each derivative in the single equation of the problem, and the source at points:
// the equation is Σ coefficient·derivative + source = 0.
func (c *call) linear(points [][]float64) (coefficient map[kernels.MultiIndex]float64, source []float64, err error) {
	term := c.p.Terms[0]
	if len(term.Constrained) != 1 || len(c.p.Unknowns) != 1 {
		return nil, nil, errors.New("needs one equation for one unknown")
	}
	r := term.Constrained[0]
	coefficient = map[kernels.MultiIndex]float64{}
	for _, jet := range c.p.Graph.Jets(r) {
		part := c.p.Graph.Partial(r, jet)
		if part.Op != expr.OpConst {
			return nil, nil, fmt.Errorf("needs constant coefficients, that of %s is %s", jet, part)
		}
		coefficient[jet.Index] = part.Value
	}
	source, err = c.jets(r, points, nil)
	return coefficient, source, err
}

// finiteDifference solves Σ_a c_a u_aa + c_0 u + f = 0 on a box with u = 0 on its boundary by central differences of second
// order. Sine transforms diagonalise them, so the solution costs O(N log N).
func finiteDifference(c *call) (*Result, error) {
	axes, err := c.axes()
	if err != nil {
		return nil, err
	}
	d := len(axes)
	r := &Result{Method: "finite differences of second order, solved by sine transforms", Axes: axes}
	points := r.Points()
	coefficient, source, err := c.linear(points)
	if err != nil {
		return nil, err
	}
	for a := range axes {
		if err := c.zeroOnFaces(a); err != nil {
			return nil, err
		}
	}
	seconds, constant, err := elliptic(coefficient, d)
	if err != nil {
		return nil, err
	}
	eigen := make([][]float64, d) // of c_a·(second difference) along each axis, for modes 1..n-2
	for a := range eigen {
		n := len(axes[a])
		h := axes[a][1] - axes[a][0]
		for k := range n - 2 {
			s := math.Sin(math.Pi * float64(k+1) / float64(2*(n-1)))
			eigen[a] = append(eigen[a], -4*seconds[a]*s*s/(h*h))
		}
	}
	// Interior values, row-major.
	inner := make([]int, d)
	total := 1
	for a := range axes {
		inner[a] = len(axes[a]) - 2
		total *= inner[a]
	}
	u := make([]float64, total)
	where := make([]int, total)
	for i := range u {
		at, rest, stride := 0, i, 1
		for a := d - 1; a >= 0; a-- {
			at += (rest%inner[a] + 1) * stride
			rest /= inner[a]
			stride *= len(axes[a])
		}
		where[i] = at
		u[i] = -source[at]
	}
	transform(u, inner)
	for i := range u {
		rest, sum := i, constant
		for a := d - 1; a >= 0; a-- {
			sum += eigen[a][rest%inner[a]]
			rest /= inner[a]
		}
		if sum == 0 {
			return nil, errors.New("needs an operator without a mode of eigenvalue 0")
		}
		u[i] /= sum
	}
	transform(u, inner)
	norm := 1.0
	for _, n := range inner {
		norm *= 2 * float64(n+1) // the transform is its own inverse up to this factor
	}
	whole := make([]float64, len(points[0]))
	for i, at := range where {
		whole[at] = u[i] / norm
	}
	r.U = [][]float64{whole}
	return r, nil
}

// elliptic are the coefficients of the pure second derivatives along d axes, and of u itself, in an equation without others.
func elliptic(coefficient map[kernels.MultiIndex]float64, d int) (seconds []float64, constant float64, err error) {
	seconds = make([]float64, d)
	for m, v := range coefficient {
		switch {
		case m.Order() == 0:
			constant = v
		case m.Order() == 2 && mixed(m):
			return nil, 0, errors.New("cannot take mixed derivatives")
		case m.Order() == 2:
			for a := range seconds {
				if m[a] == 2 {
					seconds[a] = v
				}
			}
		default:
			return nil, 0, errors.New("takes u and its second derivatives only")
		}
	}
	return seconds, constant, nil
}

func mixed(m kernels.MultiIndex) bool {
	for _, k := range m {
		if k == 1 {
			return true
		}
	}
	return false
}

// transform applies the sine transform along every axis, in place.
func transform(u []float64, shape []int) {
	stride := len(u)
	for _, n := range shape {
		stride /= n
		t := fourier.NewDST(n)
		line := make([]float64, n)
		for start := 0; start < len(u); start++ {
			if start/stride%n != 0 {
				continue
			}
			for k := range line {
				line[k] = u[start+k*stride]
			}
			for k, v := range t.Transform(nil, line) {
				u[start+k*stride] = v
			}
		}
	}
}
