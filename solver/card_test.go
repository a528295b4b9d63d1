package solver

import (
	"fmt"
	"testing"
	"unsafe"

	"fbpinn-mpi/kernels/device"
	"fbpinn-mpi/kernels/emu"
	"fbpinn-mpi/mpi"
	"fbpinn-mpi/solver/model"
)

func TestCard_n1(t *testing.T) { world.Run(t, 1, func(c mpi.Comm) { card(t, c) }) }
func TestCard_n2(t *testing.T) { world.Run(t, 2, func(c mpi.Comm) { card(t, c) }) }
func TestCard_n4(t *testing.T) { world.Run(t, 4, func(c mpi.Comm) { card(t, c) }) }

// card trains on emulated cards, one a rank, in both modes of exchange and with different replication, against the reference on one
// rank alone: losses, errors and state. On one rank the step is a recorded graph; on more, messages go through ports.
func card(t *testing.T, c mpi.Comm) {
	alone, err := c.Alone()
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range []small{laplace(), system(), marching()} {
		name := []string{"laplace", "system", "marching"}[i]
		set := Settings{Stages: []Stage{{Steps: 100}}, Report: 10, Test: 50, Checkpoint: 100, Choice: model.Choice{Replicate: -1}}
		want := &record{}
		r := s.build(t, alone, set, want)
		if status, err := r.Train(); err != nil || status != StepLimit {
			t.Fatal(status, err)
		}
		for _, choice := range []model.Choice{{Mode: "jets", Replicate: 1}, {Mode: "parameters", Replicate: 6}} {
			set.Choice = choice
			got := &record{}
			var o Observer[float64]
			if c.Rank() == 0 {
				o = got
			}
			driver := emu.New()
			b := device.New[float64](driver)
			r := buildOn(t, c, s, set, b, b, o)
			label := fmt.Sprintf("%s on a card, %s, replicate %d", name, choice.Mode, choice.Replicate)
			if status, err := r.Train(); err != nil || status != StepLimit {
				t.Fatal(label, status, err)
			}
			if c.Rank() == 0 {
				compare(t, label, want, got)
			}
			b.Close()
			driver.Close()
		}
	}
}

// counting counts what a step hands to the card.
type counting struct {
	device.Driver
	launches, plays, copies int
}

func (c *counting) Launch(f device.Function, blocks, threads int, shared int64, arguments unsafe.Pointer, bytes int) {
	c.launches++
	c.Driver.Launch(f, blocks, threads, shared, arguments, bytes)
}

func (c *counting) Play(g device.Graph) {
	c.plays++
	c.Driver.Play(g)
}

func (c *counting) CopyOut(to, from unsafe.Pointer, bytes int64) {
	c.copies++
	c.Driver.CopyOut(to, from, bytes)
}

// TestLaunches_n1: on one rank a step is one recorded graph and two launches of Adam, for replicated levels and the others; nothing is
// fetched.
func TestLaunches_n1(t *testing.T) {
	world.Run(t, 1, func(c mpi.Comm) {
		driver := &counting{Driver: emu.New()}
		b := device.New[float32](driver)
		double := device.New[float64](driver)
		r := buildOn[float32](t, c, laplace(), Settings{Stages: []Stage{{Steps: 1 << 20}}}, b, double, nil)
		if err := r.activate(0); err != nil {
			t.Fatal(err)
		}
		once := func() {
			if err := r.step.adam(r.adam); err != nil {
				t.Fatal(err)
			}
		}
		once() // records
		driver.launches, driver.plays, driver.copies = 0, 0, 0
		const steps = 3
		for range steps {
			once()
		}
		if driver.launches != 2*steps || driver.plays != steps || driver.copies != 0 {
			t.Errorf("%d steps are %d launches, %d graphs and %d copies to the host", steps, driver.launches, driver.plays, driver.copies)
		}
		if err := b.Sync(); err != nil {
			t.Fatal(err)
		}
		b.Close()
		double.Close()
		driver.Close()
	})
}
