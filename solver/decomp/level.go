package decomp

import (
	"fmt"
	"math"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/solver/region"
)

// MaxD is the largest number of axes.
const MaxD = kernels.MaxD

// Box is a subdomain given by hand.
type Box struct{ Centre, Width []float64 }

// LevelSpec says how to make a level. Either Counts and Overlap, or Centres and Widths per axis (an axis whose list of centres
// is empty falls back on its count, one without widths on the overlap), or Free boxes.
type LevelSpec struct {
	Counts  []int       // subdomains per axis
	Overlap []float64   // δ per axis, or one number for all; above 1, or from 1 on where there is one subdomain
	Graded  []Grading   // per axis; nil: equal spacing on all
	Centres [][]float64 // per axis, ascending
	Widths  [][]float64 // per axis, as many as centres
	Free    []Box
	Window  Window
}

// Level is a set of subdomains that cover the domain, and their partition of unity. It does not change after New.
type Level struct {
	axes   []Axis
	window Window
	l      int    // from 1, for messages
	lines  []line // tensor level: one per axis; nil for a free level
	free   *cloud // free level
	n      int
	stride [MaxD]int // t = Σ_a stride[a]·j_a, row-major

	// Where subdomains were dropped: the number j of each element t of the whole tensor, -1 if it is gone, and t of each j.
	// Nil where j = t.
	number, tensor []int32
}

// Decomposition is the domain with its levels, coarse to fine.
type Decomposition struct {
	Axes   []Axis
	Levels []*Level
	Region *region.Region // what is left of the box of the axes; nil: all
}

// New makes the levels and checks that each of them covers the domain. Where boxes are removed from it, tensor levels lose the
// subdomains whose centres lie there (see thin), and free ones need not cover them; whether what is left still covers the
// points is for Covers to say.
func New(axes []Axis, specs []LevelSpec, removed ...region.Box) (*Decomposition, error) {
	if len(axes) < 1 || len(axes) > MaxD {
		return nil, fmt.Errorf("%d axes: the domain needs 1 to %d", len(axes), MaxD)
	}
	for _, a := range axes {
		if !(a.Lo < a.Hi) || math.IsInf(a.Lo, 0) || math.IsInf(a.Hi, 0) {
			return nil, fmt.Errorf("axis %s: empty domain [%g, %g]: give two finite numbers, the smaller one first", a.Name, a.Lo, a.Hi)
		}
	}
	if len(specs) == 0 {
		return nil, fmt.Errorf("no levels: give at least one, e.g. one subdomain per axis")
	}
	dec := &Decomposition{Axes: append([]Axis{}, axes...)}
	var lo, hi []float64
	var periodic []bool
	for _, a := range axes {
		lo, hi, periodic = append(lo, a.Lo), append(hi, a.Hi), append(periodic, a.Periodic)
	}
	dec.Region = region.New(lo, hi, periodic, removed)
	for k, spec := range specs {
		l := &Level{axes: dec.Axes, window: spec.Window, l: k + 1}
		var err error
		switch {
		case spec.Window < 0 || int(spec.Window) >= len(windowNames):
			panic("decomp: unknown window")
		case len(spec.Free) > 0:
			err = l.setFree(spec, removed)
		default:
			if err = l.setTensor(spec); err == nil {
				err = l.thin(dec.Region)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("level %d: %w", k+1, err)
		}
		dec.Levels = append(dec.Levels, l)
	}
	return dec, nil
}

func (l *Level) setTensor(spec LevelSpec) error {
	d := len(l.axes)
	total := 1
	for a, axis := range l.axes {
		centres, widths, widened, err := spec.axis(a, d, axis)
		if err == nil {
			var ln *line
			if ln, err = newLine(axis, spec.Window, centres, widths); err == nil {
				ln.widened = widened
				l.lines = append(l.lines, *ln)
				if total > math.MaxInt32/len(centres) {
					err = fmt.Errorf("more than %d subdomains", math.MaxInt32)
				}
				total *= len(centres)
			}
		}
		if err != nil {
			return fmt.Errorf("axis %s: %w", axis.Name, err)
		}
	}
	l.n = total
	for a := d - 1; a >= 0; a-- {
		l.stride[a] = 1
		if a < d-1 {
			l.stride[a] = l.stride[a+1] * len(l.lines[a+1].box)
		}
	}
	return nil
}

// axis returns centres and widths of the boxes along axis a (docs/theory.md, section 3): J equally spaced or graded centres, the
// first and last on the ends of the domain; on a periodic axis J equal cells instead; or the centres that are listed. A box of a
// periodic axis never exceeds the period, whatever δ. widened counts the boxes that the rule of localWidths had to widen.
func (s LevelSpec) axis(a, d int, axis Axis) (centres, widths []float64, widened int, err error) {
	listed := a < len(s.Centres) && len(s.Centres[a]) > 0
	if listed && a < len(s.Widths) && len(s.Widths[a]) > 0 {
		if len(s.Widths[a]) != len(s.Centres[a]) {
			return nil, nil, 0, fmt.Errorf("%d centres need as many widths", len(s.Centres[a]))
		}
		return s.Centres[a], s.Widths[a], 0, nil
	}
	n := 0
	if listed {
		n = len(s.Centres[a])
	} else if len(s.Counts) != d {
		return nil, nil, 0, fmt.Errorf("%d subdomain counts for %d axes: give one count per axis", len(s.Counts), d)
	} else if n = s.Counts[a]; n < 1 {
		return nil, nil, 0, fmt.Errorf("%d subdomains: give at least 1", n)
	}
	var delta float64
	switch {
	case len(s.Overlap) == 1:
		delta = s.Overlap[0]
	case len(s.Overlap) == d:
		delta = s.Overlap[a]
	default:
		return nil, nil, 0, fmt.Errorf("%d overlaps for %d axes: give one for all or one per axis", len(s.Overlap), d)
	}
	if math.IsNaN(delta) || math.IsInf(delta, 0) {
		return nil, nil, 0, fmt.Errorf("overlap %g: give a finite number above 1", delta)
	}
	if listed {
		widths, widened, err = localWidths(axis, s.Centres[a], delta)
		return s.Centres[a], widths, widened, err
	}
	size := axis.Length()
	if n == 1 {
		if delta < 1 {
			return nil, nil, 0, fmt.Errorf("overlap %g leaves the ends of [%g, %g] uncovered: a single subdomain needs 1 or more",
				delta, axis.Lo, axis.Hi)
		}
		return []float64{axis.Lo + size/2}, []float64{delta * size}, 0, nil
	}
	if a < len(s.Graded) && s.Graded[a].Factor != 0 {
		if centres, err = s.Graded[a].centres(axis, n); err == nil {
			widths, widened, err = localWidths(axis, centres, delta)
		}
		return centres, widths, widened, err
	}
	h := size / float64(n-1)
	first := axis.Lo
	if axis.Periodic {
		h = size / float64(n)
		first += h / 2
	}
	if delta <= 1 {
		lo := first + delta*h/2
		return nil, nil, 0, fmt.Errorf("overlap %g leaves gaps: %d subdomains of width %.6g at a spacing of %.6g do not cover (%.6g, %.6g): use an overlap above 1",
			delta, n, delta*h, h, lo, first+h-delta*h/2)
	}
	for i := 0; i < n; i++ {
		centres = append(centres, first+float64(i)*h)
		widths = append(widths, delta*h)
	}
	if !axis.Periodic {
		centres[n-1] = axis.Hi
	}
	return centres, widths, 0, nil
}

// newLine builds one axis from its boxes and refuses gaps.
func newLine(axis Axis, window Window, centres, widths []float64) (*line, error) {
	n := len(centres)
	ln := &line{axis: axis, window: window, lone: n == 1}
	period := axis.Length()
	for i, c := range centres {
		w := widths[i]
		if !(w > 0) || math.IsInf(w, 0) || math.IsNaN(c) || math.IsInf(c, 0) {
			return nil, fmt.Errorf("subdomain %d has centre %g and width %g: give finite numbers and a positive width", i+1, c, w)
		}
		if i > 0 && c <= centres[i-1] {
			return nil, fmt.Errorf("centre %g after %g: give the centres in ascending order", c, centres[i-1])
		}
		if axis.Periodic {
			if c < axis.Lo || c >= axis.Hi {
				return nil, fmt.Errorf("centre %g outside the period [%g, %g): give centres inside it", c, axis.Lo, axis.Hi)
			}
			w = math.Min(w, period)
		}
		ln.box = append(ln.box, newInterval(c, w))
	}
	if ln.lone {
		iv := &ln.box[0]
		iv.left, iv.right = iv.half, iv.half // docs/theory.md, section 3: half its width
		iv.noLeft, iv.noRight = true, true
		if axis.Periodic {
			ln.embedded = true
			*iv = wholePeriod(axis)
		} else if slack := 1e-12 * period; iv.lo > axis.Lo+slack || iv.hi < axis.Hi-slack { // rounding of centre ± half width
			return nil, fmt.Errorf("the only subdomain, [%.6g, %.6g], does not cover [%g, %g]: widen it", iv.lo, iv.hi, axis.Lo, axis.Hi)
		}
		ln.index()
		return ln, nil
	}
	overlap := func(i int) float64 { // of box i with the next one, around the period after the last
		if i == n-1 {
			return ln.box[i].hi - (ln.box[0].lo + period)
		}
		return ln.box[i].hi - ln.box[i+1].lo
	}
	joints := n - 1
	if axis.Periodic {
		joints = n
	}
	for i := 0; i < joints; i++ {
		if o := overlap(i); o <= 0 {
			return nil, fmt.Errorf("gap between subdomains %d and %d: (%.6g, %.6g) is not covered: widen them or add one",
				i+1, (i+1)%n+1, ln.box[i].hi, ln.box[i].hi-o)
		}
	}
	for i := range ln.box {
		iv := &ln.box[i]
		switch {
		case i > 0:
			iv.left = overlap(i - 1)
		case axis.Periodic:
			iv.left = overlap(n - 1)
		default:
			iv.left, iv.noLeft = overlap(0), true
		}
		switch {
		case i < n-1 || axis.Periodic:
			iv.right = overlap(i)
		default:
			iv.right, iv.noRight = overlap(n-2), true
		}
		if window == Core2023 {
			lo, hi := iv.core()
			if hi <= lo {
				return nil, fmt.Errorf("subdomain %d, [%.6g, %.6g], has no core: window window2023 needs overlaps that add up to less than twice the width", i+1, iv.lo, iv.hi)
			}
			iv.mu, iv.sigma = (lo+hi)/2, (hi-lo)/2
		}
	}
	if !axis.Periodic {
		if err := ln.ends(); err != nil {
			return nil, err
		}
	}
	ln.index()
	return ln, nil
}

// ends checks that the boxes reach the ends of the domain, and beyond them where the window vanishes at the end of its box.
func (ln *line) ends() error {
	lo, hi := math.Inf(1), math.Inf(-1)
	for i := range ln.box {
		lo, hi = math.Min(lo, ln.box[i].lo), math.Max(hi, ln.box[i].hi)
	}
	a := ln.axis
	c := ln.window.compact()
	switch {
	case lo > a.Lo:
		return fmt.Errorf("gap at the lower end: [%.6g, %.6g) is not covered: widen the first subdomain or add one", a.Lo, lo)
	case hi < a.Hi:
		return fmt.Errorf("gap at the upper end: (%.6g, %.6g] is not covered: widen the last subdomain or add one", hi, a.Hi)
	case c && lo == a.Lo:
		return fmt.Errorf("the %v window of the first subdomain vanishes at %g, the end of the domain: widen it", ln.window, a.Lo)
	case c && hi == a.Hi:
		return fmt.Errorf("the %v window of the last subdomain vanishes at %g, the end of the domain: widen it", ln.window, a.Hi)
	}
	return nil
}

// D is the number of axes.
func (l *Level) D() int { return len(l.axes) }

// Len is J_l.
func (l *Level) Len() int { return l.n }

// Window is the window function of the level.
func (l *Level) Window() Window { return l.window }

// Counts returns the subdomains per axis of a tensor level, dropped ones included, nil for a free one.
func (l *Level) Counts() []int {
	var n []int
	for a := range l.lines {
		n = append(n, len(l.lines[a].box))
	}
	return n
}

// Centres returns the centres of the boxes along an axis of a tensor level, ascending; nil for a free level.
func (l *Level) Centres(axis int) []float64 {
	if l.free != nil {
		return nil
	}
	var x []float64
	for i := range l.lines[axis].box {
		x = append(x, l.lines[axis].box[i].centre)
	}
	return x
}

// Edges returns the ends of the cells of a tensor level along an axis, ascending from the lower to the upper end of the domain:
// every cell holds the places that are nearer to one centre than to the others. Nil for a free level.
func (l *Level) Edges(axis int) []float64 {
	if l.free != nil {
		return nil
	}
	return l.lines[axis].edges()
}

// Widened counts the boxes along an axis that are wider than δ times the local spacing, because they would have left a gap or
// hardly have overlapped.
func (l *Level) Widened(axis int) int {
	if l.free != nil {
		return 0
	}
	return l.lines[axis].widened
}

// interval returns the extent of subdomain j along axis a.
func (l *Level) interval(j, a int) *interval {
	if j < 0 || j >= l.n {
		panic("decomp: subdomain out of range")
	}
	if l.free != nil {
		return &l.free.box[j].side[a]
	}
	return &l.lines[a].box[l.along(j, a)]
}

// Centre returns μ_j.
func (l *Level) Centre(j int) (mu [MaxD]float64) {
	for a := range l.axes {
		mu[a] = l.interval(j, a).mu
	}
	return mu
}

// Half returns σ_j, what x̂ is divided by: half the box, half the core (Core2023), half the period (embedded axis).
func (l *Level) Half(j int) (sigma [MaxD]float64) {
	for a := range l.axes {
		sigma[a] = l.interval(j, a).sigma
	}
	return sigma
}

// Bounds returns the ends of the box of subdomain j; on a periodic axis they may lie outside the period.
func (l *Level) Bounds(j int) (lo, hi [MaxD]float64) {
	for a := range l.axes {
		iv := l.interval(j, a)
		lo[a], hi[a] = iv.lo, iv.hi
	}
	return lo, hi
}

// Core returns the ends of the core cell of subdomain j.
func (l *Level) Core(j int) (lo, hi [MaxD]float64) {
	for a := range l.axes {
		lo[a], hi[a] = l.interval(j, a).core()
	}
	return lo, hi
}

// Embedded reports whether the networks of the level take sin(π x̂) and cos(π x̂) of this axis instead of x̂: a periodic axis
// that the level does not divide.
func (l *Level) Embedded(axis int) bool {
	if l.free != nil {
		return l.n == 1 && l.axes[axis].Periodic
	}
	return l.lines[axis].embedded
}

// Subdomains is J, over all levels.
func (dec *Decomposition) Subdomains() int {
	n := 0
	for _, l := range dec.Levels {
		n += l.n
	}
	return n
}
