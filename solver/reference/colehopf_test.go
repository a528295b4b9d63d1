package reference

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"fbpinn-mpi/io/h5"
)

// Tolerances of the Cole-Hopf integral.
const (
	// rounding: the exponents reach 1/(πν) (100 at ν = 0.01/π, 1000 at a tenth of it), so that exp loses as many units of 2e-16,
	// and the front multiplies an error of x by its slope (150 and 1500).
	rounding = 1e-11
	// tableFloor is the distance of the published table from Cole-Hopf (relative L2 2.9e-12, largest difference 4.2e-11).
	tableFloor, tableMax = 4e-12, 6e-11
)

func TestColeHopfSymmetryAndLimits(t *testing.T) {
	for _, nu := range []float64{0.01 / math.Pi, 0.001 / math.Pi, 0.1} {
		for _, time := range []float64{0, 1e-8, 0.1, 0.4, 1} {
			for _, x := range []float64{0, 0.01, 0.2, 0.5, 0.77, 1} {
				a, b := ColeHopf(x, time, nu), ColeHopf(-x, time, nu)
				if math.Abs(a+b) > rounding {
					t.Errorf("nu %g: u(%g, %g) = %g, u(-x) = %g: not odd", nu, x, time, a, b)
				}
				if c := ColeHopf(x+2, time, nu); math.Abs(c-a) > rounding {
					t.Errorf("nu %g: u(%g, %g) = %g, two periods on %g", nu, x, time, a, c)
				}
			}
			for _, x := range []float64{-1, 0, 1} {
				if u := ColeHopf(x, time, nu); math.Abs(u) > rounding {
					t.Errorf("nu %g: u(%g, %g) = %g, want 0", nu, x, time, u)
				}
			}
		}
		// u = u0 + t·u_t + O(t²) with |u_t| < 4.
		const small = 1e-6
		for _, x := range []float64{-0.9, -0.3, 0.2, 0.6} {
			u0 := -math.Sin(math.Pi * x)
			slope := math.Pi*math.Sin(math.Pi*x)*math.Cos(math.Pi*x)*-1 + nu*math.Pi*math.Pi*math.Sin(math.Pi*x)
			if u := ColeHopf(x, small, nu); math.Abs(u-u0-small*slope) > 1e-10 {
				t.Errorf("nu %g: u(%g, %g) - u0 = %g, want %g", nu, x, small, u-u0, small*slope)
			}
			if ColeHopf(x, 0, nu) != u0 {
				t.Errorf("u(%g, 0) is not the initial value", x)
			}
		}
	}
}

// The residual by differences of fourth order; ν is so large that their own error is known.
func TestColeHopfSolvesBurgers(t *testing.T) {
	const nu, h = 0.05, 2e-3
	u := func(x, t float64) float64 { return ColeHopf(x, t, nu) }
	d1 := func(f func(float64) float64) float64 { return (8*(f(h)-f(-h)) - f(2*h) + f(-2*h)) / (12 * h) }
	for _, x := range []float64{-0.8, -0.4, -0.05, 0.02, 0.3, 0.7} {
		for _, time := range []float64{0.1, 0.3, 0.6, 0.95} {
			ut := d1(func(s float64) float64 { return u(x, time+s) })
			ux := d1(func(s float64) float64 { return u(x+s, time) })
			uxx := (16*(u(x+h, time)+u(x-h, time)) - u(x+2*h, time) - u(x-2*h, time) - 30*u(x, time)) / (12 * h * h)
			// h⁴/30 · u⁽⁵⁾ with u⁽⁵⁾ < 1e7 at the front of slope 10, rounding 1e-14/h² below it.
			const tolerance = 1e-5
			if r := ut + u(x, time)*ux - nu*uxx; math.Abs(r) > tolerance {
				t.Errorf("residual %g at x = %g, t = %g (u_t %g)", r, x, time, ut)
			}
		}
	}
}

// finest is the integral with a step and a range that leave nothing to gain, summed with compensation.
func finest(x, t, nu float64) float64 {
	scale, strength := math.Sqrt(4*nu*t), 1/(2*math.Pi*nu)
	h, reach := 1/(10*math.Sqrt(2+2*math.Pi*t)), math.Sqrt(2*strength+60)
	top := math.Inf(-1)
	n := int(reach / h)
	exponent := func(z float64) float64 { return -strength*math.Cos(math.Pi*(x-z*scale)) - z*z }
	for k := -n; k <= n; k++ {
		top = math.Max(top, exponent((float64(k)+0.37)*h))
	}
	var above, below, lostAbove, lostBelow float64
	add := func(sum, lost *float64, v float64) {
		y := v - *lost
		s := *sum + y
		*lost = (s - *sum) - y
		*sum = s
	}
	for k := -n; k <= n; k++ {
		z := (float64(k) + 0.37) * h // nodes other than ColeHopf's
		e := math.Exp(exponent(z) - top)
		add(&above, &lostAbove, math.Sin(math.Pi*(x-z*scale))*e)
		add(&below, &lostBelow, e)
	}
	return -above / below
}

func TestColeHopfConverged(t *testing.T) {
	for _, nu := range []float64{0.01 / math.Pi, 0.001 / math.Pi} {
		worst := 0.0
		for _, time := range []float64{0.001, 0.1, 1 / math.Pi, 0.5, 1} {
			for x := -0.99; x < 1; x += 0.0317 {
				worst = math.Max(worst, math.Abs(ColeHopf(x, time, nu)-finest(x, time, nu)))
			}
			for _, x := range []float64{-1e-3, 1e-4, 5e-3} { // inside the front
				worst = math.Max(worst, math.Abs(ColeHopf(x, time, nu)-finest(x, time, nu)))
			}
		}
		t.Logf("nu = %.4g: largest difference %.2g", nu, worst)
		if worst > rounding {
			t.Errorf("nu = %g: largest difference %g", nu, worst)
		}
	}
}

// reference data: FBPINN_DATA, or beside the repository.
func data(t *testing.T, name string) string {
	folder := os.Getenv("FBPINN_DATA")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "shared", "data")
	}
	path := filepath.Join(folder, name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no reference data: %v (set FBPINN_DATA to their folder)", err)
	}
	return path
}

func TestColeHopfAgainstPublishedTable(t *testing.T) {
	f, err := h5.Open(data(t, "burgers_shock.h5"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	column := func(name string) ([]float64, []int) {
		v, dims, err := h5.Read[float64](f, "/"+name)
		if err != nil {
			t.Fatal(err)
		}
		return v, dims
	}
	x, _ := column("x")
	times, _ := column("t")
	u, dims := column("u")
	if len(dims) != 2 || dims[0] != len(times) || dims[1] != len(x) || len(x) < 100 {
		t.Fatalf("u has shape %v for %d times and %d places", dims, len(times), len(x))
	}
	var difference, norm, worst float64
	for i, time := range times {
		for j := range x {
			e := u[i*len(x)+j] - ColeHopf(x[j], time, 0.01/math.Pi)
			difference += e * e
			norm += u[i*len(x)+j] * u[i*len(x)+j]
			worst = math.Max(worst, math.Abs(e))
		}
	}
	relative := math.Sqrt(difference / norm)
	t.Logf("relative L2 %.2g, largest difference %.2g", relative, worst)
	if relative > tableFloor || worst > tableMax || norm == 0 {
		t.Errorf("relative L2 %g, largest difference %g", relative, worst)
	}
}

func BenchmarkColeHopf(b *testing.B) {
	for b.Loop() {
		ColeHopf(0.3, 0.7, 0.01/math.Pi)
	}
}
