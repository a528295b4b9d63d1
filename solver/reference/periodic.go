package reference

import (
	"math"
	"math/cmplx"

	"gonum.org/v1/gonum/dsp/fourier"
)

// evolution is a function u(x, t) of period 2 in x, x in [-1, 1], that solves
//
//	u_t = λ(∂_x) u + N(u)
//
// from known Fourier coefficients at t = 0, by a Fourier method in x and ETDRK4 in t. It is computed once, as far as it is
// asked for; values at any x are sums of the Fourier series, values at any t the end of a step there: nothing is interpolated.
type evolution struct {
	dt     float64
	begin  func(x float64) float64                          // u(x, 0): the series of a kink is not that
	least  int                                              // coefficients that are never dropped: the solution may steepen
	symbol func(k float64) complex128                       // λ for e^{ikx}
	value  func(fft *fourier.FFT) func(dst, u []complex128) // N of normalised coefficients

	marks  [][]complex128 // coefficients at t = 0, markEvery·dt, ...
	now    *etdrk4
	others map[int]*etdrk4 // by number of coefficients: steps of other lengths
	at     map[float64][]complex128
	x      float64
	waves  []complex128 // e^{iπm(x+1)} of the last x
}

const (
	markEvery = 10 // steps between the kept states
	keptTimes = 1024
	lastTime  = 100 // beyond lies a slip, and it would take for ever
	// trimmed is the size of coefficients, relative to the largest, below which the upper half of them is dropped: rounding.
	trimmed = 1e-17
)

// newEvolution starts from coefficients c_0 .. c_{n/2} of Σ c_m e^{iπm(x+1)}; negative m are their conjugates.
func newEvolution(e evolution, start []complex128) *evolution {
	e.marks, e.others, e.at, e.x = [][]complex128{start}, map[int]*etdrk4{}, map[float64][]complex128{}, math.NaN()
	return &e
}

// stepper integrates n coefficients.
func (e *evolution) stepper(n int) *etdrk4 {
	lambda := make([]complex128, n)
	for m := range lambda {
		lambda[m] = e.symbol(math.Pi * float64(m))
	}
	return newETDRK4(lambda, e.value(fourier.NewFFT(2*(n-1))))
}

// trim drops the upper half of the coefficients as often as nothing is in it, down to least of them.
func trim(u []complex128, least int) []complex128 {
	largest := 0.0
	for _, c := range u {
		largest = math.Max(largest, cmplx.Abs(c))
	}
	for n := (len(u)-1)/2 + 1; n >= least; n = (n-1)/2 + 1 {
		for _, c := range u[n/2:] { // a quarter stays empty: room for products
			if cmplx.Abs(c) > trimmed*largest {
				return u
			}
		}
		u = u[:n]
	}
	return u
}

// mark is the state after k·markEvery steps.
func (e *evolution) mark(k int) []complex128 {
	for len(e.marks) <= k {
		u := append([]complex128(nil), trim(e.marks[len(e.marks)-1], e.least)...)
		if e.now == nil || len(e.now.lambda) != len(u) {
			e.now = e.stepper(len(u))
		}
		for range markEvery {
			e.now.step(u, e.dt)
		}
		e.marks = append(e.marks, u)
	}
	return e.marks[k]
}

// sameTime is the distance, in steps, at which two times are one: their roundings.
const sameTime = 1e-9

// coefficients are those at time t >= 0.
func (e *evolution) coefficients(t float64) []complex128 {
	if c, ok := e.at[t]; ok {
		return c
	}
	steps := t / e.dt
	k := int(math.Floor(steps/markEvery + sameTime))
	c := e.mark(k)
	if rest := steps - float64(k*markEvery); rest > sameTime {
		c = append([]complex128(nil), c...)
		s := e.others[len(c)]
		if s == nil {
			s = e.stepper(len(c))
			e.others[len(c)] = s
		}
		n := math.Ceil(rest - sameTime)
		for range int(n) {
			s.step(c, rest*e.dt/n)
		}
	}
	if len(e.at) >= keptTimes { // points without order in t
		clear(e.at)
	}
	e.at[t] = c
	return c
}

// u returns u(x, t), x in [-1, 1] or any period.
func (e *evolution) u(x, t float64) float64 {
	if !(t >= 0 && t <= lastTime) || x-x != 0 {
		return math.NaN()
	}
	if t == 0 {
		return e.begin(x)
	}
	c := e.coefficients(t)
	last := len(c) - 1
	for last > 0 && cmplx.Abs(c[last]) == 0 {
		last--
	}
	if x != e.x {
		e.x, e.waves = x, e.waves[:0]
	}
	for m := len(e.waves); m <= last; m++ {
		s, co := math.Sincos(math.Pi * math.Mod(float64(m)*(x+1), 2))
		e.waves = append(e.waves, complex(co, s))
	}
	sum := 0.0
	for m := last; m >= 1; m-- { // small ones first
		sum += real(c[m])*real(e.waves[m]) - imag(c[m])*imag(e.waves[m])
	}
	return real(c[0]) + 2*sum
}

// pointwise makes N(u)^ of f(u(x)), times a factor of the wave number for every coefficient (nil: 1).
func pointwise(f func(u float64) float64, factor func(k float64) complex128) func(fft *fourier.FFT) func(dst, u []complex128) {
	return func(fft *fourier.FFT) func(dst, u []complex128) {
		n := fft.Len()
		x := make([]float64, n)
		weight := make([]complex128, n/2+1)
		for m := range weight {
			weight[m] = complex(1/float64(n), 0)
			if factor != nil {
				weight[m] *= factor(math.Pi * float64(m))
			}
		}
		return func(dst, u []complex128) {
			fft.Sequence(x, u)
			for i, v := range x {
				x[i] = f(v)
			}
			fft.Coefficients(dst, x)
			for m := range dst {
				dst[m] *= weight[m]
			}
		}
	}
}

// interfaces is the number of coefficients that the fronts of Allen-Cahn need: their width √(2·10⁻⁴/5) puts poles of u at
// 0.01 from the real axis, and e^{-0.01πm} is rounding from m = 1200 on.
const interfaces = 2049

// allenCahn is u_t = 10⁻⁴ u_xx - 5u³ + 5u with u(x, 0) = x² cos πx, of period 2. The start has a kink at x = ±1, so that its
// coefficients fall off like m⁻² only: they are those of the integral, not of samples, which would alias 1e-8 of it.
func allenCahn(coefficients int, dt float64) *evolution {
	start := make([]complex128, coefficients)
	moment := func(m int) float64 { // ¼ ∫ x² cos mπx over [-1, 1]
		if m == 0 {
			return 1. / 6
		}
		return math.Pow(-1, float64(m)) / (float64(m*m) * math.Pi * math.Pi)
	}
	for m := range start {
		// e^{iπm(x+1)} carries (-1)^m.
		start[m] = complex(math.Pow(-1, float64(m))*(moment(m+1)+moment(m-1)), 0)
	}
	start[coefficients-1] = 0 // the wave that has no sine on the grid
	return newEvolution(evolution{dt: dt, least: interfaces,
		begin: func(x float64) float64 {
			x = math.Remainder(x, 2)
			return x * x * math.Cos(math.Pi*x)
		},
		symbol: func(k float64) complex128 { return complex(5-1e-4*k*k, 0) },
		value:  pointwise(func(u float64) float64 { return -5 * u * u * u }, nil)}, start)
}

// kortewegDeVries is u_t + u u_x + 0.022² u_xxx = 0 with u(x, 0) = cos πx, of period 2 (Zabusky & Kruskal 1965).
func kortewegDeVries(coefficients int, dt float64) *evolution {
	start := make([]complex128, coefficients)
	start[1] = -0.5
	const dispersion = 0.022 * 0.022
	return newEvolution(evolution{dt: dt, least: coefficients,
		begin:  func(x float64) float64 { return math.Cos(math.Pi * x) },
		symbol: func(k float64) complex128 { return complex(0, dispersion*k*k*k) },
		value:  pointwise(func(u float64) float64 { return u * u }, func(k float64) complex128 { return complex(0, -k/2) })}, start)
}
