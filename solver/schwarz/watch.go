package schwarz

import (
	"math"

	"fbpinn-mpi/kernels/dense"
)

// watch decides when to stop. gᵀMg is ‖B(y - y*)‖² if M is N⁻¹, and within the condition of M N else: the part of the residual that is
// yet to go. It is small enough when it is a small share of what stays, ‖r‖ (Paige & Saunders, ACM TOMS 8 (1982) 43, stopping rule 2).
// In exact arithmetic it falls to zero; here it falls until rounding of r and Bᵀr feeds it, after which more iterations only add
// that rounding to y.
type watch struct {
	patience int     // iterations without a notable new least that are a stall, above rounding
	best     float64 // least √(gᵀMg) so far, relative to the reference
	since    int     // iterations without a notable new least
}

// How a stall is told. A new least counts if it is below half of the last one. The gradient of the preconditioned method rests while it
// finds the outliers of the spectrum, and halves in some √condition/3 iterations after that: up to 75 were seen at a condition of 2e4
// (NOTES.md, "Patience"). The factor of a single rank leaves no outliers: what rests there is rounding of the factor. Near rounding it
// does not rest.
const (
	notable        = 0.5
	nearRounding   = 1e-11
	rounding       = 1e-16
	nearPatience   = 3   // near rounding
	directPatience = 40  // above it, one rank
	longPatience   = 150 // above it, patches
)

// judge takes gᵀMg and ‖r‖² + ν‖y‖²; reference is gᵀMg at y = 0.
func (w *watch) judge(gu, rr, reference float64, set Settings, iteration int) (Status, bool) {
	if reference == 0 || gu == 0 {
		return Converged, true // b is orthogonal to all columns, or the coarse space has the solution
	}
	if !(gu > 0) || math.IsInf(gu, 0) {
		return w.atRounding(Stagnated), true
	}
	relative := math.Sqrt(gu / reference)
	if iteration == 0 || relative < notable*w.best {
		w.since = 0
		w.best = relative
	} else {
		w.since++
	}
	limit := w.patience
	if w.best < nearRounding {
		limit = nearPatience
	}
	switch {
	case gu <= set.Tolerance*set.Tolerance*rr || relative <= rounding:
		return Converged, true
	case w.since >= limit:
		return w.atRounding(Stagnated), true
	case iteration >= set.MaxIterations:
		return OutOfIterations, true
	}
	return OutOfIterations, false
}

// atRounding is Converged where the gradient has come down to rounding, and else what is given.
func (w *watch) atRounding(otherwise Status) Status {
	if w.best < nearRounding && w.best > 0 {
		return Converged
	}
	return otherwise
}

// tridiagonal is the matrix of the Lanczos process that conjugate gradients carry out (Golub & Van Loan 2013, section 11.3): its extreme
// eigenvalues approach those of M N.
type tridiagonal struct{ diagonal, off []float64 }

// add takes the step: alphaOld of the iteration before, beta that led to this direction, alpha of this iteration.
func (t *tridiagonal) add(alphaOld, beta, alpha float64) {
	d := 1 / alpha
	if len(t.diagonal) > 0 {
		d += max(beta, 0) / alphaOld
		t.off = append(t.off, math.Sqrt(max(beta, 0))/alphaOld)
	}
	t.diagonal = append(t.diagonal, d)
}

// condition is the ratio of the extreme eigenvalues.
func (t *tridiagonal) condition(s *Solver) float64 {
	n := len(t.diagonal)
	if n < 2 {
		return 0
	}
	a, values := dense.NewMatrix(n, n), make([]float64, n)
	for i, x := range t.diagonal {
		a.Set(i, i, x)
		if i > 0 {
			a.Set(i, i-1, t.off[i-1])
		}
	}
	if err := s.lib.Syevd(dense.Lower, a, values, false, &s.workers[0].lapack); err != nil || !(values[0] > 0) {
		return 0
	}
	return values[n-1] / values[0]
}
