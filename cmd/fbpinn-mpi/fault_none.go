//go:build !fault

package main

import (
	"fbpinn-mpi/kernels"
	"fbpinn-mpi/mpi"
)

// faulty is the backend itself: only builds for tests, with the tag fault, let a rank fail on purpose.
func faulty[T kernels.Real](_ mpi.Comm, b kernels.Backend[T]) (kernels.Backend[T], error) {
	return b, nil
}
