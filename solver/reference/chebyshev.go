package reference

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// chebyshev solves Σ_a c_a u_aa + c_0 u + f = 0 on a box with u = 0 on its boundary by collocation at Chebyshev points
// (Trefethen 2000, chapters 6 and 9); the eigenvectors of the second-derivative matrices diagonalise the problem (Haidvogel &
// Zang 1979). Errors fall exponentially with the points, as those of smooth bases do.
func chebyshev(c *call) (*Result, error) {
	axes, err := c.axes()
	if err != nil {
		return nil, err
	}
	d := len(axes)
	r := &Result{Method: "Chebyshev collocation, diagonalised", Axes: axes}
	for a, x := range axes {
		lo, hi := x[0], x[len(x)-1]
		for i := range x {
			x[i] = lo + (hi-lo)*math.Pow(math.Sin(math.Pi*float64(i)/float64(2*(len(x)-1))), 2)
		}
		if err := c.zeroOnFaces(a); err != nil {
			return nil, err
		}
	}
	coefficient, source, err := c.linear(r.Points())
	if err != nil {
		return nil, err
	}
	seconds, constant, err := elliptic(coefficient, d)
	if err != nil {
		return nil, err
	}
	forth, back, eigen := make([]*mat.Dense, d), make([]*mat.Dense, d), make([][]float64, d)
	for a, x := range axes {
		if eigen[a], forth[a], back[a], err = diagonal(secondDerivative(x)); err != nil {
			return nil, fmt.Errorf("along %s: %w", c.p.Axes[a].Name, err)
		}
	}
	u := source // zero on the boundary stays out of the sums: the matrices have zeros there
	shape := make([]int, d)
	for a, x := range axes {
		shape[a] = len(x)
	}
	for a := range axes {
		along(u, shape, a, back[a])
	}
	for i := range u {
		rest, sum := i, constant
		inside := true
		for a := d - 1; a >= 0; a-- {
			k := rest % shape[a]
			rest /= shape[a]
			inside = inside && k > 0 && k < shape[a]-1
			sum += seconds[a] * eigen[a][k]
		}
		switch {
		case !inside:
			u[i] = 0
		case sum == 0:
			return nil, errors.New("needs an operator without a mode of eigenvalue 0")
		default:
			u[i] /= -sum
		}
	}
	for a := range axes {
		along(u, shape, a, forth[a])
	}
	r.U = [][]float64{u}
	return r, nil
}

// secondDerivative is the square of the differentiation matrix of Chebyshev points x. Its diagonal makes rows sum to 0, which
// is what keeps rounding errors small.
func secondDerivative(x []float64) *mat.Dense {
	n := len(x)
	weight := func(i int) float64 {
		w := 1 - 2*float64(i%2)
		if i == 0 || i == n-1 {
			w *= 2
		}
		return w
	}
	length := x[n-1] - x[0]
	first := mat.NewDense(n, n, nil)
	for i := range n {
		sum := 0.0
		for j := range n {
			if i == j {
				continue
			}
			// x_i - x_j by a product of sines: no cancellation.
			h := math.Pi / float64(2*(n-1))
			difference := length * math.Sin(float64(i+j)*h) * math.Sin(float64(i-j)*h)
			v := weight(i) / weight(j) / difference
			first.Set(i, j, v)
			sum += v
		}
		first.Set(i, i, -sum)
	}
	second := mat.NewDense(n, n, nil)
	second.Mul(first, first)
	return second
}

// diagonal writes the inner part of m as forth·diag(eigen)·back; first and last row and column of all are zero.
func diagonal(m *mat.Dense) (eigen []float64, forth, back *mat.Dense, err error) {
	n, _ := m.Dims()
	var e mat.Eigen
	if !e.Factorize(m.Slice(1, n-1, 1, n-1), mat.EigenRight) {
		return nil, nil, nil, errors.New("the eigenvalues of the second derivative did not converge")
	}
	var vectors mat.CDense
	e.VectorsTo(&vectors)
	eigen, forth, back = make([]float64, n), mat.NewDense(n, n, nil), mat.NewDense(n, n, nil)
	for k, v := range e.Values(nil) {
		if imag(v) != 0 {
			return nil, nil, nil, errors.New("an eigenvalue of the second derivative came out complex: rounding; take fewer points")
		}
		eigen[k+1] = real(v)
		for i := range n - 2 {
			forth.Set(i+1, k+1, real(vectors.At(i, k)))
		}
	}
	var inverse mat.Dense
	if err := inverse.Inverse(forth.Slice(1, n-1, 1, n-1)); err != nil {
		return nil, nil, nil, fmt.Errorf("eigenvectors of the second derivative: %w", err)
	}
	back.Slice(1, n-1, 1, n-1).(*mat.Dense).Copy(&inverse)
	return eigen, forth, back, nil
}

// along multiplies every line of u along axis a by m, in place.
func along(u []float64, shape []int, a int, m *mat.Dense) {
	stride := 1
	for _, n := range shape[a+1:] {
		stride *= n
	}
	n := shape[a]
	block := mat.NewDense(n, stride, nil)
	for from := 0; from < len(u); from += n * stride { // rows along a, columns along what follows: one product
		part := mat.NewDense(n, stride, u[from:from+n*stride])
		block.Mul(m, part)
		part.Copy(block)
	}
}
