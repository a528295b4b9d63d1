package reference

import (
	"math"

	"gonum.org/v1/gonum/integrate/quad"
)

// WaveSeries is the solution of u_tt = u_xx + u_yy on [-1, 1]², u = 0 on the boundary, from rest in the pulse of van Beek,
// Dolean & Moseley 2025:
//
//	u(x, y, 0) = g(x) g(y),  g(x) = exp(-x²/2σ²) tanh(2.5(1+x)/σ) tanh(2.5(1-x)/σ)
//	u = Σ_{p,q odd} f_p f_q sin(½pπ(x+1)) sin(½qπ(y+1)) cos(½πt√(p²+q²)),   f_p = ∫ g(x) sin(½pπ(x+1)) dx over [-1, 1]
//
// The odd extension of g has a jump in its second derivative at the walls, of the size of the Gaussian there, so that f_p ends
// in a tail of p⁻³: with waveModes it is worth 1e-9 for σ = 0.2, 1e-6 for 0.4, and nothing for 0.1.
type WaveSeries struct {
	f     []float64 // f_p, p = 1, 3, ..
	limit []int     // per p: number of q ≤ p for which f_p f_q counts
	pairs int       // their sum

	// Points of a grid share their coordinates: what was computed for one of them is kept for the others.
	sines map[float64][]float64    // by coordinate
	times map[float64][]float64    // cos(½πt√(p²+q²)), rows of limit[p] numbers, by t
	rows  map[[2]float64][]float64 // sums over p by (x, t)
}

// waveModes is the number of odd p, of which those count whose products with others are not negligible.
const (
	waveModes  = 400
	negligible = 1e-18
)

// Kept numbers of each kind: 250 MB at most, in all.
const keptNumbers = 10_000_000

// NewWaveSeries computes the coefficients for a pulse of width σ.
func NewWaveSeries(sigma float64) *WaveSeries {
	w := &WaveSeries{sines: map[float64][]float64{}, times: map[float64][]float64{}, rows: map[[2]float64][]float64{}}
	g := func(x float64) float64 {
		return math.Exp(-x*x/(2*sigma*sigma)) * math.Tanh(2.5*(1+x)/sigma) * math.Tanh(2.5*(1-x)/sigma)
	}
	for p := 1; p < 2*waveModes; p += 2 {
		// Several nodes to a wave and to the width of pulse and walls.
		nodes := 100 + 2*p + int(60/sigma)
		w.f = append(w.f, quad.Fixed(func(x float64) float64 { return g(x) * math.Sin(float64(p)*math.Pi*(x+1)/2) }, -1, 1, nodes, nil, 0))
	}
	for p := range w.f {
		n := p + 1
		for n > 0 && math.Abs(w.f[p]*w.f[n-1]) < negligible*w.f[0]*w.f[0] {
			n--
		}
		w.limit = append(w.limit, n)
		w.pairs += n
	}
	return w
}

// At evaluates the series.
func (w *WaveSeries) At(x, y, t float64) float64 {
	key := [2]float64{x, t}
	row := w.rows[key]
	if row == nil {
		if len(w.rows)*len(w.f) >= keptNumbers {
			clear(w.rows)
		}
		row = w.row(w.sinesAt(x), w.cosines(t))
		w.rows[key] = row
	}
	u := 0.0
	for q, s := range w.sinesAt(y) {
		u += s * row[q]
	}
	return u
}

// row sums over p: f_q Σ_p f_p sin(½pπ(x+1)) cos_pq.
func (w *WaveSeries) row(sines, cosines []float64) []float64 {
	row := make([]float64, len(w.f))
	for p, n := range w.limit {
		a, sum := w.f[p]*sines[p], 0.0
		for q, v := range cosines[:min(n, p)] { // pairs (p, q) and (q, p)
			row[q] += a * v
			sum += w.f[q] * sines[q] * v
		}
		if n > p {
			sum += a * cosines[p]
		}
		row[p] += sum
		cosines = cosines[n:]
	}
	for q := range row {
		row[q] *= w.f[q]
	}
	return row
}

func (w *WaveSeries) sinesAt(x float64) []float64 {
	s := w.sines[x]
	if s == nil {
		if len(w.sines)*len(w.f) >= keptNumbers {
			clear(w.sines)
		}
		s = make([]float64, len(w.f))
		for i := range s {
			s[i] = math.Sin(float64(2*i+1) * math.Pi * (x + 1) / 2)
		}
		w.sines[x] = s
	}
	return s
}

func (w *WaveSeries) cosines(t float64) []float64 {
	c := w.times[t]
	if c == nil {
		if len(w.times)*w.pairs >= keptNumbers {
			clear(w.times)
		}
		for p, n := range w.limit {
			for q := range n {
				c = append(c, math.Cos(math.Pi/2*t*math.Hypot(float64(2*p+1), float64(2*q+1))))
			}
		}
		w.times[t] = c
	}
	return c
}
