package optim

import "fbpinn-mpi/kernels"

// Reducer adds numbers over all ranks in place and leaves the same bits on every rank: the ranks take decisions from them.
// mpi.TreeSum is one.
type Reducer interface {
	Sum(x []float64) error
}

// Alone is the Reducer of one rank.
type Alone struct{}

// Sum leaves x as it is.
func (Alone) Sum(x []float64) error { return nil }

// Range is a stretch of the local parameters, From to To-1.
type Range struct{ From, To int }

// Whole is the single range of n parameters.
func Whole(n int) []Range { return []Range{{0, n}} }

// inner forms scalar products of distributed vectors. A rank counts only its ranges: parameters that several ranks hold
// (coarse levels) belong to the ranges of one of them.
type inner[T kernels.Real] struct {
	n       int
	counted []Range
	sum     Reducer
}

func newInner[T kernels.Real](n int, counted []Range, sum Reducer) inner[T] {
	end := 0
	for _, r := range counted {
		if r.From < end || r.To < r.From || r.To > n {
			panic("optim: counted ranges must ascend, not overlap, and lie within the parameters")
		}
		end = r.To
	}
	return inner[T]{n: n, counted: counted, sum: sum}
}

// local is this rank's share of <a, b>, accumulated in float64 by four independent sums.
func (p inner[T]) local(a, b []T) float64 {
	var s0, s1, s2, s3 float64
	for _, r := range p.counted {
		x, y := a[r.From:r.To], b[r.From:r.To]
		i := 0
		for ; i+4 <= len(x); i += 4 {
			s0 += float64(x[i]) * float64(y[i])
			s1 += float64(x[i+1]) * float64(y[i+1])
			s2 += float64(x[i+2]) * float64(y[i+2])
			s3 += float64(x[i+3]) * float64(y[i+3])
		}
		for ; i < len(x); i++ {
			s0 += float64(x[i]) * float64(y[i])
		}
	}
	return (s0 + s1) + (s2 + s3)
}
