package decomp

// Pairs lists the points of some subdomains: those of the k-th are Point[Start[k]:Start[k+1]], ascending.
type Pairs struct {
	Start []int64 // [subdomains+1]
	Point []int32
}

// Of returns the points of the k-th subdomain.
func (p Pairs) Of(k int) []int32 { return p.Point[p.Start[k]:p.Start[k+1]] }

// Len is the number of pairs.
func (p Pairs) Len() int64 { return p.Start[len(p.Start)-1] }

// Cover calls visit with the subdomains that hold each point (closed test, x_min <= x <= x_max), points ascending, subdomains
// in one fixed order. subs is only valid during the call.
func (l *Level) Cover(points [][]float64, visit func(i int, subs []int32)) {
	d := len(l.axes)
	if len(points) != d {
		panic("decomp: points of another dimension")
	}
	var subs, near, merged []int32
	if l.free != nil {
		for i := range points[0] {
			x := l.at(points, i)
			near = l.free.cover(d, &x, near[:0])
			subs = subs[:0]
			for _, k := range near {
				subs = append(subs, l.free.image[k].j)
			}
			visit(i, subs)
		}
		return
	}
	// Along an axis consecutive points of a grid often share the coordinate: keep the last answer of each axis.
	var last [MaxD]float64
	var known [MaxD][]int32 // stride·j_a of the boxes around last[a]
	for i := range points[0] {
		subs = append(subs[:0], 0)
		for a := range l.lines {
			ln := &l.lines[a]
			if x := points[a][i]; i == 0 || x != last[a] {
				last[a] = x
				near = ln.cover(x, near[:0])
				known[a] = known[a][:0]
				for _, k := range near {
					known[a] = append(known[a], ln.of[k]*int32(l.stride[a]))
				}
			}
			if k := known[a]; len(k) == 1 {
				for s := range subs {
					subs[s] += k[0]
				}
			} else {
				merged = merged[:0]
				for _, s := range subs {
					for _, j := range k {
						merged = append(merged, s+j)
					}
				}
				subs, merged = merged, subs
			}
		}
		if l.number != nil {
			kept := subs[:0]
			for _, t := range subs {
				if j := l.number[t]; j >= 0 {
					kept = append(kept, j)
				}
			}
			subs = kept
		}
		visit(i, subs)
	}
}

// Covering counts the subdomains around each point.
func (l *Level) Covering(points [][]float64) []int32 {
	n := make([]int32, len(points[0]))
	l.Cover(points, func(i int, subs []int32) { n[i] = int32(len(subs)) })
	return n
}

// Count is the number of pairs of the level with these points.
func (l *Level) Count(points [][]float64) int64 {
	n := int64(0)
	l.Cover(points, func(_ int, subs []int32) { n += int64(len(subs)) })
	return n
}

// Count is the number of pairs over all levels: the work of a step.
func (dec *Decomposition) Count(points [][]float64) int64 {
	n := int64(0)
	for _, l := range dec.Levels {
		n += l.Count(points)
	}
	return n
}

// Pairs lists the points of every subdomain of the level.
func (l *Level) Pairs(points [][]float64) Pairs {
	return l.pairs(points, nil, l.n)
}

// PairsOf lists the points of the given subdomains only, in the order given; none may be named twice.
func (l *Level) PairsOf(subs []int, points [][]float64) Pairs {
	slot := make([]int32, l.n)
	for j := range slot {
		slot[j] = -1
	}
	for k, j := range subs {
		if slot[j] >= 0 {
			panic("decomp: subdomain named twice")
		}
		slot[j] = int32(k)
	}
	return l.pairs(points, slot, len(subs))
}

// pairs sorts by counting, in two passes over the points: linear in pairs, and points come out ascending.
func (l *Level) pairs(points [][]float64, slot []int32, n int) Pairs {
	p := Pairs{Start: make([]int64, n+1)}
	l.Cover(points, func(_ int, subs []int32) {
		for _, j := range subs {
			if slot != nil {
				if j = slot[j]; j < 0 {
					continue
				}
			}
			p.Start[j+1]++
		}
	})
	for k := 0; k < n; k++ {
		p.Start[k+1] += p.Start[k]
	}
	p.Point = make([]int32, p.Start[n])
	next := append([]int64{}, p.Start[:n]...)
	l.Cover(points, func(i int, subs []int32) {
		for _, j := range subs {
			if slot != nil {
				if j = slot[j]; j < 0 {
					continue
				}
			}
			p.Point[next[j]] = int32(i)
			next[j]++
		}
	})
	return p
}

// Inside lists the points in subdomain j, ascending, by testing them all.
func (l *Level) Inside(j int, points [][]float64) []int32 {
	var in []int32
next:
	for i := range points[0] {
		if l.free != nil {
			x := l.at(points, i)
			var buf [16]int32
			for _, k := range l.free.cover(len(l.axes), &x, buf[:0]) {
				if int(l.free.image[k].j) == j {
					in = append(in, int32(i))
					break
				}
			}
			continue
		}
		for a := range l.lines {
			ln := &l.lines[a]
			if _, ok := ln.contains(l.along(j, a), points[a][i]); !ok {
				continue next
			}
		}
		in = append(in, int32(i))
	}
	return in
}

// Weights gives each point its number of pairs over all levels: what the partition balances.
func (dec *Decomposition) Weights(points [][]float64) []float64 {
	w := make([]float64, len(points[0]))
	for _, l := range dec.Levels {
		l.Cover(points, func(i int, subs []int32) { w[i] += float64(len(subs)) })
	}
	return w
}
