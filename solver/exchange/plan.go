package exchange

import (
	"fmt"
	"unsafe"

	"fbpinn-mpi/kernels"
)

// What can be said about links without sending anything: of any rank of any number of ranks, on any machine.

// Volumes is what an exchange of these links sends in a step, forward and transpose together. A message of no values is not sent.
func Volumes[T kernels.Real](links []Link) (v Volume) {
	for _, l := range links {
		for _, n := range []int64{total(l.Send), total(l.Recv)} {
			if n > 0 {
				v.Messages++
				v.Bytes += n * int64(unsafe.Sizeof(T(0)))
			}
		}
	}
	return v
}

// Match checks a link of a rank against those of the rank at its other end, as New does by messages.
func Match(rank int, l Link, others []Link) error {
	var back Link
	for _, o := range others {
		if o.Rank == rank {
			back = o
		}
	}
	if s, want := total(l.Send), total(back.Recv); s != want {
		return fmt.Errorf("exchange: rank %d sends %d values to rank %d, which expects %d", rank, s, l.Rank, want)
	}
	if got, s := total(l.Recv), total(back.Send); got != s {
		return fmt.Errorf("exchange: rank %d expects %d values from rank %d, which sends %d", rank, got, l.Rank, s)
	}
	return nil
}
