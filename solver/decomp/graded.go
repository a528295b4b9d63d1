package decomp

import (
	"fmt"
	"math"
)

// Grading draws the centres of an axis together around one place, such as a layer or a shock. Factor 0 is equal spacing; with
// many subdomains the largest spacing is cosh(Factor) times the smallest. The zero value grades nothing.
type Grading struct {
	Towards float64 // where the centres are densest: an end of the axis, or inside it
	Factor  float64 // 0 to MaxGrading
}

// MaxGrading bounds Factor: cosh(20) = 2.4e8, beyond which neighbouring centres drown in rounding.
const MaxGrading = 20

// centres are the images of n >= 2 equally spaced numbers under x(s) = x₀ + c·sinh(s), x₀ = Towards, where
//
//	c = max(x₀ - lo, hi - x₀)/sinh(Factor),   -asinh((x₀ - lo)/c) <= s <= asinh((hi - x₀)/c)
//
// so that s reaches ±Factor at the farther end. One sinh for both sides: the spacing changes smoothly across x₀ wherever it
// lies. For x₀ = 0 on [-1, 1] this is sinh(Factor·ξ)/sinh(Factor).
func (g Grading) centres(axis Axis, n int) ([]float64, error) {
	lo, hi := axis.Lo, axis.Hi
	switch {
	case !(g.Factor >= 0 && g.Factor <= MaxGrading):
		return nil, fmt.Errorf("grading factor %g: give a number from 0 to %d", g.Factor, MaxGrading)
	case !(g.Towards >= lo && g.Towards <= hi):
		return nil, fmt.Errorf("graded towards %g, outside [%g, %g]: give a place in the domain", g.Towards, lo, hi)
	case axis.Periodic:
		return nil, fmt.Errorf("a periodic axis has no ends between which to grade: list its centres instead")
	}
	c := math.Max(g.Towards-lo, hi-g.Towards) / math.Sinh(g.Factor)
	from, to := -math.Asinh((g.Towards-lo)/c), math.Asinh((hi-g.Towards)/c)
	x := make([]float64, n)
	for i := range x {
		x[i] = g.Towards + c*math.Sinh(from+(to-from)*float64(i)/float64(n-1))
	}
	x[0], x[n-1] = lo, hi
	return x, nil
}

// localWidths are the widths of boxes around unequally spaced centres: δ times half the distance between the two neighbouring
// centres. An outer side copies the inner distance; the image of the last neighbour counts on a periodic axis.
//
// Two neighbours at a distance h then share (w_j + w_{j+1})/2 - h. Between the centres of a Grading this is at least (δ-1)h:
// there h_{j-1} + h_{j+1} = 2cosh(Δs)·h_j. Where it is less, at the end of a grading towards the inside or in a list with
// jumps, both boxes are widened by what is missing, and likewise an end box that does not reach the end of the axis by the
// share δ; widened counts these boxes. So neighbours overlap for any δ > 1.
func localWidths(axis Axis, centres []float64, delta float64) (widths []float64, widened int, err error) {
	n := len(centres)
	for i := 1; i < n; i++ {
		if !(centres[i] > centres[i-1]) {
			return nil, 0, fmt.Errorf("centre %g after %g: give the centres in ascending order", centres[i], centres[i-1])
		}
	}
	if !(delta >= 1) || delta == 1 && n > 1 || math.IsInf(delta, 0) {
		return nil, 0, fmt.Errorf("overlap %g leaves gaps: use a finite number above 1", delta)
	}
	ends := func(i int) float64 { // least width that covers what lies beyond the outer centres
		switch {
		case axis.Periodic:
			return 0
		case n == 1:
			return 2 * delta * math.Max(centres[0]-axis.Lo, axis.Hi-centres[0])
		case i == 0:
			return 2 * delta * (centres[0] - axis.Lo)
		case i == n-1:
			return 2 * delta * (axis.Hi - centres[n-1])
		}
		return 0
	}
	if n == 1 {
		if axis.Periodic {
			return []float64{axis.Length()}, 0, nil
		}
		return []float64{ends(0)}, 0, nil
	}
	gap := make([]float64, n+1) // between centres j-1 and j
	for i := 1; i < n; i++ {
		gap[i] = centres[i] - centres[i-1]
	}
	gap[0], gap[n] = gap[1], gap[n-1]
	if axis.Periodic {
		gap[0] = centres[0] + axis.Length() - centres[n-1]
		gap[n] = gap[0]
	}
	plain := make([]float64, n)
	for i := range plain {
		plain[i] = delta * (gap[i] + gap[i+1]) / 2
	}
	widths = append(widths, plain...)
	for i := range widths {
		left, right := plain[max(i-1, 0)], plain[min(i+1, n-1)]
		if axis.Periodic {
			left, right = plain[(i+n-1)%n], plain[(i+1)%n]
		}
		missing := math.Max(delta*gap[i]-(left+plain[i])/2, delta*gap[i+1]-(plain[i]+right)/2)
		widths[i] = math.Max(plain[i]+math.Max(missing, 0), ends(i))
		if widths[i] > plain[i]*(1+1e-12) { // beyond rounding
			widened++
		}
	}
	return widths, widened, nil
}
