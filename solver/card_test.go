package solver

import (
	"fmt"
	"testing"

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
		set := Settings{Steps: 100, Report: 10, Test: 50, Checkpoint: 100, Choice: model.Choice{Replicate: -1}}
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
