package reference

import (
	"math"

	"gonum.org/v1/gonum/integrate/quad"
)

// HelmholtzSeries is the solution of u_xx + u_yy + k²u = f on the unit square, u = 0 on its boundary, with the source
// f = exp(-r²/2s²)/(2πs²) of Dolean et al. 2024, r the distance from the centre, as a double sine series:
//
//	u = Σ_{p,q odd} g_p g_q sin(pπx) sin(qπy) / (k² - π²(p²+q²)),
//	g_p = 2 ∫₀¹ G(ξ) sin(pπξ) dξ, G(ξ) = exp(-(ξ-½)²/2s²)/(√(2π) s).
//
// Coefficients of a narrow source die off like a Gaussian. A source that reaches the boundary leaves g_p ~ 1/p; then what a sum over
// p, q <= P lacks is closed by the exact sum over one of them, U_p” + (k² - π²p²) U_p = G, U_p(0) = U_p(1) = 0:
//
//	u = Σ_{p<=P} g_p sin(pπx) U_p(y) + Σ_{q<=P} g_q sin(qπy) U_q(x) - Σ_{p,q<=P} ..,
//
// which lacks p, q > P only: for s = 0.2 at most 1e-9, where u is some 3e-2, and that within 1/P of the corners.
//
// Where k² is an eigenvalue of a mode that the source does not excite, the solution is not unique; this is the symmetric one,
// without those modes.
type HelmholtzSeries struct {
	k, s   float64
	g      []float64   // g_p of p = 1, 3, ..
	a      [][]float64 // coefficients [p][q]
	closed bool        // the sums over one of p, q are exact
	// Gauss-Legendre rule on [0, 1] for U_p.
	nodes, weights []float64
	lines          map[float64]*helmholtzLine
}

// helmholtzLine is what the values on a line x = const (or y: all is symmetric) share.
type helmholtzLine struct {
	sines []float64 // sin(pπx)
	sums  []float64 // Σ_p a_pq sin(pπx); where closed, what is to be added for q: g_q U_q(x) less that
	exact []float64 // g_p U_p(x), where closed
}

// seriesModes bounds p, q.
const seriesModes = 400

// NewHelmholtzSeries computes the coefficients.
func NewHelmholtzSeries(k, s float64) *HelmholtzSeries {
	h := &HelmholtzSeries{k: k, s: s, closed: true, lines: map[float64]*helmholtzLine{}}
	largest := 0.0
	for p := 1; p <= seriesModes; p += 2 {
		v := sineCoefficient(p, s)
		largest = math.Max(largest, math.Abs(v))
		h.g = append(h.g, v)
		// Three coefficients in a row at the rounding of their quadrature: the rest adds nothing.
		if n := len(h.g); n > 3 && math.Abs(h.g[n-1])+math.Abs(h.g[n-2])+math.Abs(h.g[n-3]) < 1e-15*largest {
			h.closed = false
			break
		}
	}
	if h.closed {
		// Rounding error: of exp over some 40, of waves with several nodes each, and of G, which is wider.
		n := 48 + int(k/4)
		h.nodes, h.weights = make([]float64, n), make([]float64, n)
		quad.Legendre{}.FixedLocations(h.nodes, h.weights, 0, 1)
	}
	h.a = make([][]float64, len(h.g))
	for p := range h.a {
		h.a[p] = make([]float64, len(h.g))
		for q := range h.a[p] {
			m, n := float64(2*p+1), float64(2*q+1)
			h.a[p][q] = h.g[p] * h.g[q] / (k*k - math.Pi*math.Pi*(m*m+n*n))
		}
	}
	return h
}

// sineCoefficient is g_p by a Gauss-Legendre rule with several nodes to a wave and to a width of the source: rounding error.
func sineCoefficient(p int, s float64) float64 {
	nodes := 100 + 2*p + int(20/s)
	return quad.Fixed(func(xi float64) float64 {
		return 2 * source(xi, s) * math.Sin(float64(p)*math.Pi*xi)
	}, 0, 1, nodes, nil, 0)
}

// source is G(ξ).
func source(xi, s float64) float64 {
	return math.Exp(-(xi-0.5)*(xi-0.5)/(2*s*s)) / (math.Sqrt(2*math.Pi) * s)
}

// along is U_p(x), by Green's function of one half of the interval: U_p is even about the middle, so that an odd resonant mode
// does no harm. With γ² = π²p² - k², a the smaller of x, η and b the distance of the larger from the middle, it is
// -sinh(γa) cosh(γb)/(γ cosh(γ/2)).
func (h *HelmholtzSeries) along(p int, x float64) float64 {
	x = math.Min(x, 1-x)
	square := math.Pow(float64(p)*math.Pi, 2) - h.k*h.k
	rate := math.Sqrt(math.Abs(square))
	green := func(a, b float64) float64 {
		switch {
		case square > 0:
			return math.Exp(-rate*(0.5-a-b)) * -math.Expm1(-2*rate*a) * (1 + math.Exp(-2*rate*b)) / (2 * rate * (1 + math.Exp(-rate)))
		case square < 0:
			return math.Sin(rate*a) * math.Cos(rate*b) / (rate * math.Cos(rate/2))
		}
		return a
	}
	from, to := 0.0, 0.5
	const far = 38 // exp(-far) is below rounding
	if square > 0 {
		from, to = math.Max(from, x-far/rate), math.Min(to, x+far/rate)
	}
	u := 0.0
	for i, at := range h.nodes {
		left, right := from+(x-from)*at, x+(to-x)*at
		u -= h.weights[i] * ((x-from)*green(left, 0.5-x)*source(left, h.s) + (to-x)*green(x, 0.5-right)*source(right, h.s))
	}
	return u
}

func (h *HelmholtzSeries) line(x float64) *helmholtzLine {
	l := h.lines[x]
	if l != nil {
		return l
	}
	if 3*len(h.lines)*len(h.g) >= keptNumbers {
		clear(h.lines)
	}
	n := len(h.g)
	l = &helmholtzLine{sines: make([]float64, n), sums: make([]float64, n)}
	for p, row := range h.a {
		l.sines[p] = math.Sin(float64(2*p+1) * math.Pi * x)
		for q, a := range row {
			l.sums[q] += a * l.sines[p]
		}
	}
	if h.closed {
		l.exact = make([]float64, n)
		for p, g := range h.g {
			l.exact[p] = g * h.along(2*p+1, x)
			l.sums[p] = l.exact[p] - l.sums[p]
		}
	}
	h.lines[x] = l
	return l
}

// At evaluates the series.
func (h *HelmholtzSeries) At(x, y float64) float64 {
	across, up := h.line(x), h.line(y)
	u := 0.0
	for q, s := range up.sines {
		u += across.sums[q] * s
	}
	for p, v := range up.exact {
		u += across.sines[p] * v
	}
	return u
}
