package mpi_test

import (
	"testing"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/mpi"

	gompi "github.com/sbromberger/gompi"
)

// canaries are the values on both sides of a buffer that no message may touch.
const canary, flock = byte(0xa5), 64

// caged is a buffer of n bytes among canaries.
func caged(n int) (whole, buf []byte) {
	whole = kernels.Make[byte](n + 2*flock)
	for i := range whole {
		whole[i] = canary
	}
	return whole, whole[flock : flock+n]
}

// dead counts the canaries that were overwritten.
func dead(whole []byte, n int) (count int) {
	for i, x := range whole {
		if (i < flock || i >= flock+n) && x != canary {
			count++
		}
	}
	return count
}

// TestCanary_n2: canaries see what gompi's BcastBytes does, which counts bytes as int32, and nothing at our Bcast of the same bytes.
func TestCanary_n2(t *testing.T) {
	world.Run(t, 2, func(c mpi.Comm) {
		const n = 8
		for _, v := range []struct {
			name  string
			bcast func(buf []byte) error
			want  int // canaries overwritten on rank 1
		}{
			{"ours", func(buf []byte) error { return mpi.Bcast(c, buf, 0) }, 0},
			{"gompi's", func(buf []byte) error { gompi.NewCommunicator(nil).BcastBytes(buf, 0); return nil }, 3 * n},
		} {
			whole, buf := caged(n)
			if c.Rank() == 0 {
				for i := range whole {
					whole[i] = byte(i)
				}
			}
			check(t, v.bcast(buf))
			if c.Rank() == 1 {
				if got := dead(whole, n); got != v.want {
					t.Errorf("%s: %d canaries overwritten, want %d", v.name, got, v.want)
				}
			}
			kernels.Free(whole)
			c.Barrier()
		}
	})
}
