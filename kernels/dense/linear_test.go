package dense

import (
	"math"
	"math/rand/v2"
	"testing"
)

// tolerance bounds the relative error of what is tested here: sums of up to 300 products of numbers of order 1 and backward stable
// factorisations of matrices of that order, whose bounds are n·ε = 7e-14 times a small constant (Higham 2002, chapters 3, 10, 19).
const tolerance = 1e-12

func library(t testing.TB) *Library {
	t.Helper()
	l, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// random has a stride larger than its rows, NaN between its columns.
func random(r *rand.Rand, rows, cols int) Matrix {
	m := Matrix{make([]float64, (rows+3)*cols), rows, cols, rows + 3}
	for i := range m.Data {
		m.Data[i] = math.NaN()
	}
	for j := range cols {
		for i := range rows {
			m.Set(i, j, r.NormFloat64())
		}
	}
	return m
}

// spd is G·Gᵀ + n, in full.
func spd(r *rand.Rand, n int) Matrix {
	g := random(r, n, n)
	a := random(r, n, n)
	times(NoTrans, Trans, 1, g, g, 0, a)
	for i := range n {
		a.Set(i, i, a.At(i, i)+float64(n))
	}
	return a
}

func clone(m Matrix) Matrix {
	m.Data = append([]float64(nil), m.Data...)
	return m
}

func entry(op Op, m Matrix, i, j int) float64 {
	if op == Trans {
		return m.At(j, i)
	}
	return m.At(i, j)
}

// times is Gemm in plain loops.
func times(ta, tb Op, alpha float64, a, b Matrix, beta float64, c Matrix) {
	_, k := shape(ta, a)
	for j := range c.Cols {
		for i := range c.Rows {
			s := 0.0
			for p := range k {
				s += entry(ta, a, i, p) * entry(tb, b, p, j)
			}
			if beta != 0 {
				c.Set(i, j, alpha*s+beta*c.At(i, j))
			} else {
				c.Set(i, j, alpha*s)
			}
		}
	}
}

// triangle is op of a triangle of m, as a matrix with zeros.
func triangle(tri Triangle, m Matrix) Matrix {
	t := NewMatrix(m.Rows, m.Cols)
	for j := range m.Cols {
		for i := range m.Rows {
			if i == j || i > j == (tri == Lower) {
				t.Set(i, j, m.At(i, j))
			}
		}
	}
	return t
}

// near fails where a and b differ by more than tolerance times the largest number of b, or where one is not a number.
func near(t *testing.T, what string, a, b Matrix) {
	t.Helper()
	largest, worst := 0.0, 0.0
	for j := range b.Cols {
		for i := range b.Rows {
			largest = max(largest, math.Abs(b.At(i, j)))
			worst = max(worst, math.Abs(a.At(i, j)-b.At(i, j)))
		}
	}
	if !(worst <= tolerance*largest) {
		t.Errorf("%s: difference %.2g of %.2g", what, worst, largest)
	}
}

func identity(n int) Matrix {
	m := NewMatrix(n, n)
	for i := range n {
		m.Set(i, i, 1)
	}
	return m
}

var ops = []Op{NoTrans, Trans}
var triangles = []Triangle{Lower, Upper}

func TestProducts(t *testing.T) {
	l, r := library(t), rand.New(rand.NewPCG(1, 2))
	for _, n := range [][3]int{{1, 1, 1}, {5, 3, 7}, {33, 130, 65}, {40, 2, 0}} {
		for _, ta := range ops {
			for _, tb := range ops {
				a, b := random(r, n[0], n[2]), random(r, n[2], n[1])
				if ta == Trans {
					a = random(r, n[2], n[0])
				}
				if tb == Trans {
					b = random(r, n[1], n[2])
				}
				for _, beta := range []float64{0, -0.5} {
					c := random(r, n[0], n[1])
					want := clone(c)
					times(ta, tb, 1.5, a, b, beta, want)
					l.Gemm(ta, tb, 1.5, a, b, beta, c)
					near(t, "gemm", c, want)
				}
			}
			a := random(r, n[0], n[2])
			if ta == Trans {
				a = random(r, n[2], n[0])
			}
			for _, tri := range triangles {
				c := random(r, n[0], n[0])
				want := clone(c)
				times(ta, map[Op]Op{NoTrans: Trans, Trans: NoTrans}[ta], -1, a, a, 1, want)
				for j := range c.Cols { // the other triangle stays
					for i := range c.Rows {
						if i != j && i > j != (tri == Lower) {
							want.Set(i, j, c.At(i, j))
						}
					}
				}
				l.Syrk(tri, ta, -1, a, 1, c)
				near(t, "syrk", c, want)
			}
			x, y := random(r, n[2], 1), random(r, n[0], 1)
			want := clone(y)
			times(ta, NoTrans, 2, a, x, -1, want)
			l.Gemv(ta, 2, a, x.Col(0), -1, y.Col(0))
			near(t, "gemv", y, want)
		}
	}
}

func TestTriangles(t *testing.T) {
	l, r := library(t), rand.New(rand.NewPCG(3, 4))
	for _, n := range [][2]int{{1, 1}, {6, 9}, {70, 33}, {150, 70}, {60, 131}} {
		for _, tri := range triangles {
			for _, op := range ops {
				for _, side := range []Side{Left, Right} {
					b := random(r, n[0], n[1])
					order := n[0]
					if side == Right {
						order = n[1]
					}
					tm := spd(r, order)
					zeros := triangle(tri, tm)
					want := clone(b)
					if side == Left {
						times(op, NoTrans, 0.5, zeros, b, 0, want)
					} else {
						times(NoTrans, op, 0.5, b, zeros, 0, want)
					}
					got := clone(b)
					l.Trmm(side, tri, op, 0.5, tm, got)
					near(t, "trmm", got, want)
					l.Trsm(side, tri, op, 2, tm, got)
					near(t, "trsm", got, b)
					if side == Left {
						x := clone(b.Sub(0, 0, n[0], 1))
						v := clone(x)
						l.Trmm(Left, tri, op, 1, tm, v)
						l.Trsv(tri, op, tm, v.Col(0))
						near(t, "trsv", v, x)
					}
				}
			}
		}
	}
}

func TestCholesky(t *testing.T) {
	l, r := library(t), rand.New(rand.NewPCG(5, 6))
	for _, n := range []int{1, 7, 150} {
		for _, tri := range triangles {
			a := spd(r, n)
			f := clone(a)
			if bad := l.Potrf(tri, f); bad != -1 {
				t.Fatalf("column %d of a positive definite matrix refused", bad)
			}
			c, again := triangle(tri, f), NewMatrix(n, n)
			if tri == Lower {
				times(NoTrans, Trans, 1, c, c, 0, again)
			} else {
				times(Trans, NoTrans, 1, c, c, 0, again)
			}
			near(t, "potrf", again, a)
			a.Set(n/2, n/2, -1)
			if bad := l.Potrf(tri, a); bad != n/2 {
				t.Errorf("negative pivot in column %d of %d, reported %d", n/2, n, bad)
			}
		}
	}
}

func TestOrthogonal(t *testing.T) {
	l, r := library(t), rand.New(rand.NewPCG(7, 8))
	var w Work
	for _, n := range [][2]int{{1, 1}, {9, 4}, {4, 9}, {200, 70}, {70, 90}} {
		m, k := n[0], n[1]
		a := random(r, m, k)
		q, panels := clone(a), Panels(m, k)
		l.Geqrt(q, panels, &w)
		rows := min(m, k)
		upper := triangle(Upper, q.Sub(0, 0, rows, k))

		c := random(r, m, 5) // Q·Qᵀ·C = C with all m reflected directions
		d := clone(c)
		l.Gemqrt(Trans, q, panels, d, &w)
		l.Gemqrt(NoTrans, q, panels, d, &w)
		near(t, "gemqrt", d, c)

		qta := clone(a) // Qᵀ·A = R
		l.Gemqrt(Trans, q, panels, qta, &w)
		near(t, "gemqrt of A", qta.Sub(0, 0, rows, k), upper)

		first, again, one := NewMatrix(m, rows), NewMatrix(m, k), NewMatrix(rows, rows) // the first columns of Q
		for i := range rows {
			first.Set(i, i, 1)
		}
		l.Gemqrt(NoTrans, q, panels, first, &w)
		times(NoTrans, NoTrans, 1, first, upper, 0, again)
		near(t, "qr", again, a)
		times(Trans, NoTrans, 1, first, first, 0, one)
		near(t, "orthonormal columns", one, identity(rows))
	}
}

func TestSingularValues(t *testing.T) {
	l, r := library(t), rand.New(rand.NewPCG(9, 10))
	var w Work
	for _, n := range [][2]int{{1, 1}, {40, 40}, {90, 30}, {30, 90}} {
		a := random(r, n[0], n[1])
		before := clone(a)
		k := min(n[0], n[1])
		s, u, vt := make([]float64, k), NewMatrix(n[0], k), NewMatrix(k, n[1])
		if err := l.SVD(a, s, u, vt, &w); err != nil {
			t.Fatal(err)
		}
		near(t, "A is kept", a, before)
		us, again, one := clone(u), NewMatrix(n[0], n[1]), NewMatrix(k, k)
		for j := range k {
			if s[j] < 0 || j > 0 && s[j] > s[j-1] {
				t.Errorf("singular values %v not descending", s)
			}
			for i := range n[0] {
				us.Set(i, j, us.At(i, j)*s[j])
			}
		}
		times(NoTrans, NoTrans, 1, us, vt, 0, again)
		near(t, "svd", again, a)
		times(Trans, NoTrans, 1, u, u, 0, one)
		near(t, "left singular vectors", one, identity(k))
		times(NoTrans, Trans, 1, vt, vt, 0, one)
		near(t, "right singular vectors", one, identity(k))
		only := make([]float64, k)
		if err := l.SVD(a, only, Matrix{}, Matrix{}, &w); err != nil {
			t.Fatal(err)
		}
		near(t, "values only", Of(only, k, 1), Of(s, k, 1))
	}
	bad := random(r, 10, 10)
	bad.Set(3, 3, math.NaN())
	if err := l.SVD(bad, make([]float64, 10), Matrix{}, Matrix{}, &w); err == nil {
		t.Error("singular values of NaN")
	}
}

func TestEigenvalues(t *testing.T) {
	l, r := library(t), rand.New(rand.NewPCG(11, 12))
	var w Work
	for _, n := range []int{1, 5, 120} {
		for _, tri := range triangles {
			a, b := spd(r, n), spd(r, n)
			values, x := make([]float64, n), clone(a)
			if err := l.Syevd(tri, x, values, true, &w); err != nil {
				t.Fatal(err)
			}
			ax, xd, one := NewMatrix(n, n), clone(x), NewMatrix(n, n)
			times(NoTrans, NoTrans, 1, a, x, 0, ax)
			for j := range n {
				for i := range n {
					xd.Set(i, j, xd.At(i, j)*values[j])
				}
			}
			near(t, "syevd", ax, xd)
			times(Trans, NoTrans, 1, x, x, 0, one)
			near(t, "orthonormal eigenvectors", one, identity(n))
			only := make([]float64, n)
			if err := l.Syevd(tri, clone(a), only, false, &w); err != nil {
				t.Fatal(err)
			}
			near(t, "values only", Of(only, n, 1), Of(values, n, 1))

			x = clone(a)
			if err := l.Sygvd(tri, x, clone(b), values, true, &w); err != nil {
				t.Fatal(err)
			}
			bx := NewMatrix(n, n)
			times(NoTrans, NoTrans, 1, a, x, 0, ax)
			times(NoTrans, NoTrans, 1, b, x, 0, bx)
			times(Trans, NoTrans, 1, x, bx, 0, one)
			near(t, "B-orthonormal eigenvectors", one, identity(n))
			for j := range n {
				for i := range n {
					bx.Set(i, j, bx.At(i, j)*values[j])
				}
			}
			near(t, "sygvd", ax, bx)
			b.Set(n/2, n/2, -1)
			if err := l.Sygvd(tri, clone(a), b, values, false, &w); err == nil {
				t.Error("second matrix is not positive definite, no error")
			}
		}
	}
}
