package reference

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/dsp/fourier"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/solver/expr"
)

// exponential solves one evolution equation u_t + r(x, u, u_x, ...) = 0 on a periodic line: a Fourier method in x (collocation
// of the non-linear part) and ETDRK4 in t. The coordinates are x, t in this order; the ansatz gives u at the lower end of t.
// Points in x are those of the grid, without the upper end; the upper third of their waves is kept at 0, so that products of two
// do not come back as lower ones. Option steps is the number of steps, one between grid lines of t if
// absent.
func exponential(c *call) (*Result, error) {
	c.shape[0] += 1 - c.shape[0]%2 // an even number of intervals
	axes, err := c.axes()
	if err != nil {
		return nil, err
	}
	if len(axes) != 2 || !c.p.Axes[0].Periodic || len(c.p.Unknowns) != 1 || len(c.p.Terms[0].Constrained) != 1 {
		return nil, errors.New("takes one equation for one unknown of x, periodic, and t")
	}
	x, t := axes[0][:len(axes[0])-1], axes[1]
	n := len(x)
	lambda, rest, err := c.split(n)
	if err != nil {
		return nil, err
	}
	points := [][]float64{x, make([]float64, n)}
	for i := range points[1] {
		points[1][i] = t[0]
	}
	start, err := c.start(points)
	if err != nil {
		return nil, err
	}
	fft := fourier.NewFFT(n)
	u := fft.Coefficients(nil, start)
	for m := range u {
		u[m] /= complex(float64(n), 0)
	}
	clear(u[n/3+1:])
	whole := make([]float64, (n+1)*len(t))
	values := make([]float64, n)
	store := func(k int) error {
		fft.Sequence(values, u)
		for i, v := range values {
			if v-v != 0 {
				return fmt.Errorf("the solution is %v at t = %g: take more steps", v, t[k])
			}
			whole[i*len(t)+k] = v
		}
		whole[n*len(t)+k] = values[0]
		return nil
	}
	if err := store(0); err != nil {
		return nil, err
	}
	var failed error
	s := newETDRK4(lambda, func(dst, u []complex128) {
		if err := rest(dst, u, fft, x); err != nil {
			failed = err
		}
	})
	per := max(1, int(math.Ceil(c.option("steps", 0)/float64(len(t)-1))))
	for k := 1; k < len(t) && failed == nil; k++ {
		for range per {
			s.step(u, (t[k]-t[k-1])/float64(per))
		}
		if err := store(k); err != nil {
			return nil, err
		}
	}
	if failed != nil {
		return nil, failed
	}
	return &Result{Method: "Fourier method and exponential Runge-Kutta of fourth order", Axes: axes, U: [][]float64{whole}}, nil
}

// split writes the equation as û_t = λ û + N(û) with the constant coefficients of derivatives in λ.
func (c *call) split(n int) (lambda []complex128, rest func(dst, u []complex128, fft *fourier.FFT, x []float64) error, err error) {
	g, r := c.p.Graph, c.p.Terms[0].Constrained[0]
	var others []*expr.Node // jets besides u_t
	t, linear := kernels.MultiIndex{0, 1}, map[kernels.MultiIndex]float64{}
	factor := 0.0
	for _, jet := range g.Jets(r) {
		atRest, err := g.Substitute(g.Partial(r, jet), func(*expr.Node) *expr.Node { return g.Const(0) })
		if err != nil {
			return nil, nil, err
		}
		switch {
		case jet.Index == t && g.Partial(r, jet).Op == expr.OpConst:
			factor = atRest.Value
		case jet.Index[1] > 0:
			return nil, nil, errors.New("takes equations of first order in t, linear in u_t")
		default:
			others = append(others, jet)
			if atRest.Op == expr.OpConst {
				linear[jet.Index] = atRest.Value
			}
		}
	}
	if factor == 0 || g.DependsOn(r, 1) {
		return nil, nil, errors.New("takes equations with u_t in which t does not occur")
	}
	wave := func(m int, order uint8) complex128 { // (ik)^order
		if int(order)%2 == 1 && m == n/2 {
			return 0 // the highest wave has no sine on the grid
		}
		k := 2 * math.Pi * float64(m) / (c.p.Axes[0].Hi - c.p.Axes[0].Lo)
		return complex(math.Pow(k, float64(order)), 0) * [4]complex128{1, 1i, -1, -1i}[order%4]
	}
	lambda = make([]complex128, n/2+1)
	nonlinear := []*expr.Node{r, g.Neg(g.Mul(g.Const(factor), g.Jet(0, t)))}
	for _, jet := range others {
		a := linear[jet.Index]
		nonlinear = append(nonlinear, g.Mul(g.Const(-a), jet))
		for m := range lambda {
			lambda[m] -= complex(a/factor, 0) * wave(m, jet.Index[0])
		}
	}
	residual := g.Add(nonlinear...)
	spectrum := make([]complex128, n/2+1)
	jets := map[kernels.MultiIndex][]float64{}
	rest = func(dst, u []complex128, fft *fourier.FFT, x []float64) error {
		for _, jet := range others {
			for m := range spectrum {
				spectrum[m] = wave(m, jet.Index[0]) * u[m]
			}
			jets[jet.Index] = fft.Sequence(jets[jet.Index], spectrum)
		}
		v, err := c.jets(residual, [][]float64{x, x}, jets)
		if err != nil {
			return err
		}
		fft.Coefficients(dst, v)
		for m := range dst {
			dst[m] /= complex(-factor*float64(n), 0)
		}
		clear(dst[n/3+1:])
		return nil
	}
	return lambda, rest, nil
}
