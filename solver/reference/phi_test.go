package reference

import (
	"math"
	"math/cmplx"
	"testing"
)

// φ_k from both sides of |z| = 1, where the rule changes, and against values known in closed form.
func TestPhi(t *testing.T) {
	for _, z := range []complex128{0, 1e-8, 0.5, -0.999, 0.7i, 0.9 + 0.3i, 1.001, -1.5, 2i, -40, 30i, -5 + 5i} {
		one, two, three := phi(z)
		// The defining recurrences, free of cancellation in this direction.
		const tolerance = 4e-15 // some roundings
		for _, c := range []struct{ got, want complex128 }{{1 + z*one, cmplx.Exp(z)}, {1 + z*two, one}, {0.5 + z*three, two}} {
			if cmplx.Abs(c.got-c.want) > tolerance*(1+cmplx.Abs(c.want)) {
				t.Errorf("z = %v: %v, want %v", z, c.got, c.want)
			}
		}
	}
	if one, two, three := phi(0); one != 1 || two != 0.5 || math.Abs(real(three)-1./6) > 1e-16 {
		t.Errorf("at 0: %v, %v, %v", one, two, three)
	}
	// The recurrence loses digits towards |z| = 1: 1/z³ of rounding, some 1e-15.
	const seam = 1e-14
	for _, angle := range []float64{0, 1, 2, 3} {
		z := cmplx.Rect(1, angle)
		a1, a2, a3 := phi(z * (1 - 1e-16))
		b1, b2, b3 := phi(z * (1 + 4e-16))
		if d := cmplx.Abs(a1-b1) + cmplx.Abs(a2-b2) + cmplx.Abs(a3-b3); d > seam {
			t.Errorf("jump of %g at %v", d, z)
		}
	}
}

// One component, u' = -u + u²: a Bernoulli equation with u = 1/(1 + (1/u₀ - 1)eᵗ).
func TestETDRK4Order(t *testing.T) {
	s := newETDRK4([]complex128{-1}, func(dst, u []complex128) { dst[0] = u[0] * u[0] })
	var e [2]float64
	for k, n := range []int{20, 40} {
		u := []complex128{0.5}
		for range n {
			s.step(u, 2/float64(n))
		}
		e[k] = math.Abs(real(u[0]) - 1/(1+math.Exp(2)))
	}
	if order := math.Log2(e[0] / e[1]); math.Abs(order-4) > orderSlack {
		t.Errorf("errors %g, %g: order %.3f", e[0], e[1], order)
	}
}
