package decomp

import (
	"math"
	"slices"
)

// Axis is one coordinate of the box domain.
type Axis struct {
	Name     string
	Lo, Hi   float64
	Periodic bool // Lo and Hi are the same place; subdomains wrap around
}

// Length is the extent of the axis, its period if it has one.
func (a Axis) Length() float64 { return a.Hi - a.Lo }

// wrap brings a coordinate of a periodic axis into [Lo, Hi]; both ends stay where they are.
func (a Axis) wrap(x float64) float64 {
	if a.Periodic && (x < a.Lo || x > a.Hi) {
		p := a.Length()
		x -= p * math.Floor((x-a.Lo)/p)
		x = math.Max(a.Lo, math.Min(a.Hi, x)) // rounding may leave it just outside
	}
	return x
}

// interval is the extent of one subdomain (or of one periodic image of it) along one axis.
type interval struct {
	centre, half    float64 // of the box; z = (x-centre)/half
	lo, hi          float64 // ends of the box; the inside test is closed
	left, right     float64 // widths of the overlap with the neighbours
	mu, sigma       float64 // x̂ = (x-mu)/sigma: the box, the core (Core2023) or one period (embedded)
	noLeft, noRight bool    // no neighbour on that side
}

func newInterval(centre, width float64) interval {
	h := width / 2
	return interval{centre: centre, half: h, lo: centre - h, hi: centre + h, mu: centre, sigma: h}
}

// wholePeriod is the only subdomain of a periodic axis: x̂ runs once over [-1, 1], and all of it is core.
func wholePeriod(axis Axis) interval {
	iv := newInterval(axis.Lo+axis.Length()/2, axis.Length())
	iv.noLeft, iv.noRight = true, true
	return iv
}

// core returns the ends of the core cell.
func (iv *interval) core() (lo, hi float64) { return iv.lo + iv.left/2, iv.hi - iv.right/2 }

func (iv *interval) shifted(by float64) interval {
	s := *iv
	s.centre += by
	s.lo += by
	s.hi += by
	s.mu += by
	return s
}

// line is one axis of a tensor level: J boxes in ascending order of their centres.
type line struct {
	axis     Axis
	window   Window
	box      []interval // [J]
	image    []interval // boxes and those periodic images of them that reach into the domain, ascending centres
	of       []int32    // the box of each image
	reach    []float64  // largest hi of image[:i+1]
	from     []float64  // smallest lo of image[i:]
	lone     bool       // one box: ω = 1 everywhere
	embedded bool       // lone on a periodic axis: the network takes sin, cos of π x̂
	widened  int        // boxes wider than δ times the local spacing
}

// index makes the images and their search tables.
func (ln *line) index() {
	shifts := []float64{0}
	if ln.axis.Periodic && !ln.lone {
		p := ln.axis.Length()
		shifts = []float64{-p, 0, p} // box widths are at most p, so no further image reaches the domain
	}
	for _, s := range shifts { // images of one shift ascend, and a shift by one period passes all of them
		for j := range ln.box {
			iv := ln.box[j].shifted(s)
			if s == 0 || (iv.hi >= ln.axis.Lo && iv.lo <= ln.axis.Hi) {
				ln.image = append(ln.image, iv)
				ln.of = append(ln.of, int32(j))
			}
		}
	}
	n := len(ln.image)
	ln.reach, ln.from = make([]float64, n), make([]float64, n)
	top, bottom := math.Inf(-1), math.Inf(1)
	for i := range ln.image {
		top = math.Max(top, ln.image[i].hi)
		ln.reach[i] = top
		bottom = math.Min(bottom, ln.image[n-1-i].lo)
		ln.from[n-1-i] = bottom
	}
}

// cover appends the images that hold x (closed on both sides), at most one of each box.
func (ln *line) cover(x float64, out []int32) []int32 {
	if ln.lone {
		return append(out, 0)
	}
	x = ln.axis.wrap(x)
	i, n := 0, len(ln.image)
	for k := n; i < k; { // first image with reach >= x
		m := (i + k) / 2
		if ln.reach[m] >= x {
			k = m
		} else {
			i = m + 1
		}
	}
	base := len(out)
next:
	for ; i < n && ln.from[i] <= x; i++ {
		if iv := &ln.image[i]; x < iv.lo || x > iv.hi {
			continue
		}
		if ln.axis.Periodic { // a box as wide as the period meets itself in one point
			for _, seen := range out[base:] {
				if ln.of[seen] == ln.of[i] {
					continue next
				}
			}
		}
		out = append(out, int32(i))
	}
	return out
}

// contains reports whether x lies in box j and returns the image.
func (ln *line) contains(j int, x float64) (*interval, bool) {
	if ln.lone {
		return &ln.image[0], true
	}
	var buf [16]int32
	for _, i := range ln.cover(x, buf[:0]) {
		if int(ln.of[i]) == j {
			return &ln.image[i], true
		}
	}
	return nil, false
}

// minSum is the smallest usable sum of windows; below it the quotients of derivatives overflow.
const minSum = 1e-100

// unity writes x̂ and the derivatives in x of ω_j at x. ok is false where x lies outside box j, covered is false where the
// windows add up to nothing.
func (ln *line) unity(j int, x float64, out *jet) (xhat float64, ok, covered bool) {
	if ln.lone {
		iv := &ln.image[0]
		*out = jet{1}
		return (ln.axis.wrap(x) - iv.mu) / iv.sigma, true, true
	}
	x = ln.axis.wrap(x)
	var buf [16]int32
	var sum, own, g jet
	for _, i := range ln.cover(x, buf[:0]) {
		iv := &ln.image[i]
		mine := int(ln.of[i]) == j
		if mine {
			xhat, ok = (x-iv.mu)/iv.sigma, true
		} else if ln.window == Core2023 {
			continue
		}
		ln.window.eval(iv, x, &g)
		if mine {
			own = g
		}
		for n := range sum {
			sum[n] += g[n]
		}
	}
	switch {
	case !ok:
		*out = jet{}
		return 0, false, true
	case ln.window == Core2023:
		*out = own
		return xhat, true, true
	case sum[0] < minSum:
		return xhat, true, false
	}
	divide(&own, &sum, out)
	return xhat, true, true
}

// edges are the ends of the cells between which the axis is divided: its own ends and the places midway between centres. Where
// the cell of a box lies across the ends of a period, these cut it in two.
func (ln *line) edges() []float64 {
	e := []float64{ln.axis.Lo, ln.axis.Hi}
	n := len(ln.box)
	for i := 1; i < n; i++ {
		a, b := ln.box[i-1].centre, ln.box[i].centre
		e = append(e, a+(b-a)/2)
	}
	if ln.axis.Periodic && n > 1 {
		a, b := ln.box[n-1].centre, ln.box[0].centre+ln.axis.Length()
		e = append(e, ln.axis.wrap(a+(b-a)/2))
	}
	slices.Sort(e)
	e = slices.Compact(e)
	from, _ := slices.BinarySearch(e, ln.axis.Lo) // centres may lie outside the domain
	to, _ := slices.BinarySearch(e, ln.axis.Hi)
	return e[from : to+1]
}
