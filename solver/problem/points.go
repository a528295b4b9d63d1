package problem

// Points of a term (docs/theory.md, section 8). They are functions of (seed, term, draw, point) alone.

// N is the number of points that are drawn. Those in removed parts of the domain are then dropped.
func (t *Term) N() int {
	n := 1
	for _, s := range t.Points.Shape {
		n *= s
	}
	for _, c := range t.Cells() {
		n *= c
	}
	if len(t.Points.Shape) == 0 && t.Points.Count > 0 {
		n = t.Points.Count
	}
	return n
}

// Sample draws the points of the term, [d][n].
func (t *Term) Sample(seed uint64) [][]float64 { return t.Resample(seed, 0) }

// Resample is draw number draw of the points; 0 is Sample. Grids and cells never change.
func (t *Term) Resample(seed uint64, draw int) [][]float64 {
	points, _ := t.region.Keep(t.sample(seed, draw, t.Points.Shape, t.N()))
	return points
}

// block is the number of points that Blocks draws at once: their coordinates stay in the cache.
const block = 1 << 13

// Blocks calls visit with the points of Sample, a block at a time; x is valid during the call only.
func (t *Term) Blocks(seed uint64, visit func(x [][]float64)) {
	n, fill := t.N(), t.sampler(seed, 0, t.Points.Shape)
	x, part := planes(len(t.Box), min(n, block)), make([][]float64, len(t.Box))
	for from := 0; from < n; from += block {
		for a := range x {
			part[a] = x[a][:min(block, n-from)]
		}
		fill(from, part)
		kept, _ := t.region.Keep(part)
		visit(kept)
	}
}

// Count is the number of points of Sample.
func (t *Term) Count(seed uint64) (n int) {
	if t.region == nil {
		return t.N()
	}
	t.Blocks(seed, func(x [][]float64) { n += len(x[0]) })
	return n
}

// sample draws n points of the term's box; shape counts along the free axes and is used by grids alone.
func (t *Term) sample(seed uint64, draw int, shape []int, n int) [][]float64 {
	points := planes(len(t.Box), n)
	t.sampler(seed, draw, shape)(0, points)
	return points
}

// sampler returns what writes points from, from+1, ... of the term's box to x [d][m].
func (t *Term) sampler(seed uint64, draw int, shape []int) (fill func(from int, x [][]float64)) {
	switch t.Points.Sampler {
	case "cells":
		axes, _ := t.rules()
		return combinations(axes)
	case "grid":
		full := make([]int, len(t.Box))
		free := 0
		for a, r := range t.Box {
			full[a] = 1
			if !r.Fixed() {
				full[a] = shape[free]
				free++
			}
		}
		return combinations(lines(t.Box, t.periodic, full))
	}
	stream := mix(t.stream) + uint64(draw)
	var sequence sobol
	if t.Points.Sampler == "sobol" {
		sequence = newSobol(len(t.Box))
	}
	return func(from int, points [][]float64) {
		free := 0 // sequences count free axes, so that a face of a square has the points of a line
		for a, r := range t.Box {
			x := points[a]
			if r.Fixed() {
				for i := range x {
					x[i] = r.Lo
				}
				continue
			}
			// A random shift of the whole sequence keeps its evenness and makes it depend on the seed (Cranley & Patterson 1976).
			shift := Draw(seed, stream, uint64(free))
			for i := range x {
				var z float64
				switch t.Points.Sampler {
				case "uniform":
					z = Draw(seed, stream, uint64((from+i)*len(t.Box)+free))
				case "sobol":
					z = wrap(sequence.at(free, uint32(from+i)) + shift)
				case "halton":
					z = wrap(radicalInverse(primes[free], uint64(from+i)) + shift)
				default:
					panic("problem: unknown sampler")
				}
				x[i] = r.Lo + (r.Hi-r.Lo)*z
			}
			free++
		}
	}
}

// wrap is the fractional part of z in [0, 2).
func wrap(z float64) float64 {
	if z >= 1 {
		return z - 1
	}
	return z
}

// TestGrid is the grid of the given shape over the domain, [d][n], last axis fastest. Both ends belong to it, also on
// periodic axes: files and pictures close.
func (p *Problem) TestGrid(shape []int) [][]float64 {
	if len(shape) != len(p.Axes) {
		panic("problem: test grid has one number per coordinate")
	}
	box := make([]Range, len(p.Axes))
	for a, x := range p.Axes {
		box[a] = Range{x.Lo, x.Hi}
	}
	return grid(box, make([]bool, len(box)), shape)
}

// grid is the tensor product of equally spaced numbers.
func grid(box []Range, periodic []bool, shape []int) [][]float64 {
	return tensor(lines(box, periodic, shape))
}

// lines are the equally spaced numbers of each axis.
func lines(box []Range, periodic []bool, shape []int) [][]float64 {
	axes := make([][]float64, len(box))
	for a, r := range box {
		axes[a] = line(r, periodic[a], shape[a])
	}
	return axes
}

// tensor lists all combinations of numbers, one of each axis, as planes [d][n] in "ij" order: last axis fastest.
func tensor(axes [][]float64) [][]float64 {
	n := 1
	for _, axis := range axes {
		n *= len(axis)
	}
	points := planes(len(axes), n)
	combinations(axes)(0, points)
	return points
}

// combinations returns what writes combinations from, from+1, ... of tensor.
func combinations(axes [][]float64) (fill func(from int, x [][]float64)) {
	return func(from int, points [][]float64) {
		repeat := 1 // combinations over which the coordinate stays the same
		for a := len(axes) - 1; a >= 0; a-- {
			x, axis := points[a], axes[a]
			k, same := from/repeat%len(axis), from%repeat
			for i := range x {
				x[i] = axis[k]
				if same++; same == repeat {
					if same, k = 0, k+1; k == len(axis) {
						k = 0
					}
				}
			}
			repeat *= len(axis)
		}
	}
}

// planes makes room for n points, [d][n].
func planes(d, n int) [][]float64 {
	x := make([][]float64, d)
	for a := range x {
		x[a] = make([]float64, n)
	}
	return x
}

// line is n equally spaced numbers: ends included, or without the upper end on a periodic axis; a single one is the middle.
func line(r Range, periodic bool, n int) []float64 {
	x := make([]float64, n)
	switch {
	case r.Fixed():
		x[0] = r.Lo
	case n == 1 && !periodic:
		x[0] = r.Lo + (r.Hi-r.Lo)/2
	case periodic:
		for i := range x {
			x[i] = r.Lo + float64(i)*(r.Hi-r.Lo)/float64(n)
		}
	default:
		step := (r.Hi - r.Lo) / float64(n-1)
		for i := range x {
			x[i] = r.Lo + float64(i)*step
		}
		x[n-1] = r.Hi
	}
	return x
}
