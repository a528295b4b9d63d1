package dense

// #include "dense.h"
import "C"

import "unsafe"

// Op says whether a factor is taken as it is or transposed.
type Op byte

const (
	NoTrans Op = 'N'
	Trans   Op = 'T'
)

// Side is where a factor stands.
type Side byte

const (
	Left  Side = 'L'
	Right Side = 'R'
)

// Triangle is the part of a square matrix that is read and written; the other is not touched.
type Triangle byte

const (
	Lower Triangle = 'L'
	Upper Triangle = 'U'
)

// In all calls, matrices that are written must not overlap others.

// Gemm is C = alpha·op(A)·op(B) + beta·C. With beta = 0, C need not be set.
func (l *Library) Gemm(ta, tb Op, alpha float64, a, b Matrix, beta float64, c Matrix) {
	m, k := shape(ta, a)
	k2, n := shape(tb, b)
	c.check()
	if m != c.Rows || n != c.Cols || k != k2 {
		panic("dense: factors of a product do not fit")
	}
	if c.empty() {
		return
	}
	C.fb_gemm(l.table, C.char(ta), C.char(tb), C.int(m), C.int(n), C.int(k), C.double(alpha), ptr(a.Data), ld(a), ptr(b.Data), ld(b),
		C.double(beta), ptr(c.Data), ld(c))
}

// Syrk is C = alpha·op(A)·op(A)ᵀ + beta·C, on a triangle of C.
func (l *Library) Syrk(tri Triangle, op Op, alpha float64, a Matrix, beta float64, c Matrix) {
	n, k := shape(op, a)
	c.check()
	if n != c.Rows || n != c.Cols {
		panic("dense: factor of a square does not fit")
	}
	if n == 0 {
		return
	}
	C.fb_syrk(l.table, C.char(tri), C.char(op), C.int(n), C.int(k), C.double(alpha), ptr(a.Data), ld(a), C.double(beta), ptr(c.Data),
		ld(c))
}

// Trsm is B = alpha·op(T)⁻¹·B, or alpha·B·op(T)⁻¹ with T at the right.
//
// Large triangles are halved, so that most of the work is in products: the AVX-512 kernels of OpenBLAS 0.3.21 solve with triangles of 264
// at 0.55 of the rate of products, halved to 33 at 0.75 (Zen 4); those for AVX2 at 0.85 and 0.9.
func (l *Library) Trsm(side Side, tri Triangle, op Op, alpha float64, t, b Matrix) {
	triangular(side, t, b)
	if !b.empty() {
		l.trsm(side, tri, op, alpha, t, b)
	}
}

// wholeTriangle is the order from which a triangle is halved, if it meets as many vectors.
const wholeTriangle = 48

func (l *Library) trsm(side Side, tri Triangle, op Op, alpha float64, t, b Matrix) {
	n, vectors := b.Rows, b.Cols
	if side == Right {
		n, vectors = vectors, n
	}
	if n < wholeTriangle || vectors < wholeTriangle {
		C.fb_trsm(l.table, C.char(side), C.char(tri), C.char(op), C.int(b.Rows), C.int(b.Cols), C.double(alpha), ptr(t.Data), ld(t),
			ptr(b.Data), ld(b))
		return
	}
	h := (n/2 + 7) &^ 7 // whole registers
	t1, t2, off := t.Sub(0, 0, h, h), t.Sub(h, h, n-h, n-h), t.Sub(h, 0, n-h, h)
	if tri == Upper {
		off = t.Sub(0, h, h, n-h)
	}
	lower := (tri == Lower) == (op == NoTrans) // is op(T)
	if side == Left {
		b1, b2 := b.Sub(0, 0, h, b.Cols), b.Sub(h, 0, n-h, b.Cols)
		if !lower { // from below
			t1, t2, b1, b2 = t2, t1, b2, b1
		}
		l.trsm(side, tri, op, alpha, t1, b1)
		l.Gemm(op, NoTrans, -1, off, b1, alpha, b2)
		l.trsm(side, tri, op, 1, t2, b2)
		return
	}
	b1, b2 := b.Sub(0, 0, b.Rows, h), b.Sub(0, h, b.Rows, n-h)
	if lower { // from the right
		t1, t2, b1, b2 = t2, t1, b2, b1
	}
	l.trsm(side, tri, op, alpha, t1, b1)
	l.Gemm(NoTrans, op, -1, b1, off, alpha, b2)
	l.trsm(side, tri, op, 1, t2, b2)
}

// Trmm is B = alpha·op(T)·B, or alpha·B·op(T) with T at the right.
func (l *Library) Trmm(side Side, tri Triangle, op Op, alpha float64, t, b Matrix) {
	triangular(side, t, b)
	if b.empty() {
		return
	}
	C.fb_trmm(l.table, C.char(side), C.char(tri), C.char(op), C.int(b.Rows), C.int(b.Cols), C.double(alpha), ptr(t.Data), ld(t),
		ptr(b.Data), ld(b))
}

// Gemv is y = alpha·op(A)·x + beta·y.
func (l *Library) Gemv(op Op, alpha float64, a Matrix, x []float64, beta float64, y []float64) {
	rows, cols := shape(op, a)
	if len(x) != cols || len(y) != rows {
		panic("dense: vectors do not fit their matrix")
	}
	if a.empty() {
		for i := range y { // which BLAS leaves as it is
			y[i] *= beta
		}
		return
	}
	C.fb_gemv(l.table, C.char(op), C.int(a.Rows), C.int(a.Cols), C.double(alpha), ptr(a.Data), ld(a), ptr(x), C.double(beta), ptr(y))
}

// Trsv is x = op(T)⁻¹·x.
func (l *Library) Trsv(tri Triangle, op Op, t Matrix, x []float64) {
	t.check()
	if t.Rows != t.Cols || len(x) != t.Rows {
		panic("dense: triangle and vector do not fit")
	}
	if len(x) == 0 {
		return
	}
	C.fb_trsv(l.table, C.char(tri), C.char(op), C.int(t.Rows), ptr(t.Data), ld(t), ptr(x))
}

// shape of op(m), checked.
func shape(op Op, m Matrix) (rows, cols int) {
	m.check()
	if op == Trans {
		return m.Cols, m.Rows
	}
	return m.Rows, m.Cols
}

func triangular(side Side, t, b Matrix) {
	t.check()
	b.check()
	n := b.Rows
	if side == Right {
		n = b.Cols
	}
	if t.Rows != n || t.Cols != n {
		panic("dense: triangle does not fit its matrix")
	}
}

func ptr(v []float64) *C.double { return (*C.double)(unsafe.Pointer(unsafe.SliceData(v))) }

func ints(v []int32) *C.int { return (*C.int)(unsafe.Pointer(unsafe.SliceData(v))) }

// ld is the distance of columns, which BLAS wants positive even where there is none.
func ld(m Matrix) C.int { return C.int(max(1, m.Stride)) }
