//go:build cuda

package main

import "fbpinn-mpi/kernels/device"

// benchDriver opens the first visible card.
func benchDriver() (device.Driver, error) { return device.OpenCUDA(0) }
