package decomp

import (
	"fmt"
	"math"
	"slices"

	"fbpinn-mpi/solver/region"
)

// brick is a free subdomain or one of its periodic images.
type brick struct {
	j    int32
	side [MaxD]interval
}

// cloud holds the boxes of a free level and what finds the ones around a point.
type cloud struct {
	box   []brick // [J]
	image []brick // boxes and periodic images, ascending lo of axis 0
	reach []float64
	lone  bool
}

func (l *Level) setFree(spec LevelSpec, removed []region.Box) error {
	d := len(l.axes)
	c := &cloud{lone: len(spec.Free) == 1}
	if spec.Window == Core2023 && !c.lone {
		return fmt.Errorf("window window2023 needs neighbours on a grid: choose another window for free subdomains")
	}
	for j, b := range spec.Free {
		if len(b.Centre) != d || len(b.Width) != d {
			return fmt.Errorf("free subdomain %d has %d centres and %d widths: give one of each for the %d axes", j+1, len(b.Centre), len(b.Width), d)
		}
		k := brick{j: int32(j)}
		for a, axis := range l.axes {
			mu, w := b.Centre[a], b.Width[a]
			if !(w > 0) || math.IsInf(w, 0) || math.IsNaN(mu) || math.IsInf(mu, 0) {
				return fmt.Errorf("free subdomain %d, axis %s: centre %g and width %g: give finite numbers and a positive width", j+1, axis.Name, mu, w)
			}
			if axis.Periodic {
				w = math.Min(w, axis.Length())
				mu = axis.wrap(mu)
			}
			iv := newInterval(mu, w)
			// No neighbours on a grid, so the rule of a lone subdomain holds for all: overlaps of half the width.
			iv.left, iv.right = iv.half, iv.half
			if c.lone {
				iv.noLeft, iv.noRight = true, true
				if axis.Periodic {
					iv = wholePeriod(axis)
				}
			}
			k.side[a] = iv
		}
		c.box = append(c.box, k)
	}
	c.index(l.axes)
	l.free, l.n = c, len(c.box)
	return l.checkCover(removed)
}

// index makes the images (a shift by the period either way on every periodic axis) that reach into the domain.
func (c *cloud) index(axes []Axis) {
	for _, b := range c.box {
		images := []brick{b}
		for a, axis := range axes {
			if !axis.Periodic || c.lone {
				continue
			}
			p := axis.Length()
			for _, m := range images {
				for _, s := range []float64{-p, p} {
					k := m
					k.side[a] = m.side[a].shifted(s)
					if k.side[a].hi >= axis.Lo && k.side[a].lo <= axis.Hi {
						images = append(images, k)
					}
				}
			}
		}
		c.image = append(c.image, images...)
	}
	slices.SortStableFunc(c.image, func(p, q brick) int {
		if p.side[0].lo != q.side[0].lo {
			if p.side[0].lo < q.side[0].lo {
				return -1
			}
			return 1
		}
		return int(p.j) - int(q.j)
	})
	top := math.Inf(-1)
	for i := range c.image {
		top = math.Max(top, c.image[i].side[0].hi)
		c.reach = append(c.reach, top)
	}
}

// cover appends the images that hold x, which must be wrapped, at most one of each box, in ascending order of j.
func (c *cloud) cover(d int, x *[MaxD]float64, out []int32) []int32 {
	if c.lone {
		return append(out, 0)
	}
	i, n := 0, len(c.image)
	for k := n; i < k; {
		m := (i + k) / 2
		if c.reach[m] >= x[0] {
			k = m
		} else {
			i = m + 1
		}
	}
	base := len(out)
next:
	for ; i < n && c.image[i].side[0].lo <= x[0]; i++ {
		b := &c.image[i]
		for a := 0; a < d; a++ {
			if x[a] < b.side[a].lo || x[a] > b.side[a].hi {
				continue next
			}
		}
		at := len(out)
		for at > base && c.image[out[at-1]].j > b.j {
			at--
		}
		if at > base && c.image[out[at-1]].j == b.j {
			continue
		}
		out = slices.Insert(out, at, int32(i))
	}
	return out
}

// touch is the share of its width by which a box is shrunk in checkCover where its window vanishes at the end, so that boxes
// which merely touch count as a gap.
const touch = 1e-9

// checkCover cuts the domain along the sides of the boxes until every part lies in a box or a removed one, or one part meets none.
func (l *Level) checkCover(removed []region.Box) error {
	d := len(l.axes)
	boxes := make([]brick, len(l.free.image))
	copy(boxes, l.free.image)
	for i := range boxes {
		for a := 0; a < d; a++ {
			iv := &boxes[i].side[a]
			if l.window.compact() && !l.free.lone {
				iv.lo += touch * 2 * iv.half
				iv.hi -= touch * 2 * iv.half
			} else { // centre ± half width may round to just inside the domain
				iv.lo -= 1e-12 * iv.half
				iv.hi += 1e-12 * iv.half
			}
		}
	}
	for _, r := range removed {
		var b brick
		for a := range l.axes {
			b.side[a].lo, b.side[a].hi = r.Lo[a], r.Hi[a]
		}
		boxes = append(boxes, b)
	}
	var lo, hi [MaxD]float64
	for a, axis := range l.axes {
		lo[a], hi[a] = axis.Lo, axis.Hi
	}
	if hole(d, lo, hi, boxes, &lo, &hi) {
		at := ""
		for a, axis := range l.axes {
			if a > 0 {
				at += ", "
			}
			at += fmt.Sprintf("%s in [%.6g, %.6g]", axis.Name, lo[a], hi[a])
		}
		return fmt.Errorf("the free subdomains do not cover %s: widen them or add one there", at)
	}
	return nil
}

// hole reports whether a part of [lo, hi] lies in none of the boxes, and where.
func hole(d int, lo, hi [MaxD]float64, boxes []brick, outLo, outHi *[MaxD]float64) bool {
	var near []brick
next:
	for i := range boxes {
		whole := true
		for a := 0; a < d; a++ {
			s := &boxes[i].side[a]
			if s.hi <= lo[a] || s.lo >= hi[a] {
				continue next
			}
			whole = whole && s.lo <= lo[a] && s.hi >= hi[a]
		}
		if whole {
			return false
		}
		near = append(near, boxes[i])
	}
	if len(near) == 0 {
		*outLo, *outHi = lo, hi
		return true
	}
	for a := 0; a < d; a++ { // cut along the first side of the first box that crosses the part
		for _, cut := range []float64{near[0].side[a].lo, near[0].side[a].hi} {
			if cut > lo[a] && cut < hi[a] {
				left, right := hi, lo
				left[a], right[a] = cut, cut
				return hole(d, lo, left, near, outLo, outHi) || hole(d, right, hi, near, outLo, outHi)
			}
		}
	}
	panic("decomp: a box neither covers nor crosses its part")
}
