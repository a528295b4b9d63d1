package schwarz

import (
	"sync"
	"sync/atomic"
	"time"

	"fbpinn-mpi/kernels/dense"
)

// worker is the scratch memory of one goroutine.
type worker struct {
	lapack  dense.Work
	a, b    []float64
	filling time.Duration // in System.Fill, during Factor
}

// room returns n numbers in *v, which grows; they are not cleared.
func room(v *[]float64, n int) []float64 {
	if cap(*v) < n {
		*v = make([]float64, n)
	}
	return (*v)[:n]
}

// each runs f for 0..n-1 on the workers and returns the failure of least number. What f(i) computes must not depend on who runs it.
func (s *Solver) each(n int, f func(w *worker, i int) error) error {
	errs := make([]error, n)
	if len(s.workers) == 1 || n < 2 {
		for i := range n {
			if errs[i] = f(&s.workers[0], i); errs[i] != nil {
				return errs[i]
			}
		}
		return nil
	}
	var next atomic.Int64
	var done sync.WaitGroup
	for k := range min(len(s.workers), n) {
		done.Add(1)
		go func() {
			defer done.Done()
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				errs[i] = f(&s.workers[k], i)
			}
		}()
	}
	done.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
