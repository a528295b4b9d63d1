package dense

// #include "dense.h"
import "C"

import (
	"fmt"
	"math"
)

// Work is scratch memory of LAPACK calls. The zero value is ready; it grows to what the largest call needs and is kept between
// calls. One goroutine at a time.
type Work struct {
	reals []float64
	ints  []int32
	copy  []float64 // of a matrix that LAPACK destroys
}

func (w *Work) real(n int) []float64 {
	if cap(w.reals) < n {
		w.reals = make([]float64, n)
	}
	return w.reals[:n]
}

func (w *Work) int(n int) []int32 {
	if cap(w.ints) < n {
		w.ints = make([]int32, n)
	}
	return w.ints[:n]
}

// duplicate is a copy of m without gaps between its columns.
func (w *Work) duplicate(m Matrix) Matrix {
	if cap(w.copy) < m.Rows*m.Cols {
		w.copy = make([]float64, m.Rows*m.Cols)
	}
	d := Of(w.copy[:m.Rows*m.Cols], m.Rows, m.Cols)
	for j := range m.Cols {
		copy(d.Col(j), m.Col(j))
	}
	return d
}

// optimal asks call, which takes scratch memory and its length (-1: only say how much), and then runs it. LAPACK answers in the
// first number.
func (w *Work) optimal(call func(work []float64, n C.int) C.int) C.int {
	if info := call(w.real(8), -1); info != 0 {
		return info
	}
	n := int(w.real(8)[0])
	return call(w.real(max(1, n)), C.int(max(1, n)))
}

// Potrf overwrites a triangle of the symmetric A by its Cholesky factor, A = L·Lᵀ or Uᵀ·U. Returns -1, or the first column whose
// pivot was not positive; columns before it are done.
func (l *Library) Potrf(tri Triangle, a Matrix) int {
	a.check()
	if a.Rows != a.Cols {
		panic("dense: Cholesky factor of a matrix that is not square")
	}
	if a.Rows == 0 {
		return -1
	}
	info := int(C.fb_potrf(l.table, C.char(tri), C.int(a.Rows), ptr(a.Data), ld(a)))
	if info < 0 {
		panic("dense: potrf refused its arguments")
	}
	return info - 1
}

// panel is how many reflectors Geqrt gathers before it applies them. On 2030×97 to 2030×161 its time is flat from 24 to 48, and 2 to
// 2.5 times less than that of geqrf, whose panels are matrix-vector work.
const panel = 32

// Panels is room for the triangles that Geqrt makes of a matrix of that size.
func Panels(rows, cols int) Matrix {
	k := min(rows, cols)
	return NewMatrix(min(panel, k), k)
}

// Geqrt overwrites A by R (upper triangle) and the reflectors of Q (below), and T, made by Panels, by the triangles that apply them in
// blocks: Q = Π (1 - V T Vᵀ). Panels are factored recursively (Elmroth & Gustavson, IBM J. Res. Dev. 44 (2000) 605).
func (l *Library) Geqrt(a, t Matrix, w *Work) {
	a.check()
	t.check()
	if t.Cols != min(a.Rows, a.Cols) || t.Rows != min(panel, t.Cols) {
		panic("dense: geqrt needs the room that Panels makes")
	}
	if a.empty() {
		return
	}
	must(C.fb_geqrt(l.table, C.int(a.Rows), C.int(a.Cols), C.int(t.Rows), ptr(a.Data), ld(a), ptr(t.Data), ld(t), ptr(w.real(t.Rows*a.Cols))))
}

// Gemqrt overwrites C by op(Q)·C, Q being what Geqrt left in the columns of q and in t.
func (l *Library) Gemqrt(op Op, q, t, c Matrix, w *Work) {
	q.check()
	t.check()
	c.check()
	if q.Rows != c.Rows || t.Cols != min(q.Rows, q.Cols) {
		panic("dense: reflectors do not fit their matrix")
	}
	if c.empty() || t.empty() {
		return
	}
	must(C.fb_gemqrt(l.table, 'L', C.char(op), C.int(c.Rows), C.int(c.Cols), C.int(t.Cols), C.int(t.Rows), ptr(q.Data), ld(q), ptr(t.Data),
		ld(t), ptr(c.Data), ld(c), ptr(w.real(t.Rows*c.Cols))))
}

// SVD is A = U·diag(s)·Vᵀ with k = min(Rows, Cols) values in descending order, U Rows×k, Vᵀ k×Cols; with U and Vᵀ the zero Matrix,
// only the values. A is kept. Divide and conquer; where that does not converge, QR iterations.
func (l *Library) SVD(a Matrix, s []float64, u, vt Matrix, w *Work) error {
	a.check()
	u.check()
	vt.check()
	k := min(a.Rows, a.Cols)
	job := C.char('S')
	if u.empty() && vt.empty() {
		job = 'N'
	} else if u.Rows != a.Rows || u.Cols != k || vt.Rows != k || vt.Cols != a.Cols {
		panic("dense: singular vectors do not fit")
	}
	if len(s) != k {
		panic("dense: one singular value for each row or column")
	}
	if k == 0 {
		return nil
	}
	iwork := w.int(8 * k)
	b := w.duplicate(a)
	info := w.optimal(func(work []float64, n C.int) C.int {
		return C.fb_gesdd(l.table, job, C.int(b.Rows), C.int(b.Cols), ptr(b.Data), ld(b), ptr(s), ptr(u.Data), ld(u), ptr(vt.Data), ld(vt),
			ptr(work), n, ints(iwork))
	})
	if info != 0 {
		b = w.duplicate(a)
		info = w.optimal(func(work []float64, n C.int) C.int {
			return C.fb_gesvd(l.table, job, C.int(b.Rows), C.int(b.Cols), ptr(b.Data), ld(b), ptr(s), ptr(u.Data), ld(u), ptr(vt.Data), ld(vt),
				ptr(work), n)
		})
	}
	// Neither reports what is not finite in all versions of LAPACK; the values then are not finite either.
	if info != 0 || math.IsNaN(s[0]) || math.IsInf(s[0], 0) {
		return fmt.Errorf("dense: no singular values of a matrix of %d rows and %d columns (info %d): not finite, or no convergence",
			a.Rows, a.Cols, info)
	}
	return nil
}

// Syevd finds the eigenvalues of the symmetric A, ascending, and, where vectors is set, overwrites A by the orthonormal
// eigenvectors; else it destroys the triangle.
func (l *Library) Syevd(tri Triangle, a Matrix, values []float64, vectors bool, w *Work) error {
	a.check()
	if a.Rows != a.Cols || len(values) != a.Rows {
		panic("dense: one eigenvalue for each row of a square matrix")
	}
	n := a.Rows
	if n == 0 {
		return nil
	}
	job := eigenJob(vectors)
	reals, integers := eigenWork(n, vectors)
	work, iwork := w.real(reals), w.int(integers)
	if info := C.fb_syevd(l.table, job, C.char(tri), C.int(n), ptr(a.Data), ld(a), ptr(values), ptr(work), C.int(len(work)), ints(iwork),
		C.int(len(iwork))); info != 0 {
		return fmt.Errorf("dense: eigenvalues of order %d did not converge (info %d)", n, info)
	}
	return nil
}

// Sygvd finds the eigenvalues of A x = λ B x, ascending, B positive definite, and, where vectors is set, overwrites A by the eigenvectors
// X with Xᵀ B X = 1. B is overwritten by its Cholesky factor.
func (l *Library) Sygvd(tri Triangle, a, b Matrix, values []float64, vectors bool, w *Work) error {
	a.check()
	b.check()
	n := a.Rows
	if n != a.Cols || n != b.Rows || n != b.Cols || len(values) != n {
		panic("dense: one eigenvalue for each row of two square matrices")
	}
	if n == 0 {
		return nil
	}
	job := eigenJob(vectors)
	reals, integers := eigenWork(n, vectors)
	work, iwork := w.real(reals), w.int(integers)
	info := C.fb_sygvd(l.table, job, C.char(tri), C.int(n), ptr(a.Data), ld(a), ptr(b.Data), ld(b), ptr(values), ptr(work), C.int(len(work)),
		ints(iwork), C.int(len(iwork)))
	switch {
	case int(info) > n:
		return fmt.Errorf("dense: second matrix of order %d is not positive definite at row %d", n, int(info)-n-1)
	case info != 0:
		return fmt.Errorf("dense: generalised eigenvalues of order %d did not converge (info %d)", n, info)
	}
	return nil
}

func eigenJob(vectors bool) C.char {
	if vectors {
		return 'V'
	}
	return 'N'
}

// eigenWork is what dsyevd and dsygvd need (LAPACK users' guide); more than that serves blocked reduction.
func eigenWork(n int, vectors bool) (reals, integers int) {
	const block = 64 // columns of the blocked reduction to tridiagonal form
	if !vectors {
		return max(2*n+1, (block+2)*n) + 1, 1
	}
	return max(1+6*n+2*n*n, (block+2)*n), 3 + 5*n
}

// must panics where LAPACK refuses arguments: such calls have no other failure.
func must(info C.int) {
	if info != 0 {
		panic("dense: LAPACK refused its arguments")
	}
}
