package main

import (
	"fmt"

	"fbpinn-mpi/mpi"
	"fbpinn-mpi/solver"
)

// trainingBytes is what so many points and pairs take on all ranks together: windows and coordinates of the pairs, jets and their adjoints
// at the points, parameters with gradient and moments. What messages and files need comes on top.
func (l *loaded) trainingBytes(points int, pairs int64) float64 {
	size := 4.0
	if l.job.Train.Precision == "float64" {
		size = 8
	}
	parameters := 0
	for i, level := range l.model.Dec.Levels {
		parameters += level.Len() * l.model.Nets[i].Params()
	}
	p := l.problem
	planes := float64(p.Jets.N() * len(p.Unknowns) * 2 * points)
	return size * (float64(pairs)*float64(p.Jets.N()+len(l.job.Domain)) + planes + 4*float64(parameters))
}

// fits refuses a job that takes more memory than the machines have, before any of it is asked for: the system would kill a rank without
// a word. The first window speaks for all. Collective; all ranks get the same answer, in words only the first.
func (l *loaded) fits(comm mpi.Comm) error {
	room, err := solver.Memory(comm.LocalSize())
	if err != nil {
		return nil // not told on this system
	}
	least := []float64{float64(room)}
	if err := mpi.Allreduce(comm, least, mpi.Min); err != nil {
		return err
	}
	v := l.windows[0]
	drawn := solver.Draw(v.problem, v.settings.Seed)
	need := v.trainingBytes(drawn.N(), v.pairsAbout(drawn))
	each := need / float64(comm.Size())
	if each <= least[0] {
		return nil
	}
	err = errQuiet
	if comm.Rank() == 0 {
		err = fmt.Errorf("out of memory: training takes about %s, %s a rank on %d, and a rank has %s of its machine; take more nodes, "+
			"fewer points or subdomains, less overlap, or train.precision = \"float32\"", bytes(need), bytes(each), comm.Size(), bytes(least[0]))
	}
	return coded{err, exitFailure}
}

// pairsAbout counts the pairs at a few points of each block of points, and takes these for all.
func (l *loaded) pairsAbout(points *solver.Sampled) int64 {
	const few = 64
	pairs := 0.0
	points.Blocks(func(_ int, x [][]float64) {
		n := len(x[0])
		if n == 0 { // all in removed parts
			return
		}
		k := min(few, n)
		some := make([][]float64, len(x))
		for a := range x {
			for i := range k {
				some[a] = append(some[a], x[a][i*n/k])
			}
		}
		for _, level := range l.model.Dec.Levels {
			pairs += float64(level.Count(some)) * float64(n) / float64(k)
		}
	})
	return int64(pairs)
}
