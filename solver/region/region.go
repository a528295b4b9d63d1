// Package region describes what is left of a box when smaller boxes are taken out of it, such as an L-shape or a frame
// (docs/theory.md, section 3). It knows neither equations nor subdomains; both ask it which places belong to the domain.
package region

import "math"

// Box is a part that is taken out, [d] lower and upper ends.
type Box struct{ Lo, Hi []float64 }

// Region is the box [Lo, Hi] without the interiors of the removed boxes, and closed: the faces between what remains and what is
// removed belong to it. A nil Region is the whole space.
type Region struct {
	Lo, Hi   []float64
	Periodic []bool // [d]
	Removed  []Box
}

// New is nil where nothing is removed.
func New(lo, hi []float64, periodic []bool, removed []Box) *Region {
	if len(removed) == 0 {
		return nil
	}
	return &Region{Lo: lo, Hi: hi, Periodic: periodic, Removed: removed}
}

// tolerance, relative to the length of an axis, within which a coordinate lies on a face: coordinates of grids are rounded.
const tolerance = 1e-12

// Lacks reports whether x [d] is not in the region: whether every small neighbourhood of x in the whole box lies in removed
// boxes. A place on a face between two removed boxes is lacking, and so is one on an end of the whole box that a removed box
// reaches. Places beyond the whole box count as the nearest one in it.
//
// The neighbourhood is seen in each of the 2^d directions apart: x lacks if in each of them some box begins at or before x.
func (r *Region) Lacks(x []float64) bool {
	if r == nil {
		return false
	}
	d := len(r.Lo)
directions:
	for s := range 1 << d {
		var at, slack [8]float64
		for a := range d {
			up := s>>a&1 == 1
			tol := tolerance * (r.Hi[a] - r.Lo[a])
			v := math.Max(r.Lo[a], math.Min(x[a], r.Hi[a]))
			if (up && v >= r.Hi[a]-tol) || (!up && v <= r.Lo[a]+tol) { // this direction leaves the box
				if !r.Periodic[a] {
					continue directions
				}
				v = r.Lo[a] + r.Hi[a] - v
			}
			at[a], slack[a] = v, tol
		}
		if !r.removed(s, at[:d], slack[:d]) {
			return false
		}
	}
	return true
}

// removed reports whether some box holds the places just beside x in the directions s: bit a set means upwards along axis a.
func (r *Region) removed(s int, x, slack []float64) bool {
boxes:
	for _, b := range r.Removed {
		for a, v := range x {
			if s>>a&1 == 1 { // [lo, hi)
				if v < b.Lo[a]-slack[a] || v >= b.Hi[a]-slack[a] {
					continue boxes
				}
			} else if v <= b.Lo[a]+slack[a] || v > b.Hi[a]+slack[a] { // (lo, hi]
				continue boxes
			}
		}
		return true
	}
	return false
}

// Keep returns the points [d][n] that belong to the region, and their numbers; the points themselves and nil where nothing is
// removed from space at all.
func (r *Region) Keep(points [][]float64) (kept [][]float64, index []int) {
	if r == nil {
		return points, nil
	}
	kept, index = make([][]float64, len(points)), []int{}
	x := make([]float64, len(points))
	for i := range points[0] {
		for a := range x {
			x[a] = points[a][i]
		}
		if r.Lacks(x) {
			continue
		}
		index = append(index, i)
		for a := range x {
			kept[a] = append(kept[a], x[a])
		}
	}
	return kept, index
}
