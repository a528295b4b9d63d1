package region

import (
	"math"
	"reflect"
	"testing"
)

func square(removed ...Box) *Region {
	return New([]float64{0, 0}, []float64{1, 1}, []bool{false, false}, removed)
}

func box(x0, x1, y0, y1 float64) Box { return Box{Lo: []float64{x0, y0}, Hi: []float64{x1, y1}} }

func TestLacks(t *testing.T) {
	ell := square(box(0.5, 1, 0.5, 1))
	parts := square(box(0.5, 0.75, 0.5, 1), box(0.75, 1, 0.5, 1)) // the same in two pieces
	frame := square(box(0.25, 0.75, 0.25, 0.75))
	touching := square(box(0, 0.5, 0, 0.5), box(0.5, 1, 0.5, 1)) // two squares that meet in a corner
	ring := New([]float64{0, 0}, []float64{1, 1}, []bool{true, false}, []Box{box(0.9, 1, 0, 1)})
	around := New([]float64{0, 0}, []float64{1, 1}, []bool{true, false}, []Box{box(0.9, 1, 0, 1), box(0, 0.1, 0, 1)})
	above := math.Nextafter(0.5, 1)
	for _, c := range []struct {
		name  string
		r     *Region
		x, y  float64
		lacks bool
	}{
		{"inside", ell, 0.75, 0.75, true},
		{"outside", ell, 0.25, 0.75, false},
		{"on the inner face", ell, 0.5, 0.75, false},
		{"on the inner face but for rounding", ell, above, 0.75, false},
		{"in the inner corner", ell, 0.5, 0.5, false},
		{"on the outer side of what is removed", ell, 1, 0.75, true},
		{"in the outer corner", ell, 1, 1, true},
		{"where the face meets the side", ell, 1, 0.5, false},
		{"where the face meets the side but for rounding", ell, math.Nextafter(1, 0), above, false},
		{"beyond the side", ell, 1.5, 0.75, true},
		{"beyond what is left", ell, -1, 0.75, false},
		{"between two pieces", parts, 0.75, 0.75, true},
		{"between two pieces, on the side", parts, 0.75, 1, true},
		{"between two pieces, on the face", parts, 0.75, 0.5, false},
		{"hole", frame, 0.5, 0.5, true},
		{"edge of the hole", frame, 0.25, 0.25, false},
		{"common corner", touching, 0.5, 0.5, false},
		{"one of two", touching, 0.25, 0.25, true},
		{"end of a period, other side left", ring, 1, 0.5, false},
		{"the same from the other side", ring, 0, 0.5, false},
		{"end of a period, both sides removed", around, 1, 0.5, true},
		{"the same from the other side", around, 0, 0.5, true},
		{"nothing removed", New(nil, nil, nil, nil), 3, 3, false},
	} {
		if got := c.r.Lacks([]float64{c.x, c.y}); got != c.lacks {
			t.Errorf("%s: (%v, %v) lacks: %v", c.name, c.x, c.y, got)
		}
	}
}

// The published L-shape keeps 6912 points of its test grid of 96².
func TestKeep(t *testing.T) {
	const n = 96
	points := make([][]float64, 2)
	for i := range n * n {
		points[0] = append(points[0], float64(i/n)/(n-1))
		points[1] = append(points[1], float64(i%n)/(n-1))
	}
	kept, index := square(box(0.5, 1, 0.5, 1)).Keep(points)
	if len(index) != 6912 || len(kept[0]) != 6912 || len(kept[1]) != 6912 {
		t.Fatalf("%d points are left", len(index))
	}
	for k, i := range index {
		if kept[0][k] != points[0][i] || kept[1][k] != points[1][i] || k > 0 && i <= index[k-1] {
			t.Fatalf("point %d is number %d", k, i)
		}
	}
	var whole *Region
	if same, index := whole.Keep(points); index != nil || !reflect.DeepEqual(same, points) {
		t.Error("the whole space loses points")
	}
}
