package schwarz

import (
	"math"
	"math/rand/v2"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/kernels/dense"
)

// made is a made-up system in d = 1 or 2 dimensions, known as a whole: blocks are windowed random features on a grid of
// subdomains, rows are points of a grid, the operator is 1 or the Laplacian.
type made struct {
	axes     []axis
	features int
	laplace  bool
	global   bool    // a block more that has every row: a coarse level
	repeat   bool    // the second half of the features repeats the first: rank deficient
	dead     int     // number of a block that is zero, if positive
	bare     int     // number of a block without columns, if positive
	change   float64 // share by which rows differ from those of the unchanged system
	points   int     // per axis
	seed     uint64

	owner func(x []float64) int32   // of points and of centres
	wave  func(x []float64) float64 // right-hand side, if not the usual
}

// axis is the same arithmetic as in FBPINN: equally spaced centres on [0, 1], cosine windows that overlap, normalised to a sum of
// one, times a factor that vanishes at the ends.
type axis struct {
	blocks int
	half   float64      // half width
	a      [][3]float64 // [blocks·points] factor·window and its two derivatives, 0 outside
	points int
}

func newAxis(blocks, points int, overlap, sharp float64) axis {
	x := axis{blocks: blocks, points: points, half: overlap / float64(max(1, blocks-1)) / 2, a: make([][3]float64, blocks*points)}
	product := func(f, g [3]float64) [3]float64 {
		return [3]float64{f[0] * g[0], f[1]*g[0] + f[0]*g[1], f[2]*g[0] + 2*f[1]*g[1] + f[0]*g[2]}
	}
	for i := range points {
		at := x.at(i)
		var sum [3]float64
		w := make([][3]float64, blocks)
		for j := range blocks {
			z := (at - x.centre(j)) / x.half
			if math.Abs(z) > 1 {
				continue
			}
			c, s := math.Cos(math.Pi*z), math.Sin(math.Pi*z)
			w[j] = [3]float64{(1 + c) * (1 + c) / 4, -math.Pi / 2 * (1 + c) * s / x.half,
				-math.Pi * math.Pi / 2 * (c + math.Cos(2*math.Pi*z)) / x.half / x.half}
			for k := range sum {
				sum[k] += w[j][k]
			}
		}
		tanh := func(v, sign float64) [3]float64 {
			t := math.Tanh(v / sharp)
			e := 1 - t*t
			return [3]float64{t, sign * e / sharp, -2 * t * e / sharp / sharp}
		}
		edge := product(tanh(at, 1), tanh(1-at, -1))
		for j := range blocks {
			var q [3]float64
			q[0] = w[j][0] / sum[0]
			q[1] = (w[j][1] - q[0]*sum[1]) / sum[0]
			q[2] = (w[j][2] - 2*q[1]*sum[1] - q[0]*sum[2]) / sum[0]
			x.a[j*points+i] = product(edge, q)
		}
	}
	return x
}

func (x *axis) at(i int) float64 { return float64(i) / float64(x.points-1) }

func (x *axis) centre(j int) float64 {
	if x.blocks == 1 {
		return 0.5
	}
	return float64(j) / float64(x.blocks-1)
}

func (x *axis) inside(j, i int) bool { return math.Abs(x.at(i)-x.centre(j)) <= x.half }

// newMade has blocks subdomains and points points along each of dims axes.
func newMade(dims, blocks, points, features int, laplace bool) *made {
	m := &made{features: features, laplace: laplace, points: points, seed: 1, owner: func([]float64) int32 { return 0 }}
	for range dims {
		m.axes = append(m.axes, newAxis(blocks, points, 1.9, 1/float64(2*blocks)))
	}
	return m
}

func (m *made) grid() int {
	n := 1
	for range m.axes {
		n *= m.points
	}
	return n
}

func (m *made) blocks() int {
	n := 1
	for _, a := range m.axes {
		n *= a.blocks
	}
	if m.global {
		n++
	}
	return n
}

// split is the index of block or point along each axis, the last axis fastest.
func (m *made) split(k int, size func(a *axis) int) []int {
	at := make([]int, len(m.axes))
	for a := len(m.axes) - 1; a >= 0; a-- {
		n := size(&m.axes[a])
		at[a] = k % n
		k /= n
	}
	return at
}

func (m *made) block(j int) []int { return m.split(j, func(a *axis) int { return a.blocks }) }
func (m *made) point(i int) []int { return m.split(i, func(a *axis) int { return a.points }) }

func (m *made) isGlobal(j int) bool { return m.global && j == m.blocks()-1 }

// place is a point in space.
func (m *made) place(i int) []float64 {
	x := make([]float64, len(m.axes))
	for a, k := range m.point(i) {
		x[a] = m.axes[a].at(k)
	}
	return x
}

func (m *made) centre(j int) []float64 {
	x := make([]float64, len(m.axes))
	for a := range x {
		x[a] = 0.5
		if !m.isGlobal(j) {
			x[a] = m.axes[a].centre(m.block(j)[a])
		}
	}
	return x
}

// rows of block j, all points inside, ascending.
func (m *made) rows(j int) []int {
	rows := []int{0}
	for a := range m.axes {
		x := &m.axes[a]
		var more []int
		for _, r := range rows {
			for i := range m.points {
				if m.isGlobal(j) || x.inside(m.block(j)[a], i) {
					more = append(more, r*m.points+i)
				}
			}
		}
		rows = more
	}
	return rows
}

// weights of the features of block j: [features][dims+1].
func (m *made) weights(j int) [][]float64 {
	rng := rand.New(rand.NewPCG(m.seed, uint64(j)))
	w := make([][]float64, m.features)
	for f := range w {
		w[f] = make([]float64, len(m.axes)+1)
		for k := range w[f] {
			w[f][k] = 2*rng.Float64() - 1
		}
		if m.repeat && f >= m.features/2 {
			copy(w[f], w[f-m.features/2])
		}
	}
	return w
}

// row writes the numbers of point i in block j to a[f·stride].
func (m *made) row(j, i int, w [][]float64, a []float64, stride int) {
	at := m.point(i)
	window := make([][3]float64, len(m.axes))
	half := make([]float64, len(m.axes))
	z := make([]float64, len(m.axes))
	for k := range m.axes {
		x := &m.axes[k]
		if m.isGlobal(j) {
			one := newEdge(x, at[k])
			window[k], half[k], z[k] = one, 1, 2*x.at(at[k])-1
			continue
		}
		c := m.block(j)[k]
		window[k], half[k] = x.a[c*x.points+at[k]], x.half
		z[k] = (x.at(at[k]) - x.centre(c)) / x.half
	}
	for f := range w {
		v := w[f][len(z)]
		for k := range z {
			v += w[f][k] * z[k]
		}
		t := math.Tanh(v)
		e := 1 - t*t
		if f == 0 { // the constant
			t, e = 1, 0
		}
		value := t
		for k := range z {
			value *= window[k][0]
		}
		if m.laplace {
			value = 0
			for k := range z {
				others := 1.0
				for l := range z {
					if l != k {
						others *= window[l][0]
					}
				}
				d := w[f][k] / half[k]
				value += others * (window[k][2]*t + 2*window[k][1]*e*d - 2*window[k][0]*t*e*d*d)
			}
		}
		if m.dead == j && j > 0 {
			value = 0
		}
		a[f*stride] = value * (1 + m.change*math.Sin(float64(at[0])))
	}
}

// newEdge sums the windows of all subdomains: the factor that vanishes at the ends.
func newEdge(x *axis, i int) [3]float64 {
	var s [3]float64
	for j := range x.blocks {
		for k := range s {
			s[k] += x.a[j*x.points+i][k]
		}
	}
	return s
}

// system is the share of a rank. points lists its rows in the whole.
func (m *made) system(rank int) (sys *System, points []int) {
	sys = &System{}
	mine := make(map[int]int32)
	for i := range m.grid() {
		if m.owner(m.place(i)) == int32(rank) {
			mine[i] = int32(len(points))
			points = append(points, i)
		}
	}
	sys.Rows = len(points)
	sys.Centre = make([][]float64, len(m.axes))
	var rows [][]int
	for j := range m.blocks() {
		c := m.centre(j)
		sys.Owner = append(sys.Owner, m.owner(c))
		if m.bare > 0 && m.bare == j {
			sys.Columns = append(sys.Columns, 0)
		} else {
			sys.Columns = append(sys.Columns, m.features)
		}
		for a := range c {
			sys.Centre[a] = append(sys.Centre[a], c[a])
		}
		var here []int
		t := Touch{Block: j}
		for _, i := range m.rows(j) {
			k, ok := mine[i]
			if !ok {
				continue
			}
			if last := len(t.Runs) - 1; last >= 0 && t.Runs[last].Point+t.Runs[last].N == k {
				t.Runs[last].N++
			} else {
				t.Runs = append(t.Runs, kernels.Run{Tile: int32(len(here)), Point: k, N: 1})
			}
			here = append(here, i)
		}
		t.LD = len(here)
		if len(here) > 0 || int(sys.Owner[j]) == rank {
			sys.Touch = append(sys.Touch, t)
			rows = append(rows, here)
		}
	}
	sys.Fill = func(t int, a []float64) {
		v := &sys.Touch[t]
		w := m.weights(v.Block)
		for k, i := range rows[t] {
			m.row(v.Block, i, w, a[k:], v.LD)
		}
	}
	return sys, points
}

// right is a right-hand side that the blocks fit to some digits: waves of several lengths.
func (m *made) right(i int) float64 {
	if m.wave != nil {
		return m.wave(m.place(i))
	}
	v := 0.0
	for _, f := range []float64{1, 2, 4} {
		p := 1.0
		for _, x := range m.place(i) {
			p *= math.Sin(f * math.Pi * x)
		}
		if m.laplace {
			p *= f * f
		}
		v += p
	}
	return v
}

// strips gives rank r of n the r-th strip of the first axis, weighted: a rank of weight 0 owns nothing.
func strips(weight ...float64) func(x []float64) int32 {
	total := 0.0
	for _, w := range weight {
		total += w
	}
	return func(x []float64) int32 {
		sum := 0.0
		last := 0
		for r, w := range weight {
			if w == 0 {
				continue
			}
			last = r
			if sum += w; x[0] < sum/total-1e-9 {
				return int32(r)
			}
		}
		return int32(last)
	}
}

// whole is the dense problem with its filter done block by block: B, and the J it came from.
func (m *made) whole(lib *dense.Library, tau float64) (b, j dense.Matrix, sigma, right []float64) {
	var blocks []dense.Matrix
	n := 0
	var w dense.Work
	j = dense.NewMatrix(m.grid(), m.blocks()*m.features)
	for k := range m.blocks() {
		full := j.Sub(0, k*m.features, m.grid(), m.features)
		weights := m.weights(k)
		for _, i := range m.rows(k) {
			if m.bare > 0 && m.bare == k {
				break
			}
			m.row(k, i, weights, full.Data[i:], full.Stride)
		}
		scaled := dense.NewMatrix(full.Rows, full.Cols)
		for c := range full.Cols {
			if norm := math.Sqrt(dot(full.Col(c), full.Col(c))); norm > 0 {
				for i, x := range full.Col(c) {
					scaled.Col(c)[i] = x / norm
				}
			}
		}
		s, vt := make([]float64, m.features), dense.NewMatrix(m.features, m.features)
		u := dense.NewMatrix(m.grid(), m.features)
		if err := lib.SVD(scaled, s, u, vt, &w); err != nil {
			panic(err)
		}
		kept := 0
		for kept < len(s) && s[kept] > tau*s[0] {
			kept++
		}
		blocks, sigma = append(blocks, u.Sub(0, 0, m.grid(), kept)), append(sigma, s[:kept]...)
		n += kept
	}
	b = dense.NewMatrix(m.grid(), n)
	at := 0
	for _, u := range blocks {
		for c := range u.Cols {
			copy(b.Col(at), u.Col(c))
			at++
		}
	}
	right = make([]float64, m.grid())
	for i := range right {
		right[i] = m.right(i)
	}
	return b, j, sigma, right
}
