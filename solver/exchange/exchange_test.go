package exchange

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"unsafe"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/mpi"
)

// adjointTolerance bounds the relative difference of <Ex, y> and <x, Eᵀy>: both are sums of a few thousand products of order 1,
// in different orders, so some 1e3 units of rounding of the type.
func adjointTolerance[T kernels.Real]() float64 {
	if unsafe.Sizeof(T(0)) == 4 {
		return 1e-4
	}
	return 1e-13
}

// The exchange is tested on every number of ranks by one body; names say what a number adds.

func TestExchange_n1(t *testing.T) { world.Run(t, 1, func(c mpi.Comm) { exchangeAll(t, c) }) } // a link to itself
func TestExchange_n2(t *testing.T) { world.Run(t, 2, func(c mpi.Comm) { exchangeAll(t, c) }) }
func TestExchange_n3(t *testing.T) { world.Run(t, 3, func(c mpi.Comm) { exchangeAll(t, c) }) } // links of unequal cost
func TestExchange_n4(t *testing.T) { world.Run(t, 4, func(c mpi.Comm) { exchangeAll(t, c) }) }
func TestExchange_n8(t *testing.T) { world.Run(t, 8, func(c mpi.Comm) { exchangeAll(t, c) }) } // ranks that share nothing

func exchangeAll(t *testing.T, c mpi.Comm) {
	for seed := uint64(1); seed <= 5; seed++ {
		exchangeOne[float64](t, c, seed)
		exchangeOne[float32](t, c, seed)
	}
}

// graph draws the same random links on every rank: lengths[p][q] values go from p to q, where q is at most three ranks away
// around the circle, and none for about a third of those. On one rank the only link is to itself.
func graph(ranks int, seed uint64) [][]int {
	r := rand.New(rand.NewPCG(seed, 77))
	g := make([][]int, ranks)
	for p := range g {
		g[p] = make([]int, ranks)
		for q := range g[p] {
			away := min((p-q+ranks)%ranks, (q-p+ranks)%ranks)
			if away <= 3 && (p == q) == (ranks == 1) && r.IntN(3) > 0 {
				g[p][q] = 1 + r.IntN(1500) // both sides of the eager limit
			}
		}
	}
	return g
}

const length = 12000 // of the arrays on each rank: room for 6 neighbours of 1500 values and the gaps between blocks

// links of a rank in the graph. Sends may name a value twice for different neighbours; receives go to disjoint places.
func links(g [][]int, rank int, r *rand.Rand) []Link {
	var ls []Link
	at := int64(0)
	for q := range g {
		l := Link{Rank: q}
		for left := int64(g[rank][q]); left > 0; {
			n := min(left, 1+r.Int64N(100))
			l.Send = append(l.Send, kernels.Block{At: r.Int64N(length - n), N: n})
			left -= n
		}
		for left := int64(g[q][rank]); left > 0; {
			n := min(left, 1+r.Int64N(100))
			l.Recv = append(l.Recv, kernels.Block{At: at, N: n})
			at += n + r.Int64N(2) // now and then a gap
			left -= n
		}
		if len(l.Send)+len(l.Recv) > 0 {
			ls = append(ls, l)
		}
	}
	return ls
}

func exchangeOne[T kernels.Real](t *testing.T, c mpi.Comm, seed uint64) {
	g := graph(c.Size(), seed)
	rng := rand.New(rand.NewPCG(seed, uint64(c.Rank())))
	ls := links(g, c.Rank(), rng)
	x, err := New[T](c, kernels.Processor[T]{}, ls, 10)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	src, dst, y, back := kernels.Make[T](length), kernels.Make[T](length), kernels.Make[T](length), kernels.Make[T](length)
	defer kernels.Free(src)
	defer kernels.Free(dst)
	defer kernels.Free(y)
	defer kernels.Free(back)
	for i := range src {
		src[i], y[i] = T(rng.Float64()-0.4), T(rng.Float64()-0.4)
	}

	was := c.Counts()
	forward(t, x, src, dst, true)
	traffic(t, "forward", c.Counts().Minus(was), x.Forward(), g[c.Rank()], T(0))
	was = c.Counts()
	transpose(t, x, y, back, true)
	toMe := make([]int, c.Size())
	for q := range g {
		toMe[q] = g[q][c.Rank()]
	}
	traffic(t, "transpose", c.Counts().Minus(was), x.Transpose(), toMe, T(0))

	dots := []float64{0, 0, 0, 0}
	for i := range src {
		dots[0] += float64(dst[i]) * float64(y[i])
		dots[1] += float64(src[i]) * float64(back[i])
		dots[2] += math.Abs(float64(dst[i]) * float64(y[i]))
	}
	for _, p := range g {
		for _, n := range p {
			dots[3] += float64(n) // the same on every rank
		}
	}
	if err := mpi.Allreduce(c, dots, mpi.Sum); err != nil {
		t.Fatal(err)
	}
	if dots[3] > 0 && dots[2] == 0 {
		t.Fatal("nothing was exchanged")
	}
	if math.Abs(dots[0]-dots[1]) > adjointTolerance[T]()*dots[2] {
		t.Errorf("%T, seed %d: <Ex, y> = %v, <x, ETy> = %v", T(0), seed, dots[0], dots[1])
	}
	copies(t, c, x, g, ls, seed, src, dst)
}

// copies sends numbers that name rank and place: the values must arrive exactly and in the order of the blocks, and the rest of
// the array stay as it was. A NaN among them passes through.
func copies[T kernels.Real](t *testing.T, c mpi.Comm, x *Exchange[T], g [][]int, ls []Link, seed uint64, src, dst []T) {
	name := func(rank int, at int64) T { return T(int64(rank)*length + at) } // below 2^24: exact in float32
	for i := range src {
		src[i], dst[i] = name(c.Rank(), int64(i)), -1
	}
	src[length/2] = T(math.NaN())
	want := make([]T, length)
	for i := range want {
		want[i] = -1
	}
	for _, l := range ls {
		// The neighbour's blocks, drawn again by its generator.
		theirs := neighbour(g, l.Rank, c.Rank(), seed)
		k := 0
		for _, b := range l.Recv {
			for i := b.At; i < b.At+b.N; i++ {
				want[i] = name(l.Rank, theirs[k])
				if theirs[k] == length/2 {
					want[i] = T(math.NaN())
				}
				k++
			}
		}
	}
	forward(t, x, src, dst, false)
	for i := range want {
		if dst[i] != want[i] && !(dst[i] != dst[i] && want[i] != want[i]) {
			t.Fatalf("rank %d, place %d: %v, want %v", c.Rank(), i, dst[i], want[i])
		}
	}
}

// neighbour lists the places that rank p sends to rank q, in order.
func neighbour(g [][]int, p, q int, seed uint64) []int64 {
	for _, l := range links(g, p, rand.New(rand.NewPCG(seed, uint64(p)))) {
		if l.Rank == q {
			var places []int64
			for _, b := range l.Send {
				for i := b.At; i < b.At+b.N; i++ {
					places = append(places, i)
				}
			}
			return places
		}
	}
	return nil
}

func forward[T kernels.Real](t *testing.T, x *Exchange[T], src, dst []T, add bool) {
	t.Helper()
	check(t, x.PostForward())
	check(t, x.SendForward(src))
	x.Progress()
	check(t, x.FinishForward(dst, add))
}

func transpose[T kernels.Real](t *testing.T, x *Exchange[T], src, dst []T, add bool) {
	t.Helper()
	check(t, x.PostTranspose())
	check(t, x.SendTranspose(src))
	x.Progress()
	check(t, x.FinishTranspose(dst, add))
}

// traffic checks that one message a neighbour and no byte more were sent.
func traffic[T kernels.Real](t *testing.T, what string, got mpi.Counts, said Volume, lengths []int, zero T) {
	t.Helper()
	var want Volume
	for _, n := range lengths {
		if n > 0 {
			want.Messages++
			want.Bytes += int64(n) * int64(unsafe.Sizeof(zero))
		}
	}
	if said != want || got.Messages != want.Messages || got.Bytes != want.Bytes || got.Collectives != 0 {
		t.Errorf("%s: sent %+v, announced %+v, want %+v", what, got, said, want)
	}
}

// Both modes of a level between two rows of subdomains, on any number of ranks: the ring of neighbours.
func TestModes(t *testing.T) {
	world.Run(t, 0, func(c mpi.Comm) {
		const n = 100
		up, down := (c.Rank()+1)%c.Size(), (c.Rank()+c.Size()-1)%c.Size()
		// Own values lie at 0..n-1; those of the rank above arrive at n..2n-1: one block each, sent without a copy.
		ls := []Link{{Rank: down, Send: []kernels.Block{{At: 0, N: n / 2}, {At: n / 2, N: n / 2}}}, {Rank: up, Recv: []kernels.Block{{At: n, N: n}}}}
		switch {
		case up == down:
			ls = []Link{{Rank: up, Send: ls[0].Send, Recv: ls[1].Recv}}
		case up < down:
			ls[0], ls[1] = ls[1], ls[0]
		}
		x, err := New[float64](c, kernels.Processor[float64]{}, ls, 20)
		check(t, err)
		defer x.Close()
		a := kernels.Make[float64](2 * n)
		defer kernels.Free(a)
		for i := 0; i < n; i++ {
			a[i] = float64(1000*c.Rank() + i)
		}
		forward(t, x, a, a, false)
		if m, err := x.forward.out[0].port.Message(); err != nil || &m[0] != &a[0] {
			t.Error("one block is copied before it is sent")
		}
		for i := 0; i < n; i++ {
			if a[n+i] != float64(1000*up+i) {
				t.Fatalf("ghost %d is %v", i, a[n+i])
			}
		}
		transpose(t, x, a, a, true) // the ghosts return home, where they double
		for i := 0; i < n; i++ {
			if a[i] != 2*float64(1000*c.Rank()+i) {
				t.Fatalf("value %d is %v after its ghost was added", i, a[i])
			}
		}
	})
}

func TestNoLinks(t *testing.T) {
	world.Run(t, 0, func(c mpi.Comm) {
		var ls []Link
		if c.Size() > 1 {
			ls = []Link{{Rank: (c.Rank() + 1) % c.Size()}} // a neighbour that shares nothing
		}
		x, err := New[float32](c, kernels.Processor[float32]{}, ls, 30)
		check(t, err)
		a := []float32{1, 2}
		forward(t, x, a, a, true)
		transpose(t, x, a, a, true)
		if a[0] != 1 || a[1] != 2 || x.Forward() != (Volume{}) {
			t.Errorf("an empty exchange changed something: %v, %+v", a, x.Forward())
		}
	})
}

// Lengths that disagree are found by New, on both sides, in words that name both.
func TestMismatch_n2(t *testing.T) {
	world.Run(t, 2, func(c mpi.Comm) {
		l := Link{Rank: 1 - c.Rank(), Send: []kernels.Block{{At: 0, N: 3}}}
		if c.Rank() == 1 {
			l = Link{Rank: 0, Recv: []kernels.Block{{At: 5, N: 4}}}
		}
		_, err := New[float64](c, kernels.Processor[float64]{}, []Link{l}, 40)
		want := "rank 0 sends 3 values to rank 1, which expects 4"
		if c.Rank() == 1 {
			want = "rank 1 expects 4 values from rank 0, which sends 3"
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v", err)
		}
	})
}

// A message that is cut or too short during a run is an error, not a hang and not a silent sum. It is forged behind the
// handshake's back.
func TestWrongMessage_n2(t *testing.T) {
	world.Run(t, 2, func(c mpi.Comm) {
		for _, k := range []struct {
			n     int64
			words string
		}{{60, "MPI_ERR_TRUNCATE"}, {20, "20 elements came where 40 were expected"}} {
			l := Link{Rank: 1 - c.Rank(), Send: []kernels.Block{{At: 0, N: 40}}, Recv: []kernels.Block{{At: 60, N: 40}}}
			x, err := New[float64](c, kernels.Processor[float64]{}, []Link{l}, 50)
			check(t, err)
			if c.Rank() == 0 {
				x.forward.out[0].port, err = kernels.Processor[float64]{}.OpenPort([]kernels.Block{{N: k.n}}, false)
				check(t, err)
			}
			a := kernels.Make[float64](100)
			check(t, x.PostForward())
			check(t, x.SendForward(a))
			err = x.FinishForward(a, true)
			if c.Rank() == 0 {
				check(t, err)
			} else if err == nil || !strings.Contains(err.Error(), k.words) || !strings.Contains(err.Error(), "from rank 0") {
				t.Errorf("%d values into 40: %v", k.n, err)
			}
		}
		c.Barrier()
	})
}

func TestNoAllocation(t *testing.T) {
	world.Run(t, 0, func(c mpi.Comm) {
		ls := links(graph(c.Size(), 1), c.Rank(), rand.New(rand.NewPCG(1, uint64(c.Rank()))))
		x, err := New[float32](c, kernels.Processor[float32]{}, ls, 60)
		check(t, err)
		a := kernels.Make[float32](length)
		step := func() {
			forward(t, x, a, a, true)
			transpose(t, x, a, a, true)
		}
		if n := testing.AllocsPerRun(50, step); n != 0 {
			t.Errorf("%v allocations a step", n)
		}
	})
}

func TestMerge(t *testing.T) {
	got := merge([]kernels.Block{{At: 0, N: 2}, {At: 2, N: 3}, {At: 7, N: 0}, {At: 7, N: 1}, {At: 6, N: 1}, {At: 7, N: 2}})
	want := []kernels.Block{{At: 0, N: 5}, {At: 7, N: 1}, {At: 6, N: 3}}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
