package mpi

// TreeSum adds vectors over all ranks in an order that depends on their number only: a binomial tree to rank 0, then a
// broadcast. Results repeat bit for bit on the same number of ranks and are the same bits on every rank, whatever the library
// does in MPI_Allreduce; they still differ between numbers of ranks.
type TreeSum struct {
	c       Comm
	tag     int
	scratch []float64
}

// NewTreeSum prepares sums of up to n numbers; tag is for its messages alone.
func NewTreeSum(c Comm, n, tag int) *TreeSum {
	return &TreeSum{c: c, tag: tag, scratch: make([]float64, n)}
}

// Sum adds x over all ranks, in place.
func (t *TreeSum) Sum(x []float64) error {
	if len(x) > len(t.scratch) {
		panic("mpi: TreeSum of more numbers than prepared")
	}
	if t.c.Size() == 1 {
		return nil
	}
	rank, size := t.c.Rank(), t.c.Size()
	for step := 1; step < size; step *= 2 {
		if rank&step != 0 { // this subtree is complete: hand it to the parent
			if err := Send(t.c, x, rank-step, t.tag); err != nil {
				return err
			}
			break
		}
		if rank+step < size {
			part := t.scratch[:len(x)]
			if err := Recv(t.c, part, rank+step, t.tag); err != nil {
				return err
			}
			for i, v := range part {
				x[i] += v
			}
		}
	}
	return Bcast(t.c, x, 0)
}
