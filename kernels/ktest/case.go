package ktest

import (
	"fmt"

	"fbpinn-mpi/kernels"
)

// Case is a network and the jets that travel through it.
type Case struct {
	Net  kernels.Net
	Jets kernels.Jets
}

// Name is like "w32/L2/C4/D2/tanh/order2", with what is special behind it.
func (c Case) Name() string {
	w := 0
	for _, h := range c.Net.Hidden {
		w = max(w, h)
	}
	s := fmt.Sprintf("w%d/L%d/C%d/D%d/%s/order%d", w, len(c.Net.Hidden), c.Jets.N(), c.Net.D,
		[]string{"tanh", "sin", "atanh", "asin"}[c.Net.Act], c.Jets.Order())
	if c.Net.Out > 1 {
		s += fmt.Sprintf("/out%d", c.Net.Out)
	}
	if c.Net.Inputs() > c.Net.D {
		s += "/periodic"
	}
	if c.Net.Fourier > 0 {
		s += fmt.Sprintf("/fourier%d", c.Net.Fourier)
	}
	return s
}

// uniform is a network of L equal layers.
func uniform(d, w, depth, out int, act kernels.Activation) kernels.Net {
	n := kernels.Net{D: d, Out: out, Act: act}
	for range depth {
		n.Hidden = append(n.Hidden, w)
	}
	return n
}

// jets names derivatives as strings of coordinates x, y, z, w: "xx", "xy".
func jets(d int, needs ...string) kernels.Jets {
	var ms []kernels.MultiIndex
	for _, s := range needs {
		m := kernels.MultiIndex{}
		for _, r := range s {
			m = m.Plus(map[rune]int{'x': 0, 'y': 1, 'z': 2, 'w': 3}[r])
		}
		ms = append(ms, m)
	}
	return kernels.NewJets(d, ms...)
}

// Cases is a selection in which every width class, depth, number of coordinates and unknowns, jet set, activation and
// embedding occurs, not their product.
func Cases() []Case {
	const tanh, sin, aTanh, aSin = kernels.Tanh, kernels.Sin, kernels.AdaptiveTanh, kernels.AdaptiveSin
	var (
		line     = jets(1, "xx")
		gradient = jets(2, "x", "y")
		burgers  = jets(2, "xx", "y") // u, ux, ut, uxx
		laplace  = jets(2, "xx", "yy")
		hessian  = jets(2, "xx", "xy", "yy")
		kdv      = jets(2, "xxx", "y")
		ks       = jets(2, "xxxx", "y")
		plate    = jets(2, "xxxx", "xxyy", "yyyy")
		hessian3 = jets(3, "xx", "xy", "xz", "yy", "yz", "zz")
		hessian4 = jets(4, "xx", "xy", "xz", "xw", "yy", "yz", "yw", "zz", "zw", "ww")
	)
	cases := []Case{
		{uniform(1, 16, 1, 1, tanh), jets(1)},
		{uniform(2, 32, 2, 1, tanh), jets(2)},
		{uniform(1, 16, 1, 1, tanh), line},
		{uniform(1, 32, 2, 2, tanh), line},
		{uniform(2, 16, 2, 1, tanh), gradient},
		{uniform(3, 16, 2, 2, tanh), jets(3, "x", "y", "z")},
		{uniform(4, 16, 1, 3, sin), jets(4, "x", "y", "z", "w")},

		{uniform(2, 16, 1, 1, tanh), laplace}, // the paper's 2-16-1
		{uniform(2, 16, 1, 1, sin), laplace},
		{uniform(2, 16, 1, 2, tanh), burgers},
		{uniform(2, 1, 1, 1, tanh), laplace},
		{uniform(2, 5, 1, 1, tanh), laplace},
		{uniform(2, 17, 2, 1, tanh), laplace},
		{uniform(2, 16, 2, 1, tanh), laplace},
		{uniform(2, 32, 2, 3, tanh), laplace},
		{uniform(2, 64, 2, 1, sin), laplace},
		{uniform(2, 16, 2, 1, tanh), burgers},
		{uniform(2, 32, 2, 1, tanh), burgers},
		{uniform(2, 32, 4, 1, sin), burgers},
		{uniform(2, 64, 2, 2, tanh), burgers},
		{uniform(2, 128, 2, 1, tanh), burgers},
		{uniform(2, 256, 1, 1, tanh), burgers},
		{uniform(2, 256, 2, 1, tanh), gradient},
		{uniform(2, 16, 8, 1, tanh), burgers},
		{kernels.Net{D: 2, Hidden: []int{5, 17, 3}, Out: 2, Act: tanh}, burgers},
		{kernels.Net{D: 2, Hidden: []int{64, 16, 33, 32}, Out: 1, Act: sin}, laplace},
		{uniform(2, 16, 2, 1, tanh), hessian},
		{uniform(3, 16, 2, 1, tanh), hessian3},
		{uniform(3, 32, 1, 1, tanh), hessian3},
		{uniform(4, 16, 2, 1, sin), hessian4},

		{uniform(2, 32, 3, 1, tanh), kdv},
		{uniform(2, 16, 2, 1, sin), ks},
		{uniform(2, 16, 2, 1, tanh), plate},
		{uniform(3, 1, 1, 1, tanh), jets(3, "xyz")},
		{uniform(2, 17, 1, 2, tanh), kdv},
		{uniform(1, 20, 1, 1, sin), jets(1, "xxxx")},
		{uniform(4, 5, 2, 1, tanh), jets(4, "xyzw", "xxww")},

		{uniform(2, 16, 1, 1, aTanh), laplace},
		{uniform(2, 16, 2, 1, aTanh), burgers},
		{uniform(2, 32, 2, 2, aSin), laplace},
		{uniform(2, 5, 2, 1, aTanh), plate},
		{uniform(2, 5, 2, 1, aSin), ks},
		{uniform(1, 64, 1, 1, aSin), jets(1)},
		{uniform(2, 5, 1, 1, aSin), ks},
	}
	periodic := uniform(1, 16, 2, 1, tanh)
	periodic.Periodic[0] = true
	periodic2 := uniform(2, 32, 2, 1, tanh)
	periodic2.Periodic[0] = true
	torus := uniform(2, 17, 1, 1, aSin)
	torus.Periodic = [kernels.MaxD]bool{true, true}
	fourier := uniform(2, 16, 2, 1, tanh)
	fourier.Fourier = 6
	both := uniform(2, 16, 1, 2, tanh)
	both.Fourier, both.Periodic[1] = 5, true
	return append(cases,
		Case{periodic, jets(1, "xxxx")},
		Case{periodic2, burgers},
		Case{torus, plate},
		Case{fourier, laplace},
		Case{both, hessian},
	)
}
