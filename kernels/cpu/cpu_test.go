//go:build amd64

package cpu

import (
	"testing"

	"fbpinn-mpi/kernels"
	"fbpinn-mpi/kernels/ktest"
)

// TestSuite holds every instruction set of this processor to the suite of all backends.
func TestSuite(t *testing.T) {
	for _, isa := range Available() {
		t.Run(isa+"/float32", func(t *testing.T) { suite[float32](t, isa) })
		t.Run(isa+"/float64", func(t *testing.T) { suite[float64](t, isa) })
	}
}

func suite[T kernels.Real](t *testing.T, isa string) {
	b, err := NewISA[T](isa)
	if err != nil {
		t.Fatal(err)
	}
	ktest.Run(t, b)
}
