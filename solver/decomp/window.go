package decomp

import (
	"fmt"
	"math"
	"strings"
)

// Window names the function g of one axis (docs/theory.md, section 4).
type Window int

const (
	Cosine   Window = iota // cos⁴(πz/2): C³; the fourth derivative jumps by 1.5π⁴ at the edge
	Bump                   // exp(3/(z²-1.001)+3), cut at abs(z) = 1
	Wendland               // (1-ρ)⁴(4ρ+1), ρ = abs(z): C²; the third derivative jumps by 240 at the centre
	Gaussian               // exp(-8z²), cut by the box only
	Sigmoid                // product of two logistic functions that fall to 1e-8 at the box's ends
	Core2023               // logistic functions on the core's edges, not divided by their sum (Moseley et al. 2023)
)

var windowNames = [...]string{"cosine", "bump", "wendland", "gaussian", "sigmoid", "window2023"}

func (w Window) String() string {
	if w < 0 || int(w) >= len(windowNames) {
		return fmt.Sprintf("window(%d)", int(w))
	}
	return windowNames[w]
}

// WindowNames lists what ParseWindow accepts.
func WindowNames() []string { return append([]string{}, windowNames[:]...) }

// ParseWindow returns the window of that name.
func ParseWindow(name string) (Window, error) {
	for w, n := range windowNames {
		if n == name {
			return Window(w), nil
		}
	}
	return 0, fmt.Errorf("unknown window %q: use one of %s", name, strings.Join(windowNames[:], ", "))
}

// compact windows vanish at the ends of the box, so boxes that merely touch leave a hole there.
func (w Window) compact() bool { return w == Cosine || w == Bump || w == Wendland }

// derivatives of a function of one coordinate, orders 0..4.
type jet [5]float64

const (
	sigmoidReach = 18.420680733952366 // t = ln((1-tol)/tol): a logistic factor is tol = 1e-8 at the end of the box
	coreScale    = 0.05               // Core2023: scale of the logistic function over the overlap width
	coreFloor    = 1e-10              // Core2023: smallest value of a factor
)

// eval writes the derivatives in x of g at x, which must lie in the box.
func (w Window) eval(iv *interval, x float64, out *jet) {
	switch w {
	case Sigmoid:
		p, q := 2*sigmoidReach/iv.left, 2*sigmoidReach/iv.right // 1/s₁, 1/s₂
		a := logistic((x-iv.lo-iv.left/2)*p, p)
		b := logistic((iv.hi-iv.right/2-x)*q, -q)
		multiply(&a, &b, out)
	case Core2023:
		a, b := jet{1}, jet{1}
		if !iv.noLeft {
			a = logistic((x-iv.lo-iv.left/2)/(coreScale*iv.left), 1/(coreScale*iv.left))
		}
		if !iv.noRight {
			b = logistic((iv.hi-iv.right/2-x)/(coreScale*iv.right), -1/(coreScale*iv.right))
		}
		for _, f := range []*jet{&a, &b} {
			if f[0] < coreFloor {
				*f = jet{coreFloor}
			}
		}
		multiply(&a, &b, out)
	default:
		w.standard((x-iv.centre)/iv.half, out)
		scale := 1.0
		for n := 1; n < len(out); n++ {
			scale /= iv.half
			out[n] *= scale
		}
	}
}

// standard writes the derivatives in z of the windows that are functions of z = (x-centre)/half alone.
func (w Window) standard(z float64, out *jet) {
	if math.Abs(z) > 1 && w != Gaussian { // a closed inside test lets rounding through
		*out = jet{}
		return
	}
	switch w {
	case Cosine: // in powers of cos(πz/2), which keeps relative accuracy at the ends, unlike 1+cos πz
		s, c := math.Sincos(math.Pi / 2 * z)
		p, c2 := math.Pi, c*c
		*out = jet{
			c2 * c2,
			-2 * p * c2 * c * s,
			p * p * c2 * (3 - 4*c2),
			p * p * p * c * s * (8*c2 - 3),
			p * p * p * p * (4*c2*(c2-3*s*s) - 1.5*(c2-s*s)),
		}
	case Bump: // Faà di Bruno's formula for exp(e), e = 3/q+3
		q := z*z - 1.001
		r := 1 / q
		r2 := r * r
		z2 := z * z
		e1 := -6 * z * r2
		e2 := r2 * (-6 + 24*z2*r)
		e3 := z * r2 * r * (72 - 144*z2*r)
		e4 := r2 * r * (72 - 864*z2*r + 1152*z2*z2*r2)
		g := math.Exp(3*r + 3)
		*out = jet{
			g,
			g * e1,
			g * (e2 + e1*e1),
			g * (e3 + 3*e1*e2 + e1*e1*e1),
			g * (e4 + 4*e1*e3 + 3*e2*e2 + 6*e1*e1*e2 + e1*e1*e1*e1),
		}
	case Wendland:
		rho := math.Abs(z)
		m := 1 - rho
		sign := 0.0
		if z != 0 {
			sign = math.Copysign(1, z)
		}
		*out = jet{
			m * m * m * m * (4*rho + 1),
			-20 * z * m * m * m,
			-20 * m * m * (1 - 4*rho),
			sign * 120 * m * (1 - 2*rho),
			120 * (4*rho - 3),
		}
	case Gaussian:
		g, z2 := math.Exp(-8*z*z), z*z
		*out = jet{
			g,
			-16 * z * g,
			(256*z2 - 16) * g,
			z * (768 - 4096*z2) * g,
			(65536*z2*z2 - 24576*z2 + 768) * g,
		}
	default:
		panic("decomp: unknown window")
	}
}

// logistic returns the derivatives in x of 1/(1+exp(-y)), where dy/dx = slope.
func logistic(y, slope float64) jet {
	a, b := 1/(1+math.Exp(-y)), 1/(1+math.Exp(y)) // b = 1-a without cancellation
	e := a * b
	m := b - a
	s2 := slope * slope
	return jet{a, slope * e, s2 * e * m, s2 * slope * e * (1 - 6*e), s2 * s2 * e * m * (1 - 12*e)}
}

// binomial coefficients to order 4.
var binomial = [5][5]float64{{1}, {1, 1}, {1, 2, 1}, {1, 3, 3, 1}, {1, 4, 6, 4, 1}}

// multiply writes the derivatives of f·g: (fg)⁽ⁿ⁾ = Σ_k binom(n,k) f⁽ᵏ⁾ g⁽ⁿ⁻ᵏ⁾.
func multiply(f, g, out *jet) {
	for n := range out {
		s := 0.0
		for k := 0; k <= n; k++ {
			s += binomial[n][k] * f[k] * g[n-k]
		}
		out[n] = s
	}
}

// divide writes the derivatives of f/s: q⁽ⁿ⁾ = (f⁽ⁿ⁾ - Σ_{k<n} binom(n,k) q⁽ᵏ⁾ s⁽ⁿ⁻ᵏ⁾)/s.
func divide(f, s, out *jet) {
	for n := range out {
		q := f[n]
		for k := 0; k < n; k++ {
			q -= binomial[n][k] * out[k] * s[n-k]
		}
		out[n] = q / s[0]
	}
}
