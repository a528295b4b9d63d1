//go:build !cuda

package main

import (
	"fbpinn-mpi/kernels/device"
	"fbpinn-mpi/mpi"
)

// openDriver tells the other ranks that this one computes on the CPU; it is an error if one of them has a card. Collective.
func openDriver(comm mpi.Comm, oversubscribe bool) (device.Driver, []deviceRow, error) {
	rows, err := gatherAll(comm, newRow(comm))
	if err == nil {
		err = checkDevices(rows, oversubscribe)
	}
	return nil, rows, err
}
