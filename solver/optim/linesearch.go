package optim

import "math"

// Strong Wolfe line search along φ(t) = f(θ + t d): Nocedal & Wright, Numerical Optimization (2006), Algorithms 3.5 (bracket)
// and 3.6 (zoom), with the cubic of Eq. (3.59).
//
// It is written as a machine that is told φ and φ' and says where to look next, because every evaluation is one distributed
// step. It decides from reduced numbers only, so all ranks take the same path.
type lineSearch struct {
	c1, c2 float64
	phi0   point // at t = 0

	zooming  bool
	lo, hi   point // zoom: lo satisfies sufficient decrease with the least value so far; the interval holds a Wolfe point
	previous point // bracket: the trial before
	settling bool  // out of trials: the next point is lo once more, to be accepted
	trials   int
	most     int
}

// point is a trial: step length, value, slope.
type point struct{ t, f, g float64 }

// verdict of a trial.
type verdict int

const (
	tryNext verdict = iota
	accept
	giveUp
)

const (
	// A step grows at most tenfold at once, so that one flat place does not throw θ out of the range of the networks.
	growth = 10
	// Interpolated steps keep this share of the interval away from its ends, else zoom can stall against one of them.
	margin = 0.1
	// An interval this small against its end carries no information in float64.
	narrow = 1e-14
)

func newLineSearch(c1, c2 float64, phi0 point, most int) lineSearch {
	return lineSearch{c1: c1, c2: c2, phi0: phi0, previous: phi0, most: most}
}

// next takes the result p of a trial and returns the next step length where the verdict is tryNext.
func (s *lineSearch) next(p point) (t float64, v verdict) {
	s.trials++
	bad := math.IsNaN(p.f) || math.IsInf(p.f, 0) || math.IsNaN(p.g) || math.IsInf(p.g, 0)
	if !bad && (s.settling || s.wolfe(p)) {
		return 0, accept
	}
	if s.settling || s.trials >= s.most {
		return s.settle()
	}
	switch {
	case bad: // beyond the domain of f: an end of the bracket that interpolation must not use
		p.f, p.g = math.Inf(1), math.NaN()
		if s.zooming {
			s.hi = p
		} else {
			s.bracket(s.previous, p)
		}
	case s.zooming:
		s.narrow(p)
	case !s.decreases(p) || (s.trials > 1 && p.f >= s.previous.f):
		s.bracket(s.previous, p)
	case p.g >= 0:
		s.bracket(p, s.previous)
	default: // still falling: go further
		t = s.extrapolate(p)
		s.previous = p
		return t, tryNext
	}
	if math.Abs(s.hi.t-s.lo.t) <= narrow*math.Max(s.hi.t, s.lo.t) {
		return s.settle()
	}
	return s.inside(), tryNext
}

// settle ends a search that found no Wolfe point: near the limit of rounding, values still fall where slopes are noise. The best
// point with sufficient decrease is evaluated again, since the objective's gradient is that of the last trial.
func (s *lineSearch) settle() (t float64, v verdict) {
	if s.settling || !s.zooming || s.lo.t == 0 || !(s.lo.f < s.phi0.f) {
		return 0, giveUp
	}
	s.settling = true
	return s.lo.t, tryNext
}

// wolfe reports the strong Wolfe conditions, Eq. (3.7).
func (s *lineSearch) wolfe(p point) bool {
	return s.decreases(p) && math.Abs(p.g) <= -s.c2*s.phi0.g
}

func (s *lineSearch) decreases(p point) bool {
	return p.f <= s.phi0.f+s.c1*p.t*s.phi0.g
}

func (s *lineSearch) bracket(lo, hi point) { s.lo, s.hi, s.zooming = lo, hi, true }

// narrow is the body of Algorithm 3.6.
func (s *lineSearch) narrow(p point) {
	switch {
	case !s.decreases(p) || p.f >= s.lo.f:
		s.hi = p
	default:
		if p.g*(s.hi.t-s.lo.t) >= 0 {
			s.hi = s.lo
		}
		s.lo = p
	}
}

// inside is the next trial within the interval.
func (s *lineSearch) inside() float64 {
	a, b := math.Min(s.lo.t, s.hi.t), math.Max(s.lo.t, s.hi.t)
	t := cubic(s.lo, s.hi)
	if !(t >= a && t <= b) { // also NaN
		return a + (b-a)/2
	}
	w := margin * (b - a)
	return math.Min(math.Max(t, a+w), b-w)
}

func (s *lineSearch) extrapolate(p point) float64 {
	t := cubic(s.previous, p)
	if !(t > p.t) {
		t = 2 * p.t
	}
	return math.Min(math.Max(t, 1.1*p.t), growth*p.t)
}

// cubic is the minimiser of the cubic through two values and slopes, Eq. (3.59); NaN where there is none.
func cubic(p, q point) float64 {
	d1 := p.g + q.g - 3*(p.f-q.f)/(p.t-q.t)
	d2 := math.Copysign(math.Sqrt(d1*d1-p.g*q.g), q.t-p.t)
	return q.t - (q.t-p.t)*(q.g+d2-d1)/(q.g-p.g+2*d2)
}
