package schwarz

import (
	"slices"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/mpi"
	"fbpinn-mpi/solver/exchange"
)

// piece is part of a message from or to a rank.
type piece struct {
	rank int
	data []float64
}

// trade sends the pieces of out and fills those of in, one message a neighbour; pieces of one pair of ranks are in the same order
// on both sides, and no rank sends to itself. It is collective. Messages of set-up go this way; they are few and large.
func (s *Solver) trade(out, in []piece) error {
	if s.comm.Size() == 1 {
		return nil
	}
	byRank := func(a, b piece) int { return a.rank - b.rank }
	slices.SortStableFunc(out, byRank)
	slices.SortStableFunc(in, byRank)
	src, dst := kernels.Make[float64](length(out)), kernels.Make[float64](length(in))
	defer kernels.Free(src)
	defer kernels.Free(dst)
	var links []exchange.Link
	for r := range s.comm.Size() {
		l := exchange.Link{Rank: r}
		l.Send, l.Recv = stretch(out, r), stretch(in, r)
		if len(l.Send)+len(l.Recv) > 0 {
			links = append(links, l)
		}
	}
	at := 0
	for _, p := range out {
		at += copy(src[at:], p.data)
	}
	x, err := exchange.New(s.comm, kernels.Processor[float64]{}, links, s.set.Tag)
	if err != nil {
		return err
	}
	defer x.Close()
	if err := x.PostForward(); err != nil {
		return err
	}
	if err := x.SendForward(src); err != nil {
		return err
	}
	if err := x.FinishForward(dst, false); err != nil {
		return err
	}
	at = 0
	for _, p := range in {
		at += copy(p.data, dst[at:])
	}
	return nil
}

func length(ps []piece) int {
	n := 0
	for _, p := range ps {
		n += len(p.data)
	}
	return n
}

// stretch is where the pieces of rank r lie when all are put one after the other.
func stretch(ps []piece, r int) []kernels.Block {
	b := kernels.Block{}
	for _, p := range ps {
		switch {
		case p.rank < r:
			b.At += int64(len(p.data))
		case p.rank == r:
			b.N += int64(len(p.data))
		}
	}
	if b.N == 0 {
		return nil
	}
	return []kernels.Block{b}
}

// sumInts adds v over all ranks, in place.
func (s *Solver) sumInts(v []int64) error { return mpi.Allreduce(s.comm, v, mpi.Sum) }
