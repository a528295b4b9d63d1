package direct

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"fbpinn-mpi/kernels/dense"
)

// residual bounds ‖A·x - b‖₂ / (‖A‖_F·‖x‖₂): Cholesky's backward error is at most 3·N²·ε (Higham 2002, theorem 10.4) and in practice
// below N·ε, which is 4e-13 for the largest matrix here.
const residual = 1e-12

// difference bounds two factors of one matrix, relative to the largest entry: backward error times the condition number, below 100
// for the matrices here.
const difference = 1e-11

func library(t testing.TB) *dense.Library {
	t.Helper()
	l, err := dense.Open()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// matrix is a symmetric block matrix with its graph's places in space.
type matrix struct {
	*Pattern
	value  [][]float64
	centre [][]float64
}

// fill gives a pattern random numbers: blocks of uniform ±1, and a diagonal that dominates, so that it is positive definite.
// Upper triangles of diagonal blocks, which must not be read, are NaN.
func fill(p *Pattern, r *rand.Rand) *matrix {
	m := &matrix{Pattern: p, value: make([][]float64, len(p.Row))}
	sums := make([][]float64, len(p.Size)) // of absolute values in each row
	for j, n := range p.Size {
		sums[j] = make([]float64, n)
	}
	for j := range p.Size {
		for k := p.Start[j]; k < p.Start[j+1]; k++ {
			i := int(p.Row[k])
			rows := p.Size[i]
			m.value[k] = make([]float64, rows*p.Size[j])
			for c := range p.Size[j] {
				for a := range rows {
					x := 2*r.Float64() - 1
					if i == j && a < c {
						x = math.NaN()
					} else if i != j || a != c {
						sums[i][a] += math.Abs(x)
						sums[j][c] += math.Abs(x)
					}
					m.value[k][a+c*rows] = x
				}
			}
		}
	}
	for j, n := range p.Size {
		for a := range n {
			m.value[p.Start[j]][a+a*n] = 1 + sums[j][a]
		}
	}
	return m
}

// pattern makes one from edges.
func pattern(size []int, touch func(i, j int) bool) *Pattern {
	p := &Pattern{Size: size, Start: []int{0}}
	for j := range size {
		p.Row = append(p.Row, int32(j))
		for i := j + 1; i < len(size); i++ {
			if touch(i, j) {
				p.Row = append(p.Row, int32(i))
			}
		}
		p.Start = append(p.Start, len(p.Row))
	}
	return p
}

// grid is a tensor grid whose blocks touch those at most reach away in every direction, sizes drawn from low..high.
func grid(r *rand.Rand, shape []int, reach, low, high int) (*Pattern, [][]float64) {
	n := 1
	for _, s := range shape {
		n *= s
	}
	centre := make([][]float64, len(shape))
	size := make([]int, n)
	for v := range n {
		size[v] = low + r.IntN(high-low+1)
		rest := v
		for a, s := range shape {
			centre[a] = append(centre[a], float64(rest%s))
			rest /= s
		}
	}
	return pattern(size, func(i, j int) bool {
		for _, x := range centre {
			if math.Abs(x[i]-x[j]) > float64(reach) {
				return false
			}
		}
		return true
	}), centre
}

// expand is A + ridge in full.
func (m *matrix) expand(ridge float64) dense.Matrix {
	at := []int{0}
	for _, n := range m.Size {
		at = append(at, at[len(at)-1]+n)
	}
	a := dense.NewMatrix(at[len(at)-1], at[len(at)-1])
	for j := range m.Size {
		for k := m.Start[j]; k < m.Start[j+1]; k++ {
			i := int(m.Row[k])
			for c := range m.Size[j] {
				for b := range m.Size[i] {
					if i != j || b >= c {
						x := m.value[k][b+c*m.Size[i]]
						a.Set(at[i]+b, at[j]+c, x)
						a.Set(at[j]+c, at[i]+b, x)
					}
				}
			}
		}
	}
	for c := range a.Cols {
		a.Set(c, c, a.At(c, c)+ridge)
	}
	return a
}

func norm(v []float64) float64 {
	s := 0.0
	for _, x := range v {
		s += x * x
	}
	return math.Sqrt(s)
}

type testCase struct {
	name string
	m    *matrix
}

func cases() []testCase {
	r := rand.New(rand.NewPCG(1, 2))
	of := func(p *Pattern, centre [][]float64) *matrix {
		m := fill(p, r)
		m.centre = centre
		return m
	}
	sizes := func(n, low, high int) []int {
		s := make([]int, n)
		for i := range s {
			s[i] = low + r.IntN(high-low+1)
		}
		return s
	}
	never := func(i, j int) bool { return false }
	always := func(i, j int) bool { return true }
	list := []testCase{
		{"one block", of(pattern([]int{7}, never), nil)},
		{"one block of many panels", of(pattern([]int{700}, never), nil)},
		{"one unknown", of(pattern([]int{1}, never), nil)},
		{"no unknowns", of(pattern([]int{0, 0}, always), nil)},
		{"disconnected", of(pattern(sizes(30, 1, 9), func(i, j int) bool { return i%5 == j%5 && i/5 == j/5+1 }), nil)},
		{"full", of(pattern(sizes(9, 20, 60), always), nil)},
		{"arrow", of(pattern(sizes(60, 1, 20), func(i, j int) bool { return j == 0 }), nil)},
		{"arrow the other way", of(pattern(sizes(60, 1, 20), func(i, j int) bool { return i == 59 }), nil)},
		{"random", of(pattern(sizes(80, 0, 12), func(i, j int) bool { return r.IntN(20) == 0 }), nil)},
	}
	for _, g := range []struct {
		shape      []int
		reach      int
		low, high  int
		withCentre bool
	}{
		{[]int{40}, 1, 1, 30, true},
		{[]int{40}, 2, 5, 30, false},
		{[]int{9, 9}, 1, 0, 30, true},
		{[]int{9, 9}, 1, 12, 12, false},
		{[]int{8, 11}, 2, 3, 12, true},
		{[]int{4, 5, 4}, 1, 8, 20, true},
		{[]int{4, 5, 4}, 1, 8, 20, false},
		{[]int{12, 12}, 1, 4, 12, true},
	} {
		p, centre := grid(r, g.shape, g.reach, g.low, g.high)
		if !g.withCentre {
			centre = nil
		}
		list = append(list, testCase{fmt.Sprintf("grid %v reach %d centres %v", g.shape, g.reach, g.withCentre), of(p, centre)})
	}
	// Two levels: the last block touches all of a grid.
	p, centre := grid(r, []int{7, 7}, 1, 5, 15)
	size := append(slices.Clone(p.Size), 25)
	for a := range centre {
		centre[a] = append(centre[a], 3)
	}
	list = append(list, testCase{"two levels", of(pattern(size, func(i, j int) bool {
		return i == 49 || math.Abs(centre[0][i]-centre[0][j]) <= 1 && math.Abs(centre[1][i]-centre[1][j]) <= 1
	}), centre)})
	return list
}

// small sizes let small matrices take every road: many panels, large fronts, units of single fronts, groups.
var small = sizes{panel: 32, large: 3e5, group: 1e6}

// plans of a case: with the usual and with small sizes.
func (c testCase) plans() []*Plan {
	return []*Plan{Analyse(c.m.Pattern, c.m.centre), analyse(c.m.Pattern, c.m.centre, small)}
}
