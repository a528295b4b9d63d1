package model

import (
	"math"
	"testing"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/solver/decomp"
	layouts "fbpinn-mpi/solver/model"
)

// counted is how far Share may be from a rank of a real layout. It truncates numbers; the ends of these subdomains lie midway
// between rows of points, so that nothing else differs.
const counted = 1e-3

// What Share says of a rank in the middle is what its exchange plan says, built for 64, 512 and 4096 ranks.
func TestShare(t *testing.T) {
	for _, c := range []struct {
		d, per, side, density int // ranks and subdomains of a rank along each axis; points of a subdomain
		hidden                int
	}{
		{2, 8, 8, 4, 64},
		{3, 4, 4, 4, 64},
		{3, 8, 4, 2, 64},
		{2, 64, 4, 4, 16},
		{2, 8, 8, 8, 4}, // parameters travel
	} {
		const delta = 3
		n := c.per * c.side
		var axes []decomp.Axis
		var counts []int
		for range c.d { // periodic: no rank lies at an end
			axes, counts = append(axes, decomp.Axis{Name: "x", Lo: 0, Hi: 1, Periodic: true}), append(counts, n)
		}
		dec, err := decomp.New(axes, []decomp.LevelSpec{{Counts: counts, Overlap: []float64{delta}}})
		if err != nil {
			t.Fatal(err)
		}
		net := kernels.Net{D: c.d, Hidden: []int{c.hidden}, Out: 1}
		m := &layouts.Model{Dec: dec, Nets: []kernels.Net{net}, Scale: []float64{1}, Shift: []float64{0}}
		values := 1 + 2*c.d
		points := grid(c.d, n*c.density)
		ranks := int(math.Pow(float64(c.per), float64(c.d)))
		part := dec.Partition(points, ranks)
		y := layouts.NewLayout(m, values, part, points, ranks/2, layouts.Choice{Replicate: 1})
		cost := y.Cost()
		mode := layouts.Choice{}.Pick(cost)
		s := Share{D: c.d, Side: float64(c.side), Density: float64(c.density), Overlap: delta, Values: values, Parameters: net.Params(), ValueBytes: 4}
		got := s.Counts(ranks)
		near(t, "pairs", float64(got.Pairs), float64(y.Pairs(layouts.Jets)))
		near(t, "inner pairs", float64(got.Inner), float64(y.Inner()))
		near(t, "bytes", float64(got.Bytes), float64(4*cost.Of(mode)))
		if got.Messages != int64(2*len(y.Neighbours)) {
			t.Errorf("%d ranks in %d-D: %d messages, the layout has %d neighbours", ranks, c.d, got.Messages, len(y.Neighbours))
		}
		t.Logf("%d ranks in %d-D: %v, %d bytes", ranks, c.d, mode, 4*cost.Of(mode))
	}
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got/want-1) > counted {
		t.Errorf("%s: %.0f, the layout has %.0f", what, got, want)
	}
}

// grid has n points along each of d axes, in the middle of n cells.
func grid(d, n int) decomp.Planes {
	x := make(decomp.Planes, d)
	total := int(math.Pow(float64(n), float64(d)) + 0.5)
	for a, repeat := d-1, 1; a >= 0; a, repeat = a-1, repeat*n {
		for i := range total {
			x[a] = append(x[a], (float64(i/repeat%n)+0.5)/float64(n))
		}
	}
	return x
}

// A step by hand: what is hidden, what shows, and that a processor which moves its messages itself hides nothing.
func TestStep(t *testing.T) {
	m := Machine{Pair: 1e-9, Fixed: 1e-6, Link: Link{Alpha: 1e-6, Beta: 1e-9}, Hides: true}
	c := Counts{Ranks: 4, Pairs: 9000, Inner: 6000, Messages: 8, Bytes: 8000, Reduced: 0}
	// 4 messages of 1000 bytes each way take 4·2 = 8 us; 2 and 4 us of work hide them.
	got := m.Step(c)
	if math.Abs(got.Work-10e-6) > 1e-15 || math.Abs(got.Sent-16e-6) > 1e-15 || math.Abs(got.Exposed-10e-6) > 1e-15 {
		t.Errorf("%+v", got)
	}
	m.Hides = false
	if got = m.Step(c); math.Abs(got.Exposed-16e-6) > 1e-15 {
		t.Errorf("not hidden: %+v", got)
	}
	c.Ranks = 1
	if got = m.Step(c); got.Exposed != 0 || got.Sent != 0 {
		t.Errorf("one rank: %+v", got)
	}
	// All-reduce on 4 ranks: 4 rounds of 500 bytes.
	m, c = Machine{Link: m.Link}, Counts{Ranks: 4, Reduced: 1000}
	if got = m.Step(c); math.Abs(got.Exposed-6e-6) > 1e-15 {
		t.Errorf("all-reduce: %+v", got)
	}
}

func TestLink(t *testing.T) {
	l := Link{Samples: []Sample{{8, 1}, {100, 2}, {200, 4}}}
	for bytes, want := range map[float64]float64{1: 1, 8: 1, 54: 1.5, 150: 3, 300: 6} {
		if got := l.Time(bytes); math.Abs(got-want) > 1e-12 {
			t.Errorf("%v bytes: %v, want %v", bytes, got, want)
		}
	}
}

// The network of which instructions were counted: 75 of a neuron with five jets, two operations each, and its products.
func TestWork(t *testing.T) {
	if got, want := Work(5, 1, []int{16}), float64(16*75*2+5*8*16); got != want {
		t.Errorf("%v operations, want %v", got, want)
	}
}
