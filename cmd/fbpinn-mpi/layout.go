package main

import (
	"fmt"
	"math"

	predict "fbpinn-mpi/benchmarks/model"
	"fbpinn-mpi/solver"
	"fbpinn-mpi/solver/decomp"
	"fbpinn-mpi/solver/exchange"
	"fbpinn-mpi/solver/model"
)

// laidOut is a job on a number of ranks: what a step does and sends there, found without the ranks.
type laidOut struct {
	predict.Counts // of the rank with most
	mode           model.Mode
	neighbours     int     // of the rank with most
	sent, least    int64   // bytes of all ranks, and with the cheaper mode for each pair of neighbours
	mean           float64 // pairs of a rank
}

// laidOut lays out the job, in its first window, on n ranks.
func (l *loaded) laidOut(n int) (y laidOut) {
	m, choice := l.model, l.settings.Sharing(len(l.model.Nets))
	points, _ := solver.Sample(l.problem, l.settings.Seed) // held: every rank looks through them
	held := decomp.Planes(points)
	part := m.Dec.Partition(held, n)
	volumes, size := exchange.Volumes[float32], int64(4)
	if l.job.Train.Precision == "float64" {
		volumes, size = exchange.Volumes[float64], 8
	}
	var all model.Cost
	var by [2]laidOut // for either mode: which is taken depends on all ranks
	for r := range n {
		rank := model.NewLayout(m, l.problem.Jets.N()*len(m.Scale), part, held, r, choice)
		choice.Like = rank.Replicated // decided once
		cost := rank.Cost()
		all.Jets, all.Parameters, all.Minimum = all.Jets+cost.Jets, all.Parameters+cost.Parameters, all.Minimum+cost.Minimum
		for _, mode := range []model.Mode{model.Jets, model.Parameters} {
			v, sends, pairs := &by[mode], volumes(rank.Links(mode)), rank.Pairs(mode)
			v.Pairs, v.Messages, v.Bytes = max(v.Pairs, pairs), max(v.Messages, sends.Messages), max(v.Bytes, sends.Bytes)
			v.neighbours, v.mean = max(v.neighbours, len(rank.Neighbours)), v.mean+float64(pairs)/float64(n)
			v.sent += sends.Bytes
			if inner := rank.Inner(); r == 0 || inner < v.Inner {
				v.Inner = inner
			}
		}
	}
	y = by[choice.Pick(all)]
	y.Ranks, y.mode, y.least = n, choice.Pick(all), size*all.Minimum
	for k, copied := range choice.Like {
		if copied && n > 1 {
			y.Reduced += int64(m.Dec.Levels[k].Len()*m.Nets[k].Params()) * size
		}
	}
	return y
}

// String is the layout in a line.
func (y *laidOut) String() string {
	return fmt.Sprintf("%d, imbalance %.3f; up to %d neighbours, which exchange %s: up to %s in %d messages a rank and step, %.3f of the minimum; %s all-reduced",
		y.Ranks, float64(y.Pairs)/max(y.mean, 1), y.neighbours, y.mode, bytes(float64(y.Bytes)), y.Messages,
		float64(y.sent)/math.Max(float64(y.least), 1), bytes(float64(y.Reduced)))
}
