//go:build amd64

package emu

import (
	"math"
	"slices"
	"testing"
)

func TestBarrier(t *testing.T) {
	for _, order := range orders() {
		for _, threads := range []int{1, 32, 96, 100, 1024} {
			c := newCard(t, 3*threads, WithOrder(order))
			c.launch("emu_rotate", 3, threads, int64(4*threads), faulty{x: c.x})
			for i, got := range c.fetch() {
				if want := float32((i%threads + 1) % threads); got != want {
					t.Fatalf("order %d, %d threads: value %d is %g, want %g", order, threads, i, got, want)
				}
			}
		}
	}
}

func nans(x []float32) int {
	n := 0
	for _, v := range x {
		if math.IsNaN(float64(v)) {
			n++
		}
	}
	return n
}

// A missing barrier shows as NaN, never as a value that an earlier block or launch has left in shared memory.
func TestMissingBarrier(t *testing.T) {
	for _, order := range orders() {
		c := newCard(t, 4*64, WithOrder(order))
		c.launch("emu_rotate", 4, 64, 256, faulty{x: c.x})
		c.launch("emu_missing_barrier", 4, 64, 256, faulty{x: c.x})
		// Ascending, all but the last thread of a block read what is not yet written; descending, only the last thread does.
		want := map[Order]int{Ascending: 4 * 63, Descending: 4}[order]
		if got := nans(c.fetch()); got != want {
			t.Errorf("order %d: %d NaN, want %d", order, got, want)
		}
	}
}

// Some missing barriers show in one order only, which is why launches take turns.
func TestMissingBarrierInOneOrder(t *testing.T) {
	for _, test := range []struct {
		order Order
		want  []int // launches that go wrong, of four
	}{{Ascending, nil}, {Descending, []int{0, 1, 2, 3}}, {Alternating, []int{0, 2}}} {
		c := newCard(t, 32, WithOrder(test.order))
		var wrong []int
		for i := range 4 {
			c.launch("emu_missing_barrier_behind", 1, 32, 128, faulty{x: c.x})
			if nans(c.fetch()) > 0 {
				wrong = append(wrong, i)
			}
		}
		if !slices.Equal(wrong, test.want) {
			t.Errorf("order %d: launches %v went wrong, want %v", test.order, wrong, test.want)
		}
	}
}

func TestBlockOrder(t *testing.T) {
	for order, want := range map[Order]float32{Ascending: 4, Descending: 0} {
		c := newCard(t, 2, WithOrder(order))
		c.launch("emu_ticket", 5, 32, 4, faulty{x: c.x})
		x := c.fetch()
		if tickets := math.Float32bits(x[0]); tickets != 5 || x[1] != want {
			t.Errorf("order %d: %d tickets, block %g was last, want block %g", order, tickets, x[1], want)
		}
	}
}

// Every fault names kernel and place, in both orders; the card is lost then.
func TestFaults(t *testing.T) {
	const n = 300 // floats on the card: 80 bytes of filling follow, then a page without access
	tests := []struct {
		name, kernel    string
		threads, shared int
		at              int64
		want            []string
	}{
		{"divergent barrier", "emu_divergent_barrier", 64, 0, 40, []string{"block 0 of 1", "__syncthreads", "thread 40", "faulty.cpp:"}},
		{"barrier of some warps", "emu_divergent_barrier", 64, 0, 32, []string{"thread 0 waits", "thread 32 waits"}},
		{"early return", "emu_early_return", 96, 0, 50, []string{"has ended", "waits in __syncthreads"}},
		{"divergent shuffle", "emu_divergent_shuffle", 32, 0, 16, []string{"__shfl_xor_sync", "thread 16 has ended"}},
		{"shuffle in part of a warp", "emu_divergent_shuffle", 40, 0, 64, []string{"warp that is not full"}},
		{"shared memory past its page", "emu_shared_write", 32, 128, 1, []string{"shared memory written at byte 128, of 128 asked for", "thread 31 of 32"}},
		{"shared memory past its size", "emu_shared_write", 32, 120, 0, []string{"past the 120 bytes"}},
		{"shared memory before its start", "emu_shared_write", 32, 128, -1, []string{"before its start"}},
		{"shared memory far before its start", "emu_shared_write", 32, 128, -2000, []string{"8000 bytes before its start"}},
		{"shared memory that nobody asked for", "emu_shared_write", 32, 0, 0, []string{"at byte 0, of 0"}},
		{"write past the page", "emu_write", 32, 0, n + 20, []string{"emu_write", "thread 3 of 32", "write of", "80 bytes past an allocation of 1200 bytes"}},
		{"read past the page", "emu_read", 32, 0, n + 21, []string{"read of", "84 bytes past an allocation"}},
		{"write beside", "emu_write", 32, 0, n + 2, []string{"written, 8 bytes past an allocation of 1200 bytes"}},
		{"write before", "emu_write", 32, 0, -5, []string{"written, 20 bytes before an allocation"}},
		{"write far off", "emu_write", 32, 0, 1 << 40, []string{"which is not device memory"}},
		{"stack", "emu_deep", 32, 0, 1000, []string{"stack"}},
		{"division by zero", "emu_divide", 32, 0, 0, []string{"division by zero"}},
	}
	for _, test := range tests {
		for _, order := range orders() {
			t.Run(test.name, func(t *testing.T) {
				c := newCard(t, n, WithOrder(order))
				want := test.want
				if order == Descending && test.kernel == "emu_shared_write" {
					want = want[:0] // other lanes are the first to fault
				}
				c.launch(test.kernel, 1, test.threads, int64(test.shared), faulty{c.x, test.at})
				c.wantError(want...)
			})
		}
	}
}

func TestFaultStays(t *testing.T) {
	c := newCard(t, 32)
	c.launch("emu_divide", 1, 32, 0, faulty{c.x, 0})
	c.launch("emu_increment", 1, 32, 0, faulty{x: c.x})
	c.wantError("emu_divide")
	c.launch("emu_increment", 1, 32, 0, faulty{x: c.x})
	c.wantError("emu_divide")
	if n := c.Launches()["emu_increment"]; n != 0 {
		t.Errorf("%d launches ran on a lost card", n)
	}
}

// The stack suffices for frames of many KiB, which a fault elsewhere does not disturb.
func TestDeepStack(t *testing.T) {
	c := newCard(t, 32)
	c.launch("emu_deep", 1, 32, 0, faulty{c.x, 100})
	for _, v := range c.fetch() {
		if v != 0 {
			t.Fatalf("got %g, want 0", v)
		}
	}
}

func TestShuffles(t *testing.T) {
	below := func(i, end, other int) int {
		if i < end {
			return i
		}
		return other
	}
	for _, order := range orders() {
		c := newCard(t, 7*32, WithOrder(order))
		c.launch("emu_shuffles", 1, 32, 0, faulty{x: c.x})
		x := c.fetch()
		for lane := range 32 {
			want := []int{5, lane/8*8 + 3, lane ^ 9, below(lane+4, 32, lane), below(lane+3, lane/16*16+16, lane), lane - 2, 31 * 32 / 2}
			if lane < 2 {
				want[5] = lane
			}
			for k, w := range want {
				if got := x[k*32+lane]; got != float32(w) {
					t.Errorf("order %d, shuffle %d, lane %d: %g, want %d", order, k, lane, got, w)
				}
			}
		}
	}
}
