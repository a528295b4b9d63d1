//go:build cuda

package main

import (
	"errors"

	"fbpinn-mpi/kernels/device"
	"fbpinn-mpi/mpi"
)

// openDriver gives this rank its card: that of its number on the node, modulo the visible cards. All ranks agree on an error
// before any of them touches a card, and again after. Collective; on the main thread.
func openDriver(comm mpi.Comm, oversubscribe bool) (device.Driver, []deviceRow, error) {
	own, ordinal := newRow(comm), 0
	n, err := device.Cards()
	if err == nil && n == 0 {
		err = errors.New("the NVIDIA driver shows no card to this rank (see CUDA_VISIBLE_DEVICES)")
	}
	if err == nil {
		ordinal = comm.LocalRank() % n
		var info device.Info
		if info, err = device.DescribeCUDA(ordinal); err == nil {
			own.Name, own.UUID, own.Memory = info.Name, info.UUID, info.Memory
		}
	}
	rows, err := agreeOnDevices(comm, own, err, oversubscribe)
	if err != nil {
		return nil, rows, err
	}
	driver, err := device.OpenCUDA(ordinal)
	if rows, err = agreeOnDevices(comm, own, err, oversubscribe); err != nil {
		if driver != nil {
			driver.Close()
		}
		return nil, rows, err
	}
	return driver, rows, nil
}

func agreeOnDevices(comm mpi.Comm, own deviceRow, trouble error, oversubscribe bool) ([]deviceRow, error) {
	if trouble != nil {
		own.Trouble = trouble.Error()
	}
	rows, err := gatherAll(comm, own)
	if err != nil {
		return nil, err
	}
	return rows, checkDevices(rows, oversubscribe)
}
