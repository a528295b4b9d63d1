package host_test

import (
	"testing"

	"fbpinn-mpi/kernels/host"
	"fbpinn-mpi/kernels/ktest"
)

// The reference agrees with itself trivially; what holds it are the differences, the transpose, NaN, and guards.

func TestForward(t *testing.T)     { ktest.Forward(t, host.New(), cases()...) }
func TestAdjoint(t *testing.T)     { ktest.Adjoint(t, host.New(), cases()...) }
func TestTangent(t *testing.T)     { ktest.Tangent(t, host.New(), cases()...) }
func TestTranspose(t *testing.T)   { ktest.Transpose(t, host.New(), cases()...) }
func TestBlock(t *testing.T)       { ktest.Block(t, host.New(), cases()...) }
func TestDifferences(t *testing.T) { ktest.Differences(t, host.New(), cases()...) }
func TestNaN(t *testing.T)         { ktest.NaN(t, host.New(), cases()...) }
func TestRejects(t *testing.T)     { ktest.Rejects(t, host.New()) }
func TestProgram(t *testing.T)     { ktest.Program(t, host.New()) }
func TestAdam(t *testing.T)        { ktest.Adam(t, host.New()) }

// cases leaves out wide networks: here they are as the narrow ones, only slow.
func cases() (narrow []ktest.Case) {
	for _, c := range ktest.Cases() {
		if c.Net.Params() < 3000 {
			narrow = append(narrow, c)
		}
	}
	return narrow
}
