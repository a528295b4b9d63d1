package host_test

import (
	"testing"

	"fbpinn-mpi/kernels/host"
	"fbpinn-mpi/kernels/ktest"
)

// The reference agrees with itself trivially; what holds it are the differences, the transpose, NaN, and guards.

func TestForward(t *testing.T)     { ktest.Forward(t, host.New()) }
func TestAdjoint(t *testing.T)     { ktest.Adjoint(t, host.New()) }
func TestTangent(t *testing.T)     { ktest.Tangent(t, host.New()) }
func TestTranspose(t *testing.T)   { ktest.Transpose(t, host.New()) }
func TestDifferences(t *testing.T) { ktest.Differences(t, host.New()) }
func TestNaN(t *testing.T)         { ktest.NaN(t, host.New()) }
func TestRejects(t *testing.T)     { ktest.Rejects(t, host.New()) }
func TestProgram(t *testing.T)     { ktest.Program(t, host.New()) }
func TestAdam(t *testing.T)        { ktest.Adam(t, host.New()) }
