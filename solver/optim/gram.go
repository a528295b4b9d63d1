package optim

import (
	"math"

	"fbpinn-mpi/kernels"
)

// gram holds the scalar products of the basis of L-BFGS. Vectors are numbered 0..m-1 = s, m..2m-1 = y (places of the ring), 2m =
// g.
type gram struct {
	m     int
	v     []float64 // [2m+1][2m+1], symmetric
	fused []float64 // products on their way through one reduction
	live  []int     // vectors in use
}

func newGram(m int) gram {
	k := 2*m + 1
	return gram{m: m, v: make([]float64, k*k), fused: make([]float64, 3*k), live: make([]int, 0, k)}
}

func (g *gram) at(a, b int) float64 { return g.v[a*(2*g.m+1)+b] }

func (g *gram) set(a, b int, x float64) {
	g.v[a*(2*g.m+1)+b] = x
	g.v[b*(2*g.m+1)+a] = x
}

// gradient is the number of g.
func (g *gram) gradient() int { return 2 * g.m }

// Curvature below this share of ‖s‖‖y‖ is rounding: such a pair would blow up the direction.
const leastCurvature = 1e-10

// update recomputes the row of g and, with pair, those of the pair at head, in one reduction; then it admits or refuses the
// pair.
func (l *LBFGS[T]) update(pair bool) error {
	rows := [3]int{l.gram.gradient(), l.head, l.set.Memory + l.head}
	n := 1
	if pair {
		n = 3
	}
	if err := l.products(rows[:n]); err != nil {
		return err
	}
	l.GradNorm = math.Sqrt(l.gram.at(rows[0], rows[0]))
	if !pair {
		return nil
	}
	sy := l.gram.at(rows[1], rows[2])
	if sy > leastCurvature*math.Sqrt(l.gram.at(rows[1], rows[1])*l.gram.at(rows[2], rows[2])) {
		l.head = (l.head + 1) % l.set.Memory
		l.pairs = min(l.pairs+1, l.set.Memory)
	} else if l.pairs == l.set.Memory { // the refused pair lies where the oldest was
		l.pairs--
	}
	return nil
}

// products fills the given rows of the Gram matrix against all vectors in use and the rows themselves.
func (l *LBFGS[T]) products(rows []int) error {
	g := &l.gram
	g.live = append(g.live[:0], rows...)
	for k := 1; k <= l.pairs; k++ {
		p := l.place(k)
		for _, v := range [2]int{p, l.set.Memory + p} {
			if !within(rows, v) {
				g.live = append(g.live, v)
			}
		}
	}
	buf := g.fused[:0]
	for i, a := range rows {
		for _, b := range g.live[i:] {
			buf = append(buf, l.dot.local(l.vector(a), l.vector(b)))
		}
	}
	if err := l.dot.sum.Sum(buf); err != nil {
		return err
	}
	k := 0
	for i, a := range rows {
		for _, b := range g.live[i:] {
			g.set(a, b, buf[k])
			k++
		}
	}
	return nil
}

func within(rows []int, v int) bool {
	for _, r := range rows {
		if r == v {
			return true
		}
	}
	return false
}

// place is where the k-th newest pair lies, k = 1 the newest.
func (l *LBFGS[T]) place(k int) int { return (l.head - k + l.set.Memory) % l.set.Memory }

func (l *LBFGS[T]) vector(v int) []T {
	switch m := l.set.Memory; {
	case v < m:
		return l.s[v]
	case v < 2*m:
		return l.y[v-m]
	}
	return l.g
}

// direction sets d = -H g and returns g·d. q and r of the recursion are coefficients over the basis.
func (l *LBFGS[T]) direction() (slope float64) {
	m, g := l.set.Memory, &l.gram
	q := l.coefficients
	clear(q)
	q[g.gradient()] = 1
	along := func(v int) float64 { // <q, v>
		sum := q[g.gradient()] * g.at(g.gradient(), v)
		for k := 1; k <= l.pairs; k++ {
			p := l.place(k)
			sum += q[p]*g.at(p, v) + q[m+p]*g.at(m+p, v)
		}
		return sum
	}
	alpha := g.fused[:m] // no reduction is under way
	for k := 1; k <= l.pairs; k++ {
		p := l.place(k)
		alpha[p] = along(p) / g.at(p, m+p)
		q[m+p] -= alpha[p]
	}
	if l.pairs > 0 { // H_0 = γ I, Eq. (7.20)
		p := l.place(1)
		gamma := g.at(p, m+p) / g.at(m+p, m+p)
		for i := range q {
			q[i] *= gamma
		}
	}
	for k := l.pairs; k >= 1; k-- {
		p := l.place(k)
		q[p] += alpha[p] - along(m+p)/g.at(p, m+p)
	}
	for i := range q {
		q[i] = -q[i]
	}
	l.combine(q)
	return along(g.gradient())
}

// combine sets d = Σ_v q_v b_v, in float64 by chunks that stay in cache: the terms cancel too much for float32.
func (l *LBFGS[T]) combine(q []float64) {
	const chunk = 512
	var sum [chunk]float64
	for from := 0; from < l.dot.n; from += chunk {
		to := min(from+chunk, l.dot.n)
		acc := sum[:to-from]
		addScaled(acc, q[l.gram.gradient()], l.g[from:to], true)
		for k := 1; k <= l.pairs; k++ {
			p := l.place(k)
			addScaled(acc, q[p], l.s[p][from:to], false)
			addScaled(acc, q[l.set.Memory+p], l.y[p][from:to], false)
		}
		for i, v := range acc {
			l.d[from+i] = T(v)
		}
	}
}

func addScaled[T kernels.Real](acc []float64, q float64, b []T, first bool) {
	if first {
		for i, v := range b {
			acc[i] = q * float64(v)
		}
		return
	}
	for i, v := range b {
		acc[i] += q * float64(v)
	}
}
