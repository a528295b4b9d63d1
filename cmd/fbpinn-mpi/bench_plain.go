//go:build !cuda

package main

import "fbpinn-mpi/kernels/device"

// benchDriver has no card to open: this program would have handed over.
func benchDriver() (device.Driver, error) { return nil, nil }
