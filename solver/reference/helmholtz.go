package reference

import (
	"math"

	"gonum.org/v1/gonum/integrate/quad"
)

// HelmholtzSeries is the solution of u_xx + u_yy + k²u = f on the unit square, u = 0 on its boundary, with the source
// f = exp(-r²/2s²)/(2πs²) of Dolean et al. 2024, r the distance from the centre, as a double sine series:
//
//	u = Σ_{p,q odd} g_p g_q sin(pπx) sin(qπy) / (k² - π²(p²+q²)),
//	g_p = 2 ∫₀¹ exp(-(ξ-½)²/2s²)/(√(2π) s) sin(pπξ) dξ.
//
// Where k² is an eigenvalue of a mode that the source does not excite, the solution is not unique; this is the symmetric one,
// without those modes.
type HelmholtzSeries struct {
	k, s  float64
	modes int         // odd numbers 1, 3, .., 2·modes-1
	a     [][]float64 // coefficients [p][q]
	// Sums over p for the last x: on a grid whole rows share it.
	x   float64
	row []float64
}

// seriesModes bounds the largest p, q. Coefficients of a narrow source die off like a Gaussian long before; a source that
// reaches the boundary (s = 0.2) leaves a truncation error of about 1e-6.
const seriesModes = 600

// NewHelmholtzSeries computes the coefficients.
func NewHelmholtzSeries(k, s float64) *HelmholtzSeries {
	h := &HelmholtzSeries{k: k, s: s, x: math.NaN()}
	var g []float64
	largest := 0.0
	for p := 1; p <= seriesModes; p += 2 {
		v := sineCoefficient(p, s)
		largest = math.Max(largest, math.Abs(v))
		// Three coefficients in a row at rounding: the rest adds nothing.
		g = append(g, v)
		if n := len(g); n > 3 && math.Abs(g[n-1])+math.Abs(g[n-2])+math.Abs(g[n-3]) < 1e-16*largest {
			break
		}
	}
	h.modes = len(g)
	h.row = make([]float64, h.modes)
	h.a = make([][]float64, h.modes)
	for p := range h.a {
		h.a[p] = make([]float64, h.modes)
		for q := range h.a[p] {
			m, n := float64(2*p+1), float64(2*q+1)
			h.a[p][q] = g[p] * g[q] / (k*k - math.Pi*math.Pi*(m*m+n*n))
		}
	}
	return h
}

// sineCoefficient is g_p by a Gauss-Legendre rule with several nodes to a wave and to a width of the source: rounding error.
func sineCoefficient(p int, s float64) float64 {
	nodes := 100 + 2*p + int(20/s)
	return quad.Fixed(func(xi float64) float64 {
		return 2 * math.Exp(-(xi-0.5)*(xi-0.5)/(2*s*s)) * math.Sin(float64(p)*math.Pi*xi) / (math.Sqrt(2*math.Pi) * s)
	}, 0, 1, nodes, nil, 0)
}

// At evaluates the series.
func (h *HelmholtzSeries) At(x, y float64) float64 {
	if x != h.x {
		h.x = x
		clear(h.row)
		for p := 0; p < h.modes; p++ {
			s := math.Sin(float64(2*p+1) * math.Pi * x)
			for q, a := range h.a[p] {
				h.row[q] += a * s
			}
		}
	}
	u := 0.0
	for q, c := range h.row {
		u += c * math.Sin(float64(2*q+1)*math.Pi*y)
	}
	return u
}
