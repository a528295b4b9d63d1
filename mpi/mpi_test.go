package mpi_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/mpi"
)

func TestDescription(t *testing.T) {
	world.Run(t, 0, func(c mpi.Comm) {
		if c.Rank() < 0 || c.Rank() >= c.Size() || c.LocalRank() < 0 || c.LocalRank() >= c.LocalSize() || c.LocalSize() > c.Size() {
			t.Errorf("rank %d of %d, local %d of %d", c.Rank(), c.Size(), c.LocalRank(), c.LocalSize())
		}
		if c.Hostname() == "" || c.Library() == "" {
			t.Errorf("host %q, library %q", c.Hostname(), c.Library())
		}
		if c.TagUB() < 32767 { // what the standard guarantees
			t.Errorf("largest tag %d", c.TagUB())
		}
		if _, err := mpi.Init(); err == nil {
			t.Error("a second Init succeeded")
		}
		sum := []int64{int64(c.Rank()), 1}
		check(t, mpi.Allreduce(c, sum, mpi.Sum))
		if n := int64(c.Size()); sum[0] != n*(n-1)/2 || sum[1] != n {
			t.Errorf("ranks add up to %v on %d", sum, n)
		}
	})
}

// ring sends values of one type to the next rank and receives from the one before, guards on both sides of the buffer.
func ring[T mpi.Number](t *testing.T, c mpi.Comm, guard T, value func(rank, i int) T) {
	const n, edge = 1000, 8 // above the eager limit for 8-byte types, below it for bytes
	all := kernels.Make[T](n + 2*edge)
	out := kernels.Make[T](n)[:n]
	defer kernels.Free(all)
	defer kernels.Free(out)
	for i := range all {
		all[i] = guard
	}
	next, before := (c.Rank()+1)%c.Size(), (c.Rank()+c.Size()-1)%c.Size()
	for i := range out {
		out[i] = value(c.Rank(), i)
	}
	was := c.Counts()
	var rs [2]mpi.Request
	check(t, mpi.Irecv(c, all[edge:edge+n], before, 5, &rs[0]))
	check(t, mpi.Isend(c, out, next, 5, &rs[1]))
	mpi.Progress(rs[:])
	check(t, mpi.WaitEach(rs[:]))
	for i := range all {
		want := guard
		if i >= edge && i < edge+n {
			want = value(before, i-edge)
		}
		if all[i] != want {
			t.Fatalf("%T: element %d is %v, want %v", guard, i-edge, all[i], want)
		}
	}
	if d := c.Counts().Minus(was); d.Messages != 1 || d.Bytes != n*int64(sizeOf(guard)) {
		t.Errorf("%T: counted %+v", guard, d)
	}
}

func sizeOf(v any) int {
	switch v.(type) {
	case float64, int64:
		return 8
	case byte:
		return 1
	}
	return 4
}

func TestRing(t *testing.T) {
	world.Run(t, 0, func(c mpi.Comm) {
		ring(t, c, float32(-1), func(r, i int) float32 { return float32(r*1000+i) / 3 })
		ring(t, c, float64(-1), func(r, i int) float64 { return float64(r*1000+i) / 3 })
		ring(t, c, int32(-1), func(r, i int) int32 { return int32(r*1000 + i) })
		ring(t, c, int64(-1), func(r, i int) int64 { return int64(r*1000+i) << 33 })
		ring(t, c, byte(255), func(r, i int) byte { return byte((r*7 + i) % 250) })
	})
}

func TestReductions(t *testing.T) {
	world.Run(t, 0, func(c mpi.Comm) {
		n := float64(c.Size())
		f32, f64 := []float32{float32(c.Rank()), 1}, []float64{float64(c.Rank()), -float64(c.Rank())}
		check(t, mpi.Allreduce(c, f32, mpi.Sum))
		if f32[0] != float32(n*(n-1)/2) || f32[1] != float32(n) {
			t.Errorf("float32 sum %v", f32)
		}
		check(t, mpi.Allreduce(c, f64, mpi.Max))
		if f64[0] != n-1 || f64[1] != 0 {
			t.Errorf("float64 max %v", f64)
		}
		check(t, mpi.Allreduce(c, f64[:0], mpi.Min)) // empty slices are legal everywhere

		buf := kernels.Make[float64](4)
		defer kernels.Free(buf)
		buf[3] = float64(c.Rank() + 1)
		var r mpi.Request
		check(t, mpi.Iallreduce(c, buf, mpi.Sum, &r))
		for !r.Test() {
		}
		check(t, r.Wait())
		check(t, r.Wait()) // an idle request is over
		if buf[0] != 0 || buf[3] != n*(n+1)/2 {
			t.Errorf("non-blocking sum %v", buf)
		}
		nan := []float64{0}
		if c.Rank() == c.Size()-1 {
			nan[0] = math.NaN()
		}
		check(t, mpi.Allreduce(c, nan, mpi.Sum))
		if !math.IsNaN(nan[0]) {
			t.Error("NaN was lost in a sum")
		}
	})
}

func TestGather(t *testing.T) {
	world.Run(t, 0, func(c mpi.Comm) {
		n := c.Rank() % 3 // some ranks have nothing
		counts, err := mpi.Counted(c, n)
		check(t, err)
		total := 0
		for r, k := range counts {
			if k != r%3 {
				t.Fatalf("rank %d says %d", r, k)
			}
			total += k
		}
		mine := make([]float32, n)
		for i := range mine {
			mine[i] = float32(10*c.Rank() + i)
		}
		verify := func(got []float32) {
			k := 0
			for r := range counts {
				for i := 0; i < counts[r]; i++ {
					if got[k] != float32(10*r+i) {
						t.Fatalf("element %d is %v", k, got[k])
					}
					k++
				}
			}
		}
		all := make([]float32, total)
		check(t, mpi.Allgatherv(c, mine, all, counts))
		verify(all)
		root := c.Size() - 1
		if c.Rank() == root {
			clear(all)
			check(t, mpi.Gatherv(c, mine, all, counts, root))
			verify(all)
		} else {
			check(t, mpi.Gatherv[float32](c, mine, nil, nil, root))
		}
		text := []byte("........")
		if c.Rank() == 0 {
			copy(text, "fbpinn!!")
		}
		guarded := append(text, 'x', 'y') // gompi's BcastBytes would write 24 bytes beyond
		check(t, mpi.Bcast(c, guarded[:8], 0))
		if string(guarded) != "fbpinn!!xy" {
			t.Errorf("broadcast %q", guarded)
		}
	})
}

func TestTreeSum(t *testing.T) {
	world.Run(t, 0, func(c mpi.Comm) {
		sum := mpi.NewTreeSum(c, 3, 9)
		var first uint64
		for k := 0; k < 20; k++ {
			x := []float64{1 / float64(3+c.Rank()), float64(c.Rank())}
			check(t, sum.Sum(x))
			if k == 0 {
				first = math.Float64bits(x[0])
			}
			if n := float64(c.Size()); math.Float64bits(x[0]) != first || x[1] != n*(n-1)/2 {
				t.Fatalf("repetition %d: %v", k, x)
			}
		}
		lowHigh := []int64{int64(first), -int64(first)}
		check(t, mpi.Allreduce(c, lowHigh, mpi.Max))
		if lowHigh[0] != -lowHigh[1] {
			t.Error("ranks disagree on the bits of a tree sum")
		}
	})
}

// A message of another length than expected is an error, not a hang. The receive buffers have room for the whole message,
// because Open MPI's single-copy path writes it beyond the length that was asked for: see Irecv.
func TestWrongLength(t *testing.T) {
	world.Run(t, 0, func(c mpi.Comm) {
		next, before := (c.Rank()+1)%c.Size(), (c.Rank()+c.Size()-1)%c.Size()
		for _, k := range []struct {
			send, recv int
			words      string
		}{
			{4, 2, "MPI_ERR_TRUNCATE"},
			{20000, 10000, "MPI_ERR_TRUNCATE"}, // by rendezvous
			{2, 4, "2 elements came where 4 were expected"},
		} {
			if c.Size() == 1 && k.send == 4 {
				continue // to itself, Open MPI cuts a short message without a word
			}
			out, in := kernels.Make[float64](k.send), kernels.Make[float64](max(k.send, k.recv))
			var rs [2]mpi.Request
			check(t, mpi.Irecv(c, in[:k.recv], before, 3, &rs[0]))
			check(t, mpi.Isend(c, out, next, 3, &rs[1]))
			err := mpi.WaitEach(rs[:1])
			var e *mpi.Error
			if !errors.As(err, &e) || !strings.Contains(err.Error(), k.words) || !strings.Contains(err.Error(), "from rank") {
				t.Errorf("%d into %d: %v", k.send, k.recv, err)
			}
			check(t, rs[1].Wait())
			kernels.Free(out)
			kernels.Free(in)
		}
		if err := mpi.Bcast(c, []float64{1}, c.Size()+3); err == nil || !strings.Contains(err.Error(), "root") {
			t.Errorf("broadcast from a rank that does not exist: %v", err)
		}
		c.Barrier()
	})
}

// A step of messages allocates nothing on the Go heap.
func TestNoAllocation(t *testing.T) {
	world.Run(t, 0, func(c mpi.Comm) {
		next, before := (c.Rank()+1)%c.Size(), (c.Rank()+c.Size()-1)%c.Size()
		out, in, sum := kernels.Make[float32](64), kernels.Make[float32](64), kernels.Make[float64](2)
		defer kernels.Free(out)
		defer kernels.Free(in)
		defer kernels.Free(sum)
		rs := make([]mpi.Request, 3)
		step := func() {
			if mpi.Irecv(c, in, before, 5, &rs[0]) != nil || mpi.Isend(c, out, next, 5, &rs[1]) != nil ||
				mpi.Iallreduce(c, sum, mpi.Sum, &rs[2]) != nil {
				t.Fatal("a message failed to start")
			}
			mpi.Progress(rs)
			if err := mpi.WaitEach(rs); err != nil {
				t.Fatal(err)
			}
			if err := mpi.Allreduce(c, sum, mpi.Max); err != nil {
				t.Fatal(err)
			}
		}
		if n := testing.AllocsPerRun(100, step); n != 0 {
			t.Errorf("%v allocations a step", n)
		}
	})
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
