package decomp

import (
	"fmt"

	"fbpinn-mpi/solver/region"
)

// thin drops the subdomains of a tensor level whose centre is not in the region (docs/theory.md, section 3). The others are
// numbered in the same row-major order, and their windows alone make the partition of unity. A level with one subdomain keeps it.
func (l *Level) thin(r *region.Region) error {
	if r == nil || l.n == 1 {
		return nil
	}
	number := make([]int32, l.n)
	var tensor []int32
	for t := range number {
		mu := l.Centre(t)
		number[t] = -1
		if !r.Lacks(mu[:len(l.axes)]) {
			number[t] = int32(len(tensor))
			tensor = append(tensor, int32(t))
		}
	}
	switch {
	case len(tensor) == l.n:
		return nil
	case len(tensor) == 0:
		return fmt.Errorf("all its %d subdomains have their centres in removed parts: use more", l.n)
	case l.window == Core2023:
		return fmt.Errorf("window window2023 needs all neighbours, and %d of %d subdomains lie in removed parts: choose another window", l.n-len(tensor), l.n)
	}
	l.number, l.tensor, l.n = number, tensor, len(tensor)
	return nil
}

// Dropped is the number of subdomains that a tensor level has lost to removed parts.
func (l *Level) Dropped() int { return max(0, len(l.number)-len(l.tensor)) }

// along is the number of the box of subdomain j along axis a of a tensor level.
func (l *Level) along(j, a int) int {
	if l.tensor != nil {
		j = int(l.tensor[j])
	}
	return j / l.stride[a] % len(l.lines[a].box)
}

// Covers checks that every point lies in some subdomain of every level. Only levels that have lost subdomains can fail: the
// others were checked when they were made.
func (dec *Decomposition) Covers(points [][]float64) error {
	for _, l := range dec.Levels {
		if l.tensor == nil {
			continue
		}
		bare := -1
		l.Cover(points, func(i int, subs []int32) {
			if len(subs) == 0 && bare < 0 {
				bare = i
			}
		})
		if bare >= 0 {
			return fmt.Errorf("level %d: no subdomain holds point %d, %s: those around it lie in removed parts; use a larger overlap", l.l, bare, l.place(points, bare))
		}
	}
	return nil
}

// around lists the images of the boxes that hold a point, axis by axis, and whether some of their combinations were dropped.
func (l *Level) around(x *[MaxD]float64, near *[MaxD][]int32) (thinned bool) {
	for a := range l.lines {
		near[a] = l.lines[a].cover(x[a], near[a][:0])
	}
	l.combine(near, func(t int, _ *[MaxD]int) { thinned = thinned || l.number[t] < 0 })
	return thinned
}

// combine calls visit with every combination of the listed images: the number t in the whole tensor, and which image of each
// axis it is.
func (l *Level) combine(near *[MaxD][]int32, visit func(t int, k *[MaxD]int)) {
	var k [MaxD]int
	d := len(l.lines)
	for {
		t := 0
		for a := range d {
			if len(near[a]) == 0 {
				return
			}
			t += l.stride[a] * int(l.lines[a].of[near[a][k[a]]])
		}
		visit(t, &k)
		a := d - 1
		for ; a >= 0; a-- {
			if k[a]++; k[a] < len(near[a]) {
				break
			}
			k[a] = 0
		}
		if a < 0 {
			return
		}
	}
}
