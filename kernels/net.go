package kernels

// Activation is the function of the hidden layers (docs/theory.md, section 5).
type Activation int

const (
	Tanh         Activation = iota // tanh z
	Sin                            // sin z (SIREN without the factor 30)
	AdaptiveTanh                   // a·tanh(z/a), a trained per neuron
	AdaptiveSin                    // c·sin(o·z), c and o trained per neuron
)

// Slopes is the number of trained activation parameters of a neuron.
func (a Activation) Slopes() int {
	switch a {
	case AdaptiveTanh:
		return 1
	case AdaptiveSin:
		return 2
	}
	return 0
}

// Limits of a network; wider or deeper jobs are rejected before anything starts.
const (
	MaxWidth = 256
	MaxDepth = 8
)

// Net is the shape shared by all networks of a level: inputs x̂ [D], optional periodic embedding, optional frozen Fourier
// features, hidden layers, linear output.
type Net struct {
	D        int
	Periodic [MaxD]bool // axes that enter as the pair sin(π x̂), cos(π x̂): a one-subdomain level on a periodic axis
	Fourier  int        // n_F rows of frozen features; the inputs v become [sin F v, cos F v]; 0 = none
	Hidden   []int      // widths
	Out      int        // n_u
	Act      Activation
}

// Inputs is the number of values that leave the (periodic) embedding: in coordinate order, x̂_a, or sin, cos of π x̂_a.
func (n Net) Inputs() int {
	k := n.D
	for a := 0; a < n.D; a++ {
		if n.Periodic[a] {
			k++
		}
	}
	return k
}

// Plain reports whether x̂ itself enters the first layer.
func (n Net) Plain() bool { return n.Fourier == 0 && n.Inputs() == n.D }

// Layer gives the place of one affine layer in the parameters of a subdomain: W [Out][In] row-major at W, b [Out] at B, and
// for adaptive activations Slope [Slopes][Out] at Slope (a, or c then o). The last layer has no activation.
type Layer struct{ In, Out, W, B, Slope int }

// Layers lists the affine layers, first to last. Parameters of a subdomain lie as F [Fourier][Inputs] (frozen), then layer by
// layer W, b, slopes.
func (n Net) Layers() []Layer {
	in, at := n.Inputs(), 0
	if n.Fourier > 0 {
		at = n.Fourier * in
		in = 2 * n.Fourier
	}
	var ls []Layer
	for _, w := range append(append([]int{}, n.Hidden...), n.Out) {
		l := Layer{In: in, Out: w, W: at, B: at + w*in}
		at = l.B + w
		l.Slope = at
		if len(ls) < len(n.Hidden) {
			at += n.Act.Slopes() * w
		}
		ls = append(ls, l)
		in = w
	}
	return ls
}

// Frozen is the number of leading parameters that training never moves.
func (n Net) Frozen() int {
	if n.Fourier == 0 {
		return 0
	}
	return n.Fourier * n.Inputs()
}

// Params is P, the number of parameters of one subdomain, frozen ones included.
func (n Net) Params() int {
	ls := n.Layers()
	l := ls[len(ls)-1]
	return l.B + l.Out
}
