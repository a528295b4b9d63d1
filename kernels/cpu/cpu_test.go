//go:build amd64

package cpu

import (
	"testing"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/kernels/ktest"
)

// TestSuite holds every instruction set of this processor to the suite of all backends: the best one to all cases, the others,
// which are the same source, to every fourth, float32 and float64 to different ones.
func TestSuite(t *testing.T) {
	best := len(Available()) - 1
	for i, isa := range Available() {
		t.Run(isa+"/float32", func(t *testing.T) { suite[float32](t, isa, some(i == best, 2*i)) })
		t.Run(isa+"/float64", func(t *testing.T) { suite[float64](t, isa, some(i == best, 2*i+1)) })
	}
}

// some returns all cases or every fourth from the given one on.
func some(all bool, from int) []ktest.Case {
	cases := ktest.Cases()
	if all {
		return cases
	}
	var few []ktest.Case
	for i := from % 4; i < len(cases); i += 4 {
		few = append(few, cases[i])
	}
	return few
}

func suite[T kernels.Real](t *testing.T, isa string, cases []ktest.Case) {
	b, err := NewISA[T](isa)
	if err != nil {
		t.Fatal(err)
	}
	ktest.Run(t, b, cases...)
}
