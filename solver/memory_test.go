package solver

import (
	"runtime"
	"testing"

	"fbpinn-mpi/mpi"
	"fbpinn-mpi/solver/decomp"
)

// Setting up is linear: four times the subdomains, with as many points each, take four times the memory, what is kept and what is not.
// Counted in bytes, not seconds; the ends of the domain have a little less of both.
func TestSetUpLinear_n1(t *testing.T) {
	world.Run(t, 1, func(c mpi.Comm) {
		const excess = 1.1
		var kept, allocated float64
		for _, side := range []int{24, 48, 96} {
			s := laplace()
			s.spec.Conditions = nil
			s.spec.Interior.Shape = []int{3 * side, 3 * side}
			s.levels = []decomp.LevelSpec{{Counts: []int{side, side}, Overlap: []float64{2.9}}}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			r := buildFast[float32](t, c, s, Settings{Stages: []Stage{{Method: "adam", Steps: 1}}})
			runtime.ReadMemStats(&after)
			now, heap := float64(r.Bytes()), float64(after.TotalAlloc-before.TotalAlloc)
			r.Close()
			t.Logf("%d subdomains: %.0f KiB in arrays, %.0f KiB allocated on the way", side*side, now/1024, heap/1024)
			if kept > 0 && (now > 4*excess*kept || heap > 4*excess*allocated) {
				t.Errorf("%d subdomains take %.3g times the memory of a quarter, and allocate %.3g times", side*side, now/kept, heap/allocated)
			}
			kept, allocated = now, heap
		}
	})
}
