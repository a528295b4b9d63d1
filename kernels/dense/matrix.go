package dense

import "math"

// Matrix is a view of numbers in column-major order: element (i, j) is Data[i + j·Stride], Stride >= Rows. Copies of the
// value share the numbers.
type Matrix struct {
	Data               []float64
	Rows, Cols, Stride int
}

// NewMatrix returns zeros in memory of their own.
func NewMatrix(rows, cols int) Matrix { return Of(make([]float64, rows*cols), rows, cols) }

// Of looks at consecutive columns in data.
func Of(data []float64, rows, cols int) Matrix { return Matrix{data, rows, cols, rows} }

// Sub is the block of rows×cols elements whose first is (i, j).
func (m Matrix) Sub(i, j, rows, cols int) Matrix {
	if i < 0 || j < 0 || rows < 0 || cols < 0 || i+rows > m.Rows || j+cols > m.Cols {
		panic("dense: block outside its matrix")
	}
	if rows == 0 || cols == 0 {
		return Matrix{nil, rows, cols, m.Stride}
	}
	return Matrix{m.Data[i+j*m.Stride:], rows, cols, m.Stride}
}

// At is element (i, j).
func (m Matrix) At(i, j int) float64 { return m.Data[i+j*m.Stride] }

// Set writes element (i, j).
func (m Matrix) Set(i, j int, x float64) { m.Data[i+j*m.Stride] = x }

// Col is column j.
func (m Matrix) Col(j int) []float64 { return m.Data[j*m.Stride:][:m.Rows] }

// check panics unless every element is in Data and every number fits the 32-bit integers of the library.
func (m Matrix) check() {
	if m.Rows < 0 || m.Cols < 0 || m.Stride < m.Rows || m.Stride > math.MaxInt32 || m.Cols > math.MaxInt32 {
		panic("dense: negative or too large dimension")
	}
	if m.Rows > 0 && m.Cols > 0 && len(m.Data) < (m.Cols-1)*m.Stride+m.Rows {
		panic("dense: matrix larger than its data")
	}
}

func (m Matrix) empty() bool { return m.Rows == 0 || m.Cols == 0 }
