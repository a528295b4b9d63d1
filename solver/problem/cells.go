package problem

import (
	"fmt"
	"math"
	"slices"
)

// The sampler "cells" puts points of Gauss-Legendre rules into every cell of a tensor grid, so that the points follow the subdomains
// and their weighted mean is an integral (docs/theory.md, section 8).

// merged is the size of a cell, relative to the range, below which its two ends count as one: roundings of the same place.
const merged = 1e-9

// edges are the ends of the cells along an axis of the term, ascending: those of the domain's cells inside the term's range,
// its ends, and the sides of removed parts, so that no cell lies across one. A fixed coordinate has none.
func (t *Term) edges(a int) []float64 {
	r := t.Box[a]
	if r.Fixed() {
		return nil
	}
	least := merged * (r.Hi - r.Lo)
	var sides []float64
	if t.region != nil {
		for _, b := range t.region.Removed {
			sides = append(sides, b.Lo[a], b.Hi[a])
		}
	}
	cuts := append(slices.Clone(sides), r.Hi)
	for _, x := range t.cells[a] {
		if !slices.ContainsFunc(sides, func(s float64) bool { return math.Abs(x-s) <= least }) {
			cuts = append(cuts, x)
		}
	}
	slices.Sort(cuts)
	e := []float64{r.Lo}
	for _, x := range cuts {
		if x > e[len(e)-1]+least && (x < r.Hi-least || x == r.Hi) {
			e = append(e, x)
		}
	}
	return e
}

// Cells is the number of cells along each axis, 1 where the coordinate is fixed; nil for other samplers.
func (t *Term) Cells() []int {
	if t.Points.Sampler != "cells" {
		return nil
	}
	n := make([]int, len(t.Box))
	for a := range n {
		n[a] = max(1, len(t.edges(a))-1)
	}
	return n
}

// rule is the composite rule along an axis with n points a cell: coordinates ascending, weights that add up to 1.
func (t *Term) rule(a, n int) (x, w []float64) {
	r := t.Box[a]
	if r.Fixed() {
		return []float64{r.Lo}, []float64{1}
	}
	z, v := even(n)
	e := t.edges(a)
	for c := 1; c < len(e); c++ {
		middle, half := e[c-1]+(e[c]-e[c-1])/2, (e[c]-e[c-1])/2
		for k := range z {
			x = append(x, middle+half*z[k])
			w = append(w, half*v[k]/(r.Hi-r.Lo))
		}
	}
	return x, w
}

// rules are those of all axes.
func (t *Term) rules() (x, w [][]float64) {
	free := 0
	for a, r := range t.Box {
		n := 1
		if !r.Fixed() {
			n = t.Points.Shape[free]
			free++
		}
		xa, wa := t.rule(a, n)
		x, w = append(x, xa), append(w, wa)
	}
	return x, w
}

// Quadrature is the share of each point of Sample in the mean of its term, of the points with the given numbers, ascending,
// where the first point of the term has number zero: the loss is Σ λ Σ_i w_i r_i², Σ_i w_i = 1. It is nil where all points count the same, w_i = 1/N.
func (t *Term) Quadrature(numbers []int, zero int) []float64 {
	if t.Points.Sampler != "cells" || t.Points.Equal {
		return nil
	}
	some, sum := make([]float64, 0, len(numbers)), 0.0
	axes, weights := t.rules()
	position, weight := combinations(axes), combinations(weights)
	x, w, part := planes(len(axes), block), planes(len(axes), block), make([][]float64, len(axes))
	first, n := zero, t.N() // number of the first point of a block, removed ones not counted
	for from := 0; from < n; from += block {
		size := min(block, n-from)
		for a := range w {
			part[a] = w[a][:size]
		}
		weight(from, part)
		product := part[0]
		for _, p := range part[1:] {
			for i := range product {
				product[i] *= p[i]
			}
		}
		if t.region != nil {
			for a := range x {
				part[a] = x[a][:size]
			}
			position(from, part)
			_, kept := t.region.Keep(part)
			for k, i := range kept {
				product[k] = product[i]
			}
			product = product[:len(kept)]
		}
		for _, v := range product {
			sum += v
		}
		for len(some) < len(numbers) && numbers[len(some)] < first+len(product) {
			some = append(some, product[numbers[len(some)]-first])
		}
		first += len(product)
	}
	if t.region != nil { // what was removed took its share
		for k := range some {
			some[k] /= sum
		}
	}
	return some
}

// maxCellPoints bounds the points of a term like the job file bounds those of a grid.
const maxCellPoints = 1e9

// checkCells checks what the sampler needs beyond a shape.
func (t *Term) checkCells(key string) error {
	if t.cells == nil {
		return &Error{Key: key, Msg: "sampler cells needs subdomains on a grid", Hint: "place them by levels or centres, or use another sampler"}
	}
	total := 1.0
	free := 0
	for a, n := range t.Cells() {
		total *= float64(n)
		if !t.Box[a].Fixed() {
			total *= float64(t.Points.Shape[free])
			free++
		}
	}
	if total > maxCellPoints {
		return &Error{Key: key, Msg: fmt.Sprintf("%.3g points in all cells", total), Hint: fmt.Sprintf("at most %.0g", maxCellPoints)}
	}
	return nil
}

// most is the largest number of points of a cell that are those of one Gauss-Legendre rule.
const most = 4

// even is the rule of a cell, nodes in (-1, 1) and weights that add up to 2: Gauss-Legendre up to four points. Nodes of higher rules
// thin out in the middle, by π/2, so that residuals between them go unseen; more points are panels of two, and one of three where
// their number is odd, each as long as it has points.
func even(n int) (z, w []float64) {
	if n <= most {
		return gauss(n)
	}
	at := -1.0
	for left := n; left > 0; {
		k := 2
		if left == 3 {
			k = 3
		}
		half := float64(k) / float64(n)
		x, v := gauss(k)
		for i := range x {
			z, w = append(z, at+half+half*x[i]), append(w, half*v[i])
		}
		at += 2 * half
		left -= k
	}
	return z, w
}

// gauss returns nodes z in (-1, 1), ascending, and weights, which add up to 2, of the Gauss-Legendre rule of n points: exact for
// polynomials of degree 2n-1. Newton's method on P_n by its recurrence, Abramowitz & Stegun 22.7.10 and 25.4.29.
func gauss(n int) (z, w []float64) {
	z, w = make([]float64, n), make([]float64, n)
	for i := range (n + 1) / 2 {
		x := math.Cos(math.Pi * (float64(i) + 0.75) / (float64(n) + 0.5))
		if 2*i+1 == n {
			x = 0
		}
		slope := 0.0
		const enough = 20 // it converges quadratically from a guess good to O(1/n²)
		for range enough {
			p, before := 1.0, 0.0
			for k := 1; k <= n; k++ {
				p, before = (float64(2*k-1)*x*p-float64(k-1)*before)/float64(k), p
			}
			slope = float64(n) * (before - x*p) / (1 - x*x)
			step := p / slope
			if 2*i+1 == n {
				break
			}
			x -= step
			if math.Abs(step) < 1e-16 {
				break
			}
		}
		v := 2 / ((1 - x*x) * slope * slope)
		z[i], z[n-1-i] = -x, x
		w[i], w[n-1-i] = v, v
	}
	return z, w
}
