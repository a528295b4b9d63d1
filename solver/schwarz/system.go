package schwarz

import (
	"fbpinn-mpi/kernels"
	"fbpinn-mpi/solver/timeline"
)

// System is the matrix J with the owners of its blocks. Nothing in it may change while a Solver uses it, except what Fill writes.
type System struct {
	Owner   []int32     // [blocks] rank of each column block; the same on all ranks
	Columns []int       // [blocks] n_j; the same on all ranks
	Centre  [][]float64 // [d][blocks] coordinates that say which blocks are near each other; the same on all ranks, may be nil
	Touch   []Touch     // blocks that have rows here or are owned here, ascending
	Rows    int         // own rows
	Damped  []int       // [blocks] leading columns whose ‖d‖² is damped, the same on all ranks; nil: all, in units of columns of unit length

	// Fill writes the block of Touch[t], [Columns][LD], rows fastest; rows that no run maps must be zero. Several goroutines call
	// it at once, for different t.
	Fill func(t int, a []float64)

	// Apply writes rows = J d, Transpose d = Jᵀ rows, both without blocks; d[t] belongs to Touch[t] and is nil unless it is owned here.
	// They are collective, and only Free calls them.
	Apply     func(d [][]float64, rows []float64) error
	Transpose func(rows []float64, d [][]float64) error
}

// Touch says where the rows of a block lie. Run.Tile counts rows of the block, Run.Point own rows of the rank; runs ascend in
// both, and no row appears twice.
type Touch struct {
	Block int
	LD    int // rows of the block
	Runs  []kernels.Run
}

// Settings of a Solver; zero values mean the defaults named.
type Settings struct {
	Tau           float64            // singular values of a block below Tau·largest are dropped: 1e-9
	Ridge         float64            // added to the diagonal of N before it is factored, never to the problem: 1e-14
	Tolerance     float64            // stop at √(gᵀMg) <= Tolerance·‖r‖, which bounds ‖B(y - y*)‖/‖r‖ up to the condition of M N: 1e-7
	MaxIterations int                // 1000
	Layers        int                // of overlap of patches: 2, or 3 where the largest patch then still is below twice the largest share of a rank
	CoarseVectors int                // of each rank at most: 80, in all 2560; none on up to 4 ranks, and where some blocks share rows with nearly all. Negative: none
	Workers       int                // goroutines of this rank: 1
	Tag           int                // messages use this tag and the next two: 100
	Timeline      *timeline.Recorder // takes the times of phases; nil: nobody
}

func (s Settings) filled() Settings {
	for _, f := range []struct {
		value *float64
		usual float64
	}{{&s.Tau, 1e-9}, {&s.Ridge, 1e-14}, {&s.Tolerance, 1e-7}} {
		if *f.value == 0 {
			*f.value = f.usual
		}
		if !(*f.value > 0 && *f.value < 1) {
			panic("schwarz: Tau, Ridge and Tolerance lie between 0 and 1")
		}
	}
	for _, f := range []struct {
		value *int
		usual int
	}{{&s.MaxIterations, 1000}, {&s.Workers, 1}, {&s.Tag, 100}} {
		if *f.value == 0 {
			*f.value = f.usual
		}
	}
	if s.MaxIterations < 1 || s.Layers < 0 || s.Workers < 1 || s.Tag < 0 {
		panic("schwarz: negative setting")
	}
	return s
}

// Status is how the iterations ended; all ranks agree on it.
type Status int

const (
	Converged       Status = iota // the gradient reached its tolerance, or what rounding leaves of it
	Stagnated                     // the gradient stopped falling far above rounding
	OutOfIterations               // MaxIterations were not enough
	Singular                      // the filter kept no column, or a factor met no positive pivot: d is 0
)

func (s Status) String() string {
	return [...]string{"converged", "stagnated", "out of iterations", "singular"}[s]
}

// Outcome of Solve; the same on all ranks.
type Outcome struct {
	Status     Status
	Iterations int       // steps of y; patch solves are one more
	Before     float64   // ‖b‖²
	After      float64   // ‖b - B y‖², without the damping
	Gradient   []float64 // [Iterations+1] √(gᵀMg) before each step and at the end
	Condition  float64   // estimate of the condition number of M N from the coefficients of the iteration (Lanczos); 0 if too few
}
